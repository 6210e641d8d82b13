/** The microphone, from the permission to 40 ms chunks; its light is off when stop() was called. */

/** @import { CaptureOptions, FromCapture, ToCapture } from "./capture-worklet.js" */

const WORKLET_URL = new URL("./capture-worklet.js", import.meta.url);

/** Five ticks without a sign of life are a second: the microphone has stopped. */
const TICK_MS = 250;
const QUIET_TICKS = 5;

/**
 * Why a microphone could not be opened.
 * @typedef {"denied" | "missing" | "busy" | "insecure" | "failed"} MicrophoneErrorKind
 */

/**
 * `silent`: three seconds of exact zeros while not muted. `stopped`: the device is gone or nothing
 * has come for a second; the default device is tried once. `recovered`: the last problem is over.
 * @typedef {"silent" | "stopped" | "recovered"} MicrophoneProblem
 */

/**
 * 40 ms of sound exactly as it is to be sent.
 * @typedef {object} Chunk
 * @property {Int16Array<ArrayBuffer>} pcm 960 samples at 24 kHz.
 * @property {number} rms Of full scale.
 * @property {number} peak Of full scale.
 * @property {number} seq From 0, without a gap, also over a stop and a start.
 */

/**
 * @typedef {object} MicrophoneSettings
 * @property {string} [deviceId] If that device is gone, the default one is opened.
 * @property {boolean} [echoCancellation] On unless false, as the next two.
 * @property {boolean} [noiseSuppression]
 * @property {boolean} [autoGainControl]
 */

/** @type {Readonly<Record<string, MicrophoneErrorKind>>} By the name of what getUserMedia throws. */
const KIND_BY_ERROR_NAME = Object.freeze({
  NotAllowedError: "denied",
  NotFoundError: "missing",
  OverconstrainedError: "missing",
  NotReadableError: "busy",
  AbortError: "busy",
});

export class MicrophoneError extends Error {
  /** @override */
  name = "MicrophoneError";

  /**
   * @param {MicrophoneErrorKind} kind
   * @param {ErrorOptions} [options]
   */
  constructor(kind, options) {
    super(kind, options);
    this.kind = kind;
  }
}

/**
 * @param {unknown} error
 * @returns {MicrophoneErrorKind}
 */
export function kindOfError(error) {
  return KIND_BY_ERROR_NAME[Object(error).name] ?? "failed";
}

/** The microphones to choose from. Their labels are empty until one was allowed. */
export async function listMicrophones() {
  const devices = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
  return devices.filter(({ kind }) => kind === "audioinput");
}

/**
 * Calls `onChange` with the microphones whenever one was plugged in or out, until aborted.
 * @param {(microphones: MediaDeviceInfo[]) => void} onChange
 * @param {AbortSignal} signal
 */
export function watchMicrophones(onChange, signal) {
  const changed = async () => onChange(await listMicrophones());
  navigator.mediaDevices?.addEventListener("devicechange", changed, { signal });
}

/** One opened device: its stream, its nodes, and the end of both. */
class Line {
  #stream;
  #source;
  #node;

  /**
   * @param {AudioContext} context
   * @param {MediaStream} stream
   * @param {CaptureOptions} options
   */
  constructor(context, stream, options) {
    this.#stream = stream;
    this.#source = context.createMediaStreamSource(stream);
    this.#node = new AudioWorkletNode(context, "kaiwa-capture", { processorOptions: options });
    // Its output is silence; a node that leads nowhere is not run by every browser.
    this.#source.connect(this.#node).connect(context.destination);
  }

  get track() {
    return this.#stream.getAudioTracks()[0];
  }

  /**
   * @param {(message: FromCapture) => void} onMessage
   * @param {() => void} onEnded
   * @param {AbortSignal} signal
   */
  listen(onMessage, onEnded, signal) {
    this.#node.port.addEventListener("message", ({ data }) => onMessage(data), { signal });
    this.#node.port.start();
    this.track?.addEventListener("ended", onEnded, { signal });
  }

  /** @param {ToCapture} command */
  tell(command) {
    this.#node.port.postMessage(command);
  }

  close() {
    endTracks(this.#stream);
    this.tell({ verb: "stop" });
    this.#source.disconnect();
    this.#node.disconnect();
  }
}

export class Microphone {
  #context;
  #onChunk;
  #onProblem;
  #onAllowed;
  /** @type {Line | null} */
  #line = null;
  /** @type {AbortController | null} Of the whole time between start and stop. */
  #running = null;
  /** @type {Promise<boolean> | null} */
  #starting = null;
  #lineClosing = new AbortController();
  /** @type {MicrophoneSettings} */
  #settings = {};
  /** @type {MicrophoneProblem | null} */
  #problem = null;
  /** A problem was told, and opening it anew may have been what helped. */
  #owesRecovery = false;
  #quietTicks = 0;
  #muted = false;
  #talking = true;
  #nextSeq = 0;

  /**
   * @param {object} options
   * @param {AudioContext} options.context Made and resumed in the tap by whoever owns it.
   * @param {(chunk: Chunk) => void} options.onChunk
   * @param {(problem: MicrophoneProblem) => void} options.onProblem
   * @param {() => void} [options.onAllowed] The browser's question was answered; opening goes on.
   */
  constructor({ context, onChunk, onProblem, onAllowed = () => {} }) {
    this.#context = context;
    this.#onChunk = onChunk;
    this.#onProblem = onProblem;
    this.#onAllowed = onAllowed;
  }

  /** The device in use, for a picker to show; undefined while stopped. */
  get deviceId() {
    return this.#line?.track?.getSettings().deviceId;
  }

  /**
   * Asks for the microphone and starts to send. Harmless when started, and a new try when it has
   * stopped by itself; to change the device or a setting, stop first.
   * @param {MicrophoneSettings} [settings]
   * @returns {Promise<boolean>} False if stop() was called meanwhile: nothing is held then.
   * @throws {MicrophoneError}
   */
  start(settings = {}) {
    this.#starting ??= this.#start(settings);
    return this.#starting;
  }

  /**
   * While muted, exact zeros are sent.
   * @param {boolean} muted
   */
  setMuted(muted) {
    this.#muted = muted;
    this.#line?.tell({ verb: "mute", muted });
  }

  /**
   * Push-to-talk: between presses nothing is sent. Hands-free is always talking, as from the start.
   * @param {boolean} talking On false, what has been said is sent, filled up with zeros.
   * @param {{tailMs?: number}} [options] So much silence is sent behind it at once, so that the
   *   server's turn detection need not wait for it.
   */
  setTalking(talking, { tailMs = 0 } = {}) {
    this.#talking = talking;
    this.#line?.tell({ verb: "talk", talking, tailMs });
  }

  /** The tracks end, the light goes off, nothing more is sent. Harmless when stopped. */
  async stop() {
    this.#running?.abort();
    this.#running = null;
    this.#starting = null;
    this.#forgetProblem();
    this.#closeLine();
  }

  #forgetProblem() {
    this.#owesRecovery ||= this.#problem !== null;
    this.#problem = null;
  }

  /** @param {MicrophoneSettings} settings */
  async #start(settings) {
    const running = new AbortController();
    this.#running?.abort();
    this.#running = running;
    this.#forgetProblem();
    this.#settings = settings;
    try {
      await this.#open(settings, running.signal);
    } catch (error) {
      if (running.signal.aborted) return false;
      await this.stop();
      throw error instanceof MicrophoneError
        ? error
        : new MicrophoneError(kindOfError(error), { cause: error });
    }
    this.#watch(running.signal);
    return true;
  }

  /**
   * @param {MicrophoneSettings} settings
   * @param {AbortSignal} signal
   */
  async #open(settings, signal) {
    if (!globalThis.isSecureContext || !navigator.mediaDevices)
      throw new MicrophoneError("insecure");
    const stream = await streamFrom(settings);
    if (!signal.aborted) this.#onAllowed();
    try {
      await this.#context.audioWorklet.addModule(WORKLET_URL);
      signal.throwIfAborted();
      this.#use(stream);
    } catch (error) {
      endTracks(stream);
      throw error;
    }
  }

  /** @param {MediaStream} stream */
  #use(stream) {
    this.#lineClosing = new AbortController();
    this.#line = new Line(this.#context, stream, {
      muted: this.#muted,
      talking: this.#talking,
      firstSeq: this.#nextSeq,
    });
    this.#line.listen(
      (message) => this.#hear(message),
      () => this.#reopen(),
      this.#lineClosing.signal,
    );
  }

  #closeLine() {
    this.#lineClosing.abort();
    this.#line?.close();
    this.#line = null;
    this.#quietTicks = 0;
  }

  /** @param {FromCapture} message */
  #hear(message) {
    this.#quietTicks = 0;
    if (this.#problem === "stopped" || this.#owesRecovery) this.#report("recovered");
    if (message.kind === "chunk") {
      const { kind, ...chunk } = message;
      this.#nextSeq = chunk.seq + 1;
      this.#onChunk(chunk);
    } else if (message.kind !== "beat") this.#report(message.kind);
  }

  /** @param {MicrophoneProblem} problem */
  #report(problem) {
    this.#problem = problem === "recovered" ? null : problem;
    this.#owesRecovery = false;
    this.#onProblem(problem);
  }

  /**
   * The one timer: only another thread can see that the audio thread has gone quiet. It counts
   * its own ticks, not the clock, so that a busy page is not taken for a dead microphone.
   * @param {AbortSignal} signal
   */
  #watch(signal) {
    const timer = setInterval(() => this.#tick(), TICK_MS);
    signal.addEventListener("abort", () => clearInterval(timer));
  }

  #tick() {
    this.#quietTicks += 1;
    if (this.#quietTicks < QUIET_TICKS || this.#problem === "stopped") return;
    if (this.#context.state === "running") this.#reopen();
    else this.#wake();
  }

  /** The context was put to sleep, by a telephone call perhaps: the device is not at fault. */
  #wake() {
    this.#report("stopped");
    this.#context.resume().catch(() => {});
  }

  /** Once with the default device; what fails then waits for the person. */
  async #reopen() {
    const signal = this.#running?.signal;
    if (this.#problem === "stopped" || !signal) return;
    this.#report("stopped");
    this.#closeLine();
    const { deviceId, ...settings } = this.#settings;
    await this.#open(settings, signal).catch(() => {
      if (!signal.aborted) this.#starting = null;
    });
  }
}

/**
 * A device that was chosen and is gone gives way to the default one. Only `exact` chooses:
 * Chromium 156 opens the default device for an `ideal` id.
 * @param {MicrophoneSettings} settings
 * @returns {Promise<MediaStream>}
 */
async function streamFrom({ deviceId, ...settings }) {
  const audio = constraintsFrom(settings);
  if (!deviceId) return navigator.mediaDevices.getUserMedia({ audio });
  const chosen = { ...audio, deviceId: { exact: deviceId } };
  return navigator.mediaDevices.getUserMedia({ audio: chosen }).catch((error) => {
    if (error.name !== "OverconstrainedError") throw error;
    return navigator.mediaDevices.getUserMedia({ audio });
  });
}

/**
 * @param {MicrophoneSettings} settings
 * @returns {MediaTrackConstraints}
 */
function constraintsFrom(settings) {
  const { echoCancellation, noiseSuppression, autoGainControl } = settings;
  return {
    channelCount: { ideal: 1 },
    echoCancellation: echoCancellation ?? true,
    noiseSuppression: noiseSuppression ?? true,
    autoGainControl: autoGainControl ?? true,
  };
}

/** @param {MediaStream} stream */
function endTracks(stream) {
  for (const track of stream.getTracks()) track.stop();
}
