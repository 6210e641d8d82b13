/** Says to a screen reader what others see change: each thing once. */

import { write } from "./elements.js";

export class Announcer {
  #place;

  /** @param {HTMLElement} place A hidden `role="status"`. */
  constructor(place) {
    this.#place = place;
  }

  /** @param {string} text */
  say(text) {
    write(this.#place, text);
  }
}
