/** Announces visible changes to screen readers through a live region, each of them once. */

import { make } from "./elements.js";

/** A polite live region waits for the current sentence, and text removed by then is never read. */
const REMOVE_AFTER_MS = 10_000;

export class Announcer {
  #region;

  /** @param {HTMLElement} region A visually hidden live region; only added elements are read. */
  constructor(region) {
    this.#region = region;
  }

  /** @param {string} text Read after the earlier texts, and never instead of one. */
  say(text) {
    const paragraph = make("p", {}, text);
    this.#region.append(paragraph);
    setTimeout(() => paragraph.remove(), REMOVE_AFTER_MS);
  }
}
