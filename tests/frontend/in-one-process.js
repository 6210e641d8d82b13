/**
 * Runs the test files of the page in one process: one for each of the eighty files takes four times
 * the processor time. Each file is a suite of its own, so that its hooks are for its tests only,
 * and what it mocked is restored behind it. A file that names `globalThis` replaces globals
 * that another may use; the Makefile runs it in a process of its own.
 */
import { readdirSync, readFileSync } from "node:fs";
import { after, describe, mock } from "node:test";

const TESTS = new URL("../", import.meta.url);
const FOLDERS = ["frontend/", "live_desk/", "reports/"];

for (const folder of FOLDERS) {
  const names = readdirSync(new URL(folder, TESTS), { recursive: true });
  for (const name of names.filter((found) => found.endsWith(".test.js")).sort()) {
    const file = new URL(`${folder}${name}`, TESTS);
    if (readFileSync(file, "utf8").includes("globalThis")) {
      continue;
    }
    describe(`${folder}${name}`, async () => {
      after(() => mock.reset());
      await import(file.href);
    });
  }
}
