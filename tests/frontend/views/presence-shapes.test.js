import assert from "node:assert/strict";
import { test } from "node:test";
import { STATES } from "../../../frontend/call/call-state.js";
import {
  BARS,
  following,
  loudness,
  moves,
  shapesOf,
} from "../../../frontend/views/presence-shapes.js";

/** A call that is over, or never was, looks like one that has not begun. */
const RESTING = ["ended", "not_loaded", "not_connected", "paused"];
const SHOWN = [
  ...STATES,
  ...RESTING.slice(1),
  "loading",
  "muted",
  "no_microphone",
  "no_sound",
  "waiting_for_press",
];
/** What strikes the circle through is the same for each reason why nothing is sent. */
const ALIKE = new Set(["no_microphone", "no_sound", "loading", ...RESTING]);

const moment = (given = {}) => ({
  sent: new Array(BARS).fill(0),
  played: 0,
  seconds: 0,
  isStill: false,
  ...given,
});

/** How far from the centre a shape reaches. */
function reach(shape) {
  if (shape.kind === "disc") return Math.hypot(shape.x, shape.y) + shape.radius;
  if (shape.kind === "arc") return shape.radius + shape.width / 2;
  const ends = [shape.from, shape.to].map(([x, y]) => Math.max(Math.abs(x), Math.abs(y)));
  return Math.max(...ends) + shape.width / 2;
}

test("every state has a figure that stays within the picture, at every level and time", () => {
  for (const shown of SHOWN) {
    for (const level of [0, 0.3, 1]) {
      for (const seconds of [0, 0.3, 1.7, 4.9]) {
        const sent = new Array(BARS).fill(level);
        const shapes = shapesOf(shown, moment({ sent, played: level, seconds }));
        assert.ok(shapes.length > 0, shown);
        for (const shape of shapes) assert.ok(reach(shape) <= 1, `${shown}: ${reach(shape)}`);
      }
    }
  }
});

test("the figures of different states differ, also without motion", () => {
  const states = SHOWN.filter((shown) => !ALIKE.has(shown));
  for (const isStill of [false, true]) {
    const figures = states.map((shown) => JSON.stringify(shapesOf(shown, moment({ isStill }))));
    assert.equal(new Set(figures).size, states.length);
  }
});

test("the bars are the latest levels of the microphone, the newest at the right", () => {
  const bars = shapesOf("hearing_you", moment({ sent: [0, 0, 0, 0, 1] }));
  const heights = bars.map(({ from, to }) => to[1] - from[1]);
  assert.equal(bars.length, BARS);
  assert.ok(heights[4] > 5 * heights[0]);
});

test("the answer's figure grows with what is played", () => {
  const radius = (played) => shapesOf("speaking", moment({ played }))[0].radius;
  assert.ok(radius(1) > radius(0.4) && radius(0.4) > radius(0));
});

test("without motion, neither time nor sound changes a figure", () => {
  for (const shown of SHOWN) {
    const quiet = shapesOf(shown, moment({ isStill: true }));
    const loud = moment({ isStill: true, seconds: 2.3, played: 1, sent: new Array(BARS).fill(1) });
    assert.deepEqual(shapesOf(shown, loud), quiet, shown);
    assert.equal(moves(shown, true), false);
  }
});

test("a figure without motion is drawn once", () => {
  for (const shown of SHOWN) {
    const [now, later] = [0, 0.4].map((seconds) => shapesOf(shown, moment({ seconds })));
    const hasLevel = ["hearing_you", "speaking"].includes(shown);
    const isMoving = JSON.stringify(now) !== JSON.stringify(later);
    assert.equal(moves(shown, false), isMoving || hasLevel, shown);
  }
});

test("loudness is the square root of the level, and never more than full", () => {
  assert.deepEqual([0, 0.0625, 0.25, 1, -1].map(loudness), [0, 0.5, 1, 1, 0]);
});

test("the loudness of the answer rises at once, and falls as fast at 120 frames a second as at 60", () => {
  const fallen = (frames, seconds) =>
    Array.from({ length: frames }).reduce((shown) => following(shown, 0, seconds / frames), 1);
  assert.equal(following(0.2, 0.9, 1 / 60), 0.9);
  assert.ok(Math.abs(fallen(6, 0.1) - fallen(12, 0.1)) < 1e-9);
  assert.ok(Math.abs(fallen(1, 1 / 60) - 0.82) < 0.005);
  assert.equal(following(0.5, 0, -1), 0.5);
});
