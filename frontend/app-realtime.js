/**
 * The page's composition root: builds the sign-in form, starts, and loads the rest.
 *
 * The form needs a fifth of the page's modules. talk-screen.js with the others follows once the form is
 * shown; with a stored login at once, and start.js has begun to load its modules.
 */

import { Api } from "./api.js";
import { Account } from "./page/account.js";
import { App } from "./page/app.js";
import { BrowserStorage } from "./storage/browser-storage.js";
import { LocalStore } from "./storage/local-store.js";
import { confirm } from "./views/dialogs.js";
import { Drawer } from "./views/drawer.js";
import { byId } from "./views/elements.js";
import { drawIcons } from "./views/icons.js";
import { Labels } from "./views/labels.js";
import { Screens } from "./views/screens.js";
import { SignIn } from "./views/sign-in.js";
import { languageFrom, Words } from "./words/i18n.js";

/** @import { AppParts } from "./page/app.js" */
/** @import { TalkScreen } from "./talk-screen.js" */

// Shared by all parts.
const api = new Api();
const store = new LocalStore(new BrowserStorage(() => globalThis.localStorage));
const { language } = store.preferences();
const wanted = navigator.languages ?? [];
const words = new Words(languageFrom(language, wanted), wanted);
/** A phone or a tablet: no keyboard, so that texts name no keys. */
const touchScreen = globalThis.matchMedia("(pointer: coarse)");
/** The page's listeners live as long as the page. */
const { signal } = new AbortController();

/** @type {TalkScreen | null} */
let talkScreen = null;
/** @type {Promise<TalkScreen> | null} */
let loading = null;

/** Load the talk screen once; after a failure, again. */
function loadTalkScreen() {
  loading ??= importTalkScreen().catch((error) => {
    loading = null;
    throw error;
  });
  return loading;
}

async function importTalkScreen() {
  // All its modules at once: each would otherwise wait for the one that imports it.
  document.head.append(byId("talk-modules", HTMLTemplateElement).content);
  const { buildTalkScreen } = await import("./talk-screen.js");
  const shared = { api, store, words, account, app, drawer, labels, touchScreen, signal };
  talkScreen = buildTalkScreen(shared);
  Object.assign(parts, talkScreen.parts);
  Object.assign(kaiwa, talkScreen.exposed);
  app.partsLoaded();
  return talkScreen;
}

/** Load it although nobody may need it. A failure is told when somebody does. */
const loadAhead = () => void loadTalkScreen().catch(() => {});

// Views and controllers: each is given its delegate, and calls it later.
const screens = new Screens(words, () => account.load());
const labels = new Labels(words, (chosen) => {
  app.chooseLanguage(chosen);
  talkScreen?.languageChosen();
});
const signIn = new SignIn(words, (credentials) => account.enter(credentials));
const drawer = new Drawer();
const account = new Account(
  { api, store, words, screens, signIn, drawer, confirm },
  {
    signedIn: async () => {
      const screen = await loadTalkScreen();
      // Another tab may have signed out meanwhile.
      if (account.user) await screen.signedIn();
    },
    justEntered: () =>
      void loadTalkScreen().then(
        (screen) => account.user && screen.justEntered(),
        // `signedIn` has thrown it too.
        () => {},
      ),
    signedOut: (isChosen) => talkScreen?.signedOut(isChosen),
  },
);
/** What is called before the talk screen is there has nothing to do. */
const absent = {
  list: { show: () => {} },
  sessions: { relabel: () => {} },
  suggestions: { show: () => {} },
  talk: { relabel: () => {} },
};
const parts = /** @type {AppParts} */ (
  /** @type {unknown} */ ({
    api,
    store,
    words,
    account,
    screens,
    labels,
    signIn,
    drawer,
    ...absent,
  })
);
const app = new App(parts);

// Events of the page.
touchScreen.addEventListener("change", ({ matches }) => app.keyboardChanged(!matches));
globalThis.addEventListener("storage", () => account.storageChanged());
globalThis.addEventListener("online", () => account.networkReturned());

drawIcons();
// For the browser's console, and for the tests that drive the page.
const kaiwa = { account, api, app, words };
Object.assign(globalThis, { kaiwa });
try {
  if (store.token) loadAhead();
  await app.start(!touchScreen.matches);
} catch (error) {
  screens.showFailed();
  throw error;
}
// Once the form is painted: before, it would wait for the others. In a tab that nobody has seen yet, and in
// a browser that does not tell, the talk screen is loaded when somebody signs in.
requestAnimationFrame(() => {
  const painted = new PerformanceObserver((entries) => {
    if (entries.getEntriesByName("first-contentful-paint").length === 0) return;
    painted.disconnect();
    loadAhead();
  });
  painted.observe({ type: "paint", buffered: true });
});
