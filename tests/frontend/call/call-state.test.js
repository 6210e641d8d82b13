import assert from "node:assert/strict";
import { test } from "node:test";
import {
  after,
  CHANGES,
  cutShownMs,
  INITIAL_FACTS,
  STATES,
  shownOf,
  stateOf,
} from "../../../frontend/call/call-state.js";

/** @param {...(string | [string, object])} changes */
function afterAll(...changes) {
  let facts = INITIAL_FACTS;
  for (const one of changes) {
    const [name, detail] = Array.isArray(one) ? one : [one, {}];
    facts = after(facts, name, detail);
  }
  return stateOf(facts);
}

const LISTENING = ["microphone_asked", "voice_started", "connecting", "ready"];
const SPEAKING = [
  ...LISTENING,
  "speech_started",
  "speech_stopped",
  "answer_started",
  "sound_started",
];

const STORIES = [
  ["there was no change", [], "idle"],
  ["🎤 was tapped", ["microphone_asked"], "asking_microphone"],
  [
    "the microphone was allowed and is being opened",
    ["microphone_asked", "microphone_allowed"],
    "connecting",
  ],
  ["the microphone was lost and opened again", [...LISTENING, "microphone_allowed"], "listening"],
  ["the microphone was refused", ["microphone_asked", "microphone_refused"], "idle"],
  ["the microphone was allowed", LISTENING.slice(0, 2), "connecting"],
  ["the microphone was allowed and the call is opened", LISTENING.slice(0, 3), "connecting"],
  ["the call is open", LISTENING, "listening"],
  ["a call without a microphone is open", ["connecting", "ready"], "idle"],
  ["speech was detected", [...LISTENING, "speech_started"], "hearing_you"],
  ["speech has ended", [...LISTENING, "speech_started", "speech_stopped"], "thinking"],
  ["the answer sounds", SPEAKING, "speaking"],
  ["the answer passes in silence", [...SPEAKING, "sound_blocked"], "writing"],
  ["sound is allowed again", [...SPEAKING, "sound_blocked", "sound_allowed"], "speaking"],
  [
    "the voice was started again after it had no sound",
    [
      ...SPEAKING,
      "sound_blocked",
      "voice_stopped",
      "microphone_asked",
      "voice_started",
      "sound_started",
    ],
    "speaking",
  ],
  ["the server lost its connection to the provider", [...SPEAKING, "renewing"], "reconnecting"],
  ["the server has another one", [...SPEAKING, "renewing", "renewed"], "listening"],
  ["the call ended meanwhile", [...SPEAKING, "renewing", ["ended", { reason: "x" }]], "ended"],
  ["the answer is complete but still sounds", [...SPEAKING, "answer_ended"], "speaking"],
  ["the answer was heard to its end", [...SPEAKING, "answer_ended", "sound_ended"], "listening"],
  ["the user interrupts", [...SPEAKING, "speech_started"], "interrupted"],
  ["the interruption was shown", [...SPEAKING, "speech_started", "cut_shown"], "hearing_you"],
  [
    "the interrupting sentence has ended",
    [...SPEAKING, "speech_started", "speech_stopped"],
    "thinking",
  ],
  ["Esc was pressed", [...SPEAKING, "answer_cut"], "interrupted"],
  [
    "Esc was pressed a while ago",
    [...SPEAKING, "answer_cut", "answer_ended", "cut_shown"],
    "listening",
  ],
  [
    "a message was typed over the voice",
    [...SPEAKING, "answer_cut", "answer_asked", "answer_ended", "answer_started"],
    "thinking",
  ],
  ["Esc was pressed with nothing to stop", [...LISTENING, "answer_cut"], "listening"],
  ["the speech was cleared", [...LISTENING, "speech_started", "speech_dropped"], "listening"],
  ["back to typing", [...SPEAKING, "voice_stopped"], "idle"],
  [
    "back to typing while the microphone was asked for",
    ["microphone_asked", "voice_stopped"],
    "idle",
  ],
  [
    "the connection broke in mid-answer",
    [...SPEAKING, ["reconnecting", { attempt: 1 }]],
    "reconnecting",
  ],
  [
    "the microphone is released in a long outage",
    [...LISTENING, "reconnecting", "microphone_rested"],
    "reconnecting",
  ],
  ["the connection is back", [...SPEAKING, ["reconnecting", { attempt: 2 }], "ready"], "listening"],
  ["the call ended", [...SPEAKING, ["ended", { reason: "taken_over" }]], "ended"],
  [
    "the call ended and is opened again",
    [["ended", { reason: "idle" }], "connecting"],
    "connecting",
  ],
  ["the call was closed", [...LISTENING, "closed"], "idle"],
];

for (const [story, changes, expected] of STORIES) {
  test(`it is ${expected} when ${story}`, () => {
    assert.equal(afterAll(...changes).name, expected);
  });
}

test("every state is reached by a story", () => {
  assert.deepEqual(new Set(STORIES.map(([, , expected]) => expected)), new Set(STATES));
});

test("every change is part of a story", () => {
  const used = STORIES.flatMap(([, changes]) => changes.map((one) => [one].flat()[0]));
  assert.deepEqual(new Set(used), new Set(Object.keys(CHANGES)));
});

test("an interruption by speech is shown shortly, one by a key long enough to be read", () => {
  const speaking = SPEAKING.reduce((facts, name) => after(facts, name), INITIAL_FACTS);
  assert.ok(cutShownMs(after(speaking, "speech_started")) <= 400);
  assert.ok(cutShownMs(after(speaking, "answer_cut")) >= 1000);
});

const HEARD = {
  isMuted: false,
  isWaitingForPress: false,
  hasNoMicrophone: false,
  hasNoSound: false,
};
const shown = (name, own = {}, hasVoice = true) => {
  const { name: word, hint } = shownOf(
    { name, attempt: 0, reason: null, hasVoice },
    { ...HEARD, ...own },
  );
  return [word, hint];
};

test("a microphone that sends nothing is not shown as listening", () => {
  assert.deepEqual(shown("listening"), ["listening", "listening"]);
  assert.deepEqual(shown("listening", { isMuted: true }), ["muted", "muted"]);
  assert.deepEqual(shown("listening", { hasNoMicrophone: true, isMuted: true }), [
    "no_microphone",
    "no_microphone",
  ]);
  assert.deepEqual(shown("listening", { isWaitingForPress: true }), [
    "waiting_for_press",
    "waiting_for_press",
  ]);
});

test("the hint says that the user is muted, and how to stop the answer, in every state of a call", () => {
  for (const name of ["connecting", "hearing_you", "interrupted"]) {
    assert.deepEqual(shown(name, { isMuted: true }), [name, "muted"]);
  }
  for (const name of ["thinking", "speaking"]) {
    assert.deepEqual(shown(name, { isMuted: true }), [name, "muted_answering"]);
    assert.deepEqual(shown(name, { hasNoMicrophone: true }), [name, "no_microphone_answering"]);
  }
});

test("without sound, the answer is written, and nobody listens", () => {
  for (const own of [{ hasNoSound: true }, { hasNoSound: true, isMuted: true }]) {
    assert.deepEqual(shown("listening", own), ["no_sound", "no_sound"]);
    for (const name of ["thinking", "writing"]) {
      assert.deepEqual(shown(name, own), [name, "no_sound_answering"]);
    }
  }
});

test("the connection's state comes before the microphone's", () => {
  for (const name of ["reconnecting", "ended", "idle", "asking_microphone"]) {
    assert.deepEqual(shown(name, { isMuted: true, hasNoMicrophone: true }), [name, name]);
  }
});

test("with push-to-talk, the hint says to hold the key to interrupt", () => {
  assert.deepEqual(shown("speaking", { isWaitingForPress: true }), ["speaking", "press_to_cut_in"]);
});

test("without a voice, nothing is said about the microphone", () => {
  assert.deepEqual(shown("speaking", { isMuted: true }, false), ["speaking", "speaking"]);
});

test("attempts are counted, and reset when the connection is back", () => {
  assert.equal(afterAll(["reconnecting", { attempt: 3 }]).attempt, 3);
  assert.equal(afterAll(["reconnecting", { attempt: 3 }], "ready").attempt, 0);
});

test("the state has the reason why a call ended", () => {
  assert.equal(afterAll(["ended", { reason: "provider_refused" }]).reason, "provider_refused");
});

test("a microphone that is opened after a call has ended belongs to the next one", () => {
  const ended = [...LISTENING, ["ended", { reason: "taken_over" }], "microphone_asked"];
  assert.equal(afterAll(...ended).name, "asking_microphone");
  assert.equal(afterAll(...ended, "voice_started").name, "connecting");
  assert.equal(afterAll(...ended, "voice_started", "connecting", "ready").name, "listening");
});

test("the given facts are not modified", () => {
  assert.ok(Object.isFrozen(INITIAL_FACTS));
  assert.notEqual(after(INITIAL_FACTS, "ready"), INITIAL_FACTS);
});

test("a microphone that was released in an outage is off until the connection is back", () => {
  const resting = [...LISTENING, ["reconnecting", { reason: "offline" }], "microphone_rested"];
  assert.deepEqual(afterAll(...resting), {
    name: "reconnecting",
    attempt: 1,
    reason: "offline",
    hasVoice: true,
    isResting: true,
  });
  assert.equal(afterAll(...resting, ["reconnecting", { reason: "offline" }]).isResting, true);
  for (const change of ["ready", "ended", "closed", "voice_stopped"]) {
    assert.equal(afterAll(...resting, change).isResting, undefined, change);
  }
});

test("a call that was refused has not ended, and an idle one is paused", () => {
  const own = {
    isMuted: false,
    isWaitingForPress: false,
    hasNoMicrophone: false,
    hasNoSound: false,
  };
  const ended = { name: "ended", attempt: 0, hasVoice: false };
  const shown = (state) => Object.values(shownOf({ ...ended, ...state }, own));
  assert.deepEqual(shown({ reason: "server_full", wasOpen: false }), [
    "not_connected",
    "not_connected",
  ]);
  assert.deepEqual(shown({ reason: "idle", wasOpen: true }), ["paused", "paused"]);
  assert.deepEqual(shown({ reason: "time_limit", wasOpen: true }), ["ended", "ended"]);
  assert.deepEqual(shown({ reason: "time_limit" }), ["ended", "ended"]);
});

test("while a budget is used up, nobody is asked to type or talk", () => {
  const calm = { name: "paused", hint: "budget_spent" };
  const of = (name) =>
    shownOf({ name, attempt: 0, reason: null, hasVoice: false }, { isSpent: true });
  assert.deepEqual([of("idle"), of("ended")], [calm, calm]);
  assert.deepEqual(of("thinking"), { name: "thinking", hint: "thinking" });
});

test("where nobody can talk, nobody is asked to", () => {
  const own = {
    isMuted: false,
    isWaitingForPress: false,
    hasNoMicrophone: false,
    hasNoSound: false,
  };
  const idle = { name: "idle", attempt: 0, reason: null, hasVoice: false };
  assert.equal(shownOf(idle, { ...own, canTalk: false }).hint, "idle_without_voice");
  assert.equal(shownOf(idle, { ...own, canTalk: true }).hint, "idle");
});
