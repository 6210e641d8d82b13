import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { ApiError } from "../../../frontend/api.js";
import { SessionExport } from "../../../frontend/page/export.js";
import { deferred, keyWords, recorder } from "../equipment.js";

let api;
let drawer;
let announcer;
let chosen;
let asked;
let saved;
let isSignedIn;
let sessionExport;

beforeEach(() => {
  api = { exportSession: deferred() };
  drawer = recorder("showError");
  announcer = recorder("say");
  chosen = "vtt";
  asked = [];
  saved = [];
  isSignedIn = true;
  sessionExport = new SessionExport(
    {
      api,
      words: keyWords(),
      drawer,
      announcer,
      chooseFormat: async (title) => {
        asked.push(title);
        return chosen;
      },
      saveFile: (blob, name) => saved.push([blob, name]),
    },
    { isSignedIn: () => isSignedIn },
  );
});

/** Start an export and let the API answer. */
async function start(settled) {
  const started = sessionExport.start("a", "Export “Bread”");
  await Promise.resolve();
  settled(api.exportSession.calls[0]);
  await started;
}

test("the session is downloaded in the chosen format and saved under the server's name", async () => {
  await start((call) => call.resolve({ blob: "the file", fileName: "パン.vtt" }));
  assert.deepEqual(asked, ["Export “Bread”"]);
  assert.deepEqual(api.exportSession.calls[0].args, ["a", "vtt"]);
  assert.deepEqual(saved, [["the file", "パン.vtt"]]);
  assert.deepEqual(announcer.calls, [
    ["say", "export.preparing"],
    ["say", 'export.done {"name":"パン.vtt"}'],
  ]);
  assert.deepEqual(drawer.calls, [["showError", ""]]);
});

test("a dialog that is cancelled requests nothing", async () => {
  chosen = null;
  await sessionExport.start("a", "Export “Bread”");
  assert.equal(api.exportSession.calls.length, 0);
  assert.deepEqual(announcer.calls, []);
});

test("a failure is shown with what to do, and nothing is saved", async () => {
  const error = new ApiError("not_found", 404, "There is nothing here.");
  await start((call) => call.reject(error));
  assert.deepEqual(drawer.calls.at(-1), [
    "showError",
    'export.failed {"why":"There is nothing here."}',
  ]);
  assert.deepEqual(saved, []);
});

test("after signing out neither a file nor an error is for the next user", async () => {
  for (const settled of [
    (call) => call.resolve({ blob: "", fileName: "a.vtt" }),
    (call) => call.reject(new ApiError("no_network", 0, "")),
  ]) {
    api.exportSession.calls.length = 0;
    isSignedIn = true;
    await start((call) => {
      isSignedIn = false;
      settled(call);
    });
    assert.deepEqual(saved, []);
    assert.deepEqual(drawer.calls.at(-1), ["showError", ""]);
  }
});
