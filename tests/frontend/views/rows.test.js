import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { TranscriptAssembler } from "../../../frontend/transcript/assembler.js";
import { Captions } from "../../../frontend/transcript/captions.js";
import { ShownLines } from "../../../frontend/transcript/shown-lines.js";
import { changedRange, MOST_AT_ONCE, Rows } from "../../../frontend/views/rows.js";

const isSame = (a, b) => a.key === b.key && a.text === b.text;
const lines = (...keys) => keys.map((key) => ({ key, text: key }));
const many = (count, prefix = "") =>
  lines(...Array.from({ length: count }, (_, index) => `${prefix}${index}`));

/** Rows over an array: `shown` are the texts in their order, `work` what was done. */
class FakeRows {
  list = [];
  work = [];

  constructor(parts = {}) {
    this.rows = new Rows({
      keyOf: ({ key }) => key,
      isSame,
      make: () => ({ text: "" }),
      draw: (row, { key, text }) => {
        row.text = text;
        this.work.push(`draw ${key}`);
      },
      place: (row, next) => this.#place(row, next),
      remove: (row) => {
        this.list = this.list.filter((one) => one !== row);
        this.work.push("remove");
      },
      ...parts,
    });
  }

  get shown() {
    return this.list.map(({ text }) => text);
  }

  /** Show these lines. Returns what was done. */
  show(given) {
    this.work = [];
    this.rows.show(given);
    return this.work;
  }

  drawAll() {
    while (this.rows.hasMore) this.rows.drawMore(7);
  }

  #place(row, next) {
    const at = this.list.indexOf(row);
    if (at >= 0 && (this.list[at + 1] ?? null) === next) return;
    this.work.push("place");
    if (at >= 0) this.list.splice(at, 1);
    this.list.splice(next ? this.list.indexOf(next) : this.list.length, 0, row);
  }
}

describe("the range that changed", () => {
  const rangeOf = (before, after) => {
    const { start, end, shift } = changedRange(lines(...before), lines(...after), isSame);
    return [start, end, shift];
  };
  for (const [before, after, expected] of [
    ["", "", [0, 0, 0]],
    ["abc", "abc", [3, 3, 0]],
    ["", "ab", [0, 2, 2]],
    ["ab", "", [0, 0, -2]],
    ["abc", "abcd", [3, 4, 1]],
    ["abc", "ac", [1, 1, -1]],
    ["abc", "axc", [1, 2, 0]],
    ["ac", "abc", [1, 2, 1]],
    ["aab", "ab", [1, 1, -1]],
    ["ab", "aab", [1, 2, 1]],
  ]) {
    test(`${before} → ${after}`, () => assert.deepEqual(rangeOf(before, after), expected));
  }
});

describe("rows", () => {
  test("a growing line, a removed one and one that comes back touch no other row", () => {
    const fake = new FakeRows();
    fake.show(lines("a", "b", "c", "d"));
    const grown = [...lines("a", "b", "c"), { key: "d", text: "d and more" }];
    assert.deepEqual(fake.show(grown), ["draw d"]);
    assert.deepEqual(fake.show(grown.toSpliced(1, 1)), ["remove"]);
    assert.deepEqual(fake.show(grown), ["draw b", "place"]);
    assert.deepEqual(fake.shown, ["a", "b", "c", "d and more"]);
  });

  test("a long list is drawn from its end on", () => {
    const fake = new FakeRows();
    fake.show(many(200));
    assert.equal(fake.list.length, MOST_AT_ONCE);
    assert.equal(fake.shown.at(-1), "199");
    fake.drawAll();
    assert.deepEqual(
      fake.shown,
      many(200).map(({ text }) => text),
    );
  });

  test("redraw draws every row again, in its place", () => {
    const fake = new FakeRows();
    fake.show(many(100));
    fake.drawAll();
    fake.work = [];
    fake.rows.redraw();
    fake.drawAll();
    assert.deepEqual(
      fake.work,
      many(100)
        .map(({ key }) => `draw ${key}`)
        .reverse(),
    );
  });

  test("lines may change in any way while older ones are still to be drawn", () => {
    const texts = (given) => given.map(({ text }) => text);
    const base = many(300);
    const changed = (index) => base.with(index, { key: `${index}`, text: "changed" });
    for (const next of [
      [...base, ...lines("x", "y")],
      base.toSpliced(10, 1),
      base.toSpliced(290, 1),
      base.toSpliced(10, 285),
      base.toSpliced(10, 285, ...many(90, "new ")),
      changed(10),
      changed(290),
      base.toSpliced(240, 1),
      [...many(150, "older "), ...base],
      [...base, ...many(150, "later ")],
      many(150, "other "),
      base.toReversed(),
      [],
    ]) {
      for (const steps of [0, 3, 100]) {
        const fake = new FakeRows();
        fake.show(base);
        for (let step = 0; step < steps; step += 1) fake.rows.drawMore(7);
        fake.show(next);
        assert.equal(fake.shown.at(-1), texts(next).at(-1));
        fake.drawAll();
        assert.deepEqual(fake.shown, texts(next));
        fake.show(base);
        fake.drawAll();
        assert.deepEqual(fake.shown, texts(base));
      }
    }
  });
});

describe("what a word costs", () => {
  const turn = (n) => ({
    item_id: `item_${n}`,
    role: n % 2 ? "assistant" : "user",
    modality: "voice",
    text: `Turn ${n}.`,
    heard_text: null,
    heard_ms: null,
    status: "completed",
    position: n,
  });
  const said = (n) => ({
    type: "conversation.item.added",
    previous_item_id: n ? `item_${n - 1}` : null,
    item: {
      id: `item_${n}`,
      type: "message",
      role: n % 2 ? "assistant" : "user",
      status: "completed",
      content: [{ type: n % 2 ? "output_text" : "input_text", text: `Turn ${n}.` }],
    },
  });
  const word = (n) => ({
    type: "response.output_audio_transcript.delta",
    event_id: `e${n}`,
    item_id: "answer",
    response_id: "r",
    delta: "word ",
  });
  const numbers = (length) => Array.from({ length }, (_, n) => n);

  /** The new lines, and the work on rows, that a word of an answer makes after so many turns. */
  const costAfter = (transcript) => {
    const shownLines = new ShownLines(new Captions());
    const fake = new FakeRows({
      keyOf: ({ itemId }) => itemId,
      isSame: (a, b) => a.itemId === b.itemId && a.shown === b.shown,
      draw: () => fake.work.push("draw"),
    });
    const redraw = () => {
      const shown = shownLines.of(transcript.lines(), [], false);
      return { shown, work: [...fake.show(shown)] };
    };
    transcript.feed(word(0));
    const { shown: before } = redraw();
    fake.drawAll();
    transcript.feed(word(1));
    const { shown: after, work } = redraw();
    return { made: after.filter((line, index) => line !== before[index]).length, work };
  };

  for (const count of [100, 6000]) {
    test(`one line and one row, after ${count} turns of earlier calls`, () => {
      const transcript = new TranscriptAssembler(numbers(count).map(turn));
      assert.deepEqual(costAfter(transcript), { made: 1, work: ["draw"] });
    });
    test(`one line and one row, after ${count} turns of this call`, () => {
      const transcript = new TranscriptAssembler();
      for (const n of numbers(count)) transcript.feed(said(n));
      assert.deepEqual(costAfter(transcript), { made: 1, work: ["draw"] });
    });
  }
});
