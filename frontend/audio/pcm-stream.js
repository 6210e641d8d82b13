/**
 * The deltas of spoken answers as samples. Pure.
 *
 * A provider cuts its audio by bytes, so a delta may end in the middle of a sample: the byte left over
 * belongs to the next delta of the same content part. Without it all that follows would be noise.
 */

import { bytesFromBase64, pcmFromBytes } from "./pcm.js";

/** @typedef {{ leftOver: number | null, eventIds: Set<string> }} Part `leftOver` is half a sample. */

/** Decodes `response.output_audio.delta`, each content part as a stream of its own. */
export class PcmStream {
  /** @type {Map<string, Part | null>} By part key; null once the audio is complete. */
  #parts = new Map();

  /**
   * The whole samples of this part up to this delta that were not returned yet. What is not base64
   * (null, a number, a broken text) is ignored, and so is a repetition: the relay counts it once.
   *
   * @param {string} key Of the content part.
   * @param {unknown} delta
   * @param {string} eventId Empty if the event has none; then it is always new.
   * @returns {Int16Array<ArrayBuffer>}
   */
  decode(key, delta, eventId) {
    const part = this.#part(key);
    if (typeof delta !== "string" || part === null || part.eventIds.has(eventId)) {
      return new Int16Array();
    }
    if (eventId) part.eventIds.add(eventId);
    const bytes = joined(part.leftOver, bytesOf(delta));
    part.leftOver = bytes.length % 2 === 1 ? (bytes[bytes.length - 1] ?? null) : null;
    return pcmFromBytes(bytes);
  }

  /** No more deltas come for this part: half a sample is no sound. @param {string} key */
  end(key) {
    this.#parts.set(key, null);
  }

  /** The call ended, and every part with it. */
  clear() {
    this.#parts.clear();
  }

  /** @param {string} key */
  #part(key) {
    const known = this.#parts.get(key);
    if (known !== undefined) return known;
    const part = { leftOver: null, eventIds: new Set() };
    this.#parts.set(key, part);
    return part;
  }
}

/** The bytes of a delta; null if it is broken. @param {string} delta */
function bytesOf(delta) {
  try {
    return bytesFromBase64(delta);
  } catch {
    return null;
  }
}

/**
 * @param {number | null} first
 * @param {Uint8Array<ArrayBuffer> | null} rest Null for a broken delta: nobody knows how many bytes are
 *   lost, and the next delta most likely begins with a whole sample.
 * @returns {Uint8Array<ArrayBuffer>}
 */
function joined(first, rest) {
  if (rest === null) return new Uint8Array();
  if (first === null) return rest;
  const bytes = new Uint8Array(1 + rest.length);
  bytes[0] = first;
  bytes.set(rest, 1);
  return bytes;
}
