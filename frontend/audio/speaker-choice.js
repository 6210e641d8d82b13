/**
 * The loudspeaker that the user has chosen, for every audio context of the page, and for the audio element of
 * a WebRTC call. While it is not connected
 * the device's default plays; when it is back, it plays again.
 *
 * `AudioContext.setSinkId` exists in Chromium since version 110, and not in Firefox and Safari
 * (https://github.com/mdn/browser-compat-data, November 2026): there the system chooses.
 */

import { Latest } from "../latest.js";
import { labelToKeep } from "./microphone-choices.js";

/** @import { KeptMicrophone } from "./microphone-choices.js" */

/** @typedef {Pick<MediaDeviceInfo, "deviceId" | "label">} Listed */
/** @typedef {(AudioContext | HTMLAudioElement) & { setSinkId: (id: string) => Promise<void> }} Sink */
/**
 * @typedef {{
 *   list: () => Promise<Listed[]>, kept: () => KeptMicrophone, labelKnown: (label: string) => void,
 *   listed: (speakers: Listed[]) => void, lost: () => void, found: () => void,
 * }} SpeakerChoiceParts `kept` is the user's choice, `labelKnown` is called with its name if that is new,
 *   `lost` when a context that is in use cannot play on it, `found` when it can again.
 */

/** Whether this browser lets a page choose the loudspeaker. */
export const canChooseSpeaker = () => "setSinkId" in (globalThis.AudioContext?.prototype ?? {});

/** The audio output devices. Their labels are empty until the user has allowed a microphone. */
export async function listSpeakers() {
  const devices = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
  return devices.filter(({ kind }) => kind === "audiooutput");
}

export class SpeakerChoice {
  #parts;
  /** @type {Set<Sink>} Those that are in use. */
  #sinks = new Set();
  /** Of several changes, the latest counts. */
  #refresh = new Latest();
  #isLost = false;

  /** @param {SpeakerChoiceParts} parts */
  constructor(parts) {
    this.#parts = parts;
  }

  /**
   * Play the sound of this context or element on the chosen loudspeaker, now and after each `refresh()`, until
   * the context is closed or the element has no source.
   *
   * @template {AudioContext | HTMLAudioElement} S
   * @param {S} sink
   * @returns {S} The same.
   */
  use(sink) {
    if (!canChooseSpeaker()) return sink;
    this.#sinks.add(/** @type {Sink & S} */ (sink));
    void this.refresh();
    return sink;
  }

  /** The choice, the connected devices or the permission to see them may have changed. */
  async refresh() {
    if (!canChooseSpeaker()) return;
    const signal = this.#refresh.next();
    const speakers = await this.#parts.list().catch(() => null);
    if (!speakers || signal.aborted) return;
    this.#parts.listed(speakers);
    const kept = this.#parts.kept();
    const label = labelToKeep(speakers, kept);
    if (label !== kept.deviceLabel) this.#parts.labelKnown(label);
    const isThere = speakers.some(({ deviceId }) => deviceId === kept.deviceId);
    const isPlayed = await this.#playOn(isThere ? kept.deviceId : "");
    if (signal.aborted) return;
    // Before a microphone is allowed, browsers list no names and refuse every choice.
    const isKnown = speakers.some((one) => one.label !== "");
    this.#report(isKnown && kept.deviceId !== "" && !(isThere && isPlayed));
  }

  /** @param {string} sinkId Empty for the default. @returns {Promise<boolean>} Whether all sinks play on it. */
  async #playOn(sinkId) {
    for (const sink of this.#sinks) {
      if (isOver(sink)) this.#sinks.delete(sink);
    }
    const played = [...this.#sinks].map((sink) =>
      sink.setSinkId(sinkId).then(
        () => true,
        () => (sinkId === "" ? true : sink.setSinkId("").then(isRefused, isRefused)),
      ),
    );
    return (await Promise.all(played)).every(Boolean);
  }

  /** @param {boolean} isLost */
  #report(isLost) {
    // Without a sound nobody misses it.
    if (isLost === this.#isLost || (isLost && this.#sinks.size === 0)) return;
    this.#isLost = isLost;
    if (isLost) this.#parts.lost();
    else this.#parts.found();
  }
}

/** @param {Sink} sink */
const isOver = (sink) => ("state" in sink ? sink.state === "closed" : sink.srcObject === null);
const isRefused = () => false;
