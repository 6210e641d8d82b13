/** The search in the user's conversations: the server finds them, the list shows only those. */

import { Latest } from "../latest.js";
import { errorText } from "./error-text.js";

/** @import { Api } from "../api.js" */
/** @import { Announcer } from "../views/announcer.js" */
/** @import { Drawer } from "../views/drawer.js" */
/** @import { SearchBox } from "../views/search-box.js" */
/** @import { Words } from "../words/i18n.js" */
/** @import { SessionList } from "./session-list.js" */

/**
 * @typedef {{
 *   api: Pick<Api, "findSessions">, words: Words, list: Pick<SessionList, "filter">,
 *   box: Pick<SearchBox, "clear">, drawer: Pick<Drawer, "showError">,
 *   announcer: Pick<Announcer, "say">,
 * }} SessionSearchParts
 */

/** A request per word, not per key: a pause this long means that the user has stopped typing. */
export const SEARCH_DELAY_MS = 250;

export class SessionSearch {
  #parts;
  #requests = new Latest();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {SessionSearchParts} parts */
  constructor(parts) {
    this.#parts = parts;
  }

  /** The text in the box changed; without text all conversations are shown. @param {string} text */
  changed(text) {
    clearTimeout(this.#timer);
    const signal = this.#requests.next();
    const search = text.trim();
    if (search) this.#timer = setTimeout(() => this.#find(search, signal), SEARCH_DELAY_MS);
    else this.#parts.list.filter(null);
  }

  /** Empty the box and show all conversations: the user signed out. */
  clear() {
    this.#parts.box.clear();
    this.changed("");
  }

  /** @param {string} search @param {AbortSignal} signal */
  async #find(search, signal) {
    const { announcer, api, drawer, list, words } = this.#parts;
    try {
      const found = await api.findSessions(search);
      if (signal.aborted) return;
      drawer.showError("");
      list.filter(found.map(({ id }) => id));
      announcer.say(words.say("sessions.found", { count: words.number(found.length) }));
    } catch (error) {
      if (signal.aborted) return;
      drawer.showError(words.say("sessions.search.failed", { why: errorText(words, error) }));
    }
  }
}
