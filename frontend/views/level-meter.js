/** The last second of the microphone, as bars: fed by the very chunks that are sent. */

import { byId, make } from "./elements.js";

const BARS = 32;
/** Speech is around 0.05 of full scale; the root lets it fill the meter. */
const LOUDEST_RMS = 0.25;

export class LevelMeter {
  #meter = byId("level", HTMLDivElement);
  #bars = Array.from({ length: BARS }, () => make("span"));
  #levels = /** @type {number[]} */ (new Array(BARS).fill(0));
  #isStill = globalThis.matchMedia("(prefers-reduced-motion: reduce)");
  #isDrawing = false;

  constructor() {
    this.#meter.append(...this.#bars);
  }

  /** @param {number} rms Of full scale. */
  add(rms) {
    const level = Math.min(1, Math.sqrt(rms / LOUDEST_RMS));
    this.#levels.push(level);
    this.#levels.shift();
    if (this.#isDrawing) return;
    this.#isDrawing = true;
    requestAnimationFrame(() => this.#draw());
  }

  clear() {
    this.#levels.fill(0);
    this.add(0);
  }

  #draw() {
    this.#isDrawing = false;
    const latest = this.#levels.at(-1) ?? 0;
    this.#meter.setAttribute("aria-valuenow", String(Math.round(latest * 100)));
    this.#bars.forEach((bar, index) => {
      const level = this.#isStill.matches ? latest : (this.#levels[index] ?? 0);
      bar.style.setProperty("--level", level.toFixed(2));
    });
  }
}
