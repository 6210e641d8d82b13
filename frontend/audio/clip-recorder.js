/** Records one clip from the microphone with MediaRecorder, and measures its level meanwhile. */

import { kindOfError, MicrophoneError, openStream, stopTracks } from "./microphone.js";

/** @import { MicrophoneSettings } from "./microphone.js" */

/** What browsers record, the smallest first: Chromium and Firefox WebM, Safari MP4. */
const MIME_TYPES = Object.freeze(["audio/webm;codecs=opus", "audio/mp4", "audio/ogg;codecs=opus"]);
/** Enough for speech: five minutes are 1.2 MB. */
const BITS_PER_SECOND = 32_000;
/** The period of `onLevel`: that of the bars of the level meter. */
const LEVEL_MS = 40;
const LEVEL_SAMPLES = 1024;

/**
 * The type in which this browser records clips; empty if it cannot, or not on an insecure page.
 *
 * @returns {string}
 */
export function clipMimeType() {
  const { isSecureContext, MediaRecorder: recorder } = globalThis;
  if (!isSecureContext || !navigator.mediaDevices || !recorder) return "";
  return MIME_TYPES.find((type) => recorder.isTypeSupported(type)) ?? "";
}

/** One clip: `start()`, then `finish()` or `discard()`. Both close the microphone at once. */
export class ClipRecorder {
  #onLevel;
  #onStopped;
  /** @type {MediaStream | null} */
  #stream = null;
  /** @type {MediaRecorder | null} */
  #recorder = null;
  /** @type {AudioContext | null} */
  #context = null;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #timer;
  /** @type {Blob[]} */
  #pieces = [];
  #isClosed = false;

  /**
   * @param {object} options
   * @param {(rms: number) => void} options.onLevel 0..1, of full scale.
   * @param {() => void} options.onStopped The microphone was taken away; what was recorded is kept.
   */
  constructor({ onLevel, onStopped }) {
    this.#onLevel = onLevel;
    this.#onStopped = onStopped;
  }

  /**
   * Ask for the microphone and record. Call it in a tap, so that the level can be measured.
   *
   * @param {MicrophoneSettings} settings
   * @returns {Promise<boolean>} False if the clip was discarded meanwhile; then no device is open.
   * @throws {MicrophoneError}
   */
  async start(settings) {
    this.#context = openContext();
    try {
      const stream = await openStream(settings);
      this.#stream = stream;
      // The permission may have been given after the user cancelled.
      if (this.#isClosed) this.#close();
      else this.#record(stream);
      return !this.#isClosed;
    } catch (error) {
      this.#close();
      throw new MicrophoneError(kindOfError(error), { cause: error });
    }
  }

  /** Stop, and return what was recorded. @returns {Promise<Blob>} */
  async finish() {
    const recorder = this.#recorder;
    const type = recorder?.mimeType ?? "";
    if (recorder && recorder.state !== "inactive") {
      const stopped = new Promise((resolve) => recorder.addEventListener("stop", resolve));
      try {
        recorder.stop();
      } finally {
        this.#close();
      }
      await stopped;
    }
    this.#close();
    return new Blob(this.#pieces, { type });
  }

  /** Stop and forget the clip. Harmless after `finish()`. */
  discard() {
    this.#close();
    if (this.#recorder?.state === "recording") this.#recorder.stop();
    this.#pieces = [];
  }

  /** @param {MediaStream} stream */
  #record(stream) {
    const recorder = new MediaRecorder(stream, {
      mimeType: clipMimeType(),
      audioBitsPerSecond: BITS_PER_SECOND,
    });
    this.#recorder = recorder;
    recorder.addEventListener("dataavailable", ({ data }) => this.#pieces.push(data));
    recorder.addEventListener("stop", () => {
      if (!this.#isClosed) this.#onStopped();
    });
    recorder.start();
    this.#measure(stream);
  }

  /** @param {MediaStream} stream */
  #measure(stream) {
    if (!this.#context) return;
    const analyser = this.#context.createAnalyser();
    analyser.fftSize = LEVEL_SAMPLES;
    this.#context.createMediaStreamSource(stream).connect(analyser);
    const samples = new Float32Array(LEVEL_SAMPLES);
    this.#timer = setInterval(() => {
      analyser.getFloatTimeDomainData(samples);
      const power = samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length;
      this.#onLevel(Math.sqrt(power));
    }, LEVEL_MS);
  }

  #close() {
    this.#isClosed = true;
    clearInterval(this.#timer);
    if (this.#stream) stopTracks(this.#stream);
    this.#stream = null;
    this.#context?.close().catch(() => {});
    this.#context = null;
  }
}

/** A context to measure the level with; null if there is none, since a clip needs no level. */
function openContext() {
  try {
    return new AudioContext();
  } catch {
    return null;
  }
}
