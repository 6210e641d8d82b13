/** The quality of the connection as bars and a word; its figures in a panel that opens above it. */

import { byId, write } from "./elements.js";
import { icon } from "./icons.js";

/** @import { Quality } from "../call/call-quality.js" */
/** @import { Words } from "../words/i18n.js" */

const LOOKS = Object.freeze({
  good: { words: "quality.good", icon: "bars_good" },
  fair: { words: "quality.fair", icon: "bars_fair" },
  poor: { words: "quality.poor", icon: "bars_poor" },
});

export class CallQualityView {
  #words;
  #details = byId("quality", HTMLDetailsElement);
  #summary = byId("quality-summary", HTMLElement);
  #bars = byId("quality-bars", HTMLElement);
  #level = byId("quality-level", HTMLElement);
  #way = byId("quality-way", HTMLElement);
  #roundTrip = byId("quality-round-trip", HTMLElement);
  #answer = byId("quality-answer", HTMLElement);
  /** @type {Quality | null} */
  #last = null;

  /** @param {Words} words */
  constructor(words) {
    this.#words = words;
    const close = () => {
      this.#details.open = false;
    };
    this.#details.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !this.#details.open) return;
      // Elsewhere the key stops the answer.
      event.stopPropagation();
      close();
      this.#summary.focus();
    });
    this.#details.addEventListener("focusout", ({ relatedTarget }) => {
      if (!this.#details.contains(/** @type {Node | null} */ (relatedTarget))) close();
    });
  }

  /** @param {Quality | null} quality Null without a call, and until something is known. */
  show(quality) {
    this.#last = quality;
    this.#details.hidden = quality === null;
    if (!quality) return;
    const look = LOOKS[quality.level];
    const level = this.#words.say(look.words);
    if (this.#details.dataset.level !== quality.level) this.#bars.replaceChildren(icon(look.icon));
    this.#details.dataset.level = quality.level;
    const name = this.#words.say("quality.label", { level });
    this.#summary.ariaLabel = name;
    this.#summary.title = name;
    write(this.#level, name);
    const way = quality.isDirect ? "quality.round_trip_direct" : "quality.round_trip";
    write(this.#way, this.#words.say(way));
    write(this.#roundTrip, this.#words.milliseconds(quality.roundTripMs));
    const { answerMs } = quality;
    write(
      this.#answer,
      answerMs === null ? this.#words.say("quality.no_answer") : this.#words.milliseconds(answerMs),
    );
  }

  /** Write the texts in the current language. */
  relabel() {
    this.show(this.#last);
  }
}
