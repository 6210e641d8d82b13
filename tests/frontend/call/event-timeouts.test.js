import assert from "node:assert/strict";
import { beforeEach, describe, mock, test } from "node:test";

import { after, INITIAL_FACTS } from "../../../frontend/call/call-state.js";
import {
  EVENT_TIMEOUTS,
  EventTimeouts,
  timeoutsFor,
} from "../../../frontend/call/event-timeouts.js";
import { IDLE_MS, PONG_TIMEOUT_MS } from "../../../frontend/call/heartbeat.js";

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
    const timeouts = timeoutsFor(factsAfter(changes), { ...NO_PROGRESS, ...progress });
    assert.deepEqual([...timeouts].sort(), expected);
  });
}

test("every timeout is part of a story, or counted for each transcript", () => {
  const named = new Set([...STORIES.flatMap(([, , , expected]) => expected), "transcript"]);
  assert.deepEqual(named, new Set(Object.keys(EVENT_TIMEOUTS)));
});

test("every timeout ends within a minute, and none drops the connection", () => {
  for (const { limitMs, atLimit } of Object.values(EVENT_TIMEOUTS)) {
    assert.ok(limitMs > 0 && limitMs <= 60_000);
    assert.notEqual(atLimit, "drop_connection");
  }
});

test("a dead connection is noticed before its answer is given up", () => {
  assert.ok(IDLE_MS + PONG_TIMEOUT_MS < EVENT_TIMEOUTS.answer.limitMs);
});

describe("the timers", () => {
  let reached;
  let timeouts;

  beforeEach(() => {
    mock.timers.reset();
    mock.timers.enable({ apis: ["setTimeout"] });
    reached = [];
    timeouts = new EventTimeouts((consequence, itemId) =>
      reached.push(`${consequence} ${itemId}`.trim()),
    );
  });

  test("a limit is reached once", () => {
    timeouts.set(new Set(["sound"]));
    mock.timers.tick(EVENT_TIMEOUTS.sound.limitMs - 1);
    assert.deepEqual(reached, []);
    mock.timers.tick(1);
    mock.timers.tick(EVENT_TIMEOUTS.sound.limitMs);
    assert.deepEqual(reached, ["end_sound"]);
  });

  test("a wait that goes on keeps its time; one that is over never ends", () => {
    timeouts.set(new Set(["cancellation", "answer"]));
    mock.timers.tick(EVENT_TIMEOUTS.cancellation.limitMs - 1);
    timeouts.set(new Set(["cancellation"]));
    mock.timers.tick(1);
    assert.deepEqual(reached, ["assume_cancelled"]);
    mock.timers.tick(EVENT_TIMEOUTS.answer.limitMs);
    assert.deepEqual(reached, ["assume_cancelled"]);
  });

  test("an event of the server restarts those that are counted from the last one", () => {
    timeouts.set(new Set(["answer", "cancellation"]));
    mock.timers.tick(EVENT_TIMEOUTS.cancellation.limitMs - 1);
    timeouts.restartByEvent();
    mock.timers.tick(1);
    assert.deepEqual(reached, ["assume_cancelled"]);
    mock.timers.tick(EVENT_TIMEOUTS.answer.limitMs - 2);
    assert.equal(reached.length, 1);
    mock.timers.tick(1);
    assert.deepEqual(reached, ["assume_cancelled", "give_up_answer"]);
  });

  test("something that came of one restarts it, and starts no other", () => {
    timeouts.set(new Set(["sound"]));
    mock.timers.tick(EVENT_TIMEOUTS.sound.limitMs - 1);
    timeouts.restart("sound");
    timeouts.restart("answer");
    mock.timers.tick(EVENT_TIMEOUTS.sound.limitMs - 1);
    assert.deepEqual(reached, []);
  });

  test("each transcript has its own time, from its commit", () => {
    timeouts.addTranscript("u1");
    timeouts.addTranscript("u2");
    mock.timers.tick(1000);
    timeouts.addTranscript("u1");
    timeouts.addTranscript("u3");
    timeouts.endTranscript("u2");
    timeouts.endTranscript("unknown");
    assert.deepEqual(timeouts.itemIds, ["u1", "u3"]);
    timeouts.set(new Set());
    timeouts.restartByEvent();
    mock.timers.tick(EVENT_TIMEOUTS.transcript.limitMs - 1000);
    assert.deepEqual(reached, ["note_lost_transcript u1"]);
    assert.deepEqual(timeouts.itemIds, ["u3"]);
  });
});
