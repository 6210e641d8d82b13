import assert from "node:assert/strict";
import { test } from "node:test";
import {
  afterLoss,
  BACKOFF_MS,
  delayMs,
  JITTER,
  MAX_ATTEMPTS,
  NO_OUTAGE,
  outageThatCounts,
} from "../../../frontend/call/reconnect.js";

const middle = () => 0.5;
const LOST = { closing: null, closeCode: 1006, isDraining: false, isOffline: false };
const OFFLINE = { isOffline: true };
const DRAINING = { closing: { reason: "draining", retryable: true }, closeCode: 1012 };

const decide = (loss, outage = NO_OUTAGE) => afterLoss({ ...LOST, ...loss }, outage, middle);

/** The decisions about losses that follow each other without a call in between. */
function decideAll(losses) {
  const decisions = [];
  let outage = NO_OUTAGE;
  for (const loss of losses) {
    const decision = decide(loss, outage);
    decisions.push(decision);
    outage = decision.outage ?? outage;
  }
  return decisions;
}
const repeated = (count, loss) => Array.from({ length: count }, () => loss);
const total = (decisions) => decisions.reduce((sum, { delayMs: ms = 0 }) => sum + ms, 0);

test("a broken connection is retried after 1, 2 and 4 seconds, and then every 7", () => {
  const decisions = decideAll(repeated(6, {}));
  assert.deepEqual(
    decisions.map((decision) => [decision.outage.attempts, decision.delayMs]),
    [
      [1, 1000],
      [2, 2000],
      [3, 4000],
      [4, 7000],
      [5, 7000],
      [6, 7000],
    ],
  );
});

test("a server that is back within two minutes is found, and one that stays away ends the call", () => {
  const decisions = decideAll(repeated(MAX_ATTEMPTS + 1, {}));
  assert.deepEqual(decisions.at(-1), { kind: "end", reason: "no_network" });
  assert.ok(total(decisions) >= 125_000 && total(decisions) < 150_000, String(total(decisions)));
});

test("the jitter spreads the attempts of many pages, and keeps them 5 to 9 seconds apart", () => {
  const longest = BACKOFF_MS.length;
  assert.deepEqual(
    [0, 0.5, 1].map((random) => delayMs(longest, () => random)),
    [7000 * (1 - JITTER), 7000, 7000 * (1 + JITTER)],
  );
  const seen = new Set(Array.from({ length: 20 }, () => delayMs(longest)));
  assert.ok(seen.size > 5);
});

test("attempts are not counted while offline, however long that lasts", () => {
  const decisions = decideAll([...repeated(500, OFFLINE), {}]);
  assert.equal(decisions[499].outage.attempts, 0);
  assert.deepEqual([decisions[499].delayMs, decisions[499].outage.cause], [7000, "offline"]);
  assert.deepEqual([decisions[500].kind, decisions[500].outage.cause], ["retry", "no_network"]);
});

test("who goes offline after the last attempt is still waited for", () => {
  const decisions = decideAll([...repeated(MAX_ATTEMPTS, {}), OFFLINE]);
  assert.equal(decisions.at(-1).kind, "retry");
});

for (const [name, loss] of [
  ["relay.closing", DRAINING],
  ["relay.closing that Daphne closes with 1000", { ...DRAINING, closeCode: 1000 }],
  ["relay.draining, and then the connection breaks", { isDraining: true }],
  ["relay.draining, and then Daphne closes", { isDraining: true, closeCode: 1000 }],
  ["the close code 1012 alone", { closeCode: 1012 }],
  ["the close code 1001 of a proxy that stops", { closeCode: 1001 }],
]) {
  test(`a restart announced by ${name} stays the cause while the server is away`, () => {
    const away = { closing: { reason: "no_network", retryable: true }, closeCode: 0 };
    const busy = { closing: { reason: "internal", retryable: true }, closeCode: 0 };
    const decisions = decideAll([loss, away, busy, {}, ...repeated(MAX_ATTEMPTS, away)]);
    for (const { outage } of decisions.slice(0, 4)) assert.equal(outage.cause, "draining");
    assert.deepEqual(decisions.at(-1), { kind: "end", reason: "draining" });
  });
}

test("another reason of the server is said instead of the restart", () => {
  const provider = { closing: { reason: "provider_unavailable", retryable: true } };
  assert.equal(decideAll([DRAINING, provider])[1].outage.cause, "provider_unavailable");
});

test("attempts are counted anew after 10 s of an open call, and after 60 s when the heartbeat timed out", () => {
  const outage = { attempts: 2, uncounted: 1, cause: "draining" };
  assert.deepEqual(outageThatCounts(outage, 9_999, false), { ...outage, cause: "" });
  assert.deepEqual(outageThatCounts(outage, 10_000, false), NO_OUTAGE);
  assert.deepEqual(outageThatCounts(outage, 30_000, true), { ...outage, cause: "" });
  assert.deepEqual(outageThatCounts(outage, 60_000, true), NO_OUTAGE);
});

test("relay.closing counts more than the close code", () => {
  const timeout = { reason: "provider_timeout", retryable: true };
  assert.equal(decide({ closing: timeout, closeCode: 4504 }).kind, "retry");
  const refused = { reason: "provider_refused", retryable: false };
  const end = { kind: "end", reason: "provider_refused" };
  assert.deepEqual(decide({ closing: refused, closeCode: 4502 }), end);
  assert.deepEqual(decide({ closing: refused, closeCode: 4502, ...OFFLINE }), end);
});

test("a wait that the server asks for is kept, up to a minute", () => {
  const closing = { reason: "provider_unavailable", retryable: true, retryAfterMs: 20_000 };
  assert.equal(decide({ closing }).delayMs, 20_000);
  assert.equal(decide({ closing: { ...closing, retryAfterMs: 3_600_000 } }).delayMs, 60_000);
});

test("the server's reason is kept when the attempts are used up", () => {
  const loss = { closing: { reason: "provider_unavailable", retryable: true }, closeCode: 4503 };
  const decisions = decideAll(repeated(MAX_ATTEMPTS + 1, loss));
  assert.deepEqual(decisions.at(-1), { kind: "end", reason: "provider_unavailable" });
});

test("a call that another tab took over is not reconnected, even when relay.closing was lost", () => {
  const end = { kind: "end", reason: "taken_over" };
  assert.deepEqual(decide({ closeCode: 4409 }), end);
  const closing = { reason: "taken_over", retryable: false };
  assert.deepEqual(decide({ closing, closeCode: 4409 }), end);
});

test("without relay.closing, a close code is final only if all its endings are", () => {
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
    assert.deepEqual(decide({ closeCode: Number(code) }), { kind: "end", reason }, code);
  }
  for (const closeCode of [1001, 1006, 1012, 4408, 4500, 4502, 4503, 4504]) {
    assert.equal(decide({ closeCode }).kind, "retry", String(closeCode));
  }
});
