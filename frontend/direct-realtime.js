/** The composition root of the page `/openai-realtime`: builds the parts, joins them, and starts. */

import { Api } from "./api.js";
import { listSpeakers, SpeakerChoice } from "./audio/speaker-choice.js";
import { transportsOf } from "./call/transport.js";
import { openAudioContext, Voice } from "./call/voice.js";
import { DirectApi } from "./direct/direct-api.js";
import { DirectConnection } from "./direct/direct-connection.js";
import { DirectPage } from "./direct/page.js";
import { Reporter } from "./direct/reporting.js";
import { toolCallIn } from "./direct/tool-calls.js";
import { DirectView } from "./direct/views/direct-view.js";
import { SessionAddress } from "./page/address.js";
import { RealtimeClient } from "./realtime-client.js";
import { BrowserStorage } from "./storage/browser-storage.js";
import { LocalStore } from "./storage/local-store.js";
import { Announcer } from "./views/announcer.js";
import { byId } from "./views/elements.js";
import { drawIcons } from "./views/icons.js";
import { Screens } from "./views/screens.js";
import { TextLabels } from "./views/text-labels.js";
import { Thread } from "./views/thread.js";
import { languageFrom, Words } from "./words/i18n.js";

/** @import { Connection } from "./call/connection.js" */
/** @import { ClientNeeds } from "./direct/page.js" */

const api = new Api();
const directApi = new DirectApi(api);
const store = new LocalStore(new BrowserStorage(() => globalThis.localStorage));
const { language } = store.preferences();
const wanted = navigator.languages ?? [];
const words = new Words(languageFrom(language, wanted), wanted);
api.language = words.language;
const announcer = new Announcer(byId("announcer", HTMLDivElement));
const screens = new Screens(words, () => void page.load());
const labels = new TextLabels(words, (chosen) => {
  words.language = languageFrom(chosen, []);
  api.language = words.language;
  store.savePreferences({ language: words.language });
  label();
  thread.relabel();
  page.draw();
});
const view = new DirectView(words, announcer, {
  connectClicked: () => void (page.client?.hasCall ? page.disconnect() : page.connect()),
  recordClicked: () => void page.toggleRecording(),
  chosen: (changes) => page.choose(changes),
});
/** Answers cannot be heard again here: the main page offers that. */
const replay = {
  playable: new Map(),
  has: () => false,
  isPlaying: () => false,
  toggle: () => {},
};
const thread = new Thread({ words, announcer, replay, retryChosen: () => {} });
const speakers = new SpeakerChoice({
  list: listSpeakers,
  kept: () => {
    const { speakerId, speakerLabel } = store.preferences();
    return { deviceId: speakerId, deviceLabel: speakerLabel };
  },
  labelKnown: (speakerLabel) => store.savePreferences({ speakerLabel }),
  listed: () => {},
  lost: () => {},
  found: () => {},
});

/** @param {ClientNeeds} needs */
function createClient({
  transport,
  sessionId,
  pastTurns,
  takeKey,
  websocketUrl,
  onEvent,
  onProviderError,
}) {
  /** @type {RealtimeClient} */
  const client = new RealtimeClient(api.token, sessionId, {
    api,
    pastTurns,
    // In place of the relay's connection, this page has its own.
    transport: transport === "webrtc" ? "webrtc" : "relay",
    createElement: () => speakers.use(new Audio()),
    createConnection: (options) => {
      const connection = new DirectConnection({
        takeKey,
        url: websocketUrl,
        past: () => client.lines(),
        onEvent: (event) => {
          options.onEvent(event);
          onEvent(event);
        },
        onReconnecting: options.onReconnecting,
        onEnded: options.onEnded,
        onProviderError,
      });
      return /** @type {Connection} */ (/** @type {unknown} */ (connection));
    },
    createVoice: (context, events) => new Voice(context, events, store),
  });
  return client;
}

const page = new DirectPage({
  api,
  directApi,
  store,
  words,
  screens,
  address: new SessionAddress(globalThis.location, globalThis.history),
  signInLink: byId("direct-sign-in", HTMLAnchorElement),
  view,
  thread,
  createClient,
  createContext: () => speakers.use(openAudioContext()),
  createReporter: (parts) =>
    new Reporter({
      ...parts,
      send: (sessionId, turns, options) => directApi.reportTurns(sessionId, turns, options),
    }),
  toolCallIn,
  nextFrame: (draw) => requestAnimationFrame(draw),
  hasWebRtc: transportsOf(["webrtc"], globalThis).includes("webrtc"),
  userAgent: navigator.userAgent,
});

function label() {
  labels.show();
  document.title = `${words.say("direct.title")} · Kaiwa`;
}

globalThis.addEventListener("storage", () => page.loginChanged());
globalThis.addEventListener("pagehide", () => page.leave());
document.addEventListener("click", () => page.resumeSound());

drawIcons();
label();
// For the browser's console, and for the tests that drive the page.
Object.assign(globalThis, { kaiwa: { api, page, words } });
void page.load();
