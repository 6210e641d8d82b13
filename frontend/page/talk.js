/**
 * The open conversation: the client of its session, the thread, typed messages and help cards.
 *
 * Typed messages go through the call while there is one, else over REST (TextChat). What was answered
 * over REST is appended to the client's transcript, so that there is one thread in one order.
 */

import { ApiError, TURNS_PER_PAGE } from "../api.js";
import { shownOf } from "../call/call-state.js";
import { SessionId } from "../call/session-id.js";
import { JoinedLines, linesOf, queuedMessage } from "../chat/messages.js";
import { unansweredInCall, unansweredMessages } from "../chat/unanswered.js";
import { Latest } from "../latest.js";
import { firstTurnFrom, newestTurns, pastOf } from "../transcript/past.js";
import { cardFor } from "../words/help.js";
import { isDeviceCard } from "./voice-mode.js";

/** @import { Api, Session } from "../api.js" */
/** @import { CallState } from "../call/call-state.js" */
/** @import { TextChat, TextChatDelegate } from "../chat/text-chat.js" */
/** @import { Unanswered } from "../chat/unanswered.js" */
/** @import { CallError, Problem, RealtimeClient } from "../realtime-client.js" */
/** @import { Unsent } from "../storage/drafts.js" */
/** @import { KeptTurn } from "../transcript/past.js" */
/** @import { ShownLine } from "../transcript/shown-lines.js" */
/** @import { Announcer } from "../views/announcer.js" */
/** @import { BudgetLine } from "../views/budget-line.js" */
/** @import { CallQualityView } from "../views/call-quality.js" */
/** @import { Composer } from "../views/composer.js" */
/** @import { FellBackLine } from "../views/fell-back-line.js" */
/** @import { HelpCard } from "../views/help-card.js" */
/** @import { Settings } from "../views/settings.js" */
/** @import { Presence } from "../views/presence.js" */
/** @import { Status } from "../views/status.js" */
/** @import { Thread } from "../views/thread.js" */
/** @import { VoiceControls } from "../views/voice-controls.js" */
/** @import { Dictation } from "../chat/dictation.js" */
/** @import { HelpAction } from "../words/help.js" */
/** @import { Words } from "../words/i18n.js" */
/** @import { VoiceMode } from "./voice-mode.js" */

/**
 * @typedef {{
 *   api: Api, words: Words,
 *   announcer: Pick<Announcer, "say">,
 *   thread: Pick<Thread, "show" | "load" | "fail" | "follow" | "focus" | "relabel">,
 *   status: Pick<Status, "show" | "showLatency" | "relabel">,
 *   budgetLine: Pick<BudgetLine, "show" | "clear" | "relabel">,
 *   fellBackLine: Pick<FellBackLine, "show" | "relabel">,
 *   composer: Pick<Composer, "showMode" | "showStop" | "clear" | "text" | "restore" | "focus" | "relabel">,
 *   voiceControls: Pick<VoiceControls, "show" | "relabel">,
 *   presence: Pick<Presence, "show" | "add">,
 *   quality: Pick<CallQualityView, "show" | "relabel">,
 *   help: Pick<HelpCard, "show" | "hide" | "name" | "relabel">,
 *   settings: Pick<Settings, "relabel">,
 *   voiceMode: Pick<VoiceMode, keyof VoiceMode>,
 *   dictation: Pick<Dictation, "callChanged" | "cancel" | "draw">,
 *   createClient: (sessionId: string | (() => Promise<string>), pastTurns: KeptTurn[]) => RealtimeClient,
 *   createChat: (sessionId: () => Promise<string>, delegate: TextChatDelegate) => TextChat,
 *   explain: (error: ApiError) => string,
 *   nextFrame: (draw: () => void) => void,
 *   hasTouchScreen: () => boolean,
 *   reloadPage: () => void,
 * }} TalkParts `nextFrame` calls back before the browser's next repaint.
 * @typedef {{
 *   sessionNeeded: () => Promise<string>, conversationShown: () => void, turnCompleted: () => void,
 *   sessionUnused: () => void, exchangeFinished: () => void, sessionRead: (session: Session) => void,
 *   budgetChanged: () => void,
 *   newSessionWanted: () => void, signInWanted: () => void,
 * }} TalkDelegate `sessionNeeded` creates the session of a new conversation and returns its id;
 *   `sessionUnused` is called when a call is over of which nothing came (`isUnused`);
 *   `exchangeFinished` is called when the server has stored a message that was sent without a call, and
 *   what came of it.
 */

/** Endings without a card when the user types: the next message opens the call again. */
const HARMLESS_WHEN_TYPING = new Set(["idle", "completed", "time_limit"]);

/** States without a call. */
const WITHOUT_CALL = new Set(["idle", "ended"]);
/** States in which there is an answer to stop. */
const ANSWERING = new Set(["speaking", "thinking", "writing"]);

/** After so long, a conversation that is still being loaded says so. */
const SLOW_LOADING_MS = 1500;
/** The most turns that are loaded again after an answer. */
const MOST_RELOADED = 200;
/** Cards about a server that could not be reached. */
const NETWORK_CARDS = new Set(["no_network", "not_loaded", "draining", "internal"]);
/** Cards about a conversation that takes no message any more. */
const MESSAGE_CARDS = new Set(["forbidden", "session_closed"]);

/** Cards of a budget that is used up, for voice and for text. */
const SPENT_CARDS = new Set(["budget_spent", "budget_none"]);
/** Cards that refuse calls only. */
const CARDS_WITHOUT_CALLS = new Set(["hourly_limit", "calls_not_allowed"]);

/** Cards about one answer, while the call goes on. */
const ANSWER_CARDS = Object.freeze(["answer_failed", "no_answer"]);

/** @type {CallState} */
const IDLE = Object.freeze({ name: "idle", attempt: 0, reason: null, hasVoice: false });

/** Shows one conversation at a time. */
export class Talk {
  #parts;
  #delegate;
  /** @type {RealtimeClient | null} */
  #client = null;
  /** @type {TextChat | null} Exists as long as the client does. */
  #chat = null;
  /** Of the open conversation, which is created if there is none. @type {() => Promise<string>} */
  #sessionId = async () => "";
  /** That of a new conversation. @type {SessionId | null} */
  #newSession = null;
  /** Whether a call of the open conversation was ever open. */
  #wasConnected = false;
  /** Of several conversations that were opened, the latest counts. */
  #opened = new Latest();
  /** The session that could not be loaded, to be tried again; else empty. */
  #failedSessionId = "";
  /** Whether the open conversation has been loading for long. */
  #isLoadingSlowly = false;
  /** Settles when the open conversation is loaded. */
  #loading = Promise.resolve();
  /** @type {string[]} Messages that were sent before there was a client. */
  #waiting = [];
  #lastState = IDLE.name;
  #isDrawing = false;
  #joined = new JoinedLines();
  /** The position of the first turn that the model is given; null if it is given all.
   * @type {number | null} */
  #rememberedFrom = null;
  /** The server's turns as they were loaded last. @type {ReadonlyArray<KeptTurn>} */
  #loadedTurns = [];
  /** What was looked up last of the first turn that the model is given.
   * @type {{ turns: ReadonlyArray<KeptTurn>, position: number | null, itemId: string | null }} */
  #firstRemembered = { turns: this.#loadedTurns, position: null, itemId: null };
  /** The index of its line, as far as is known. */
  #firstIndex = -1;
  /** The state that was drawn last. @type {CallState["name"]} */
  #drawnState = IDLE.name;

  /** @param {TalkParts} parts @param {TalkDelegate} delegate */
  constructor(parts, delegate) {
    this.#parts = parts;
    this.#delegate = delegate;
  }

  /** The client of the open conversation; null while it is loading, and when none is open. */
  get client() {
    return this.#client;
  }

  /** Whether nothing came of the open conversation: no call was ever open, nothing was said or sent. */
  get isUnused() {
    const isSending = this.#waiting.length > 0 || this.#chat?.isBusy === true;
    return !this.#wasConnected && !isSending && this.#joinedLines().length === 0;
  }

  /** The session of a new conversation was deleted: what comes next creates another one. */
  forgetSession() {
    this.#newSession?.forget();
    this.#client?.forgetSession();
  }

  /** Messages that are not in the conversation yet: those on their way, and the text in the box.
   * @returns {Unsent[]} */
  get unsent() {
    const pending = (this.#client?.lines() ?? []).filter(({ isPending }) => isPending);
    const inChat = this.#chat?.unsent ?? [];
    const typed = [...this.#waiting, this.#parts.composer.text];
    return [...pending, ...inChat, ...typed.map((text) => ({ itemId: "", text }))]
      .filter(({ text }) => text !== "")
      .map(({ itemId, text }) => ({ itemId, text }));
  }

  /**
   * Open a conversation and load its turns.
   *
   * @param {string | null} sessionId Null for a new one: its session is created with the first message.
   */
  open(sessionId) {
    this.#leave();
    this.#opened.next();
    this.#loading = sessionId === null ? this.#begin() : this.#load(sessionId);
    return this.#loading;
  }

  /** End the call and show nothing. */
  close() {
    this.#leave();
    this.#parts.thread.show([]);
    this.draw();
  }

  /** The page is unloaded, or frozen in the background: no microphone may stay open. */
  freeze() {
    // First, so that no exception in the rest leaves the microphone open.
    void this.#client?.close();
    this.#parts.voiceMode.freeze();
    this.#parts.dictation.cancel();
    this.draw();
  }

  /** Send a typed message, as soon as the conversation is loaded. @param {string} text */
  async send(text) {
    const { composer, thread } = this.#parts;
    this.#guard(() => {
      thread.follow();
      this.#hideCard(...ANSWER_CARDS);
    });
    const { signal } = this.#opened;
    this.#waiting.push(text);
    if (!this.#client) this.#showLoading();
    const client = await this.clientWhenLoaded().catch(() => {
      if (!signal.aborted) this.#parts.help.show("page_failed");
      return null;
    });
    // Left meanwhile: the message was stored as unsent.
    if (signal.aborted) return;
    this.#waiting.splice(this.#waiting.indexOf(text), 1);
    if (!client) return composer.restore(text);
    if (this.#isTextForCall(client)) return this.#sendInCall(client, text);
    // How the last call ended is of no interest any more.
    if (client.state.name === "ended") void client.close();
    this.#sendUnsent(client);
    this.#chat?.send(text);
  }

  /** @param {RealtimeClient} client @param {string} text */
  #sendInCall(client, text) {
    try {
      client.sendText(text);
    } catch (error) {
      client.fail(error);
      const isShown = client.lines().some((line) => line.isPending && line.text === text);
      if (!isShown) this.#parts.composer.restore(text);
    }
  }

  /** Send a message that failed once more. @param {string} itemId */
  retry(itemId) {
    // Its button is about to be removed.
    this.focusMessage();
    const client = this.#client;
    const lines = this.#joinedLines();
    const line = lines.find((one) => one.itemId === itemId);
    const unanswered = this.#unanswered(lines).get(itemId);
    const isAskedAnew =
      unanswered?.kind === "interrupted" || (client && this.#isTextForCall(client));
    if (line && unanswered && isAskedAnew) return void this.send(line.text);
    if (line && unanswered) return this.#chat?.send(line.text, itemId);
    if (!client || !this.#isTextForCall(client)) return this.#chat?.retry(itemId);
    const text = this.#chat?.takeFailed(itemId);
    if (text) this.#sendInCall(client, text);
  }

  /** The network is back: send a message that had failed for it, which the server may have already.
   * During a call, which would take it for a new one, it keeps its button. @param {string} itemId */
  #deliver(itemId) {
    if (this.#client && !this.#isTextForCall(this.#client)) this.#chat?.retry(itemId);
  }

  /** Put an unsent message back into the box. @param {string} text */
  restore(text) {
    this.#parts.composer.restore(text);
  }

  /**
   * Mark from where on the model remembers the open conversation.
   *
   * @param {number | null} position The server's position of the first turn that the model is given with
   *   the next question; null if it is given all.
   */
  remember(position) {
    this.#rememberedFrom = position;
    const client = this.#client;
    if (!client) return;
    const isLoaded = position === null || firstTurnFrom(this.#loadedTurns, position) !== undefined;
    // The turn may have come in a call: then its position is not known yet.
    if (!isLoaded && !client.hasCall) void this.#reload(client);
    this.#drawSoon();
  }

  /** The network is back after it was given up: go on, but do not open the microphone by itself. */
  networkReturned() {
    const { help, voiceMode } = this.#parts;
    if (voiceMode.isOn || !NETWORK_CARDS.has(help.name ?? "")) return;
    if (this.#failedSessionId) this.#loadAgain();
    else this.#sendUnsentByText();
  }

  /** The user went back to typing: what a call that is closed did not deliver is sent without one. */
  voiceStopped() {
    this.focusMessage();
    if (this.#client?.hasCall === false) this.#sendUnsent(this.#client);
  }

  /** Stop the answer. */
  interrupt() {
    this.#guard(() => this.#client?.interrupt());
    this.#chat?.stop();
  }

  /** Focus the message box; on a touch screen the thread, since its keyboard would cover that. */
  focusMessage() {
    const { composer, hasTouchScreen, thread } = this.#parts;
    if (hasTouchScreen()) thread.focus();
    else composer.focus();
  }

  /** The language changed. */
  relabel() {
    const { thread, status, budgetLine, composer, voiceControls, help, quality, settings } =
      this.#parts;
    const { fellBackLine } = this.#parts;
    this.#guard(() => {
      const texts = [thread, status, budgetLine, fellBackLine, composer];
      const views = [...texts, voiceControls, help, quality, settings];
      for (const view of views) view.relabel();
      this.#parts.dictation.draw();
      // Also the sentences of failed messages.
      this.draw();
    });
  }

  /**
   * The client of the open conversation once it is loaded; one that could not be loaded is tried again.
   *
   * @returns {Promise<RealtimeClient | null>} Null if that fails, or the conversation is left meanwhile.
   */
  async clientWhenLoaded() {
    const { signal } = this.#opened;
    if (this.#failedSessionId) this.#loadAgain();
    await this.#loading;
    return signal.aborted ? null : this.#client;
  }

  /**
   * As `clientWhenLoaded`, to open a call: the server takes only one of a call and a text answer at a
   * time, so an answer that is being written is stopped first.
   *
   * @returns {Promise<RealtimeClient | null>}
   */
  async clientForCall() {
    const { signal } = this.#opened;
    const client = await this.clientWhenLoaded();
    await this.#chat?.finish();
    return signal.aborted ? null : client;
  }

  /** What can be heard again, or is playing, changed. */
  replayChanged() {
    this.#guard(() => this.draw());
  }

  /** Show the state of the call, of the voice mode, and the lines. What this throws, the caller must catch
   * during a call: the client does so for its events, VoiceMode for its controls, `#guard` for the rest. */
  draw() {
    const {
      composer,
      dictation,
      help,
      presence,
      quality,
      status,
      thread,
      voiceControls,
      voiceMode,
    } = this.#parts;
    const state = this.#state;
    this.#drawnState = state.name;
    const canStop = ANSWERING.has(state.name);
    const voice = voiceMode.model;
    const own = {
      isMuted: voice.isMuted,
      isWaitingForPress: !voice.isHandsFree && !voice.isHeld,
      hasNoMicrophone: voice.hasNoMicrophone,
      hasNoSound: voice.hasNoSound,
      canTalk: voice.canTalk && !CARDS_WITHOUT_CALLS.has(help.name ?? ""),
      isSpent: SPENT_CARDS.has(help.name ?? ""),
    };
    status.show(state, own);
    quality.show(this.#client?.quality ?? null);
    presence.show(shownOf(state, own).name, voice.isOn);
    composer.showMode(voice.isOn);
    composer.showStop(canStop && !voice.isOn);
    const callState = this.#client?.state ?? IDLE;
    dictation.callChanged(voice.isOn || !["idle", "ended"].includes(callState.name));
    voiceControls.show({ ...voice, canStop });
    if (this.#client) thread.show(this.#lines());
  }

  /** Run the action of a help card's button, and focus where the user goes on. @param {HelpAction} action */
  act(action) {
    this.#guard(() => {
      // The card about the sound stays until there is some.
      if (action !== "turn_on_sound") {
        this.#parts.help.hide();
        this.focusMessage();
      }
      this.#actions[action]();
    });
  }

  /**
   * Do what the user asked for, or show what happened outside of the call. During a call, whatever that
   * throws closes the microphone and shows a card: nobody would see any more that it is open.
   *
   * @param {() => void} action
   */
  #guard(action) {
    try {
      action();
    } catch (error) {
      const client = this.#client;
      if (!client?.hasCall && !client?.voice) throw error;
      client.fail(error);
    }
  }

  /** @type {Readonly<Record<HelpAction, () => void>>} */
  #actions = Object.freeze({
    ask_microphone: () => this.#parts.voiceMode.restart(),
    type_instead: () => this.#parts.voiceMode.stop(),
    reconnect: () => this.#reconnect(),
    retry: () => this.#reconnect(),
    talk_here: () => this.#reconnect(),
    sign_in: () => this.#delegate.signInWanted(),
    reload: () => this.#parts.reloadPage(),
    turn_on_sound: () => this.#client?.resumeSound(),
    choose_microphone: () => this.#parts.voiceMode.openSettings(),
    choose_speaker: () => this.#parts.voiceMode.openSettings(),
    choose_connection: () => this.#parts.voiceMode.openSettings(),
    dismiss: () => this.draw(),
    new_session: () => this.#delegate.newSessionWanted(),
  });

  async #begin() {
    const sessionId = new SessionId(() => this.#delegate.sessionNeeded());
    this.#newSession = sessionId;
    this.#use(
      this.#parts.createClient(() => sessionId.get(), []),
      () => sessionId.get(),
    );
  }

  /** @param {string} sessionId */
  async #load(sessionId) {
    const { api, createClient, help, thread } = this.#parts;
    const { signal } = this.#opened;
    this.#showLoading();
    const slow = setTimeout(() => {
      if (signal.aborted) return;
      this.#isLoadingSlowly = true;
      this.draw();
    }, SLOW_LOADING_MS);
    try {
      const turns = await api.turns(sessionId);
      if (signal.aborted) return;
      this.#isLoadingSlowly = false;
      this.#loadedTurns = turns;
      this.#use(createClient(sessionId, pastOf(turns, [])), async () => sessionId);
      if (turns.length > 0) void this.#loadMemory(sessionId);
    } catch (error) {
      if (signal.aborted) return;
      this.#isLoadingSlowly = false;
      thread.fail();
      this.#failedSessionId = sessionId;
      const isGone = error instanceof ApiError && error.status === 404;
      help.show(isGone ? "forbidden" : "not_loaded");
      this.draw();
    } finally {
      clearTimeout(slow);
    }
  }

  /** Show that the conversation is being loaded, and below it the messages that were sent meanwhile. */
  #showLoading() {
    const lines = this.#waiting.map((text, index) => queuedMessage(`waiting_${index}`, text));
    this.#parts.thread.load(lines.flatMap((message) => linesOf(message, this.#parts.explain)));
  }

  /** @param {string} sessionId */
  async #loadMemory(sessionId) {
    const { signal } = this.#opened;
    const session = await this.#parts.api.session(sessionId).catch(() => null);
    if (!session || signal.aborted) return;
    this.remember(session.remembered_from ?? null);
    this.#delegate.sessionRead(session);
  }

  /** Load the session again; messages that were typed meanwhile stay. */
  #loadAgain() {
    this.#parts.help.hide();
    const sessionId = this.#failedSessionId;
    this.#failedSessionId = "";
    this.#loading = this.#load(sessionId);
  }

  #leave() {
    const { composer, help, status, voiceMode } = this.#parts;
    // Before the handlers are cut off: the closed call is still drawn.
    void this.#client?.close();
    this.#chat?.close();
    this.#client = null;
    this.#chat = null;
    this.#opened.cancel();
    this.#failedSessionId = "";
    this.#isLoadingSlowly = false;
    this.#newSession = null;
    this.#wasConnected = false;
    this.#waiting = [];
    this.#lastState = IDLE.name;
    this.#drawnState = IDLE.name;
    this.#rememberedFrom = null;
    this.#loadedTurns = [];
    voiceMode.reset();
    this.#parts.dictation.cancel();
    help.hide();
    composer.clear();
    status.showLatency(null);
    this.#parts.budgetLine.clear();
    this.#parts.fellBackLine.show(false);
  }

  /** @param {RealtimeClient} client @param {() => Promise<string>} sessionId */
  #use(client, sessionId) {
    this.#client = client;
    const { signal } = this.#opened;
    const { presence, quality, status } = this.#parts;
    /**
     * A handler that is ignored once the conversation was left.
     * @template {unknown[]} A
     * @param {(...args: A) => void} handler
     */
    const whileOpen =
      (handler) =>
      (/** @type {A} */ ...args) => {
        if (!signal.aborted) handler(...args);
      };
    client.onState = whileOpen((state) => this.#stateChanged(state));
    client.onLines = whileOpen(() => this.#drawSoon());
    client.onLevel = whileOpen((rms) => presence.add(rms));
    client.onLatency = whileOpen((ms) => status.showLatency(ms));
    client.onQuality = whileOpen(() => quality.show(client.quality));
    client.onProblem = whileOpen((problem) => this.#problemArose(problem));
    client.onBudget = whileOpen((budget) => {
      this.#parts.budgetLine.show(budget);
      this.#delegate.budgetChanged();
    });
    client.onFellBack = whileOpen(() => this.#parts.fellBackLine.show(true));
    client.onError = whileOpen((error) => this.#errorArose(error));
    client.onConnected = whileOpen(() => this.#connected(client));
    client.onTranscript = whileOpen((text, role, { isCut }) =>
      this.#turnCompleted(text, role, isCut),
    );
    this.#sessionId = sessionId;
    this.#chat = this.#parts.createChat(sessionId, {
      changed: whileOpen(() => this.#chatChanged()),
      accepted: whileOpen(() => this.#messageAccepted()),
      answered: whileOpen((turns) => this.#answered(client, turns)),
      lost: whileOpen(() => {
        this.#delegate.exchangeFinished();
        void this.#reload(client);
      }),
      failed: whileOpen((error) => this.#messageFailed(error)),
      deliverable: whileOpen((itemId) => this.#deliver(itemId)),
    });
    this.draw();
    this.#delegate.conversationShown();
  }

  /** The state of the call, or of the text answer. @returns {CallState} */
  get #state() {
    const state = this.#client?.state ?? IDLE;
    if (this.#isLoadingSlowly) return { ...IDLE, name: "loading" };
    if (this.#failedSessionId) return { ...IDLE, name: "not_loaded" };
    // The microphone is asked for as soon as the conversation is loaded, and the answer before has ended.
    if (this.#parts.voiceMode.isOn && WITHOUT_CALL.has(state.name)) {
      return { ...state, name: "connecting" };
    }
    const cause = this.#chat?.waitingFor;
    if (cause && WITHOUT_CALL.has(state.name)) {
      return { ...state, name: "reconnecting", reason: cause };
    }
    const isWriting = this.#chat?.isAnswerDue === true && WITHOUT_CALL.has(state.name);
    if (!isWriting) return { ...state, wasOpen: this.#wasConnected };
    return { ...state, name: this.#chat?.hasWords ? "writing" : "thinking" };
  }

  /** The lines, with what may be sent again and from where on the model remembers. @returns {ShownLine[]} */
  #lines() {
    const lines = this.#joinedLines();
    const unanswered = this.#unanswered(lines);
    const firstId = this.#firstRememberedId;
    if (unanswered.size === 0 && firstId === null) return lines;
    // Of thousands of lines one or two are others: the rest is copied as it is, for each word that comes.
    const shown = [...lines];
    const failedIndexes = unanswered.size > 0 ? lines.keys() : [];
    for (const index of failedIndexes) {
      const line = lines[index];
      const found = line && unanswered.get(line.itemId);
      if (found) shown[index] = { ...line, failure: this.#sentenceOf(found) };
    }
    // It is where it was, unless lines were added before it.
    if (firstId !== null && lines[this.#firstIndex]?.itemId !== firstId) {
      this.#firstIndex = lines.findIndex(({ itemId }) => itemId === firstId);
    }
    const first = firstId === null ? undefined : shown[this.#firstIndex];
    if (first) shown[this.#firstIndex] = { ...first, isFirstRemembered: true };
    return shown;
  }

  /** The id of the first turn that the model is given, if it is loaded. @returns {string | null} */
  get #firstRememberedId() {
    const from = this.#rememberedFrom;
    const { turns, position } = this.#firstRemembered;
    if (turns !== this.#loadedTurns || position !== from) {
      const first = from === null ? undefined : firstTurnFrom(this.#loadedTurns, from);
      const itemId = first?.item_id ?? null;
      this.#firstRemembered = { turns: this.#loadedTurns, position: from, itemId };
    }
    return this.#firstRemembered.itemId;
  }

  /** @param {Unanswered} unanswered */
  #sentenceOf({ hasWords }) {
    return hasWords ? "" : this.#parts.words.say("thread.not_answered");
  }

  #joinedLines() {
    return this.#joined.of(this.#client?.lines() ?? [], this.#chat?.lines() ?? []);
  }

  /** What may be sent again: nothing while an answer may still come.
   * @param {ReadonlyArray<ShownLine>} lines */
  #unanswered(lines) {
    const client = this.#client;
    if (client === null || this.#chat?.isBusy) return unansweredMessages([]);
    if (!this.#isTextForCall(client)) return unansweredMessages(lines);
    const isQuiet = client.hasCall && client.state.name === "listening";
    return isQuiet ? unansweredInCall(lines) : unansweredMessages([]);
  }

  /** Whether typed text goes through the call. @param {RealtimeClient} client */
  #isTextForCall(client) {
    return client.hasCall || this.#parts.voiceMode.isOn;
  }

  /** Send what the last call did not deliver. @param {RealtimeClient} client */
  #sendUnsent(client) {
    for (const { itemId, text } of client.takeUnsent()) this.#chat?.send(text, itemId);
  }

  #chatChanged() {
    if (this.#state.name === this.#drawnState) this.#drawSoon();
    else this.draw();
  }

  #messageAccepted() {
    const { help } = this.#parts;
    // A card about the connection is outdated now; one about a device is not.
    if (!isDeviceCard(help.name)) help.hide();
    this.#delegate.turnCompleted();
  }

  /** @param {RealtimeClient} client @param {KeptTurn[]} turns A message and its answer. */
  #answered(client, turns) {
    client.addTurns(turns);
    const answer = turns.at(-1);
    if (answer?.remembered_from !== undefined) this.#rememberedFrom = answer.remembered_from;
    if (answer?.text) this.#turnCompleted(answer.text, "assistant");
    this.#delegate.exchangeFinished();
    void this.#reload(client);
  }

  /**
   * Load what the server has meanwhile: turns of another tab or device, the place of a message that was
   * sent again, what came of an answer that was stopped. A long conversation would take many requests
   * for every message; it is loaded when the next call is opened, as always.
   *
   * @param {RealtimeClient} client
   */
  async #reload(client) {
    if (client.lines().length > MOST_RELOADED) return;
    await this.#loadNewest(client, 1);
  }

  /**
   * Show what was added to the open conversation elsewhere: only the newest turns are loaded. During a call
   * or an answer of this page nothing is, since both load the history themselves.
   */
  async refresh() {
    const client = this.#client;
    if (!client || client.hasCall || this.#chat?.isBusy) return;
    await this.#loadNewest(
      client,
      Math.max(1, Math.ceil(this.#loadedTurns.length / TURNS_PER_PAGE)),
    );
  }

  /**
   * Load the turns from a page on, and show them unless they are known.
   *
   * @param {RealtimeClient} client
   * @param {number} page
   * @returns {Promise<void>}
   */
  async #loadNewest(client, page) {
    const { signal } = this.#opened;
    const newest = await this.#sessionId()
      .then((id) => this.#parts.api.turns(id, page))
      .catch(() => null);
    if (!newest || signal.aborted || client.hasCall || this.#chat?.isBusy) return;
    const turns = newestTurns(this.#loadedTurns, newest, (page - 1) * TURNS_PER_PAGE);
    // An answer that was sent again has its own place, before the newest turns.
    if (!turns) return this.#loadNewest(client, 1);
    if (turns === this.#loadedTurns) return;
    this.#loadedTurns = turns;
    client.setTurns([...turns]);
  }

  /** @param {ApiError} error */
  #messageFailed(error) {
    const { announcer, explain, help } = this.#parts;
    announcer.say(explain(error));
    const card = error.status === 404 ? "forbidden" : error.code;
    if (MESSAGE_CARDS.has(card)) help.show(card);
    this.draw();
  }

  /** @param {CallState} state */
  #stateChanged(state) {
    const hasJustEnded = state.name === "ended" && this.#lastState !== "ended";
    const isOver = WITHOUT_CALL.has(state.name) && !WITHOUT_CALL.has(this.#lastState);
    this.#lastState = state.name;
    if (isOver && this.isUnused) this.#delegate.sessionUnused();
    if (hasJustEnded) this.#ended(state.reason ?? "internal", state.detail);
    // The next call chooses its connection anew.
    if (state.name === "connecting" || WITHOUT_CALL.has(state.name)) {
      this.#parts.fellBackLine.show(false);
    }
    // The next call tells what has changed by then.
    if (state.name === "connecting" || state.name === "reconnecting")
      this.#parts.budgetLine.clear();
    if (state.name === "hearing_you" || state.name === "speaking") this.#hideCard(...ANSWER_CARDS);
    // It comes after all.
    if (state.name === "thinking") this.#hideCard("no_answer");
    this.draw();
  }

  /** @param {string} reason @param {Record<string, string>} [detail] Values for the card's text. */
  #ended(reason, detail) {
    const { budgetLine, help, voiceMode } = this.#parts;
    budgetLine.clear();
    const card = cardFor(reason === "budget_spent" && !detail ? "budget_none" : reason);
    if (card && (voiceMode.isOn || !HARMLESS_WHEN_TYPING.has(reason))) {
      help.show(card, "", detail);
    }
    voiceMode.callEnded();
  }

  /** @param {RealtimeClient} client */
  #connected(client) {
    const { help, voiceMode } = this.#parts;
    this.#wasConnected = true;
    // A card about the connection is outdated now; one about a device is not.
    if (!isDeviceCard(help.name)) help.hide();
    voiceMode.callOpened(client);
    this.draw();
  }

  /** @param {string} text @param {"user" | "assistant"} role @param {boolean} [isCut] */
  #turnCompleted(text, role, isCut = false) {
    const { announcer, voiceMode } = this.#parts;
    // Read by a screen reader when the answer is not spoken; one that was cut off was.
    if (role === "assistant" && !voiceMode.isOn && !isCut) announcer.say(text);
    this.#delegate.turnCompleted();
  }

  /** @param {CallError} error */
  #errorArose({ code }) {
    if (ANSWER_CARDS.includes(code)) this.#parts.help.show(code);
    this.draw();
  }

  /** @param {Problem} problem */
  #problemArose(problem) {
    const { help, voiceMode } = this.#parts;
    if (problem === "silent") return voiceMode.microphoneChanged(problem);
    if (problem === "stopped" || problem === "recovered") voiceMode.microphoneChanged(problem);
    if (problem === "recovered") return this.#recovered("microphone_silent", "microphone_stopped");
    if (problem === "network_recovered") return this.#recovered("slow_network");
    if (problem === "sound_blocked" || problem === "sound_allowed") {
      voiceMode.soundChanged(problem === "sound_blocked");
    }
    if (problem === "sound_allowed") return this.#recovered("sound_blocked");
    help.show(problem === "stopped" ? "microphone_stopped" : problem);
  }

  /** Hide these cards. One about another device may have been replaced by them. @param {...string} cards */
  #recovered(...cards) {
    const { help, voiceMode } = this.#parts;
    this.#hideCard(...cards);
    const { hasNoMicrophone, hasNoSound } = voiceMode.model;
    if (help.name) return;
    if (hasNoSound) help.show("sound_blocked");
    else if (hasNoMicrophone) help.show("microphone_stopped");
  }

  /** @param {...string} names */
  #hideCard(...names) {
    const { help } = this.#parts;
    if (help.name && names.includes(help.name)) help.hide();
  }

  #reconnect() {
    if (this.#failedSessionId) return this.#loadAgain();
    if (this.#parts.voiceMode.wasOnAtEnd) return this.#parts.voiceMode.restart();
    // Who types needs no call: what could not be sent is sent again.
    this.#sendUnsentByText();
  }

  #sendUnsentByText() {
    if (this.#client) this.#sendUnsent(this.#client);
    this.#chat?.retryAll();
  }

  /** The lines change with every word; they are drawn once a frame. */
  #drawSoon() {
    if (this.#isDrawing) return;
    this.#isDrawing = true;
    this.#parts.nextFrame(() => {
      this.#isDrawing = false;
      try {
        this.#parts.thread.show(this.#lines());
      } catch (error) {
        // Nobody sees what is said any more.
        this.#client?.fail(error);
      }
    });
  }
}
