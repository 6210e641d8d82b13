import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { ApiError } from "../../../frontend/api.js";
import {
  MAX_REFRESHES,
  REFRESH_DELAY_MS,
  SessionList,
  wasUsed,
} from "../../../frontend/page/session-list.js";
import { deferred, keyWords, recorder, session, settle } from "../equipment.js";

let api;
let view;
let drawer;
let announcer;
let drafts;
let titles;
let openId;
let deletedOpen;
let refreshed;
let isSignedIn;
let list;

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout"] });
  api = {
    sessions: deferred(),
    session: deferred(),
    renameSession: deferred(),
  };
  view = { ...recorder("show", "load", "fail"), titleOf: ({ title, id }) => title || id };
  drawer = recorder("showError");
  announcer = recorder("say");
  drafts = { ...recorder("save"), has: (id) => id === "drafted" };
  titles = [];
  openId = null;
  deletedOpen = 0;
  refreshed = [];
  isSignedIn = true;
  list = new SessionList(
    {
      api,
      words: keyWords(),
      drafts,
      view,
      drawer,
      announcer,
      showTitle: (title) => titles.push(title),
    },
    {
      openId: () => openId,
      isSignedIn: () => isSignedIn,
      openDeleted: () => {
        deletedOpen += 1;
      },
      refreshed: ({ id }) => refreshed.push(id),
    },
  );
});

const shown = () =>
  view.calls.findLast(([name]) => name === "show")[1]?.map(({ id }) => id) ?? null;

async function load(...sessions) {
  const loading = list.load();
  api.sessions.calls.at(-1).resolve(sessions);
  await loading;
}

const named = (id, updated_at = "2026-11-21T12:00:00Z") =>
  session(id, { title: id, turn_count: 1, updated_at });

test("a session with a turn, a call or a title is listed, one that was only created is not", () => {
  assert.equal(wasUsed(session("a")), false);
  for (const fact of [{ title: "Kyoto" }, { turn_count: 2 }, { call_count: 1 }]) {
    assert.equal(wasUsed(session("a", fact)), true, JSON.stringify(fact));
  }
});

test("the open session and one with a draft are listed, and so is one that was used here", async () => {
  openId = "open";
  await load(session("open"), session("unused"), session("drafted"), session("used"));
  assert.deepEqual(shown(), ["open", "drafted"]);
  list.turnCompleted("used");
  list.show();
  assert.deepEqual(shown(), ["open", "drafted", "used"]);
  assert.equal(titles.at(-1), "open");
});

test("of two requests for the list the later one counts", async () => {
  const both = [list.load(), list.load()];
  api.sessions.calls[1].resolve([named("new")]);
  api.sessions.calls[0].resolve([named("old")]);
  await Promise.all(both);
  assert.deepEqual(shown(), ["new"]);
});

test("a list that cannot be loaded says so", async () => {
  const loading = list.load();
  api.sessions.calls[0].reject(new ApiError("no_network", 0, ""));
  await loading;
  assert.deepEqual(view.calls.at(-1), ["fail"]);
  assert.deepEqual(announcer.calls, [["say", "sessions.failed"]]);
});

test("after clear() nothing that was under way is shown", async () => {
  await load(named("a"));
  const loading = list.load();
  list.turnCompleted("a");
  list.clear();
  api.sessions.calls[1].resolve([named("b")]);
  await loading;
  mock.timers.tick(REFRESH_DELAY_MS);
  assert.deepEqual([shown(), api.session.calls.length], [null, 0]);
});

test("a session that is put into the list moves to its place", async () => {
  await load(named("a", "2026-11-21T12:00:00Z"), named("b", "2026-11-21T11:00:00Z"));
  list.put(named("b", "2026-11-21T13:00:00Z"));
  assert.deepEqual(shown(), ["b", "a"]);
});

test("a search shows only what it found, also what is not worth a row otherwise", async () => {
  openId = "open";
  await load(session("open"), named("a"), session("b"));
  list.filter(["a", "b", "unknown"]);
  assert.deepEqual(shown(), ["a", "b"]);
  assert.equal(view.calls.at(-1)[3], true);
  list.filter([]);
  assert.deepEqual(shown(), []);
  list.filter(null);
  assert.deepEqual(shown(), ["open", "a"]);
  assert.equal(view.calls.at(-1)[3], false);
});

test("the next user's list is not searched", async () => {
  await load(named("a"));
  list.filter([]);
  list.clear();
  await load(named("b"));
  assert.deepEqual(shown(), ["b"]);
});

test("put into a list that is not loaded, it loads the list", () => {
  list.put(named("a"));
  assert.equal(api.sessions.calls.length, 1);
});

test("a listed session is requested again at once, with the title that it has by then", async () => {
  const loading = list.load();
  api.sessions.calls[0].resolve([session("a")]);
  await loading;
  await list.refresh("unknown");
  const refreshing = list.refresh("a");
  assert.deepEqual(
    api.session.calls.map(({ args }) => args),
    [["a"]],
  );
  openId = "a";
  api.session.calls[0].resolve(session("a", { title: "Bread" }));
  await refreshing;
  assert.equal(titles.at(-1), "Bread");
});

test("sessions are refreshed once, shortly after their turns", async () => {
  await load(session("a"), session("b"));
  list.turnCompleted("a");
  mock.timers.tick(REFRESH_DELAY_MS - 1);
  list.turnCompleted("b");
  list.turnCompleted("a");
  mock.timers.tick(1);
  assert.deepEqual(
    api.session.calls.map(({ args }) => args[0]),
    ["a", "b"],
  );
  api.session.calls[0].resolve(named("a"));
  api.session.calls[1].resolve(named("b", "2026-11-21T13:00:00Z"));
  await settle();
  assert.deepEqual(
    view.calls.at(-1)[1].map(({ title }) => title),
    ["b", "a"],
  );
  assert.deepEqual(refreshed, ["a", "b"]);
});

test("a first turn that the server has not stored yet is asked for again, but not for ever", async () => {
  await load(session("a"));
  list.turnCompleted("a");
  for (let count = 0; count < 2 * MAX_REFRESHES; count += 1) {
    mock.timers.tick(REFRESH_DELAY_MS);
    api.session.calls.at(-1).resolve(session("a", { status: "live" }));
    await settle();
  }
  assert.equal(api.session.calls.length, MAX_REFRESHES);
  list.turnCompleted("a");
  mock.timers.tick(REFRESH_DELAY_MS);
  api.session.calls.at(-1).resolve(named("a"));
  await settle();
  mock.timers.tick(REFRESH_DELAY_MS);
  assert.equal(api.session.calls.length, MAX_REFRESHES + 1);
});

test("a refresh that was requested before a change is requested again", async () => {
  await load(named("a"), named("b"));
  list.turnCompleted("a");
  mock.timers.tick(REFRESH_DELAY_MS);
  const renaming = list.rename("a", "New name");
  api.renameSession.calls[0].resolve({ ...named("a"), title: "New name" });
  await renaming;
  api.session.calls[0].resolve({ ...named("a"), title: "Old name" });
  await settle();
  assert.equal(view.calls.at(-1)[1].find(({ id }) => id === "a").title, "New name");
  assert.equal(api.session.calls.length, 2);
});

test("a refresh for one user is not shown to the next", async () => {
  await load(named("a"));
  list.turnCompleted("a");
  mock.timers.tick(REFRESH_DELAY_MS);
  list.clear();
  await load(named("b"));
  api.session.calls[0].resolve(named("a"));
  await settle();
  assert.deepEqual([shown(), refreshed, api.session.calls.length], [["b"], [], 1]);
});

test("a refresh does not bring a deleted session back", async () => {
  await load(named("a"));
  list.turnCompleted("a");
  mock.timers.tick(REFRESH_DELAY_MS);
  list.remove("a");
  api.session.calls[0].resolve(named("a"));
  await settle();
  assert.deepEqual([shown(), api.session.calls.length], [[], 1]);
});

test("a session that was removed leaves the list; if it was open, another is opened", async () => {
  await load(named("a"), named("b"));
  list.remove("a");
  assert.deepEqual([shown(), list.get("a"), deletedOpen], [["b"], undefined, 0]);
  openId = "b";
  list.remove("b");
  list.remove("unknown");
  assert.deepEqual([list.get("b"), deletedOpen], [undefined, 1]);
});

test("a failure after sign-out is not shown to the next user", async () => {
  await load(named("a"));
  const renaming = list.rename("a", "x");
  isSignedIn = false;
  api.renameSession.calls[0].reject(new ApiError("token_invalid", 401, "No."));
  await renaming;
  assert.deepEqual(drawer.calls, [["showError", ""]]);
});
