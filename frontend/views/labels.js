/** The texts that index.html names by key, the choice of language, and the page's title. */

import { byId, write } from "./elements.js";
import { TextLabels } from "./text-labels.js";

/** @import { Words } from "../words/i18n.js" */

export class Labels {
  #words;
  #account = byId("account-name", HTMLElement);
  #title = byId("title", HTMLHeadingElement);
  #reviewNotice = byId("review-notice", HTMLParagraphElement);
  #texts;

  /** @param {Words} words @param {(language: string) => void} languageChosen */
  constructor(words, languageChosen) {
    this.#words = words;
    this.#texts = new TextLabels(words, languageChosen);
  }

  /** Write all texts in the current language. */
  show() {
    this.#texts.show();
  }

  /** @param {string} username Empty when nobody is signed in. */
  showAccount(username) {
    write(this.#account, username);
    this.#account.title = this.#words.say("account.signed_in_as", { name: username });
  }

  /** @param {boolean} isNoticed Whether people are told that their conversations may be reviewed. */
  showReviewNotice(isNoticed) {
    this.#reviewNotice.hidden = !isNoticed;
  }

  /** @param {string | null} title Of the open session; null for a conversation without one. */
  showTitle(title) {
    write(this.#title, title ?? this.#words.say("sessions.new"));
    document.title = title === null ? this.#words.say("page.title") : `${title} · Kaiwa`;
  }
}
