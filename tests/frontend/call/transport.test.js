import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { TransportConnection, transportsOf } from "../../../frontend/call/transport.js";
import { recorder, settle } from "../equipment.js";

let relay;
let webRtc;
let fallBack;
let loaded;
let loading;
let chosen;
let happened;
let connection;

const METHODS = ["open", "close", "send", "drop", "setHeartbeat", "setMicrophone"];
const called = (fake) => fake.calls.map(([name]) => name).filter((name) => name !== "setHeartbeat");

beforeEach(() => {
  relay = { ...recorder(...METHODS.slice(0, 5)), isReady: false, unsentBytes: 1 };
  webRtc = { ...recorder(...METHODS), isReady: true, unsentBytes: 2, remote: { name: "remote" } };
  chosen = "relay";
  happened = [];
  loaded = 0;
  loading = Promise.resolve(webRtc);
  connection = new TransportConnection({
    transport: () => chosen,
    relay,
    loadWebRtc: (given) => {
      loaded += 1;
      fallBack = given;
      return loading;
    },
    onFellBack: () => happened.push("fell back"),
    onNotLoaded: () => happened.push("not loaded"),
  });
});

test("WebRTC is offered where the server and the browser have it", () => {
  const scope = { RTCPeerConnection: class {} };
  assert.deepEqual(transportsOf(["relay", "webrtc"], scope), ["automatic", "relay", "webrtc"]);
  assert.deepEqual(transportsOf(["relay", "webrtc"], {}), ["relay"]);
  assert.deepEqual(transportsOf(["relay"], scope), ["relay"]);
  assert.deepEqual(transportsOf(undefined, scope), ["relay"]);
});

test("a call through the server loads nothing", () => {
  connection.open();
  assert.deepEqual(called(relay), ["open"]);
  assert.equal(loaded, 0);
  assert.equal(connection.remote, null);
});

test("a WebRTC call is loaded once, and given the microphone", async () => {
  chosen = "webrtc";
  connection.setMicrophone({ track: "track", isOn: false });
  connection.open();
  connection.open();
  await settle();
  assert.deepEqual(called(webRtc), ["setMicrophone", "open"]);
  assert.deepEqual(webRtc.calls[0], ["setMicrophone", { track: "track", isOn: false }]);
  assert.deepEqual([connection.isReady, connection.unsentBytes], [true, 2]);
  assert.equal(connection.remote.name, "remote");
  connection.send({ type: "one" });
  connection.close();
  connection.open();
  await settle();
  assert.deepEqual(called(webRtc).slice(2), ["send", "close", "setMicrophone", "open"]);
  assert.equal(loaded, 1);
});

test("the transport is chosen anew for each call", async () => {
  chosen = "webrtc";
  connection.open();
  await settle();
  connection.close();
  chosen = "relay";
  connection.open();
  assert.deepEqual(called(relay), ["open"]);
  assert.equal(connection.remote, null);
});

test("a call that is closed while it is loading is not opened", async () => {
  chosen = "webrtc";
  connection.open();
  connection.close();
  await settle();
  assert.deepEqual(called(webRtc), []);
});

test("automatic falls back to the relay, and does not try WebRTC again", async () => {
  chosen = "automatic";
  connection.setHeartbeat(true);
  connection.open();
  await settle();
  assert.equal(fallBack.isAllowed(), true);
  fallBack.onBlocked();
  assert.deepEqual(called(relay), ["open"]);
  assert.deepEqual(relay.calls.at(-2), ["setHeartbeat", true]);
  assert.deepEqual(happened, ["fell back"]);
  connection.close();
  connection.open();
  assert.deepEqual(called(relay), ["open", "close", "open"]);
  assert.deepEqual(called(webRtc), ["setMicrophone", "open"]);
  assert.deepEqual(happened, ["fell back", "fell back"]);
});

test("a direct call alone does not fall back", async () => {
  chosen = "webrtc";
  connection.open();
  await settle();
  assert.equal(fallBack.isAllowed(), false);
});

for (const [transport, expected, opened] of [
  ["automatic", "fell back", ["open"]],
  ["webrtc", "not loaded", []],
]) {
  test(`modules that cannot be loaded: ${transport}`, async () => {
    chosen = transport;
    loading = Promise.reject(new TypeError("Failed to fetch"));
    connection.open();
    await settle();
    assert.deepEqual(happened, [expected]);
    assert.deepEqual(called(relay), opened);
  });
}

test("a call that ended by itself can be opened again", () => {
  connection.open();
  connection.ended();
  connection.open();
  assert.deepEqual(called(relay), ["open", "open"]);
});
