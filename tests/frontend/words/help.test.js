import assert from "node:assert/strict";
import { test } from "node:test";
import { ENDINGS } from "../../../frontend/shared-facts.js";
import { cardFor, HELP, permissionPlace } from "../../../frontend/words/help.js";
import { WORDS } from "../../../frontend/words/i18n.js";

test("every help card says what happened, what to do, and has a button", () => {
  for (const [name, { action }] of Object.entries(HELP)) {
    for (const key of [`help.${name}.title`, `help.${name}.text`, `action.${action}`]) {
      assert.ok(key in WORDS, key);
    }
  }
});

test("what only an administrator can do is apart, and the user is told who can", () => {
  const forAdmin = Object.keys(HELP).filter((name) => `help.${name}.admin` in WORDS);
  assert.deepEqual(forAdmin, ["origin_foreign", "upgrade_missing", "subprotocol_missing"]);
  for (const name of forAdmin) {
    assert.match(WORDS[`help.${name}.text`].en, /administrator.* You can keep typing/);
    assert.match(WORDS[`help.${name}.text`].ja, /管理者.*文字で入力できます/);
  }
});

test("every ending has a card of its own, or needs none", () => {
  const endings = Object.keys(ENDINGS);
  assert.ok(endings.length >= 18);
  for (const ending of endings) {
    assert.equal(cardFor(ending), ending === "client_left" ? null : ending, ending);
  }
});

test("an unknown code has the card of an internal error", () => {
  assert.equal(cardFor("never_heard_of"), "internal");
});

test("it knows the place of each browser's microphone permission", () => {
  assert.equal(permissionPlace("Mozilla/5.0 (iPhone) Version/18.0 Safari/604.1"), "ios");
  assert.equal(permissionPlace("Mozilla/5.0 (X11) Gecko/20100101 Firefox/153.0"), "firefox");
  assert.equal(permissionPlace("Mozilla/5.0 Chrome/156.0 Safari/537.36"), "chrome");
  assert.equal(permissionPlace("Mozilla/5.0 (Macintosh) Version/18.0 Safari/605.1"), "safari");
});
