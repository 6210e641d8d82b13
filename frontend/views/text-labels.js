/** The texts that a page names by key in its HTML, and the choice of language. */

import { writeWithIcons } from "./icons.js";

/** @import { Words } from "../words/i18n.js" */

/** @param {string} selector @returns {NodeListOf<HTMLElement>} */
const all = (selector) => document.querySelectorAll(selector);

export class TextLabels {
  #words;
  #languages = /** @type {NodeListOf<HTMLSelectElement>} */ (all("select[data-language]"));

  /** @param {Words} words @param {(language: string) => void} languageChosen */
  constructor(words, languageChosen) {
    this.#words = words;
    for (const select of this.#languages) {
      select.addEventListener("change", () => languageChosen(select.value));
    }
  }

  /** Write all texts in the current language. */
  show() {
    const { language } = this.#words;
    document.documentElement.lang = language;
    for (const select of this.#languages) select.value = language;
    for (const element of all("[data-words]")) {
      writeWithIcons(element, this.#words.say(element.dataset.words ?? ""));
    }
    for (const element of all("[data-words-label]")) this.#label(element);
    for (const element of all("[data-words-placeholder]")) {
      element.setAttribute("placeholder", this.#words.say(element.dataset.wordsPlaceholder ?? ""));
    }
  }

  /** @param {HTMLElement} element */
  #label(element) {
    const label = this.#words.say(element.dataset.wordsLabel ?? "");
    element.ariaLabel = label;
    if (element instanceof HTMLButtonElement) element.title = label;
  }
}
