/**
 * One session, spoken and typed: `new RealtimeClient(authToken, sessionId)`, then `connect()` and, in
 * a tap, `startAudioStream()`. Also on `globalThis`, to be driven from the browser's console.
 *
 * It carries out what the pure modules decide: TurnTaking which frames go out, `after` and `stateOf`
 * where the call stands, Transcript the order of the lines, Captions how much of them is shown.
 */

import { Api } from "./api.js";
import { base64FromPcm, pcmFromBase64, SAMPLES_PER_MS } from "./audio/pcm.js";
import { SpeechEnd } from "./audio/speech-end.js";
import { AudioQueue, MAX_UNSENT_BYTES } from "./call/audio-queue.js";
import { after, cutShownMs, NOTHING_YET, stateOf } from "./call/call-state.js";
import { Connection } from "./call/connection.js";
import { TurnTaking } from "./call/turn-taking.js";
import { openAudioContext, Voice } from "./call/voice.js";
import { Transcript } from "./transcript/assembler.js";
import { Captions } from "./transcript/captions.js";
import { pastOf } from "./transcript/past.js";

/** @import { Chunk, MicrophoneProblem, MicrophoneSettings } from "./audio/microphone.js" */
/** @import { CallState, Happening } from "./call/call-state.js" */
/** @import { KeptTurn, Line } from "./transcript/past.js" */
/** @import { Frame, ServerEvent } from "./call/turn-taking.js" */

/** How long the server may say nothing at all while an answer is due. */
const SILENT_MS = 20_000;
/** What was lost must be read about, though the network is well again at once. */
const SLOW_SHOWN_MS = 8_000;
/** One chunk's length: so soon a network that takes nothing more is tried again. */
const PUMP_AGAIN_MS = 40;
/** Silence behind a push-to-talk release, so that the server's turn detection ends the turn at once. */
const TAIL_MS = 1200;

/**
 * @typedef {Line & { shown: string, isPending: boolean, isHeldBack: boolean }} ShownLine `shown` is
 *   what may be read by now; `isPending` a typed message that the server has not confirmed, and
 *   `isHeldBack` one that waits for the call to be opened again.
 * @typedef {{ code: string, message: string }} Trouble
 * @typedef {MicrophoneProblem | "slow_network" | "network_recovered"} Problem
 * @typedef {{
 *   context?: AudioContext, microphone?: MicrophoneSettings, volume?: number, isHandsFree?: boolean,
 *   isMuted?: boolean,
 * }} VoiceOptions
 */

/** Errors of the provider that follow from two sides speaking at once and need nobody's attention. */
const TOLERATED = new Set([
  "response_cancel_not_active",
  "conversation_already_has_active_response",
  "item_create_duplicate_item_id",
  "invalid_value",
]);

/** A session's conversation with the server. */
export class RealtimeClient {
  /** The call is open: what is sent from now on is heard. */
  onConnected = () => {};
  /** A turn is complete. @type {(text: string, role: "user" | "assistant") => void} */
  onTranscript = () => {};
  /** Something failed; the call may go on. @type {(trouble: Trouble) => void} */
  onError = () => {};
  /** @type {(state: CallState) => void} */
  onState = () => {};
  /** The lines, or how much of them is shown, changed. */
  onLines = () => {};
  /** How loud the microphone is, of full scale. @type {(rms: number) => void} */
  onLevel = () => {};
  /** Milliseconds from the end of speech to the first sound. @type {(ms: number) => void} */
  onLatency = () => {};
  /** @type {(problem: Problem) => void} */
  onProblem = () => {};

  #api;
  #sessionId;
  /** @type {Promise<string> | null} */
  #making = null;
  #connection;
  #turns = new TurnTaking(newId);
  #captions = new Captions();
  #audioQueue = new AudioQueue();
  #transcript;
  #facts = NOTHING_YET;
  /** @type {Voice | null} */
  #voice = null;
  #canBeHeard = false;
  /** @type {Promise<void>} Frames go out in the order in which they were decided. */
  #outgoing = Promise.resolve();
  /** @type {ServerEvent[] | null} Events that wait for the history after a reconnection. */
  #held = null;
  /** @type {PromiseWithResolvers<void> | null} */
  #opening = null;
  /** Whether there are turns that this client was not told of. */
  #mayHaveMissed = false;
  #isSlow = false;
  #slowedDownAtMs = 0;
  #speechEnd = new SpeechEnd();
  /** @type {number | null} Where the time to the answer counts from, until its first sound. */
  #speechEndedAtMs = null;
  #cutTimer = 0;
  #pumpTimer = 0;
  #silenceTimer = 0;

  /**
   * @param {string} authToken
   * @param {string | (() => Promise<string>)} sessionId The session, or how to make it: that waits
   *   for the first word, so that a microphone which is refused leaves nothing behind.
   * @param {{ api?: Api, pastTurns?: KeptTurn[] }} [options]
   */
  constructor(authToken, sessionId, { api, pastTurns = [] } = {}) {
    this.#api = api ?? new Api();
    if (!api) this.#api.token = authToken;
    this.#sessionId = sessionId;
    this.#mayHaveMissed = typeof sessionId === "string";
    this.#transcript = new Transcript(pastTurns);
    this.#connection = new Connection({
      takeTicket: async () => this.#api.takeTicket(await this.#session()),
      urlOf: async () => urlOf(await this.#session()),
      onEvent: (event) => this.#receive(event),
      onComingBack: (attempt) => this.#comingBack(attempt),
      onEnded: (why, sentence) => this.#ended(why, sentence),
    });
  }

  get state() {
    return stateOf(this.#facts);
  }

  /** Microphone and speaker while a voice conversation runs, else null. */
  get voice() {
    return this.#voice;
  }

  /** @returns {ShownLine[]} The conversation in spoken order, at the pace of the voice. */
  lines() {
    const lines = /** @type {Line[]} */ (this.#transcript.lines());
    const ids = new Set(lines.map(({ itemId }) => itemId));
    const typed = this.#turns.unconfirmed.filter(({ itemId }) => !ids.has(itemId));
    return [
      ...lines.map((line) => ({
        ...line,
        shown: this.#captions.shown(line),
        isPending: false,
        isHeldBack: false,
      })),
      ...typed.map((message) => pendingLine(message, this.#isResting)),
    ];
  }

  /**
   * Opens the call, and keeps it open until `close()` or a final end.
   *
   * @returns {Promise<void>} Settles when the call is open, or fails with why it could not be.
   */
  connect() {
    if (this.#facts.link === "open") return Promise.resolve();
    if (!this.#opening) {
      this.#opening = Promise.withResolvers();
      this.#opening.promise.catch(() => {});
    }
    if (this.#facts.link === "closed" || this.#facts.link === "ended") {
      this.#happened("connecting");
      this.#connection.open();
    }
    return this.#opening.promise;
  }

  /**
   * Asks for the microphone and starts to listen and to speak. To be called in a tap.
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
    if (this.#voice) {
      if (context !== this.#voice.context) await context?.close();
      return;
    }
    const voice = new Voice(context ?? openAudioContext(), {
      onChunk: (chunk) => this.#captured(chunk),
      onProblem: (problem) => this.#microphoneFailed(problem),
      onAllowed: () => this.#happened("microphone_allowed"),
      onStart: () => this.#soundStarted(),
      onPosition: (...position) => this.#soundPlayed(...position),
      onEnded: (...key) => this.#soundEnded(...key),
      onUnderrun: () => {},
    });
    this.#voice = voice;
    this.#canBeHeard = true;
    this.#happened("microphone_asked");
    voice.microphone.setTalking(isHandsFree);
    voice.microphone.setMuted(isMuted);
    voice.speaker.setVolume(volume);
    try {
      if (await voice.start(microphone)) this.#happened("voice_started");
    } catch (error) {
      // Stopped meanwhile, and perhaps started anew.
      if (this.#voice !== voice) return;
      this.#voice = null;
      this.#happened("microphone_refused");
      throw error;
    }
  }

  /** Back to typing: the microphone's light goes off, the voice falls silent, the call stays open. */
  async stopAudioStream() {
    const voice = this.#voice;
    if (!voice) return;
    this.#stopAnswer();
    this.#turns.answerIn("text");
    this.#post(this.#turns.dropSpeech());
    await this.#endVoice();
  }

  /**
   * Says something by keyboard. It interrupts the voice, and is answered by voice while one runs.
   *
   * @param {string} text
   */
  sendText(text) {
    this.#speechEndedAtMs = null;
    if (this.#facts.isPlaying) this.#happened("answer_cut");
    this.#cutSound();
    this.#post(this.#turns.type(text, this.#voice ? "audio" : "text"));
    if (this.#facts.link === "open") this.#happened("answer_asked");
    this.onLines();
    void this.connect();
  }

  /** Stops the answer, as if the person had spoken. Harmless when there is none. */
  interrupt() {
    if (!this.#facts.isPlaying && !this.#facts.isAnswering) return;
    this.#happened("answer_cut");
    this.#stopAnswer();
  }

  /** @param {boolean} isMuted While muted, silence is sent. */
  setMuted(isMuted) {
    this.#voice?.microphone.setMuted(isMuted);
    if (isMuted) this.onLevel(0);
  }

  /** @param {boolean} isTalking Push-to-talk: while not talking, nothing is sent. */
  setTalking(isTalking) {
    this.#voice?.microphone.setTalking(isTalking, { tailMs: TAIL_MS });
    if (!isTalking) this.onLevel(0);
  }

  /** @param {number} volume 0..1 */
  setVolume(volume) {
    this.#voice?.speaker.setVolume(volume);
  }

  /** @param {MicrophoneSettings} settings @throws {MicrophoneError} */
  async changeMicrophone(settings) {
    await this.#voice?.change(settings);
  }

  /** Hangs up and gives every device back. Harmless when closed. */
  async close() {
    // At once: a page that goes away waits for nothing, and what was sent is not yet heard.
    for (const frame of this.#turns.cut(this.#voice?.speaker.heardSoFar() ?? [])) {
      this.#connection.send(frame);
    }
    this.#connection.close();
    this.#turns.close();
    this.#opening = null;
    this.#happened("closed");
    await this.#endVoice();
  }

  /** Made at most once, however many ask for it. A refusal may be tried again. */
  async #session() {
    if (typeof this.#sessionId === "string") return this.#sessionId;
    this.#making ??= this.#sessionId();
    try {
      this.#sessionId = await this.#making;
      return this.#sessionId;
    } finally {
      this.#making = null;
    }
  }

  /** Nothing goes out until somebody opens the call again. */
  get #isResting() {
    return this.#facts.link === "closed" || this.#facts.link === "ended";
  }

  /** @param {Happening} happening @param {{ attempt?: number, why?: string }} [detail] */
  #happened(happening, detail) {
    const before = this.#facts;
    this.#facts = after(before, happening, detail);
    if (this.#facts.wasCut && !before.wasCut) {
      clearTimeout(this.#cutTimer);
      this.#cutTimer = setTimeout(() => this.#happened("cut_shown"), cutShownMs(this.#facts));
    }
    if (this.#facts.isAnswering !== before.isAnswering) this.#awaitAnswer();
    // Who only types finds out with the next message.
    if (this.#facts.hasVoice !== before.hasVoice) this.#connection.watch(this.#facts.hasVoice);
    this.onState(stateOf(this.#facts));
  }

  /** "Thinking" must not stay for ever when the line has gone dumb. */
  #awaitAnswer() {
    clearTimeout(this.#silenceTimer);
    if (!this.#facts.isAnswering) return;
    this.#silenceTimer = setTimeout(() => this.#connection.drop({ isDumb: true }), SILENT_MS);
  }

  /** @param {ServerEvent} event */
  #receive(event) {
    this.#awaitAnswer();
    if (event.type === "relay.ready") void this.#becameReady();
    else if (this.#held) this.#held.push(event);
    else this.#hear(event);
  }

  /** Unless the session is new, what the server kept comes first; only then what is new. */
  async #becameReady() {
    this.#isSlow = false;
    /** @type {ServerEvent[]} */
    const events = [];
    if (this.#mayHaveMissed) {
      this.#held = events;
      const kept = await this.#api.turns(await this.#session()).catch(() => null);
      // Lost, and perhaps ready again: then that one asks for itself.
      if (this.#held !== events || !this.#connection.isReady) return;
      // Without its past, what was sent could not be told from what was not.
      if (!kept) return this.#connection.drop();
      this.#transcript = new Transcript(pastOf(kept, this.#transcript.lines()));
      this.#held = null;
    }
    this.#mayHaveMissed = true;
    const known = new Set(this.#transcript.lines().map((/** @type {Line} */ line) => line.itemId));
    this.#happened("ready");
    this.#post(this.#turns.open(known));
    if (this.#turns.isAnswerDue) this.#happened("answer_asked");
    for (const event of events) this.#hear(event);
    this.#pump();
    this.#opening?.resolve();
    this.#opening = null;
    this.onLines();
    this.onConnected();
  }

  /** @param {ServerEvent} event */
  #hear(event) {
    this.#transcript.feed(event);
    this.#post(this.#turns.fromServer(event));
    const react = this.#reactions[event.type];
    if (react) react(event);
    const turn = turnIn(event);
    if (turn) this.onTranscript(turn.text, turn.role);
    this.onLines();
  }

  /** @type {Readonly<Record<string, (event: ServerEvent) => void>>} */
  #reactions = {
    "input_audio_buffer.speech_started": () => {
      this.#speechEndedAtMs = null;
      this.#happened("speech_started");
      this.#cutSound();
      // It was on its way when the microphone went off.
      if (!this.#canBeHeard) this.#post(this.#turns.dropSpeech());
    },
    "input_audio_buffer.speech_stopped": () => {
      this.#speechEndedAtMs = this.#speechEnd.take();
      this.#happened("speech_stopped");
    },
    "input_audio_buffer.cleared": () => {
      this.#happened("speech_dropped");
      if (this.#turns.isAnswerDue) this.#happened("answer_asked");
    },
    "response.created": () => this.#happened("answer_started"),
    "response.done": ({ response }) => {
      if (!this.#turns.isAnswerDue) this.#happened("answer_ended");
      if (response?.status === "failed") this.onError({ code: "answer_failed", message: "" });
    },
    "response.output_audio.delta": (event) => this.#play(event),
    "response.output_audio.done": ({ item_id: itemId, content_index: contentIndex }) =>
      this.#voice?.speaker.finish(itemId, contentIndex ?? 0),
    "conversation.item.truncated": ({ item_id: itemId, content_index: contentIndex }) =>
      this.#captions.over(itemId, contentIndex ?? 0),
    error: ({ error }) => {
      if (TOLERATED.has(error?.code)) return;
      if (!this.#turns.isAnswerDue) this.#happened("answer_ended");
      this.onError({ code: "answer_failed", message: "" });
    },
    "relay.error": ({ code, message }) => {
      // It comes when sound that a stalled network held back arrives all at once. When somebody is
      // sending too much, the call ends, and says why.
      if (code === "rate_limit") this.#slowedDown();
      else this.onError({ code, message });
    },
  };

  /** @param {ServerEvent} event */
  #play({ item_id: itemId, content_index: contentIndex = 0, response_id: responseId, delta }) {
    if (
      !this.#voice ||
      !this.#turns.isWanted({ type: "", item_id: itemId, response_id: responseId })
    )
      return;
    const pcm = pcmFromBase64(delta);
    this.#captions.received(itemId, contentIndex, pcm.length / SAMPLES_PER_MS);
    this.#voice.speaker.play(itemId, contentIndex, pcm);
  }

  #soundStarted() {
    if (this.#voice && this.#speechEndedAtMs !== null) {
      const heardAtMs = performance.now() + this.#voice.speaker.latencyMs;
      this.onLatency(heardAtMs - this.#speechEndedAtMs);
    }
    this.#speechEndedAtMs = null;
    this.#happened("sound_started");
  }

  /** @param {string} itemId @param {number} contentIndex @param {number} playedMs */
  #soundPlayed(itemId, contentIndex, playedMs) {
    this.#captions.played(itemId, contentIndex, playedMs);
    this.onLines();
  }

  /** @param {string} itemId @param {number} contentIndex */
  #soundEnded(itemId, contentIndex) {
    this.#captions.over(itemId, contentIndex);
    this.#happened("sound_ended");
    this.onLines();
  }

  /** @param {MicrophoneProblem} problem */
  #microphoneFailed(problem) {
    if (problem !== "silent") this.#canBeHeard = problem === "recovered";
    if (!this.#canBeHeard) this.#post(this.#turns.dropSpeech());
    this.onProblem(problem);
  }

  /** @param {Chunk} chunk */
  #captured({ pcm, rms }) {
    this.onLevel(rms);
    this.#speechEnd.hear(rms, performance.now());
    const isFull = this.#audioQueue.push(pcm);
    if (!this.#isFlowing) return;
    // What is sent now is unsent for the rest of this task.
    this.#noticeSlowness(isFull);
    this.#pump();
  }

  /** Whether sound may go out: the call stands, and its past is known. */
  get #isFlowing() {
    return this.#connection.isReady && !this.#held;
  }

  /** Sends the waiting sound, oldest first, as long as the network takes it. */
  #pump() {
    while (this.#connection.unsentBytes <= MAX_UNSENT_BYTES) {
      const pcm = this.#audioQueue.shift();
      if (!pcm) return;
      this.#connection.send({ type: "input_audio_buffer.append", audio: base64FromPcm(pcm) });
    }
    // Between two presses nothing is captured that would send the rest of the first.
    clearTimeout(this.#pumpTimer);
    this.#pumpTimer = setTimeout(() => this.#isFlowing && this.#pump(), PUMP_AGAIN_MS);
  }

  /** @param {boolean} isFull Sound was dropped, since the network does not take it. */
  #noticeSlowness(isFull) {
    if (isFull) this.#slowedDown();
    else if (this.#isSlow && this.#connection.unsentBytes === 0) {
      if (performance.now() - this.#slowedDownAtMs < SLOW_SHOWN_MS) return;
      this.onProblem("network_recovered");
      this.#isSlow = false;
    }
  }

  #slowedDown() {
    this.#slowedDownAtMs = performance.now();
    if (!this.#isSlow) this.onProblem("slow_network");
    // Without a microphone nothing would tell that it is over.
    this.#isSlow = this.#voice !== null;
  }

  #stopAnswer() {
    this.#cutSound();
    this.#post(this.#turns.stop());
  }

  /** Silence now; what was heard of it is told when the audio thread has counted it. */
  #cutSound() {
    if (!this.#voice) return;
    const frames = this.#voice.flush().then((cuts) => {
      for (const { itemId, contentIndex, wasAllHeard } of cuts) {
        if (wasAllHeard) this.#captions.over(itemId, contentIndex);
      }
      return this.#turns.cut(cuts);
    });
    this.#post(frames);
  }

  /** @param {Frame[] | Promise<Frame[]>} frames */
  #post(frames) {
    this.#outgoing = this.#outgoing.then(async () => {
      for (const frame of await frames) this.#connection.send(frame);
    });
  }

  /** @param {number} attempt */
  #comingBack(attempt) {
    // The record counts what was heard until now.
    this.#cutSound();
    this.#turns.close();
    this.#happened("reconnecting", { attempt });
    this.onLines();
  }

  /** @param {string} why @param {string} sentence */
  #ended(why, sentence) {
    this.#turns.close();
    this.#transcript = new Transcript(pastOf([], this.#transcript.lines()));
    this.#happened("ended", { why });
    this.#opening?.reject(Object.assign(new Error(why), { code: why }));
    this.#opening = null;
    this.onError({ code: why, message: sentence });
    void this.#endVoice();
  }

  async #endVoice() {
    const voice = this.#voice;
    this.#voice = null;
    this.#canBeHeard = false;
    this.#audioQueue.clear();
    if (this.#isSlow) this.onProblem("network_recovered");
    this.#isSlow = false;
    this.#speechEnd.take();
    this.#captions.allOver();
    if (voice) this.#happened("voice_stopped");
    this.onLevel(0);
    this.onLines();
    await voice?.stop();
  }
}

/** An id that items may have: at most 32 characters. (randomUUID is missing on insecure pages.) */
function newId() {
  const digits = [...crypto.getRandomValues(new Uint8Array(12))];
  return `page_${digits.map((digit) => digit.toString(16).padStart(2, "0")).join("")}`;
}

/** @param {string} sessionId */
function urlOf(sessionId) {
  const url = new URL(`/ws/realtime/${encodeURIComponent(sessionId)}/`, globalThis.location.href);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url.href;
}

/** @param {{ itemId: string, text: string }} typed @param {boolean} isHeldBack @returns {ShownLine} */
function pendingLine({ itemId, text }, isHeldBack) {
  return {
    itemId,
    contentIndex: 0,
    role: "user",
    modality: "text",
    text,
    shown: text,
    heardText: null,
    heardMs: null,
    status: "in_progress",
    position: Number.MAX_SAFE_INTEGER,
    isPending: true,
    isHeldBack,
  };
}

/**
 * The turn that an event completes.
 *
 * @param {ServerEvent} event
 * @returns {{ text: string, role: "user" | "assistant" } | null}
 */
function turnIn(event) {
  switch (event.type) {
    case "conversation.item.input_audio_transcription.completed":
      return { text: event.transcript, role: "user" };
    case "response.output_audio_transcript.done":
      return { text: event.transcript, role: "assistant" };
    case "response.output_text.done":
      return { text: event.text, role: "assistant" };
    case "conversation.item.done": {
      const typed = event.item?.content?.find(
        (/** @type {{ type: string }} */ part) => part.type === "input_text",
      );
      return event.item?.role === "user" && typed ? { text: typed.text, role: "user" } : null;
    }
    default:
      return null;
  }
}

Object.assign(globalThis, { RealtimeClient });
