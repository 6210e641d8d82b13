import assert from "node:assert/strict";
import { test } from "node:test";
import { sendsMessage } from "../../../frontend/views/send-key.js";

const press = (changes = {}) => ({
  key: "Enter",
  keyCode: 13,
  shiftKey: false,
  ctrlKey: false,
  metaKey: false,
  isComposing: false,
  ...changes,
});

test("with a keyboard Enter sends, and Shift+Enter breaks the line", () => {
  assert.equal(sendsMessage(press(), true), true);
  assert.equal(sendsMessage(press({ shiftKey: true }), true), false);
});

test("on a touch screen Enter breaks the line, with or without the Shift that iOS adds", () => {
  for (const shiftKey of [false, true]) {
    assert.equal(sendsMessage(press({ shiftKey }), false), false);
  }
});

test("Ctrl+Enter and ⌘+Enter send everywhere: they are pressed on a hardware keyboard", () => {
  for (const hasKeys of [true, false]) {
    assert.equal(sendsMessage(press({ ctrlKey: true }), hasKeys), true);
    assert.equal(sendsMessage(press({ metaKey: true }), hasKeys), true);
  }
});

test("Enter that confirms a composition never sends", () => {
  for (const composing of [{ isComposing: true }, { keyCode: 229 }]) {
    for (const modifiers of [{}, { ctrlKey: true }, { metaKey: true }]) {
      for (const hasKeys of [true, false]) {
        assert.equal(sendsMessage(press({ ...composing, ...modifiers }), hasKeys), false);
      }
    }
  }
});

test("no other key sends", () => {
  for (const key of ["a", " ", "Process", "Unidentified", "Tab"]) {
    assert.equal(sendsMessage(press({ key, ctrlKey: true }), true), false);
  }
});
