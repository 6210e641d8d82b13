/**
 * The microphone, from the browser's permission to 40 ms chunks. After `stop()` no track is live and
 * the browser's recording indicator is off.
 */

/** @import { CaptureCommand, CaptureMessage, CaptureOptions } from "./capture-worklet.js" */

const WORKLET_URL = new URL("./capture-worklet.js", import.meta.url);

/** The watchdog's period. */
const TICK_MS = 250;
/** After so many ticks, 1.25 s, without a message from the worklet the microphone has stopped. */
const MAX_QUIET_TICKS = 5;

/**
 * Why a microphone could not be opened.
 * @typedef {"denied" | "missing" | "busy" | "insecure" | "failed"} MicrophoneErrorKind
 */

/**
 * `silent`: exact zeros for three seconds while not muted, from a device that has never given sound or
 * that the browser says is muted. A headset with a noise gate sends zeros between sentences. `stopped`: the device is gone, or the
 * worklet sent nothing for 1.25 s; the default device is tried once. `recovered`: the last problem is
 * over.
 * @typedef {"silent" | "stopped" | "recovered"} MicrophoneProblem
 */

/**
 * Which devices have given sound before, by a name for each.
 * @typedef {{ hasSounded: (device: string) => boolean, addSounded: (device: string) => void }} SoundedDevices
 */

/**
 * 40 ms of audio, exactly as it is to be sent.
 * @typedef {object} Chunk
 * @property {Int16Array<ArrayBuffer>} pcm `CHUNK_SAMPLES` samples at 24 kHz.
 * @property {number} rms 0..1, of full scale.
 * @property {number} seq Counts from 0 without a gap, also across `stop()` and `start()`.
 */

/**
 * @typedef {object} MicrophoneSettings
 * @property {string} [deviceId] If this device is gone, the default one is opened.
 * @property {boolean} [echoCancellation] On unless false; so are the next two.
 * @property {boolean} [noiseSuppression]
 * @property {boolean} [autoGainControl]
 */

/** @type {Readonly<Record<string, MicrophoneErrorKind>>} By the error name of `getUserMedia`. */
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
 * @param {unknown} error Anything that was thrown while opening a microphone.
 * @returns {MicrophoneErrorKind}
 */
export function kindOfError(error) {
  return KIND_BY_ERROR_NAME[Object(error).name] ?? "failed";
}

/** The audio input devices. Their labels are empty until the user has allowed a microphone. */
export async function listMicrophones() {
  const devices = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
  return devices.filter(({ kind }) => kind === "audioinput");
}

/**
 * Call `onChange` with the list of microphones whenever a device is added or removed.
 * @param {(microphones: MediaDeviceInfo[]) => void} onChange
 * @param {AbortSignal} signal Ends the watch.
 */
export function watchMicrophones(onChange, signal) {
  const changed = async () => onChange(await listMicrophones());
  navigator.mediaDevices?.addEventListener("devicechange", changed, { signal });
}

/** One opened device: its media stream and the audio nodes that read it. */
class CaptureDevice {
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
    // The node's output is silence, but some browsers do not run a node without a destination.
    this.#source.connect(this.#node).connect(context.destination);
  }

  get track() {
    return this.#stream.getAudioTracks()[0];
  }

  /** The device's name for `SoundedDevices`. The label too: "default" may be another one tomorrow. */
  get name() {
    return `${this.track?.getSettings().deviceId} ${this.track?.label}`;
  }

  /**
   * @param {(message: CaptureMessage) => void} onMessage
   * @param {() => void} onEnded The device was unplugged or taken away.
   * @param {() => void} onMuted The system muted or unmuted it: `track.muted` has changed.
   * @param {AbortSignal} signal
   */
  listen(onMessage, onEnded, onMuted, signal) {
    this.#node.port.addEventListener("message", ({ data }) => onMessage(data), { signal });
    this.#node.port.start();
    this.track?.addEventListener("ended", onEnded, { signal });
    this.track?.addEventListener("mute", onMuted, { signal });
    this.track?.addEventListener("unmute", onMuted, { signal });
  }

  /** @param {CaptureCommand} command */
  post(command) {
    this.#node.port.postMessage(command);
  }

  close() {
    stopTracks(this.#stream);
    this.post({ verb: "stop" });
    this.#source.disconnect();
    this.#node.disconnect();
  }
}

export class Microphone {
  #context;
  #onChunk;
  #onProblem;
  #onAllowed;
  #onTrack;
  #sounded;
  /** @type {CaptureDevice | null} */
  #device = null;
  /** @type {AbortController | null} Aborted by `stop()` and by the next start. */
  #running = null;
  /** @type {Promise<boolean> | null} */
  #starting = null;
  /** Ends the listeners of the open device. */
  #deviceClosing = new AbortController();
  /** @type {MicrophoneSettings} */
  #settings = {};
  /** @type {MicrophoneProblem | null} */
  #problem = null;
  /** A problem was reported before the last stop or start: report `recovered` at the first message. */
  #mustReportRecovery = false;
  #quietTicks = 0;
  /** Of the context's clock, at the last tick. */
  #lastTimeS = -1;
  /** The device has sent exact zeros for three seconds. */
  #isSilent = false;
  #muted = false;
  #talking = true;
  #nextSeq = 0;

  /**
   * @param {object} options
   * @param {AudioContext} options.context Created and resumed in a user gesture by its owner.
   * @param {(chunk: Chunk) => void} options.onChunk
   * @param {(problem: MicrophoneProblem) => void} options.onProblem
   * @param {() => void} [options.onAllowed] The permission was granted; opening continues.
   * @param {((track: MediaStreamTrack | null) => void) | undefined} [options.onTrack] The track of the open
   *   device; null when it is closed.
   * @param {SoundedDevices | undefined} [options.sounded]
   */
  constructor({
    context,
    onChunk,
    onProblem,
    onAllowed = () => {},
    onTrack = () => {},
    sounded = inMemory(),
  }) {
    this.#context = context;
    this.#onChunk = onChunk;
    this.#onProblem = onProblem;
    this.#onAllowed = onAllowed;
    this.#onTrack = onTrack;
    this.#sounded = sounded;
  }

  /** The id of the device in use; undefined while stopped. */
  get deviceId() {
    return this.#device?.track?.getSettings().deviceId;
  }

  /**
   * Ask for the microphone and start to send chunks. Harmless while running; opens the device again
   * after it stopped by itself. To change the device or a setting, call `stop()` first.
   * @param {MicrophoneSettings} [settings]
   * @returns {Promise<boolean>} False if `stop()` was called meanwhile; then no device is open.
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
    this.#device?.post({ verb: "mute", muted });
  }

  /**
   * Push-to-talk: nothing is sent while not talking. Hands-free is always talking, the default.
   * @param {boolean} talking False sends the rest of the audio, padded with zeros to a whole chunk.
   * @param {{tailMs?: number}} [options] Milliseconds of silence to send behind it at once, so that
   *   the server's turn detection need not wait for real silence.
   */
  setTalking(talking, { tailMs = 0 } = {}) {
    this.#talking = talking;
    this.#device?.post({ verb: "talk", talking, tailMs });
  }

  /** Stop the tracks and send nothing more. Harmless when stopped. */
  async stop() {
    this.#running?.abort();
    this.#running = null;
    this.#starting = null;
    this.#forgetProblem();
    this.#closeDevice();
  }

  #forgetProblem() {
    this.#mustReportRecovery ||= this.#problem !== null;
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
    this.#startWatchdog(running.signal);
    return true;
  }

  /**
   * @param {MicrophoneSettings} settings
   * @param {AbortSignal} signal
   */
  async #open(settings, signal) {
    if (!globalThis.isSecureContext || !navigator.mediaDevices)
      throw new MicrophoneError("insecure");
    const stream = await openStream(settings);
    // At once, also while the worklet is still being loaded.
    signal.addEventListener("abort", () => stopTracks(stream));
    try {
      if (!signal.aborted) this.#onAllowed();
      await this.#context.audioWorklet.addModule(WORKLET_URL);
      signal.throwIfAborted();
      this.#use(stream);
    } catch (error) {
      stopTracks(stream);
      throw error;
    }
  }

  /** @param {MediaStream} stream */
  #use(stream) {
    this.#deviceClosing = new AbortController();
    this.#device = new CaptureDevice(this.#context, stream, {
      muted: this.#muted,
      talking: this.#talking,
      firstSeq: this.#nextSeq,
    });
    this.#device.listen(
      (message) => this.#receive(message),
      () => this.#reopen(),
      () => this.#judgeSilence(),
      this.#deviceClosing.signal,
    );
    this.#onTrack(this.#device.track ?? null);
  }

  #closeDevice() {
    this.#deviceClosing.abort();
    if (this.#device) this.#onTrack(null);
    this.#device?.close();
    this.#device = null;
    this.#quietTicks = 0;
    this.#isSilent = false;
  }

  /** @param {CaptureMessage} message */
  #receive(message) {
    this.#quietTicks = 0;
    if (this.#problem === "stopped" || this.#mustReportRecovery) this.#report("recovered");
    if (message.kind === "chunk") {
      const { kind, ...chunk } = message;
      this.#nextSeq = chunk.seq + 1;
      this.#onChunk(chunk);
    } else if (message.kind === "sounded") {
      this.#sounded.addSounded(this.#device?.name ?? "");
    } else if (message.kind !== "heartbeat") {
      this.#isSilent = message.kind === "silent";
      this.#judgeSilence();
    }
  }

  /** Report silence that is a fault, and its end. */
  #judgeSilence() {
    const device = this.#device;
    if (!device || this.#problem === "stopped") return;
    const isGate = this.#sounded.hasSounded(device.name) && !device.track?.muted;
    const isFault = this.#isSilent && !isGate;
    if (isFault !== (this.#problem === "silent")) this.#report(isFault ? "silent" : "recovered");
  }

  /** @param {MicrophoneProblem} problem */
  #report(problem) {
    this.#problem = problem === "recovered" ? null : problem;
    this.#mustReportRecovery = false;
    this.#onProblem(problem);
  }

  /**
   * The only timer: the audio thread cannot report that it has stopped. The watchdog counts its own
   * ticks instead of reading the clock, so that a busy page is not taken for a dead microphone.
   * @param {AbortSignal} signal
   */
  #startWatchdog(signal) {
    const timer = setInterval(() => this.#tick(), TICK_MS);
    signal.addEventListener("abort", () => clearInterval(timer));
  }

  #tick() {
    const { currentTime } = this.#context;
    // The whole context stands still: the device is not at fault. SoundOutput reports and resumes it.
    const isStanding = currentTime === this.#lastTimeS;
    this.#lastTimeS = currentTime;
    this.#quietTicks = isStanding ? 0 : this.#quietTicks + 1;
    if (this.#quietTicks < MAX_QUIET_TICKS || this.#problem === "stopped") return;
    this.#reopen();
  }

  /** Try the default device once. If that fails, only the user's next `start()` tries again. */
  async #reopen() {
    const signal = this.#running?.signal;
    if (this.#problem === "stopped" || !signal) return;
    this.#report("stopped");
    this.#closeDevice();
    const { deviceId, ...settings } = this.#settings;
    await this.#open(settings, signal).catch(() => {
      if (!signal.aborted) this.#starting = null;
    });
  }
}

/** Remembered as long as the page. @returns {SoundedDevices} */
function inMemory() {
  const devices = new Set();
  return {
    hasSounded: (device) => devices.has(device),
    addSounded: (device) => devices.add(device),
  };
}

/**
 * Open the chosen device, or the default one if the chosen one is gone. `exact` is needed: Chromium
 * 156 opens the default device for an `ideal` id.
 * @param {MicrophoneSettings} settings
 * @returns {Promise<MediaStream>}
 */
export async function openStream({ deviceId, ...settings }) {
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
export function stopTracks(stream) {
  for (const track of stream.getTracks()) track.stop();
}
