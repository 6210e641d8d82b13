import assert from "node:assert/strict";
import { test } from "node:test";
import { returnPath, signInAddress } from "../../../frontend/page/return-path.js";

test("a known page is returned to", () => {
  assert.equal(returnPath("?back=openai-realtime"), "/openai-realtime");
});

test("a session that the address names is returned to, and the sign-in's address names it", () => {
  assert.equal(returnPath("?back=openai-realtime", "s1"), "/openai-realtime#/s/s1");
  assert.equal(returnPath("", "s1"), null);
  assert.equal(signInAddress("openai-realtime", "s1"), "/?back=openai-realtime#/s/s1");
  assert.equal(signInAddress("openai-realtime", null), "/?back=openai-realtime");
});

test("no other address is opened", () => {
  for (const search of [
    "",
    "?back=",
    "?back=https://evil.test/",
    "?back=//evil.test",
    "?back=toString",
  ]) {
    assert.equal(returnPath(search), null, search);
  }
});
