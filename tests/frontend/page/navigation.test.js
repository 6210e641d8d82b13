import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { Navigation } from "../../../frontend/page/navigation.js";
import { Drafts } from "../../../frontend/storage/drafts.js";
import { deferred, FakeStorage, recorder, session } from "../equipment.js";

let api;
let drafts;
let account;
let login;
let address;
let list;
let talk;
let conversation;

beforeEach(() => {
  api = { createSession: deferred(), deleteSession: deferred() };
  drafts = new Drafts(new FakeStorage());
  login = new AbortController();
  account = { user: { id: 1 }, signal: login.signal };
  address = { ...recorder("replace"), sessionId: null, isOurs: true };
  list = recorder("show", "put", "remove");
  talk = {
    ...recorder("open", "close", "restore", "forgetSession"),
    client: null,
    unsent: [],
    isUnused: false,
  };
  conversation = new Navigation({
    api,
    drafts,
    account,
    address,
    list,
    talk,
    fieldsOfNew: () => ({ language: "ja", voice: "cedar" }),
  });
});

const message = (text, itemId = "") => [{ itemId, text }];

test("it opens what the address names", async () => {
  address.sessionId = "a";
  await conversation.openAddress();
  assert.deepEqual([conversation.sessionId, talk.calls], ["a", [["open", "a"]]]);
});

test("the open session is not opened again, a new conversation always is", async () => {
  await conversation.open("a");
  await conversation.open("a");
  await conversation.open(null);
  await conversation.open(null);
  assert.deepEqual(
    talk.calls.map(([, id]) => id),
    ["a", null, null],
  );
});

test("nothing is opened while nobody is signed in", async () => {
  account.user = null;
  await conversation.open("a");
  assert.deepEqual(talk.calls, []);
});

test("a change of the hash opens its session, but not for a link within the page", async () => {
  await conversation.open("a");
  Object.assign(address, { sessionId: null, isOurs: false });
  conversation.addressChanged();
  Object.assign(address, { sessionId: "a", isOurs: true });
  conversation.addressChanged();
  assert.equal(talk.calls.length, 1);
  address.sessionId = "b";
  conversation.addressChanged();
  assert.deepEqual(talk.calls.at(-1), ["open", "b"]);
});

test("unsent messages are put back when their conversation is shown again", async () => {
  await conversation.open("a");
  talk.unsent = message("half a thought");
  await conversation.open("b");
  conversation.restoreUnsent();
  assert.equal(
    talk.calls.some(([name]) => name === "restore"),
    false,
  );
  talk.unsent = [];
  await conversation.open("a");
  conversation.restoreUnsent();
  assert.deepEqual(talk.calls.at(-1), ["restore", "half a thought"]);
});

test("a message that did arrive is not put back", async () => {
  drafts.save("a", message("arrived", "i1"));
  await conversation.open("a");
  talk.client = { lines: () => [{ itemId: "i1" }] };
  conversation.restoreUnsent();
  assert.equal(
    talk.calls.some(([name]) => name === "restore"),
    false,
  );
});

test("drafts that were not shown yet are saved again when it is left", async () => {
  drafts.save("a", message("waiting"));
  await conversation.open("a");
  await conversation.open(null);
  assert.deepEqual(drafts.take("a"), message("waiting"));
});

test("a new session gets the address, and a place in the list", async () => {
  await conversation.open(null);
  const creating = conversation.createSession();
  api.createSession.calls[0].resolve(session("new"));
  assert.equal(await creating, "new");
  assert.deepEqual(api.createSession.calls[0].args, [{ language: "ja", voice: "cedar" }]);
  assert.equal(conversation.sessionId, "new");
  assert.deepEqual(address.calls, [["replace", "new"]]);
  assert.equal(list.calls.at(-1)[0], "put");
});

test("a session that was created after its conversation was left gets the messages left there", async () => {
  await conversation.open(null);
  const creating = conversation.createSession();
  talk.unsent = message("for the new one");
  await conversation.open("b");
  talk.unsent = [];
  api.createSession.calls[0].resolve(session("new"));
  await creating;
  assert.deepEqual([conversation.sessionId, address.calls], ["b", []]);
  assert.deepEqual(drafts.take("new"), message("for the new one"));
  assert.equal(drafts.has(""), false);
});

test("one that was created after its user signed out is left alone", async () => {
  await conversation.open(null);
  const creating = conversation.createSession();
  login.abort();
  conversation.close();
  api.createSession.calls[0].resolve(session("new"));
  assert.equal(await creating, "new");
  assert.deepEqual([address.calls, list.calls.some(([name]) => name === "put")], [[], false]);
});

test("after close() nothing is open, and nothing is saved", async () => {
  await conversation.open("a");
  conversation.close();
  talk.unsent = message("nobody's");
  conversation.saveUnsent();
  assert.deepEqual([conversation.sessionId, drafts.has("a")], [null, false]);
});

test("a message and a clip that both need the session share it", async () => {
  await conversation.open(null);
  const both = [conversation.createSession(), conversation.createSession()];
  assert.equal(api.createSession.calls.length, 1);
  api.createSession.calls[0].resolve(session("new"));
  assert.deepEqual(await Promise.all(both), ["new", "new"]);
  assert.equal(await conversation.createSession(), "new");
  assert.equal(api.createSession.calls.length, 1);
});

test("a session that could not be created is created by the next message", async () => {
  await conversation.open(null);
  const creating = conversation.createSession();
  api.createSession.calls[0].reject(new Error("no network"));
  await assert.rejects(creating);
  const again = conversation.createSession();
  api.createSession.calls[1].resolve(session("new"));
  assert.equal(await again, "new");
});

const deleted = () => api.deleteSession.calls.map(({ args }) => args[0]);

test("the session of a call that never opened is deleted, and created again for the next one", async () => {
  await conversation.open(null);
  const creating = conversation.createSession();
  api.createSession.calls[0].resolve(session("new"));
  await creating;
  Object.assign(talk, { isUnused: true, client: { hasCall: false } });
  await conversation.discardUnused();
  assert.deepEqual([deleted(), conversation.sessionId], [["new"], null]);
  assert.deepEqual(address.calls, [
    ["replace", "new"],
    ["replace", null],
  ]);
  assert.deepEqual(talk.calls.at(-1), ["forgetSession"]);
  api.deleteSession.calls[0].reject(new Error("no network"));
  void conversation.createSession();
  assert.equal(api.createSession.calls.length, 2);
});

test("a session is kept that has turns, is used again meanwhile, or was not created here", async () => {
  await conversation.open("a");
  Object.assign(talk, { isUnused: true, client: { hasCall: false } });
  await conversation.discardUnused();
  talk.isUnused = false;
  await conversation.open(null);
  const creating = conversation.createSession();
  talk.isUnused = true;
  const discarding = conversation.discardUnused();
  talk.client.hasCall = true;
  api.createSession.calls[0].resolve(session("new"));
  await Promise.all([creating, discarding]);
  assert.deepEqual([deleted(), conversation.sessionId], [[], "new"]);
});

test("a conversation that is left unused takes its session with it, unless it has a draft", async () => {
  for (const [unsent, expected] of [
    [[], ["new"]],
    [message("half a thought"), ["new"]],
  ]) {
    await conversation.open(null);
    const creating = conversation.createSession();
    Object.assign(talk, { isUnused: true, unsent });
    await conversation.open("b");
    talk.isUnused = false;
    api.createSession.calls.at(-1).resolve(session("new"));
    await creating;
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(deleted(), expected);
  }
});
