/** The sign-in form, which also registers a new login where registration is open. */

import { byId, write } from "./elements.js";

/** @import { Words } from "../words/i18n.js" */

/** @typedef {{ username: string, password: string, isNew: boolean }} Credentials */

export class SignIn {
  #words;
  #form = byId("sign-in-form", HTMLFormElement);
  #title = byId("sign-in-title", HTMLHeadingElement);
  #notice = byId("sign-in-notice", HTMLParagraphElement);
  #username = byId("username", HTMLInputElement);
  #password = byId("password", HTMLInputElement);
  #error = byId("sign-in-error", HTMLParagraphElement);
  #submit = byId("sign-in-submit", HTMLButtonElement);
  #switch = byId("sign-in-switch", HTMLButtonElement);
  #demo = byId("sign-in-demo", HTMLParagraphElement);
  #isNew = false;
  #noticeKey = "";

  /** @param {Words} words @param {(credentials: Credentials) => void} submitted */
  constructor(words, submitted) {
    this.#words = words;
    this.#switch.addEventListener("click", () => {
      this.#isNew = !this.#isNew;
      this.fail("");
      this.relabel();
      this.#username.focus();
    });
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.#submit.ariaDisabled === "true") return;
      const [username, password] = [this.#username.value.trim(), this.#password.value];
      if (username && password) submitted({ username, password, isNew: this.#isNew });
      else this.fail(this.#words.say("sign_in.empty"));
    });
  }

  /**
   * @param {{ canRegister: boolean, isDemo: boolean, notice: string }} model `notice` is the key of a
   *   text, or empty.
   */
  show({ canRegister, isDemo, notice }) {
    this.#switch.hidden = !canRegister;
    this.#demo.hidden = !isDemo;
    this.#isNew &&= canRegister;
    this.#noticeKey = notice;
    this.fail("");
    this.relabel();
    this.#username.focus();
  }

  /** @param {boolean} isBusy */
  setBusy(isBusy) {
    this.#submit.ariaDisabled = String(isBusy);
    this.#form.ariaBusy = String(isBusy);
  }

  /** @param {string} sentence Why it failed; empty to remove the message. */
  fail(sentence) {
    write(this.#error, sentence);
    for (const input of [this.#username, this.#password]) {
      if (sentence) input.setAttribute("aria-describedby", this.#error.id);
      else input.removeAttribute("aria-describedby");
    }
    if (sentence) (this.#username.value ? this.#password : this.#username).focus();
  }

  /** Clear the fields after signing in, so that no password stays in the page. */
  forget() {
    this.#form.reset();
  }

  /** Write the texts for signing in or registering in the current language. */
  relabel() {
    const kind = this.#isNew ? "register" : "sign_in";
    const title = { register: "sign_in.register_title", sign_in: "sign_in.title" }[kind];
    const submit = { register: "sign_in.submit_register", sign_in: "sign_in.submit" }[kind];
    const other = { register: "sign_in.to_sign_in", sign_in: "sign_in.to_register" }[kind];
    write(this.#title, this.#words.say(title));
    write(this.#submit, this.#words.say(submit));
    write(this.#switch, this.#words.say(other));
    this.#password.autocomplete = this.#isNew ? "new-password" : "current-password";
    this.#notice.hidden = !this.#noticeKey;
    write(this.#notice, this.#noticeKey ? this.#words.say(this.#noticeKey) : "");
  }
}
