import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { ApiError } from "../../../frontend/api.js";
import { WebRtcConnection } from "../../../frontend/call/webrtc-connection.js";
import { whenText } from "../../../frontend/when.js";
import { settle } from "../equipment.js";

let peers;
let events;
let happened;
let offers;
let states;
let startCall;
let mayFallBack;
let isOnline;
let network;
let nowMs;
let connection;

class FakeTrack {
  enabled = true;
  isStopped = false;
  copies = [];

  clone() {
    this.copies.push(new FakeTrack());
    return this.copies.at(-1);
  }

  stop() {
    this.isStopped = true;
  }
}

class FakeChannel extends EventTarget {
  readyState = "connecting";
  bufferedAmount = 7;
  sent = [];

  send(text) {
    this.sent.push(JSON.parse(text));
  }

  open() {
    this.readyState = "open";
    this.dispatchEvent(new Event("open"));
  }

  close() {
    if (this.readyState === "closed") return;
    this.readyState = "closed";
    this.dispatchEvent(new Event("close"));
  }

  receive(text) {
    this.dispatchEvent(Object.assign(new Event("message"), { data: text }));
  }
}

class FakePeer extends EventTarget {
  iceGatheringState = "complete";
  connectionState = "new";
  channel = new FakeChannel();
  tracks = [];
  roundTripTime = 0.08;
  isClosed = false;

  addTransceiver(kind, { direction }) {
    assert.deepEqual([kind, direction], ["audio", "sendrecv"]);
    return { sender: { replaceTrack: async (track) => void this.tracks.push(track) } };
  }

  createDataChannel(name) {
    assert.equal(name, "oai-events");
    return this.channel;
  }

  async createOffer() {
    return { type: "offer", sdp: "offer" };
  }

  async setLocalDescription(description) {
    this.localDescription = description;
  }

  async setRemoteDescription(description) {
    this.remoteDescription = description;
  }

  async getStats() {
    return new Map([
      ["other", { type: "candidate-pair", nominated: false, state: "succeeded" }],
      [
        "used",
        {
          type: "candidate-pair",
          nominated: true,
          state: "succeeded",
          currentRoundTripTime: this.roundTripTime,
        },
      ],
    ]);
  }

  become(state) {
    this.connectionState = state;
    this.dispatchEvent(new Event("connectionstatechange"));
  }

  close() {
    this.isClosed = true;
  }
}

const LIVE = { state: "live", ending: null, budget: null, draining: false };

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout"] });
  peers = [];
  events = [];
  happened = [];
  offers = [];
  states = {};
  startCall = async () => ({ sdp: "answer", call_id: `c${offers.length}` });
  mayFallBack = false;
  isOnline = true;
  network = new EventTarget();
  nowMs = 0;
  connection = new WebRtcConnection({
    onEvent: (event) => events.push(event),
    onReconnecting: (attempt, cause) => happened.push(`reconnecting ${attempt} ${cause}`),
    onEnded: (reason, message, detail = {}) =>
      happened.push(["ended", reason, message, ...Object.values(detail)].filter(Boolean).join(" ")),
    onRoundTrip: (ms) => happened.push(`round trip ${ms}`),
    startCall: (sdp) => {
      offers.push(sdp);
      return startCall();
    },
    callState: async (id) => {
      if (states[id] instanceof Error) throw states[id];
      return states[id] ?? LIVE;
    },
    endCall: async (id) => void happened.push(`end ${id}`),
    fallBack: { isAllowed: () => mayFallBack, onBlocked: () => happened.push("blocked") },
    sound: {
      onStart: () => {},
      onPosition: () => {},
      onEnded: () => {},
      createElement: () => ({ play: async () => {}, pause: () => {} }),
    },
    createPeer: () => {
      peers.push(new FakePeer());
      return peers.at(-1);
    },
    network,
    isOnline: () => isOnline,
    random: () => 0.5,
    now: () => nowMs,
  });
});

const peer = () => peers.at(-1);
const types = () => events.map(({ type }) => type);

async function pass(ms) {
  nowMs += ms;
  mock.timers.tick(ms);
  await settle();
}

async function open() {
  connection.open();
  await settle();
  peer().channel.open();
}

test("it exchanges the descriptions through the server, and is ready when the channel opens", async () => {
  connection.open();
  await settle();
  assert.deepEqual(offers, ["offer"]);
  assert.deepEqual(peer().remoteDescription, { type: "answer", sdp: "answer" });
  assert.equal(connection.isReady, false);
  connection.send({ type: "too early" });
  peer().channel.open();
  assert.equal(connection.isReady, true);
  assert.deepEqual(events, [{ type: "relay.ready" }]);
  connection.send({ type: "one" });
  assert.deepEqual(peer().channel.sent, [{ type: "one" }]);
  assert.equal(connection.unsentBytes, 7);
  peer().channel.receive('{"type": "session.created"}');
  peer().channel.receive("nonsense");
  assert.deepEqual(types(), ["relay.ready", "session.created"]);
});

test("the offer waits for the browser's candidates, but not for long", async () => {
  FakePeer.prototype.createOffer = async function () {
    this.iceGatheringState = "gathering";
    return { type: "offer", sdp: "offer" };
  };
  try {
    connection.open();
    await settle();
    assert.deepEqual(offers, []);
    peer().iceGatheringState = "complete";
    peer().dispatchEvent(new Event("icegatheringstatechange"));
    await settle();
    assert.equal(offers.length, 1);
    connection.close();
    connection.open();
    await settle();
    assert.equal(offers.length, 1);
    await pass(500);
    assert.equal(offers.length, 2);
  } finally {
    FakePeer.prototype.createOffer = async () => ({ type: "offer", sdp: "offer" });
  }
});

test("close ends the call at the server, and releases everything", async () => {
  const track = new FakeTrack();
  connection.setMicrophone({ track, isOn: true });
  await open();
  connection.close();
  assert.deepEqual(happened, ["end c1"]);
  assert.deepEqual([peer().isClosed, peer().channel.readyState], [true, "closed"]);
  assert.equal(track.copies[0].isStopped, true);
  await pass(60_000);
  assert.deepEqual(happened, ["end c1"]);
  assert.equal(peers.length, 1);
});

test("a call whose answer comes after the close is ended", async () => {
  const answer = {};
  startCall = () => new Promise((resolve) => Object.assign(answer, { resolve }));
  connection.open();
  await settle();
  connection.close();
  answer.resolve({ sdp: "answer", call_id: "late" });
  await settle();
  assert.deepEqual(happened, ["end late"]);
});

test("it sends a copy of the microphone's track, silent while it is not on", async () => {
  const first = new FakeTrack();
  connection.setMicrophone({ track: first, isOn: false });
  await open();
  assert.equal(peer().tracks.at(-1), first.copies[0]);
  assert.equal(first.copies[0].enabled, false);
  connection.setMicrophone({ track: first, isOn: true });
  assert.equal(first.copies[0].enabled, true);
  assert.equal(first.enabled, true);
  const second = new FakeTrack();
  connection.setMicrophone({ track: second, isOn: true });
  assert.equal(first.copies[0].isStopped, true);
  assert.equal(peer().tracks.at(-1), second.copies[0]);
  connection.setMicrophone({ track: null, isOn: true });
  assert.equal(second.copies[0].isStopped, true);
  assert.equal(peer().tracks.at(-1), null);
});

test("where UDP is blocked, automatic falls back after 5 s", async () => {
  mayFallBack = true;
  connection.open();
  await settle();
  await pass(4999);
  assert.deepEqual(happened, []);
  await pass(1);
  assert.deepEqual(happened, ["end c1", "blocked"]);
  await pass(60_000);
  assert.equal(peers.length, 1);
});

test("where UDP is blocked, a direct call tries twice", async () => {
  connection.open();
  await settle();
  await pass(5000);
  assert.deepEqual(happened, ["reconnecting 1 no_network"]);
  await pass(1000);
  await settle();
  await pass(5000);
  assert.deepEqual(happened.slice(1), ["end c1", "end c2", "ended webrtc_blocked"]);
});

test("where UDP is blocked, a call after one that was open tries twice as well", async () => {
  await open();
  connection.close();
  await settle();
  happened = [];
  offers = [];
  connection.open();
  await settle();
  for (let round = 0; round < 5; round += 1) await pass(5000);
  assert.equal(offers.length, 2);
  assert.equal(happened.at(-1), "ended webrtc_blocked");
});

for (const [name, error, expected] of [
  [
    "a final refusal",
    new ApiError("too_many_calls", 429, "Too many."),
    "ended too_many_calls Too many.",
  ],
  [
    "a refusal that says more than forbidden",
    new ApiError("price_unknown", 403, ""),
    "ended price_unknown",
  ],
  ["an unknown session", new ApiError("session_unknown", 404, "Gone."), "ended forbidden Gone."],
  [
    "a provider that is away",
    new ApiError("provider_unavailable", 503, ""),
    "reconnecting 1 provider_unavailable",
  ],
  ["a throttle", new ApiError("throttled", 429, ""), "reconnecting 1 rate_limit"],
  ["no network", new ApiError("no_network", 0, ""), "reconnecting 1 no_network"],
  ["a server without WebRTC", new ApiError("webrtc_off", 403, ""), "ended webrtc_blocked"],
  ["a browser that fails", new TypeError("no"), "reconnecting 1 no_network"],
]) {
  test(`${name} ends the call or is tried again`, async () => {
    startCall = async () => {
      throw error;
    };
    connection.open();
    await settle();
    assert.deepEqual(happened, [expected]);
  });
}

test("automatic falls back where the server has no WebRTC, and not for a busy one", async () => {
  mayFallBack = true;
  startCall = async () => {
    throw new ApiError("webrtc_off", 403, "");
  };
  connection.open();
  await settle();
  assert.deepEqual(happened, ["blocked"]);
  startCall = async () => {
    throw new ApiError("server_full", 429, "");
  };
  connection.open();
  await settle();
  assert.deepEqual(happened.slice(1), ["ended server_full"]);
});

test("a lost connection is opened again with a new offer, and the old call ended", async () => {
  await open();
  await pass(20_000);
  happened = [];
  peer().become("failed");
  await settle();
  assert.deepEqual(happened, ["reconnecting 1 no_network"]);
  assert.equal(peer().isClosed, true);
  await pass(1000);
  await settle();
  assert.deepEqual(happened.slice(1), ["end c1"]);
  assert.equal(offers.length, 2);
  peer().channel.open();
  assert.deepEqual(types(), ["relay.ready", "relay.ready"]);
});

test("a short interruption is no loss, a longer one is", async () => {
  await open();
  peer().become("disconnected");
  await pass(4000);
  peer().become("connected");
  await pass(6000);
  assert.equal(connection.isReady, true);
  peer().become("disconnected");
  await pass(5000);
  assert.equal(connection.isReady, false);
});

test("a call that the server ended says why, at once", async () => {
  await open();
  states.c1 = { ...LIVE, state: "ended", ending: "time_limit" };
  peer().channel.close();
  await settle();
  assert.deepEqual(happened, ["end c1", "ended time_limit"]);
});

test("a server that has not stored the end yet is asked again", async () => {
  await open();
  peer().channel.close();
  await pass(250);
  states.c1 = { ...LIVE, state: "ended", ending: "idle" };
  await pass(250);
  assert.deepEqual(happened, ["end c1", "ended idle"]);
});

test("an ending that is known only during the backoff ends the call all the same", async () => {
  await open();
  peer().channel.close();
  for (let asked = 0; asked < 4; asked += 1) await pass(250);
  assert.deepEqual(happened, ["reconnecting 1 no_network"]);
  states.c1 = { ...LIVE, state: "ended", ending: "taken_over" };
  await pass(1000);
  await settle();
  assert.deepEqual(happened.slice(1), ["end c1", "ended taken_over"]);
  assert.equal(offers.length, 1);
});

test("a server that does not answer delays the reconnection by a second at most", async () => {
  await open();
  states.c1 = new ApiError("no_network", 0, "");
  peer().channel.close();
  await settle();
  assert.deepEqual(happened, ["reconnecting 1 no_network"]);
});

test("every five seconds it asks the server, and passes on what the relay would say", async () => {
  await open();
  const budget = { kind: "money", level: "warning", resets_at: null };
  states.c1 = { ...LIVE, budget, draining: true };
  await pass(5000);
  await pass(5000);
  assert.deepEqual(events.slice(1), [
    { type: "relay.draining" },
    { type: "relay.budget", ...budget },
  ]);
  states.c1 = { ...LIVE, state: "ended", ending: "budget_spent" };
  await pass(5000);
  assert.equal(happened.at(-1), "ended budget_spent");
});

test("the end of a budget, and a refusal for it, say when to go on", async () => {
  const resetsAt = new Date("2026-12-01T00:00:00Z");
  await open();
  const budget = { kind: "money", level: "warning", resets_at: resetsAt.toISOString() };
  states.c1 = { ...LIVE, budget };
  await pass(5000);
  states.c1 = { ...LIVE, state: "ended", ending: "budget_spent" };
  peer().channel.close();
  await settle();
  assert.equal(happened.at(-1), `ended budget_spent ${whenText(resetsAt)}`);
  startCall = async () => {
    throw new ApiError("budget_spent", 402, "", undefined, undefined, resetsAt);
  };
  connection.open();
  await settle();
  assert.equal(happened.at(-1), `ended budget_spent ${whenText(resetsAt)}`);
});

test("a drain is followed by another call", async () => {
  await open();
  states.c1 = { ...LIVE, state: "ended", ending: "draining" };
  peer().channel.close();
  await settle();
  assert.deepEqual(happened, ["reconnecting 1 draining"]);
});

test("the round trip is that of the path in use", async () => {
  await open();
  await pass(1000);
  peer().roundTripTime = 0.12;
  await pass(5000);
  assert.deepEqual(happened, ["round trip 80", "round trip 120"]);
});

test("offline it is lost at once, and online it is opened again at once", async () => {
  await open();
  isOnline = false;
  network.dispatchEvent(new Event("offline"));
  assert.deepEqual(happened, ["reconnecting 1 offline"]);
  isOnline = true;
  network.dispatchEvent(new Event("online"));
  await settle();
  await settle();
  assert.equal(offers.length, 2);
});

test("the sound of the other side is played", async () => {
  const streams = [];
  connection.remote.setStream = (stream) => streams.push(stream);
  await open();
  peer().dispatchEvent(Object.assign(new Event("track"), { track: "t", streams: ["stream"] }));
  assert.deepEqual(streams, ["stream"]);
  connection.drop();
  assert.deepEqual(streams, ["stream", null]);
});
