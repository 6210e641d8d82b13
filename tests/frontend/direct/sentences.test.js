import assert from "node:assert/strict";
import { test } from "node:test";
import { endingSentence, problemSentence } from "../../../frontend/direct/sentences.js";
import { WORDS } from "../../../frontend/words/i18n.js";

test("every ending has a text, and unknown ones the text of a failed connection", () => {
  for (const code of ["no_key", "direct_refused", "cannot_connect", "connection_lost", "new_one"]) {
    const { key, isConnection } = endingSentence(code, "");
    assert.ok(key in WORDS, key);
    assert.equal(isConnection, true);
  }
  assert.equal(endingSentence("new_one", "").key, "direct.error.connect");
});

test("an ending of a watched call is explained as on the main page", () => {
  assert.deepEqual(endingSentence("budget_spent", ""), {
    key: "direct.error.ended",
    whyKeys: ["help.budget_spent.title"],
    isConnection: true,
  });
});

test("where the server has said why, the sentence does not guess", () => {
  for (const code of ["key_refused", "rate_limit"]) {
    assert.deepEqual(endingSentence(code, "Your budget is used up."), {
      key: "direct.error.not_now",
      values: { why: "Your budget is used up." },
      isConnection: true,
    });
  }
  assert.equal(endingSentence("rate_limit", "").key, "direct.error.limit");
  assert.ok("direct.error.not_now" in WORDS);
});

test("the call goes on after an answer that failed", () => {
  assert.equal(endingSentence("answer_failed", "Why.").isConnection, false);
  assert.deepEqual(endingSentence("answer_failed", "Why.").values, { why: "Why." });
});

test("a problem of the microphone is why recording failed; one that is over is none", () => {
  assert.deepEqual(problemSentence("stopped"), {
    key: "direct.error.recording",
    whyKeys: ["help.microphone_stopped.title"],
  });
  assert.equal(problemSentence("sound_blocked").key, "direct.error.sound_blocked");
  assert.equal(problemSentence("recovered"), null);
});
