import assert from "node:assert/strict";
import { test } from "node:test";
import { fileNameOf } from "../../frontend/file-name.js";

for (const [header, name] of [
  ['attachment; filename="Bread 2026-01-02.txt"', "Bread 2026-01-02.txt"],
  [
    "attachment; filename=\"kaiwa-2026-01-02.txt\"; filename*=UTF-8''%E3%83%91%E3%83%B3%202026-01-02.txt",
    "パン 2026-01-02.txt",
  ],
  ["attachment; filename*=utf-8'ja'%E3%83%91.csv; filename=\"a.csv\"", "パ.csv"],
  ['attachment; filename="a \\"b\\".txt"', 'a "b".txt'],
  ["attachment; filename=\"a.txt\"; filename*=UTF-8''%E3%83", "a.txt"],
  ["attachment; filename*=UTF-8''..%2F..%2Fetc%2Fpasswd", ".. .. etc passwd"],
  ["attachment; filename*=UTF-8''a%0D%0Ab.txt", "a  b.txt"],
  ["attachment; filename*=UTF-8''%20", "kaiwa.txt"],
  ["attachment", "kaiwa.txt"],
  ["", "kaiwa.txt"],
  [null, "kaiwa.txt"],
]) {
  test(`the file name of ${header}`, () => {
    assert.equal(fileNameOf(header, "kaiwa.txt"), name);
  });
}
