/** The voice and the language of the open conversation, which the user may change at any time. */

import { errorText } from "./error-text.js";

/** @import { Api, SessionSettingsFields } from "../api.js" */
/** @import { SessionSettingsView } from "../views/session-settings.js" */
/** @import { Words } from "../words/i18n.js" */
/** @import { SessionList } from "./session-list.js" */

/**
 * @typedef {{
 *   api: Pick<Api, "changeSession">, words: Words, list: Pick<SessionList, "get" | "replace">,
 *   view: Pick<SessionSettingsView, "show" | "showError">,
 * }} SessionSettingsParts
 * @typedef {{
 *   openId: () => string | null, voices: () => readonly string[], signal: () => AbortSignal,
 * }} SessionSettingsDelegate `voices` are those that the server knows; `signal` is aborted when the user
 *   signs out.
 */

/** Changes the session, or keeps the choice until the session of a new conversation is created. */
export class SessionSettings {
  #parts;
  #delegate;
  /** What was chosen for new conversations. @type {SessionSettingsFields} */
  #chosen = {};

  /** @param {SessionSettingsParts} parts @param {SessionSettingsDelegate} delegate */
  constructor(parts, delegate) {
    this.#parts = parts;
    this.#delegate = delegate;
  }

  /** The fields of a session that is about to be created. */
  get fieldsOfNew() {
    return { language: this.#parts.words.language, ...this.#chosen };
  }

  /** The user chose a voice or a language. @param {SessionSettingsFields} changes */
  async choose(changes) {
    const id = this.#delegate.openId();
    this.#parts.view.showError("");
    if (id === null) this.#choose(changes);
    else await this.#change(id, changes);
    this.show();
  }

  /** The user signed out: forget what they chose. */
  clear() {
    this.#chosen = {};
    this.#parts.view.showError("");
  }

  /** Show what applies to the open conversation. */
  show() {
    const { list, view } = this.#parts;
    const voices = this.#delegate.voices();
    const id = this.#delegate.openId();
    if (id === null) {
      return view.show({ voices, hasDefault: true, voice: "", ...this.fieldsOfNew });
    }
    const session = list.get(id);
    if (!session) return view.show(null);
    const { voice, language } = session;
    view.show({ voices, hasDefault: false, voice, language });
  }

  /** @param {SessionSettingsFields} changes An empty voice: the server chooses. */
  #choose(changes) {
    const { voice, ...others } = { ...this.#chosen, ...changes };
    this.#chosen = voice ? { voice, ...others } : others;
  }

  /** @param {string} id @param {SessionSettingsFields} changes */
  async #change(id, changes) {
    const { api, list, view, words } = this.#parts;
    const signal = this.#delegate.signal();
    try {
      const session = await api.changeSession(id, changes);
      if (!signal.aborted) list.replace(session);
    } catch (error) {
      if (signal.aborted) return;
      view.showError(words.say("settings.session.failed", { why: errorText(words, error) }));
    }
  }
}
