/** The sign-in form, which also registers a new login where registration is open. */

import { FIELDS, RULES } from "../words/credentials.js";
import { byId, write } from "./elements.js";

/** @import { Words } from "../words/i18n.js" */
/** @import { Field } from "../words/credentials.js" */

/**
 * @typedef {{ username: string, password: string, isNew: boolean }} Credentials
 * @typedef {Record<Field, readonly string[]> & { form: string }} FormProblems Sentences: of each field, and of
 *   the form as a whole.
 */

/** @type {FormProblems} */
const NO_PROBLEMS = Object.freeze({ form: "", username: [], password: [] });

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
  #isDemo = false;
  #noticeKey = "";

  /** @param {Words} words @param {(credentials: Credentials) => void} submitted */
  constructor(words, submitted) {
    this.#words = words;
    this.#switch.addEventListener("click", () => {
      // The answer under way would be shown in the other form.
      if (this.#submit.ariaDisabled === "true") return;
      this.#isNew = !this.#isNew;
      this.fail(NO_PROBLEMS);
      this.relabel();
      this.#username.focus();
    });
    for (const field of FIELDS) {
      this.#input(field).addEventListener("input", () => this.#showField(field, []));
    }
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.#submit.ariaDisabled === "true") return;
      const [username, password] = [this.#username.value.trim(), this.#password.value];
      submitted({ username, password, isNew: this.#isNew });
    });
  }

  /**
   * @param {{ canRegister: boolean, isDemo: boolean, notice: string }} model `notice` is the key of a
   *   text, or empty.
   */
  show({ canRegister, isDemo, notice }) {
    this.#switch.hidden = !canRegister;
    this.#isDemo = isDemo;
    this.#isNew &&= canRegister;
    this.#noticeKey = notice;
    this.fail(NO_PROBLEMS);
    this.relabel();
    this.#username.focus();
  }

  /** @param {boolean} isBusy */
  setBusy(isBusy) {
    this.#submit.ariaDisabled = String(isBusy);
    this.#switch.ariaDisabled = String(isBusy);
    this.#form.ariaBusy = String(isBusy);
  }

  /** Show what is wrong, each sentence at its field, and focus the first wrong one.
   * @param {FormProblems} problems */
  fail(problems) {
    write(this.#error, problems.form);
    for (const field of FIELDS) this.#showField(field, problems[field]);
    const wrong = FIELDS.find((field) => problems[field].length > 0);
    if (wrong) this.#input(wrong).focus();
    else if (problems.form) (this.#username.value ? this.#password : this.#username).focus();
  }

  /** @param {Field} field */
  #input(field) {
    return { username: this.#username, password: this.#password }[field];
  }

  /** @param {Field} field @param {readonly string[]} sentences */
  #showField(field, sentences) {
    const error = byId(`${field}-error`, HTMLParagraphElement);
    write(error, sentences.join("\n"));
    const input = this.#input(field);
    const texts = [byId(`${field}-rules`, HTMLParagraphElement), error, this.#error];
    const shown = texts.filter(({ hidden, textContent }) => !hidden && textContent !== "");
    if (shown.length > 0)
      input.setAttribute("aria-describedby", shown.map(({ id }) => id).join(" "));
    else input.removeAttribute("aria-describedby");
    input.ariaInvalid = sentences.length > 0 ? "true" : null;
  }

  /** Clear the fields after signing in, so that no password stays in the page. */
  forget() {
    this.#form.reset();
  }

  /** Write the texts for signing in or registering in the current language. A sentence of another language
   * about what was wrong is removed. */
  relabel() {
    const kind = this.#isNew ? "register" : "sign_in";
    const title = { register: "sign_in.register_title", sign_in: "sign_in.title" }[kind];
    const submit = { register: "sign_in.submit_register", sign_in: "sign_in.submit" }[kind];
    const other = { register: "sign_in.to_sign_in", sign_in: "sign_in.register_title" }[kind];
    // The demo's login is of no use for a new account.
    this.#demo.hidden = this.#isNew || !this.#isDemo;
    write(this.#title, this.#words.say(title));
    write(this.#submit, this.#words.say(submit));
    write(this.#switch, this.#words.say(other));
    for (const field of FIELDS) {
      const rules = byId(`${field}-rules`, HTMLParagraphElement);
      rules.hidden = !this.#isNew;
      write(rules, this.#words.say(RULES[field].key, RULES[field].values));
      this.#showField(field, []);
    }
    write(this.#error, "");
    this.#password.autocomplete = this.#isNew ? "new-password" : "current-password";
    this.#notice.hidden = !this.#noticeKey;
    write(this.#notice, this.#noticeKey ? this.#words.say(this.#noticeKey) : "");
  }
}
