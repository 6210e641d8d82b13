import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";

import { ANSWER_TIMEOUT_MS, AnswerTimer } from "../../../frontend/call/answer-timer.js";

let timeouts;
let timer;

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout"] });
  timeouts = 0;
  timer = new AnswerTimer(() => {
    timeouts += 1;
  });
});

test("a due answer times out once", () => {
  timer.restart(true);
  mock.timers.tick(ANSWER_TIMEOUT_MS - 1);
  assert.equal(timeouts, 0);
  mock.timers.tick(ANSWER_TIMEOUT_MS);
  assert.equal(timeouts, 1);
});

test("every event starts it from zero", () => {
  for (let events = 0; events < 3; events += 1) {
    timer.restart(true);
    mock.timers.tick(ANSWER_TIMEOUT_MS - 1);
  }
  assert.equal(timeouts, 0);
});

test("without a due answer nothing times out", () => {
  timer.restart(true);
  timer.restart(false);
  mock.timers.tick(2 * ANSWER_TIMEOUT_MS);
  assert.equal(timeouts, 0);
});
