import assert from "node:assert/strict";
import { beforeEach, describe, mock, test } from "node:test";
import { deferred, FakeConnection, FakeVoice, settle } from "./equipment.js";

const { RemoteSound } = await import("../../frontend/audio/remote-sound.js");
const { RealtimeClient } = await import("../../frontend/realtime-client.js");

let connection;
let voices;
let api;
let client;
let turns;
let states;

/** A client whose connection, devices and server are fakes; `parts` replace some of them. */
function makeClient(sessionId = "s1", parts = {}) {
  client = new RealtimeClient("token", sessionId, {
    api,
    createConnection: (options) => {
      connection = new FakeConnection(options);
      return connection;
    },
    createVoice: (...args) => {
      voices.push(new FakeVoice(...args));
      return voices.at(-1);
    },
    createContext: () => ({}),
    ...parts,
  });
  client.onTranscript = (text, role) => turns.push([role, text]);
  client.onState = ({ name }) => states.at(-1) !== name && states.push(name);
  return client;
}

/** A new session with an open call: it has no history to ask for. */
async function openNewCall() {
  makeClient(async () => "s1");
  void client.connect();
  await connection.becomeReady();
}

async function startVoice() {
  const started = client.startAudioStream();
  voices.at(-1).starting.resolve(true);
  await started;
}

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout"] });
  voices = [];
  turns = [];
  states = [];
  api = { turns: deferred(), takeTicket: async () => ({ ticket: "t" }) };
});

/** Events of one turn each, as the provider sends them. */
const userSpeech = (item_id, transcript) => [
  { type: "input_audio_buffer.committed", item_id, previous_item_id: null },
  {
    type: "conversation.item.input_audio_transcription.completed",
    item_id,
    content_index: 0,
    transcript,
  },
];
const typedItem = (id, text, type = "conversation.item.done") => ({
  type,
  item: {
    id,
    type: "message",
    role: "user",
    status: "completed",
    content: [{ type: "input_text", text }],
  },
});
function answer(
  item_id,
  transcript,
  { status = "completed", conversation_id = "conv", response_id = `r_${item_id}` } = {},
) {
  const item = { id: item_id, type: "message", role: "assistant" };
  const content = [{ type: "output_audio", transcript }];
  const at = { item_id, response_id, content_index: 0 };
  const itemStatus = status === "completed" ? "completed" : "incomplete";
  return [
    { type: "response.created", response: { id: response_id, conversation_id, output: [] } },
    {
      type: "response.output_item.added",
      response_id,
      item: { ...item, status: "in_progress", content: [] },
    },
    { type: "response.output_audio_transcript.delta", ...at, delta: transcript },
    { type: "response.output_audio_transcript.done", ...at, transcript },
    {
      type: "response.output_item.done",
      response_id,
      item: { ...item, status: itemStatus, content },
    },
    {
      type: "response.done",
      response: {
        id: response_id,
        conversation_id,
        status,
        output: [{ ...item, status: itemStatus, content }],
      },
    },
  ];
}
const delta = (item_id, response_id = "r1") => ({
  type: "response.output_audio.delta",
  item_id,
  response_id,
  content_index: 0,
  delta: "AAAA".repeat(160),
});
const keptTurn = (item_id, text, more = {}) => ({
  item_id,
  content_index: 0,
  role: "user",
  modality: "text",
  text,
  heard_text: null,
  heard_ms: null,
  status: "completed",
  position: 0,
  ...more,
});

describe("onTranscript", () => {
  beforeEach(openNewCall);

  test("is called for speech, typed messages and answers, once each", () => {
    connection.receive(...userSpeech("u1", "Hello."), ...answer("a1", "Good day."));
    connection.receive(typedItem("u2", "Typed."));
    assert.deepEqual(turns, [
      ["user", "Hello."],
      ["assistant", "Good day."],
      ["user", "Typed."],
    ]);
  });

  test("is not called again for events that are repeated", () => {
    const events = [
      ...userSpeech("u1", "Hello."),
      typedItem("u2", "Typed."),
      ...answer("a1", "Hi."),
    ];
    connection.receive(...events, ...events);
    connection.receive(typedItem("u2", "Typed.", "conversation.item.retrieved"));
    assert.equal(turns.length, 3);
  });

  test("is not called for blank text", () => {
    connection.receive(...userSpeech("u1", " \n"), ...userSpeech("u2", ""), ...answer("a1", " "));
    connection.receive(typedItem("u3", "\t"));
    assert.deepEqual(turns, []);
  });

  test("is not called for out-of-band responses", () => {
    connection.receive(...answer("a1", "A title.", { conversation_id: null }));
    assert.deepEqual(turns, []);
  });

  test("is not called before an answer is final", () => {
    const events = answer("a1", "Good day.");
    connection.receive(...events.slice(0, 3));
    assert.deepEqual(turns, []);
    connection.receive(...events.slice(3));
    assert.deepEqual(turns, [["assistant", "Good day."]]);
  });

  test("is called once for an answer that was interrupted", () => {
    connection.receive(...answer("a1", "Once upon a", { status: "cancelled" }));
    connection.receive({
      type: "conversation.item.truncated",
      item_id: "a1",
      content_index: 0,
      audio_end_ms: 100,
    });
    assert.deepEqual(turns, [["assistant", "Once upon a"]]);
  });

  test("is called for each content part of an item", () => {
    const content = [
      { type: "output_text", text: "One." },
      { type: "output_text", text: "Two." },
    ];
    connection.receive({
      type: "response.output_item.done",
      response_id: "r1",
      item: { id: "a1", type: "message", role: "assistant", status: "completed", content },
    });
    assert.deepEqual(turns, [
      ["assistant", "One."],
      ["assistant", "Two."],
    ]);
  });
});

test("onTranscript is not called for turns of earlier calls, repeated or not", async () => {
  makeClient("s1", { pastTurns: [keptTurn("u1", "Old.")] });
  void client.connect();
  const ready = connection.becomeReady();
  await settle();
  api.turns.calls[0].resolve([keptTurn("u1", "Old."), keptTurn("u2", "Elsewhere.")]);
  await ready;
  await settle();
  connection.receive(typedItem("u1", "Old."), typedItem("u2", "Elsewhere."));
  connection.receive(typedItem("u3", "New."));
  assert.deepEqual(turns, [["user", "New."]]);
});

describe("connect()", () => {
  test("settles when the call is open, and opens it once", async () => {
    makeClient(async () => "s1");
    let connected = 0;
    client.onConnected = () => {
      connected += 1;
    };
    const both = [client.connect(), client.connect()];
    await connection.becomeReady();
    await Promise.all(both);
    await client.connect();
    assert.deepEqual([connection.opened, connected, states], [1, 1, ["connecting", "idle"]]);
  });

  test("rejects with the ending, which is also an error", async () => {
    makeClient();
    const errors = [];
    client.onError = (error) => errors.push(error);
    const opening = client.connect();
    connection.options.onEnded("provider_refused", "No.");
    await assert.rejects(opening, { code: "provider_refused" });
    assert.deepEqual(errors, [{ code: "provider_refused", message: "No." }]);
    assert.equal(client.state.reason, "provider_refused");
  });
});

test("an id that no session can have is an error of its own, before anything is sent", async () => {
  let tickets = 0;
  api.takeTicket = async () => {
    tickets += 1;
    return { ticket: "t" };
  };
  const uuid = "8c0f6f3e-3f0b-4c58-9f5d-2f1c0a9b7d11";
  for (const id of ["s1", `${uuid} `, async () => "undefined"]) {
    makeClient(id);
    await assert.rejects(connection.options.takeTicket(), { code: "session_id_malformed" });
  }
  assert.equal(tickets, 0);
  makeClient(uuid);
  assert.deepEqual(await connection.options.takeTicket(), { ticket: "t" });
});

describe("the history", () => {
  test("comes first; events wait for it", async () => {
    makeClient();
    void client.connect();
    await connection.becomeReady();
    connection.receive(typedItem("u2", "New."));
    assert.deepEqual(client.lines(), []);
    api.turns.calls[0].resolve([keptTurn("u1", "Old.")]);
    await settle();
    assert.deepEqual(
      client.lines().map(({ text }) => text),
      ["Old.", "New."],
    );
  });

  test("that comes late, after another connection became ready, is not used", async () => {
    makeClient();
    void client.connect();
    await connection.becomeReady();
    connection.options.onReconnecting(1);
    await connection.becomeReady();
    api.turns.calls[0].resolve([keptTurn("u1", "Late.")]);
    await settle();
    assert.deepEqual(client.lines(), []);
    api.turns.calls[1].resolve([keptTurn("u1", "Current.")]);
    await settle();
    assert.deepEqual(
      client.lines().map(({ text }) => text),
      ["Current."],
    );
  });

  test("that cannot be loaded drops the connection, which asks again", async () => {
    makeClient();
    void client.connect();
    await connection.becomeReady();
    api.turns.calls[0].reject(new Error("500"));
    await settle();
    assert.equal(connection.dropped.length, 1);
  });

  test("of a new session is not asked for, but after a reconnection it is", async () => {
    await openNewCall();
    assert.equal(api.turns.calls.length, 0);
    connection.options.onReconnecting(1);
    await connection.becomeReady();
    assert.equal(api.turns.calls.length, 1);
  });
});

describe("a typed message", () => {
  test("opens the call, and is held back until it is open", async () => {
    makeClient(async () => "s1");
    client.sendText("Hello");
    const [line] = client.lines();
    assert.deepEqual([line.text, line.isPending, connection.opened], ["Hello", true, 1]);
    await connection.becomeReady();
    assert.deepEqual(connection.types(), ["conversation.item.create", "response.create"]);
    assert.equal(client.state.name, "thinking");
  });

  test("is answered by text, or by voice in voice mode", async () => {
    await openNewCall();
    client.sendText("one");
    await settle();
    assert.deepEqual(connection.sent.at(-1).response, { output_modalities: ["text"] });
    connection.receive({ type: "response.created", response: { id: "r1" } });
    connection.receive({ type: "response.done", response: { id: "r1", status: "completed" } });
    await startVoice();
    client.sendText("two");
    await settle();
    assert.deepEqual(connection.sent.at(-1).response, { output_modalities: ["audio"] });
  });

  test("is no longer pending when the server has its item", async () => {
    await openNewCall();
    client.sendText("Hello");
    await settle();
    const { item } = connection.sent[0];
    connection.receive({ type: "conversation.item.added", item: { ...item, status: "completed" } });
    assert.deepEqual(
      client.lines().map(({ text, isPending }) => [text, isPending]),
      [["Hello", false]],
    );
  });
});

describe("a voice", () => {
  beforeEach(openNewCall);

  test("sends the microphone's chunks and plays the answer", async () => {
    await startVoice();
    assert.equal(client.state.name, "listening");
    const [voice] = voices;
    voice.events.onChunk({ pcm: Int16Array.of(1), rms: 0.1 });
    connection.receive(delta("a1"));
    assert.equal(connection.sent.at(-1).type, "input_audio_buffer.append");
    assert.deepEqual(voice.speaker.calls.at(-1).slice(0, 3), ["play", "a1", 0]);
  });

  test("is cut off by speech, and what was heard is sent; late audio is not played", async () => {
    await startVoice();
    const [voice] = voices;
    connection.receive({ type: "response.created", response: { id: "r1" } }, delta("a1"));
    voice.events.onStart("a1", 0);
    assert.equal(client.state.name, "speaking");
    voice.cuts = [{ itemId: "a1", contentIndex: 0, heardMs: 120, wasAllHeard: false }];
    connection.receive({ type: "input_audio_buffer.speech_started", item_id: "u1" });
    await settle();
    const { type, audio_end_ms } = connection.sent.at(-1);
    assert.deepEqual([type, audio_end_ms], ["conversation.item.truncate", 120]);
    const plays = () => voice.speaker.calls.filter(([name]) => name === "play").length;
    const before = plays();
    connection.receive(delta("a1"));
    assert.equal(plays(), before);
  });

  test("reports a spoken answer when its sound is over, and all of it was heard", async () => {
    await startVoice();
    const heard = [];
    client.onTranscript = (...turn) => heard.push(turn);
    const [created, ...rest] = answer("a1", "Good day.");
    connection.receive(created, delta("a1", "r_a1"), ...rest);
    voices[0].events.onStart("a1", 0, false);
    assert.deepEqual(heard, []);
    voices[0].events.onEnded("a1", 0);
    assert.deepEqual(heard, [["Good day.", "assistant", { heard: "Good day.", isCut: false }]]);
  });

  test("reports an answer that was cut off with what was heard of it, once", async () => {
    await startVoice();
    const heard = [];
    client.onTranscript = (...turn) => heard.push(turn);
    const [created, ...rest] = answer("a1", "Good day.");
    connection.receive(created, delta("a1", "r_a1"), ...rest);
    voices[0].events.onStart("a1", 0, false);
    voices[0].cuts = [{ itemId: "a1", contentIndex: 0, heardMs: 5, wasAllHeard: false }];
    connection.receive({ type: "input_audio_buffer.speech_started", item_id: "u1" });
    await settle();
    assert.deepEqual(heard, []);
    const cut = { type: "conversation.item.truncated", item_id: "a1", content_index: 0 };
    connection.receive({ ...cut, audio_end_ms: 5 }, { ...cut, audio_end_ms: 5 });
    assert.deepEqual(heard, [["Good day.", "assistant", { heard: "Good", isCut: true }]]);
  });

  test("reports an answer that sounds when the call is lost, as far as it was heard", async () => {
    await startVoice();
    const heard = [];
    client.onTranscript = (...turn) => heard.push(turn);
    const [created, ...rest] = answer("a1", "Good day.");
    connection.receive(created, delta("a1", "r_a1"), ...rest);
    voices[0].cuts = [{ itemId: "a1", contentIndex: 0, heardMs: 5, wasAllHeard: false }];
    connection.options.onEnded("provider_failed", "");
    await settle();
    assert.deepEqual(heard, [["Good day.", "assistant", { heard: "Good", isCut: true }]]);
  });

  test("that is stopped while the microphone is asked for does not start", async () => {
    const started = client.startAudioStream();
    await client.stopAudioStream();
    voices[0].starting.resolve(false);
    await started;
    assert.deepEqual([client.voice, voices[0].isStopped], [null, true]);
    assert.equal(client.state.name, "idle");
  });

  test("whose microphone is refused is reported, unless another was started meanwhile", async () => {
    const refused = client.startAudioStream();
    voices[0].starting.reject(new Error("denied"));
    await assert.rejects(refused, { message: "denied" });
    assert.equal(client.voice, null);

    const late = client.startAudioStream();
    await client.stopAudioStream();
    await startVoice();
    voices[1].starting.reject(new Error("late"));
    await late;
    assert.equal(client.voice, voices[2]);
  });

  test("turns the heartbeat on while it runs", async () => {
    await startVoice();
    assert.equal(connection.hasHeartbeat, true);
    await client.stopAudioStream();
    assert.equal(connection.hasHeartbeat, false);
  });

  test("hands on the sound that it plays", async () => {
    const sounds = [];
    client.onSound = (...sound) => sounds.push(sound);
    connection.receive(delta("a0"));
    await startVoice();
    connection.receive({ type: "response.created", response: { id: "r1" } }, delta("a1"));
    assert.deepEqual(
      sounds.map(([itemId, contentIndex, pcm]) => [itemId, contentIndex, pcm.length]),
      [["a1", 0, 240]],
    );
  });

  test("plays deltas that divide a sample as one sound, and ignores what is not base64", async () => {
    await startVoice();
    const [voice] = voices;
    const sound = Int16Array.from({ length: 12_000 }, (_, i) => 8000 * Math.sin(i / 9));
    const bytes = Buffer.from(sound.buffer);
    const pieces = [bytes.subarray(0, 8001), bytes.subarray(8001, 16_002), bytes.subarray(16_002)];
    const audio = (value) => ({ ...delta("a1"), delta: value });
    connection.receive(audio(null), audio(7), audio("no base64!"), audio(undefined));
    for (const piece of pieces) connection.receive(audio(piece.toString("base64")), audio(null));
    connection.receive({ type: "response.output_audio.done", item_id: "a1", content_index: null });
    const played = voice.speaker.calls.filter(([name]) => name === "play");
    assert.deepEqual(
      played.flatMap(([, , , pcm]) => [...pcm]),
      [...sound],
    );
    assert.deepEqual(voice.speaker.calls.at(-1), ["finish", "a1", 0]);
  });

  test("keeps to whole samples when it starts in the middle of an answer", async () => {
    const audio = (...bytes) => ({ ...delta("a1"), delta: Buffer.from(bytes).toString("base64") });
    connection.receive(audio(1));
    await startVoice();
    connection.receive(audio(0, 2, 0));
    assert.deepEqual([...voices[0].speaker.calls.at(-1)[3]], [1, 2]);
  });

  test("without sound shows the answer at the pace of the voice, and nothing of it is heard", async () => {
    await startVoice();
    const [voice] = voices;
    const problems = [];
    const latencies = [];
    client.onProblem = (problem) => problems.push(problem);
    client.onLatency = (ms) => latencies.push(ms);
    voice.events.onBlocked(true);
    const [created, added, text] = answer("a1", "Good day to you.");
    connection.receive(created, added, text, delta("a1", "r_a1"));
    voice.events.onStart("a1", 0, true);
    assert.equal(client.state.name, "writing");
    voice.events.onPosition("a1", 0, 5);
    assert.equal(client.lines()[0].shown, "Good day");
    voice.cuts = [{ itemId: "a1", contentIndex: 0, heardMs: 0, wasAllHeard: false }];
    client.sendText("And then?");
    await settle();
    const truncations = connection.sent.filter(({ type }) => type.endsWith(".truncate"));
    assert.deepEqual(
      truncations.map(({ item_id, audio_end_ms }) => [item_id, audio_end_ms]),
      [["a1", 0]],
    );
    voice.events.onBlocked(false);
    assert.deepEqual([problems, latencies], [["sound_blocked", "sound_allowed"], []]);
  });

  test("whose sound is blocked while the user speaks forgets the speech", async () => {
    await startVoice();
    connection.receive({ type: "input_audio_buffer.speech_started", item_id: "u1" });
    voices[0].events.onBlocked(true);
    await settle();
    assert.equal(connection.types().at(-1), "input_audio_buffer.clear");
    client.resumeSound();
    assert.equal(voices[0].resumed, 1);
  });

  test("that ends with the page sends what was heard by the last report", async () => {
    await startVoice();
    voices[0].cuts = [{ itemId: "a1", contentIndex: 0, heardMs: 80, wasAllHeard: false }];
    await client.close();
    assert.equal(connection.sent.at(-1).audio_end_ms, 80);
    assert.equal(voices[0].isStopped, true);
  });
});

test("the quality of a call is known from the first round trip until it is lost or closed", async () => {
  await openNewCall();
  let changes = 0;
  client.onQuality = () => {
    changes += 1;
  };
  assert.equal(client.quality, null);
  connection.options.onRoundTrip(20);
  const known = { level: "good", roundTripMs: 20, answerMs: null, answers: 0 };
  assert.deepEqual([client.quality, changes], [known, 1]);
  connection.options.onReconnecting(1, "no_network");
  assert.equal(client.quality, null);
  await connection.becomeReady();
  api.turns.calls[0].resolve([]);
  await settle();
  connection.options.onRoundTrip(200);
  assert.equal(client.quality.level, "fair");
  await client.close();
  assert.equal(client.quality, null);
});

test("a lost connection shows the whole text of an answer whose sound had not begun", async () => {
  await openNewCall();
  await startVoice();
  const [created, added, text] = answer("a1", "Good day.");
  connection.receive(created, added, text, delta("a1", "r_a1"));
  const shown = () => client.lines().map((line) => line.shown);
  assert.deepEqual(shown(), [""]);
  connection.options.onReconnecting(1);
  assert.deepEqual(shown(), ["Good day."]);
  await connection.becomeReady();
  const unheard = { role: "assistant", modality: "voice", status: "interrupted", heard_ms: 0 };
  api.turns.calls[0].resolve([keptTurn("a1", "Good day.", { ...unheard, heard_text: "" })]);
  await settle();
  assert.deepEqual(shown(), ["Good day."]);
});

describe("a call that is lost in the middle of an answer", () => {
  const line = () => client.lines()[0];
  let voice;

  beforeEach(async () => {
    await openNewCall();
    await startVoice();
    [voice] = voices;
    const [created, added, text] = answer("a1", "Good day.");
    connection.receive(created, added, text, delta("a1", "r_a1"));
    voice.events.onStart("a1", 0);
    voice.events.onPosition("a1", 0, 5);
    voice.cuts = [{ itemId: "a1", contentIndex: 0, heardMs: 5, wasAllHeard: false }];
  });

  for (const [name, lose] of Object.entries({
    "the connection is lost": () => connection.options.onReconnecting(1),
    "it ends": () => connection.options.onEnded("no_network", ""),
    "the page closes it": () => void client.close(),
  })) {
    test(`shows at once how much was heard when ${name}`, async () => {
      lose();
      assert.deepEqual([line().shown, line().heardText], ["Good day.", "Good"]);
      await settle();
      assert.equal(line().heardText, "Good");
    });
  }

  test("agrees with the server's record when that comes", async () => {
    connection.options.onReconnecting(1);
    await connection.becomeReady();
    const kept = { role: "assistant", modality: "voice", status: "interrupted", heard_ms: 0 };
    api.turns.calls[0].resolve([keptTurn("a1", "Good day.", { ...kept, heard_text: "" })]);
    await settle();
    assert.deepEqual([line().text, line().heardText], ["Good day.", ""]);
  });

  test("is cut when the audio thread answers only after the loss", async () => {
    const flushing = Promise.withResolvers();
    voice.flush = () => flushing.promise;
    const { cuts } = voice;
    connection.receive({ type: "input_audio_buffer.speech_started", item_id: "u1" });
    voice.cuts = [];
    voice.flush = async () => [];
    connection.options.onReconnecting(1);
    assert.equal(line().heardText, null);
    flushing.resolve(cuts);
    await settle();
    assert.equal(line().heardText, "Good");
  });
});

describe("errors", () => {
  const errorsOf = async (...events) => {
    await openNewCall();
    const errors = [];
    client.onError = ({ code }) => errors.push(code);
    connection.receive(...events);
    return errors;
  };
  const providerError = (code) => ({ type: "error", error: { code } });

  test("of both sides acting at once are not reported", async () => {
    const codes = ["response_cancel_not_active", "item_truncate_invalid_item_id", "invalid_value"];
    assert.deepEqual(await errorsOf(...codes.map(providerError)), []);
  });

  test("of the provider and of the relay are reported", async () => {
    const events = [providerError("server_error"), { type: "relay.error", code: "field_invalid" }];
    assert.deepEqual(await errorsOf(...events), ["answer_failed", "field_invalid"]);
  });

  test("of the rate are reported as a slow network", async () => {
    await openNewCall();
    const problems = [];
    client.onProblem = (problem) => problems.push(problem);
    connection.receive({ type: "relay.error", code: "rate_limit" });
    assert.deepEqual(problems, ["slow_network"]);
  });
});

/** Ends that never come: the connection is healthy, and the call goes on. */
describe("an end that never comes", () => {
  let errors;
  let voice;
  const statuses = () => client.lines().map(({ status, text }) => `${status} ${text}`.trim());
  const speech = ["speech_started", "speech_stopped"].map((name) => ({
    type: `input_audio_buffer.${name}`,
    item_id: "u1",
  }));
  const committed = { type: "input_audio_buffer.committed", item_id: "u1", previous_item_id: null };
  const transcribed = (transcript) => userSpeech("u1", transcript)[1];
  const createdResponse = { type: "response.created", response: { id: "r1" } };
  const sounding = () => {
    connection.receive(committed, transcribed("Hello."));
    const [created, added, text] = answer("a1", "Good day.", { response_id: "r1" });
    connection.receive(created, added, text, delta("a1"));
    voice.events.onStart("a1", 0);
  };
  const finished = () => voice.speaker.calls.filter(([name]) => name === "finish");

  beforeEach(async () => {
    await openNewCall();
    await startVoice();
    [voice] = voices;
    errors = [];
    client.onError = ({ code }) => errors.push(code);
    connection.receive(...speech);
    assert.equal(client.state.name, "thinking");
  });

  const isStillConnected = () => {
    assert.deepEqual([connection.dropped, client.hasCall], [[], true]);
  };

  test("no commit: back to listening, and the speech is no line", () => {
    mock.timers.tick(19_999);
    assert.equal(client.state.name, "thinking");
    mock.timers.tick(1);
    assert.deepEqual([client.state.name, errors, statuses()], ["listening", ["no_answer"], []]);
    isStillConnected();
    connection.receive(committed, ...answer("a1", "Late."));
    assert.equal(client.lines().length, 2);
  });

  test("no commit, and an answer all the same: the speech is no line", () => {
    connection.receive(...answer("a1", "Good day."));
    assert.deepEqual(statuses(), ["completed Good day.", "in_progress"]);
    mock.timers.tick(20_000);
    assert.deepEqual([statuses(), errors], [["completed Good day."], []]);
    connection.receive({ ...committed, previous_item_id: null });
    assert.deepEqual(statuses(), ["in_progress", "completed Good day."]);
  });

  test("an empty transcription and no response: back to listening soon, without a card", () => {
    connection.receive(committed, transcribed(""));
    mock.timers.tick(3000);
    assert.deepEqual([client.state.name, errors, statuses()], ["listening", [], []]);
    isStillConnected();
  });

  test("an empty transcription of earlier speech does not end the wait for the answer to the last", () => {
    for (const name of ["speech_started", "speech_stopped"]) {
      connection.receive({ type: `input_audio_buffer.${name}`, item_id: "u2" });
    }
    connection.receive(transcribed(""));
    mock.timers.tick(3000);
    assert.equal(client.state.name, "thinking");
    mock.timers.tick(17_000);
    assert.deepEqual([client.state.name, errors], ["listening", ["no_answer"]]);
  });

  test("sound that goes on after a stand-still is spoken again, and can be stopped", () => {
    sounding();
    connection.receive({ type: "response.done", response: { id: "r1", status: "completed" } });
    mock.timers.tick(5000);
    assert.equal(client.state.name, "listening");
    voice.events.onPosition("a1", 0, 300);
    assert.equal(client.state.name, "speaking");
    client.interrupt();
    assert.notEqual(client.state.name, "speaking");
  });

  test("an empty transcription of speech that is answered ends nothing", () => {
    connection.receive(committed, createdResponse, transcribed(" "));
    mock.timers.tick(19_999);
    assert.equal(client.state.name, "thinking");
  });

  test("a failed transcription and no response", () => {
    const failed = {
      ...transcribed(""),
      type: transcribed("").type.replace("completed", "failed"),
    };
    connection.receive(committed, failed);
    mock.timers.tick(20_000);
    assert.deepEqual(
      [client.state.name, errors, statuses()],
      ["listening", ["no_answer"], ["failed"]],
    );
    isStillConnected();
  });

  test("a response that is created, and nothing of it: it is cancelled", async () => {
    connection.receive(committed, transcribed("Hello."), createdResponse);
    mock.timers.tick(20_000);
    await settle();
    assert.deepEqual([client.state.name, errors], ["listening", ["no_answer"]]);
    assert.equal(connection.types().at(-1), "response.cancel");
    isStillConnected();
  });

  test("an answer that breaks off plays what has come", () => {
    sounding();
    mock.timers.tick(20_000);
    assert.deepEqual(finished(), [["finish", "a1", 0]]);
    assert.deepEqual([client.state.name, errors], ["speaking", ["answer_failed"]]);
    assert.deepEqual(statuses(), ["completed Hello.", "interrupted Good day."]);
    voice.events.onEnded("a1", 0);
    assert.equal(client.state.name, "listening");
    isStillConnected();
  });

  test("no response.done after a complete answer: it ends without a card", () => {
    sounding();
    const events = answer("a1", "Good day.", { response_id: "r1" });
    connection.receive(...events.slice(3, -1));
    assert.deepEqual(finished(), [["finish", "a1", 0]]);
    voice.events.onEnded("a1", 0);
    assert.equal(client.state.name, "thinking");
    mock.timers.tick(5000);
    assert.deepEqual([client.state.name, errors], ["listening", []]);
    assert.deepEqual(statuses(), ["completed Hello.", "completed Good day."]);
    isStillConnected();
  });

  test("no output_audio.done: the sound ends with its response", () => {
    sounding();
    connection.receive({ type: "response.done", response: { id: "r1", status: "completed" } });
    assert.deepEqual(finished(), [["finish", "a1", 0]]);
  });

  test("a speaker that reports nothing any more", () => {
    sounding();
    connection.receive({ type: "response.done", response: { id: "r1", status: "completed" } });
    mock.timers.tick(4999);
    voice.events.onPosition("a1", 0, 5);
    mock.timers.tick(4999);
    assert.equal(client.state.name, "speaking");
    mock.timers.tick(1);
    assert.equal(client.state.name, "listening");
    assert.equal(client.lines().at(-1).shown, "Good day.");
    isStillConnected();
  });

  test("no truncated after a cut: the line is cut where the sound stopped", async () => {
    sounding();
    voice.events.onPosition("a1", 0, 5);
    voice.cuts = [{ itemId: "a1", contentIndex: 0, heardMs: 5, wasAllHeard: false }];
    connection.receive({ type: "input_audio_buffer.speech_started", item_id: "u2" });
    await settle();
    const line = () => client.lines().find(({ itemId }) => itemId === "a1");
    const shown = line().shown;
    assert.deepEqual([shown.length < "Good day.".length, line().heardText], [true, null]);
    mock.timers.tick(4999);
    assert.equal(line().shown, shown);
    mock.timers.tick(1);
    const { heardText, heardMs, status } = line();
    assert.deepEqual([line().shown, heardText, heardMs], ["Good day.", "Good", 5]);
    assert.equal(status, "interrupted");
    isStillConnected();
    // The server's word counts, as late as it comes.
    connection.receive({
      type: "conversation.item.truncated",
      item_id: "a1",
      content_index: 0,
      audio_end_ms: 0,
    });
    assert.equal(line().heardText, "");
  });

  test("speech whose end is never reported, counted from the microphone's last sound", () => {
    connection.receive({ type: "input_audio_buffer.speech_started", item_id: "u2" });
    mock.timers.tick(29_999);
    voice.events.onChunk({ pcm: Int16Array.of(1), rms: 0.1 });
    mock.timers.tick(29_999);
    voice.events.onChunk({ pcm: Int16Array.of(0), rms: 0 });
    assert.equal(client.state.name, "hearing_you");
    mock.timers.tick(1);
    assert.deepEqual([client.state.name, statuses()], ["listening", []]);
    isStillConnected();
  });

  test("a stop that is never confirmed does not hold up the next message", async () => {
    sounding();
    client.interrupt();
    client.sendText("Typed");
    await settle();
    assert.equal(connection.types().includes("response.create"), false);
    mock.timers.tick(5000);
    await settle();
    assert.equal(connection.types().at(-1), "response.create");
    isStillConnected();
  });

  test("nor the end of the call", async () => {
    sounding();
    await client.leaveCall();
    assert.equal(client.hasCall, true);
    mock.timers.tick(5000);
    assert.equal(client.hasCall, false);
  });

  test("a typed message that the server does not take: not sent yet", async () => {
    client.sendText("Typed");
    await settle();
    mock.timers.tick(20_000);
    const [line] = client.lines();
    assert.deepEqual([line.text, line.isHeldBack, errors], ["Typed", true, ["no_answer"]]);
    assert.equal(client.state.name, "listening");
    isStillConnected();
    await client.leaveCall();
    assert.equal(client.hasCall, false);
  });

  test("a transcription: noted, and replaced if it comes after all", () => {
    connection.receive(committed, ...answer("a1", "Good day."));
    assert.deepEqual(statuses(), ["in_progress", "completed Good day."]);
    mock.timers.tick(20_000);
    assert.deepEqual(statuses(), ["interrupted", "completed Good day."]);
    connection.receive(transcribed(""));
    assert.deepEqual(statuses(), ["interrupted", "completed Good day."]);
    connection.receive(transcribed("Hello."));
    assert.deepEqual(statuses(), ["completed Hello.", "completed Good day."]);
    assert.deepEqual(turns.at(-1), ["user", "Hello."]);
    isStillConnected();
  });

  test("a transcription of speech that came as an item", () => {
    const content = [{ type: "input_audio", transcript: null }];
    const item = { id: "u1", type: "message", role: "user", status: "completed", content };
    connection.receive({ type: "conversation.item.added", item });
    mock.timers.tick(20_000);
    assert.deepEqual(statuses(), ["interrupted"]);
  });

  test("a transcription when the call is over: noted at once", async () => {
    for (const end of [
      () => client.close(),
      () => connection.options.onReconnecting(1),
      () => connection.options.onEnded("idle", ""),
    ]) {
      await openNewCall();
      connection.receive(committed, ...answer("a1", "Good day."));
      await end();
      assert.deepEqual(statuses(), ["interrupted", "completed Good day."]);
    }
  });
});

test("a typed message without an answer is given up too, and a dead connection noticed", async () => {
  await openNewCall();
  const errors = [];
  client.onError = ({ code }) => errors.push(code);
  client.sendText("Hello");
  await settle();
  assert.equal(connection.hasHeartbeat, true);
  connection.receive(typedItem(connection.sent[0].item.id, "Hello"));
  mock.timers.tick(20_000);
  assert.deepEqual(connection.dropped, []);
  assert.deepEqual(
    [client.state.name, connection.hasHeartbeat, errors],
    ["idle", false, ["no_answer"]],
  );
});

test("interrupt() cancels the answer, and does nothing when there is none", async () => {
  await openNewCall();
  client.interrupt();
  await settle();
  assert.deepEqual(connection.types(), []);
  connection.receive({ type: "response.created", response: { id: "r1" } });
  client.interrupt();
  await settle();
  assert.deepEqual(connection.types(), ["response.cancel"]);
});

test("it can be built from a token and a session id alone, and is global", () => {
  assert.equal(globalThis.RealtimeClient, RealtimeClient);
  assert.equal(new RealtimeClient("token", "s1").state.name, "idle");
});

describe("back to typing", () => {
  beforeEach(openNewCall);

  test("the call ends at once when nothing is owed", async () => {
    await startVoice();
    await client.leaveCall();
    assert.deepEqual([client.hasCall, client.state.name, client.voice], [false, "idle", null]);
  });

  test("the running answer is stopped first", async () => {
    await startVoice();
    connection.receive({ type: "response.created", response: { id: "r1" } });
    await client.leaveCall();
    assert.equal(connection.types().at(-1), "response.cancel");
    assert.equal(client.hasCall, true);
    connection.receive({ type: "response.done", response: { id: "r1", status: "cancelled" } });
    assert.equal(client.hasCall, false);
  });

  test("a message that was typed during speech is answered first, in text", async () => {
    await startVoice();
    connection.receive({ type: "input_audio_buffer.speech_started", item_id: "u1" });
    client.sendText("Typed");
    await client.leaveCall();
    const { item } = connection.sent.find(({ type }) => type === "conversation.item.create");
    connection.receive(typedItem(item.id, "Typed"));
    assert.equal(client.hasCall, true);
    connection.receive({ type: "input_audio_buffer.cleared" });
    await settle();
    assert.deepEqual(connection.sent.at(-1).response, { output_modalities: ["text"] });
    connection.receive(...answer("a1", "Answered."));
    assert.equal(client.hasCall, false);
  });

  test("a message that is typed meanwhile keeps the call until it is answered", async () => {
    await startVoice();
    connection.receive({ type: "response.created", response: { id: "r1" } });
    await client.leaveCall();
    client.sendText("Typed");
    connection.receive({ type: "response.done", response: { id: "r1", status: "cancelled" } });
    await settle();
    assert.equal(client.hasCall, true);
    const { item } = connection.sent.find(({ type }) => type === "conversation.item.create");
    connection.receive(typedItem(item.id, "Typed"), ...answer("a1", "Answered."));
    assert.equal(client.hasCall, false);
  });

  test("the last words of the user are waited for, for two seconds", async () => {
    for (const isWritten of [true, false]) {
      await openNewCall();
      await startVoice();
      const [committed, transcribed] = userSpeech("u1", "Last words.");
      connection.receive(committed);
      await client.leaveCall();
      assert.equal(client.hasCall, true);
      if (isWritten) connection.receive(transcribed);
      else mock.timers.tick(2000);
      assert.equal(client.hasCall, false);
    }
  });

  test("to talk again before that keeps the call", async () => {
    await startVoice();
    connection.receive({ type: "response.created", response: { id: "r1" } });
    await client.leaveCall();
    await startVoice();
    connection.receive({ type: "response.done", response: { id: "r1", status: "cancelled" } });
    mock.timers.tick(2000);
    assert.equal(client.hasCall, true);
  });

  test("a call that is still being opened is given up, also with a message to be sent otherwise", async () => {
    makeClient();
    void client.connect();
    client.sendText("Typed");
    await client.leaveCall();
    assert.equal(client.hasCall, false);
    assert.deepEqual(
      client.takeUnsent().map(({ text }) => text),
      ["Typed"],
    );
  });

  test("so is one that is lost", async () => {
    await startVoice();
    connection.options.onReconnecting(1, "no_network");
    await client.leaveCall();
    assert.deepEqual([client.hasCall, client.state.name], [false, "idle"]);
  });
});

describe("turns without a call", () => {
  const texts = () => client.lines().map(({ text }) => text);

  test("stand behind the transcript, and the next call loads the history", async () => {
    await openNewCall();
    connection.receive(...answer("a1", "Spoken."));
    await client.close();
    client.addTurns([keptTurn("m1", "Typed."), keptTurn("a2", "Written.", { role: "assistant" })]);
    assert.deepEqual(texts(), ["Spoken.", "Typed.", "Written."]);
    void client.connect();
    await connection.becomeReady();
    assert.equal(api.turns.calls.length, 1);
    api.turns.calls[0].resolve([
      keptTurn("a1", "Spoken.", { role: "assistant" }),
      keptTurn("m1", "Typed."),
      keptTurn("a2", "Written.", { role: "assistant" }),
    ]);
    await settle();
    connection.receive(...answer("a3", "Spoken again."));
    assert.deepEqual(texts(), ["Spoken.", "Typed.", "Written.", "Spoken again."]);
    assert.deepEqual(turns, [
      ["assistant", "Spoken."],
      ["assistant", "Spoken again."],
    ]);
  });

  test("are put in the server's order; what only the page has seen comes last", () => {
    makeClient("s1", { pastTurns: [keptTurn("m2", "Two."), keptTurn("m3", "Three.")] });
    client.setTurns([keptTurn("m1", "One."), keptTurn("m2", "Two.")]);
    assert.deepEqual(texts(), ["One.", "Two.", "Three."]);
    assert.deepEqual(turns, []);
  });

  test("messages that no call delivered are given back once", async () => {
    makeClient();
    client.sendText("Held back");
    const [{ text }] = client.takeUnsent();
    assert.deepEqual([text, client.takeUnsent(), client.lines()], ["Held back", [], []]);
  });
});

describe("while the server renews its connection to the provider", () => {
  const rotating = (reason) => connection.receive({ type: "relay.rotating", reason });
  const rotated = (reason, result = "renewed") =>
    connection.receive({ type: "relay.rotated", reason, result });
  const lines = () => client.lines().map(({ text, status }) => [text, status]);
  let errors;

  beforeEach(async () => {
    await openNewCall();
    await startVoice();
    errors = [];
    client.onError = ({ code }) => errors.push(code);
    connection.receive(...userSpeech("u1", "Hello."), ...answer("a1", "Good day."));
    states = [];
  });

  test("before its limit nothing is to be seen, and the order goes on", () => {
    rotating("cap");
    rotated("cap");
    // The provider knows the replayed items, but not one of which nothing was heard.
    const [committed, transcribed] = userSpeech("u2", "And now?");
    connection.receive({ ...committed, previous_item_id: "u1" }, transcribed);
    const [next, nextWords] = userSpeech("u3", "So?");
    connection.receive({ ...next, previous_item_id: "u2" }, nextWords);
    assert.deepEqual(lines(), [
      ["Hello.", "completed"],
      ["Good day.", "completed"],
      ["And now?", "completed"],
      ["So?", "completed"],
    ]);
    assert.deepEqual(turns.slice(2), [
      ["user", "And now?"],
      ["user", "So?"],
    ]);
    assert.deepEqual([states, errors, connection.dropped], [[], [], []]);
  });

  test("a connection that was kept changes nothing", () => {
    const before = client.lines();
    rotating("cap");
    rotated("cap", "kept");
    assert.deepEqual(client.lines(), before);
  });

  test("speech at the limit begins anew", () => {
    connection.receive({ type: "input_audio_buffer.speech_started", item_id: "u2" });
    assert.equal(client.state.name, "hearing_you");
    rotating("cap");
    rotated("cap");
    assert.equal(client.state.name, "listening");
  });

  test("after a loss the answer is cut, and the call goes on", async () => {
    connection.receive(...answer("a2", "A long answer").slice(0, 3), delta("a2", "r_a2"));
    voices[0].cuts = [{ itemId: "a2", contentIndex: 0, heardMs: 5, wasAllHeard: false }];
    rotating("provider_lost");
    await settle();
    assert.deepEqual([client.state.name, client.state.reason], ["reconnecting", "provider_lost"]);
    assert.deepEqual(lines().at(-1), ["A long answer", "interrupted"]);
    assert.equal(connection.types().at(-1), "conversation.item.truncate");
    mock.timers.tick(60_000);
    assert.equal(client.state.name, "reconnecting");
    rotated("provider_lost");
    assert.equal(client.state.name, "listening");
    assert.deepEqual([errors, connection.dropped, connection.opened], [[], [], 1]);
    connection.receive(...userSpeech("u2", "Sorry?"));
    assert.deepEqual(lines().at(-1), ["Sorry?", "completed"]);
    assert.equal(lines().length, 4);
  });

  test("a message that the lost connection did not take is sent again", async () => {
    client.sendText("Lost");
    await settle();
    const sent = connection.sent.find(({ type }) => type === "conversation.item.create");
    rotating("provider_lost");
    client.sendText("Later");
    await settle();
    const before = connection.sent.length;
    rotated("provider_lost");
    await settle();
    const again = connection.sent.slice(before);
    assert.deepEqual(
      again.map(({ type, item }) => item?.content[0].text ?? type),
      ["Lost", "Later", "response.create"],
    );
    assert.equal(again[0].item.id, sent.item.id);
    assert.equal(client.state.name, "thinking");
  });

  test("a loss of the page's own connection meanwhile is one like any other", () => {
    rotating("provider_lost");
    connection.options.onReconnecting(1, "offline");
    assert.deepEqual([client.state.name, client.state.reason], ["reconnecting", "offline"]);
  });
});

describe("while the connection is away", () => {
  const lose = (cause = "offline") => connection.options.onReconnecting(1, cause);

  beforeEach(async () => {
    await openNewCall();
    await startVoice();
  });

  test("its cause is the reason of the state", () => {
    lose("draining");
    assert.deepEqual([client.state.name, client.state.reason], ["reconnecting", "draining"]);
  });

  test("the microphone is kept for 30 s, released then, and opened again with the connection", async () => {
    const [voice] = voices;
    lose();
    mock.timers.tick(29_999);
    lose();
    assert.deepEqual([voice.isResting, client.state.isResting], [undefined, undefined]);
    mock.timers.tick(1);
    assert.deepEqual([voice.isResting, client.state.isResting], [true, true]);
    await connection.becomeReady();
    api.turns.calls[0].resolve([]);
    await settle();
    assert.deepEqual([voice.isResting, client.state.isResting], [false, undefined]);
    assert.deepEqual([client.state.name, voices.length], ["listening", 1]);
  });

  test("a microphone that cannot be opened again is reported", async () => {
    const problems = [];
    client.onProblem = (problem) => problems.push(problem);
    voices[0].wakeError = new Error("denied");
    lose();
    mock.timers.tick(30_000);
    await connection.becomeReady();
    api.turns.calls[0].resolve([]);
    await settle();
    assert.deepEqual(problems, ["stopped"]);
  });

  test("a short outage leaves the microphone as it is", async () => {
    lose();
    mock.timers.tick(10_000);
    await connection.becomeReady();
    api.turns.calls[0].resolve([]);
    await settle();
    mock.timers.tick(60_000);
    assert.equal(voices[0].isResting, undefined);
  });

  test("a microphone that was released before a long outage stays released after it", async () => {
    client.setTalking(false);
    await client.voice.restMicrophone();
    lose();
    mock.timers.tick(30_000);
    assert.equal(client.state.isResting, undefined);
    await connection.becomeReady();
    api.turns.calls[0].resolve([]);
    await settle();
    assert.equal(voices[0].isResting, true);
  });

  test("a microphone that is opened in an outage is released after 30 s too", async () => {
    lose();
    await client.stopAudioStream();
    mock.timers.tick(60_000);
    await startVoice();
    mock.timers.tick(29_999);
    assert.equal(voices.at(-1).isResting, undefined);
    mock.timers.tick(1);
    assert.equal(voices.at(-1).isResting, true);
  });

  test("a typed message is sent when it is back, once and with the same id", async () => {
    connection.sent = [];
    lose();
    connection.isReady = false;
    client.sendText("Hello");
    const [{ itemId }] = client.lines();
    for (const turnsKept of [[], [keptTurn(itemId, "Hello")]]) {
      lose();
      connection.isReady = false;
      await connection.becomeReady();
      api.turns.calls.at(-1).resolve(turnsKept);
      await settle();
    }
    const created = connection.sent.filter(({ type }) => type === "conversation.item.create");
    assert.deepEqual(
      created.map(({ item }) => item.id),
      [itemId],
    );
  });
});

test("an ending hands on the values for its sentence", () => {
  makeClient();
  const detail = { origin: "https://kaiwa.test:8443", host: "kaiwa.test" };
  connection.options.onEnded("origin_foreign", "", detail);
  assert.deepEqual([client.state.reason, client.state.detail], ["origin_foreign", detail]);
});

describe("an unforeseen exception", () => {
  const planned = () => {
    throw new Error("planned");
  };

  /** Whether the microphone is closed, how the call ended, and what a listener is told. */
  async function assertClosed(errors) {
    await settle();
    assert.ok(voices.every(({ isStopped }) => isStopped));
    assert.equal(client.voice, null);
    assert.deepEqual([client.state.name, client.state.reason], ["ended", "page_failed"]);
    assert.deepEqual(
      errors.map(({ code }) => code),
      ["page_failed"],
    );
  }

  /** Each breaks something, and then lets it be used. */
  const ways = {
    "in the connection": () => {
      client.onLines = planned;
      connection.receive(typedItem("u1", "Hi"));
      client.onLines = () => {};
    },
    "while the call opens": async () => {
      client.onConnected = planned;
      connection.receive({ type: "relay.ready" });
      await settle();
      api.turns.calls.at(-1).resolve([]);
    },
    "in a chunk of the microphone": () => {
      client.onLevel = planned;
      voices.at(-1).events.onChunk({ pcm: new Int16Array(960), rms: 0, seq: 0 });
      client.onLevel = () => {};
    },
    "in a problem of the microphone": () => {
      client.onProblem = planned;
      voices.at(-1).events.onProblem("stopped");
    },
    "in the speaker's position": () => {
      client.onLines = planned;
      voices.at(-1).events.onPosition("a1", 0, 10);
      client.onLines = () => {};
    },
    "while frames are sent": () => {
      connection.send = planned;
      client.sendText("Hi");
    },
    "while the sound is cut": () => {
      voices.at(-1).flush = async () => planned();
      client.sendText("Hi");
    },
    "while it reconnects": () => {
      voices.at(-1).flush = planned;
      connection.options.onReconnecting(1);
    },
    "in a timer": () => {
      connection.receive({ type: "response.created", response: { id: "r1" } });
      client.interrupt();
      client.onState = ({ name }) => name !== "ended" && planned();
      mock.timers.tick(60_000);
    },
  };
  for (const [name, happen] of Object.entries(ways)) {
    test(`${name} closes the microphone and ends the call`, async () => {
      await openNewCall();
      await startVoice();
      const errors = [];
      client.onError = (error) => errors.push(error);
      await happen();
      await assertClosed(errors);
    });
  }

  test("of a listener that throws each time closes the microphone too", async () => {
    await openNewCall();
    await startVoice();
    client.onState = planned;
    connection.receive({ type: "response.created", response: { id: "r1" } });
    assert.deepEqual([voices[0].isStopped, client.voice], [true, null]);
    assert.deepEqual([client.state.name, client.state.reason], ["ended", "page_failed"]);
  });

  test("before the call is open closes the microphone too: nobody would hear it", async () => {
    makeClient(async () => "s1");
    await startVoice();
    const errors = [];
    client.onError = (error) => errors.push(error);
    connection.open = planned;
    assert.throws(() => client.connect(), /planned/);
    client.fail(new Error("planned"));
    await assertClosed(errors);
  });

  test("of a microphone that is open already closes it", async () => {
    makeClient(async () => "s1");
    client.onState = ({ hasVoice }) => hasVoice && planned();
    const started = client.startAudioStream();
    voices[0].starting.resolve(true);
    await assert.rejects(started, /planned/);
    assert.deepEqual([voices[0].isStopped, client.voice], [true, null]);
  });

  test("while the call is closed leaves no microphone open", async () => {
    await openNewCall();
    await startVoice();
    voices[0].speaker.heardSoFar = planned;
    await assert.rejects(client.close(), /planned/);
    assert.equal(voices[0].isStopped, true);
  });

  test("after which the frames of the next call are sent again", async () => {
    await openNewCall();
    const send = connection.send;
    connection.send = planned;
    client.sendText("Lost?");
    await settle();
    connection.send = send;
    void client.connect();
    const loaded = connection.becomeReady();
    await settle();
    api.turns.calls.at(-1).resolve([]);
    await loaded;
    await settle();
    assert.deepEqual(connection.types(), ["conversation.item.create", "response.create"]);
  });
});

describe("a call over WebRTC", () => {
  let remote;

  /** The sound of the other side: the test plays the provider. */
  class FakeRemote extends RemoteSound {
    volumes = [];
    contexts = [];

    setVolume(volume) {
      this.volumes.push(volume);
    }

    setContext(context) {
      this.contexts.push(context);
    }
  }

  class FakeWebRtcConnection extends FakeConnection {
    microphones = [];

    constructor(options) {
      super(options);
      remote = new FakeRemote({
        createElement: () => element,
        ...options.sound,
        now: () => nowMs,
      });
      this.remote = remote;
    }

    setMicrophone(microphone) {
      this.microphones.push(microphone);
    }
  }

  /** The audio element of the other side's sound. */
  const element = { play: async () => {}, pause: () => {} };
  let nowMs;
  let webRtc;
  let relay;

  async function openCall(transport = "webrtc") {
    makeClient(async () => "s1", {
      transport,
      loadWebRtc: async () => ({
        WebRtcConnection: class extends FakeWebRtcConnection {
          constructor(options) {
            super(options);
            webRtc = this;
          }
        },
      }),
    });
    relay = connection;
    void client.connect();
    await settle();
    connection = webRtc;
  }

  const of = (response_id) => ({ response_id });
  const begun = (response_id, item_id, words) => [
    { type: "response.created", response: { id: response_id, output: [] } },
    {
      type: "response.output_item.added",
      response_id,
      item: { id: item_id, type: "message", role: "assistant", status: "in_progress", content: [] },
    },
    {
      type: "response.output_audio_transcript.delta",
      response_id,
      item_id,
      content_index: 0,
      delta: words,
    },
    { type: "output_audio_buffer.started", ...of(response_id) },
  ];
  /** 30 characters: 2 s. */
  const WORDS = "one two three four five six sev";

  beforeEach(() => {
    nowMs = 0;
    mock.timers.reset();
    mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
  });

  test("sends the microphone's track, and no audio frames", async () => {
    await openCall();
    await connection.becomeReady();
    await startVoice();
    const { events } = voices[0];
    events.onTrack("track");
    events.onChunk({ pcm: new Int16Array(960), rms: 0.1 });
    client.setMuted(true);
    client.setMuted(false);
    client.setTalking(false);
    assert.deepEqual(
      connection.microphones.slice(-4).map(({ track, isOn }) => [track, isOn]),
      [
        ["track", true],
        ["track", false],
        ["track", true],
        ["track", false],
      ],
    );
    client.setVolume(0.5);
    assert.equal(remote.volumes.at(-1), 0.5);
    assert.equal(remote.contexts.at(-1), voices[0].context);
    await settle();
    assert.deepEqual(connection.types(), []);
    assert.equal(relay.opened, 0);
    connection.options.onRoundTrip(40);
    assert.deepEqual([client.quality.roundTripMs, client.quality.isDirect], [40, true]);
  });

  test("is spoken while the provider plays, and its text comes at that pace", async () => {
    await openCall();
    await connection.becomeReady();
    await startVoice();
    connection.receive(...begun("r1", "a1", WORDS));
    assert.equal(client.state.name, "speaking");
    nowMs = 1000;
    mock.timers.tick(100);
    assert.equal(client.lines()[0].shown, "one two three four");
    connection.receive(...answer("a1", WORDS, { response_id: "r1" }).slice(3));
    assert.deepEqual(turns, []);
    assert.equal(client.state.name, "speaking");
    connection.receive({ type: "output_audio_buffer.stopped", ...of("r1") });
    assert.deepEqual(turns, [["assistant", WORDS]]);
    assert.equal(client.state.name, "listening");
  });

  test("is silent at once when the user speaks; the provider truncates", async () => {
    await openCall();
    await connection.becomeReady();
    await startVoice();
    connection.receive(...begun("r1", "a1", WORDS));
    nowMs = 1040;
    connection.receive({ type: "input_audio_buffer.speech_started", item_id: "u1" });
    assert.equal(remote.isPlaying, false);
    connection.receive({ type: "output_audio_buffer.cleared", ...of("r1") });
    connection.receive({
      type: "conversation.item.truncated",
      item_id: "a1",
      content_index: 0,
      audio_end_ms: 1000,
    });
    await settle();
    assert.equal(client.lines()[0].heardText, "one two three");
    assert.deepEqual(connection.types(), []);
  });

  test("whose truncation does not come is truncated where the sound stopped", async () => {
    await openCall();
    await connection.becomeReady();
    await startVoice();
    connection.receive(...begun("r1", "a1", WORDS));
    nowMs = 1040;
    connection.receive({ type: "input_audio_buffer.speech_started", item_id: "u1" });
    await settle();
    mock.timers.tick(5000);
    assert.deepEqual(
      [client.lines()[0].heardMs, client.lines()[0].heardText],
      [1000, "one two three"],
    );
  });

  test("is cancelled and cleared by a stop, and by a typed message", async () => {
    await openCall();
    await connection.becomeReady();
    await startVoice();
    connection.receive(...begun("r1", "a1", WORDS));
    client.interrupt();
    assert.equal(remote.isPlaying, false);
    await settle();
    assert.deepEqual(connection.types(), ["response.cancel", "output_audio_buffer.clear"]);
    // What was on its way is not heard.
    connection.receive({ type: "output_audio_buffer.started", ...of("r1") });
    assert.equal(remote.isPlaying, false);
    connection.receive({ type: "response.done", response: { id: "r1", status: "cancelled" } });
    connection.receive(...begun("r2", "a2", WORDS));
    client.sendText("Typed.");
    await settle();
    assert.deepEqual(connection.types().slice(2), [
      "conversation.item.create",
      "response.cancel",
      "output_audio_buffer.clear",
    ]);
    connection.receive({ type: "response.done", response: { id: "r2", status: "cancelled" } });
    await settle();
    assert.equal(connection.types().at(-1), "response.create");
    assert.deepEqual(connection.sent.at(-1).response, { output_modalities: ["audio"] });
  });

  test("that the provider clears by itself is cut", async () => {
    await openCall();
    await connection.becomeReady();
    await startVoice();
    connection.receive(...begun("r1", "a1", WORDS));
    connection.receive({ type: "output_audio_buffer.cleared", ...of("r1") });
    assert.equal(remote.isPlaying, false);
    assert.equal(client.state.name, "interrupted");
  });

  test("typed without a voice sounds nothing", async () => {
    await openCall();
    await connection.becomeReady();
    client.sendText("Hello?");
    await settle();
    assert.deepEqual(connection.types(), ["conversation.item.create", "response.create"]);
    connection.receive(...begun("r1", "a1", WORDS));
    assert.equal(remote.isPlaying, false);
    assert.equal(client.lines().at(0).shown, WORDS);
  });

  test("is silent once the voice has stopped, also for an answer that begins later", async () => {
    await openCall();
    await connection.becomeReady();
    await startVoice();
    remote.setStream("stream");
    connection.receive(...begun("r1", "a1", WORDS));
    assert.equal(element.muted, false);
    await client.stopAudioStream();
    assert.equal(element.muted, true);
    connection.receive(...begun("r2", "a2", WORDS));
    assert.equal(element.muted, true);
  });

  test("is silent once the call is closed, and nothing plays any more", async () => {
    await openCall();
    await connection.becomeReady();
    await startVoice();
    remote.setStream("stream");
    connection.receive(...begun("r1", "a1", WORDS));
    await client.close();
    assert.deepEqual([element.muted, remote.isPlaying], [true, false]);
  });

  test("after an end that the connection reports, another one can be opened", async () => {
    let opened = 0;
    await openCall();
    webRtc.open = () => {
      opened += 1;
    };
    await connection.becomeReady();
    connection.options.onEnded("no_network", "");
    void client.connect().catch(() => {});
    await settle();
    assert.equal(opened, 1);
  });

  test("that is lost is cut, and goes on with the next connection", async () => {
    await openCall();
    await connection.becomeReady();
    await startVoice();
    connection.receive(...begun("r1", "a1", WORDS));
    nowMs = 1040;
    connection.isReady = false;
    connection.options.onReconnecting(1, "no_network");
    assert.equal(client.state.name, "reconnecting");
    assert.equal(client.lines()[0].heardText, "one two three");
    const loaded = connection.becomeReady();
    await settle();
    api.turns.calls[0].resolve([]);
    await loaded;
    await settle();
    assert.equal(client.state.name, "listening");
  });

  test("falls back to the relay with the words that were said meanwhile, and says so", async () => {
    let fellBack = 0;
    await openCall("automatic");
    client.onFellBack = () => {
      fellBack += 1;
    };
    await startVoice();
    voices[0].events.onChunk({ pcm: new Int16Array(960), rms: 0.1 });
    webRtc.options.fallBack.onBlocked();
    assert.deepEqual([fellBack, relay.opened], [1, 1]);
    await relay.becomeReady();
    await settle();
    assert.deepEqual(relay.types(), ["input_audio_buffer.append"]);
    relay.receive(...begun("r1", "a1", WORDS).slice(0, 3), delta("a1"));
    assert.equal(voices[0].speaker.calls.at(-1)[0], "play");
  });

  test("asks our server with the session's id", async () => {
    const asked = [];
    const answering =
      (name) =>
      async (...args) =>
        void asked.push([name, ...args]);
    for (const name of ["startCall", "callState", "endCall"]) api[name] = answering(name);
    await openCall();
    await webRtc.options.startCall("offer").catch(() => {});
    await webRtc.options.callState("c1");
    await webRtc.options.endCall("c1");
    assert.deepEqual(asked, [
      ["callState", "c1"],
      ["endCall", "c1"],
    ]);
  });

  test("whose modules cannot be loaded ends", async () => {
    makeClient(async () => "s1", {
      transport: () => "webrtc",
      loadWebRtc: async () => {
        throw new TypeError("Failed to fetch");
      },
    });
    await assert.rejects(client.connect(), { code: "no_network" });
    assert.equal(client.state.name, "ended");
  });
});
