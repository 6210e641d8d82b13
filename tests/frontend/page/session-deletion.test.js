import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { ApiError } from "../../../frontend/api.js";
import { SessionDeletion, UNDO_SHOWN_MS } from "../../../frontend/page/session-deletion.js";
import { deferred, keyWords, recorder, session, settle } from "../equipment.js";

let api;
let drafts;
let sessions;
let list;
let view;
let toast;
let drawer;
let announcer;
let openId;
let shown;
let login;
let deletion;

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout"] });
  api = { deleteSession: deferred(), restoreSession: deferred() };
  drafts = recorder("save");
  sessions = new Map(["a", "b"].map((id) => [id, session(id, { title: id })]));
  list = {
    get: (id) => sessions.get(id),
    put: (one) => sessions.set(one.id, one),
    remove: (id) => {
      sessions.delete(id);
      if (openId === id) openId = null;
    },
  };
  view = { ...recorder("focus"), titleOf: ({ title }) => title, focused: "" };
  view.hasFocus = (id) => view.focused === id;
  toast = { ...recorder("show", "hide", "focus"), hasFocus: false };
  drawer = recorder("showError");
  announcer = recorder("say");
  openId = null;
  shown = [];
  login = new AbortController();
  deletion = new SessionDeletion(
    { api, words: keyWords(), drafts, list, view, toast, drawer, announcer },
    { openId: () => openId, show: (id) => shown.push(id), signal: () => login.signal },
  );
});

const said = (key, title) => `${key} ${JSON.stringify({ title })}`;

async function remove(id) {
  const deleting = deletion.delete(id);
  api.deleteSession.calls.at(-1).resolve(null);
  await deleting;
}

async function undo(id) {
  const undoing = deletion.undo();
  api.restoreSession.calls.at(-1).resolve(session(id, { title: id }));
  await undoing;
}

test("a deleted session leaves the list, and undoing is offered and announced", async () => {
  await remove("a");
  assert.deepEqual([...sessions.keys()], ["b"]);
  assert.deepEqual(toast.calls, [["show", said("sessions.deleted", "a")]]);
  assert.deepEqual(announcer.calls, [["say", said("sessions.deleted", "a")]]);
  assert.deepEqual(drafts.calls, []);
});

test("the focus moves to the undo button only from the row that is gone", async () => {
  await remove("a");
  view.focused = "b";
  await remove("b");
  assert.equal(toast.calls.filter(([name]) => name === "focus").length, 1);
});

test("an undone deletion brings the session back into the list, with its draft", async () => {
  await remove("a");
  await undo("a");
  assert.deepEqual(api.restoreSession.calls[0].args, ["a"]);
  assert.deepEqual([...sessions.keys()], ["b", "a"]);
  assert.deepEqual(announcer.calls.at(-1), ["say", said("sessions.restored", "a")]);
  assert.deepEqual(toast.calls.at(-1), ["hide"]);
  assert.deepEqual([drafts.calls, view.calls], [[], []]);
});

test("after undoing, the focus goes from the undo button to the row", async () => {
  await remove("a");
  toast.hasFocus = true;
  await undo("a");
  assert.deepEqual(view.calls, [["focus", "a"]]);
});

test("a conversation that was open is opened again, unless another was opened meanwhile", async () => {
  openId = "a";
  await remove("a");
  await undo("a");
  assert.deepEqual(shown, ["a"]);
  openId = "a";
  await remove("a");
  openId = "b";
  await undo("a");
  assert.deepEqual(shown, ["a"]);
});

test("several deletions are undone one after the other, the latest first", async () => {
  await remove("a");
  await remove("b");
  await undo("b");
  assert.deepEqual(toast.calls.at(-1), ["show", said("sessions.deleted", "a")]);
  await undo("a");
  assert.deepEqual(
    api.restoreSession.calls.map(({ args }) => args[0]),
    ["b", "a"],
  );
  await deletion.undo();
  assert.equal(api.restoreSession.calls.length, 2);
});

test("a second click while the first is under way undoes nothing more", async () => {
  await remove("a");
  await remove("b");
  void deletion.undo();
  void deletion.undo();
  assert.equal(api.restoreSession.calls.length, 1);
});

test("the offer ends after a while, and the draft of the session with it", async () => {
  await remove("a");
  mock.timers.tick(UNDO_SHOWN_MS - 1);
  assert.equal(toast.calls.length, 1);
  mock.timers.tick(1);
  assert.deepEqual([toast.calls.at(-1), drafts.calls], [["hide"], [["save", "a", []]]]);
});

test("the offer stays while the pointer or the keyboard is on it", async () => {
  await remove("a");
  deletion.attended(true);
  mock.timers.tick(10 * UNDO_SHOWN_MS);
  assert.equal(toast.calls.length, 1);
  deletion.attended(false);
  mock.timers.tick(UNDO_SHOWN_MS);
  assert.deepEqual(toast.calls.at(-1), ["hide"]);
});

test("a session that cannot be deleted stays, with the reason; one that is gone leaves", async () => {
  const failing = deletion.delete("a");
  api.deleteSession.calls[0].reject(new ApiError("no_network", 0, ""));
  await failing;
  assert.equal(sessions.has("a"), true);
  assert.match(drawer.calls.at(-1)[1], /sessions\.delete\.failed.*error\.no_network/);
  const deleting = deletion.delete("a");
  api.deleteSession.calls[1].reject(new ApiError("not_found", 404, ""));
  await deleting;
  assert.equal(sessions.has("a"), false);
  assert.deepEqual([toast.calls, drafts.calls], [[], [["save", "a", []]]]);
});

test("a deletion that could not be undone can be tried again, unless the session is gone", async () => {
  await remove("a");
  for (const [error, offered] of [
    [new ApiError("no_network", 0, ""), "show"],
    [new ApiError("not_found", 404, ""), "hide"],
  ]) {
    const undoing = deletion.undo();
    api.restoreSession.calls.at(-1).reject(error);
    await undoing;
    assert.match(drawer.calls.at(-1)[1], /sessions\.restore\.failed/);
    assert.equal(toast.calls.at(-1)[0], offered);
  }
});

test("what was under way when the user signed out is not shown to the next", async () => {
  await remove("a");
  void deletion.undo();
  const deleting = deletion.delete("b");
  login.abort();
  deletion.clear();
  const before = announcer.calls.length;
  api.restoreSession.calls[0].resolve(session("a"));
  api.deleteSession.calls[1].reject(new ApiError("token_invalid", 401, "No."));
  await deleting;
  await settle();
  assert.deepEqual([sessions.has("a"), announcer.calls.length], [false, before]);
  assert.deepEqual(toast.calls.at(-1), ["hide"]);
  assert.equal(
    drawer.calls.every(([, sentence]) => sentence === ""),
    true,
  );
});

test("the offer is written again in another language", async () => {
  deletion.relabel();
  assert.deepEqual(toast.calls, []);
  await remove("a");
  deletion.relabel();
  assert.equal(toast.calls.length, 2);
});
