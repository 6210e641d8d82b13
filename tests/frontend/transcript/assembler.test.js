import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { TranscriptAssembler } from "../../../frontend/transcript/assembler.js";
import { turnsOf } from "./turns.js";

const TAPES = new URL("../../tapes/", import.meta.url);
const names = readdirSync(TAPES)
  .filter((name) => name.endsWith(".jsonl"))
  .map((name) => name.replace(/\.jsonl$/, ""));

const read = (name) => readFileSync(new URL(name, TAPES), "utf-8");
const hasFile = (name) => readdirSync(TAPES).includes(name);
const pastOf = (name) =>
  hasFile(`${name}.past.json`) ? JSON.parse(read(`${name}.past.json`)) : [];

const eventsOf = (name) =>
  read(`${name}.jsonl`)
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line))
    .filter(({ side }) => side === "upstream")
    .map(({ event }) => event);

const fed = (events, past = []) => {
  const transcript = new TranscriptAssembler(past);
  for (const event of events) transcript.feed(event);
  return transcript;
};

const texts = (transcript) => transcript.lines().map(({ text }) => text);

/** Builders of single events. */
const started = (item_id) => ({ type: "input_audio_buffer.speech_started", item_id });
const committed = (item_id, previous_item_id) => ({
  type: "input_audio_buffer.committed",
  item_id,
  previous_item_id,
});
const transcribed = (item_id, transcript) => ({
  type: "conversation.item.input_audio_transcription.completed",
  item_id,
  content_index: 0,
  transcript,
});
const heardSoFar = (item_id, delta) => ({
  type: "conversation.item.input_audio_transcription.delta",
  item_id,
  delta,
});
const added = (id, previous_item_id, role = "assistant", content = []) => ({
  type: "conversation.item.added",
  previous_item_id,
  item: {
    id,
    type: "message",
    role,
    status: content.length ? "completed" : "in_progress",
    content,
  },
});
const says = (item_id, delta) => ({
  type: "response.output_audio_transcript.delta",
  item_id,
  content_index: 0,
  delta,
});
const sound = (item_id, ms) => ({
  type: "response.output_audio.delta",
  item_id,
  content_index: 0,
  delta: "A".repeat(64 * ms),
});
const truncated = (item_id, audio_end_ms) => ({
  type: "conversation.item.truncated",
  item_id,
  content_index: 0,
  audio_end_ms,
});

const kept = (item_id, text, more = {}) => ({
  id: 7,
  item_id,
  role: "assistant",
  modality: "voice",
  text,
  heard_text: null,
  heard_ms: null,
  status: "completed",
  position: 100_000,
  ...more,
});

describe("the assembler and the tapes", () => {
  test("there are tapes", () => assert.ok(names.length >= 12));

  for (const name of names) {
    test(`${name} ends in its turns`, () => {
      const past = pastOf(name);
      const lines = fed(eventsOf(name), past).lines();
      assert.deepEqual(turnsOf(lines.slice(past.length)), JSON.parse(read(`${name}.turns.json`)));
      assert.deepEqual(
        lines.map(({ position }) => position),
        lines.map((_, index) => index),
      );
    });

    test(`${name} keeps the past in front, as it was`, () => {
      const past = pastOf(name);
      const front = turnsOf(fed(eventsOf(name), past).lines().slice(0, past.length));
      assert.deepEqual(
        front,
        past.map(({ position, ...turn }) => turn),
      );
    });
  }
});

describe("a user's line while it is spoken", () => {
  test("it appears when speech starts, without text", () => {
    const [line] = fed([started("U1")]).lines();
    assert.deepEqual(line, {
      itemId: "U1",
      contentIndex: 0,
      role: "user",
      modality: "voice",
      text: "",
      heardText: null,
      heardMs: null,
      status: "in_progress",
      position: 0,
    });
  });

  test("it stands at the end until its commit gives it a place", () => {
    const events = [committed("U1", null), transcribed("U1", "One."), started("U2")];
    const transcript = fed([...events, added("A1", "U1"), says("A1", "Two.")]);
    assert.deepEqual(texts(transcript), ["One.", "Two.", ""]);
    transcript.feed(committed("U2", "U1"));
    transcript.feed(added("A2", "U2"));
    transcript.feed(says("A2", "Four."));
    transcript.feed(transcribed("U2", "Three."));
    assert.deepEqual(texts(transcript), ["One.", "Three.", "Four.", "Two."]);
  });

  test("its text shows as the deltas come", () => {
    const transcript = fed([started("U1"), committed("U1", null), heardSoFar("U1", "Good ")]);
    transcript.feed(heardSoFar("U1", "day"));
    assert.deepEqual(texts(transcript), ["Good day"]);
    assert.equal(transcript.lines()[0].status, "in_progress");
    transcript.feed(transcribed("U1", "Good day."));
    assert.equal(transcript.lines()[0].status, "completed");
  });

  test("it disappears when its transcript turns out to be blank", () => {
    const transcript = fed([started("U1"), committed("U1", null), transcribed("U1", " ")]);
    assert.deepEqual(transcript.lines(), []);
  });

  test("it disappears when the buffer is cleared", () => {
    const cleared = { type: "input_audio_buffer.cleared" };
    assert.deepEqual(fed([started("U1"), cleared]).lines(), []);
  });

  test("it disappears when other speech starts and it was never committed", () => {
    const lines = fed([started("U1"), started("U2")]).lines();
    assert.deepEqual(
      lines.map(({ itemId }) => itemId),
      ["U2"],
    );
  });

  test("it does not move when its start event is repeated after its commit", () => {
    const events = [started("U1"), committed("U1", null), transcribed("U1", "One."), started("U1")];
    assert.deepEqual(texts(fed([...events, added("A1", "U1"), says("A1", "Two.")])), [
      "One.",
      "Two.",
    ]);
  });

  test("it stays, with text but without a commit, when other speech starts", () => {
    const events = [started("U1"), heardSoFar("U1", "One"), started("U2")];
    assert.deepEqual(texts(fed(events)), ["One", ""]);
  });

  test("it appears with a commit alone", () => {
    assert.deepEqual(texts(fed([committed("U1", null)])), [""]);
  });
});

describe("what is not waited for any more", () => {
  const states = (transcript) => transcript.lines().map(({ text, status }) => `${status} ${text}`);

  test("speech without a text is interrupted, until words of it come after all", () => {
    const transcript = fed([committed("U1", null), committed("U2", "U1"), heardSoFar("U2", "One")]);
    for (const itemId of ["U1", "U2", "unknown"]) transcript.giveUpTranscript(itemId);
    assert.deepEqual(states(transcript), ["interrupted ", "interrupted One"]);
    transcript.feed(transcribed("U1", " "));
    assert.deepEqual(states(transcript), ["interrupted ", "interrupted One"]);
    transcript.feed(transcribed("U1", "Late."));
    transcript.feed(transcribed("U2", "One two."));
    assert.deepEqual(states(transcript), ["completed Late.", "completed One two."]);
  });

  test("speech that was neither committed nor understood is no line", () => {
    const transcript = fed([started("U1")]);
    transcript.giveUpTranscript("U1");
    assert.deepEqual(states(transcript), []);
    transcript.feed(committed("U1", null));
    assert.deepEqual(states(transcript), ["in_progress "]);
  });

  test("speech that was transcribed or failed keeps its end", () => {
    const failed = {
      ...transcribed("U2", ""),
      type: "conversation.item.input_audio_transcription.failed",
    };
    const transcript = fed([transcribed("U1", "One."), committed("U2", "U1"), failed]);
    for (const itemId of ["U1", "U2"]) transcript.giveUpTranscript(itemId);
    assert.deepEqual(states(transcript), ["completed One.", "failed "]);
  });

  test("an answer without an end is interrupted, until its end comes after all", () => {
    const transcript = fed([added("A1", null), says("A1", "One.")]);
    transcript.feed({ type: "response.output_item.added", response_id: "R1", item: { id: "A1" } });
    transcript.giveUpAnswers();
    assert.deepEqual(states(transcript), ["interrupted One."]);
    transcript.feed({ type: "response.done", response: { id: "R1", status: "completed" } });
    assert.deepEqual(states(transcript), ["completed One."]);
  });
});

describe("the past", () => {
  test("it stands in front, in the server's order, whatever item is first in this call", () => {
    const past = [kept("P1", "Old."), kept("P2", "Newer.", { role: "user" })];
    assert.deepEqual(texts(fed([added("A1", null), says("A1", "Now.")], past)), [
      "Old.",
      "Newer.",
      "Now.",
    ]);
  });

  test("an event about one of its turns updates the line and adds none", () => {
    const past = [kept("A1", "Hel", { status: "interrupted" })];
    const lines = fed([added("A1", null), says("A1", "Hello."), says("A2", "Next.")], past).lines();
    assert.deepEqual(
      lines.map(({ text, status }) => [text, status]),
      [
        ["Hello.", "in_progress"],
        ["Next.", "in_progress"],
      ],
    );
  });

  test("a replayed item with only the heard text does not shorten the line", () => {
    const past = [kept("A1", "Hello there.", { heard_text: "Hello", heard_ms: 3 })];
    const replay = added("A1", null, "assistant", [{ type: "output_text", text: "Hello" }]);
    const [line] = fed([replay], past).lines();
    assert.deepEqual([line.text, line.heardText, line.heardMs], ["Hello there.", "Hello", 3]);
  });

  test("a replayed item with the whole text leaves the line interrupted", () => {
    const past = [
      kept("A1", "Hello.", { heard_text: "Hello.", heard_ms: 9, status: "interrupted" }),
    ];
    const replay = added("A1", null, "assistant", [{ type: "output_text", text: "Hello." }]);
    assert.equal(fed([replay], past).lines()[0].status, "interrupted");
  });

  test("content parts are told apart, and a missing index is the first", () => {
    const past = [kept("A1", "One."), kept("A1", "Two.", { content_index: 1 })];
    assert.deepEqual(
      fed([], past)
        .lines()
        .map(({ contentIndex }) => contentIndex),
      [0, 1],
    );
  });
});

describe("lines", () => {
  test("they are the same array until something changes", () => {
    const transcript = fed([committed("U1", null), transcribed("U1", "One.")]);
    const before = transcript.lines();
    transcript.feed({ type: "rate_limits.updated" });
    assert.equal(transcript.lines(), before);
    transcript.feed(transcribed("U1", "Two."));
    assert.notEqual(transcript.lines(), before);
  });

  test("a line that is as it was is the same object; one that an end or a place changes is not", () => {
    const transcript = fed([committed("U1", null), transcribed("U1", "One.")]);
    transcript.feed({ ...says("A1", "Two."), response_id: "r" });
    transcript.feed(started("U2"));
    const [user, answer, speech] = transcript.lines();
    transcript.feed({ type: "response.done", response: { id: "r", status: "cancelled" } });
    const ended = transcript.lines();
    assert.deepEqual([ended[0], ended[2]], [user, speech]);
    assert.equal(ended[0], user);
    assert.deepEqual([answer.status, ended[1].status], ["in_progress", "interrupted"]);
    transcript.feed({ type: "input_audio_buffer.cleared" });
    assert.deepEqual(transcript.lines(), ended.slice(0, 2));
    transcript.feed({ type: "response.created", response: { id: "r", conversation_id: null } });
    assert.deepEqual(transcript.lines(), [user]);
  });

  test("names of inherited object properties are no event types, roles or part types", () => {
    const part = [{ type: "constructor", text: "x" }];
    const events = [
      { type: "toString" },
      { type: "hasOwnProperty" },
      added("A1", null, "constructor", part),
      added("U1", null, "user", part),
      { type: "response.done", response: { id: "r", status: "valueOf", output: [] } },
    ];
    assert.deepEqual(fed(events).lines(), []);
  });

  test("malformed events are ignored", () => {
    const events = [
      {},
      { type: 7 },
      { type: "conversation.item.added", item: null },
      { type: "conversation.item.added", item: [] },
      { type: "response.done", response: { output: "x" } },
      { type: "conversation.item.truncated", item_id: "A1", audio_end_ms: "9" },
      { type: "response.output_audio_transcript.delta", item_id: 3, delta: "x" },
      { type: "response.output_audio_transcript.delta", item_id: "A1", delta: 3 },
    ];
    assert.deepEqual(fed(events).lines(), []);
  });

  test("an estimated length stands for audio that is not seen", () => {
    const assembler = fed([says("A1", "one two three four")]);
    assembler.estimateAudio("A1", 0, 1000);
    assembler.estimateAudio("unknown", 0, 1000);
    assembler.feed(truncated("A1", 500));
    assert.equal(assembler.lines()[0].heardText, "one two");
  });

  test("an emoji counts as one character, as it does on the server", () => {
    const words = "👍👍👍👍 four";
    const [line] = fed([says("A1", words), sound("A1", 9), truncated("A1", 2)]).lines();
    assert.equal(line.heardText, "👍👍");
  });

  test("a long conversation does not overflow the stack", () => {
    const events = [committed("U0", null), transcribed("U0", "0")];
    for (let n = 1; n < 5000; n++) {
      events.push(committed(`U${n}`, `U${n - 1}`), transcribed(`U${n}`, `${n}`));
    }
    assert.equal(fed(events).lines().at(-1).text, "4999");
  });
});
