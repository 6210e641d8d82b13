/**
 * The voice's picture: the user's sound as it is sent, the answer's as it is played, and the state of
 * the call, on one canvas. Drawn once per frame while it moves, and not at all while it does not.
 */

import { byId } from "./elements.js";
import { BARS, following, loudness, moves, shapesOf } from "./presence-shapes.js";

/** @import { ShownName } from "../call/call-state.js" */
/** @import { Words } from "../words/i18n.js" */
/** @import { Shape } from "./presence-shapes.js" */

/** From one state's figure to the next. */
const FADE_S = 0.18;
/** How often the colour is read: to read it may take the browser a layout of the whole page. */
const COLOUR_KEPT_S = 0.2;

/** The state's figure, drawn on a canvas. */
export class Presence {
  #words;
  #playedRms;
  #canvas = byId("presence", HTMLCanvasElement);
  #context = /** @type {CanvasRenderingContext2D} */ (this.#canvas.getContext("2d"));
  #reducedMotion = globalThis.matchMedia("(prefers-reduced-motion: reduce)");
  #sent = /** @type {number[]} */ (new Array(BARS).fill(0));
  #played = 0;
  #drawnAtS = 0;
  #colour = "";
  #colourReadAtS = -COLOUR_KEPT_S;
  /** Of the canvas, in CSS pixels. */
  #width = 0;
  /** @type {ShownName} */
  #shown = "idle";
  /** @type {ShownName} The figure that fades out. */
  #before = "idle";
  #changedAtS = -FADE_S;
  #isOn = false;
  #frame = 0;

  /** @param {Words} words @param {() => number} playedRms The answer's level at this moment. */
  constructor(words, playedRms) {
    this.#words = words;
    this.#playedRms = playedRms;
    const redraw = () => {
      this.#colourReadAtS = -COLOUR_KEPT_S;
      this.#drawSoon();
    };
    this.#reducedMotion.addEventListener("change", redraw);
    const themeFilter = { attributeFilter: ["data-theme"] };
    new MutationObserver(redraw).observe(document.documentElement, themeFilter);
    const resized = new ResizeObserver(([entry]) => {
      this.#width = entry?.contentRect.width ?? 0;
      redraw();
    });
    resized.observe(this.#canvas);
  }

  /** Add the level of the newest chunk of the microphone. @param {number} rms A fraction of full scale. */
  add(rms) {
    this.#sent.push(loudness(rms));
    this.#sent.shift();
  }

  /** The microphone sends nothing any more. */
  clear() {
    this.#sent.fill(0);
  }

  /** @param {ShownName} shown @param {boolean} isOn Whether the voice is on: else there is no picture. */
  show(shown, isOn) {
    this.#canvas.hidden = !isOn;
    this.#canvas.ariaLabel = this.#words.say("voice.picture", {
      state: this.#words.say(`state.${shown}`),
    });
    if (shown === this.#shown && isOn === this.#isOn) return;
    this.#before = this.#isOn ? this.#shown : shown;
    this.#shown = shown;
    this.#isOn = isOn;
    this.#changedAtS = performance.now() / 1000;
    this.#colourReadAtS = -COLOUR_KEPT_S;
    this.#drawSoon();
  }

  #drawSoon() {
    if (this.#isOn && this.#frame === 0) {
      this.#frame = requestAnimationFrame((atMs) => this.#draw(atMs / 1000));
    }
  }

  /** @param {number} seconds The frame's time. */
  #draw(seconds) {
    this.#frame = 0;
    if (!this.#isOn) return;
    const isStill = this.#reducedMotion.matches;
    const level = loudness(this.#playedRms());
    this.#played = following(this.#played, level, seconds - this.#drawnAtS);
    this.#drawnAtS = seconds;
    const moment = { sent: this.#sent, played: this.#played, seconds, isStill };
    const passed = isStill ? 1 : Math.min(1, Math.max(0, (seconds - this.#changedAtS) / FADE_S));
    this.#prepare(seconds);
    if (passed < 1) this.#paint(shapesOf(this.#before, moment), 1 - passed);
    this.#paint(shapesOf(this.#shown, moment), passed);
    if (passed < 1 || moves(this.#shown, isStill)) this.#drawSoon();
  }

  /** Clear the canvas, and set its size, units and colour. @param {number} seconds The frame's time. */
  #prepare(seconds) {
    const canvas = this.#canvas;
    const context = this.#context;
    const side = Math.round(this.#width * devicePixelRatio);
    if (canvas.width !== side) {
      canvas.width = side;
      canvas.height = side;
    }
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, side, side);
    context.setTransform(side / 2, 0, 0, side / 2, side / 2, side / 2);
    if (seconds - this.#colourReadAtS >= COLOUR_KEPT_S) {
      this.#colour = getComputedStyle(canvas).color;
      this.#colourReadAtS = seconds;
    }
    context.strokeStyle = this.#colour;
    context.fillStyle = this.#colour;
    context.lineCap = "round";
  }

  /** @param {Shape[]} shapes @param {number} alpha */
  #paint(shapes, alpha) {
    const context = this.#context;
    for (const shape of shapes) {
      context.globalAlpha = alpha * shape.alpha;
      context.beginPath();
      if (shape.kind === "disc") {
        context.arc(shape.x, shape.y, shape.radius, 0, 2 * Math.PI);
        context.fill();
        continue;
      }
      context.lineWidth = shape.width;
      if (shape.kind === "arc") {
        context.arc(0, 0, shape.radius, 2 * Math.PI * shape.from, 2 * Math.PI * shape.to);
      } else {
        context.moveTo(...shape.from);
        context.lineTo(...shape.to);
      }
      context.stroke();
    }
  }
}
