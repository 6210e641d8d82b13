import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { EventStreamParser } from "../../../frontend/chat/event-stream.js";

const bytes = (text) => new TextEncoder().encode(text);

/** The events of these chunks of text or bytes. */
function parse(...chunks) {
  const parser = new EventStreamParser();
  return chunks.flatMap((one) => parser.push(typeof one === "string" ? bytes(one) : one));
}

const TWO = [
  { event: "message.delta", data: '{"text": "会話"}' },
  { event: "message.completed", data: "{}" },
];
const stream = (end) =>
  [
    "event: message.delta",
    'data: {"text": "会話"}',
    "",
    "event: message.completed",
    "data: {}",
    "",
    "",
  ].join(end);

describe("events are the same", () => {
  for (const [name, end] of [
    ["LF", "\n"],
    ["CRLF", "\r\n"],
    ["CR", "\r"],
  ]) {
    test(`with ${name}`, () => assert.deepEqual(parse(stream(end)), TWO));
    test(`with ${name}, wherever the bytes are split`, () => {
      const all = bytes(stream(end));
      for (let at = 0; at <= all.length; at += 1) {
        assert.deepEqual(parse(all.subarray(0, at), all.subarray(at)), TWO, `split at ${at}`);
      }
      assert.deepEqual(parse(...[...all].map((byte) => Uint8Array.of(byte))), TWO);
    });
  }
});

for (const [name, text, expected] of [
  ["comments are ignored", ": ping\n\n:\ndata: 1\n\n", [{ event: "message", data: "1" }]],
  ["an event without data is none", "event: a\n\ndata: 1\n\n", [{ event: "message", data: "1" }]],
  ["lines of data are joined", "data: a\ndata:  b\n\n", [{ event: "message", data: "a\n b" }]],
  ["one space after the colon is optional", "data:a\n\n", [{ event: "message", data: "a" }]],
  ["a field without a colon is empty", "data\n\n", [{ event: "message", data: "" }]],
  ["other fields are ignored", "id: 1\nretry: 9\ndata: a\n\n", [{ event: "message", data: "a" }]],
  ["a byte order mark is ignored", "\ufeffdata: a\n\n", [{ event: "message", data: "a" }]],
  ["a value may have colons", "data: a: b\n\n", [{ event: "message", data: "a: b" }]],
  ["an event that is not complete is none", "data: a\n", []],
]) {
  test(name, () => assert.deepEqual(parse(text), expected));
}
