import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { ApiError } from "../../../frontend/api.js";
import { Talk } from "../../../frontend/page/talk.js";
import { deferred, keyWords, recorder, settle } from "../equipment.js";

let api;
let views;
let help;
let voiceMode;
let clients;
let chats;
let frames;
let happened;
let hasTouchScreen;
let talk;

/** A turn that was heard to its end. */
const WHOLE = { heard: "", isCut: false };
const CUT = { heard: "", isCut: true };
const IDLE = { name: "idle", attempt: 0, reason: null, hasVoice: false };

/** The part of a RealtimeClient that the conversation uses. */
function fakeClient(sessionId, pastTurns) {
  const client = recorder("sendText", "interrupt", "addTurns", "setTurns", "forgetSession");
  Object.assign(client, { sessionId, pastTurns, state: IDLE, shown: [], hasCall: false });
  client.unsent = [];
  client.takeUnsent = () => client.unsent.splice(0);
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

/** The part of a TextChat that the conversation uses. */
function fakeChat(sessionId, delegate) {
  const chat = recorder("send", "retry", "retryAll", "stop", "close");
  Object.assign(chat, {
    sessionId,
    delegate,
    isBusy: false,
    isAnswerDue: false,
    hasWords: false,
    shown: [],
    unsent: [],
  });
  chat.lines = () => chat.shown;
  chat.finishing = Promise.resolve();
  chat.finish = () => chat.finishing;
  chat.takeFailed = (itemId) => `text of ${itemId}`;
  chats.push(chat);
  return chat;
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
  api = { turns: deferred(), session: deferred() };
  help = fakeHelp();
  clients = [];
  chats = [];
  frames = [];
  happened = [];
  hasTouchScreen = false;
  views = {
    announcer: recorder("say"),
    thread: recorder("show", "load", "fail", "follow", "focus", "relabel"),
    status: recorder("show", "showLatency", "relabel"),
    budgetLine: recorder("show", "clear", "relabel"),
    fellBackLine: recorder("show", "relabel"),
    composer: {
      ...recorder("showMode", "showStop", "clear", "restore", "focus", "relabel"),
      text: "",
    },
    voiceControls: recorder("show", "relabel"),
    presence: recorder("show", "add"),
    quality: recorder("show", "relabel"),
    settings: recorder("relabel"),
    dictation: recorder("callChanged", "cancel", "draw"),
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
    "soundChanged",
    "openSettings",
  );
  Object.assign(voiceMode, { isOn: false, wasOnAtEnd: false });
  voiceMode.model = { isOn: false, isMuted: false, isHeld: false, isHandsFree: true, volume: 1 };
  talk = new Talk(
    {
      api,
      words: keyWords(),
      ...views,
      help,
      voiceMode,
      createClient: fakeClient,
      createChat: fakeChat,
      explain: ({ code }) => `why: ${code}`,
      nextFrame: (draw) => frames.push(draw),
      hasTouchScreen: () => hasTouchScreen,
      reloadPage: () => happened.push("reload"),
    },
    {
      sessionNeeded: async () => "new",
      sessionUnused: () => happened.push("unused"),
      budgetChanged: () => happened.push("budget"),
      conversationShown: () => happened.push("shown"),
      turnCompleted: () => happened.push("turn"),
      exchangeFinished: () => happened.push("exchange"),
      sessionRead: () => {},
      newSessionWanted: () => happened.push("new session"),
      signInWanted: () => happened.push("sign in"),
    },
  );
});

const called = (view, name) => view.calls.filter(([one]) => one === name);
const client = () => clients.at(-1);
const chat = () => chats.at(-1);

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
  assert.deepEqual(help.shown, ["not_loaded"]);
  assert.equal(called(views.thread, "fail").length, 1);
  const sending = talk.send("Hello");
  assert.deepEqual(talk.unsent, [{ itemId: "", text: "Hello" }]);
  api.turns.calls[1].resolve([]);
  await sending;
  assert.deepEqual(called(chat(), "send"), [["send", "Hello"]]);
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
  assert.deepEqual(called(chat(), "send"), []);
});

test("unsent are the messages on their way, and the text in the box", async () => {
  await talk.open(null);
  client().shown = [
    { itemId: "u1", text: "Sent", isPending: false },
    { itemId: "u2", text: "Pending", isPending: true },
  ];
  chat().unsent = [{ itemId: "u3", text: "Failed" }];
  views.composer.text = "Typed";
  assert.deepEqual(talk.unsent, [
    { itemId: "u2", text: "Pending" },
    { itemId: "u3", text: "Failed" },
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
  first.onTranscript("Late.", "assistant", WHOLE);
  first.onLatency(5);
  assert.equal(views.status.calls.length, before);
  assert.deepEqual(help.shown, []);
  assert.equal(happened.includes("turn"), false);
});

test("the quality of the call is shown as it changes, and no more when it was left", async () => {
  await talk.open(null);
  const [first] = clients;
  first.quality = { level: "fair" };
  first.onQuality();
  assert.deepEqual(views.quality.calls.at(-1), ["show", { level: "fair" }]);
  await talk.open(null);
  const before = views.quality.calls.length;
  first.onQuality();
  assert.equal(views.quality.calls.length, before);
  assert.deepEqual(views.quality.calls.at(-1), ["show", null]);
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
  client().onTranscript("Mine.", "user", WHOLE);
  client().onTranscript("Read.", "assistant", WHOLE);
  voiceMode.isOn = true;
  client().onTranscript("Spoken.", "assistant", WHOLE);
  voiceMode.isOn = false;
  client().onTranscript("Spoken until the user typed.", "assistant", CUT);
  assert.deepEqual(views.announcer.calls, [["say", "Read."]]);
  assert.equal(happened.filter((one) => one === "turn").length, 4);
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

test("a typed message that waits for the network is shown as a lost connection, with its cause", async () => {
  await talk.open(null);
  chat().waitingFor = "offline";
  chat().delegate.changed();
  const shown = called(views.status, "show").at(-1)[1];
  assert.deepEqual([shown.name, shown.reason], ["reconnecting", "offline"]);
  client().enter({ name: "listening", hasVoice: true });
  assert.equal(called(views.status, "show").at(-1)[1].name, "listening");
});

test("a proxy's fault has a card with its values", async () => {
  await talk.open(null);
  const values = [];
  help.show = (...args) => values.push(args);
  const detail = { origin: "https://kaiwa.test:8443", host: "kaiwa.test" };
  client().enter({ name: "ended", reason: "origin_foreign", detail });
  assert.deepEqual(values, [["origin_foreign", "", detail]]);
});

test("when the network returns, what was given up is sent or loaded, without the microphone", async () => {
  await talk.open(null);
  client().unsent = [{ itemId: "u1", text: "Held back" }];
  talk.networkReturned();
  assert.deepEqual(chat().calls, []);
  help.name = "draining";
  voiceMode.wasOnAtEnd = true;
  talk.networkReturned();
  assert.deepEqual(chat().calls, [["send", "Held back", "u1"], ["retryAll"]]);
  assert.equal(called(voiceMode, "restart").length, 0);
  const opening = talk.open("a");
  api.turns.calls[0].reject(new ApiError("no_network", 0, ""));
  await opening;
  talk.networkReturned();
  assert.equal(api.turns.calls.length, 2);
});

test("an answer that failed, or did not come, has a card until the next one", async () => {
  await talk.open(null);
  for (const code of ["answer_failed", "no_answer"]) {
    for (const name of ["hearing_you", "speaking"]) {
      client().onError({ code, message: "" });
      assert.equal(help.name, code);
      client().enter({ name: "listening" });
      assert.equal(help.name, code);
      client().enter({ name });
      assert.equal(help.name, null);
    }
  }
  client().onError({ code: "no_answer", message: "" });
  client().enter({ name: "thinking" });
  assert.equal(help.name, null);
  client().onError({ code: "no_answer", message: "" });
  await talk.send("Once more");
  assert.equal(help.name, null);
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

test("blocked sound has a card of its own, which stays until there is sound", async () => {
  await talk.open(null);
  client().resumeSound = () => happened.push("resume");
  client().onProblem("sound_blocked");
  assert.equal(help.name, "sound_blocked");
  client().onConnected();
  talk.act("turn_on_sound");
  assert.deepEqual([help.name, happened.at(-1)], ["sound_blocked", "resume"]);
  assert.deepEqual(called(views.composer, "focus"), []);
  client().onProblem("recovered");
  assert.equal(help.name, "sound_blocked");
  client().onProblem("sound_allowed");
  assert.equal(help.name, null);
  assert.deepEqual(called(voiceMode, "soundChanged"), [
    ["soundChanged", true],
    ["soundChanged", false],
  ]);
});

test("a card that another one replaced is shown again while its device is still gone", async () => {
  await talk.open(null);
  client().onProblem("stopped");
  voiceMode.model.hasNoMicrophone = true;
  client().onProblem("sound_blocked");
  client().onProblem("sound_allowed");
  assert.equal(help.name, "microphone_stopped");
  voiceMode.model.hasNoSound = true;
  client().onProblem("slow_network");
  client().onProblem("network_recovered");
  assert.equal(help.name, "sound_blocked");
});

test("to reconnect means to send again, to talk again, or to load again", async () => {
  await talk.open(null);
  client().unsent = [{ itemId: "u1", text: "Held back" }];
  talk.act("reconnect");
  assert.deepEqual(chat().calls, [["send", "Held back", "u1"], ["retryAll"]]);
  assert.equal(called(client(), "connect").length, 0);
  voiceMode.wasOnAtEnd = true;
  talk.act("talk_here");
  assert.equal(called(voiceMode, "restart").length, 1);
  const opening = talk.open("a");
  api.turns.calls[0].reject(new ApiError("no_network", 0, ""));
  await opening;
  talk.act("retry");
  assert.equal(api.turns.calls.length, 2);
});

test("the other buttons of the cards do what they say", async () => {
  await talk.open(null);
  for (const action of ["sign_in", "reload", "new_session"]) talk.act(action);
  assert.deepEqual(happened.slice(1), ["sign in", "reload", "new session"]);
  const ofVoiceMode = ["ask_microphone", "type_instead", "choose_microphone", "choose_speaker"];
  for (const action of ofVoiceMode) talk.act(action);
  assert.deepEqual(
    voiceMode.calls.map(([name]) => name).filter((name) => name !== "reset"),
    ["restart", "stop", "openSettings", "openSettings"],
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

test("there is no dictation in voice mode, nor while a call is open or being opened", async () => {
  await talk.open(null);
  const isLive = () => called(views.dictation, "callChanged").at(-1)[1];
  for (const [name, expected] of [
    ["connecting", true],
    ["listening", true],
    ["ended", false],
    ["idle", false],
  ]) {
    client().enter({ name, reason: null });
    assert.equal(isLive(), expected, name);
  }
  voiceMode.model.isOn = true;
  talk.draw();
  assert.equal(isLive(), true);
});

test("a frozen page closes the call and keeps the conversation", async () => {
  await talk.open(null);
  talk.freeze();
  assert.deepEqual([called(client(), "close").length, talk.client], [1, client()]);
  assert.equal(called(voiceMode, "freeze").length, 1);
});

test("a typed message needs no call; while there is one, it goes through that", async () => {
  await talk.open(null);
  await talk.send("Written");
  client().hasCall = true;
  await talk.send("In the call");
  client().hasCall = false;
  voiceMode.isOn = true;
  await talk.send("For the call");
  assert.deepEqual(chat().calls, [["send", "Written"]]);
  assert.deepEqual(called(client(), "sendText"), [
    ["sendText", "In the call"],
    ["sendText", "For the call"],
  ]);
});

test("a message that the call cannot take is not lost, and the call ends", async () => {
  await talk.open(null);
  const failures = [];
  client().hasCall = true;
  client().sendText = () => {
    throw new Error("planned");
  };
  client().fail = ({ message }) => failures.push(message);
  await talk.send("Hello");
  assert.deepEqual(
    [failures, called(views.composer, "restore")],
    [["planned"], [["restore", "Hello"]]],
  );
  client().shown = [{ itemId: "m1", text: "Hi", isPending: true }];
  await talk.send("Hi");
  assert.equal(called(views.composer, "restore").length, 1);
});

test("a conversation that cannot be begun at all keeps the message, and has a card", async () => {
  views.status.show = () => {
    throw new Error("planned");
  };
  await assert.rejects(talk.open(null), /planned/);
  await talk.send("Hello");
  assert.deepEqual(called(views.composer, "restore"), [["restore", "Hello"]]);
  assert.deepEqual(help.shown, ["page_failed"]);
});

test("lines that cannot be drawn end the call: nobody sees what is said", async () => {
  await talk.open(null);
  const failures = [];
  client().fail = ({ message }) => failures.push(message);
  views.thread.show = () => {
    throw new Error("planned");
  };
  client().onLines();
  frames.pop()();
  assert.deepEqual(failures, ["planned"]);
});

for (const [name, { breakIt, act }] of Object.entries({
  "the stop of an answer": {
    breakIt: (planned) => Object.assign(client(), { interrupt: planned }),
    act: () => talk.interrupt(),
  },
  "the button that turns the sound on": {
    breakIt: (planned) => Object.assign(client(), { resumeSound: planned }),
    act: () => talk.act("turn_on_sound"),
  },
  "a change of the language": {
    breakIt: (planned) => Object.assign(views.status, { relabel: planned }),
    act: () => talk.relabel(),
  },
  "the end of a replay": {
    breakIt: (planned) => Object.assign(views.status, { show: planned }),
    act: () => talk.replayChanged(),
  },
  "a typed message": {
    breakIt: (planned) => Object.assign(views.thread, { follow: planned }),
    act: () => talk.send("Hello"),
  },
})) {
  test(`an unforeseen exception in ${name} ends the call, if there is one`, async () => {
    await talk.open(null);
    const failures = [];
    client().fail = ({ message }) => failures.push(message);
    breakIt(() => {
      throw new Error("planned");
    });
    await assert.rejects(async () => act(), /planned/);
    assert.deepEqual(failures, []);
    client().hasCall = true;
    await act();
    assert.deepEqual(failures, ["planned"]);
  });
}

test("a frozen page closes its call before anything else can fail", async () => {
  await talk.open(null);
  voiceMode.freeze = () => {
    throw new Error("planned");
  };
  assert.throws(() => talk.freeze(), /planned/);
  assert.equal(called(client(), "close").length, 1);
});

test("a budget has a line until the call ends, and a card when it is used up", async () => {
  await talk.open(null);
  const warning = { kind: "money", level: "warning", resetsAt: null };
  client().onBudget(warning);
  assert.deepEqual(called(views.budgetLine, "show"), [["show", warning]]);
  assert.ok(happened.includes("budget"));
  const cleared = () => called(views.budgetLine, "clear").length;
  const before = cleared();
  client().enter({ name: "reconnecting", reason: "no_network" });
  client().enter({ name: "ended", reason: "budget_spent", detail: { time: "December 1" } });
  assert.equal(cleared(), before + 2);
  assert.equal(help.name, "budget_spent");
  assert.equal(called(views.status, "show").at(-1)[2].isSpent, true);
  client().enter({ name: "idle", reason: null });
  client().enter({ name: "ended", reason: "budget_spent" });
  assert.equal(help.name, "budget_none");
});

test("a call that goes through the server after all has a line until it is over", async () => {
  await talk.open(null);
  const shown = () => called(views.fellBackLine, "show").at(-1)[1];
  client().enter({ name: "connecting" });
  client().onFellBack();
  client().enter({ name: "listening" });
  client().enter({ name: "reconnecting", reason: "no_network" });
  assert.equal(shown(), true);
  client().enter({ name: "idle" });
  assert.equal(shown(), false);
});

test("a call that the page's own fault has ended has a card", async () => {
  await talk.open(null);
  client().enter({ name: "listening", hasVoice: true });
  client().enter({ name: "ended", reason: "page_failed" });
  assert.deepEqual(help.shown, ["page_failed"]);
  assert.equal(called(voiceMode, "callEnded").length, 1);
});

test("after a change of the language the controls show what is chosen by then", async () => {
  await talk.open(null);
  voiceMode.model = { ...voiceMode.model, volume: 0.4 };
  talk.relabel();
  const [[relabelled], [shown, { volume }]] = views.voiceControls.calls.slice(-2);
  assert.deepEqual([relabelled, shown, volume], ["relabel", "show", 0.4]);
});

test("call and text create one session", async () => {
  await talk.open(null);
  assert.deepEqual([await client().sessionId(), await chat().sessionId()], ["new", "new"]);
  const opening = talk.open("a");
  api.turns.calls[0].resolve([]);
  await opening;
  assert.equal(await chat().sessionId(), "a");
});

test("what the last call did not deliver is sent first, and its ending forgotten", async () => {
  await talk.open(null);
  client().unsent = [{ itemId: "u1", text: "Held back" }];
  client().enter({ name: "ended", reason: "provider_failed" });
  await talk.send("Next");
  assert.deepEqual(chat().calls, [
    ["send", "Held back", "u1"],
    ["send", "Next"],
  ]);
  assert.equal(called(client(), "close").length, 1);
});

test("the thread shows the transcript, then the messages that are not part of it yet", async () => {
  await talk.open(null);
  client().shown = [{ itemId: "u1" }];
  chat().shown = [{ itemId: "m1" }];
  chat().delegate.changed();
  frames[0]();
  assert.deepEqual(called(views.thread, "show").at(-1), [
    "show",
    [{ itemId: "u1" }, { itemId: "m1" }],
  ]);
});

test("while an answer is written it can be stopped, and the state says so", async () => {
  await talk.open(null);
  chat().isAnswerDue = true;
  chat().delegate.changed();
  assert.equal(called(views.status, "show").at(-1)[1].name, "thinking");
  assert.deepEqual(called(views.composer, "showStop").at(-1), ["showStop", true]);
  chat().hasWords = true;
  chat().delegate.changed();
  assert.equal(called(views.status, "show").at(-1)[1].name, "writing");
  assert.deepEqual(called(views.composer, "showStop").at(-1), ["showStop", true]);
  talk.interrupt();
  assert.deepEqual(chat().calls, [["stop"]]);
  chat().isAnswerDue = false;
  chat().delegate.changed();
  assert.equal(called(views.status, "show").at(-1)[1].name, "idle");
  assert.deepEqual(called(views.composer, "showStop").at(-1), ["showStop", false]);
});

test("in voice mode the stop button is among the voice controls", async () => {
  await talk.open(null);
  voiceMode.model.isOn = true;
  client().enter({ name: "speaking" });
  assert.deepEqual(called(views.composer, "showStop").at(-1), ["showStop", false]);
  assert.equal(called(views.voiceControls, "show").at(-1)[1].canStop, true);
});

test("a written answer joins the transcript and is read by a screen reader", async () => {
  await talk.open(null);
  const turns = [{ text: "Hi" }, { text: "Hello." }];
  chat().delegate.answered(turns);
  assert.deepEqual(called(client(), "addTurns"), [["addTurns", turns]]);
  assert.deepEqual(views.announcer.calls, [["say", "Hello."]]);
  chat().delegate.answered([{ text: "Hi" }, { text: "" }]);
  assert.equal(views.announcer.calls.length, 1);
});

test("after an answer, the server's turns are loaded again unless something else began", async () => {
  await talk.open(null);
  const load = async (happens) => {
    happens();
    await settle();
    const count = called(client(), "setTurns").length;
    return { count, answer: api.turns.calls.at(-1) };
  };
  const { answer } = await load(() => chat().delegate.answered([{ text: "Hi" }, { text: "." }]));
  answer.resolve([{ text: "All" }]);
  await settle();
  assert.deepEqual(called(client(), "setTurns"), [["setTurns", [{ text: "All" }]]]);

  for (const begins of [
    () => Object.assign(client(), { hasCall: true }),
    () => Object.assign(client(), { hasCall: false }) && Object.assign(chat(), { isBusy: true }),
  ]) {
    const late = await load(() => chat().delegate.lost());
    begins();
    late.answer.resolve([]);
    await settle();
    assert.equal(called(client(), "setTurns").length, late.count);
  }
  chat().isBusy = false;
  const failed = await load(() => chat().delegate.lost());
  failed.answer.reject(new ApiError("no_network", 0, ""));
  await settle();
  client().shown = Array.from({ length: 201 }, (_, index) => ({ itemId: `u${index}` }));
  const before = api.turns.calls.length;
  chat().delegate.lost();
  await settle();
  assert.equal(api.turns.calls.length, before);
});

/** Open a session that has these turns. */
async function openSession(turns) {
  const opening = talk.open("a");
  api.turns.calls.at(-1).resolve(turns);
  await opening;
}
const someTurns = (count) => Array.from({ length: count }, (_, n) => ({ item_id: `u${n}` }));

test("of what was added elsewhere only the newest turns are loaded, and shown if there are any", async () => {
  await openSession(someTurns(450));
  const refresh = async (newest) => {
    const refreshing = talk.refresh();
    await settle();
    const { args, resolve } = api.turns.calls.at(-1);
    resolve(newest);
    await refreshing;
    return args;
  };
  assert.deepEqual(await refresh(someTurns(450).slice(400)), ["a", 3]);
  assert.deepEqual(called(client(), "setTurns"), []);
  await refresh(someTurns(452).slice(400));
  assert.deepEqual(called(client(), "setTurns"), [["setTurns", someTurns(452)]]);
});

test("a turn that came before the newest ones has all of them loaded", async () => {
  await openSession(someTurns(201));
  const refreshing = talk.refresh();
  await settle();
  api.turns.calls.at(-1).resolve(someTurns(202).slice(199));
  await settle();
  assert.deepEqual(api.turns.calls.at(-1).args, ["a", 1]);
  api.turns.calls.at(-1).resolve(someTurns(202));
  await refreshing;
  assert.equal(called(client(), "setTurns")[0][1].length, 202);
});

test("nothing is loaded from elsewhere during a call, during an answer, or without a conversation", async () => {
  await talk.refresh();
  await openSession([]);
  const before = api.turns.calls.length;
  client().hasCall = true;
  await talk.refresh();
  Object.assign(client(), { hasCall: false });
  chat().isBusy = true;
  await talk.refresh();
  assert.equal(api.turns.calls.length, before);
});

test("an exchange is finished when the server has its answer, or what came of a stopped one", async () => {
  await talk.open(null);
  const count = () => happened.filter((one) => one === "exchange").length;
  chat().delegate.accepted();
  assert.equal(count(), 0);
  chat().delegate.answered([{ text: "Hi" }, { text: "Hello." }]);
  assert.equal(count(), 1);
  chat().delegate.lost();
  assert.equal(count(), 2);
});

test("a message that the server has taken makes a card about the connection outdated", async () => {
  await talk.open(null);
  help.name = "no_network";
  chat().delegate.accepted();
  assert.deepEqual([help.name, happened.at(-1)], [null, "turn"]);
});

test("why a message failed is read out; a conversation that is gone has a card", async () => {
  await talk.open(null);
  chat().delegate.failed(new ApiError("no_network", 0, ""));
  assert.deepEqual([views.announcer.calls, help.shown], [[["say", "why: no_network"]], []]);
  chat().delegate.failed(new ApiError("not_found", 404, ""));
  chat().delegate.failed(new ApiError("session_closed", 409, ""));
  assert.deepEqual(help.shown, ["forbidden", "session_closed"]);
});

test("a failed message is sent again over REST, or through the call that is open by now", async () => {
  await talk.open(null);
  talk.retry("m1");
  client().hasCall = true;
  talk.retry("m2");
  assert.deepEqual(chat().calls, [["retry", "m1"]]);
  assert.deepEqual(called(client(), "sendText"), [["sendText", "text of m2"]]);
  assert.equal(called(views.composer, "focus").length, 2);
});

test("the network's return sends a failed message over REST, and none beside a call", async () => {
  await talk.open(null);
  chat().delegate.deliverable("m1");
  client().hasCall = true;
  chat().delegate.deliverable("m2");
  assert.deepEqual(chat().calls, [["retry", "m1"]]);
  assert.deepEqual(called(client(), "sendText"), []);
});

test("a call waits for the answer that is being written, and not for one that was left", async () => {
  await talk.open(null);
  const { promise, resolve } = Promise.withResolvers();
  chat().finishing = promise;
  let found = "waiting";
  const asking = talk.clientForCall().then((one) => {
    found = one;
  });
  await settle();
  assert.equal(found, "waiting");
  resolve();
  await asking;
  assert.equal(found, client());
  chat().finishing = settle();
  const late = talk.clientForCall();
  await talk.open(null);
  assert.equal(await late, null);
});

test("the chat of a conversation that was left is closed, and heard no more", async () => {
  await talk.open(null);
  const [first] = chats;
  await talk.open(null);
  assert.deepEqual(first.calls, [["close"]]);
  const before = views.status.calls.length;
  first.isAnswerDue = true;
  first.delegate.changed();
  first.delegate.answered([{ text: "Hi" }, { text: "Late." }]);
  first.delegate.failed(new ApiError("not_found", 404, ""));
  assert.deepEqual([views.status.calls.length, help.shown], [before, []]);
  assert.deepEqual(views.announcer.calls, []);
});

/** A line of the transcript. */
const line = (itemId, role, more = {}) => ({
  itemId,
  role,
  modality: "text",
  text: `text of ${itemId}`,
  status: "completed",
  isPending: false,
  isHeldBack: false,
  ...more,
});
const shownLines = () => called(views.thread, "show").at(-1)[1];

test("a message without an answer may be sent again, with its id", async () => {
  await talk.open(null);
  client().shown = [line("m1", "user"), line("a1", "assistant", { status: "failed" })];
  talk.draw();
  assert.deepEqual(
    shownLines().map(({ failure }) => failure),
    ["", undefined],
  );
  talk.retry("m1");
  client().shown = [line("m1", "user")];
  talk.draw();
  assert.deepEqual(
    shownLines().map(({ failure }) => failure),
    ["thread.not_answered"],
  );
  talk.retry("m1");
  assert.deepEqual(chat().calls, Array(2).fill(["send", "text of m1", "m1"]));
});

test("a message whose answer was interrupted is asked anew", async () => {
  await talk.open(null);
  client().shown = [line("m1", "user"), line("a1", "assistant", { status: "interrupted" })];
  talk.retry("m1");
  await settle();
  assert.deepEqual(chat().calls, [["send", "text of m1"]]);
});

test("in a call that waits for the user, a message without an answer is asked anew through it", async () => {
  await talk.open(null);
  client().shown = [line("m1", "user")];
  client().hasCall = true;
  client().state = { ...client().state, name: "listening" };
  talk.draw();
  assert.equal(shownLines()[0].failure, "thread.not_answered");
  talk.retry("m1");
  await settle();
  assert.deepEqual(called(client(), "sendText").at(-1), ["sendText", "text of m1"]);
  assert.deepEqual(chat().calls, []);
  client().state = { ...client().state, name: "thinking" };
  talk.draw();
  assert.equal(shownLines()[0].failure, undefined);
});

test("nothing is offered to be sent again while a call or an answer may still bring it", async () => {
  await talk.open(null);
  client().shown = [line("m1", "user")];
  const offered = () => {
    talk.draw();
    return shownLines()[0].failure !== undefined;
  };
  assert.equal(offered(), true);
  client().hasCall = true;
  assert.equal(offered(), false);
  client().hasCall = false;
  voiceMode.isOn = true;
  assert.equal(offered(), false);
  voiceMode.isOn = false;
  chat().isBusy = true;
  assert.equal(offered(), false);
});

const keptTurns = (...positions) =>
  positions.map((position) => ({
    item_id: `t${position}`,
    role: "user",
    text: "",
    status: "completed",
    position,
  }));
const markedItem = () => {
  talk.draw();
  return shownLines().find(({ isFirstRemembered }) => isFirstRemembered)?.itemId;
};

async function openWith(turns) {
  const opening = talk.open("a");
  api.turns.calls.at(-1).resolve(turns);
  await opening;
  client().shown = turns.map(({ item_id }) => line(item_id, "user"));
}

test("it is marked from where on the model remembers", async () => {
  await openWith(keptTurns(0, 1, 1000));
  assert.equal(markedItem(), undefined);
  api.session.calls[0].resolve({ remembered_from: 2 });
  await settle();
  assert.equal(markedItem(), "t1000");
  talk.remember(1);
  assert.equal(markedItem(), "t1");
  talk.remember(null);
  assert.equal(markedItem(), undefined);
  chat().delegate.answered([{ text: "Hi" }, { text: "Hello.", remembered_from: 1000 }]);
  assert.equal(markedItem(), "t1000");
  talk.remember(1);
  await talk.open(null);
  client().shown = [line("t1", "user")];
  assert.equal(markedItem(), undefined);
});

test("without an answer about that, the conversation is shown all the same", async () => {
  await openWith(keptTurns(0));
  api.session.calls[0].reject(new ApiError("no_network", 0, ""));
  await settle();
  assert.equal(markedItem(), undefined);
});

test("a position of a turn that came in a call is looked up, once", async () => {
  await openWith(keptTurns(0));
  client().shown.push(line("t1000", "user"));
  talk.remember(1000);
  await settle();
  api.turns.calls[1].resolve(keptTurns(0, 1000));
  await settle();
  assert.deepEqual([markedItem(), api.turns.calls.length], ["t1000", 2]);
  client().hasCall = true;
  talk.remember(2000);
  await settle();
  assert.deepEqual([markedItem(), api.turns.calls.length], [undefined, 2]);
});

test("a call that never opened leaves an unused session; one that was open, or has a line, does not", async () => {
  const unused = () => happened.filter((one) => one === "unused").length;
  await talk.open(null);
  client().enter({ name: "connecting" });
  assert.equal(talk.isUnused, true);
  client().enter({ name: "ended", reason: "provider_unavailable" });
  assert.equal(unused(), 1);
  client().enter({ name: "connecting" });
  client().shown = [{ itemId: "m1", role: "user", text: "Hello." }];
  client().enter({ name: "ended", reason: "provider_unavailable" });
  assert.equal(unused(), 1);
  await talk.open(null);
  client().enter({ name: "connecting" });
  client().onConnected();
  client().enter({ name: "idle" });
  assert.deepEqual([unused(), talk.isUnused], [1, false]);
});

test("a session that was deleted unused is created again", async () => {
  await talk.open(null);
  const first = await client().sessionId();
  talk.forgetSession();
  assert.deepEqual(called(client(), "forgetSession").length, 1);
  assert.deepEqual([first, await client().sessionId()], ["new", "new"]);
});

const shownState = () => called(views.status, "show").at(-1)[1];

test("a conversation that loads slowly says so, and shows what is sent meanwhile", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  api.turns = deferred();
  const opening = talk.open("s1");
  mock.timers.tick(1499);
  assert.equal(called(views.status, "show").length, 0);
  mock.timers.tick(1);
  assert.equal(shownState().name, "loading");
  const sending = talk.send("Hello?");
  const [line] = called(views.thread, "load").at(-1)[1];
  assert.deepEqual([line.text, line.isPending], ["Hello?", true]);
  api.turns.calls[0].resolve([]);
  await Promise.all([opening, sending]);
  assert.equal(shownState().name, "idle");
  assert.deepEqual(called(chat(), "send"), [["send", "Hello?"]]);
  mock.timers.reset();
});

test("a conversation that could not be loaded is not ready", async () => {
  api.turns = async () => {
    throw new ApiError("no_network", 0, "");
  };
  await talk.open("s1");
  assert.equal(shownState().name, "not_loaded");
});

test("while the voice waits for its conversation, the call is being opened", async () => {
  await talk.open(null);
  voiceMode.isOn = true;
  talk.draw();
  assert.equal(shownState().name, "connecting");
});

test("what a call did not deliver is sent without one when the user goes back to typing", async () => {
  await talk.open(null);
  client().unsent = [{ itemId: "m1", text: "Typed." }];
  client().hasCall = true;
  talk.voiceStopped();
  assert.deepEqual(called(chat(), "send"), []);
  client().hasCall = false;
  talk.voiceStopped();
  assert.deepEqual(called(chat(), "send"), [["send", "Typed.", "m1"]]);
});
