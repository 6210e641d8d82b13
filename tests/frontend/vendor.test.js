/**
 * The vendored libraries are the files that their authors have published.
 *
 * To compare with the registry: `npm view marked@18.2.1 dist.integrity`, then `npm pack marked@18.2.1`
 * and compare the files. The integrity of that archive is
 * sha512-ii4bxCTCqqwpT86XZWgJNs+ZnAIZksmLGYMViWA7PDIXYIeNo1x6cDdX3JOip9NM/cI6p8z57FxliACboTruMA==.
 * uPlot is compared in the same way: `npm view uplot@1.6.32 dist.integrity` is
 * sha512-KIMVnG68zvu5XXUbC4LQEPnhwOxBuLyW1AHtpm6IKTXImkbLgkMy+jabjLgSLMasNuGGzQm/ep3tOkyTxpiQIw==.
 * `marked.esm.d.ts` is marked's `lib/marked.d.ts`: TypeScript looks for types beside the file of that name.
 */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

const VENDOR = new URL("../../frontend/vendor/", import.meta.url);

/** SHA-256 of each file. */
const CHECKSUMS = {
  "marked-18.2.1/LICENSE": "8e3a3f82f59a60958f56ca08f445647c32a4733dc7ca6c2c46f6eb898471ab9c",
  "marked-18.2.1/marked.esm.d.ts":
    "d7d5a034b73c62e4681ad6cb2945e9862a89e56ab92b06fd7d77e2652e667ac5",
  "marked-18.2.1/marked.esm.js": "5371fea86fd0656b4fc7bea7c94c663109d82789b69433eeee78d42895aa44de",
  "uplot-1.6.32/LICENSE": "8f989229699b4fe2f1a0432d0e9edc338a8a911e250e2d1b01ecd770a5f5b1bd",
  "uplot-1.6.32/uPlot.iife.min.js":
    "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f",
  "uplot-1.6.32/uPlot.min.css": "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
};

test("every vendored file is as it was published, and there is no other", () => {
  const files = readdirSync(VENDOR, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, path, name }) => `${parentPath ?? path}/${name}`);
  const found = files.map((file) => [
    file.slice(file.lastIndexOf("/vendor/") + "/vendor/".length),
    createHash("sha256").update(readFileSync(file)).digest("hex"),
  ]);
  assert.deepEqual(Object.fromEntries(found), CHECKSUMS);
});

test("every vendored library has its licence", () => {
  for (const folder of readdirSync(VENDOR)) {
    const licence = readFileSync(new URL(`${folder}/LICENSE`, VENDOR), "utf8");
    assert.match(licence, /Permission is hereby granted, free of charge/, folder);
  }
});
