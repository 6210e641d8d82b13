/**
 * What other tabs and devices add to the user's conversations. Another tab of this browser reports a typed
 * exchange when it is finished: the session's id, and never its words, which each tab loads for itself.
 * Another device reports nothing, so the page looks when the user comes back to it.
 */

/**
 * @typedef {{
 *   openChannel: () => Pick<BroadcastChannel, "postMessage" | "addEventListener">,
 *   window: EventTarget,
 *   document: EventTarget & { readonly visibilityState: DocumentVisibilityState },
 *   signal: AbortSignal,
 * }} OtherTabsParts `openChannel` opens a channel to the other tabs; it may throw.
 * @typedef {{
 *   exchangeFinished: (sessionId: string) => void, cameBack: () => void,
 * }} OtherTabsDelegate `exchangeFinished` is called for another tab's exchange, `cameBack` when the page
 *   becomes visible or gets the focus.
 */

/** The name of the channel between the tabs. */
export const CHANNEL = "kaiwa.conversations";
/** The only kind of message so far. */
const EXCHANGE = "exchange_finished";
/** A tab that comes to the front becomes visible and gets the focus; exchanges may follow one another. */
export const DEBOUNCE_MS = 300;

export class OtherTabs {
  #delegate;
  #document;
  #channel;
  /** @type {Set<string>} Sessions with an exchange that was not reported yet. */
  #sessionIds = new Set();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #exchangeTimer;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #returnTimer;

  /** @param {OtherTabsParts} parts @param {OtherTabsDelegate} delegate */
  constructor({ openChannel, window, document, signal }, delegate) {
    this.#delegate = delegate;
    this.#document = document;
    this.#channel = channelOf(openChannel);
    const received = (/** @type {MessageEvent} */ { data }) => this.#received(data);
    this.#channel?.addEventListener("message", received, { signal });
    window.addEventListener("focus", () => this.#returned(), { signal });
    const changed = () => {
      if (document.visibilityState !== "visible") return;
      this.#reportSoon();
      this.#returned();
    };
    document.addEventListener("visibilitychange", changed, { signal });
  }

  /** Report to the other tabs that a typed exchange of this session is finished.
   * @param {string} sessionId */
  report(sessionId) {
    this.#channel?.postMessage({ kind: EXCHANGE, sessionId });
  }

  /** @param {unknown} message From a tab that may be of another release. */
  #received(message) {
    const { kind, sessionId } = /** @type {Record<string, unknown>} */ (Object(message));
    if (kind !== EXCHANGE || typeof sessionId !== "string") return;
    this.#sessionIds.add(sessionId);
    this.#reportSoon();
  }

  /** Call the delegate for the exchanges of other tabs. A hidden tab, of which there may be many, sends no
   * requests for them before it is shown. */
  #reportSoon() {
    // Not restarted by the next exchange, so that one is never late.
    this.#exchangeTimer ??= setTimeout(() => {
      this.#exchangeTimer = undefined;
      if (this.#document.visibilityState !== "visible") return;
      const ids = [...this.#sessionIds];
      this.#sessionIds.clear();
      for (const id of ids) this.#delegate.exchangeFinished(id);
    }, DEBOUNCE_MS);
  }

  #returned() {
    clearTimeout(this.#returnTimer);
    this.#returnTimer = setTimeout(() => this.#delegate.cameBack(), DEBOUNCE_MS);
  }
}

/** Null where the browser allows no channel, as some do without storage.
 * @param {OtherTabsParts["openChannel"]} openChannel */
function channelOf(openChannel) {
  try {
    return openChannel();
  } catch {
    return null;
  }
}
