import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { ApiError } from "../../../frontend/api.js";
import { Talk } from "../../../frontend/page/talk.js";
import { deferred, recorder, settle } from "../equipment.js";

let api;
let views;
let help;
let voiceMode;
let clients;
let frames;
let happened;
let hasTouchScreen;
let talk;

const IDLE = { name: "idle", attempt: 0, reason: null, hasVoice: false };

/** The part of a RealtimeClient that the conversation uses. */
function fakeClient(sessionId, pastTurns) {
  const client = recorder("sendText", "interrupt");
  Object.assign(client, { sessionId, pastTurns, state: IDLE, shown: [] });
  client.lines = () => client.shown;
  client.close = async () => void client.calls.push(["close"]);
  client.connect = async () => void client.calls.push(["connect"]);
  client.enter = (state) => {
    client.state = { ...IDLE, ...state };
    client.onState(client.state);
  };
  clients.push(client);
  return client;
}

/** A help card that knows which one is shown. */
function fakeHelp() {
  const card = {
    name: null,
    shown: [],
    show(name) {
      card.name = name;
      card.shown.push(name);
    },
    hide() {
      card.name = null;
    },
    relabel() {},
  };
  return card;
}

beforeEach(() => {
  api = { turns: deferred() };
  help = fakeHelp();
  clients = [];
  frames = [];
  happened = [];
  hasTouchScreen = false;
  views = {
    announcer: recorder("say"),
    thread: recorder("show", "load", "fail", "follow", "focus", "relabel"),
    status: recorder("show", "showLatency", "relabel"),
    composer: { ...recorder("showMode", "clear", "restore", "focus", "relabel"), text: "" },
    voiceControls: { ...recorder("show", "relabel"), meter: recorder("add") },
    settings: recorder("relabel"),
  };
  voiceMode = recorder(
    "start",
    "stop",
    "restart",
    "reset",
    "freeze",
    "callOpened",
    "callEnded",
    "microphoneChanged",
    "openSettings",
  );
  Object.assign(voiceMode, { isOn: false, wasOnAtEnd: false });
  voiceMode.model = { isOn: false, isMuted: false, isHeld: false, isHandsFree: true, volume: 1 };
  talk = new Talk(
    {
      api,
      ...views,
      help,
      voiceMode,
      createClient: fakeClient,
      nextFrame: (draw) => frames.push(draw),
      hasTouchScreen: () => hasTouchScreen,
      reloadPage: () => happened.push("reload"),
    },
    {
      sessionNeeded: async () => "new",
      conversationShown: () => happened.push("shown"),
      turnCompleted: () => happened.push("turn"),
      newSessionWanted: () => happened.push("new session"),
      signInWanted: () => happened.push("sign in"),
    },
  );
});

const called = (view, name) => view.calls.filter(([one]) => one === name);
const client = () => clients.at(-1);

test("a new conversation has a client at once, which creates the session when it needs one", async () => {
  await talk.open(null);
  assert.equal(await client().sessionId(), "new");
  assert.deepEqual(happened, ["shown"]);
});

test("a session is shown when its turns are loaded", async () => {
  const opening = talk.open("a");
  assert.equal(talk.client, null);
  assert.equal(called(views.thread, "load").length, 1);
  api.turns.calls[0].resolve([{ item_id: "u1", text: "Hello", status: "completed", position: 0 }]);
  await opening;
  assert.deepEqual([client().sessionId, client().pastTurns[0].text], ["a", "Hello"]);
  assert.equal(talk.client, client());
});

test("turns that come after another conversation was opened are not shown", async () => {
  const first = talk.open("a");
  await talk.open(null);
  api.turns.calls[0].resolve([]);
  await first;
  assert.equal(clients.length, 1);
});

test("a failure that comes after another conversation was opened is not shown either", async () => {
  const first = talk.open("a");
  await talk.open(null);
  api.turns.calls[0].reject(new ApiError("no_network", 0, ""));
  await first;
  assert.deepEqual(help.shown, []);
});

test("a session that cannot be loaded is tried again with the next message", async () => {
  const opening = talk.open("a");
  api.turns.calls[0].reject(new ApiError("no_network", 0, ""));
  await opening;
  assert.deepEqual(help.shown, ["no_network"]);
  assert.equal(called(views.thread, "fail").length, 1);
  const sending = talk.send("Hello");
  assert.deepEqual(talk.unsent, [{ itemId: "", text: "Hello" }]);
  api.turns.calls[1].resolve([]);
  await sending;
  assert.deepEqual(called(client(), "sendText"), [["sendText", "Hello"]]);
  assert.deepEqual(talk.unsent, []);
});

test("if that fails too, the message is put back into the box", async () => {
  const opening = talk.open("a");
  api.turns.calls[0].reject(new ApiError("no_network", 0, ""));
  await opening;
  const sending = talk.send("Hello");
  api.turns.calls[1].reject(new ApiError("no_network", 0, ""));
  await sending;
  assert.deepEqual(called(views.composer, "restore"), [["restore", "Hello"]]);
});

test("a session that does not exist has a card of its own", async () => {
  const opening = talk.open("a");
  api.turns.calls[0].reject(new ApiError("not_found", 404, ""));
  await opening;
  assert.deepEqual(help.shown, ["forbidden"]);
});

test("a message that is sent while its conversation is left is not sent in the next one", async () => {
  void talk.open("a");
  const sending = talk.send("For a");
  await talk.open(null);
  api.turns.calls[0].resolve([]);
  await sending;
  await settle();
  assert.deepEqual(called(client(), "sendText"), []);
});

test("unsent are the messages on their way, and the text in the box", async () => {
  await talk.open(null);
  client().shown = [
    { itemId: "u1", text: "Sent", isPending: false },
    { itemId: "u2", text: "Pending", isPending: true },
  ];
  views.composer.text = "Typed";
  assert.deepEqual(talk.unsent, [
    { itemId: "u2", text: "Pending" },
    { itemId: "", text: "Typed" },
  ]);
});

test("the client of a conversation that was left is closed, and heard no more", async () => {
  await talk.open(null);
  const [first] = clients;
  await talk.open(null);
  assert.deepEqual(called(first, "close").length, 1);
  const before = views.status.calls.length;
  first.onState({ ...IDLE, name: "ended", reason: "internal" });
  first.onTranscript("Late.", "assistant");
  first.onLatency(5);
  assert.equal(views.status.calls.length, before);
  assert.deepEqual(help.shown, []);
  assert.equal(happened.includes("turn"), false);
});

test("lines are drawn once a frame, however often they change", async () => {
  await talk.open(null);
  const before = called(views.thread, "show").length;
  for (let count = 0; count < 5; count += 1) client().onLines();
  assert.equal(frames.length, 1);
  frames[0]();
  client().onLines();
  assert.deepEqual([called(views.thread, "show").length - before, frames.length], [1, 2]);
});

test("an answer is read by a screen reader when it is not spoken", async () => {
  await talk.open(null);
  client().onTranscript("Mine.", "user");
  client().onTranscript("Read.", "assistant");
  voiceMode.isOn = true;
  client().onTranscript("Spoken.", "assistant");
  assert.deepEqual(views.announcer.calls, [["say", "Read."]]);
  assert.equal(happened.filter((one) => one === "turn").length, 3);
});

test("an ending has a card once; one that is harmless when typing has it in voice mode only", async () => {
  await talk.open(null);
  client().enter({ name: "ended", reason: "idle" });
  assert.deepEqual(help.shown, []);
  client().enter({ name: "connecting" });
  voiceMode.isOn = true;
  client().enter({ name: "ended", reason: "idle" });
  client().enter({ name: "ended", reason: "idle" });
  assert.deepEqual(help.shown, ["idle"]);
  assert.equal(called(voiceMode, "callEnded").length, 2);
});

test("an open call hides cards about the connection, and leaves those about the microphone", async () => {
  await talk.open(null);
  help.name = "no_network";
  client().onConnected();
  assert.equal(help.name, null);
  help.name = "microphone_silent";
  client().onConnected();
  assert.equal(help.name, "microphone_silent");
});

test("the message of a lost connection is shown until the next call; a refusal's is not", async () => {
  await talk.open(null);
  const sentence = () => called(views.status, "show").at(-1)[2].sentence;
  client().onError({ code: "field_invalid", message: "Refused." });
  assert.equal(sentence(), "");
  client().onError({ code: "provider_timeout", message: "Too slow." });
  assert.equal(sentence(), "Too slow.");
  client().enter({ name: "connecting" });
  assert.equal(sentence(), "");
});

test("problems have a card until they are over", async () => {
  await talk.open(null);
  client().onProblem("slow_network");
  client().onProblem("network_recovered");
  client().onProblem("stopped");
  assert.equal(help.name, "microphone_stopped");
  client().onProblem("recovered");
  assert.deepEqual([help.name, help.shown], [null, ["slow_network", "microphone_stopped"]]);
  assert.deepEqual(called(voiceMode, "microphoneChanged"), [
    ["microphoneChanged", "stopped"],
    ["microphoneChanged", "recovered"],
  ]);
});

test("to reconnect means to call, to talk again, or to load again", async () => {
  await talk.open(null);
  talk.act("reconnect");
  assert.equal(called(client(), "connect").length, 1);
  voiceMode.wasOnAtEnd = true;
  talk.act("talk_here");
  assert.equal(called(voiceMode, "restart").length, 1);
  const opening = talk.open("a");
  api.turns.calls[0].reject(new ApiError("no_network", 0, ""));
  await opening;
  talk.act("reconnect");
  assert.equal(api.turns.calls.length, 2);
});

test("the other buttons of the cards do what they say", async () => {
  await talk.open(null);
  for (const action of ["sign_in", "reload", "new_session"]) talk.act(action);
  assert.deepEqual(happened.slice(1), ["sign in", "reload", "new session"]);
  for (const action of ["ask_microphone", "type_instead", "choose_microphone"]) talk.act(action);
  assert.deepEqual(
    voiceMode.calls.map(([name]) => name).filter((name) => name !== "reset"),
    ["restart", "stop", "openSettings"],
  );
});

test("the focus goes to the box, and on a touch screen to the thread", () => {
  talk.focusMessage();
  hasTouchScreen = true;
  talk.focusMessage();
  assert.deepEqual(
    [called(views.composer, "focus").length, called(views.thread, "focus").length],
    [1, 1],
  );
});

test("a frozen page closes the call and keeps the conversation", async () => {
  await talk.open(null);
  talk.freeze();
  assert.deepEqual([called(client(), "close").length, talk.client], [1, client()]);
  assert.equal(called(voiceMode, "freeze").length, 1);
});
