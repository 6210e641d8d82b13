/** Plays a spoken answer again, as long as its sound is still on this page. */

import { PlayedAudio } from "../audio/played-audio.js";
import { partKey } from "../transcript/item.js";

/** @import { SoundOutput } from "../audio/sound-output.js" */
/** @import { Speaker, SpeakerOptions } from "../audio/speaker.js" */
/** @import { Line } from "../transcript/item.js" */

/** @typedef {Pick<Line, "itemId" | "contentIndex" | "heardMs">} SpokenLine */
/** @typedef {Pick<Speaker, "open" | "play" | "finish" | "setVolume" | "close" | "latencyMs">} ReplaySpeaker */
/**
 * @typedef {{
 *   createContext: () => AudioContext,
 *   createSpeaker: (options: SpeakerOptions) => ReplaySpeaker,
 *   createOutput: (options: ConstructorParameters<typeof SoundOutput>[0]) => Pick<SoundOutput, "watch">,
 *   volume: () => number,
 *   isAllowed: () => boolean,
 *   changed: () => void,
 * }} ReplayParts `isAllowed`: not while the voice mode has the microphone, which would hear it;
 *   `changed` is called when an answer starts or stops to play.
 */

/** The device plays the last samples only after they were handed to it. */
const TAIL_MS = 100;

export class Replay {
  #parts;
  #audio = new PlayedAudio();
  /** @type {{ key: string, context: AudioContext, speaker: ReplaySpeaker, ending: AbortController } | null} */
  #playing = null;

  /** @param {ReplayParts} parts */
  constructor(parts) {
    this.#parts = parts;
  }

  /** Keep the sound of an answer. @param {string} itemId @param {number} contentIndex
   * @param {Int16Array} pcm 24 kHz, mono. */
  add(itemId, contentIndex, pcm) {
    this.#audio.add(partKey(itemId, contentIndex), pcm);
  }

  /** Whether the answer can be played again. @param {SpokenLine} line */
  has({ itemId, contentIndex, heardMs }) {
    const isKept = heardMs !== 0 && this.#audio.has(partKey(itemId, contentIndex));
    return isKept && this.#parts.isAllowed();
  }

  /** The keys of the answers that can be played again now, and whether they are playing.
   * @returns {Map<string, boolean>} */
  get playable() {
    const keys = this.#parts.isAllowed() ? this.#audio.keys : [];
    return new Map(keys.map((key) => [key, this.#playing?.key === key]));
  }

  /** @param {SpokenLine} line */
  isPlaying({ itemId, contentIndex }) {
    return this.#playing?.key === partKey(itemId, contentIndex);
  }

  /** Play what was heard of the answer, or stop it. Call it in a tap. @param {SpokenLine} line */
  toggle(line) {
    const wasPlaying = this.isPlaying(line);
    this.stop();
    if (!wasPlaying && this.has(line)) void this.#play(line);
  }

  /** Harmless when nothing is playing. */
  stop() {
    const playing = this.#playing;
    if (!playing) return;
    this.#playing = null;
    playing.ending.abort();
    this.#parts.changed();
    void playing.speaker.close().then(() => playing.context.close());
  }

  /** Forget every sound: another user may sign in. */
  clear() {
    this.stop();
    this.#audio.clear();
  }

  /** @param {SpokenLine} line */
  async #play({ itemId, contentIndex, heardMs }) {
    const { createContext, createOutput, createSpeaker, volume, changed } = this.#parts;
    const key = partKey(itemId, contentIndex);
    const context = contextFrom(createContext);
    if (!context) return;
    const speaker = createSpeaker({
      context,
      onStart: () => {},
      onPosition: () => {},
      onEnded: () => setTimeout(() => this.#ended(playing), speaker.latencyMs + TAIL_MS),
    });
    const playing = { key, context, speaker, ending: new AbortController() };
    this.#playing = playing;
    // Without a sound it would never end.
    const output = createOutput({ context, onChange: () => this.#ended(playing) });
    output.watch(playing.ending.signal);
    changed();
    try {
      await speaker.open();
    } catch {
      this.#ended(playing);
    }
    if (this.#playing !== playing) return;
    speaker.setVolume(volume());
    for (const block of this.#audio.blocks(key, heardMs)) speaker.play(itemId, contentIndex, block);
    speaker.finish(itemId, contentIndex);
  }

  /** @param {{ key: string }} playing */
  #ended(playing) {
    if (this.#playing === playing) this.stop();
  }
}

/** Null in a browser without Web Audio. @param {() => AudioContext} create */
function contextFrom(create) {
  try {
    return create();
  } catch {
    return null;
  }
}
