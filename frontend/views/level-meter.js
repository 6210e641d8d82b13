/** Shows the level of the last 1.28 s of a recording as bars. */

import { make } from "./elements.js";

/** One bar for each 40 ms chunk that is sent: 1.28 s. */
const BARS = 32;
/** The RMS of a full bar. Speech has about 0.05 of full scale: with the square root in `add`, half a
 * bar. */
const FULL_BAR_RMS = 0.25;

export class LevelMeter {
  #meter;
  #bars = Array.from({ length: BARS }, () => make("span"));
  #levels = /** @type {number[]} */ (new Array(BARS).fill(0));
  #reducedMotion = globalThis.matchMedia("(prefers-reduced-motion: reduce)");
  #isDrawRequested = false;

  /** @param {HTMLElement} meter The element to fill. */
  constructor(meter) {
    this.#meter = meter;
    this.#meter.append(...this.#bars);
  }

  /** Add a bar for the newest chunk. @param {number} rms Its level as a fraction of full scale, 0..1. */
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
