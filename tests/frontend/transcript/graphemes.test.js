import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { upTo } from "../../../frontend/transcript/captions.js";
import { clusterEnd, clusterStart } from "../../../frontend/transcript/graphemes.js";
import { cutToWholeWord } from "../../../frontend/transcript/heard.js";

/** The cases of `tests/graphemes.py`, where their fields are described. */
const CASES = JSON.parse(readFileSync(new URL("../../graphemes.json", import.meta.url), "utf-8"));

/** The positions in UTF-16 units between characters, with both ends. */
function boundariesOf(characters) {
  const boundaries = [0];
  for (const { length } of characters) boundaries.push((boundaries.at(-1) ?? 0) + length);
  return boundaries;
}

test("there are cases", () => assert.ok(CASES.length >= 20));

for (const { name, characters, heard } of CASES) {
  const text = characters.join("");
  const boundaries = boundariesOf(characters);

  for (const [rule, segmenter] of [
    ["Intl.Segmenter", undefined],
    ["without Intl.Segmenter", null],
  ]) {
    test(`a character is never divided: ${name}, ${rule}`, () => {
      for (let position = 0; position < text.length + 3; position += 1) {
        const start = boundaries.findLast((boundary) => boundary <= position);
        const end = boundaries.find((boundary) => boundary >= position) ?? text.length;
        assert.equal(clusterStart(text, position, segmenter), start, `start ${position}`);
        assert.equal(clusterEnd(text, position, segmenter), end, `end ${position}`);
      }
    });
  }

  test(`what was heard has whole characters, as on the server: ${name}`, () => {
    for (const [count, whole] of heard.entries()) {
      assert.equal(cutToWholeWord(text, count), characters.slice(0, whole).join(""), `${count}`);
    }
  });

  test(`a caption has whole characters: ${name}`, () => {
    for (let length = 0; length <= text.length; length += 1) {
      const shown = upTo(text, length);
      assert.ok(boundaries.includes(shown.length) && text.startsWith(shown), `${length}`);
      assert.ok(shown.length >= length);
    }
  });
}
