import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { ApiError } from "../../../frontend/api.js";
import { SEARCH_DELAY_MS, SessionSearch } from "../../../frontend/page/session-search.js";
import { deferred, keyWords, recorder, session, settle } from "../equipment.js";

let api;
let list;
let box;
let drawer;
let announcer;
let search;

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout"] });
  api = { findSessions: deferred() };
  list = recorder("filter");
  box = recorder("clear");
  drawer = recorder("showError");
  announcer = recorder("say");
  const words = { ...keyWords(), number: String };
  search = new SessionSearch({ api, words, list, box, drawer, announcer });
});

/** Type a text and wait until it is requested. */
function type(text) {
  search.changed(text);
  mock.timers.tick(SEARCH_DELAY_MS);
}

test("what the server finds is shown and counted", async () => {
  type("　パン ");
  assert.deepEqual(api.findSessions.calls[0].args, ["パン"]);
  api.findSessions.calls[0].resolve([session("a"), session("b")]);
  await settle();
  assert.deepEqual(list.calls, [["filter", ["a", "b"]]]);
  assert.deepEqual(announcer.calls, [["say", 'sessions.found {"count":"2"}']]);
});

test("typing makes one request, after a pause", () => {
  for (const text of ["b", "br", "bre"]) {
    search.changed(text);
    mock.timers.tick(SEARCH_DELAY_MS - 1);
  }
  assert.equal(api.findSessions.calls.length, 0);
  mock.timers.tick(1);
  assert.deepEqual(api.findSessions.calls[0].args, ["bre"]);
});

test("of two searches the later one counts", async () => {
  type("bread");
  type("cake");
  api.findSessions.calls[1].resolve([session("cake")]);
  api.findSessions.calls[0].resolve([session("bread")]);
  await settle();
  assert.deepEqual(list.calls, [["filter", ["cake"]]]);
});

test("without text all conversations are shown, whatever is under way", async () => {
  type("bread");
  search.changed(" ");
  api.findSessions.calls[0].resolve([session("bread")]);
  await settle();
  assert.deepEqual(list.calls, [["filter", null]]);
});

test("a search that fails says so, and the list stays as it is", async () => {
  type("bread");
  api.findSessions.calls[0].reject(new ApiError("unavailable", 503, "Busy."));
  await settle();
  assert.deepEqual(drawer.calls, [["showError", 'sessions.search.failed {"why":"Busy."}']]);
  assert.deepEqual(list.calls, []);
});

test("clear() empties the box and drops what is under way", async () => {
  type("bread");
  search.clear();
  api.findSessions.calls[0].reject(new ApiError("no_network", 0, ""));
  await settle();
  assert.deepEqual(box.calls, [["clear"]]);
  assert.deepEqual(list.calls, [["filter", null]]);
  assert.deepEqual(drawer.calls, []);
});
