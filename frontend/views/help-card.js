/** The card that says what happened and what to do, with one button. */

import { HELP } from "../words/help.js";
import { keepFocus, make } from "./elements.js";
import { icon } from "./icons.js";

/** @import { HelpAction } from "../words/help.js" */
/** @import { Words } from "../words/i18n.js" */

export class HelpCard {
  #place;
  #words;
  #helpWanted;
  /** @type {string | null} */
  #name = null;
  #variant = "";

  /**
   * @param {HTMLElement} place A `role="alert"`.
   * @param {Words} words
   * @param {(action: HelpAction) => void} helpWanted
   */
  constructor(place, words, helpWanted) {
    this.#place = place;
    this.#words = words;
    this.#helpWanted = helpWanted;
  }

  /** The card that is shown, or null. */
  get name() {
    return this.#name;
  }

  /**
   * @param {string} name A row of HELP.
   * @param {string} [variant] A more exact text, where the words have one.
   */
  show(name, variant = "") {
    if (name === this.#name && this.#place.lang === this.#words.language) return;
    const help = HELP[name];
    if (!help) return;
    this.#name = name;
    this.#variant = variant;
    this.#place.lang = this.#words.language;
    const button = make(
      "button",
      { type: "button", class: "button", "data-action": help.action },
      this.#words.say(`action.${help.action}`),
    );
    button.addEventListener("click", () => this.#helpWanted(help.action));
    this.#place.replaceChildren(
      make(
        "div",
        { class: "card", "data-help": name, "data-tone": help.tone },
        icon(help.tone === "warning" ? "warning" : "end"),
        make(
          "div",
          { class: "card-words" },
          make("p", { class: "card-title" }, this.#words.say(`help.${name}.title`)),
          make("p", {}, this.#words.sayFirst(`help.${name}.${variant}`, `help.${name}.text`)),
        ),
        button,
      ),
    );
  }

  hide() {
    if (this.#name === null) return;
    this.#name = null;
    keepFocus(this.#place);
    this.#place.replaceChildren();
  }

  /** The language changed. */
  relabel() {
    if (this.#name !== null) this.show(this.#name, this.#variant);
  }
}
