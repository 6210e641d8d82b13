/** The signed-in user: load, sign in, sign out, and follow the other tabs. */

import { ApiError } from "../api.js";
import { Latest } from "../latest.js";
import { FIELDS, problemsOf, RULES, refusalsOf } from "../words/credentials.js";
import { errorText } from "./error-text.js";

/** @import { Api, Config, User } from "../api.js" */
/** @import { LocalStore } from "../storage/local-store.js" */
/** @import { Drawer } from "../views/drawer.js" */
/** @import { Screens } from "../views/screens.js" */
/** @import { Credentials, FormProblems, SignIn } from "../views/sign-in.js" */
/** @import { Words } from "../words/i18n.js" */
/** @import { Field } from "../words/credentials.js" */

/**
 * @typedef {{
 *   api: Api, store: LocalStore, words: Words,
 *   screens: Pick<Screens, "show" | "isOn" | "showStarting" | "showSlow" | "showUnreachable" | "showFailed">,
 *   signIn: Pick<SignIn, "show" | "setBusy" | "fail">,
 *   drawer: Pick<Drawer, "showError">,
 *   confirm: (words: { title: string, text: string, yes: string }) => Promise<boolean>,
 * }} AccountParts
 * @typedef {{ signedIn: () => Promise<void>, justEntered: () => void, signedOut: (isChosen: boolean) => void }} AccountDelegate
 *   `signedIn` is called when a stored or a new login is valid, `justEntered` right after it if the user
 *   used the sign-in form, `signedOut` with whether the user chose to sign out.
 */

/** After so long, a page that still waits for the server says so, and offers to try again. */
export const SLOW_START_MS = 2500;

/** Holds the user and their token. */
export class Account {
  #parts;
  #delegate;
  /** @type {Config | null} */
  #config = null;
  /** @type {User | null} */
  #user = null;
  #login = new Latest();
  /** Of several attempts to load, the latest counts. */
  #loading = new Latest();
  /** The server could not be reached when the page was loaded. */
  #isUnreachable = false;
  /** Whether the user has been shown that this browser will not keep the login. */
  #hasShownNotKept = false;

  /** @param {AccountParts} parts @param {AccountDelegate} delegate */
  constructor(parts, delegate) {
    this.#parts = parts;
    this.#delegate = delegate;
    parts.api.onSignedOut = () => this.signOut("sign_in.expired");
  }

  /** The configuration that the server shows before sign-in; null until it is loaded. */
  get config() {
    return this.#config;
  }

  /** The signed-in user, or null. */
  get user() {
    return this.#user;
  }

  /** Aborted when the current user signs out: the next user must not see the responses. */
  get signal() {
    return this.#login.signal;
  }

  /**
   * Load the server's configuration and check the stored token. Shows the page, the sign-in form or
   * "unreachable".
   *
   * @returns {Promise<void>}
   */
  async load() {
    const { api, store, screens } = this.#parts;
    const signal = this.#loading.next();
    screens.showStarting();
    this.#isUnreachable = false;
    api.token = store.token;
    const slow = setTimeout(() => screens.showSlow(), SLOW_START_MS);
    try {
      await this.#request(signal);
      if (signal.aborted) return;
    } catch (error) {
      if (signal.aborted) return;
      // What nobody foresaw is shown as such by start.js.
      if (!(error instanceof ApiError)) throw error;
      if (error.status !== 401) {
        this.#isUnreachable = true;
        return screens.showUnreachable();
      }
      this.#config = await api.config().catch(() => null);
      if (signal.aborted) return;
    } finally {
      clearTimeout(slow);
    }
    // Another tab has signed out or in meanwhile.
    if (store.token !== api.token) {
      this.#user = null;
      return this.load();
    }
    if (this.#user) await this.#signedIn();
    else this.#showSignIn(screens.isOn("sign-in") ? "sign_in.expired" : "");
  }

  /** The network is back: load what could not be loaded. */
  networkReturned() {
    if (this.#isUnreachable) void this.load();
  }

  /** Sign in, or create a login and sign in. @param {Credentials} credentials */
  async enter(credentials) {
    const { username, password, isNew } = credentials;
    const { api, store, signIn } = this.#parts;
    const problems = problemsOf(credentials);
    const say = (/** @type {Field} */ field) =>
      problems[field].map((key) => this.#parts.words.say(key, RULES[field].values));
    signIn.fail({ form: "", username: say("username"), password: say("password") });
    if (FIELDS.some((field) => problems[field].length > 0)) return;
    signIn.setBusy(true);
    try {
      const { token, user } = await (isNew
        ? api.register(username, password)
        : api.logIn(username, password));
      store.token = token;
      api.token = token;
      this.#user = user;
      const shown = this.#signedIn();
      // Before `shown`: later it would take the focus from what the user is doing by then.
      this.#delegate.justEntered();
      await shown;
    } catch (error) {
      signIn.fail(this.#formProblems(error));
      if (error instanceof ApiError) return;
      this.#parts.screens.showFailed();
      throw error;
    } finally {
      signIn.setBusy(false);
    }
  }

  /**
   * Forget the login on this device.
   *
   * @param {string} notice Why the user has to sign in again, as a key of the words; empty when they
   *   chose to sign out.
   */
  signOut(notice) {
    const { api, store } = this.#parts;
    // Another tab may have signed in by now.
    if (store.token === api.token) store.token = "";
    api.token = "";
    this.#user = null;
    this.#login.cancel();
    this.#delegate.signedOut(notice === "");
    this.#showSignIn(notice);
  }

  /** After a confirmation, end every login and every call of the user. */
  async signOutEverywhere() {
    const { api, confirm, drawer, words } = this.#parts;
    const title = words.say("account.sign_out_everywhere");
    const text = words.say("account.sign_out_everywhere.text");
    if (!(await confirm({ title, text, yes: title }))) return;
    drawer.showError("");
    const { signal } = this;
    try {
      await api.logOutEverywhere();
    } catch (error) {
      if (signal.aborted) return;
      const why = errorText(words, error);
      drawer.showError(words.say("account.sign_out_everywhere.failed", { why }));
      return;
    }
    if (!signal.aborted) this.signOut("");
  }

  /** All tabs share one login: follow another tab that signed out, or in. */
  storageChanged() {
    const { api, store, screens } = this.#parts;
    if (store.token === api.token) return;
    if (this.#user) this.signOut("sign_in.signed_out");
    if (store.token && screens.isOn("sign-in")) void this.load();
  }

  /** @param {unknown} error Why signing in failed. @returns {FormProblems} */
  #formProblems(error) {
    const { words } = this.#parts;
    const say = (/** @type {Field} */ field) =>
      error instanceof ApiError
        ? refusalsOf(error, field).map(({ key, sentence }) =>
            key ? words.say(key, RULES[field].values) : sentence,
          )
        : [];
    const [username, password] = [say("username"), say("password")];
    const isByField = username.length + password.length > 0;
    return { form: isByField ? "" : errorText(words, error), username, password };
  }

  /** @param {AbortSignal} signal */
  async #request(signal) {
    const { api } = this.#parts;
    const asked = api.token ? api.me() : Promise.resolve(null);
    const [config, user] = await Promise.all([api.config(), asked]);
    if (signal.aborted) return;
    this.#config = config;
    this.#user = user;
  }

  #signedIn() {
    this.#login.next();
    return this.#delegate.signedIn();
  }

  /** The notice for a form without another one: the first time that the login will not be kept. */
  #takeNotKeptNotice() {
    if (this.#parts.store.isKept || this.#hasShownNotKept) return "";
    this.#hasShownNotKept = true;
    return "sign_in.not_kept";
  }

  /** @param {string} notice */
  #showSignIn(notice) {
    this.#parts.screens.show("sign-in");
    this.#parts.signIn.show({
      canRegister: this.#config?.registration_open === true,
      isDemo: this.#config?.demo === true,
      notice: notice || this.#takeNotKeptNotice(),
    });
  }
}
