/** The state of the call as a word, an icon and a colour, and the latency of the last answer. */

import { shownOf } from "../call/call-state.js";
import { byId, write } from "./elements.js";
import { icon, writeWithIcons } from "./icons.js";

/** @import { CallState, Own } from "../call/call-state.js" */
/** @import { Words } from "../words/i18n.js" */
/** @import { Announcer } from "./announcer.js" */

/** @type {Readonly<Record<string, string>>} Icon names by shown state. */
const ICONS = Object.freeze({
  idle: "idle",
  asking_microphone: "microphone",
  connecting: "link",
  loading: "link",
  not_loaded: "end",
  not_connected: "end",
  paused: "end",
  listening: "ear",
  hearing_you: "wave",
  thinking: "dots",
  writing: "dots",
  speaking: "loud",
  interrupted: "hand",
  reconnecting: "turn",
  ended: "end",
  muted: "microphone_off",
  waiting_for_press: "microphone",
  no_microphone: "microphone_off",
  no_sound: "microphone_off",
});

/**
 * Whether a hint may name its keys. M and Space are typed into a message box that has the focus; Esc is not.
 *
 * @param {string} hint @param {boolean} isTyping
 */
export function mayNameKeys(hint, isTyping) {
  return !isTyping || !/^(muted|press|waiting)/.test(hint);
}

export class Status {
  #words;
  #announcer;
  #icon = byId("state-icon", HTMLElement);
  #name = byId("state-name", HTMLElement);
  #hint = byId("state-hint", HTMLElement);
  #message = byId("message", HTMLTextAreaElement);
  #latency = byId("latency", HTMLParagraphElement);
  #shown = "";
  /** @type {number | null} */
  #latencyMs = null;
  /** @type {[CallState, Own]} */
  #last = [
    { name: "idle", attempt: 0, reason: null, hasVoice: false },
    { isMuted: false, isWaitingForPress: false, hasNoMicrophone: false, hasNoSound: false },
  ];

  /** @param {Words} words @param {Announcer} announcer */
  constructor(words, announcer) {
    this.#words = words;
    this.#announcer = announcer;
    for (const moved of ["focus", "blur"]) {
      this.#message.addEventListener(moved, () => this.show(...this.#last));
    }
  }

  /** @param {CallState} state @param {Own} flags */
  show(state, flags) {
    const wasMuted = this.#last[1].isMuted;
    this.#last = [state, flags];
    const { name: key, hint } = shownOf(state, flags);
    const name = this.#words.say(`state.${key}`);
    const hintText = key === "reconnecting" ? this.#whyLost(state) : this.#hintText(hint);
    document.documentElement.dataset.state = state.name;
    document.documentElement.dataset.shown = key;
    if (this.#shown !== key) this.#icon.replaceChildren(icon(ICONS[key] ?? "idle"));
    if (key === "reconnecting" && hintText !== this.#hint.textContent) {
      this.#announcer.say(`${name}: ${hintText}`);
    } else if (this.#shown !== "" && name !== this.#name.textContent) this.#announcer.say(name);
    else if (state.hasVoice && flags.isMuted !== wasMuted)
      this.#announcer.say(this.#words.say(flags.isMuted ? "state.muted" : "state.unmuted"));
    this.#shown = key;
    write(this.#name, name);
    writeWithIcons(this.#hint, hintText);
  }

  /** @param {string} hint */
  #hintText(hint) {
    const isTyping = document.activeElement === this.#message;
    const namesKeys = this.#words.hasKeys && mayNameKeys(hint, isTyping);
    return this.#words.say(`hint.${hint}`, {}, namesKeys);
  }

  /** Why the connection is lost, that the page goes on by itself, and what the microphone does.
   * @param {CallState} state */
  #whyLost({ reason, isResting }) {
    const cause = this.#words.sayFirst(`hint.reconnecting.${reason}`, "hint.reconnecting");
    return isResting ? this.#words.say("hint.microphone_resting", { cause }) : cause;
  }

  /** @param {number | null} ms Null hides it. */
  showLatency(ms) {
    this.#latencyMs = ms;
    const time = ms === null ? "" : this.#words.milliseconds(ms);
    write(this.#latency, time && this.#words.say("latency.answered", { time }));
    this.#latency.title = ms === null ? "" : this.#words.say("latency.label");
  }

  /** Write the texts in the current language. */
  relabel() {
    this.show(...this.#last);
    this.showLatency(this.#latencyMs);
  }
}
