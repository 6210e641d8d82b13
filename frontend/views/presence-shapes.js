/**
 * The shapes of the voice's picture, one figure for each state, so that the states can be told apart
 * without their words and without colour. Pure.
 *
 * Coordinates are in units of half the picture's side: (0, 0) is its centre, y grows downwards, and
 * everything stays within -1..1. Angles are in turns, clockwise from the right.
 *
 * @import { ShownName } from "../call/call-state.js"
 *
 * @typedef {{ kind: "arc", radius: number, from: number, to: number, width: number, alpha: number }} Arc
 * @typedef {{ kind: "disc", x: number, y: number, radius: number, alpha: number }} Disc
 * @typedef {{
 *   kind: "line", from: readonly [number, number], to: readonly [number, number],
 *   width: number, alpha: number,
 * }} Line
 * @typedef {Arc | Disc | Line} Shape
 * @typedef {{ sent: readonly number[], played: number, seconds: number, isStill: boolean }} Moment
 *   `sent` are the latest levels of the microphone, the newest last, and `played` is that of the answer:
 *   each 0..1 as `loudness` gives it. `seconds` is a steady clock's time. `isStill`: without motion.
 */

/** The RMS of full loudness. Speech has about 0.05 of full scale: half of that, by the square root. */
const FULL_RMS = 0.25;
/** Bars of the figure for "hearing you". */
export const BARS = 5;

const RING = 0.72;
const THIN = 0.07;
const THICK = 0.15;
/** The gap of the ensō, the open circle of the logo: its two ends, in turns. */
const ENSO = /** @type {const} */ ({ from: -0.03, to: 0.86 });

/** How loud a level looks, 0..1. @param {number} rms A fraction of full scale. */
export const loudness = (rms) => Math.min(1, Math.sqrt(Math.max(0, rms) / FULL_RMS));

/** The time in which a loudness falls to 1/e (37 %): between two words it falls, within one it hardly does. */
const FALL_S = 0.084;

/**
 * The loudness to show for a level: it rises at once and falls slowly, at the same pace on every screen.
 *
 * @param {number} shown 0..1, so far.
 * @param {number} level 0..1, now.
 * @param {number} seconds Since `shown` was shown.
 */
export const following = (shown, level, seconds) =>
  Math.max(level, shown * Math.exp(-Math.max(0, seconds) / FALL_S));

/** @param {Partial<Arc>} given @returns {Arc} */
const arc = (given) => ({
  kind: "arc",
  radius: RING,
  from: 0,
  to: 1,
  width: THIN,
  alpha: 1,
  ...given,
});

/** @param {number} x @param {number} y @param {number} radius @returns {Disc} */
const disc = (x, y, radius, alpha = 1) => ({ kind: "disc", x, y, radius, alpha });

/** @param {readonly [number, number]} from @param {readonly [number, number]} to @returns {Line} */
const line = (from, to, width = THICK, alpha = 1) => ({ kind: "line", from, to, width, alpha });

/** A wave between 0 and 1; 0.5 without motion. @param {Moment} moment @param {number} periodS */
const wave = ({ seconds, isStill }, periodS, phase = 0) =>
  isStill ? 0.5 : 0.5 - 0.5 * Math.cos(2 * Math.PI * (seconds / periodS + phase));

/** An open circle that breathes, and swells a little with the room's sound. @param {Moment} moment */
function listening(moment) {
  const level = moment.isStill ? 0 : (moment.sent.at(-1) ?? 0);
  const radius = RING - 0.04 + 0.06 * wave(moment, 4);
  return [
    arc({ radius, ...ENSO, width: THIN + 0.1 * level }),
    disc(radius * Math.cos(-0.63), radius * Math.sin(-0.63), 0.09),
  ];
}

/** Bars of the latest levels of the microphone. @param {Moment} moment */
function hearing({ sent, isStill }) {
  return Array.from({ length: BARS }, (_, index) => {
    const level = isStill ? STILL_BARS[index] : sent.at(index - BARS);
    const half = 0.1 + 0.62 * (level ?? 0);
    const x = (index - (BARS - 1) / 2) * 0.32;
    return line([x, -half], [x, half], 0.17);
  });
}
const STILL_BARS = [0.3, 0.7, 1, 0.7, 0.3];

/** Three dots, one after the other. @param {Moment} moment */
const thinking = (moment) =>
  [-0.45, 0, 0.45].map((x, index) => {
    const up = wave(moment, 1.2, -index / 4);
    return disc(x, moment.isStill ? 0 : 0.1 - 0.2 * up, 0.12 + 0.05 * up);
  });

/** A full disc that grows with the answer's sound, and a ring around it. @param {Moment} moment */
function speaking({ played, isStill }) {
  const level = isStill ? 0.5 : played;
  return [
    disc(0, 0, 0.4 + 0.24 * level),
    arc({ radius: 0.62 + 0.3 * level, width: 0.05, alpha: 0.25 + 0.55 * level }),
  ];
}

/** Lines of text, the last one growing. @param {Moment} moment */
const writing = (moment) => [
  line([-0.55, -0.38], [0.55, -0.38]),
  line([-0.55, 0], [0.4, 0]),
  line([-0.55, 0.38], [-0.45 + 0.6 * wave(moment, 2.4), 0.38]),
];

/** A pause sign. */
const interrupted = () => [
  line([-0.24, -0.5], [-0.24, 0.5], 0.2),
  line([0.24, -0.5], [0.24, 0.5], 0.2),
];

/** A closed circle, struck through: nothing is sent. */
const silent = () => [arc({}), line([-0.5, 0.5], [0.5, -0.5], 0.12)];

/** A button: the microphone waits for a press, and shows its level while it is pressed. */
const button = () => [arc({}), disc(0, 0, 0.34)];

/** Part of a circle that turns. @param {Moment} moment */
function turning({ seconds, isStill }, arcs = 1) {
  const start = isStill ? -0.25 : seconds / 1.6;
  return Array.from({ length: arcs }, (_, index) => {
    const from = start + index / arcs;
    return arc({ from, to: from + 0.62 / arcs, width: 0.1 });
  });
}

/** A dotted circle: the browser asks the user. @param {Moment} moment */
const asking = (moment) =>
  Array.from({ length: 12 }, (_, index) => {
    const turn = (2 * Math.PI * index) / 12;
    return disc(RING * Math.cos(turn), RING * Math.sin(turn), 0.06, 0.4 + 0.6 * wave(moment, 2));
  });

const resting = () => [arc({ ...ENSO, alpha: 0.6 })];

/** @type {Readonly<Record<ShownName, (moment: Moment) => Shape[]>>} */
const FIGURES = Object.freeze({
  idle: resting,
  ended: resting,
  not_loaded: resting,
  not_connected: resting,
  paused: resting,
  asking_microphone: asking,
  connecting: (moment) => turning(moment),
  loading: (moment) => turning(moment),
  reconnecting: (moment) => turning(moment, 2),
  listening,
  hearing_you: hearing,
  thinking,
  writing,
  speaking,
  interrupted,
  muted: silent,
  no_microphone: silent,
  no_sound: silent,
  waiting_for_press: button,
});

/** Figures that change only with the state. */
const MOTIONLESS = new Set([
  "idle",
  "ended",
  "not_loaded",
  "not_connected",
  "paused",
  "interrupted",
  "muted",
  "no_microphone",
  "no_sound",
  "waiting_for_press",
]);

/**
 * The shapes of a state at one moment.
 *
 * @param {ShownName} shown
 * @param {Moment} moment
 * @returns {Shape[]}
 */
export const shapesOf = (shown, moment) => FIGURES[shown](moment);

/**
 * Whether the picture of a state must be drawn again for the next frame.
 *
 * @param {ShownName} shown
 * @param {boolean} isStill
 */
export const moves = (shown, isStill) => !isStill && !MOTIONLESS.has(shown);
