import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { ApiError } from "../../../frontend/api.js";
import { MicrophoneError } from "../../../frontend/audio/microphone.js";
import { DirectPage, TAIL_MS, WEBRTC_TAIL_MS } from "../../../frontend/direct/page.js";
import { keyWords, recorder, settle } from "../equipment.js";

const OPENAI = {
  provider: "openai",
  websocket_url: "wss://provider.test/v1/realtime",
  calls_url: "https://provider.test/v1/realtime/calls",
  models: ["m1", "m2"],
  model: "m1",
  voices: ["verse", "marin"],
  voice: "verse",
};
const DIRECT = { ...OPENAI, providers: [OPENAI] };
const AZURE = {
  ...OPENAI,
  provider: "azure",
  websocket_url: "wss://azure.test/openai/v1/realtime",
  models: ["deployment"],
  model: "deployment",
  voices: ["verse", "sage"],
};
const BOTH = { ...OPENAI, providers: [OPENAI, AZURE] };

/** A RealtimeClient: the test plays its call. */
class FakeClient {
  calls = [];
  shown = [];
  voice = null;
  hasCall = false;
  state = { name: "idle", attempt: 0 };
  startError = null;

  constructor(needs) {
    this.needs = needs;
  }

  lines() {
    return this.shown;
  }

  connect() {
    this.hasCall = true;
    this.setState("connecting");
    return new Promise(() => {});
  }

  open() {
    this.setState("idle");
    this.onConnected();
  }

  setState(name, more = {}) {
    this.state = { name, attempt: 0, ...more };
    this.onState(this.state);
  }

  end(code, message = "") {
    this.hasCall = false;
    this.voice = null;
    this.setState("ended");
    this.onError({ code, message });
  }

  async close() {
    this.calls.push(["close"]);
    this.hasCall = false;
    this.voice = null;
    this.setState("idle");
  }

  async startAudioStream(options) {
    this.calls.push(["startAudioStream", options]);
    if (this.startError) throw this.startError;
    this.voice = {
      restMicrophone: async () => void this.calls.push(["rest"]),
      wakeMicrophone: async () => void this.calls.push(["wake"]),
    };
  }

  setTalking(isTalking) {
    this.calls.push(["talking", isTalking]);
  }
}

let clients;
let config;
let api;
let keyRequests;
let created;
let token;
let view;
let screens;
let address;
let signInLink;
let reporter;
let reporterParts;
let page;

beforeEach(async () => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout"] });
  clients = [];
  config = {
    voices: ["marin", "verse"],
    direct: DIRECT,
    transports: ["relay"],
    providers: ["openai"],
  };
  keyRequests = [];
  created = [];
  token = "t1";
  api = {
    token: "",
    config: async () => config,
    me: async () => ({ id: 1 }),
    turns: async () => [],
    session: async () => ({ voice: "verse", provider: "openai" }),
    createSession: async (fields) => {
      created.push(fields);
      return { id: `s${created.length}` };
    },
  };
  view = { models: [], levels: [], show: (model) => view.models.push(model) };
  view.addLevel = (rms) => view.levels.push(rms);
  screens = recorder("show", "showStarting", "showUnreachable");
  signInLink = { href: "" };
  address = { sessionId: null, replaced: [], replace: (id) => address.replaced.push(id) };
  reporter = { ...recorder("changed", "leave", "skip"), finished: 0 };
  reporter.finish = async () => {
    reporter.finished += 1;
  };
});

async function load() {
  page = new DirectPage({
    api,
    directApi: {
      takeKey: async (choice) => {
        keyRequests.push(choice);
        return { token: `ek_${keyRequests.length}` };
      },
    },
    store: {
      get token() {
        return token;
      },
      preferences: () => ({ volume: 0.5, deviceId: "d1", echoCancellation: true }),
    },
    words: keyWords(),
    screens,
    address,
    signInLink,
    view,
    thread: { show: () => {} },
    createClient: (needs) => {
      clients.push(new FakeClient(needs));
      return clients.at(-1);
    },
    createContext: () => "context",
    createReporter: (parts) => {
      reporterParts = parts;
      return reporter;
    },
    toolCallIn: (event) => event.call ?? null,
    nextFrame: (draw) => draw(),
    hasWebRtc: true,
    userAgent: "Chrome/156",
  });
  await page.load();
}

const model = () => view.models.at(-1);

async function openCall() {
  await load();
  void page.connect();
  clients.at(-1).open();
}

test("signed out, the page sends to the sign-in", async () => {
  token = "";
  await load();
  assert.deepEqual(screens.calls.at(-1), ["show", "sign-in"]);
  assert.equal(signInLink.href, "/?back=openai-realtime");
});

test("the sign-in leads back to the conversation that the address names", async () => {
  token = "";
  address.sessionId = "s9";
  await load();
  assert.equal(signInLink.href, "/?back=openai-realtime#/s/s9");
});

test("a login that has ended leads there too, and a server that is away can be tried again", async () => {
  api.me = async () => {
    throw new ApiError("not_authenticated", 401, "");
  };
  await load();
  assert.deepEqual(screens.calls.at(-1), ["show", "sign-in"]);
  api.me = async () => {
    throw new ApiError("no_network", 0, "");
  };
  await page.load();
  assert.deepEqual(screens.calls.at(-1), ["showUnreachable"]);
});

test("the choices are those of the server, and its defaults are chosen", async () => {
  await load();
  assert.deepEqual(screens.calls.at(-1), ["show", "talk"]);
  const { choice, models, voices, transports, providers, link } = model();
  const { provider, ...others } = choice;
  assert.equal(provider, "openai");
  assert.deepEqual(others, { model: "m1", voice: "verse", transport: "websocket" });
  assert.deepEqual([models, voices, transports], [DIRECT.models, DIRECT.voices, ["websocket"]]);
  assert.deepEqual(providers, [{ name: "openai", text: "OpenAI (provider.test)" }]);
  assert.equal(link, "disconnected");
});

test("where direct sessions are off, the page says how to turn them on", async () => {
  config.direct = null;
  await load();
  assert.equal(model().error, "direct.error.off {}");
});

test("each connection takes a fresh key for what is chosen, and the first one a session", async () => {
  await load();
  page.choose({ voice: "marin", model: "m2" });
  void page.connect();
  const [{ needs }] = clients;
  assert.equal(await needs.takeKey(), "ek_1");
  assert.equal(await needs.takeKey(), "ek_2");
  assert.deepEqual(keyRequests[1], { model: "m2", voice: "marin" });
  assert.deepEqual(created, [{ language: "en", voice: "marin" }]);
  assert.equal(await needs.sessionId(), "s1");
  assert.deepEqual(address.replaced, ["s1"]);
  assert.equal(needs.websocketUrl(), "wss://provider.test/v1/realtime?model=m2");
  assert.equal(model().sessionId, "s1");
});

test("a key that is refused leaves no empty session", async () => {
  await load();
  void page.connect();
  const [{ needs }] = clients;
  keyRequests.push = () => {
    throw new ApiError("no_key", 503, "");
  };
  await assert.rejects(needs.takeKey());
  assert.deepEqual(created, []);
});

test("a key that comes after the user has disconnected leaves no empty session", async () => {
  await load();
  void page.connect();
  const taking = clients[0].needs.takeKey();
  await page.disconnect();
  await taking;
  assert.deepEqual([keyRequests.length, created], [1, []]);
});

test("the dot follows the call: connecting, connected, reconnecting, disconnected", async () => {
  await load();
  void page.connect();
  assert.equal(model().link, "connecting");
  clients[0].open();
  assert.equal(model().link, "connected");
  clients[0].setState("speaking");
  assert.equal(model().link, "connected");
  clients[0].setState("reconnecting", { attempt: 2 });
  assert.deepEqual([model().link, model().attempt], ["connecting", 2]);
  clients[0].open();
  assert.equal(model().link, "connected");
  await page.disconnect();
  assert.equal(model().link, "disconnected");
  assert.equal(model().error, "");
  assert.equal(reporter.finished, 1);
});

test("a call that ends by itself is an error with a sentence, until the next attempt", async () => {
  await openCall();
  clients[0].end("connection_lost");
  assert.equal(model().link, "error");
  assert.equal(model().error, 'direct.error.lost {"why":""}');
  assert.equal(reporter.finished, 1);
  void page.connect();
  assert.deepEqual([model().link, model().error], ["connecting", ""]);
  assert.equal(clients.length, 1);
});

test("an answer that fails is told with the provider's own words, and the call goes on", async () => {
  await openCall();
  clients[0].needs.onProviderError("The server had an error.");
  clients[0].onError({ code: "answer_failed", message: "" });
  assert.equal(model().link, "connected");
  assert.match(model().error, /direct.error.answer.*The server had an error/);
});

test("what the provider said before a call was open again does not explain a later end", async () => {
  await openCall();
  clients[0].needs.onProviderError("Oops.");
  clients[0].setState("reconnecting");
  clients[0].open();
  clients[0].end("connection_lost");
  assert.equal(model().error, 'direct.error.lost {"why":""}');
});

test("recording starts with the user's microphone settings, and only in a call", async () => {
  await load();
  await page.toggleRecording();
  assert.equal(clients.length, 0);
  void page.connect();
  clients[0].open();
  await page.toggleRecording();
  const [name, { context, microphone, volume }] = clients[0].calls[0];
  assert.deepEqual([name, context, volume], ["startAudioStream", "context", 0.5]);
  assert.deepEqual([microphone.deviceId, microphone.echoCancellation], ["d1", true]);
  assert.equal(model().isRecording, true);
});

test("stopped, the microphone is released behind the last word, and the answer still plays", async () => {
  await openCall();
  await page.toggleRecording();
  await page.toggleRecording();
  assert.equal(model().isRecording, false);
  assert.deepEqual(clients[0].calls.slice(1), [["talking", false]]);
  mock.timers.tick(TAIL_MS);
  assert.deepEqual(clients[0].calls.slice(1), [["talking", false], ["rest"]]);
  await page.toggleRecording();
  assert.deepEqual(clients[0].calls.slice(3), [["wake"], ["talking", true]]);
  assert.equal(model().isRecording, true);
});

test("over WebRTC the microphone stays open until the provider has heard the end of the turn", async () => {
  config.transports = ["relay", "webrtc"];
  await openCall();
  await page.toggleRecording();
  await page.toggleRecording();
  assert.deepEqual(clients[0].calls.slice(1), [["talking", false]]);
  assert.ok(WEBRTC_TAIL_MS >= 1500);
  mock.timers.tick(WEBRTC_TAIL_MS - 1);
  assert.deepEqual(clients[0].calls.slice(1), [["talking", false]]);
  mock.timers.tick(1);
  assert.deepEqual(clients[0].calls.at(-1), ["rest"]);
});

test("after an outage the microphone stays released, unless the user records", async () => {
  await openCall();
  await page.toggleRecording();
  clients[0].setState("reconnecting");
  clients[0].open();
  const rests = () => clients[0].calls.filter(([name]) => name === "rest").length;
  assert.equal(rests(), 0);
  clients[0].setState("reconnecting");
  await page.toggleRecording();
  mock.timers.tick(TAIL_MS);
  assert.equal(rests(), 1);
  // The client has opened it again by itself.
  clients[0].open();
  assert.equal(rests(), 2);
});

test("an outage that ends while the microphone is opened does not release it", async () => {
  await openCall();
  await page.toggleRecording();
  await page.toggleRecording();
  clients[0].calls = [];
  let open;
  clients[0].voice.wakeMicrophone = () => new Promise((resolve) => (open = resolve));
  const started = page.toggleRecording();
  clients[0].setState("reconnecting");
  clients[0].open();
  open();
  await started;
  assert.deepEqual(clients[0].calls, [["talking", true]]);
});

test("two taps start one recording", async () => {
  await openCall();
  let open;
  clients[0].startAudioStream = function () {
    this.calls.push(["startAudioStream"]);
    this.voice = { wakeMicrophone: async () => void this.calls.push(["wake"]) };
    return new Promise((resolve) => (open = resolve));
  };
  const started = page.toggleRecording();
  assert.equal(model().isStarting, true);
  await page.toggleRecording();
  open();
  await started;
  assert.deepEqual(clients[0].calls, [["startAudioStream"]]);
  assert.deepEqual([model().isStarting, model().isRecording], [false, true]);
});

test("after the end of the call nothing is left of its recording", async () => {
  await openCall();
  await page.toggleRecording();
  await page.toggleRecording();
  await page.disconnect();
  mock.timers.tick(10 * TAIL_MS);
  assert.deepEqual(view.levels, []);
});

test("started again at once, the microphone is not released", async () => {
  await openCall();
  await page.toggleRecording();
  await page.toggleRecording();
  await page.toggleRecording();
  mock.timers.tick(10 * TAIL_MS);
  assert.deepEqual(
    clients[0].calls.filter(([name]) => name === "rest"),
    [],
  );
});

for (const [kind, text] of [
  ["denied", "direct.error.microphone_denied"],
  ["missing", "direct.error.recording"],
]) {
  test(`a microphone that is ${kind} has a sentence, and the call goes on`, async () => {
    await openCall();
    clients[0].startError = new MicrophoneError(kind);
    await page.toggleRecording();
    assert.ok(model().error.startsWith(text));
    assert.ok(model().error.includes(`help.microphone_${kind}`));
    assert.deepEqual([model().link, model().isRecording], ["connected", false]);
  });
}

test("a problem during the recording is told, and gone when it is over", async () => {
  await openCall();
  clients[0].onProblem("silent");
  assert.match(model().error, /help.microphone_silent.title/);
  clients[0].onProblem("recovered");
  assert.equal(model().error, "");
});

test("tools are shown as they are called", async () => {
  await openCall();
  clients[0].needs.onEvent({ type: "x" });
  clients[0].needs.onEvent({ type: "y", call: { id: "1", name: "find", text: "a: 1" } });
  assert.deepEqual(model().toolCalls, [{ id: "1", name: "find", text: "a: 1" }]);
});

test("turns are reported to the session as they come", async () => {
  await openCall();
  await clients[0].needs.takeKey();
  assert.equal(reporterParts.sessionId(), "s1");
  clients[0].shown = ["a line"];
  clients[0].onLines();
  assert.deepEqual(reporterParts.lines(), ["a line"]);
  assert.deepEqual(reporter.calls.at(-1), ["changed"]);
  reporterParts.onState("waiting");
  assert.equal(model().reports, "waiting");
});

test("as the page is closed, the call is ended first, then what is left is reported", async () => {
  await openCall();
  page.leave();
  assert.deepEqual(clients[0].calls.at(-1), ["close"]);
  assert.deepEqual(reporter.calls.at(-1), ["leave"]);
});

test("the address names a conversation: it is shown, and goes on", async () => {
  address.sessionId = "s9";
  const asked = [];
  api.turns = async (id) => {
    asked.push(id);
    return [{ item_id: "u1", role: "user", modality: "voice", text: "Hi.", position: 0 }];
  };
  await load();
  assert.deepEqual(asked, ["s9"]);
  const [{ needs }] = clients;
  assert.equal(needs.sessionId, "s9");
  assert.deepEqual(
    needs.pastTurns.map(({ item_id }) => item_id),
    ["u1"],
  );
  await needs.takeKey();
  assert.deepEqual(created, []);
});

test("a conversation that is not there any more is forgotten", async () => {
  address.sessionId = "s9";
  api.turns = async () => {
    throw new ApiError("not_found", 404, "");
  };
  await load();
  assert.deepEqual(address.replaced, [null]);
  assert.deepEqual([model().sessionId, clients.length], [null, 0]);
});

test("the watched transport is preferred where the server has it, and not reported", async () => {
  config.transports = ["relay", "webrtc"];
  await load();
  assert.deepEqual(model().transports, ["webrtc", "websocket"]);
  assert.equal(model().choice.transport, "webrtc");
  void page.connect();
  assert.equal(clients[0].needs.transport, "webrtc");
  clients[0].shown = [];
  assert.deepEqual(reporterParts.lines(), []);
  assert.equal(model().isReporting, false);
  await page.disconnect();
  page.choose({ transport: "websocket" });
  void page.connect();
  assert.equal(clients[1].needs.transport, "websocket");
  assert.deepEqual(reporter.calls.at(-1), ["skip", []]);
});

test("in a watched call the voice is the session's, and is changed there", async () => {
  config.transports = ["relay", "webrtc"];
  const changes = [];
  api.changeSession = async (id, fields) => void changes.push([id, fields]);
  await load();
  page.choose({ voice: "marin" });
  void page.connect();
  assert.equal(await clients[0].needs.sessionId(), "s1");
  await page.disconnect();
  assert.deepEqual([created[0].voice, changes], ["marin", []]);
  page.choose({ voice: "verse" });
  assert.deepEqual(changes, [["s1", { voice: "verse" }]]);
});

/** Hold back each change of a session; returns what happens, in its order. */
function watchVoiceChanges() {
  const order = [];
  api.changeSession = async (_id, { voice }) => {
    order.push(`change to ${voice}`);
    await settle();
    order.push(`is ${voice}`);
  };
  return order;
}

test("a watched call is opened once the session has the voice that is shown", async () => {
  config.transports = ["relay", "webrtc"];
  const order = watchVoiceChanges();
  await load();
  void page.connect();
  await clients[0].needs.sessionId();
  await page.disconnect();
  const { connect } = clients[0];
  clients[0].connect = function () {
    order.push("connect");
    return connect.call(this);
  };
  page.choose({ voice: "marin" });
  page.choose({ voice: "verse" });
  page.choose({ voice: "marin" });
  void page.connect();
  void page.connect();
  for (let round = 0; round < 6; round += 1) await settle();
  assert.deepEqual(order.slice(-2), ["is marin", "connect"]);
  assert.equal(order.filter((each) => each === "connect").length, 1);
});

test("a voice that was chosen for the other transport is the session's in a watched call", async () => {
  config.transports = ["relay", "webrtc"];
  const order = watchVoiceChanges();
  address.sessionId = "s9";
  await load();
  page.choose({ transport: "websocket" });
  page.choose({ voice: "marin" });
  assert.deepEqual(order, []);
  page.choose({ transport: "webrtc" });
  assert.deepEqual(order, ["change to marin"]);
});

test("a voice that cannot be changed keeps no call closed, and is tried again", async () => {
  config.transports = ["relay", "webrtc"];
  address.sessionId = "s9";
  let asked = 0;
  api.changeSession = async () => {
    asked += 1;
    throw new ApiError("no_network", 0, "");
  };
  await load();
  page.choose({ voice: "marin" });
  await settle();
  void page.connect();
  await settle();
  assert.deepEqual([asked, clients.at(-1).hasCall], [2, true]);
});

test("the voice of a conversation that the address names is the chosen one", async () => {
  config.transports = ["relay", "webrtc"];
  const order = watchVoiceChanges();
  address.sessionId = "s9";
  api.session = async (id) => ({ id, voice: "marin", provider: "openai" });
  await load();
  assert.equal(model().choice.voice, "marin");
  void page.connect();
  assert.deepEqual([order, clients.at(-1).hasCall], [[], true]);
});

test("a voice of the session that is not offered here is changed to the default", async () => {
  config.transports = ["relay", "webrtc"];
  const order = watchVoiceChanges();
  address.sessionId = "s9";
  api.session = async () => ({ voice: "other", provider: "openai" });
  await load();
  assert.equal(model().choice.voice, "verse");
  void page.connect();
  assert.deepEqual(order, ["change to verse"]);
});

/** Both providers can be chosen. */
function offerBoth() {
  config.direct = BOTH;
  config.providers = ["openai", "azure"];
}

test("another provider has other models, and another voice where it has not the chosen one", async () => {
  offerBoth();
  await load();
  const names = ["OpenAI (provider.test)", "Azure OpenAI (azure.test)"];
  assert.deepEqual(
    model().providers.map(({ text }) => text),
    names,
  );
  page.choose({ model: "m2", voice: "marin" });
  page.choose({ provider: "azure" });
  const { choice, models, voices } = model();
  assert.deepEqual([models, voices], [AZURE.models, AZURE.voices]);
  assert.deepEqual([choice.provider, choice.model, choice.voice], ["azure", "deployment", "verse"]);
  page.choose({ voice: "sage" });
  page.choose({ provider: "openai" });
  assert.deepEqual([model().choice.model, model().choice.voice], ["m1", "verse"]);
});

test("key, address and session are those of the chosen provider", async () => {
  offerBoth();
  await load();
  page.choose({ provider: "azure" });
  void page.connect();
  const [{ needs }] = clients;
  await needs.takeKey();
  assert.deepEqual(keyRequests, [{ provider: "azure", model: "deployment", voice: "verse" }]);
  assert.equal(needs.websocketUrl(), "wss://azure.test/openai/v1/realtime?model=deployment");
  assert.deepEqual(created, [{ language: "en", voice: "verse", provider: "azure" }]);
});

test("in a watched call the provider is the session's, and is changed there before it", async () => {
  offerBoth();
  config.transports = ["relay", "webrtc"];
  const changes = [];
  api.changeSession = async (id, fields) => {
    await settle();
    changes.push([id, fields]);
  };
  await load();
  void page.connect();
  await clients[0].needs.sessionId();
  await page.disconnect();
  assert.equal(created[0].provider, "openai");
  page.choose({ provider: "azure" });
  const connecting = page.connect();
  assert.equal(clients[0].hasCall, false);
  await Promise.race([connecting, settle()]);
  await settle();
  assert.deepEqual(changes, [["s1", { provider: "azure" }]]);
  assert.equal(clients.at(-1).hasCall, true);
});

test("no watched call begins with another provider than the chosen one", async () => {
  offerBoth();
  config.transports = ["relay", "webrtc"];
  address.sessionId = "s9";
  api.changeSession = async () => {
    throw new ApiError("no_network", 0, "");
  };
  await load();
  page.choose({ provider: "azure" });
  await page.connect();
  assert.equal(clients.at(-1).hasCall, false);
  assert.deepEqual([model().link, model().error], ["error", 'direct.error.connect {"why":""}']);
});

test("the provider of a conversation that the address names is the chosen one", async () => {
  offerBoth();
  config.transports = ["relay", "webrtc"];
  address.sessionId = "s9";
  api.session = async () => ({ voice: "verse", provider: "azure" });
  await load();
  assert.equal(model().choice.provider, "azure");
  void page.connect();
  assert.equal(clients.at(-1).hasCall, true);
});

test("a conversation whose provider is gone goes on with the default one", async () => {
  config.transports = ["relay", "webrtc"];
  address.sessionId = "s9";
  api.session = async () => ({ voice: "verse", provider: "gone" });
  const changes = [];
  api.changeSession = async (_id, fields) => void changes.push(fields);
  await load();
  assert.equal(model().choice.provider, "openai");
  void page.connect();
  await settle();
  assert.deepEqual(changes, [{ provider: "openai" }]);
  assert.equal(clients.at(-1).hasCall, true);
});

test("without direct sessions a watched call has the choice of provider too", async () => {
  config.direct = null;
  config.providers = ["azure", "openai"];
  config.transports = ["relay", "webrtc"];
  await load();
  assert.deepEqual(model().providers, [
    { name: "azure", text: "Azure OpenAI" },
    { name: "openai", text: "OpenAI" },
  ]);
  assert.equal(model().choice.provider, "azure");
});

test("another login in another tab closes the call and loads the page again", async (t) => {
  const { location } = globalThis;
  t.after(() => Object.assign(globalThis, { location }));
  let reloads = 0;
  globalThis.location = { reload: () => (reloads += 1) };
  await openCall();
  page.loginChanged();
  await settle();
  assert.deepEqual([clients[0].calls, reloads], [[], 0]);
  token = "t2";
  page.loginChanged();
  await settle();
  assert.deepEqual([clients[0].calls, reloads], [[["close"]], 1]);
});

test("a login that another tab ended closes the call", async () => {
  await openCall();
  api.onSignedOut();
  await settle();
  assert.deepEqual(clients[0].calls, [["close"]]);
  assert.deepEqual(screens.calls.at(-1), ["show", "sign-in"]);
});
