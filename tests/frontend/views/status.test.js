import assert from "node:assert/strict";
import { test } from "node:test";
import { mayNameKeys } from "../../../frontend/views/status.js";
import { WORDS } from "../../../frontend/words/i18n.js";

test("while a message is typed, no hint names a key that would be typed into it", () => {
  const named = Object.keys(WORDS).filter((key) => /^hint\..*\.keys$/.test(key));
  assert.ok(named.length > 4);
  for (const key of named) {
    const hint = key.slice("hint.".length, -".keys".length);
    const isTypable = /\(M\)|Space/.test(WORDS[key].en);
    assert.equal(mayNameKeys(hint, true), !isTypable, key);
    assert.ok(mayNameKeys(hint, false), key);
  }
});
