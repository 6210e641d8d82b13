/** The level of the last second of microphone audio, as bars. Fed with each chunk that is sent. */

import { byId, make } from "./elements.js";

/** One bar for each 40 ms chunk: 1.28 s. */
const BARS = 32;
/** The RMS of a full bar. Speech is around 0.05 of full scale; its square root fills half the meter. */
const FULL_BAR_RMS = 0.25;

export class LevelMeter {
  #meter;
  #bars = Array.from({ length: BARS }, () => make("span"));
  #levels = /** @type {number[]} */ (new Array(BARS).fill(0));
  #reducedMotion = globalThis.matchMedia("(prefers-reduced-motion: reduce)");
  #isDrawRequested = false;

  /** @param {HTMLElement} [meter] The element to fill; by default that of the call. */
  constructor(meter = byId("level", HTMLDivElement)) {
    this.#meter = meter;
    this.#meter.append(...this.#bars);
  }

  /** @param {number} rms Level of the newest chunk: 0..1, of full scale. */
  add(rms) {
    const level = Math.min(1, Math.sqrt(rms / FULL_BAR_RMS));
    this.#levels.push(level);
    this.#levels.shift();
    if (this.#isDrawRequested) return;
    this.#isDrawRequested = true;
    requestAnimationFrame(() => this.#draw());
  }

  clear() {
    this.#levels.fill(0);
    this.add(0);
  }

  #draw() {
    this.#isDrawRequested = false;
    const latest = this.#levels.at(-1) ?? 0;
    this.#meter.setAttribute("aria-valuenow", String(Math.round(latest * 100)));
    this.#bars.forEach((bar, index) => {
      const level = this.#reducedMotion.matches ? latest : (this.#levels[index] ?? 0);
      bar.style.setProperty("--level", level.toFixed(2));
    });
  }
}
