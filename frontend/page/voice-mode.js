/** The voice mode of a conversation: microphone on or off, mute, push-to-talk, and their settings. */

import { MicrophoneError } from "../audio/microphone.js";
import { labelToKeep } from "../audio/microphone-choices.js";
import { Latest } from "../latest.js";
import { permissionPlace } from "../words/help.js";

/** @import { SpeakerChoice } from "../audio/speaker-choice.js" */
/** @import { RealtimeClient } from "../realtime-client.js" */
/** @import { LocalStore, Preferences } from "../storage/local-store.js" */
/** @import { HelpCard } from "../views/help-card.js" */
/** @import { Presence } from "../views/presence.js" */
/** @import { Settings } from "../views/settings.js" */

/**
 * @typedef {{
 *   store: Pick<LocalStore, "preferences" | "savePreferences">,
 *   help: Pick<HelpCard, "show" | "hide" | "name">,
 *   settings: Pick<Settings, "open" | "showMicrophones">,
 *   presence: Pick<Presence, "clear">,
 *   createContext: () => AudioContext,
 *   missingForVoice: () => string[],
 *   listMicrophones: () => Promise<MediaDeviceInfo[]>,
 *   speakers: Pick<SpeakerChoice, "refresh">,
 *   userAgent: string,
 * }} VoiceModeParts `missingForVoice` names what the browser lacks to talk.
 * @typedef {{
 *   client: () => RealtimeClient | null,
 *   clientForCall: () => Promise<RealtimeClient | null>,
 *   changed: () => void,
 *   stopped: () => void,
 * }} VoiceModeDelegate `client` is that of the open conversation; `clientForCall` waits until it is
 *   loaded and free for a call, and gives null if it was left or cannot be loaded; `changed` asks to be drawn again;
 *   `stopped` is called when the user goes back to typing.
 */

/** Cards about the microphone, the sound and the loudspeaker; the others are about the connection. */
const DEVICE_CARD = /^(microphone|sound|speaker)_/;

/** Whether a card is about a device. @param {string | null} name */
export const isDeviceCard = (name) => name !== null && DEVICE_CARD.test(name);

/** Starts and stops the client's audio, as the user's controls say. */
export class VoiceMode {
  #parts;
  #delegate;
  #isOn = false;
  #isMuted = false;
  /** Push-to-talk: the key or the button is held. */
  #isHeld = false;
  /** The mute is lifted because the talk key is held, and returns when it is released. */
  #isUnmutedByKey = false;
  #hasNoMicrophone = false;
  /** The microphone sends exact silence. While it is muted here, nobody needs to be told. */
  #isSilent = false;
  #hasNoSound = false;
  /** The call ended in voice mode: to reconnect means to start the voice again. */
  #wasOnAtEnd = false;
  /** Of several taps on the microphone, the latest counts. */
  #start = new Latest();

  /** @param {VoiceModeParts} parts @param {VoiceModeDelegate} delegate */
  constructor(parts, delegate) {
    this.#parts = parts;
    this.#delegate = delegate;
  }

  get isOn() {
    return this.#isOn;
  }

  /** Whether the last call ended in voice mode. */
  get wasOnAtEnd() {
    return this.#wasOnAtEnd;
  }

  /** What the controls and the status show. */
  get model() {
    const { isHandsFree, volume } = this.#parts.store.preferences();
    return {
      isOn: this.#isOn,
      isMuted: this.#isMuted,
      isHeld: this.#isHeld,
      isHandsFree,
      volume,
      hasNoMicrophone: this.#hasNoMicrophone,
      hasNoSound: this.#hasNoSound,
      canTalk: this.#parts.missingForVoice().length === 0,
    };
  }

  /**
   * Start to talk. Call it in a tap: the context is created before anything is awaited, and the call
   * is opened after the microphone was allowed.
   */
  async start() {
    if (this.#isOn) return;
    if (this.#parts.missingForVoice().length > 0) {
      this.#parts.help.show("voice_unsupported");
      return this.#delegate.changed();
    }
    await this.#guard(async () => {
      const context = this.#parts.createContext();
      const signal = this.#turnOn();
      try {
        await this.#talk(context, signal);
      } catch (error) {
        // Closed already if a voice was given it.
        void Promise.resolve(context.close()).catch(() => {});
        // The microphone of a later tap is not at fault.
        if (!signal.aborted) throw error;
      }
    });
  }

  /** @param {AudioContext} context @param {AbortSignal} signal */
  async #talk(context, signal) {
    const client = await this.#delegate.clientForCall();
    if (!client || signal.aborted) {
      if (!signal.aborted) this.#turnOff();
      void context.close();
      return this.#delegate.changed();
    }
    await client.startAudioStream(this.#options(context));
    await this.#showDevices();
    // The running voice may be that of a later tap, which still waits for its microphone.
    if (!signal.aborted && client.voice) void client.connect().catch(() => {});
  }

  /** Back to typing. The call ends: text needs none. */
  stop() {
    this.#turnOff();
    void this.#guard(() => this.#delegate.client()?.leaveCall());
    void this.#guard(() => {
      const { help } = this.#parts;
      if (isDeviceCard(help.name)) help.hide();
      this.#delegate.changed();
      this.#delegate.stopped();
    });
  }

  /** Start again with a new microphone; a mute stays. */
  restart() {
    const wasMuted = this.#isMuted;
    this.#turnOff();
    void this.#guard(() => this.#delegate.client()?.stopAudioStream());
    void this.start();
    if (wasMuted) this.setMuted(true);
  }

  /** Another conversation is opened. */
  reset() {
    this.#turnOff();
    this.#wasOnAtEnd = false;
    this.#isMuted = false;
    this.#isUnmutedByKey = false;
  }

  /** The page is hidden for good, or frozen: its client closes the call. */
  freeze() {
    this.#turnOff();
  }

  /** The call is open. @param {RealtimeClient} client */
  callOpened(client) {
    this.#wasOnAtEnd = false;
    client.setMuted(this.#isMuted);
  }

  /** The call ended, and its audio with it. */
  callEnded() {
    this.#wasOnAtEnd ||= this.#isOn;
    this.#turnOff();
  }

  toggleMuted() {
    this.setMuted(!this.#isMuted);
  }

  /** @param {boolean} isMuted */
  setMuted(isMuted) {
    this.#isMuted = isMuted;
    this.#isUnmutedByKey = false;
    void this.#guard(() => {
      this.#showSilence();
      this.#delegate.client()?.setMuted(isMuted);
      this.#parts.presence.clear();
      this.#delegate.changed();
    });
  }

  /** Push-to-talk. @param {boolean} isHeld */
  setHeld(isHeld) {
    if (this.#isHeld === isHeld || (isHeld && !this.#isOn)) return;
    this.#isHeld = isHeld;
    if (isHeld && this.#isMuted) this.setMuted(false);
    void this.#guard(() => {
      this.#delegate.client()?.setTalking(isHeld);
      this.#delegate.changed();
    });
  }

  /**
   * The talk key was pressed or released. With push-to-talk it is the hold button; hands-free, it
   * lifts a mute for as long as it is held.
   *
   * @param {boolean} isHeld
   * @returns {boolean} Whether the key did anything.
   */
  talkKeyChanged(isHeld) {
    if (!this.#isOn) return false;
    if (!this.#parts.store.preferences().isHandsFree) {
      this.setHeld(isHeld);
      return true;
    }
    if (isHeld ? !this.#isMuted : !this.#isUnmutedByKey) return false;
    this.setMuted(!isHeld);
    this.#isUnmutedByKey = isHeld;
    return true;
  }

  /** @param {"silent" | "stopped" | "recovered"} problem Of the microphone, while the voice runs. */
  microphoneChanged(problem) {
    this.#isSilent = problem === "silent";
    if (this.#isSilent) return this.#showSilence();
    this.#hasNoMicrophone = problem === "stopped";
    this.#delegate.changed();
  }

  /** Show that the microphone is silent, unless it is muted here: then it should be. */
  #showSilence() {
    const { help } = this.#parts;
    const isShown = help.name === "microphone_silent";
    if (this.#isMuted && isShown) help.hide();
    if (!this.#isMuted && this.#isSilent && !isShown) help.show("microphone_silent");
  }

  /** The browser stopped to play and to capture, or does so again. @param {boolean} isBlocked */
  soundChanged(isBlocked) {
    this.#hasNoSound = isBlocked;
    this.#delegate.changed();
  }

  async openSettings() {
    const { settings, store } = this.#parts;
    settings.open(store.preferences());
    await this.#showDevices();
  }

  /** Save preferences and apply them to the running voice. @param {Partial<Preferences>} changes */
  async prefer(changes) {
    await this.#guard(() => this.#prefer(changes));
  }

  /** @param {Partial<Preferences>} changes */
  async #prefer(changes) {
    const client = this.#delegate.client();
    this.#parts.store.savePreferences(changes);
    if (changes.volume !== undefined) {
      client?.setVolume(changes.volume);
      return this.#delegate.changed();
    }
    if (changes.isHandsFree !== undefined) {
      this.#isHeld = false;
      client?.setTalking(changes.isHandsFree);
      return this.#delegate.changed();
    }
    try {
      await client?.changeMicrophone(this.#microphone());
    } catch (error) {
      this.stop();
      throw error;
    }
  }

  /** Fill the lists of devices; without them the voice goes on. */
  async #showDevices() {
    void this.#parts.speakers.refresh();
    const microphones = await this.#parts.listMicrophones().catch(() => null);
    if (!microphones) return;
    const { settings, store } = this.#parts;
    const kept = store.preferences();
    const deviceLabel = labelToKeep(microphones, kept);
    if (deviceLabel !== kept.deviceLabel) store.savePreferences({ deviceLabel });
    settings.showMicrophones(microphones);
  }

  /**
   * Do something with the voice, and draw it. Whatever that throws closes the microphone and shows a card:
   * the reason of a microphone that could not be opened, else that the page has failed.
   *
   * @param {() => unknown} action
   */
  async #guard(action) {
    try {
      await action();
    } catch (error) {
      this.#turnOff();
      if (!(error instanceof MicrophoneError)) this.#delegate.client()?.fail(error);
      this.#showRefusal(error);
    }
  }

  /** @returns {AbortSignal} Aborted when the voice is turned off, or on again. */
  #turnOn() {
    this.#isOn = true;
    this.#isHeld = false;
    this.#isMuted = false;
    this.#isUnmutedByKey = false;
    this.#isSilent = false;
    this.#hasNoMicrophone = false;
    this.#hasNoSound = false;
    this.#wasOnAtEnd = false;
    this.#parts.help.hide();
    this.#delegate.changed();
    return this.#start.next();
  }

  #turnOff() {
    this.#isOn = false;
    this.#isHeld = false;
    this.#isSilent = false;
    this.#start.cancel();
    // Without a voice there is no sound to turn on.
    const { help } = this.#parts;
    if (help.name === "sound_blocked") help.hide();
  }

  /** @param {AudioContext} context */
  #options(context) {
    const { isHandsFree, volume } = this.#parts.store.preferences();
    return {
      context,
      microphone: this.#microphone(),
      volume,
      isHandsFree,
      isMuted: this.#isMuted,
    };
  }

  #microphone() {
    const { deviceId, echoCancellation, noiseSuppression, autoGainControl } =
      this.#parts.store.preferences();
    return { deviceId, echoCancellation, noiseSuppression, autoGainControl };
  }

  /** @param {unknown} error */
  #showRefusal(error) {
    const card = error instanceof MicrophoneError ? `microphone_${error.kind}` : "page_failed";
    this.#parts.help.show(card, permissionPlace(this.#parts.userAgent));
    try {
      this.#delegate.changed();
    } catch (again) {
      // The drawing itself may be what failed.
      globalThis.reportError?.(again);
    }
  }
}
