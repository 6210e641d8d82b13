/**
 * Whether an audio context runs. It stands still where the browser does not allow sound (yet), on a
 * computer without a sound device, and during a phone call; nothing is played then, and the microphone
 * on the same context sends nothing. It is resumed whenever that may have become possible.
 */

const TICK_MS = 250;
/** After so many ticks, 1.25 s, without progress the context is blocked; it starts within 0.5 s. */
const MAX_STILL_TICKS = 5;
/** Events of a user gesture: browsers differ in which of them allows sound. */
const GESTURES = Object.freeze(["pointerdown", "pointerup", "touchend", "click", "keydown"]);

/** Watches one context. */
export class SoundOutput {
  #context;
  #onChange;
  #lastTimeS = 0;
  #stillTicks = 0;
  #isBlocked = false;

  /**
   * @param {object} options
   * @param {AudioContext} options.context
   * @param {(isBlocked: boolean) => void} options.onChange The context stands still, or runs again.
   */
  constructor({ context, onChange }) {
    this.#context = context;
    this.#onChange = onChange;
  }

  /** Begin; a context is expected to run from now on. @param {AbortSignal} signal Ends the watch. */
  watch(signal) {
    const resume = () => this.resume();
    this.#context.addEventListener("statechange", resume, { signal });
    for (const type of [...GESTURES, "visibilitychange"]) {
      document.addEventListener(type, resume, { signal, capture: true });
    }
    navigator.mediaDevices?.addEventListener("devicechange", resume, { signal });
    this.#lastTimeS = this.#context.currentTime;
    const timer = setInterval(() => this.#tick(), TICK_MS);
    signal.addEventListener("abort", () => clearInterval(timer));
  }

  /** Ask the browser to run the context. In a user gesture it may agree. Harmless when it runs. */
  resume() {
    const { state } = this.#context;
    if (state !== "running" && state !== "closed") this.#context.resume().catch(() => {});
  }

  /** The clock is compared instead of `state`: Firefox says "suspended" while audio flows. */
  #tick() {
    const { currentTime } = this.#context;
    this.#stillTicks = currentTime === this.#lastTimeS ? this.#stillTicks + 1 : 0;
    this.#lastTimeS = currentTime;
    const isBlocked = this.#stillTicks >= MAX_STILL_TICKS;
    if (isBlocked === this.#isBlocked) return;
    this.#isBlocked = isBlocked;
    this.#onChange(isBlocked);
  }
}
