/** The controls of the page `/openai-realtime`: the state of the connection, the buttons, the choices. */

import { byId, make, write } from "../../views/elements.js";
import { LevelMeter } from "../../views/level-meter.js";

/** @import { Announcer } from "../../views/announcer.js" */
/** @import { Words } from "../../words/i18n.js" */
/** @import { Choice, DirectTransport, Link, PageModel } from "../page.js" */
/** @import { ReportState } from "../reporting.js" */
/** @import { ToolCall } from "../tool-calls.js" */

/**
 * @typedef {{
 *   connectClicked: () => void, recordClicked: () => void, chosen: (changes: Partial<Choice>) => void,
 * }} DirectViewDelegate
 */

/** @type {Readonly<Record<Link, string>>} */
const LINK_TEXTS = Object.freeze({
  disconnected: "direct.link.disconnected",
  connecting: "direct.link.connecting",
  connected: "direct.link.connected",
  error: "direct.link.error",
});

/** @type {Readonly<Record<DirectTransport, string>>} */
const TRANSPORT_TEXTS = Object.freeze({
  webrtc: "direct.transport.webrtc",
  websocket: "direct.transport.websocket",
});

/** @type {Readonly<Record<ReportState, string>>} */
const KEPT_TEXTS = Object.freeze({
  saved: "direct.kept",
  waiting: "direct.kept.waiting",
  incomplete: "direct.kept.incomplete",
  refused: "direct.kept.refused",
});

export class DirectView {
  #words;
  #announcer;
  #status = byId("direct-status", HTMLDivElement);
  #link = byId("direct-link", HTMLElement);
  #error = byId("direct-error", HTMLParagraphElement);
  #connect = byId("direct-connect", HTMLButtonElement);
  #record = byId("direct-record", HTMLButtonElement);
  #meter = new LevelMeter(byId("direct-level", HTMLDivElement));
  #choices = byId("direct-choices", HTMLFieldSetElement);
  #provider = byId("direct-provider", HTMLSelectElement);
  #providerField = byId("direct-provider-field", HTMLElement);
  #onlyProvider = byId("direct-only-provider", HTMLElement);
  #onlyProviderName = byId("direct-only-provider-name", HTMLElement);
  #voice = byId("direct-voice", HTMLSelectElement);
  #model = byId("direct-model", HTMLSelectElement);
  #modelField = byId("direct-model-field", HTMLElement);
  #transport = byId("direct-transport", HTMLSelectElement);
  #transportField = byId("direct-transport-field", HTMLElement);
  #tools = byId("direct-tools", HTMLElement);
  #toolList = byId("direct-tool-list", HTMLUListElement);
  #kept = byId("direct-kept", HTMLParagraphElement);
  #session = byId("direct-session", HTMLAnchorElement);
  #new = byId("direct-new", HTMLAnchorElement);
  #wasRecording = false;

  /** @param {Words} words @param {Pick<Announcer, "say">} announcer @param {DirectViewDelegate} delegate */
  constructor(words, announcer, delegate) {
    this.#words = words;
    this.#announcer = announcer;
    this.#connect.addEventListener("click", () => delegate.connectClicked());
    this.#record.addEventListener("click", () => {
      if (this.#record.ariaDisabled !== "true") delegate.recordClicked();
    });
    this.#provider.addEventListener("change", () =>
      delegate.chosen({ provider: this.#provider.value }),
    );
    this.#voice.addEventListener("change", () => delegate.chosen({ voice: this.#voice.value }));
    this.#model.addEventListener("change", () => delegate.chosen({ model: this.#model.value }));
    this.#transport.addEventListener("change", () =>
      delegate.chosen({
        transport: /** @type {DirectTransport} */ (this.#transport.value),
      }),
    );
  }

  /** @param {PageModel} model */
  show(model) {
    this.#showLink(model);
    write(this.#error, model.error);
    this.#showButtons(model);
    this.#showChoices(model);
    this.#showTools(model.toolCalls);
    this.#showSession(model);
  }

  /** Draw the level of the newest chunk. @param {number} rms */
  addLevel(rms) {
    this.#meter.add(rms);
  }

  /** @param {PageModel} model */
  #showLink({ link, attempt }) {
    this.#status.dataset.link = link;
    const isAgain = link === "connecting" && attempt > 0;
    const key = isAgain ? "direct.link.reconnecting" : LINK_TEXTS[link];
    write(this.#link, this.#words.say(key, { attempt }));
  }

  /** @param {PageModel} model */
  #showButtons({ link, hasCall, isRecording, isStarting }) {
    write(this.#connect, this.#words.say(hasCall ? "direct.disconnect" : "direct.connect"));
    this.#connect.classList.toggle("primary", !hasCall);
    write(this.#record, this.#words.say(isRecording ? "direct.stop_recording" : "direct.record"));
    const canRecord = isRecording || (link === "connected" && !isStarting);
    // Not `disabled`: the button would lose the focus of a keyboard user.
    this.#record.ariaDisabled = canRecord ? null : "true";
    this.#record.classList.toggle("primary", canRecord && !isRecording);
    this.#record.classList.toggle("recording", isRecording);
    if (isRecording !== this.#wasRecording) {
      this.#announcer.say(
        this.#words.say(isRecording ? "direct.recording" : "direct.not_recording"),
      );
    }
    this.#wasRecording = isRecording;
  }

  /** @param {PageModel} model */
  #showChoices({ hasCall, choice, models, voices, transports, providers }) {
    this.#choices.disabled = hasCall;
    const isChoice = providers.length > 1;
    this.#providerField.hidden = !isChoice;
    this.#onlyProvider.hidden = isChoice;
    const names = providers.map(({ name, text }) => ({ value: name, text }));
    fill(this.#provider, names, choice.provider);
    write(this.#onlyProviderName, providers[0]?.text ?? "");
    fill(this.#voice, voices.map(option), choice.voice);
    fill(this.#model, models.map(option), choice.model);
    const ways = transports.map((name) => ({
      value: name,
      text: this.#words.say(TRANSPORT_TEXTS[name]),
    }));
    // Our server opens the watched calls, with its own model.
    this.#modelField.hidden = choice.transport === "webrtc";
    fill(this.#transport, ways, choice.transport);
    this.#transportField.hidden = transports.length < 2;
  }

  /** @param {readonly ToolCall[]} calls */
  #showTools(calls) {
    this.#tools.hidden = calls.length === 0;
    for (const { name, text } of calls.slice(this.#toolList.children.length)) {
      this.#toolList.append(make("li", {}, make("code", {}, name), text && ` ${text}`));
    }
  }

  /** @param {PageModel} model */
  #showSession({ sessionId, reports, isReporting, hasCall }) {
    this.#session.hidden = sessionId === null;
    this.#session.href = `/#/s/${sessionId ?? ""}`;
    this.#new.hidden = sessionId === null || hasCall;
    write(this.#kept, this.#words.say(keptKey(reports, isReporting)));
  }
}

/** @param {PageModel["reports"]} reports @param {boolean} isReporting */
function keptKey(reports, isReporting) {
  if (!isReporting) return "direct.kept.webrtc";
  return KEPT_TEXTS[reports ?? "saved"];
}

/** @param {string} name */
const option = (name) => ({ value: name, text: name });

/**
 * Fill a list, unless it is as it should be: a list that is open would be closed.
 *
 * @param {HTMLSelectElement} select
 * @param {{ value: string, text: string }[]} options
 * @param {string} chosen
 */
function fill(select, options, chosen) {
  const isSame =
    select.options.length === options.length &&
    options.every(({ value, text }, index) => {
      const shown = select.options[index];
      return shown?.value === value && shown.text === text;
    });
  if (!isSame) {
    select.replaceChildren(...options.map(({ value, text }) => make("option", { value }, text)));
  }
  if (select.value !== chosen) select.value = chosen;
}
