import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { ApiError } from "../../../frontend/api.js";
import {
  batches,
  bodyOf,
  byteLength,
  MOST_KEEPALIVE_BYTES,
  MOST_TURNS,
  Reporter,
} from "../../../frontend/direct/reporting.js";
import { deferred, settle } from "../equipment.js";

let send;
let lines;
let sessionId;
let states;
let reporter;

const line = (itemId, text = "Hi.", more = {}) => ({
  itemId,
  contentIndex: 0,
  role: "user",
  modality: "voice",
  text,
  shown: text,
  heardText: null,
  heardMs: null,
  status: "completed",
  position: 0,
  isPending: false,
  isHeldBack: false,
  ...more,
});

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout"] });
  send = deferred();
  lines = [];
  sessionId = "s1";
  states = [];
  reporter = new Reporter({
    send,
    sessionId: () => sessionId,
    lines: () => lines,
    onState: (state) => states.push(state),
    now: () => new Date("2026-11-28T12:00:00Z"),
  });
});

const sentIds = (index = send.calls.length - 1) =>
  send.calls[index].args[1].map(({ item_id }) => item_id);

/** Let the pending request end, and what follows from it happen. */
async function answerWith(error) {
  const call = send.calls.at(-1);
  if (error) call.reject(error);
  else call.resolve();
  await settle();
}

test("turns that end at the same moment go in one request", async () => {
  lines = [line("u1")];
  reporter.changed();
  lines = [line("u1"), line("a1", "Yes.", { role: "assistant" })];
  reporter.changed();
  assert.equal(send.calls.length, 0);
  mock.timers.tick(300);
  assert.equal(send.calls.length, 1);
  assert.equal(send.calls[0].args[0], "s1");
  assert.deepEqual(send.calls[0].args[2], { isLeaving: false });
  assert.deepEqual(sentIds(), ["u1", "a1"]);
  await answerWith();
  assert.deepEqual(states, ["saved"]);
  assert.equal(reporter.hasPending, false);
});

test("one request at a time; what ends meanwhile is in the next one", async () => {
  lines = [line("u1")];
  reporter.changed();
  mock.timers.tick(300);
  lines = [line("u1"), line("u2")];
  reporter.changed();
  mock.timers.tick(10_000);
  assert.equal(send.calls.length, 1);
  await answerWith();
  assert.deepEqual([send.calls.length, sentIds()], [2, ["u2"]]);
});

test("a turn that changes while it is sent is sent again", async () => {
  lines = [line("a1", "Yes.", { role: "assistant" })];
  reporter.changed();
  mock.timers.tick(300);
  lines = [
    line("a1", "Yes.", { role: "assistant", status: "interrupted", heardText: "", heardMs: 0 }),
  ];
  reporter.changed();
  await answerWith();
  assert.deepEqual(sentIds(), ["a1"]);
  assert.equal(send.calls[1].args[1][0].status, "interrupted");
});

test("a server that is away is tried again, after 1, 2, 4 s, with the same turns", async () => {
  lines = [line("u1")];
  reporter.changed();
  mock.timers.tick(300);
  for (const [index, delayMs] of [1000, 2000, 4000].entries()) {
    await answerWith(new ApiError("no_network", 0, ""));
    assert.equal(states.at(-1), "waiting");
    mock.timers.tick(delayMs - 1);
    assert.equal(send.calls.length, index + 1);
    mock.timers.tick(1);
    assert.deepEqual(sentIds(), ["u1"]);
  }
  await answerWith();
  assert.equal(states.at(-1), "saved");
});

for (const status of [408, 429, 500, 503]) {
  test(`${status} is worth another attempt`, async () => {
    lines = [line("u1")];
    reporter.changed();
    mock.timers.tick(300);
    await answerWith(new ApiError("x", status, ""));
    assert.deepEqual(states, ["waiting"]);
  });
}

for (const status of [401, 403, 404, 409]) {
  test(`${status} is final: nothing is sent any more`, async () => {
    lines = [line("u1")];
    reporter.changed();
    mock.timers.tick(300);
    await answerWith(new ApiError("x", status, ""));
    assert.deepEqual(states, ["refused"]);
    lines = [line("u1"), line("u2")];
    reporter.changed();
    mock.timers.tick(60_000);
    reporter.leave();
    assert.equal(send.calls.length, 1);
  });
}

for (const status of [400, 413]) {
  test(`${status} costs only the turn that is at fault`, async () => {
    lines = [line("u1"), line("u2"), line("u3")];
    reporter.changed();
    mock.timers.tick(300);
    await answerWith(new ApiError("invalid", status, ""));
    assert.deepEqual(sentIds(), ["u1"]);
    await answerWith();
    assert.deepEqual(sentIds(), ["u2"]);
    await answerWith(new ApiError("invalid", status, ""));
    assert.deepEqual(sentIds(), ["u3"]);
    await answerWith();
    assert.deepEqual(states, ["incomplete"]);
    assert.equal(reporter.hasPending, false);
  });
}

test("after a turn that was lost, the others go together again, and the loss stays shown", async () => {
  lines = [line("u1")];
  reporter.changed();
  mock.timers.tick(300);
  await answerWith(new ApiError("invalid", 400, ""));
  lines = [line("u1"), line("u2"), line("u3")];
  reporter.changed();
  mock.timers.tick(300);
  assert.deepEqual(sentIds(), ["u2", "u3"]);
  await answerWith(new ApiError("no_network", 0, ""));
  mock.timers.tick(1000);
  await answerWith();
  assert.deepEqual(states, ["incomplete", "waiting", "incomplete"]);
  assert.equal(reporter.hasPending, false);
});

test("a batch that is only too long loses nothing", async () => {
  lines = [line("u1"), line("u2")];
  reporter.changed();
  mock.timers.tick(300);
  await answerWith(new ApiError("too_long", 413, ""));
  await answerWith();
  await answerWith();
  assert.deepEqual(states, ["saved"]);
});

test("without a session nothing is sent, and nothing is lost", async () => {
  sessionId = null;
  lines = [line("u1")];
  reporter.changed();
  mock.timers.tick(300);
  assert.equal(send.calls.length, 0);
  sessionId = "s1";
  void reporter.finish();
  assert.deepEqual(sentIds(), ["u1"]);
});

test("the end of a call does not wait", async () => {
  lines = [line("u1")];
  void reporter.finish();
  assert.equal(send.calls.length, 1);
});

test("as the page is closed, everything goes at once, also what is not final", () => {
  lines = [line("u1"), line("a1", "Yes", { role: "assistant", status: "in_progress" })];
  reporter.leave();
  assert.deepEqual(sentIds(), ["u1", "a1"]);
  assert.deepEqual(send.calls[0].args[2], { isLeaving: true });
});

test("what outlives the page is no more than browsers allow in sum", () => {
  lines = [1, 2, 3, 4, 5].map((index) => line(`u${index}`, "x".repeat(20_000)));
  reporter.leave();
  const bytes = send.calls
    .filter(({ args: [, , { isLeaving }] }) => isLeaving)
    .map(({ args: [, turns] }) => byteLength(bodyOf(turns)));
  assert.equal(bytes.length, 1);
  assert.ok(bytes[0] <= MOST_KEEPALIVE_BYTES);
  assert.deepEqual(
    send.calls.flatMap((_, index) => sentIds(index)),
    ["u1", "u2", "u3", "u4", "u5"],
  );
});

test("what was on its way as the page was closed is sent once more", async () => {
  lines = [line("u1")];
  reporter.changed();
  mock.timers.tick(300);
  reporter.leave();
  assert.deepEqual([send.calls.length, sentIds()], [2, ["u1"]]);
});

test("lines that the server has seen itself are skipped", () => {
  reporter.skip([line("u1")]);
  lines = [line("u1"), line("u2")];
  void reporter.finish();
  assert.deepEqual(sentIds(), ["u2"]);
});

const turn = (id, text) => ({ item_id: id, content_index: 0, text });

test("a batch has at most 100 turns, and its body no more bytes than keepalive allows", () => {
  const many = Array.from({ length: 2 * MOST_TURNS + 1 }, (_, index) => turn(`i${index}`, "Hi."));
  assert.deepEqual(
    batches(many).map(({ length }) => length),
    [MOST_TURNS, MOST_TURNS, 1],
  );
  const japanese = Array.from({ length: 7 }, (_, index) => turn(`i${index}`, "話".repeat(5000)));
  const found = batches(japanese);
  assert.deepEqual(
    found.map(({ length }) => length),
    [3, 3, 1],
  );
  for (const batch of found) assert.ok(byteLength(bodyOf(batch)) <= MOST_KEEPALIVE_BYTES);
  assert.deepEqual(found.flat(), japanese);
});

test("a turn that is longer than that goes alone", () => {
  const sizes = batches([turn("a", "x"), turn("b", "x".repeat(70_000)), turn("c", "x")]);
  assert.deepEqual(
    sizes.map(({ length }) => length),
    [1, 1, 1],
  );
  assert.deepEqual(batches([]), []);
});
