import assert from "node:assert/strict";
import { beforeEach, describe, mock, test } from "node:test";

import { after, INITIAL_FACTS } from "../../../frontend/call/call-state.js";
import { IDLE_MS, PONG_TIMEOUT_MS } from "../../../frontend/call/heartbeat.js";
import { needsHeartbeat, WAITS, Waits, waitsOf } from "../../../frontend/call/waits.js";

const NO_PROGRESS = {
  isNoise: false,
  isAnswerComplete: false,
  isCancelling: false,
  isTruncating: false,
  isLeaving: false,
};
const LISTENING = ["microphone_asked", "voice_started", "connecting", "ready"];
const THINKING = [...LISTENING, "speech_started", "speech_stopped"];
const SPEAKING = [...THINKING, "answer_started", "sound_started"];

const STORIES = [
  ["nobody speaks", LISTENING, {}, []],
  ["the user speaks", [...LISTENING, "speech_started"], {}, ["speech_end"]],
  ["the user has spoken", THINKING, {}, ["answer"]],
  ["nothing was understood", THINKING, { isNoise: true }, ["answer", "answer_to_noise"]],
  ["noise before the answer was over", LISTENING, { isNoise: true }, []],
  [
    "a message was typed while the user speaks",
    [...LISTENING, "speech_started", "answer_asked"],
    {},
    ["speech_end"],
  ],
  ["the answer sounds and still comes", SPEAKING, {}, ["answer"]],
  [
    "all of the answer but its end has come",
    SPEAKING,
    { isAnswerComplete: true },
    ["answer", "response_end"],
  ],
  ["the answer has come and sounds", [...SPEAKING, "answer_ended"], {}, ["sound"]],
  ["the answer was stopped", [...SPEAKING, "answer_cut"], { isCancelling: true }, ["cancellation"]],
  ["the answer's sound was cut off", LISTENING, { isTruncating: true }, ["truncation"]],
  ["the user went back to typing", LISTENING, { isLeaving: true }, ["leaving"]],
  ["the connection is lost", [...THINKING, "reconnecting"], { isLeaving: true }, []],
  ["the call is closed", [...THINKING, "closed"], { isCancelling: true }, []],
];

const factsAfter = (changes) =>
  changes.reduce((facts, change) => after(facts, change), INITIAL_FACTS);

for (const [story, changes, progress, expected] of STORIES) {
  test(`what is waited for when ${story}`, () => {
    const waits = waitsOf(factsAfter(changes), { ...NO_PROGRESS, ...progress });
    assert.deepEqual([...waits].sort(), expected);
  });
}

test("every wait is part of a story, or counted for each transcript", () => {
  const named = new Set([...STORIES.flatMap(([, , , expected]) => expected), "transcript"]);
  assert.deepEqual(named, new Set(Object.keys(WAITS)));
});

test("every wait ends within a minute, and none drops the connection", () => {
  for (const { limitMs, atLimit } of Object.values(WAITS)) {
    assert.ok(limitMs > 0 && limitMs <= 60_000);
    assert.notEqual(atLimit, "drop_connection");
  }
});

test("a dead connection is noticed before its answer is given up", () => {
  assert.ok(IDLE_MS + PONG_TIMEOUT_MS < WAITS.answer.limitMs);
  const typed = factsAfter(["connecting", "ready", "answer_asked"]);
  assert.deepEqual(
    [typed, after(typed, "answer_ended"), factsAfter(LISTENING)].map(needsHeartbeat),
    [true, false, true],
  );
});

describe("the timers", () => {
  let reached;
  let waits;

  beforeEach(() => {
    mock.timers.reset();
    mock.timers.enable({ apis: ["setTimeout"] });
    reached = [];
    waits = new Waits((consequence, itemId) => reached.push(`${consequence} ${itemId}`.trim()));
  });

  test("a limit is reached once", () => {
    waits.set(new Set(["sound"]));
    mock.timers.tick(WAITS.sound.limitMs - 1);
    assert.deepEqual(reached, []);
    mock.timers.tick(1);
    mock.timers.tick(WAITS.sound.limitMs);
    assert.deepEqual(reached, ["end_sound"]);
  });

  test("a wait that goes on keeps its time; one that is over never ends", () => {
    waits.set(new Set(["cancellation", "answer"]));
    mock.timers.tick(WAITS.cancellation.limitMs - 1);
    waits.set(new Set(["cancellation"]));
    mock.timers.tick(1);
    assert.deepEqual(reached, ["assume_cancelled"]);
    mock.timers.tick(WAITS.answer.limitMs);
    assert.deepEqual(reached, ["assume_cancelled"]);
  });

  test("an event of the server restarts those that are counted from the last one", () => {
    waits.set(new Set(["answer", "cancellation"]));
    mock.timers.tick(WAITS.cancellation.limitMs - 1);
    waits.restartByEvent();
    mock.timers.tick(1);
    assert.deepEqual(reached, ["assume_cancelled"]);
    mock.timers.tick(WAITS.answer.limitMs - 2);
    assert.equal(reached.length, 1);
    mock.timers.tick(1);
    assert.deepEqual(reached, ["assume_cancelled", "give_up_answer"]);
  });

  test("something that came of one restarts it, and starts no other", () => {
    waits.set(new Set(["sound"]));
    mock.timers.tick(WAITS.sound.limitMs - 1);
    waits.restart("sound");
    waits.restart("answer");
    mock.timers.tick(WAITS.sound.limitMs - 1);
    assert.deepEqual(reached, []);
  });

  test("each transcript has its own time, from its commit", () => {
    waits.addTranscript("u1");
    waits.addTranscript("u2");
    mock.timers.tick(1000);
    waits.addTranscript("u1");
    waits.addTranscript("u3");
    waits.endTranscript("u2");
    waits.endTranscript("unknown");
    assert.deepEqual(waits.itemIds, ["u1", "u3"]);
    waits.set(new Set());
    waits.restartByEvent();
    mock.timers.tick(WAITS.transcript.limitMs - 1000);
    assert.deepEqual(reached, ["note_lost_transcript u1"]);
    assert.deepEqual(waits.itemIds, ["u3"]);
  });
});
