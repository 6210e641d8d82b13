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
