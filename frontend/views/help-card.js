/** Shows a card that explains a problem, with a button for one action. */

import { HELP } from "../words/help.js";
import { make, moveFocusOutOf } from "./elements.js";
import { icon } from "./icons.js";

/** @import { HelpAction } from "../words/help.js" */
/** @import { Words } from "../words/i18n.js" */

export class HelpCard {
  #region;
  #words;
  #actionChosen;
  /** @type {string | null} */
  #name = null;
  #variant = "";
  /** @type {Record<string, string>} */
  #values = {};

  /**
   * @param {HTMLElement} region An element with `role="alert"`.
   * @param {Words} words
   * @param {(action: HelpAction) => void} actionChosen Called when the button is clicked.
   */
  constructor(region, words, actionChosen) {
    this.#region = region;
    this.#words = words;
    this.#actionChosen = actionChosen;
  }

  /** The name of the card that is shown, or null. */
  get name() {
    return this.#name;
  }

  /**
   * Show a card. Does nothing if this card is shown already, so that it is not announced again.
   *
   * @param {string} name A key of HELP; any other name is ignored.
   * @param {string} [variant] Selects the text `help.<name>.<variant>`, if it exists.
   * @param {Record<string, string>} [values] For the placeholders of the text.
   */
  show(name, variant = "", values = {}) {
    if (name === this.#name && this.#region.lang === this.#words.language) return;
    const help = HELP[name];
    if (!help) return;
    this.#name = name;
    this.#variant = variant;
    this.#values = values;
    this.#region.lang = this.#words.language;
    const button = make(
      "button",
      { type: "button", class: "button", "data-action": help.action },
      this.#words.say(`action.${help.action}`),
    );
    button.addEventListener("click", () => this.#actionChosen(help.action));
    this.#region.replaceChildren(
      make(
        "div",
        { class: "card", "data-help": name, "data-tone": help.tone },
        icon(help.tone === "warning" ? "warning" : "end"),
        make(
          "div",
          { class: "card-words" },
          make("p", { class: "card-title" }, this.#words.say(`help.${name}.title`)),
          make("p", {}, this.#text(name)),
          ...this.#forAdmin(name),
        ),
        button,
      ),
    );
  }

  hide() {
    if (this.#name === null) return;
    this.#name = null;
    moveFocusOutOf(this.#region);
    this.#region.replaceChildren();
  }

  /** Write the texts in the current language. */
  relabel() {
    if (this.#name !== null) this.show(this.#name, this.#variant, this.#values);
  }

  /** @param {string} name */
  #text(name) {
    const keys = [`help.${name}.${this.#variant}`, `help.${name}.text`];
    return this.#words.say(this.#words.firstOf(...keys), this.#values);
  }

  /** What only an administrator can do is closed at first: on a phone it would fill half of the page.
   * @param {string} name */
  #forAdmin(name) {
    const key = `help.${name}.admin`;
    if (!this.#words.has(key)) return [];
    return [
      make(
        "details",
        { class: "card-more" },
        make("summary", {}, this.#words.say("card.for_admin")),
        make("p", {}, this.#words.say(key, this.#values)),
      ),
    ];
  }
}
