/** The page as a whole: what follows when somebody signs in or out, or changes the language. */

import { languageFrom } from "../words/i18n.js";

/** @import { Api } from "../api.js" */
/** @import { Drafts } from "../storage/drafts.js" */
/** @import { LocalStore } from "../storage/local-store.js" */
/** @import { Drawer } from "../views/drawer.js" */
/** @import { Labels } from "../views/labels.js" */
/** @import { Screens } from "../views/screens.js" */
/** @import { Sessions } from "../views/sessions.js" */
/** @import { SignIn } from "../views/sign-in.js" */
/** @import { Suggestions } from "../views/suggestions.js" */
/** @import { Language, Words } from "../words/i18n.js" */
/** @import { Account } from "./account.js" */
/** @import { SessionAddress } from "./address.js" */
/** @import { Navigation } from "./navigation.js" */
/** @import { OtherTabs } from "./other-tabs.js" */
/** @import { SessionList } from "./session-list.js" */
/** @import { Talk } from "./talk.js" */

/**
 * @typedef {{
 *   api: Api, store: LocalStore, drafts: Drafts, words: Words,
 *   account: Pick<Account, "load" | "user" | "config">,
 *   address: Pick<SessionAddress, "set">,
 *   otherTabs: Pick<OtherTabs, "report">,
 *   conversation: Pick<Navigation, "open" | "openAddress" | "close" | "saveUnsent" | "sessionId">,
 *   list: Pick<SessionList, "load" | "clear" | "show" | "turnCompleted" | "refresh">,
 *   talk: Pick<Talk, "focusMessage" | "relabel" | "send" | "refresh">,
 *   screens: Pick<Screens, "show">,
 *   labels: Pick<Labels, "show" | "showAccount" | "showReviewNotice">,
 *   suggestions: Pick<Suggestions, "show">,
 *   signIn: Pick<SignIn, "forget" | "relabel">,
 *   sessions: Pick<Sessions, "relabel">,
 *   drawer: Pick<Drawer, "close" | "showError">,
 *   closeDialogs: () => void,
 * }} AppParts
 */

/** Joins the account, the session list and the open conversation. */
export class App {
  #parts;
  /** @type {number | null} Who was signed in last, on this page. */
  #lastUserId = null;

  /** @param {AppParts} parts */
  constructor(parts) {
    this.#parts = parts;
  }

  /** Show the page. @param {boolean} hasKeys Whether the user has a keyboard. */
  async start(hasKeys) {
    this.keyboardChanged(hasKeys);
    await this.#parts.account.load();
  }

  /** Texts name keys only where there are some. @param {boolean} hasKeys */
  keyboardChanged(hasKeys) {
    const { words } = this.#parts;
    words.hasKeys = hasKeys;
    this.#showLanguage(words.language);
  }

  /** The parts of the talk screen have come: write their texts. The sign-in form may be in use and stays as
   * it is. */
  partsLoaded() {
    this.#parts.suggestions.show(this.#parts.account.config);
    this.#relabelTalk();
  }

  /** The user chose a language. @param {string} value */
  chooseLanguage(value) {
    const language = languageFrom(value, []);
    this.#parts.store.savePreferences({ language });
    this.#showLanguage(language);
  }

  /** Somebody is signed in: show their conversations, and open the one that the address names. */
  async signedIn() {
    const { account, address, conversation, drafts, list, screens, signIn } = this.#parts;
    const userId = account.user?.id ?? null;
    signIn.forget();
    drafts.setOwner(String(userId));
    // The address of one user's conversation means nothing to another.
    if (this.#lastUserId !== null && this.#lastUserId !== userId) address.set(null);
    this.#lastUserId = userId;
    screens.show("talk");
    this.#label();
    await Promise.all([conversation.openAddress(), list.load()]);
  }

  /** Nobody is signed in any more. @param {boolean} isChosen Whether the user chose to sign out. */
  signedOut(isChosen) {
    const { address, closeDialogs, conversation, drafts, drawer, list } = this.#parts;
    if (isChosen) drafts.clear();
    else conversation.saveUnsent();
    conversation.close();
    closeDialogs();
    drawer.showError("");
    list.clear();
    if (isChosen) address.set(null);
  }

  /** The user chose a conversation, or null for a new one. @param {string | null} id */
  choose(id) {
    const { drawer, talk } = this.#parts;
    drawer.close();
    drawer.showError("");
    this.show(id);
    talk.focusMessage();
  }

  /** Open a conversation, or null for a new one, without moving the focus. @param {string | null} id */
  show(id) {
    this.#parts.address.set(id);
    void this.#parts.conversation.open(id);
  }

  /** The user chose a suggestion of the demo. @param {string} text */
  sendSuggestion(text) {
    this.#parts.talk.focusMessage();
    void this.#parts.talk.send(text);
  }

  /** A turn was completed in the open conversation. */
  turnCompleted() {
    const { conversation, list } = this.#parts;
    if (conversation.sessionId !== null) list.turnCompleted(conversation.sessionId);
  }

  /** A typed exchange of the open conversation was finished here. */
  exchangeFinished() {
    const { conversation, otherTabs } = this.#parts;
    if (conversation.sessionId !== null) otherTabs.report(conversation.sessionId);
  }

  /** A typed exchange was finished in another tab. @param {string} sessionId */
  exchangeFinishedInOtherTab(sessionId) {
    const { account, conversation, list, talk } = this.#parts;
    if (!account.user) return;
    list.turnCompleted(sessionId);
    if (sessionId === conversation.sessionId) void talk.refresh();
  }

  /** The user is back at the page, perhaps on another day: show what was added to the open conversation
   * meanwhile. */
  cameBack() {
    const { account, conversation, list, sessions, talk } = this.#parts;
    if (!account.user) return;
    sessions.relabel();
    if (conversation.sessionId === null) return;
    void list.refresh(conversation.sessionId);
    void talk.refresh();
  }

  /** @param {Language} language */
  #showLanguage(language) {
    const { api, signIn, words } = this.#parts;
    words.language = language;
    api.language = language;
    this.#label();
    signIn.relabel();
    this.#relabelTalk();
  }

  #relabelTalk() {
    const { drawer, list, sessions, talk } = this.#parts;
    sessions.relabel();
    drawer.showError("");
    talk.relabel();
    list.show();
  }

  #label() {
    const { account, labels, suggestions } = this.#parts;
    labels.show();
    labels.showAccount(account.user?.username ?? "");
    labels.showReviewNotice(account.config?.review_notice === true);
    suggestions.show(account.config);
  }
}
