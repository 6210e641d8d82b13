/** The texts that index.html names by key, the choice of language, and the page's title. */

import { byId, write } from "./elements.js";
import { writeWithIcons } from "./icons.js";

/** @import { Words } from "../words/i18n.js" */

/** @param {string} selector @returns {NodeListOf<HTMLElement>} */
const all = (selector) => document.querySelectorAll(selector);

export class Labels {
  #words;
  #account = byId("account-name", HTMLElement);
  #title = byId("title", HTMLHeadingElement);
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

  /** @param {string} username Empty when nobody is signed in. */
  showAccount(username) {
    write(this.#account, username);
    this.#account.title = this.#words.say("account.signed_in_as", { name: username });
  }

  /** @param {string | null} title Of the open session; null for a conversation without one. */
  showTitle(title) {
    write(this.#title, title ?? this.#words.say("sessions.new"));
    document.title = title === null ? this.#words.say("page.title") : `${title} · Kaiwa`;
  }

  /** @param {HTMLElement} element */
  #label(element) {
    const label = this.#words.say(element.dataset.wordsLabel ?? "");
    element.ariaLabel = label;
    if (element instanceof HTMLButtonElement) element.title = label;
  }
}
