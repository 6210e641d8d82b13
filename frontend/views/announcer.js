/** Says to a screen reader what others see change: each thing once. */

import { make } from "./elements.js";

/** A polite reader finishes its sentence first; what is gone by then is never read. */
const LIVES_MS = 10_000;

export class Announcer {
  #place;

  /** @param {HTMLElement} place A hidden live region, of which only what is added is read. */
  constructor(place) {
    this.#place = place;
  }

  /** @param {string} text Read after what was said before, and never instead of it. */
  say(text) {
    const said = make("p", {}, text);
    this.#place.append(said);
    setTimeout(() => said.remove(), LIVES_MS);
  }
}
