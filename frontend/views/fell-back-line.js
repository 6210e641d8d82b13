/** One calm line while a call goes through the server because WebRTC did not get through. */

import { byId, write } from "./elements.js";

/** @import { Words } from "../words/i18n.js" */

export class FellBackLine {
  #words;
  #line = byId("fell-back", HTMLParagraphElement);
  #isShown = false;

  /** @param {Words} words */
  constructor(words) {
    this.#words = words;
  }

  /** @param {boolean} isShown */
  show(isShown) {
    this.#isShown = isShown;
    this.relabel();
  }

  /** Write the text in the current language. */
  relabel() {
    write(this.#line, this.#isShown ? this.#words.say("transport.fell_back") : "");
    this.#line.hidden = !this.#isShown;
  }
}
