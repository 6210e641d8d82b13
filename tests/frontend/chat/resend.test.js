import assert from "node:assert/strict";
import { test } from "node:test";
import { ApiError } from "../../../frontend/api.js";
import { MAX_ATTEMPTS } from "../../../frontend/call/reconnect.js";
import {
  afterFailure,
  BUSY_PAUSES_MS,
  isAway,
  NO_FAILURES,
} from "../../../frontend/chat/resend.js";

const middle = () => 0.5;
const away = new ApiError("no_network", 0, "");
const busy = new ApiError("reply_running", 409, "");

/** The delays of failures that follow each other, until the message has failed. */
function delays(error, failures = NO_FAILURES) {
  const found = [];
  for (let next = { failures }; found.length < 1000; ) {
    next = afterFailure(error, next.failures, false, middle);
    if (!next) break;
    found.push(next.delayMs);
  }
  return found;
}
const sum = (numbers) => numbers.reduce((total, one) => total + one, 0);

test("a server that is away is tried for two minutes, as a call's is", () => {
  const found = delays(away);
  assert.deepEqual([found.length, found.slice(0, 4)], [MAX_ATTEMPTS, [1000, 2000, 4000, 7000]]);
  assert.ok(sum(found) >= 125_000);
});

test("failures while offline are not counted", () => {
  let { failures } = { failures: NO_FAILURES };
  for (let times = 0; times < 500; times += 1) {
    ({ failures } = afterFailure(away, failures, true, middle));
  }
  assert.deepEqual(failures, { busy: 0, attempts: 0, uncounted: 500 });
  assert.equal(afterFailure(away, failures, true, middle).cause, "offline");
});

test("a busy server is tried for 6 s, and after an outage for longer than a lease of 15 s", () => {
  assert.deepEqual(delays(busy), [...BUSY_PAUSES_MS]);
  assert.ok(sum(delays(busy, { ...NO_FAILURES, uncounted: 1 })) > 15_000 + 6000);
  assert.equal(afterFailure(busy, NO_FAILURES, false).cause, null);
});

test("only a missing answer and that of a proxy whose server is away are no answers", () => {
  const answers = [
    ["no_network", 0, true],
    ["unavailable", 503, true],
    ["unavailable", 504, true],
    ["internal", 502, true],
    ["internal", 500, false],
    ["internal", 200, false],
    ["chat_unavailable", 503, false],
    ["chat_failed", 502, false],
    ["throttled", 429, false],
    ["not_found", 404, false],
  ];
  for (const [code, status, expected] of answers) {
    const error = new ApiError(code, status, "");
    assert.equal(isAway(error), expected, code);
    assert.equal(afterFailure(error, NO_FAILURES, false) !== null, expected, code);
  }
});
