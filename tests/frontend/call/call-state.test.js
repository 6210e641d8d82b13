import assert from "node:assert/strict";
import { test } from "node:test";
import {
  after,
  CHANGES,
  cutShownMs,
  NOTHING_YET,
  STATES,
  shownOf,
  stateOf,
} from "../../../frontend/call/call-state.js";

/** @param {...(string | [string, object])} happenings */
function afterAll(...happenings) {
  let facts = NOTHING_YET;
  for (const one of happenings) {
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
  ["nothing has happened", [], "idle"],
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
  ["speech is heard", [...LISTENING, "speech_started"], "hearing_you"],
  ["speech has ended", [...LISTENING, "speech_started", "speech_stopped"], "thinking"],
  ["the answer sounds", SPEAKING, "speaking"],
  ["the answer is made but still sounds", [...SPEAKING, "answer_ended"], "speaking"],
  ["the answer was heard to its end", [...SPEAKING, "answer_ended", "sound_ended"], "listening"],
  ["the person cuts in", [...SPEAKING, "speech_started"], "interrupted"],
  ["the cut was shown", [...SPEAKING, "speech_started", "cut_shown"], "hearing_you"],
  ["the cut sentence has ended", [...SPEAKING, "speech_started", "speech_stopped"], "thinking"],
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
  ["speech came to nothing", [...LISTENING, "speech_started", "speech_dropped"], "listening"],
  ["back to typing", [...SPEAKING, "voice_stopped"], "idle"],
  [
    "back to typing while the microphone was asked for",
    ["microphone_asked", "voice_stopped"],
    "idle",
  ],
  ["the line broke in mid-answer", [...SPEAKING, ["reconnecting", { attempt: 1 }]], "reconnecting"],
  ["the line is back", [...SPEAKING, ["reconnecting", { attempt: 2 }], "ready"], "listening"],
  ["the call ended", [...SPEAKING, ["ended", { why: "taken_over" }]], "ended"],
  ["the call ended and is opened again", [["ended", { why: "idle" }], "connecting"], "connecting"],
  ["one hung up", [...LISTENING, "closed"], "idle"],
];

for (const [story, happenings, expected] of STORIES) {
  test(`it is ${expected} when ${story}`, () => {
    assert.equal(afterAll(...happenings).name, expected);
  });
}

test("every state is reached by a story", () => {
  assert.deepEqual(new Set(STORIES.map(([, , expected]) => expected)), new Set(STATES));
});

test("every happening is part of a story", () => {
  const told = STORIES.flatMap(([, happenings]) => happenings.map((one) => [one].flat()[0]));
  assert.deepEqual(new Set(told), new Set(Object.keys(CHANGES)));
});

test("an interruption that one speaks through is shown for a blink, another so that it can be read", () => {
  const speaking = SPEAKING.reduce((facts, name) => after(facts, name), NOTHING_YET);
  assert.ok(cutShownMs(after(speaking, "speech_started")) <= 400);
  assert.ok(cutShownMs(after(speaking, "answer_cut")) >= 1000);
});

const HEARD = { isMuted: false, isWaitingForPress: false, hasNoMicrophone: false };
const shown = (name, own = {}, hasVoice = true) => {
  const { name: word, hint } = shownOf(
    { name, attempt: 0, why: null, hasVoice },
    { ...HEARD, ...own },
  );
  return [word, hint];
};

test("it does not claim to listen to a microphone that sends nothing", () => {
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

test("who is muted is told so, and how to stop the answer, in every state of a call", () => {
  for (const name of ["connecting", "hearing_you", "interrupted"]) {
    assert.deepEqual(shown(name, { isMuted: true }), [name, "muted"]);
  }
  for (const name of ["thinking", "speaking"]) {
    assert.deepEqual(shown(name, { isMuted: true }), [name, "muted_answering"]);
    assert.deepEqual(shown(name, { hasNoMicrophone: true }), [name, "no_microphone_answering"]);
  }
});

test("what the connection does comes before what the microphone does", () => {
  for (const name of ["reconnecting", "ended", "idle", "asking_microphone"]) {
    assert.deepEqual(shown(name, { isMuted: true, hasNoMicrophone: true }), [name, name]);
  }
});

test("who holds a key to talk holds it to cut in", () => {
  assert.deepEqual(shown("speaking", { isWaitingForPress: true }), ["speaking", "press_to_cut_in"]);
});

test("who types has no microphone to be told of", () => {
  assert.deepEqual(shown("speaking", { isMuted: true }, false), ["speaking", "speaking"]);
});

test("it counts the attempts, and forgets them when the line is back", () => {
  assert.equal(afterAll(["reconnecting", { attempt: 3 }]).attempt, 3);
  assert.equal(afterAll(["reconnecting", { attempt: 3 }], "ready").attempt, 0);
});

test("it says why a call ended", () => {
  assert.equal(afterAll(["ended", { why: "provider_refused" }]).why, "provider_refused");
});

test("a microphone that opens after a call has ended is on its way to the next one", () => {
  const ended = [...LISTENING, ["ended", { why: "taken_over" }], "microphone_asked"];
  assert.equal(afterAll(...ended).name, "asking_microphone");
  assert.equal(afterAll(...ended, "voice_started").name, "connecting");
  assert.equal(afterAll(...ended, "voice_started", "connecting", "ready").name, "listening");
});

test("it never changes the facts that it was given", () => {
  assert.ok(Object.isFrozen(NOTHING_YET));
  assert.notEqual(after(NOTHING_YET, "ready"), NOTHING_YET);
});
