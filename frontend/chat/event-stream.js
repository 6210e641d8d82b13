/**
 * Parser of `text/event-stream`, for responses of `fetch` (an `EventSource` can neither POST nor send an
 * Authorization header). Pure.
 *
 * https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream, without `id`
 * and `retry`: a stream that is lost is not continued.
 */

/** @typedef {{ event: string, data: string }} StreamEvent */

/** Turns chunks of bytes, split anywhere, into events. */
export class EventStreamParser {
  /** Keeps the bytes of a character that is not complete yet, and removes a byte order mark. */
  #decoder = new TextDecoder();
  /** The line that is not complete yet. */
  #line = "";
  #endedWithCr = false;
  #event = "";
  /** @type {string[]} The lines of data of the event that is not complete yet. */
  #data = [];

  /**
   * @param {Uint8Array} bytes
   * @returns {StreamEvent[]} The events that these bytes complete.
   */
  push(bytes) {
    let text = this.#decoder.decode(bytes, { stream: true });
    if (text === "") return [];
    // The second half of a CRLF that was split: its line has ended already.
    if (this.#endedWithCr && text.startsWith("\n")) text = text.slice(1);
    this.#endedWithCr = text.endsWith("\r");
    const lines = (this.#line + text).split(/\r\n|\r|\n/);
    this.#line = lines.pop() ?? "";
    return lines.map((line) => this.#read(line)).filter((event) => event !== null);
  }

  /** @param {string} line @returns {StreamEvent | null} The event that the line completes. */
  #read(line) {
    if (line === "") return this.#take();
    const [, field = "", value = ""] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? [];
    if (field === "event") this.#event = value;
    if (field === "data") this.#data.push(value);
    return null;
  }

  /** @returns {StreamEvent | null} Null for an event without data, as comments are. */
  #take() {
    const event = { event: this.#event || "message", data: this.#data.join("\n") };
    const isEmpty = this.#data.length === 0;
    this.#event = "";
    this.#data = [];
    return isEmpty ? null : event;
  }
}
