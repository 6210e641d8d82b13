import assert from "node:assert/strict";
import { test } from "node:test";
import { DIRECT_WORDS } from "../../../frontend/words/direct.js";
import { WORDS } from "../../../frontend/words/i18n.js";

test("its keys are those of one page, and in the table of all texts", () => {
  for (const [key, entry] of Object.entries(DIRECT_WORDS)) {
    assert.match(key, /^direct\./);
    assert.equal(WORDS[key], entry);
  }
});

test("no text ends its sentence twice: `{why}` may be a whole sentence", () => {
  for (const language of ["en", "ja"]) {
    assert.doesNotMatch(DIRECT_WORDS["direct.error.recording"][language], /\{why\}[.。]/);
  }
});
