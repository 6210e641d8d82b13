import assert from "node:assert/strict";
import { test } from "node:test";
import { ApiError } from "../../../frontend/api.js";
import { errorText } from "../../../frontend/page/error-text.js";
import { Words } from "../../../frontend/words/i18n.js";

const words = new Words("en");

test("the messages about fields come first, then the server's message, then ours", () => {
  const detail = { password: ["Too short.", "Too common."], code: 7, username: "Taken." };
  const text = (...error) => errorText(words, new ApiError(...error));
  assert.equal(text("invalid", 400, "No.", detail), "Too short. Too common. Taken.");
  assert.equal(text("invalid", 400, "No.", {}), "No.");
  assert.equal(text("no_network", 0, ""), words.say("error.no_network"));
  assert.equal(text("never_heard_of", 500, ""), words.say("error.internal"));
});

test("an error that is not the server's is an internal one", () => {
  assert.equal(errorText(words, new TypeError("x is not a function")), words.say("error.internal"));
});

test("the detail of an error that is about no field is not for people", () => {
  const detail = { resets_at: "2026-12-01T00:00:00+00:00" };
  assert.equal(errorText(words, new ApiError("throttled", 429, "Too many.", detail)), "Too many.");
});

test("the time at which a budget starts again is written as the browser writes it", () => {
  const spent = (detail) =>
    errorText(words, new ApiError("budget_spent", 402, "Used up.", detail), (at) => at.toJSON());
  const detail = { resets_at: "2026-12-01T01:00:00+01:00" };
  const time = "2026-12-01T00:00:00.000Z";
  assert.equal(spent(detail), words.say("error.budget_spent", { time }));
  for (const other of [undefined, null, {}, { resets_at: "soon" }, { resets_at: 7 }]) {
    assert.equal(spent(other), "Used up.");
  }
});
