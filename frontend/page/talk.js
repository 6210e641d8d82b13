/** One conversation on the screen: the client of its session, and the views that show it. */

import { ApiError } from "../api.js";
import { listMicrophones, MicrophoneError, watchMicrophones } from "../audio/microphone.js";
import { openAudioContext } from "../call/voice.js";
import { RealtimeClient } from "../realtime-client.js";
import { pastOf } from "../transcript/past.js";
import { Composer } from "../views/composer.js";
import { showKeys } from "../views/dialogs.js";
import { byId } from "../views/elements.js";
import { HelpCard } from "../views/help-card.js";
import { Keyboard } from "../views/keyboard.js";
import { Settings } from "../views/settings.js";
import { Status } from "../views/status.js";
import { Thread } from "../views/thread.js";
import { VoiceControls } from "../views/voice-controls.js";
import { cardFor, permissionPlace } from "../words/help.js";

/** @import { Api } from "../api.js" */
/** @import { CallState } from "../call/call-state.js" */
/** @import { HelpAction } from "../words/help.js" */
/** @import { Words } from "../words/i18n.js" */
/** @import { LocalStore, Preferences } from "../storage/local-store.js" */
/** @import { Problem, Trouble } from "../realtime-client.js" */
/** @import { Announcer } from "../views/announcer.js" */

/**
 * @typedef {{
 *   sessionNeeded: () => Promise<string>, conversationShown: () => void,
 *   turnCompleted: (text: string, role: string) => void,
 *   newSessionWanted: () => void, signInWanted: () => void,
 * }} TalkDelegate `sessionNeeded` makes a session for the first word that is said and answers its id.
 */

/** Endings that somebody who types need not be told: the next message opens the call again. */
const HARMLESS_WHEN_TYPING = new Set(["idle", "completed", "time_limit"]);

/** Cards that are about the connection, and wrong as soon as it stands. */
const MICROPHONE_CARD = /^microphone_/;

/** @type {CallState} */
const AT_REST = Object.freeze({ name: "idle", attempt: 0, why: null, hasVoice: false });

export class Talk {
  #api;
  #memory;
  #announcer;
  #delegate;
  #thread;
  #status;
  #composer;
  #voiceControls;
  #help;
  #settings;
  #ending = new AbortController();
  /** @type {RealtimeClient | null} */
  #client = null;
  #generation = 0;
  /** The session that could not be loaded, to be tried again. */
  #cannotLoad = "";
  /** Settles when the open session is shown. */
  #opening = Promise.resolve();
  /** @type {string[]} Sent before there is a client to send it. */
  #waiting = [];
  #isVoiceWanted = false;
  /** The call ended while one talked: coming back means talking again. */
  #wasTalking = false;
  #isMuted = false;
  /** Heard through a mute for as long as the key is held, and not because somebody unmuted. */
  #isKeyUnmuting = false;
  #isHeld = false;
  #taps = 0;
  #hasNoMicrophone = false;
  /** @type {string} */
  #lastState = "idle";
  #sentence = "";
  #isDrawing = false;

  /**
   * @param {{ api: Api, words: Words, memory: LocalStore, announcer: Announcer }} parts
   * @param {TalkDelegate} delegate
   */
  constructor({ api, words, memory, announcer }, delegate) {
    this.#api = api;
    this.#memory = memory;
    this.#announcer = announcer;
    this.#delegate = delegate;
    this.#thread = new Thread(words);
    this.#status = new Status(words, announcer);
    this.#composer = new Composer(words, {
      messageSent: (text) => this.send(text),
      textChosen: () => this.#chooseText(),
      voiceChosen: () => this.#chooseVoice(),
    });
    this.#voiceControls = new VoiceControls(words, {
      muteClicked: () => this.#setMuted(!this.#isMuted),
      holdChanged: (isHeld) => this.#setHeld(isHeld),
      stopClicked: () => this.#client?.interrupt(),
      volumeMoved: (volume) => this.#prefer({ volume }),
    });
    this.#help = new HelpCard(byId("help", HTMLDivElement), words, (action) => this.#act(action));
    this.#settings = new Settings(words, (changes) => this.#prefer(changes));
    byId("settings-open", HTMLButtonElement).addEventListener("click", () => this.#openSettings());
    byId("keys-open", HTMLButtonElement).addEventListener("click", showKeys);
    watchMicrophones((found) => this.#settings.showMicrophones(found), this.#ending.signal);
    new Keyboard(
      {
        talkKeyChanged: (isHeld) => this.#talkKeyChanged(isHeld),
        muteKeyPressed: () => this.#isVoiceWanted && this.#setMuted(!this.#isMuted),
        stopKeyPressed: () => this.#client?.interrupt(),
        helpKeyPressed: showKeys,
      },
      this.#ending.signal,
    );
    // The tab is closed, or frozen for later: no microphone may stay open behind it.
    globalThis.addEventListener("pagehide", () => this.#freeze(), { signal: this.#ending.signal });
  }

  /** The client of the open session, or null before the first word of a new one. */
  get client() {
    return this.#client;
  }

  /**
   * Shows a session as it was left; null for a new one, which begins with its first word.
   *
   * @param {string | null} sessionId
   */
  open(sessionId) {
    this.#generation += 1;
    this.#leave();
    this.#opening = sessionId === null ? this.#begin() : this.#load(sessionId);
    return this.#opening;
  }

  #freeze() {
    this.#isVoiceWanted = false;
    this.#isHeld = false;
    void this.#client?.close();
    this.#draw();
  }

  /** Hangs up and shows nothing. */
  close() {
    this.#generation += 1;
    this.#leave();
    this.#thread.show([]);
    this.#draw();
  }

  /** @param {string} text Said by keyboard, or by a tap on a suggestion. */
  async send(text) {
    this.#thread.follow();
    this.#hideCard("answer_failed");
    const generation = this.#generation;
    this.#waiting.push(text);
    const client = await this.#clientWhenShown();
    // Whoever left meanwhile has it kept as unsent.
    if (generation !== this.#generation) return;
    this.#waiting.splice(this.#waiting.indexOf(text), 1);
    if (client) client.sendText(text);
    else this.#composer.restore(text);
  }

  /** What was written and is not in the conversation: what is on its way, and what is in the box. */
  get unsent() {
    const pending = (this.#client?.lines() ?? []).filter(({ isPending }) => isPending);
    const written = [...this.#waiting, this.#composer.text].map((text) => ({ itemId: "", text }));
    return [...pending, ...written]
      .filter(({ text }) => text !== "")
      .map(({ itemId, text }) => ({ itemId, text }));
  }

  /** @param {string} text Was not sent, and is there to be sent again. */
  restore(text) {
    this.#composer.restore(text);
  }

  /** To where one goes on: on a phone that is the conversation, since its keyboard would hide it. */
  focusMessage() {
    if (globalThis.matchMedia("(pointer: coarse)").matches) this.#thread.focus();
    else this.#composer.focus();
  }

  /** The language changed. */
  relabel() {
    this.#thread.relabel();
    this.#status.relabel();
    this.#composer.relabel();
    this.#voiceControls.relabel();
    this.#help.relabel();
    this.#settings.relabel();
  }

  async #begin() {
    const makeSession = () => this.#delegate.sessionNeeded();
    this.#use(new RealtimeClient(this.#api.token, makeSession, { api: this.#api }));
  }

  /** @param {string} sessionId */
  async #load(sessionId) {
    const generation = this.#generation;
    this.#thread.load();
    try {
      const pastTurns = pastOf(await this.#api.turns(sessionId), []);
      if (generation !== this.#generation) return;
      this.#use(new RealtimeClient(this.#api.token, sessionId, { api: this.#api, pastTurns }));
    } catch (error) {
      if (generation !== this.#generation) return;
      this.#thread.fail();
      this.#cannotLoad = sessionId;
      this.#help.show(
        error instanceof ApiError && error.status === 404 ? "forbidden" : "no_network",
      );
    }
  }

  /** Nothing that was written meanwhile is lost. */
  #loadAgain() {
    this.#help.hide();
    const sessionId = this.#cannotLoad;
    this.#cannotLoad = "";
    this.#opening = this.#load(sessionId);
  }

  #leave() {
    this.#cannotLoad = "";
    this.#waiting = [];
    void this.#client?.close();
    this.#client = null;
    this.#isVoiceWanted = false;
    this.#wasTalking = false;
    this.#isMuted = false;
    this.#isKeyUnmuting = false;
    this.#lastState = "idle";
    this.#isHeld = false;
    this.#sentence = "";
    this.#help.hide();
    this.#composer.clear();
    this.#status.showLatency(null);
  }

  /** @param {RealtimeClient} client */
  #use(client) {
    this.#client = client;
    const isCurrent = () => client === this.#client;
    client.onState = (state) => isCurrent() && this.#stateChanged(state);
    client.onLines = () => isCurrent() && this.#drawSoon();
    client.onLevel = (rms) => isCurrent() && this.#voiceControls.meter.add(rms);
    client.onLatency = (ms) => isCurrent() && this.#status.showLatency(ms);
    client.onProblem = (problem) => isCurrent() && this.#problemArose(problem);
    client.onError = (trouble) => isCurrent() && this.#troubled(trouble);
    client.onConnected = () => isCurrent() && this.#connected();
    client.onTranscript = (text, role) => isCurrent() && this.#turnCompleted(text, role);
    this.#draw();
    this.#delegate.conversationShown();
  }

  /** What is said while a session is still loading is meant for it; one that could not be loaded is
   * tried again. */
  async #clientWhenShown() {
    const generation = this.#generation;
    if (this.#cannotLoad) this.#loadAgain();
    await this.#opening;
    return generation === this.#generation ? this.#client : null;
  }

  #chooseText() {
    this.#isVoiceWanted = false;
    this.#isHeld = false;
    void this.#client?.stopAudioStream();
    if (this.#help.name && MICROPHONE_CARD.test(this.#help.name)) this.#help.hide();
    this.#draw();
    this.focusMessage();
  }

  /** In a tap: the context is made before anything is waited for, and no call before the microphone. */
  async #chooseVoice() {
    if (this.#isVoiceWanted) return;
    const context = openAudioContext();
    const tap = ++this.#taps;
    this.#hasNoMicrophone = false;
    this.#isHeld = false;
    this.#isVoiceWanted = true;
    this.#wasTalking = false;
    this.#isMuted = false;
    this.#isKeyUnmuting = false;
    this.#help.hide();
    this.#draw();
    const client = await this.#clientWhenShown();
    if (!client || !this.#isVoiceWanted || tap !== this.#taps) {
      if (tap === this.#taps) this.#isVoiceWanted &&= client !== null;
      void context.close();
      return this.#draw();
    }
    const { isHandsFree, volume } = this.#memory.preferences();
    try {
      await client.startAudioStream({
        context,
        microphone: this.#microphone(),
        volume,
        isHandsFree,
        isMuted: this.#isMuted,
      });
      this.#settings.showMicrophones(await listMicrophones());
      // The voice may be that of a later tap, which still waits for its microphone.
      const isOurs = tap === this.#taps && client === this.#client;
      if (isOurs && client.voice) void client.connect().catch(() => {});
    } catch (error) {
      this.#isVoiceWanted = false;
      this.#microphoneRefused(error);
    }
  }

  /** @param {unknown} error */
  #microphoneRefused(error) {
    const kind = error instanceof MicrophoneError ? error.kind : "failed";
    this.#help.show(`microphone_${kind}`, permissionPlace(navigator.userAgent));
    this.#draw();
  }

  /** @param {CallState} state */
  #stateChanged(state) {
    const hasJustEnded = state.name === "ended" && this.#lastState !== "ended";
    this.#lastState = state.name;
    if (hasJustEnded) this.#ended(state.why ?? "internal");
    // Why an earlier call ended says nothing about this one.
    if (state.name === "connecting") this.#sentence = "";
    if (state.name === "hearing_you" || state.name === "speaking") this.#hideCard("answer_failed");
    this.#draw();
  }

  /** @param {string} why */
  #ended(why) {
    const card = cardFor(why);
    if (card && (this.#isVoiceWanted || !HARMLESS_WHEN_TYPING.has(why))) this.#help.show(card);
    this.#wasTalking ||= this.#isVoiceWanted;
    this.#isVoiceWanted = false;
    this.#isHeld = false;
  }

  #connected() {
    this.#wasTalking = false;
    this.#sentence = "";
    if (this.#help.name && !MICROPHONE_CARD.test(this.#help.name)) this.#help.hide();
    this.#client?.setMuted(this.#isMuted);
    this.#draw();
  }

  /** @param {string} text @param {"user" | "assistant"} role */
  #turnCompleted(text, role) {
    // Who types to it has nothing else to hear the answer by; spoken answers are heard.
    if (role === "assistant" && !this.#isVoiceWanted) this.#announcer.say(text);
    this.#delegate.turnCompleted(text, role);
  }

  /** @param {Trouble} trouble */
  #troubled({ code, message }) {
    // Why a line is about to be lost is told until it is back; a refused message is another matter.
    if (cardFor(code) === code) this.#sentence = message;
    if (code === "answer_failed") this.#help.show(code);
    this.#draw();
  }

  /** @param {Problem} problem */
  #problemArose(problem) {
    if (problem === "stopped" || problem === "recovered") {
      this.#hasNoMicrophone = problem === "stopped";
      this.#draw();
    }
    if (problem === "recovered") return this.#hideCard("microphone_silent", "microphone_stopped");
    if (problem === "network_recovered") return this.#hideCard("slow_network");
    this.#help.show(problem === "slow_network" ? problem : `microphone_${problem}`);
  }

  /** @param {...string} names */
  #hideCard(...names) {
    if (this.#help.name && names.includes(this.#help.name)) this.#help.hide();
  }

  /** The one button of a card. The focus goes where one would go on. @param {HelpAction} action */
  #act(action) {
    this.#help.hide();
    this.focusMessage();
    this.#actions[action]();
  }

  /** @type {Readonly<Record<HelpAction, () => void>>} */
  #actions = {
    ask_microphone: () => this.#restartVoice(),
    type_instead: () => this.#chooseText(),
    reconnect: () => this.#reconnect(),
    talk_here: () => this.#reconnect(),
    sign_in: () => this.#delegate.signInWanted(),
    reload: () => globalThis.location.reload(),
    choose_microphone: () => this.#openSettings(),
    dismiss: () => {},
    new_session: () => this.#delegate.newSessionWanted(),
  };

  #restartVoice() {
    const wasMuted = this.#isMuted;
    this.#isVoiceWanted = false;
    void this.#client?.stopAudioStream();
    void this.#chooseVoice();
    // Nobody is heard again by a tap that was about something else.
    if (wasMuted) this.#setMuted(true);
  }

  #reconnect() {
    if (this.#cannotLoad) return this.#loadAgain();
    if (this.#wasTalking) this.#restartVoice();
    else void this.#client?.connect().catch(() => {});
  }

  /** @param {boolean} isHeld @returns {boolean} Whether the key meant something. */
  #talkKeyChanged(isHeld) {
    if (!this.#isVoiceWanted) return false;
    if (!this.#memory.preferences().isHandsFree) {
      this.#setHeld(isHeld);
      return true;
    }
    // Hands-free, one is heard through a mute while the key is held; without a mute it means nothing.
    if (isHeld ? !this.#isMuted : !this.#isKeyUnmuting) return false;
    this.#setMuted(!isHeld);
    this.#isKeyUnmuting = isHeld;
    return true;
  }

  /** @param {boolean} isHeld */
  #setHeld(isHeld) {
    if (this.#isHeld === isHeld || (isHeld && !this.#isVoiceWanted)) return;
    this.#isHeld = isHeld;
    if (isHeld && this.#isMuted) this.#setMuted(false);
    this.#client?.setTalking(isHeld);
    this.#draw();
  }

  /** @param {boolean} isMuted */
  #setMuted(isMuted) {
    this.#isMuted = isMuted;
    this.#isKeyUnmuting = false;
    this.#client?.setMuted(isMuted);
    this.#voiceControls.meter.clear();
    this.#draw();
  }

  async #openSettings() {
    this.#settings.open(this.#memory.preferences());
    this.#settings.showMicrophones(await listMicrophones());
  }

  /** @param {Partial<Preferences>} changes */
  async #prefer(changes) {
    this.#memory.prefer(changes);
    if (changes.volume !== undefined) return this.#client?.setVolume(changes.volume);
    if (changes.isHandsFree !== undefined) {
      this.#isHeld = false;
      this.#client?.setTalking(changes.isHandsFree);
      return this.#draw();
    }
    await this.#client?.changeMicrophone(this.#microphone()).catch((error) => {
      this.#chooseText();
      this.#microphoneRefused(error);
    });
  }

  #microphone() {
    const { deviceId, echoCancellation, noiseSuppression, autoGainControl } =
      this.#memory.preferences();
    return { deviceId, echoCancellation, noiseSuppression, autoGainControl };
  }

  /** Lines change with every word; once a frame is enough to see it. */
  #drawSoon() {
    if (this.#isDrawing) return;
    this.#isDrawing = true;
    requestAnimationFrame(() => {
      this.#isDrawing = false;
      this.#thread.show(this.#client?.lines() ?? []);
    });
  }

  #draw() {
    const state = this.#client?.state ?? AT_REST;
    const { isHandsFree, volume } = this.#memory.preferences();
    const [isMuted, isHeld] = [this.#isMuted, this.#isHeld];
    this.#status.show(state, {
      isMuted,
      isWaitingForPress: !isHandsFree && !isHeld,
      hasNoMicrophone: this.#hasNoMicrophone,
      sentence: this.#sentence,
    });
    this.#composer.showMode(this.#isVoiceWanted);
    this.#voiceControls.show({
      isOn: this.#isVoiceWanted,
      isMuted,
      isHandsFree,
      isHeld,
      canStop: state.name === "speaking" || state.name === "thinking",
      volume,
    });
    if (this.#client) this.#thread.show(this.#client.lines());
  }
}
