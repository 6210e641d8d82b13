/**
 * One session, spoken and typed: `new RealtimeClient(authToken, sessionId)`, then `connect()` and, in
 * a tap, `startAudioStream()`. Also on `globalThis`, for the browser's console.
 *
 * It carries out what the pure modules decide: TurnTaking which frames are sent, `after` and `stateOf`
 * what state the call is in, `timeoutsFor` what is waited for and how long, TranscriptAssembler the
 * order of the lines, FinishedTurns which turns are reported, Captions how much of a line is shown.
 */

import { Api, ApiError } from "./api.js";
import { SAMPLES_PER_MS } from "./audio/pcm.js";
import { PcmStream } from "./audio/pcm-stream.js";
import { MIN_SPEECH_RMS } from "./audio/speech-end.js";
import { UnfinishedParts } from "./audio/unfinished-parts.js";
import { AudioSender } from "./call/audio-sender.js";
import { CallQuality } from "./call/call-quality.js";
import { after, cutShownMs, INITIAL_FACTS, stateOf } from "./call/call-state.js";
import { Connection, websocketUrl } from "./call/connection.js";
import { EventTimeouts, timeoutsFor } from "./call/event-timeouts.js";
import { needsHeartbeat } from "./call/heartbeat.js";
import { newItemId } from "./call/item-id.js";
import { checkProxy, opensWithoutSubprotocols } from "./call/proxy-check.js";
import { MICROPHONE_KEPT_MS } from "./call/reconnect.js";
import { ResponseLatency } from "./call/response-latency.js";
import {
  isSessionId,
  malformedSentence,
  SESSION_ID_MALFORMED,
  SessionId,
} from "./call/session-id.js";
import { TransportConnection } from "./call/transport.js";
import { TurnTaking } from "./call/turn-taking.js";
import { openAudioContext, Voice } from "./call/voice.js";
import { deferred } from "./deferred.js";
import { Latest } from "./latest.js";
import { PROVIDER_ERRORS } from "./shared-facts.js";
import { TranscriptAssembler } from "./transcript/assembler.js";
import { Captions } from "./transcript/captions.js";
import { FinishedTurns, heardOf } from "./transcript/finished-turns.js";
import { hasWords } from "./transcript/heard.js";
import { partKey } from "./transcript/item.js";
import { pastOf } from "./transcript/past.js";
import { indexFrom, textAt } from "./transcript/reading.js";
import { ShownLines } from "./transcript/shown-lines.js";

/** @import { Chunk, MicrophoneProblem, MicrophoneSettings } from "./audio/microphone.js" */
/** @import { AudioPart } from "./audio/unfinished-parts.js" */
/** @import { Quality } from "./call/call-quality.js" */
/** @import { CallState, Change, ChangeDetail, Facts } from "./call/call-state.js" */
/** @import { ConnectionOptions } from "./call/connection.js" */
/** @import { Transport } from "./call/transport.js" */
/** @import { Cut, Frame, ServerEvent, TypedMessage } from "./call/turn-taking.js" */
/** @import { VoiceEvents } from "./call/voice.js" */
/** @import { Consequence } from "./call/event-timeouts.js" */
/** @import { Deferred } from "./deferred.js" */
/** @import { Heard } from "./transcript/finished-turns.js" */
/** @import { Line } from "./transcript/item.js" */
/** @import { KeptTurn } from "./transcript/past.js" */
/** @import { ShownLine } from "./transcript/shown-lines.js" */
/** @import { Budget } from "./views/budget-line.js" */

/** Whether the microphone is open while nobody can hear it. @param {Facts} facts */
const hasUnheardVoice = ({ link, hasVoice }) => link === "reconnecting" && hasVoice;

/** How long the call stays open, after the user went back to typing, for words that are on their way. */
const LAST_WORDS_MS = 2000;
/** Silence sent after a push-to-talk release, so that the server's turn detection ends the turn at once. */
const TAIL_MS = 1200;

/**
 * @typedef {{ code: string, message: string }} CallError `message` is for the user, in their language;
 *   it may be empty.
 * @typedef {MicrophoneProblem | "sound_blocked" | "sound_allowed" | "slow_network"
 *   | "network_recovered"} Problem `sound_blocked`: the browser plays nothing, and captures nothing.
 * @typedef {Pick<Required<ConnectionOptions>, "onEvent" | "onReconnecting" | "onEnded" | "onRoundTrip">
 * } ConnectionEvents
 * @typedef {{
 *   context?: AudioContext, microphone?: MicrophoneSettings, volume?: number, isHandsFree?: boolean,
 *   isMuted?: boolean,
 * }} VoiceOptions
 * @typedef {{
 *   api?: Api,
 *   pastTurns?: KeptTurn[],
 *   transport?: Transport | (() => Transport),
 *   createConnection?: (options: ConnectionOptions) => Connection,
 *   loadWebRtc?: () => Promise<Pick<typeof import("./call/webrtc-connection.js"), "WebRtcConnection">>,
 *   createElement?: () => HTMLAudioElement,
 *   createVoice?: (context: AudioContext, events: VoiceEvents) => Voice,
 *   createContext?: () => AudioContext,
 * }} ClientParts `pastTurns` are the session's turns so far. `transport` is asked for each call: through the
 *   server (`relay`, the default), straight to the provider (`webrtc`), or the first of the two that gets
 *   through (`automatic`). `createElement` makes the audio element of a WebRTC call. The other functions
 *   replace the browser's WebSocket, devices and modules, for tests.
 */

/** The ending of a call in which the page itself failed. */
const PAGE_FAILED = "page_failed";

/** Errors of the provider that follow from both sides acting at once: the user need not know. */
const ERRORS_NOT_SHOWN = new Set(PROVIDER_ERRORS.notShown);

/** A session's conversation with the server. */
export class RealtimeClient {
  /** The call is open: what is sent from now on reaches the model. */
  onConnected = () => {};
  /**
   * A turn of this call is final: its whole text, once per turn, never blank. A spoken answer is final
   * when its sound is over; `heard` says what was heard of it, and whether it was cut off.
   * @type {(text: string, role: "user" | "assistant", heard: Heard) => void}
   */
  onTranscript = () => {};
  /** Something failed; the call may go on. @type {(error: CallError) => void} */
  onError = () => {};
  /** @type {(state: CallState) => void} */
  onState = () => {};
  /** The lines, or how much of them is shown, changed. */
  onLines = () => {};
  /** The microphone's level, of full scale. @type {(rms: number) => void} */
  onLevel = () => {};
  /**
   * Sound of an answer, in the order in which it is played: 24 kHz, mono.
   * @type {(itemId: string, contentIndex: number, pcm: Int16Array) => void}
   */
  onSound = () => {};
  /** Milliseconds from the end of speech to the first sound of the answer. @type {(ms: number) => void} */
  onLatency = () => {};
  /** The connection's quality, or the time that answers take, has changed: `quality`. */
  onQuality = () => {};
  /** @type {(problem: Problem) => void} */
  onProblem = () => {};
  /** The level of a budget of the user has changed. @type {(budget: Budget) => void} */
  onBudget = () => {};
  /** WebRTC does not get through: this call goes through the server. */
  onFellBack = () => {};

  #api;
  #sessionId;
  #createVoice;
  #createContext;
  #connection;
  #transcript;
  #turns = new TurnTaking(newItemId);
  #captions = new Captions();
  #pcmStream = new PcmStream();
  #shownLines = new ShownLines(this.#captions);
  #finishedTurns = new FinishedTurns();
  #latency = new ResponseLatency();
  #quality = new CallQuality();
  #audioSender;
  /** The microphone's track, for a connection that takes no audio frames. @type {MediaStreamTrack | null} */
  #track = null;
  #isMuted = false;
  #isTalking = true;
  #volume = 1;
  #facts = INITIAL_FACTS;
  /** @type {Voice | null} */
  #voice = null;
  /** Of several startAudioStream() calls, the latest counts. */
  #voiceStart = new Latest();
  #microphoneWorks = false;
  /**
   * @type {Promise<void>} Settles when all events so far were sent: they keep their order. Audio does
   * not wait here: it goes out as it comes (AudioSender), since only its own order matters.
   */
  #sending = Promise.resolve();
  /** Of several requests for the history, the latest counts. */
  #historyRequest = new Latest();
  /** @type {ServerEvent[] | null} Events that wait for the history after a reconnection. */
  #waitingEvents = null;
  /** Whether the server may have turns that this client has not seen. */
  #needsHistory;
  /** @type {Deferred<void> | null} */
  #opening = null;
  /** The user went back to typing: the call ends when nothing is owed any more. */
  #isLeaving = false;
  /** Whether the call is being ended by an exception. */
  #isFailing = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} Set while the call waits for last words. */
  #lastWordsTimer;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #cutTimer;
  /** @type {ReturnType<typeof setTimeout> | undefined} Releases the microphone in a long outage. */
  #restTimer;
  #timeouts = new EventTimeouts(
    this.#guarded((consequence, itemId) => this.#consequences[consequence](itemId)),
  );
  /** The item of the last speech; its answer is due. */
  #lastSpeechId = "";
  /** Nothing was understood of the last speech. */
  #isNoise = false;
  #unfinishedParts = new UnfinishedParts();

  /**
   * @param {string} authToken
   * @param {string | (() => Promise<string>)} sessionId The session's id, or a function that creates
   *   the session. It is called for the first message or speech, so that a refused microphone leaves
   *   no empty session.
   * @param {ClientParts} [parts]
   */
  constructor(
    authToken,
    sessionId,
    {
      api = apiOf(authToken),
      pastTurns = [],
      transport = "relay",
      createConnection = (options) => new Connection(options),
      loadWebRtc = () => import("./call/webrtc-connection.js"),
      createElement,
      createVoice = (context, events) => new Voice(context, events),
      createContext = openAudioContext,
    } = {},
  ) {
    this.#api = api;
    this.#sessionId = new SessionId(sessionId);
    this.#needsHistory = this.#sessionId.isKnown;
    this.#createVoice = createVoice;
    this.#createContext = createContext;
    this.#transcript = new TranscriptAssembler(pastTurns);
    this.#finishedTurns.skip(this.#transcript.lines());
    /** @type {ConnectionEvents} */
    const events = {
      onEvent: (event) => this.#receive(event),
      onReconnecting: (attempt, cause) => this.#reconnecting(attempt, cause),
      onEnded: (reason, message, detail) => this.#ended(reason, message, detail),
      onRoundTrip: (ms) => {
        this.#quality.roundTrip(ms);
        this.onQuality();
      },
    };
    const connect = (/** @type {ConnectionOptions} */ options) =>
      createConnection(this.#guardedAll(options));
    this.#connection = new TransportConnection({
      transport: typeof transport === "function" ? transport : () => transport,
      relay: connect({
        ...events,
        takeTicket: async () => this.#api.takeTicket(await this.#checkedSessionId()),
        url: async () => websocketUrl(await this.#sessionId.get(), globalThis.location.href),
        checkProxy: () => this.#checkProxy(),
      }),
      loadWebRtc: async (fallBack) => {
        const { WebRtcConnection } = await loadWebRtc();
        const { onStart, onPosition, onEnded } = this.#voiceEvents;
        return new WebRtcConnection({
          ...this.#guardedAll(events),
          startCall: async (sdp) => this.#api.startCall(await this.#checkedSessionId(), sdp),
          callState: (callId) => this.#api.callState(callId),
          endCall: (callId) => this.#api.endCall(callId),
          fallBack,
          sound: {
            ...this.#guardedAll({ onStart, onPosition, onEnded }),
            ...(createElement && { createElement }),
          },
        });
      },
      onFellBack: this.#guarded(() => this.onFellBack()),
      onNotLoaded: this.#guarded(() => this.#ended("no_network", "")),
    });
    this.#audioSender = new AudioSender({
      connection: this.#connection,
      isFlowing: () => this.#isFlowing,
      onSlowNetwork: () => this.#networkChanged("slow_network"),
      onNetworkRecovered: () => this.#networkChanged("network_recovered"),
      onFailed: (error) => this.fail(error),
    });
  }

  get state() {
    return stateOf(this.#facts);
  }

  /** Whether a call is open, being opened, or being reconnected. */
  get hasCall() {
    return !this.#isClosed;
  }

  /** Of the open call; null if nothing is known of it, or there is none. @returns {Quality | null} */
  get quality() {
    const quality = this.#facts.link === "open" ? this.#quality.current : null;
    return quality && this.#remote ? { ...quality, isDirect: true } : quality;
  }

  /** Microphone and speaker while a voice conversation runs, else null. */
  get voice() {
    return this.#voice;
  }

  /** The sound of the answers where the connection brings it (WebRTC), else null. */
  get #remote() {
    return this.#connection.remote;
  }

  /** What plays the answers; null without a voice conversation. */
  get #speaker() {
    return this.#voice && (this.#remote ?? this.#voice.speaker);
  }

  /** @returns {ShownLine[]} The conversation in spoken order, as much of it as is shown by now. */
  lines() {
    const { unconfirmed, givenUpItemIds } = this.#turns;
    return this.#shownLines.of(this.#lines(), unconfirmed, this.#isClosed, givenUpItemIds);
  }

  /**
   * Open the call, and reconnect until `close()` or a final ending.
   *
   * @returns {Promise<void>} Settles when the call is open; rejects with the ending as its `code`.
   */
  connect() {
    this.#stay();
    return this.#open();
  }

  /** @returns {Promise<void>} As `connect()`. */
  #open() {
    if (this.#facts.link === "open") return Promise.resolve();
    if (!this.#opening) {
      this.#opening = deferred();
      this.#opening.promise.catch(() => {});
    }
    const { promise } = this.#opening;
    if (this.#isClosed) {
      this.#quality = new CallQuality();
      this.#change("connecting");
      this.#connection.open();
    }
    return promise;
  }

  /**
   * Ask for the microphone and start to listen and to speak. Call it in a tap.
   *
   * @param {VoiceOptions} [options]
   * @throws {MicrophoneError}
   */
  async startAudioStream({
    context,
    microphone = {},
    volume = 1,
    isHandsFree = true,
    isMuted = false,
  } = {}) {
    this.#stay();
    if (this.#voice) {
      if (context !== this.#voice.context) await context?.close();
      return;
    }
    const signal = this.#voiceStart.next();
    const voice = this.#createVoice(
      context ?? this.#createContext(),
      this.#guardedAll(this.#voiceEvents),
    );
    this.#voice = voice;
    this.#microphoneWorks = true;
    this.#change("microphone_asked");
    voice.microphone.setTalking(isHandsFree);
    voice.microphone.setMuted(isMuted);
    voice.speaker.setVolume(volume);
    this.#isTalking = isHandsFree;
    this.#isMuted = isMuted;
    this.#volume = volume;
    this.#updateTrack();
    this.#updateRemote();
    try {
      if (await voice.start(microphone)) this.#change("voice_started");
    } catch (error) {
      // Its microphone may be open already.
      void voice.stop().catch(() => {});
      // Stopped meanwhile, and perhaps started again.
      if (signal.aborted) return;
      this.#voice = null;
      this.#change("microphone_refused");
      throw error;
    }
  }

  /**
   * Back to typing: release the microphone, stop the answer, and end the call as soon as no typed
   * message waits for its answer and the user's last words are written down. Connecting or starting to
   * talk again before that keeps the call.
   */
  async leaveCall() {
    if (this.#isClosed) return this.stopAudioStream();
    // It is not open (any more): what was typed is sent in another way (`takeUnsent`).
    if (this.#facts.link !== "open") return this.close();
    this.#isLeaving = true;
    clearTimeout(this.#lastWordsTimer);
    this.#lastWordsTimer = setTimeout(() => {
      this.#lastWordsTimer = undefined;
      this.#guarded(() => this.#closeIfNothingIsOwed())();
    }, LAST_WORDS_MS);
    this.#updateTimeouts();
    await this.stopAudioStream();
    await this.#sending;
    this.#closeIfNothingIsOwed();
  }

  /**
   * Append turns that were added to the session without a call. Only while no call is open.
   *
   * @param {KeptTurn[]} turns
   */
  addTurns(turns) {
    this.setTurns([...pastOf([], this.#lines()), ...turns]);
  }

  /**
   * Put the server's turns in place of the transcript; those only seen here come after them. Only while
   * no call is open.
   *
   * @param {KeptTurn[]} turns
   */
  setTurns(turns) {
    this.#needsHistory = true;
    this.#replacePast(turns);
    this.onLines();
  }

  /** Remove the typed messages that no call has delivered, to be sent in another way.
   * @returns {TypedMessage[]} */
  takeUnsent() {
    return this.#turns.takeUnconfirmed();
  }

  /**
   * End the call because of an exception that nobody foresaw: the microphone is closed first, whatever
   * else is broken. The ending is `page_failed`.
   *
   * @param {unknown} error Reported to the browser's console.
   */
  fail(error) {
    report(error);
    const isOver = this.#isClosed && !this.#voice;
    void this.#voice?.stop().catch(() => {});
    this.#connection.close();
    if (isOver || this.#isFailing) return;
    this.#isFailing = true;
    if (!attempt(() => this.#ended(PAGE_FAILED, ""))) {
      // What failed may be needed to end the call in an orderly way.
      this.#voice = null;
      attempt(() => this.#change("ended", { reason: PAGE_FAILED }));
    }
    this.#isFailing = false;
  }

  /**
   * Callbacks of the connection or of the devices, each `on…` of which ends the call when it throws: an
   * exception there would leave the microphone open, and nobody would know why nothing happens.
   *
   * @template {object} T
   * @param {T} callbacks
   * @returns {T}
   */
  #guardedAll(callbacks) {
    const guarded = Object.entries(callbacks).map(([name, callback]) => [
      name,
      name.startsWith("on") ? this.#guarded(callback) : callback,
    ]);
    return Object.fromEntries(guarded);
  }

  /**
   * @template {unknown[]} A
   * @param {(...args: A) => void} callback
   * @returns {(...args: A) => void}
   */
  #guarded(callback) {
    return (...args) => {
      try {
        callback(...args);
      } catch (error) {
        this.fail(error);
      }
    };
  }

  /** Back to typing: release the microphone and stop the sound. The call stays open. */
  async stopAudioStream() {
    if (!this.#voice) return;
    this.#stopAnswer();
    this.#turns.answerIn("text");
    this.#send(this.#turns.clearSpeech());
    await this.#endVoice();
  }

  /**
   * Send a typed message. It interrupts the answer, and is answered by voice while a voice
   * conversation runs.
   *
   * @param {string} text
   */
  sendText(text) {
    this.#latency.cancel();
    const clearing = this.#clearingFrames();
    this.#cutSound();
    if (this.#facts.isPlaying) this.#change("answer_cut");
    this.#send(this.#turns.addMessage(text, this.#voice ? "audio" : "text"));
    this.#send(clearing);
    if (this.#facts.link === "open") this.#change("answer_asked");
    this.onLines();
    void this.#open();
  }

  /** Stop the answer, as speech would. Harmless when there is none. */
  interrupt() {
    if (!this.#facts.isPlaying && !this.#facts.isAnswering) return;
    // First: the page is drawn with each change, which takes a slow device longer than a moment.
    this.#stopAnswer();
    this.#change("answer_cut");
  }

  /** @param {boolean} isMuted While muted, silence is sent. */
  setMuted(isMuted) {
    this.#voice?.microphone.setMuted(isMuted);
    this.#isMuted = isMuted;
    this.#updateTrack();
    if (isMuted) this.onLevel(0);
  }

  /** @param {boolean} isTalking Push-to-talk: while not talking, nothing is sent. */
  setTalking(isTalking) {
    this.#voice?.microphone.setTalking(isTalking, { tailMs: TAIL_MS });
    this.#isTalking = isTalking;
    this.#updateTrack();
    if (!isTalking) this.onLevel(0);
  }

  /** @param {number} volume 0..1 */
  setVolume(volume) {
    this.#voice?.speaker.setVolume(volume);
    this.#volume = volume;
    this.#updateRemote();
  }

  /** Send the microphone's track over a connection that takes one, silent while nobody talks. */
  #updateTrack() {
    this.#connection.setMicrophone({ track: this.#track, isOn: this.#isTalking && !this.#isMuted });
  }

  /** Play a WebRTC call's sound as loud as the user wants, and measure its level. */
  #updateRemote() {
    this.#remote?.setVolume(this.#volume);
    this.#remote?.setContext(this.#voice?.context ?? null);
  }

  /** The level of the answer as it is played at this moment, as a fraction of full scale. */
  get playedRms() {
    return this.#speaker?.playedRms ?? 0;
  }

  /** The session that was created was deleted, before a call of it was open: the next call, message or
   * speech creates another one. */
  forgetSession() {
    this.#sessionId.forget();
  }

  /** Try to turn the sound on while it is blocked. Call it in a tap. */
  resumeSound() {
    this.#voice?.resume();
    this.#remote?.resume();
  }

  /** @param {MicrophoneSettings} settings @throws {MicrophoneError} */
  async changeMicrophone(settings) {
    await this.#voice?.change(settings);
  }

  /** Close the call and release every device. Harmless when closed. */
  async close() {
    const voice = this.#voice;
    try {
      await this.#closeInOrder();
    } catch (error) {
      // Else its microphone might stay open.
      await voice?.stop();
      throw error;
    }
  }

  async #closeInOrder() {
    this.#stay();
    // By the last report instead of an exact count: a page that is unloaded cannot wait for one.
    for (const frame of this.#truncate(this.#speaker?.heardSoFar() ?? [])) {
      this.#connection.send(frame);
    }
    this.#assumeTruncated();
    this.#connection.close();
    this.#turns.close();
    this.#expectNoMore();
    this.#opening = null;
    this.#change("closed");
    await this.#endVoice();
  }

  /** @returns {Line[]} */
  #lines() {
    return /** @type {Line[]} */ (this.#transcript.lines());
  }

  /** Do not end the call by itself. */
  #stay() {
    this.#isLeaving = false;
    clearTimeout(this.#lastWordsTimer);
    this.#lastWordsTimer = undefined;
    this.#updateTimeouts();
  }

  #closeIfNothingIsOwed() {
    if (!this.#isLeaving || this.#isClosed || this.#turns.isOwed) return;
    const isWriting = this.#lines().some(
      ({ role, status }) => role === "user" && status === "in_progress",
    );
    if (!isWriting || this.#lastWordsTimer === undefined) this.#closeQuietly();
  }

  /** Close without awaiting it. A failure of the close is shown like every unforeseen exception. */
  #closeQuietly() {
    this.close().catch((error) => this.fail(error));
  }

  /** Whether nothing is sent until the call is opened again. */
  get #isClosed() {
    return this.#facts.link === "closed" || this.#facts.link === "ended";
  }

  /** Whether audio may be sent: the call is open and its history is known. */
  get #isFlowing() {
    return this.#connection.isReady && !this.#waitingEvents && !this.#remote;
  }

  /** @param {Change} change @param {ChangeDetail} [detail] */
  #change(change, detail) {
    const before = this.#facts;
    this.#facts = after(before, change, detail);
    if (this.#facts.wasCut && !before.wasCut) {
      clearTimeout(this.#cutTimer);
      const shown = this.#guarded(() => this.#change("cut_shown"));
      this.#cutTimer = setTimeout(shown, cutShownMs(this.#facts));
    }
    this.#updateTimeouts();
    const hasHeartbeat = needsHeartbeat(this.#facts);
    if (hasHeartbeat !== needsHeartbeat(before)) this.#connection.setHeartbeat(hasHeartbeat);
    this.#updateRest(before);
    this.onState(stateOf(this.#facts));
  }

  /** Release the microphone in a long outage, and open it after one. @param {Facts} before */
  #updateRest(before) {
    const isUnheard = hasUnheardVoice(this.#facts);
    if (isUnheard !== hasUnheardVoice(before)) {
      clearTimeout(this.#restTimer);
      const rest = this.#guarded(() => this.#restMicrophone());
      if (isUnheard) this.#restTimer = setTimeout(rest, MICROPHONE_KEPT_MS);
    }
    if (this.#facts.link === "open" && before.isResting) {
      // It may be gone by now, or not be allowed without a tap: then the card has a button.
      this.#voice?.wakeMicrophone().catch(() => this.#microphoneProblem("stopped"));
    }
  }

  /** Nobody hears it, and nobody knows for how long: release the microphone. */
  #restMicrophone() {
    // Who released it before opens it again.
    if (!this.#facts.hasVoice || this.#voice?.isResting) return;
    this.#voice?.restMicrophone().catch((error) => this.fail(error));
    this.#audioSender.clear();
    this.#change("microphone_rested");
    this.onLevel(0);
  }

  /** The session's id. Throws, before anything is sent, for one that no session can have. */
  async #checkedSessionId() {
    const id = await this.#sessionId.get();
    if (isSessionId(id)) return id;
    throw new ApiError(SESSION_ID_MALFORMED, 0, malformedSentence(this.#api.language));
  }

  async #checkProxy() {
    const sessionId = await this.#sessionId.get();
    const url = websocketUrl(sessionId, globalThis.location.href);
    return checkProxy(
      () => this.#api.askWebSocketPath(sessionId),
      () => opensWithoutSubprotocols(url),
    );
  }

  /** @param {ServerEvent} event */
  #receive(event) {
    this.#timeouts.restartByEvent();
    if (event.type === "relay.ready") this.#becameReady().catch((error) => this.fail(error));
    else if (this.#waitingEvents) this.#waitingEvents.push(event);
    else this.#handle(event);
  }

  async #becameReady() {
    this.#audioSender.resetSpeed();
    this.#updateRemote();
    // What was said before the call was ready; the track itself is sent from now on.
    if (this.#remote) this.#audioSender.clear();
    /** @type {ServerEvent[]} */
    const events = [];
    if (this.#needsHistory && !(await this.#loadHistory(events))) return;
    this.#needsHistory = true;
    this.#change("ready");
    this.#send(this.#turns.open(this.#knownItemIds()));
    if (this.#turns.isAnswerDue) this.#change("answer_asked");
    for (const event of events) this.#handle(event);
    if (!this.#remote) this.#audioSender.flush();
    this.#opening?.resolve();
    this.#opening = null;
    this.onLines();
    this.onConnected();
  }

  /**
   * Put the server's history in front of the transcript. Events wait in `events` meanwhile.
   *
   * @param {ServerEvent[]} events
   * @returns {Promise<boolean>} False when this connection is not to be used any more.
   */
  async #loadHistory(events) {
    const signal = this.#historyRequest.next();
    this.#waitingEvents = events;
    const kept = await this.#api.turns(await this.#sessionId.get()).catch(() => null);
    // Lost meanwhile, and perhaps ready again: then that connection requests its own history.
    if (signal.aborted || !this.#connection.isReady) return false;
    if (!kept) {
      // Without the history, messages that arrived could not be told from those that were lost.
      this.#connection.drop();
      return false;
    }
    this.#replacePast(kept);
    this.#waitingEvents = null;
    return true;
  }

  /** @param {KeptTurn[]} kept Turns that the server has; those only seen here come after them. */
  #replacePast(kept) {
    this.#transcript = new TranscriptAssembler(pastOf(kept, this.#lines()));
    this.#finishedTurns.skip(this.#lines());
  }

  /** @param {ServerEvent} event */
  #handle(event) {
    this.#transcript.feed(event);
    this.#send(this.#turns.fromServer(event));
    if (Object.hasOwn(this.#handlers, event.type)) this.#handlers[event.type]?.(event);
    // A delta finishes no turn; there are dozens of them a second.
    if (!event.type.endsWith(".delta")) this.#reportTurns();
    this.#updateTimeouts();
    this.onLines();
    this.#closeIfNothingIsOwed();
  }

  #reportTurns() {
    const isSounding = (/** @type {Line} */ { itemId }) => this.#captions.isPaced(itemId);
    for (const line of this.#finishedTurns.take(this.#lines(), isSounding)) {
      const { text, role } = line;
      if (role === "user" || role === "assistant") this.onTranscript(text, role, heardOf(line));
    }
  }

  /** @type {Readonly<Record<string, (event: ServerEvent) => void>>} */
  #handlers = Object.freeze({
    "input_audio_buffer.speech_started": () => {
      this.#latency.cancel();
      this.#cutSound();
      this.#change("speech_started");
      // The event was on its way when the microphone was turned off.
      if (!this.#canHear) this.#send(this.#turns.clearSpeech());
    },
    "input_audio_buffer.speech_stopped": ({ item_id: itemId }) => {
      this.#lastSpeechId = itemId;
      this.#timeouts.addTranscript(itemId);
      this.#latency.speechStopped();
      this.#change("speech_stopped");
    },
    "input_audio_buffer.committed": ({ item_id: itemId }) => {
      this.#lastSpeechId = itemId;
      this.#timeouts.addTranscript(itemId);
    },
    "conversation.item.added": ({ item }) => this.#itemAdded(item),
    "conversation.item.created": ({ item }) => this.#itemAdded(item),
    "conversation.item.input_audio_transcription.completed": ({ item_id: itemId, transcript }) => {
      this.#timeouts.endTranscript(itemId);
      if (itemId === this.#lastSpeechId) this.#isNoise = !hasWords(String(transcript ?? ""));
    },
    "conversation.item.input_audio_transcription.failed": ({ item_id: itemId }) =>
      this.#timeouts.endTranscript(itemId),
    "input_audio_buffer.cleared": () => {
      this.#change("speech_dropped");
      if (this.#turns.isAnswerDue) this.#change("answer_asked");
    },
    "response.created": () => this.#change("answer_started"),
    "response.output_item.done": ({ item }) =>
      this.#finishSound(({ itemId }) => itemId === item?.id),
    "response.done": ({ response }) => {
      this.#finishSound(({ responseId }) => responseId === response?.id);
      this.#answerEnded();
      if (response?.status === "failed") this.onError({ code: "answer_failed", message: "" });
    },
    "response.output_audio_transcript.delta": (event) => this.#expectSound(event),
    // Of a WebRTC call only.
    "output_audio_buffer.started": (event) => {
      if (this.#voice && this.#turns.isPlayable(event)) {
        this.#remote?.started(textAt(event, "response_id"));
      }
    },
    "output_audio_buffer.stopped": (event) => this.#remote?.stopped(textAt(event, "response_id")),
    "output_audio_buffer.cleared": () => {
      if (!this.#remote?.isPlaying) return;
      this.#cutSound();
      this.#change("answer_cut");
    },
    "response.output_audio.delta": (event) => this.#play(event),
    "response.output_audio.done": (event) => this.#soundComplete(event),
    "conversation.item.truncated": (event) =>
      this.#captions.over(textAt(event, "item_id"), indexFrom(event.content_index)),
    error: ({ error }) => {
      if (ERRORS_NOT_SHOWN.has(error?.code)) return;
      this.#answerEnded();
      this.onError({ code: "answer_failed", message: "" });
    },
    "relay.rotating": ({ reason }) => {
      if (reason === "provider_lost") this.#providerLost();
    },
    "relay.rotated": ({ reason, result }) => {
      if (result === "renewed") this.#rotated(reason);
    },
    "relay.budget": ({ kind, level, resets_at: resetsAt }) =>
      this.onBudget({ kind, level, resetsAt: resetsAt ? new Date(resetsAt) : null }),
    "relay.error": ({ code, message }) => {
      // Rate limit: audio that a stalled network held back arrived all at once. A client that keeps
      // sending too much is disconnected with that ending.
      if (code === "rate_limit") this.#audioSender.reportSlow(this.#voice !== null);
      else this.onError({ code, message });
    },
  });

  #answerEnded() {
    if (!this.#turns.isAnswerDue) this.#change("answer_ended");
  }

  /** Speech may come as an item without a commit. @param {Record<string, any> | undefined} item */
  #itemAdded(item) {
    if (item?.role !== "user" || !Array.isArray(item.content)) return;
    if (item.content.some((content) => content?.type === "input_audio" && !content.transcript)) {
      this.#timeouts.addTranscript(item.id);
    }
  }

  /** @type {Readonly<Record<Consequence, (itemId: string) => void>>} */
  #consequences = Object.freeze({
    drop_speech: () => {
      this.#transcript.dropSpeech();
      this.#change("speech_dropped");
      this.#send(this.#turns.forgetSpeech());
      if (this.#turns.isAnswerDue) this.#change("answer_asked");
      this.#gaveUp();
    },
    stop_thinking: () => {
      this.#latency.cancel();
      this.#change("answer_ended");
    },
    give_up_answer: () => this.#giveUpAnswer(),
    end_answer: () => {
      this.#finishSound();
      this.#transcript.giveUpAnswers();
      this.#send(this.#turns.assumeEnded());
      this.#answerEnded();
      this.#gaveUp();
    },
    assume_cancelled: () => {
      this.#transcript.giveUpAnswers();
      this.#send(this.#turns.assumeEnded());
      this.#gaveUp();
    },
    end_sound: () => {
      this.#captions.allOver();
      this.#reportTurns();
      this.#change("sound_ended");
      this.onLines();
    },
    assume_truncated: () => {
      this.#assumeTruncated();
      this.#gaveUp();
    },
    note_lost_transcript: (itemId) => {
      this.#transcript.giveUpTranscript(itemId);
      this.#gaveUp();
    },
    close: () => this.#closeQuietly(),
  });

  #giveUpAnswer() {
    const { hasOutput, isAnswerComplete } = this.#turns;
    this.#latency.cancel();
    this.#finishSound();
    this.#transcript.giveUpAnswers();
    this.#transcript.dropSpeech();
    this.#send(this.#turns.giveUpAnswer());
    this.#change("answer_ended");
    if (!isAnswerComplete) {
      this.onError({ code: hasOutput ? "answer_failed" : "no_answer", message: "" });
    }
    this.#gaveUp();
  }

  /** Something is not waited for any more: lines may have ended with it, and the call. */
  #gaveUp() {
    this.#reportTurns();
    this.onLines();
    this.#closeIfNothingIsOwed();
  }

  /** The call is closed or lost: no text and no end of an answer will come. */
  #expectNoMore() {
    for (const itemId of this.#timeouts.itemIds) {
      this.#timeouts.endTranscript(itemId);
      this.#transcript.giveUpTranscript(itemId);
    }
    this.#transcript.dropSpeech();
    this.#transcript.giveUpAnswers();
    this.#unfinishedParts.take();
  }

  /** Compare what is waited for with the facts. */
  #updateTimeouts() {
    const { isAnswerComplete, isAnswerDue, isCancelling, isTruncating } = this.#turns;
    this.#isNoise &&= this.#facts.isAnswering && !isAnswerDue;
    const progress = {
      isNoise: this.#isNoise,
      isAnswerComplete,
      isCancelling,
      isTruncating,
      isLeaving: this.#isLeaving,
    };
    this.#timeouts.set(timeoutsFor(this.#facts, progress));
  }

  /** @param {ServerEvent} event A `response.output_audio.delta`. */
  #play(event) {
    const itemId = textAt(event, "item_id");
    const contentIndex = indexFrom(event.content_index);
    // Also a delta that is not played: the byte left over of it belongs to the next one.
    const pcm = this.#pcmStream.decode(
      partKey(itemId, contentIndex),
      event.delta,
      textAt(event, "event_id"),
    );
    if (!this.#voice || this.#remote || pcm.length === 0 || !this.#turns.isPlayable(event)) return;
    const responseId = textAt(event, "response_id");
    this.#unfinishedParts.add({ itemId, contentIndex, responseId });
    this.#captions.received(itemId, contentIndex, pcm.length / SAMPLES_PER_MS);
    this.#voice.speaker.play(itemId, contentIndex, pcm);
    this.onSound(itemId, contentIndex, pcm);
  }

  /** In a WebRTC call, the words say how long the sound will be.
   * @param {ServerEvent} event A `response.output_audio_transcript.delta`. */
  #expectSound(event) {
    if (!this.#remote || !this.#voice || !this.#turns.isPlayable(event)) return;
    const itemId = textAt(event, "item_id");
    const contentIndex = indexFrom(event.content_index);
    const responseId = textAt(event, "response_id");
    const ms = this.#remote.addText(responseId, itemId, contentIndex, textAt(event, "delta"));
    if (ms === 0) return;
    this.#captions.expected(itemId, contentIndex, ms);
    this.#transcript.estimateAudio(itemId, contentIndex, ms);
  }

  /** @param {ServerEvent} event A `response.output_audio.done`. */
  #soundComplete(event) {
    const itemId = textAt(event, "item_id");
    const contentIndex = indexFrom(event.content_index);
    this.#pcmStream.end(partKey(itemId, contentIndex));
    this.#finishSound((part) => part.itemId === itemId && part.contentIndex === contentIndex);
  }

  /** No more audio comes for these parts. @param {(part: AudioPart) => boolean} [hasEnded] */
  #finishSound(hasEnded) {
    for (const { itemId, contentIndex } of this.#unfinishedParts.take(hasEnded)) {
      this.#pcmStream.end(partKey(itemId, contentIndex));
      this.#voice?.speaker.finish(itemId, contentIndex);
    }
  }

  /** @type {VoiceEvents} */
  #voiceEvents = {
    onChunk: (chunk) => this.#captured(chunk),
    onProblem: (problem) => this.#microphoneProblem(problem),
    onAllowed: () => this.#change("microphone_allowed"),
    onBlocked: (isBlocked) => this.#soundBlocked(isBlocked),
    onTrack: (track) => {
      this.#track = track;
      this.#updateTrack();
    },
    onStart: (_itemId, _contentIndex, isSilent) => this.#soundStarted(isSilent),
    onPosition: (itemId, contentIndex, playedMs) => {
      this.#timeouts.restart("sound");
      // It goes on after a stand-still that was taken for its end.
      if (!this.#facts.isPlaying) this.#change("sound_started");
      this.#captions.played(itemId, contentIndex, playedMs);
      this.onLines();
    },
    onEnded: (itemId, contentIndex) => {
      this.#timeouts.restart("sound");
      this.#captions.over(itemId, contentIndex);
      this.#reportTurns();
      this.#change("sound_ended");
      this.onLines();
    },
  };

  /** @param {boolean} isSilent Its text appears without it. */
  #soundStarted(isSilent) {
    this.#timeouts.restart("sound");
    if (isSilent) this.#latency.cancel();
    const latencyMs = this.#speaker?.latencyMs ?? 0;
    const waitedMs = this.#latency.soundStarted(performance.now() + latencyMs);
    if (this.#voice && waitedMs !== null) this.#answered(waitedMs);
    this.#change("sound_started");
  }

  /** @param {number} waitedMs */
  #answered(waitedMs) {
    this.#quality.answered(waitedMs);
    this.onLatency(waitedMs);
    this.onQuality();
  }

  /** @param {"slow_network" | "network_recovered"} problem */
  #networkChanged(problem) {
    this.#quality.slow(problem === "slow_network");
    this.onProblem(problem);
    this.onQuality();
  }

  /** @param {MicrophoneProblem} problem */
  #microphoneProblem(problem) {
    if (problem !== "silent") this.#microphoneWorks = problem === "recovered";
    if (!this.#canHear) this.#send(this.#turns.clearSpeech());
    this.onProblem(problem);
  }

  /** @param {boolean} isBlocked */
  #soundBlocked(isBlocked) {
    this.#change(isBlocked ? "sound_blocked" : "sound_allowed");
    if (!this.#canHear) this.#send(this.#turns.clearSpeech());
    this.onProblem(isBlocked ? "sound_blocked" : "sound_allowed");
  }

  /** Whether the microphone sends audio. */
  get #canHear() {
    return this.#microphoneWorks && !this.#facts.isBlocked;
  }

  /** @param {Chunk} chunk */
  #captured({ pcm, rms }) {
    this.onLevel(rms);
    this.#latency.addLevel(rms, performance.now());
    if (rms >= MIN_SPEECH_RMS) this.#timeouts.restart("speech_end");
    const isSentAsTrack = this.#remote && this.#connection.isReady;
    if (!isSentAsTrack) this.#audioSender.push(pcm);
  }

  #stopAnswer() {
    const clearing = this.#clearingFrames();
    this.#cutSound();
    this.#send(this.#turns.stop());
    this.#send(clearing);
  }

  /** What makes the provider stop the sound that it has begun to send over WebRTC. @returns {Frame[]} */
  #clearingFrames() {
    if (!this.#voice || !this.#remote?.isPlaying) return [];
    return [{ type: "output_audio_buffer.clear", event_id: newItemId() }];
  }

  /** Stop the sound now; send what was heard of it when the audio thread has counted it. */
  #cutSound() {
    if (!this.#voice) return;
    const flushed = this.#remote ? this.#remote.flush() : this.#voice.flush();
    const frames = flushed.then((cuts) => {
      const truncations = this.#truncate(cuts);
      // Lost meanwhile: nothing is sent, and nothing confirms it.
      if (this.#facts.link !== "open") this.#assumeTruncated();
      this.#reportTurns();
      this.#updateTimeouts();
      return truncations;
    });
    this.#send(frames);
  }

  /** @param {Cut[]} cuts @returns {Frame[]} None in a WebRTC call, whose provider knows what it has played. */
  #truncate(cuts) {
    for (const { itemId, contentIndex, wasAllHeard } of cuts) {
      if (wasAllHeard) this.#captions.over(itemId, contentIndex);
    }
    const frames = this.#turns.truncate(cuts);
    return this.#remote ? [] : frames;
  }

  /** The server confirms no cut: truncate the lines by what was played here. The server's history, which
   * comes with the next connection, replaces this. */
  #assumeTruncated() {
    for (const { itemId, contentIndex, heardMs } of this.#turns.takeUnconfirmedCuts()) {
      this.#transcript.feed({
        type: "conversation.item.truncated",
        item_id: itemId,
        content_index: contentIndex,
        audio_end_ms: heardMs,
      });
      this.#captions.over(itemId, contentIndex);
    }
  }

  /** The connection is lost or closed: truncate the lines that sound by the speaker's last report. */
  #truncateHere() {
    this.#truncate(this.#speaker?.heardSoFar() ?? []);
    this.#assumeTruncated();
  }

  /** Send frames after all earlier ones. @param {Frame[] | Promise<Frame[]>} frames */
  #send(frames) {
    this.#sending = this.#sending.then(async () => {
      await this.#sendNow(frames).catch((error) => this.fail(error));
    });
    this.#updateTimeouts();
  }

  /** @param {Frame[] | Promise<Frame[]>} frames */
  async #sendNow(frames) {
    for (const frame of await frames) this.#connection.send(frame);
  }

  /** @param {number} attempt @param {string} reason */
  #reconnecting(attempt, reason) {
    this.#answerLost();
    this.#quality.lost();
    this.#change("reconnecting", { attempt, reason });
    this.onLines();
  }

  /** The server has lost its connection to the provider; the call goes on over another one. */
  #providerLost() {
    this.#answerLost();
    this.#change("renewing");
  }

  /**
   * The call goes on over another connection to the provider, which has a conversation of its own: what
   * was said so far is its past.
   *
   * @param {string} reason
   */
  #rotated(reason) {
    this.#reportTurns();
    // The new connection did not hear how this speech began.
    if (this.#facts.isHearing) this.#consequences.drop_speech("");
    this.#replacePast([]);
    if (reason !== "provider_lost") return;
    this.#change("renewed");
    this.#send(this.#turns.open(this.#knownItemIds()));
    if (this.#turns.isAnswerDue) this.#change("answer_asked");
  }

  /** The items of the transcript. */
  #knownItemIds() {
    return new Set(this.#lines().map(({ itemId }) => itemId));
  }

  /** Nothing more comes of the answer in progress. */
  #answerLost() {
    // The server records as heard only what was played until now.
    this.#truncateHere();
    this.#cutSound();
    // No event of the lost call will end its captions: an answer that was not yet audible would stay
    // without its text, also after the history came.
    this.#captions.allOver();
    this.#reportTurns();
    this.#pcmStream.clear();
    this.#turns.close();
    this.#expectNoMore();
  }

  /** @param {string} reason @param {string} message @param {Record<string, string>} [detail] */
  #ended(reason, message, detail) {
    this.#connection.ended();
    this.#truncateHere();
    void this.#remote?.flush();
    this.#turns.close();
    this.#expectNoMore();
    this.#replacePast([]);
    this.#change("ended", { reason, ...(detail && { detail }) });
    this.#opening?.reject(Object.assign(new Error(reason), { code: reason }));
    this.#opening = null;
    this.onError({ code: reason, message });
    this.#endVoice().catch((error) => this.fail(error));
  }

  async #endVoice() {
    const voice = this.#voice;
    this.#voice = null;
    // First, so that no exception in the rest leaves the microphone open.
    const stopping = voice?.stop();
    void this.#remote?.flush();
    this.#updateRemote();
    this.#voiceStart.cancel();
    this.#microphoneWorks = false;
    this.#audioSender.clear();
    this.#latency.reset();
    this.#captions.allOver();
    this.#reportTurns();
    if (voice) this.#change("voice_stopped");
    this.onLevel(0);
    this.onLines();
    await stopping;
  }
}

/** Show an exception that was caught in the browser's console. @param {unknown} error */
function report(error) {
  globalThis.reportError?.(error);
}

/** @param {() => void} action @returns {boolean} Whether it threw nothing. */
function attempt(action) {
  try {
    action();
    return true;
  } catch (error) {
    report(error);
    return false;
  }
}

/** @param {string} authToken */
function apiOf(authToken) {
  const api = new Api();
  api.token = authToken;
  return api;
}

Object.assign(globalThis, { RealtimeClient });
