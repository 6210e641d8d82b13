import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { App } from "../../../frontend/page/app.js";
import { LocalStore } from "../../../frontend/storage/local-store.js";
import { FakeStorage, keyWords, recorder } from "../equipment.js";

let parts;
let app;

beforeEach(() => {
  parts = {
    api: { language: "" },
    store: new LocalStore(new FakeStorage()),
    drafts: recorder("setOwner", "clear"),
    words: keyWords(),
    account: { ...recorder("load"), user: { id: 1, username: "aki" }, config: null },
    address: recorder("set"),
    conversation: {
      ...recorder("open", "openAddress", "close", "saveUnsent"),
      sessionId: null,
    },
    otherTabs: recorder("report"),
    list: recorder("load", "clear", "show", "turnCompleted", "refresh"),
    talk: recorder("focusMessage", "relabel", "send", "refresh"),
    screens: recorder("show"),
    labels: recorder("show", "showAccount", "showReviewNotice"),
    suggestions: recorder("show"),
    signIn: recorder("forget", "relabel"),
    sessions: recorder("relabel"),
    drawer: recorder("close", "showError"),
    closeDialogs: () => {},
  };
  app = new App(parts);
});

test("start() writes the texts, then loads the account", async () => {
  await app.start(false);
  assert.equal(parts.words.hasKeys, false);
  assert.deepEqual(parts.labels.calls, [
    ["show"],
    ["showAccount", "aki"],
    ["showReviewNotice", false],
  ]);
  assert.deepEqual(parts.account.calls, [["load"]]);
});

test("a language that is chosen is saved, and used for the texts and the server's messages", () => {
  app.chooseLanguage("ja");
  assert.deepEqual(
    [parts.store.preferences().language, parts.words.language, parts.api.language],
    ["ja", "ja", "ja"],
  );
  assert.deepEqual(parts.talk.calls, [["relabel"]]);
});

test("when the talk screen comes its texts are written, and the form stays as it is", () => {
  app.partsLoaded();
  assert.deepEqual(parts.talk.calls, [["relabel"]]);
  assert.deepEqual(parts.suggestions.calls, [["show", null]]);
  assert.deepEqual([parts.signIn.calls, parts.labels.calls], [[], []]);
});

test("after sign-in the list is loaded, and the conversation that the address names is opened", async () => {
  await app.signedIn();
  assert.deepEqual(parts.screens.calls, [["show", "talk"]]);
  assert.deepEqual(parts.drafts.calls, [["setOwner", "1"]]);
  assert.deepEqual([parts.conversation.calls, parts.list.calls], [[["openAddress"]], [["load"]]]);
  assert.deepEqual(parts.address.calls, []);
});

test("a different user does not open the address of the previous one", async () => {
  await app.signedIn();
  await app.signedIn();
  assert.deepEqual(parts.address.calls, []);
  parts.account.user = { id: 2, username: "ben" };
  await app.signedIn();
  assert.deepEqual(parts.address.calls, [["set", null]]);
});

test("after a chosen sign-out, drafts and address are cleared", () => {
  app.signedOut(true);
  assert.deepEqual(parts.drafts.calls, [["clear"]]);
  assert.deepEqual(parts.conversation.calls, [["close"]]);
  assert.deepEqual([parts.list.calls, parts.address.calls], [[["clear"]], [["set", null]]]);
});

test("when a login expires, the drafts are saved and the address stays", () => {
  app.signedOut(false);
  assert.deepEqual(parts.conversation.calls, [["saveUnsent"], ["close"]]);
  assert.deepEqual([parts.drafts.calls, parts.address.calls], [[], []]);
});

test("choosing a conversation sets the address, opens it and focuses the message box", () => {
  app.choose("a");
  assert.deepEqual(parts.address.calls, [["set", "a"]]);
  assert.deepEqual(parts.conversation.calls, [["open", "a"]]);
  assert.deepEqual(parts.talk.calls, [["focusMessage"]]);
  assert.deepEqual(parts.drawer.calls, [["close"], ["showError", ""]]);
});

test("a turn in the open session refreshes the list", () => {
  app.turnCompleted();
  assert.deepEqual(parts.list.calls, []);
  parts.conversation.sessionId = "a";
  app.turnCompleted();
  assert.deepEqual(parts.list.calls, [["turnCompleted", "a"]]);
});

test("a suggestion is sent as a message", () => {
  app.sendSuggestion("Tell me a story.");
  assert.deepEqual(parts.talk.calls, [["focusMessage"], ["send", "Tell me a story."]]);
});

test("a conversation is shown without closing the drawer or moving the focus", () => {
  app.show("a");
  assert.deepEqual(parts.address.calls, [["set", "a"]]);
  assert.deepEqual(parts.conversation.calls, [["open", "a"]]);
  assert.deepEqual([parts.drawer.calls, parts.talk.calls], [[], []]);
});

test("a typed exchange is reported to the other tabs, once it has a session", () => {
  app.exchangeFinished();
  assert.deepEqual(parts.otherTabs.calls, []);
  parts.conversation.sessionId = "s1";
  app.exchangeFinished();
  assert.deepEqual(parts.otherTabs.calls, [["report", "s1"]]);
});

test("another tab's exchange refreshes the list, and the conversation if that is open", () => {
  parts.conversation.sessionId = "s1";
  app.exchangeFinishedInOtherTab("s2");
  assert.deepEqual([parts.list.calls, parts.talk.calls], [[["turnCompleted", "s2"]], []]);
  app.exchangeFinishedInOtherTab("s1");
  assert.deepEqual(parts.list.calls.at(-1), ["turnCompleted", "s1"]);
  assert.deepEqual(parts.talk.calls, [["refresh"]]);
  parts.account.user = null;
  app.exchangeFinishedInOtherTab("s1");
  assert.equal(parts.list.calls.length, 2);
});

test("a user who comes back sees the open conversation and its title as they are by then", () => {
  app.cameBack();
  assert.deepEqual([parts.list.calls, parts.talk.calls], [[], []]);
  // The groups of days may be others by now.
  assert.deepEqual(parts.sessions.calls, [["relabel"]]);
  parts.conversation.sessionId = "s1";
  app.cameBack();
  assert.deepEqual([parts.list.calls, parts.talk.calls], [[["refresh", "s1"]], [["refresh"]]]);
  parts.account.user = null;
  app.cameBack();
  assert.equal(parts.talk.calls.length, 1);
});
