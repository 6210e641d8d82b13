import assert from "node:assert/strict";
import { test } from "node:test";
import {
  cleanTextAt,
  lookUp,
  mappingAt,
  mappingsAt,
  textAt,
} from "../../../frontend/transcript/reading.js";

const UNEXPECTED = [undefined, null, 7, Number.NaN, true, "text", [], {}];

test("a value of another type is read as empty", () => {
  for (const value of UNEXPECTED) {
    const event = { field: value };
    if (typeof value !== "string") assert.equal(textAt(event, "field"), "");
    if (typeof value !== "string") assert.equal(cleanTextAt(event, "field"), "");
    if (!Array.isArray(value)) assert.deepEqual(mappingsAt(event, "field"), []);
    assert.deepEqual(mappingAt(event, "field"), {});
  }
});

test("a list keeps the indexes of its objects", () => {
  const members = mappingsAt({ list: [null, { a: 1 }, "x", [2]] }, "list");
  assert.deepEqual(members, [{}, { a: 1 }, {}, {}]);
});

test("a text is cleaned as the server stores it", () => {
  assert.equal(cleanTextAt({ t: "a\0b\ud800c\udc00" }, "t"), "abc");
  assert.equal(cleanTextAt({ t: "👍" }, "t"), "👍");
});

test("a table has no inherited keys", () => {
  assert.equal(lookUp({ a: 1 }, "a"), 1);
  for (const key of ["constructor", "toString", 7, null, undefined]) {
    assert.equal(lookUp({ a: 1 }, key), undefined);
  }
});
