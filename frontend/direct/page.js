/** The page `/openai-realtime`: sign-in, choices, one call at a time, and what the views show of it. */

import { ApiError } from "../api.js";
import { MicrophoneError } from "../audio/microphone.js";
import { errorText } from "../page/error-text.js";
import { signInAddress } from "../page/return-path.js";
import { pastOf } from "../transcript/past.js";
import { permissionPlace } from "../words/help.js";
import { endingSentence, problemSentence } from "./sentences.js";

/** @import { Api, Config } from "../api.js" */
/** @import { CallError, Problem, RealtimeClient } from "../realtime-client.js" */
/** @import { SessionAddress } from "../page/address.js" */
/** @import { LocalStore } from "../storage/local-store.js" */
/** @import { KeptTurn } from "../transcript/past.js" */
/** @import { Screens } from "../views/screens.js" */
/** @import { Words } from "../words/i18n.js" */
/** @import { ServerEvent } from "../call/turn-taking.js" */
/** @import { DirectApi } from "./direct-api.js" */
/** @import { Reporter, ReportState } from "./reporting.js" */
/** @import { Sentence } from "./sentences.js" */
/** @import { ToolCall } from "./tool-calls.js" */

/** How long the microphone stays open after the button, so that the silence behind the last word is sent. */
export const TAIL_MS = 250;
/** As `TAIL_MS`, over WebRTC: a track that is released sends nothing any more, and the provider ends a turn only
 * after 500 ms of silence that it has received. */
export const WEBRTC_TAIL_MS = 1500;

/** The page's name in the address of the sign-in. */
const PAGE_NAME = "openai-realtime";

/**
 * @typedef {"disconnected" | "connecting" | "connected" | "error"} Link
 * @typedef {"websocket" | "webrtc"} DirectTransport `websocket`: straight to the provider, with an ephemeral
 *   key; `webrtc`: the sound goes straight to the provider, and our server watches the call.
 * @typedef {{
 *   provider: string, websocket_url: string, calls_url: string, models: string[], model: string, voices: string[],
 *   voice: string,
 * }} DirectProvider A provider that can be chosen, and the defaults of its model and voice.
 * @typedef {DirectProvider & { providers: DirectProvider[] }} DirectConfig `direct` of `GET /api/config/`, the
 *   default provider first; null where direct sessions are off.
 * @typedef {Config & { direct?: DirectConfig | null, transports?: string[], providers?: string[] }} DirectPageConfig
 *   `providers` are those that a session can have.
 * @typedef {{ provider: string, model: string, voice: string, transport: DirectTransport }} Choice
 * @typedef {{ name: string, text: string }} OfferedProvider `text` has its host, which says whether it is the simulator.
 * @typedef {{
 *   link: Link, attempt: number, error: string, isRecording: boolean, isStarting: boolean, hasCall: boolean,
 *   choice: Choice, models: readonly string[], voices: readonly string[], transports: readonly DirectTransport[],
 *   providers: readonly OfferedProvider[], toolCalls: readonly ToolCall[], sessionId: string | null,
 *   reports: ReportState | null, isReporting: boolean,
 * }} PageModel
 * @typedef {{
 *   transport: DirectTransport, sessionId: string | (() => Promise<string>), pastTurns: KeptTurn[],
 *   takeKey: () => Promise<string>, websocketUrl: () => string,
 *   onEvent: (event: ServerEvent) => void, onProviderError: (message: string) => void,
 * }} ClientNeeds
 * @typedef {{
 *   api: Api, directApi: Pick<DirectApi, "takeKey">, store: Pick<LocalStore, "token" | "preferences">,
 *   words: Words, screens: Pick<Screens, "show" | "showStarting" | "showUnreachable">,
 *   address: Pick<SessionAddress, "sessionId" | "replace">, signInLink: Pick<HTMLAnchorElement, "href">,
 *   view: { show: (model: PageModel) => void, addLevel: (rms: number) => void },
 *   thread: { show: (lines: ReturnType<RealtimeClient["lines"]>) => void },
 *   createClient: (needs: ClientNeeds) => RealtimeClient,
 *   createContext: () => AudioContext,
 *   createReporter: (parts: {
 *     sessionId: () => string | null, lines: () => ReturnType<RealtimeClient["lines"]>,
 *     onState: (state: ReportState) => void,
 *   }) => Pick<Reporter, "changed" | "finish" | "leave" | "skip">,
 *   toolCallIn: (event: ServerEvent) => ToolCall | null,
 *   nextFrame: (draw: () => void) => void,
 *   hasWebRtc: boolean,
 *   userAgent: string,
 * }} DirectPageParts `createContext` is called in a tap; `nextFrame` calls back before the next repaint;
 *   `hasWebRtc`: whether this browser can open WebRTC calls.
 */

export class DirectPage {
  #parts;
  #reporter;
  /** @type {DirectPageConfig | null} */
  #config = null;
  /** @type {Choice} */
  #choice = { provider: "", model: "", voice: "", transport: "websocket" };
  /** @type {RealtimeClient | null} */
  #client = null;
  /** The transport of the client. @type {DirectTransport | null} */
  #clientTransport = null;
  /** @type {string | null} */
  #sessionId = null;
  /** @type {Promise<string> | null} */
  #creatingSession = null;
  /** The voice of the session at our server, as far as it is known. */
  #sessionVoice = "";
  /** Its provider; empty for the default one. */
  #sessionProvider = "";
  /** Settles when the session has what was chosen last. @type {Promise<void> | null} */
  #changingSession = null;
  /** @type {KeptTurn[]} */
  #keptTurns = [];
  #isOpen = false;
  #isRecording = false;
  #isStarting = false;
  /** @type {Sentence | null} */
  #error = null;
  /** What the provider said last about a failure, until the client reports it. */
  #providerMessage = "";
  /** @type {ToolCall[]} */
  #toolCalls = [];
  /** @type {ReportState | null} */
  #reports = null;
  #isDrawRequested = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #restTimer;

  /** @param {DirectPageParts} parts */
  constructor(parts) {
    this.#parts = parts;
    this.#reporter = parts.createReporter({
      sessionId: () => this.#sessionId,
      // Our server sees the other calls itself.
      lines: () => (this.#clientTransport === "websocket" ? (this.#client?.lines() ?? []) : []),
      onState: (state) => {
        this.#reports = state;
        this.draw();
      },
    });
    parts.api.onSignedOut = () => this.#signedOut();
  }

  /** The client of this page's calls; null before the first one. */
  get client() {
    return this.#client;
  }

  /** Load the configuration, the login and the conversation that the address names. */
  async load() {
    const { api, screens, store } = this.#parts;
    screens.showStarting();
    api.token = store.token;
    if (!api.token) return this.#showSignIn();
    try {
      const [config] = await Promise.all([api.config(), api.me(), this.#loadSession()]);
      this.#config = config;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      return error.status === 401 ? this.#showSignIn() : screens.showUnreachable();
    }
    const names = this.#providerNames;
    const isOffered = names.includes(this.#sessionProvider);
    this.#choice.voice = this.#sessionVoice;
    this.#choose(isOffered ? this.#sessionProvider : (names[0] ?? ""));
    if (!this.#config.direct) this.#error = { key: "direct.error.off" };
    // The watched one comes first: our server keeps and limits it.
    this.#choice.transport = this.#transports[0] ?? "websocket";
    screens.show("talk");
    this.draw();
  }

  async #loadSession() {
    const { address, api } = this.#parts;
    const id = address.sessionId;
    if (id === null) return;
    try {
      const [turns, { voice, provider }] = await Promise.all([api.turns(id), api.session(id)]);
      this.#keptTurns = turns;
      this.#sessionVoice = voice;
      this.#sessionProvider = provider;
      this.#sessionId = id;
      this.#newClient();
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 404) throw error;
      // Deleted, or another user's: begin a new conversation.
      address.replace(null);
    }
  }

  /** The login has changed in another tab. */
  loginChanged() {
    if (this.#parts.store.token !== this.#parts.api.token) void this.#restart();
  }

  async #restart() {
    await this.#client?.close();
    globalThis.location.reload();
  }

  /** @param {Partial<Choice>} changes Only while there is no call. */
  choose(changes) {
    const { provider, ...others } = changes;
    this.#choice = { ...this.#choice, ...others };
    if (provider !== undefined) this.#choose(provider);
    this.#useChoice();
    this.draw();
  }

  /** Each provider has its own models, and keeps the voice if it has it. @param {string} provider */
  #choose(provider) {
    this.#choice = { ...this.#choice, provider };
    const direct = this.#direct;
    if (!direct) return;
    const isOffered = direct.voices.includes(this.#choice.voice);
    const voice = isOffered ? this.#choice.voice : direct.voice;
    this.#choice = { ...this.#choice, model: direct.model, voice };
  }

  /** What the chosen provider offers to direct sessions. */
  get #direct() {
    const { provider } = this.#choice;
    return this.#config?.direct?.providers.find((each) => each.provider === provider) ?? null;
  }

  /** The providers that can be chosen, the default one first. @returns {string[]} */
  get #providerNames() {
    return this.#config?.providers ?? [];
  }

  /** The provider for a request to our server, which has a default: only where there is a choice. */
  get #chosenProvider() {
    const { provider } = this.#choice;
    return this.#providerNames.length > 1 ? { provider } : {};
  }

  /** Open a call with a fresh key. */
  async connect() {
    if (this.#client?.hasCall) return;
    this.#error = null;
    // The session's provider and voice are read as the call is opened.
    const changing = this.#useChoice();
    if (changing) await changing;
    if (this.#client?.hasCall) return;
    if (this.#differences?.provider) return this.#failed({ code: "cannot_connect", message: "" });
    if (!this.#client || this.#clientTransport !== this.#choice.transport) this.#newClient();
    const client = /** @type {RealtimeClient} */ (/** @type {unknown} */ (this.#client));
    // A failure is reported by onError.
    const opened = client.connect().catch(() => {});
    this.draw();
    await opened;
  }

  /** End the call. */
  async disconnect() {
    this.#error = null;
    await this.#client?.close();
    await this.#reporter.finish();
    this.draw();
  }

  /** Start to record, or stop. Call it in a tap. */
  async toggleRecording() {
    if (this.#isRecording) this.#stopRecording();
    else await this.#startRecording();
  }

  async #startRecording() {
    const client = this.#client;
    if (!client?.hasCall || this.#isStarting) return;
    this.#error = null;
    this.#isStarting = true;
    clearTimeout(this.#restTimer);
    this.draw();
    try {
      await this.#openMicrophone(client);
      this.#isRecording = client.hasCall && client.voice !== null;
    } catch (error) {
      this.#error = this.#recordingError(error);
    }
    this.#isStarting = false;
    this.draw();
  }

  /** @param {RealtimeClient} client */
  async #openMicrophone(client) {
    if (client.voice) {
      await client.voice.wakeMicrophone();
      client.setTalking(true);
      return;
    }
    const { createContext, store } = this.#parts;
    const { volume, deviceId, echoCancellation, noiseSuppression, autoGainControl } =
      store.preferences();
    const settings = { deviceId, echoCancellation, noiseSuppression, autoGainControl };
    const context = createContext();
    await client.startAudioStream({ context, microphone: settings, volume });
  }

  /** The answer to what was said still comes, and is played: only the microphone is released. */
  #stopRecording() {
    this.#isRecording = false;
    this.#client?.setTalking(false);
    clearTimeout(this.#restTimer);
    this.#restTimer = setTimeout(() => {
      this.#client?.voice?.restMicrophone().catch((error) => this.#client?.fail(error));
      this.#parts.view.addLevel(0);
    }, this.#tailMs);
    this.draw();
  }

  get #tailMs() {
    return this.#clientTransport === "webrtc" ? WEBRTC_TAIL_MS : TAIL_MS;
  }

  /** Try to turn the sound on while the browser blocks it. Call it in a tap. */
  resumeSound() {
    this.#client?.resumeSound();
  }

  /** The page is closed, or hidden for good. */
  leave() {
    // Without awaiting it: a page that is unloaded cannot.
    void this.#client?.close();
    this.#reporter.leave();
  }

  /** Show everything again, also in another language. */
  draw() {
    if (this.#isDrawRequested) return;
    this.#isDrawRequested = true;
    this.#parts.nextFrame(() => {
      this.#isDrawRequested = false;
      this.#parts.thread.show(this.#client?.lines() ?? []);
      this.#parts.view.show(this.#model());
    });
  }

  /** @returns {PageModel} */
  #model() {
    return {
      link: this.#link,
      attempt: this.#client?.state.attempt ?? 0,
      error: this.#error ? this.#sentence(this.#error) : "",
      isRecording: this.#isRecording,
      isStarting: this.#isStarting,
      hasCall: this.#client?.hasCall === true,
      choice: this.#choice,
      models: this.#direct?.models ?? [],
      voices: this.#direct?.voices ?? [],
      transports: this.#transports,
      providers: this.#providerNames.map((name) => offered(name, this.#config?.direct ?? null)),
      toolCalls: this.#toolCalls,
      sessionId: this.#sessionId,
      reports: this.#reports,
      isReporting: this.#choice.transport === "websocket",
    };
  }

  /** @returns {DirectTransport[]} */
  get #transports() {
    const isOffered = this.#config?.transports?.includes("webrtc") === true;
    const isWatched = isOffered && this.#parts.hasWebRtc;
    return [
      ...(isWatched ? /** @type {const} */ (["webrtc"]) : []),
      ...(this.#config?.direct ? /** @type {const} */ (["websocket"]) : []),
    ];
  }

  /** @returns {Link} */
  get #link() {
    const { state, hasCall } = this.#client ?? {};
    if (state?.name === "ended" || (!hasCall && this.#error?.isConnection)) return "error";
    if (!hasCall) return "disconnected";
    return this.#isOpen ? "connected" : "connecting";
  }

  /** @param {Sentence} sentence */
  #sentence({ key, values = {}, whyKeys = [] }) {
    const { words } = this.#parts;
    const why = whyKeys.map((each) => words.sayFirst(each)).join(" ");
    return words.say(key, { ...values, ...(why && { why }) });
  }

  #newClient() {
    const { createClient } = this.#parts;
    const lines = this.#client?.lines() ?? [];
    if (this.#clientTransport === "webrtc") this.#reporter.skip(lines);
    const pastTurns = pastOf(this.#keptTurns, lines);
    const client = createClient({
      transport: this.#choice.transport,
      sessionId: this.#sessionId ?? (() => this.#createSession()),
      pastTurns,
      takeKey: () => this.#takeKey(),
      websocketUrl: () => this.#websocketUrl(),
      onEvent: (event) => this.#eventCame(event),
      onProviderError: (message) => {
        this.#providerMessage = message;
      },
    });
    client.onConnected = () => {
      this.#isOpen = true;
      this.#error = null;
      this.#providerMessage = "";
      this.#keepReleased(client);
      this.draw();
    };
    client.onState = ({ name }) => this.#stateChanged(name);
    client.onLines = () => {
      this.#reporter.changed();
      this.draw();
    };
    client.onLevel = (rms) => this.#parts.view.addLevel(rms);
    client.onError = (error) => this.#failed(error);
    client.onProblem = (problem) => this.#problem(problem);
    this.#client = client;
    this.#clientTransport = this.#choice.transport;
  }

  /** After a long outage the client opens the microphone again, also if the user has stopped the recording.
   * @param {RealtimeClient} client */
  #keepReleased(client) {
    if (this.#isRecording || this.#isStarting) return;
    client.voice?.restMicrophone().catch((error) => client.fail(error));
  }

  /** @param {string} name Of the call's state. */
  #stateChanged(name) {
    if (name === "reconnecting" || !this.#client?.hasCall) this.#isOpen = false;
    if (!this.#client?.hasCall) {
      this.#isRecording = false;
      clearTimeout(this.#restTimer);
    }
    this.draw();
  }

  /** A session is created once there is a key for it, so that a refused key leaves no empty one. */
  async #takeKey() {
    const { model, voice } = this.#choice;
    const key = { ...this.#chosenProvider, model, voice };
    const { token } = await this.#parts.directApi.takeKey(key);
    // Disconnected meanwhile: it would stay empty.
    if (this.#client?.hasCall) await this.#createSession();
    return token;
  }

  /** In a call that our server opens, provider and voice are the session's: change them there, after earlier
   * changes. @returns {Promise<void> | null} Null if there is nothing to change. */
  #useChoice() {
    const earlier = this.#changingSession;
    if (!earlier && this.#differences === null) return null;
    const changed = earlier ? earlier.then(() => this.#changeSession()) : this.#changeSession();
    const changing = changed.finally(() => {
      if (this.#changingSession === changing) this.#changingSession = null;
    });
    this.#changingSession = changing;
    return changing;
  }

  /** What the next call would have otherwise than chosen; null if nothing. */
  get #differences() {
    const { transport, voice, provider } = this.#choice;
    if (transport !== "webrtc" || this.#sessionId === null) return null;
    const isOtherVoice = this.#isSessionVoice && voice !== this.#sessionVoice;
    const isOtherProvider = provider !== (this.#sessionProvider || this.#providerNames[0]);
    if (!isOtherVoice && !isOtherProvider) return null;
    return { ...(isOtherVoice && { voice }), ...(isOtherProvider && { provider }) };
  }

  async #changeSession() {
    const changes = this.#differences;
    if (this.#sessionId === null || changes === null) return;
    try {
      await this.#parts.api.changeSession(this.#sessionId, changes);
      this.#sessionVoice = changes.voice ?? this.#sessionVoice;
      this.#sessionProvider = changes.provider ?? this.#sessionProvider;
    } catch {
      // In the voice of before the call is as good; with another provider than the chosen one it is not.
    }
  }

  /** Whether a session of our server can have the voice that is chosen. */
  get #isSessionVoice() {
    return this.#config?.voices?.includes(this.#choice.voice) === true;
  }

  #createSession() {
    if (this.#sessionId !== null) return Promise.resolve(this.#sessionId);
    this.#creatingSession ??= this.#requestSession().finally(() => {
      this.#creatingSession = null;
    });
    return this.#creatingSession;
  }

  async #requestSession() {
    const { api, address, words } = this.#parts;
    const voice = this.#isSessionVoice ? this.#choice.voice : "";
    const chosen = this.#chosenProvider;
    const fields = { language: words.language, ...(voice && { voice }), ...chosen };
    const { id } = await api.createSession(fields);
    this.#sessionId = id;
    this.#sessionVoice = voice;
    this.#sessionProvider = chosen.provider ?? "";
    address.replace(id);
    this.draw();
    return id;
  }

  #websocketUrl() {
    const url = new URL(this.#direct?.websocket_url ?? "");
    url.searchParams.set("model", this.#choice.model);
    return url.href;
  }

  /** @param {ServerEvent} event */
  #eventCame(event) {
    const call = this.#parts.toolCallIn(event);
    if (!call) return;
    this.#toolCalls = [...this.#toolCalls, call];
    this.draw();
  }

  /** @param {CallError} error */
  #failed({ code, message }) {
    const said = message || this.#providerMessage;
    this.#providerMessage = "";
    this.#error = endingSentence(code, said);
    void this.#reporter.finish();
    this.draw();
  }

  /** @param {Problem} problem */
  #problem(problem) {
    const sentence = problemSentence(problem);
    this.#error = sentence;
    this.draw();
  }

  /** @param {unknown} error @returns {Sentence} */
  #recordingError(error) {
    if (!(error instanceof MicrophoneError)) {
      return {
        key: "direct.error.recording",
        values: { why: errorText(this.#parts.words, error) },
      };
    }
    if (error.kind !== "denied") {
      return {
        key: "direct.error.recording",
        whyKeys: [`help.microphone_${error.kind}.title`],
      };
    }
    const place = permissionPlace(this.#parts.userAgent);
    return {
      key: "direct.error.microphone_denied",
      whyKeys: [`help.microphone_denied.${place}`],
    };
  }

  #signedOut() {
    void this.#client?.close();
    this.#showSignIn();
  }

  /** The link leads back to the conversation that is open. */
  #showSignIn() {
    const { address, screens, signInLink } = this.#parts;
    signInLink.href = signInAddress(PAGE_NAME, address.sessionId);
    screens.show("sign-in");
  }
}

/** @type {Readonly<Record<string, string>>} */
const PROVIDER_NAMES = Object.freeze({ openai: "OpenAI", azure: "Azure OpenAI" });

/** @param {string} name @param {DirectConfig | null} direct @returns {OfferedProvider} */
function offered(name, direct) {
  const url = direct?.providers.find((each) => each.provider === name)?.websocket_url;
  const text = PROVIDER_NAMES[name] ?? name;
  return { name, text: url ? `${text} (${new URL(url).host})` : text };
}
