/** Shows one of the page's screens: starting, the sign-in form, or the conversation. */

import { byId, write } from "./elements.js";

/** @import { Words } from "../words/i18n.js" */

const SCREENS = /** @type {const} */ (["starting", "sign-in", "talk"]);

/** @typedef {typeof SCREENS[number]} Screen */

export class Screens {
  #words;
  #title = byId("starting-title", HTMLHeadingElement);
  #text = byId("starting-text", HTMLParagraphElement);
  #retry = byId("starting-retry", HTMLButtonElement);

  /** @param {Words} words @param {() => void} retryClicked */
  constructor(words, retryClicked) {
    this.#words = words;
    this.#retry.addEventListener("click", retryClicked);
  }

  /** @param {Screen} screen */
  show(screen) {
    document.body.dataset.screen = screen;
    for (const name of SCREENS) byId(`${name}-screen`, HTMLElement).hidden = name !== screen;
  }

  /** @param {Screen} screen */
  isOn(screen) {
    return document.body.dataset.screen === screen;
  }

  /** Show that a request to the server is running. Does not change the screen: after an expired login
   * the sign-in form stays. */
  showStarting() {
    this.#retry.hidden = true;
    write(this.#title, this.#words.say("page.starting"));
    write(this.#text, "");
  }

  /** The server has not answered yet: say so, with a button to retry. Nothing changes once a screen is shown. */
  showSlow() {
    if (!this.isOn("starting")) return;
    write(this.#text, this.#words.say("page.slow"));
    this.#retry.hidden = false;
  }

  /** Show that the start failed, with a button to reload the page: as start.js does when it notices. */
  showFailed() {
    this.show("starting");
    document.body.dataset.screen = "failed";
    byId("reload", HTMLButtonElement).focus();
  }

  /** Show that the server did not answer, with a button to retry. */
  showUnreachable() {
    this.show("starting");
    write(this.#title, this.#words.say("page.unreachable.title"));
    write(this.#text, this.#words.say("page.unreachable.text"));
    this.#retry.hidden = false;
    this.#retry.focus();
  }
}
