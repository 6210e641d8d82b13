import assert from "node:assert/strict";
import { test } from "node:test";
import { ApiError } from "../../../frontend/api.js";
import { FIELDS, problemsOf, refusalsOf } from "../../../frontend/words/credentials.js";
import { WORDS } from "../../../frontend/words/i18n.js";

const problems = (username, password, isNew = true) => {
  const found = problemsOf({ username, password, isNew });
  return FIELDS.flatMap((field) => found[field]);
};

test("what is missing, too long or too short is told without the server", () => {
  assert.deepEqual(problems("", ""), ["sign_in.username.missing", "sign_in.password.missing"]);
  assert.deepEqual(problems("a".repeat(151), "b".repeat(129)), [
    "sign_in.username.too_long",
    "sign_in.password.too_long",
  ]);
  assert.deepEqual(problems("𠮷".repeat(150), "1234567"), ["sign_in.password.too_short"]);
  assert.deepEqual(problems("aki", "12345678"), []);
});

test("a name with other characters is told with what else is wrong, before the server is asked", () => {
  assert.deepEqual(problems("a b", "123"), [
    "sign_in.username.invalid",
    "sign_in.password.too_short",
  ]);
  for (const strange of ["a/b", "a\u200bb", "🦊", "  "])
    assert.deepEqual(problems(strange, "12345678"), ["sign_in.username.invalid"], strange);
  for (const fine of ["aki", "佐藤.健", "ﾀﾛｳ", " aki ", "a_b@c+d-1", "é"])
    assert.deepEqual(problems(fine, "12345678"), [], fine);
  assert.deepEqual(problems("a b", "1", false), []);
});

test("who signs in has a password already, of whatever length", () => {
  assert.deepEqual(problems("aki", "1", false), []);
});

test("each code of the server has its text; an unknown one the server's sentence", () => {
  const detail = { password: ["Too short.", "Odd."], username: ["Taken."] };
  const codes = { password: ["password_too_short", "odd"], username: ["username_taken"] };
  const error = new ApiError("invalid", 400, "", detail, codes);
  assert.deepEqual(refusalsOf(error, "password"), [
    { key: "sign_in.password.too_short", sentence: "Too short." },
    { key: null, sentence: "Odd." },
  ]);
  assert.deepEqual(refusalsOf(error, "username"), [
    { key: "sign_in.username.taken", sentence: "Taken." },
  ]);
});

test("an error without fields says nothing of them", () => {
  for (const codes of [undefined, null, ["invalid"], { username: "invalid" }]) {
    const error = new ApiError("invalid", 400, "", undefined, codes);
    assert.deepEqual(
      FIELDS.flatMap((field) => refusalsOf(error, field)),
      [],
    );
  }
});

test("every code has a text", () => {
  const ofUsername = ["required", "blank", "invalid", "max_length", "username_taken"];
  const ofPassword = ["too_short", "too_common", "entirely_numeric", "too_similar"];
  const codes = {
    username: ofUsername,
    password: ["required", "blank", "max_length", ...ofPassword.map((one) => `password_${one}`)],
  };
  const error = new ApiError("invalid", 400, "", {}, codes);
  for (const field of FIELDS) {
    for (const { key } of refusalsOf(error, field)) assert.ok(key in WORDS, `${field} ${key}`);
  }
});
