import assert from "node:assert/strict";
import { test } from "node:test";
import { afterClose, attemptsThatCount } from "../../../frontend/call/reconnect.js";

test("a broken connection is retried after 1, 2 and 4 seconds, then ended", () => {
  const decisions = [0, 1, 2, 3].map((attempts) => afterClose(null, 1006, attempts));
  assert.deepEqual(decisions, [
    { kind: "retry", attempt: 1, delayMs: 1000 },
    { kind: "retry", attempt: 2, delayMs: 2000 },
    { kind: "retry", attempt: 3, delayMs: 4000 },
    { kind: "end", reason: "no_network" },
  ]);
});

test("attempts are counted anew after 10 s of an open call, and after 60 s when the heartbeat timed out", () => {
  assert.equal(attemptsThatCount(2, 9_999, false), 2);
  assert.equal(attemptsThatCount(2, 10_000, false), 0);
  assert.equal(attemptsThatCount(2, 30_000, true), 2);
  assert.equal(attemptsThatCount(2, 60_000, true), 0);
});

test("a server that restarts is reconnected to", () => {
  const closing = { reason: "draining", retryable: true };
  assert.equal(afterClose(closing, 1012, 0).kind, "retry");
});

test("relay.closing counts more than the close code", () => {
  assert.equal(afterClose({ reason: "provider_timeout", retryable: true }, 4504, 0).kind, "retry");
  const refused = afterClose({ reason: "provider_refused", retryable: false }, 4502, 0);
  assert.deepEqual(refused, { kind: "end", reason: "provider_refused" });
});

test("the server's reason is kept when the attempts are used up", () => {
  const closing = { reason: "provider_unavailable", retryable: true };
  assert.deepEqual(afterClose(closing, 4503, 3), { kind: "end", reason: "provider_unavailable" });
});

test("a call that another tab took over is not reconnected, even when relay.closing was lost", () => {
  assert.deepEqual(afterClose(null, 4409, 0), { kind: "end", reason: "taken_over" });
  const closing = { reason: "taken_over", retryable: false };
  assert.deepEqual(afterClose(closing, 4409, 0), { kind: "end", reason: "taken_over" });
});

test("without relay.closing, a close code is final only if all its endings are", () => {
  const decide = (code) => afterClose(null, code, 0);
  const finals = {
    1000: "completed",
    4400: "bad_frames",
    4401: "unauthenticated",
    4403: "forbidden",
    4409: "taken_over",
    4410: "time_limit",
    4429: "rate_limit",
  };
  for (const [code, reason] of Object.entries(finals)) {
    assert.deepEqual(decide(Number(code)), { kind: "end", reason }, code);
  }
  for (const code of [1006, 1012, 4408, 4500, 4502, 4503, 4504]) {
    assert.equal(decide(code).kind, "retry", String(code));
  }
});
