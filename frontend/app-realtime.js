/** Puts the page's parts together: who is signed in, which session is open, in which language. */

import { Api, ApiError } from "./api.js";
import { Talk } from "./page/talk.js";
import { Drafts, textOf } from "./storage/drafts.js";
import { LocalStore } from "./storage/local-store.js";
import { Announcer } from "./views/announcer.js";
import { closeDialogs, confirm } from "./views/dialogs.js";
import { Drawer } from "./views/drawer.js";
import { byId, make, write } from "./views/elements.js";
import { drawIcons, writeWithIcons } from "./views/icons.js";
import { Sessions } from "./views/sessions.js";
import { SignIn } from "./views/sign-in.js";
import { languageFrom, Words } from "./words/i18n.js";

/** @import { Config, Session, User } from "./api.js" */
/** @import { Language } from "./words/i18n.js" */
/** @import { Unsent } from "./storage/drafts.js" */
/** @import { Credentials } from "./views/sign-in.js" */

/**
 * @typedef {{ id: string | null, isBeingMade: boolean, found: Unsent[], unsent: Unsent[] }} Conversation
 *   `id` is null before the first word; `found` is what was once left behind there, until it can be
 *   handed back; `unsent` is what was left behind while the session was being made.
 */

/** The server writes turns down, and names the session, in its own time; then the list is brought
 * up to date. */
const KEPT_AFTER_MS = 1500;

/** A session that was only made was last changed so soon after. */
const UNTOUCHED_MS = 5;

/** The welcome is short; the rest of what the simulator understands is one tap away. */
const FIRST_SUGGESTIONS = 3;

const SCREENS = /** @type {const} */ (["starting", "sign-in", "talk"]);

/** @param {string | null} id @param {Unsent[]} found @returns {Conversation} */
const newConversation = (id, found) => ({ id, isBeingMade: false, found, unsent: [] });

/** Where one is before anything is open. */
const NOWHERE = newConversation(null, []);

class App {
  /** A phone, where one neither has keys nor wants to read of them. */
  #isTouched = globalThis.matchMedia("(pointer: coarse)");
  api = new Api();
  memory = new LocalStore(globalThis.localStorage);
  drafts = new Drafts(globalThis.sessionStorage);
  words = new Words(
    languageFrom(this.memory.preferences().language, navigator.languages),
    navigator.languages,
  );
  announcer = new Announcer(byId("announcer", HTMLDivElement));
  signIn = new SignIn(this.words, (credentials) => this.#enter(credentials));
  sessionsView = new Sessions(this.words, {
    sessionChosen: (id) => this.#choose(id),
    newChosen: () => this.#choose(null),
    renamed: (id, title) => this.#rename(id, title),
    deleteChosen: (id) => this.#delete(id),
    retryChosen: () => this.#listSessions(),
  });
  drawer = new Drawer();
  talk = new Talk(this, {
    sessionNeeded: () => this.#createSession(),
    conversationShown: () => this.#handBack(),
    turnCompleted: () => this.#turnCompleted(),
    newSessionWanted: () => this.#choose(null),
    signInWanted: () => this.#signOut("sign_in.expired"),
  });
  /** @type {Config | null} */
  #config = null;
  /** @type {User | null} */
  #user = null;
  /** @type {User | null} Who was here last, signed out or not. */
  #lastUser = null;
  /** @type {Session[] | null} */
  #sessions = null;
  #listings = 0;
  /** How often the list was changed by hand: what was asked for before may be older than that. */
  #changes = 0;
  /** @type {Conversation} The open one, by identity: its session may be made after it was left. */
  #conversation = NOWHERE;
  /** @type {Set<string>} Sessions in which something was said here, which the list may not know yet. */
  #used = new Set();
  /** @type {Set<string>} Those of them to ask the server about once more. */
  #outdated = new Set();
  #refreshTimer = 0;

  async start() {
    drawIcons();
    this.words.hasKeys = !this.#isTouched.matches;
    this.#listen();
    this.#speak(this.words.language);
    await this.#arrive();
  }

  #listen() {
    for (const select of this.#languageChoices()) {
      select.addEventListener("change", () => this.#chooseLanguage(select.value));
    }
    byId("starting-retry", HTMLButtonElement).addEventListener("click", () => this.#arrive());
    byId("sign-out", HTMLButtonElement).addEventListener("click", () => this.#signOut(""));
    byId("sign-out-everywhere", HTMLButtonElement).addEventListener("click", () =>
      this.#signOutEverywhere(),
    );
    this.#isTouched.addEventListener("change", ({ matches }) => {
      this.words.hasKeys = !matches;
      this.#speak(this.words.language);
    });
    byId("skip", HTMLAnchorElement).addEventListener("click", (event) => {
      event.preventDefault();
      byId("message", HTMLTextAreaElement).focus();
    });
    globalThis.addEventListener("hashchange", () => this.#addressChanged());
    globalThis.addEventListener("pagehide", () => this.#keepUnsent());
    globalThis.addEventListener("storage", () => this.#loginChangedElsewhere());
    this.api.onSignedOut = () => this.#signOut("sign_in.expired");
  }

  /**
   * The first thing: what the server offers, and whether the login that we remember still holds.
   * @returns {Promise<void>}
   */
  async #arrive() {
    byId("starting-retry", HTMLButtonElement).hidden = true;
    write(byId("starting-title", HTMLHeadingElement), this.words.say("page.starting"));
    write(byId("starting-text", HTMLParagraphElement), "");
    this.api.token = this.memory.token;
    try {
      const whoAmI = this.api.token ? this.api.me() : Promise.resolve(null);
      [this.#config, this.#user] = await Promise.all([this.api.config(), whoAmI]);
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 401) return this.#unreachable();
      this.#config = await this.api.config().catch(() => null);
    }
    // Another tab has signed out meanwhile, or in.
    if (this.memory.token !== this.api.token) {
      this.#user = null;
      return this.#arrive();
    }
    if (this.#user) await this.#showTalk();
    else if (!this.#isOn("sign-in")) this.#showSignIn("");
    else this.#showSignIn("sign_in.expired");
  }

  #unreachable() {
    this.#show("starting");
    write(byId("starting-title", HTMLHeadingElement), this.words.say("page.unreachable.title"));
    write(byId("starting-text", HTMLParagraphElement), this.words.say("page.unreachable.text"));
    byId("starting-retry", HTMLButtonElement).hidden = false;
    byId("starting-retry", HTMLButtonElement).focus();
  }

  /** @param {typeof SCREENS[number]} screen */
  #show(screen) {
    document.body.dataset.screen = screen;
    for (const name of SCREENS) byId(`${name}-screen`, HTMLElement).hidden = name !== screen;
  }

  /** @param {typeof SCREENS[number]} screen */
  #isOn(screen) {
    return document.body.dataset.screen === screen;
  }

  /** @param {string} notice A key of the words, or nothing. */
  #showSignIn(notice) {
    this.#show("sign-in");
    this.signIn.show({
      canRegister: this.#config?.registration_open === true,
      isDemo: this.#config?.demo === true,
      notice,
    });
  }

  /** @param {Credentials} credentials */
  async #enter({ username, password, isNew }) {
    this.signIn.setBusy(true);
    this.signIn.fail("");
    try {
      const { token, user } = await (isNew
        ? this.api.register(username, password)
        : this.api.logIn(username, password));
      this.memory.token = token;
      this.api.token = token;
      this.#user = user;
      const shown = this.#showTalk();
      // At once: later it would take the focus from whatever one is doing by then.
      this.talk.focusMessage();
      await shown;
    } catch (error) {
      this.signIn.fail(this.#sentenceOf(error));
    } finally {
      this.signIn.setBusy(false);
    }
  }

  async #showTalk() {
    this.signIn.forget();
    this.drafts.belongTo(String(this.#user?.id));
    // The address of one person's conversation means nothing to another.
    if (this.#lastUser && this.#lastUser.id !== this.#user?.id) setAddress(null);
    this.#lastUser = this.#user;
    this.#show("talk");
    this.#label();
    await Promise.all([this.#open(sessionInAddress()), this.#listSessions()]);
  }

  async #listSessions() {
    const listing = ++this.#listings;
    this.sessionsView.load();
    const sessions = await this.api.sessions().catch(() => null);
    if (listing !== this.#listings) return;
    if (!sessions) {
      this.announcer.say(this.words.say("sessions.failed"));
      return this.sessionsView.fail();
    }
    this.#sessions = sessions;
    this.#showSessions();
  }

  /** All tabs are one person's: another one signed out, or in. */
  #loginChangedElsewhere() {
    if (this.memory.token === this.api.token) return;
    if (this.#user) this.#signOut("sign_in.signed_out");
    if (this.memory.token && this.#isOn("sign-in")) void this.#arrive();
  }

  /** Only this device forgets the login. @param {string} notice */
  #signOut(notice) {
    if (notice) this.#keepUnsent();
    else this.drafts.forget();
    // Another tab may have signed in by now.
    if (this.memory.token === this.api.token) this.memory.token = "";
    this.api.token = "";
    this.#user = null;
    this.#sessions = null;
    this.#listings += 1;
    this.#changes += 1;
    this.#conversation = NOWHERE;
    this.#forgetRefresh();
    closeDialogs();
    this.drawer.complain("");
    this.talk.close();
    this.#showSessions();
    if (!notice) setAddress(null);
    this.#showSignIn(notice);
  }

  async #signOutEverywhere() {
    const isSure = await confirm({
      title: this.words.say("account.sign_out_everywhere"),
      text: this.words.say("account.sign_out_everywhere.text"),
      yes: this.words.say("account.sign_out_everywhere"),
    });
    if (!isSure) return;
    this.drawer.complain("");
    const user = this.#user;
    try {
      await this.api.logOutEverywhere();
    } catch (error) {
      // A login that has ended is signed out already; any other is still good, here and elsewhere.
      if (user === this.#user) this.#complain("account.sign_out_everywhere.failed", error);
      return;
    }
    if (user === this.#user) this.#signOut("");
  }

  /** @param {string | null} id */
  #choose(id) {
    this.drawer.close();
    this.drawer.complain("");
    setAddress(id);
    void this.#open(id);
    this.talk.focusMessage();
  }

  /** Only an address of ours opens anything: to what is open already, or to a part of the page, one
   * may go without hanging up. */
  #addressChanged() {
    const id = sessionInAddress();
    const isOurs = id !== null || globalThis.location.hash === "";
    if (isOurs && id !== this.#conversation.id) void this.#open(id);
  }

  /** @param {string | null} id */
  async #open(id) {
    if (!this.#user || (id === this.#conversation.id && id !== null)) return;
    this.#keepUnsent();
    // What is left behind here goes to the session that is being made for it.
    if (this.#conversation.isBeingMade) this.drafts.keep("", []);
    this.#conversation = newConversation(id, this.drafts.take(id ?? ""));
    this.#showSessions();
    await this.talk.open(id);
  }

  /** What was written and did not arrive is there again when its conversation is. */
  #handBack() {
    const known = new Set(this.talk.client?.lines().map(({ itemId }) => itemId));
    const text = textOf(this.#conversation.found, known);
    this.#conversation.found = [];
    if (text) this.talk.restore(text);
  }

  #keepUnsent() {
    if (this.#conversation === NOWHERE) return;
    this.#conversation.unsent = [...this.#conversation.found, ...this.talk.unsent];
    this.drafts.keep(this.#conversation.id ?? "", this.#conversation.unsent);
  }

  /** A session for the conversation that is open now, which may have been left when it is made. */
  async #createSession() {
    const conversation = this.#conversation;
    const user = this.#user;
    conversation.isBeingMade = true;
    try {
      const session = await this.api.createSession({ language: this.words.language });
      if (user === this.#user) this.#adopt(conversation, session);
      return session.id;
    } finally {
      conversation.isBeingMade = false;
    }
  }

  /** @param {Conversation} conversation @param {Session} session */
  #adopt(conversation, session) {
    conversation.id = session.id;
    if (conversation === this.#conversation) setAddress(session.id);
    else this.drafts.keep(session.id, conversation.unsent);
    this.#replace(session);
  }

  #turnCompleted() {
    const { id } = this.#conversation;
    if (id === null) return;
    this.#used.add(id);
    this.#outdated.add(id);
    // Whoever talks without a pause sees it as well.
    this.#refreshTimer ||= setTimeout(() => {
      const ids = [...this.#outdated];
      this.#forgetRefresh();
      for (const one of ids) void this.#refresh(one);
    }, KEPT_AFTER_MS);
  }

  #forgetRefresh() {
    clearTimeout(this.#refreshTimer);
    this.#refreshTimer = 0;
    this.#outdated.clear();
  }

  /** @param {string} id */
  async #refresh(id) {
    const changes = this.#changes;
    const session = await this.api.session(id).catch(() => null);
    if (!session) return;
    if (changes === this.#changes) this.#replace(session);
    else if (this.#isListed(id)) await this.#refresh(id);
  }

  /** Not if it was deleted meanwhile, or is somebody else's by now. @param {string} id */
  #isListed(id) {
    return this.#sessions?.some((one) => one.id === id) === true;
  }

  /** @param {Session} session New, or changed. */
  #replace(session) {
    // Where the others are not known, it must not stand for all.
    if (!this.#sessions) return void this.#listSessions();
    const others = this.#sessions.filter(({ id }) => id !== session.id);
    this.#sessions = [session, ...others].sort((a, b) => b.updated_at.localeCompare(a.updated_at));
    this.#showSessions();
  }

  /** @param {string} id @param {string} title */
  async #rename(id, title) {
    this.drawer.complain("");
    try {
      const session = await this.api.renameSession(id, title);
      this.#changes += 1;
      if (this.#isListed(id)) this.#replace(session);
    } catch (error) {
      this.#complain("sessions.rename.failed", error);
      this.#showSessions();
    }
  }

  /** @param {string} key Of the words for what could not be done. @param {unknown} error */
  #complain(key, error) {
    const why = this.#sentenceOf(error);
    if (this.#user) this.drawer.complain(this.words.say(key, { why }));
  }

  /** @param {string} id */
  async #delete(id) {
    const session = this.#sessions?.find((one) => one.id === id);
    if (!session) return;
    const isSure = await confirm({
      title: this.words.say("sessions.delete.title"),
      text: this.words.say("sessions.delete.text", { title: this.sessionsView.titleOf(session) }),
      yes: this.words.say("sessions.delete.confirm"),
    });
    if (!isSure) return;
    this.drawer.complain("");
    try {
      await this.api.deleteSession(id);
    } catch (error) {
      const isGone = error instanceof ApiError && error.status === 404;
      if (!isGone) return this.#complain("sessions.delete.failed", error);
    }
    this.#changes += 1;
    this.#outdated.delete(id);
    if (!this.#isListed(id)) return;
    this.#sessions = (this.#sessions ?? []).filter((one) => one.id !== id);
    // A call that was still going on in it ends now: what cannot be deleted is not hung up, either.
    if (id === this.#conversation.id) this.#choose(null);
    else this.#showSessions();
    this.drafts.keep(id, []);
  }

  #showSessions() {
    const open = this.#conversation.id;
    const isWorthARow = (/** @type {Session} */ one) =>
      one.id === open || this.#used.has(one.id) || wasCalled(one) || this.drafts.has(one.id);
    const shown = this.#sessions?.filter(isWorthARow);
    this.sessionsView.show(shown ?? null, open ?? "");
    const session = this.#sessions?.find(({ id }) => id === open);
    const title = session ? this.sessionsView.titleOf(session) : this.words.say("sessions.new");
    write(byId("title", HTMLHeadingElement), title);
    document.title = session ? `${title} · Kaiwa` : this.words.say("page.title");
  }

  /** @param {string} value */
  #chooseLanguage(value) {
    const language = languageFrom(value, []);
    this.memory.prefer({ language });
    this.#speak(language);
  }

  /** @param {Language} language */
  #speak(language) {
    this.words.language = language;
    this.api.language = language;
    document.documentElement.lang = language;
    for (const select of this.#languageChoices()) select.value = language;
    this.#label();
    this.signIn.relabel();
    this.sessionsView.relabel();
    this.drawer.complain("");
    this.talk.relabel();
    this.#showSessions();
  }

  /** Fills in the words that the page's HTML names. */
  #label() {
    for (const place of /** @type {NodeListOf<HTMLElement>} */ (
      document.querySelectorAll("[data-words]")
    )) {
      writeWithIcons(place, this.words.say(place.dataset.words ?? ""));
    }
    for (const place of /** @type {NodeListOf<HTMLElement>} */ (
      document.querySelectorAll("[data-words-label]")
    )) {
      const label = this.words.say(place.dataset.wordsLabel ?? "");
      place.ariaLabel = label;
      if (place instanceof HTMLButtonElement) place.title = label;
    }
    const message = byId("message", HTMLTextAreaElement);
    message.placeholder = this.words.say(message.dataset.wordsPlaceholder ?? "");
    this.#labelAccount();
    this.#labelDemo();
  }

  #labelAccount() {
    const name = this.#user?.username ?? "";
    const place = byId("account-name", HTMLElement);
    write(place, name);
    place.title = this.words.say("account.signed_in_as", { name });
  }

  #labelDemo() {
    const isDemo = this.#config?.demo === true;
    const suggestions = (isDemo && this.#config?.suggestions?.[this.words.language]) || [];
    const demo = byId("demo", HTMLDetailsElement);
    demo.hidden = !isDemo;
    byId("suggestions", HTMLDivElement).hidden = suggestions.length === 0;
    const first = suggestions.slice(0, FIRST_SUGGESTIONS);
    byId("suggestion-list", HTMLUListElement).replaceChildren(...this.#suggestions(first));
    byId("demo-suggestions", HTMLUListElement).replaceChildren(...this.#suggestions(suggestions));
  }

  /** @param {readonly string[]} texts To be said, or tapped to be sent. */
  #suggestions(texts) {
    return texts.map((text) => {
      const button = make("button", { type: "button", class: "suggestion" }, text);
      button.addEventListener("click", () => {
        byId("demo", HTMLDetailsElement).open = false;
        this.talk.focusMessage();
        void this.talk.send(text);
      });
      return make("li", {}, button);
    });
  }

  #languageChoices() {
    return /** @type {NodeListOf<HTMLSelectElement>} */ (
      document.querySelectorAll("select[data-language]")
    );
  }

  /** What went wrong, in the person's language: the server's own sentences where it has some.
   * @param {unknown} error */
  #sentenceOf(error) {
    if (!(error instanceof ApiError)) return this.words.say("error.internal");
    const details = detailSentences(error.detail);
    if (details.length > 0) return details.join(" ");
    return error.sentence || this.words.sayFirst(`error.${error.code}`);
  }
}

/** @param {unknown} detail A field's complaints, by field. */
function detailSentences(detail) {
  if (typeof detail !== "object" || detail === null) return [];
  return Object.values(detail)
    .flat()
    .filter((complaint) => typeof complaint === "string");
}

/**
 * Whether there was ever a call in a session, or somebody gave it a name: the server's two times are
 * some microseconds apart when it makes one, and any call moves the second.
 *
 * @param {Session} session
 */
const wasCalled = ({ title, created_at, updated_at }) =>
  title !== "" || Date.parse(updated_at) - Date.parse(created_at) > UNTOUCHED_MS;

/** The session that the address names, or null. */
function sessionInAddress() {
  return /^#\/s\/([0-9a-f-]{36})$/.exec(globalThis.location.hash)?.[1] ?? null;
}

/** @param {string | null} id */
function setAddress(id) {
  const { pathname, search, hash } = globalThis.location;
  const next = id === null ? "" : `#/s/${id}`;
  if (next !== hash) globalThis.history.pushState(null, "", pathname + search + next);
}

const app = new App();
// A handle for debugging from the console: the parts of the page, as they are.
Object.assign(globalThis, { kaiwa: app });
await app.start();
