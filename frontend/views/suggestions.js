/** Sentences that the demo's simulator understands: to be spoken, or sent with a click. */

import { byId, make } from "./elements.js";

/** @import { Config } from "../api.js" */
/** @import { Words } from "../words/i18n.js" */

/** How many suggestions the welcome screen shows; the demo's notice has all of them. */
const WELCOME_COUNT = 3;

export class Suggestions {
  #words;
  #chosen;
  #notice = byId("demo", HTMLDetailsElement);
  #all = byId("demo-suggestions", HTMLUListElement);
  #welcome = byId("suggestions", HTMLDivElement);
  #first = byId("suggestion-list", HTMLUListElement);

  /** @param {Words} words @param {(text: string) => void} chosen */
  constructor(words, chosen) {
    this.#words = words;
    this.#chosen = chosen;
  }

  /** @param {Config | null} config */
  show(config) {
    const isDemo = config?.demo === true;
    const texts = (isDemo && config?.suggestions?.[this.#words.language]) || [];
    this.#notice.hidden = !isDemo;
    this.#welcome.hidden = texts.length === 0;
    this.#first.replaceChildren(...this.#items(texts.slice(0, WELCOME_COUNT)));
    this.#all.replaceChildren(...this.#items(texts));
  }

  /** @param {readonly string[]} texts */
  #items(texts) {
    return texts.map((text) => {
      const button = make("button", { type: "button", class: "suggestion" }, text);
      button.addEventListener("click", () => {
        this.#notice.open = false;
        this.#chosen(text);
      });
      return make("li", {}, button);
    });
  }
}
