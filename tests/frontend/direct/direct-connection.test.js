import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { ApiError } from "../../../frontend/api.js";
import { DirectConnection, RECONNECT_MS } from "../../../frontend/direct/direct-connection.js";
import { FakeSocket, settle } from "../equipment.js";

let sockets;
let events;
let reconnects;
let ends;
let providerErrors;
let keys;
let network;
let nowMs;
let past;

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout"] });
  sockets = [];
  events = [];
  reconnects = [];
  ends = [];
  providerErrors = [];
  keys = 0;
  network = new EventTarget();
  nowMs = 0;
  past = [];
});

function makeConnection(parts = {}) {
  return new DirectConnection({
    takeKey: async () => {
      keys += 1;
      return `ek_${keys}`;
    },
    url: () => "wss://provider.test/v1/realtime?model=m",
    past: () => past,
    onEvent: (event) => events.push(event),
    onReconnecting: (attempt) => reconnects.push(attempt),
    onEnded: (reason, message) => ends.push([reason, message]),
    onProviderError: (message) => providerErrors.push(message),
    openSocket: (url, protocols) => {
      sockets.push(new FakeSocket(url, protocols));
      return sockets.at(-1);
    },
    network,
    now: () => nowMs,
    ...parts,
  });
}

const types = () => events.map(({ type }) => type);

/** The provider accepts the newest connection. */
async function accept() {
  await settle();
  const socket = sockets.at(-1);
  socket.open();
  socket.receive({ type: "session.created", session: {} });
  socket.receive({ type: "session.updated", session: {} });
}

async function openConnection(parts) {
  const connection = makeConnection(parts);
  connection.open();
  await accept();
  return connection;
}

test("a fresh key opens the socket, and the call is open when the settings are accepted", async () => {
  const connection = makeConnection();
  connection.open();
  await settle();
  const [socket] = sockets;
  assert.equal(socket.url, "wss://provider.test/v1/realtime?model=m");
  assert.deepEqual(socket.protocols, ["realtime", "openai-insecure-api-key.ek_1"]);
  socket.open();
  assert.deepEqual(socket.sent, []);
  socket.receive({ type: "session.created", session: { id: "s" } });
  assert.deepEqual(
    socket.sent.map(({ type }) => type),
    ["session.update"],
  );
  assert.equal(connection.isReady, false);
  socket.receive({ type: "session.updated", session: {} });
  assert.equal(connection.isReady, true);
  assert.deepEqual(types(), ["session.created", "relay.ready"]);
  connection.send({ type: "input_audio_buffer.append", audio: "" });
  assert.equal(socket.sent.at(-1).type, "input_audio_buffer.append");
});

test("a lost connection is tried again after 1, 2 and 4 seconds, each time with a fresh key", async () => {
  await openConnection();
  assert.deepEqual([...RECONNECT_MS], [1000, 2000, 4000]);
  sockets[0].close(1006);
  for (const [index, delayMs] of RECONNECT_MS.entries()) {
    assert.deepEqual(reconnects.at(-1), index + 1);
    mock.timers.tick(delayMs - 1);
    await settle();
    assert.equal(sockets.length, index + 1);
    mock.timers.tick(1);
    await settle();
    assert.equal(sockets.length, index + 2);
    sockets.at(-1).close(1006);
  }
  assert.deepEqual(ends, [["connection_lost", ""]]);
  assert.equal(keys, 4);
});

test("the attempts are counted anew after a stable connection, and go on after a short one", async () => {
  await openConnection();
  nowMs = 9_000;
  sockets[0].close(1006);
  mock.timers.tick(1000);
  await accept();
  nowMs += 9_000;
  sockets[1].close(1006);
  assert.deepEqual(reconnects, [1, 2]);
  mock.timers.tick(2000);
  await accept();
  nowMs += 10_000;
  sockets[2].close(1006);
  assert.deepEqual(reconnects, [1, 2, 1]);
});

test("an intended close is not followed by another attempt", async () => {
  const connection = await openConnection();
  connection.close();
  mock.timers.tick(60_000);
  await settle();
  assert.equal(sockets.length, 1);
  assert.deepEqual([reconnects, ends], [[], []]);
});

test("closed while the key is requested, no socket is opened", async () => {
  const connection = makeConnection();
  connection.open();
  connection.close();
  await settle();
  assert.equal(sockets.length, 0);
});

test("a first connection that fails ends at once", async () => {
  makeConnection().open();
  await settle();
  sockets[0].close(1006);
  assert.deepEqual(ends, [["cannot_connect", ""]]);
  assert.deepEqual(reconnects, []);
});

test("a connection on which nothing comes is given up", async () => {
  makeConnection().open();
  await settle();
  sockets[0].open();
  mock.timers.tick(20_000);
  assert.deepEqual(ends, [["cannot_connect", ""]]);
  assert.equal(sockets[0].readyState, 3);
});

for (const [status, reason] of [
  [400, "bad_choice"],
  [401, "unauthenticated"],
  [403, "direct_refused"],
  [429, "rate_limit"],
  [503, "no_key"],
  [500, "key_refused"],
  [0, "cannot_connect"],
]) {
  test(`a key that is refused with ${status} ends the call as ${reason}`, async () => {
    const refuse = async () => {
      throw new ApiError("refused", status, "Because.");
    };
    makeConnection({ takeKey: refuse }).open();
    await settle();
    assert.deepEqual(ends, [[reason, "Because."]]);
    assert.equal(sockets.length, 0);
  });
}

test("a server that is away while the call reconnects is tried again", async () => {
  let isAway = false;
  await openConnection({
    takeKey: async () => {
      if (isAway) throw new ApiError("no_network", 0, "");
      return "ek";
    },
  });
  isAway = true;
  sockets[0].close(1006);
  mock.timers.tick(1000);
  await settle();
  assert.deepEqual(reconnects, [1, 2]);
  isAway = false;
  mock.timers.tick(2000);
  await accept();
  assert.deepEqual(types().at(-1), "relay.ready");
});

test("a key that has expired is no error of a running session", async () => {
  const connection = await openConnection();
  nowMs = 3_600_000;
  sockets[0].receive({ type: "response.created", response: {} });
  assert.equal(connection.isReady, true);
  assert.deepEqual(ends, []);
});

test("refused settings end the call with what the provider says", async () => {
  makeConnection().open();
  await settle();
  sockets[0].open();
  sockets[0].receive({ type: "session.created", session: {} });
  const [{ event_id }] = sockets[0].sent;
  sockets[0].receive({ type: "error", error: { code: "invalid_value", message: "No.", event_id } });
  assert.deepEqual(ends, [["provider_refused", "No."]]);
  assert.equal(sockets[0].readyState, 3);
});

test("an error of the account ends the call when the provider closes it", async () => {
  await openConnection();
  sockets[0].receive({
    type: "error",
    error: { code: "insufficient_quota", message: "Quota used." },
  });
  sockets[0].close(1000);
  assert.deepEqual(ends, [["provider_refused", "Quota used."]]);
  assert.deepEqual(reconnects, []);
});

test("a close code that says that the key is refused ends the call", async () => {
  await openConnection();
  sockets[0].close(3000);
  assert.deepEqual(ends, [["provider_refused", ""]]);
});

test("other errors are passed on, and the call goes on", async () => {
  await openConnection();
  sockets[0].receive({ type: "error", error: { code: "server_error", message: "Oops." } });
  assert.deepEqual(providerErrors, ["Oops."]);
  assert.equal(types().at(-1), "error");
  assert.deepEqual(ends, []);
});

test("an error that is not shown explains nothing", async () => {
  await openConnection();
  const error = { code: "invalid_value", message: "Audio is already shorter." };
  sockets[0].receive({ type: "error", error });
  assert.deepEqual(providerErrors, []);
  assert.equal(types().at(-1), "error");
});

test("the end of the provider's longest session is a loss, not an error", async () => {
  await openConnection();
  sockets[0].receive({ type: "error", error: { code: "session_expired", message: "60 minutes" } });
  assert.deepEqual(providerErrors, []);
  sockets[0].close(1001);
  assert.deepEqual(reconnects, [1]);
});

test("a new connection is given what was said, and its echo is not taken for something new", async () => {
  await openConnection();
  past = [{ itemId: "item_1", role: "user", text: "Hello.", heardText: null }];
  sockets[0].close(1006);
  mock.timers.tick(1000);
  await accept();
  const created = sockets[1].sent.at(-1);
  assert.equal(created.type, "conversation.item.create");
  assert.equal(created.item.id, "item_1");
  events = [];
  sockets[1].receive({ type: "conversation.item.added", item: created.item });
  sockets[1].receive({ type: "conversation.item.done", item: created.item });
  sockets[1].receive({ type: "conversation.item.added", item: { id: "item_2" } });
  assert.deepEqual(events, [{ type: "conversation.item.added", item: { id: "item_2" } }]);
  const { event_id } = created;
  sockets[1].receive({ type: "error", error: { code: "invalid_value", message: "x", event_id } });
  assert.deepEqual(providerErrors, []);
});

test("the browser's network decides at once: offline drops, online tries again", async () => {
  await openConnection();
  network.dispatchEvent(new Event("offline"));
  assert.deepEqual(reconnects, [1]);
  assert.equal(sockets[0].readyState, 3);
  network.dispatchEvent(new Event("online"));
  await accept();
  assert.equal(sockets.length, 2);
  assert.equal(types().at(-1), "relay.ready");
  mock.timers.tick(60_000);
  await settle();
  assert.equal(sockets.length, 2);
});

test("what is not JSON with a type is ignored", async () => {
  await openConnection();
  const before = events.length;
  for (const text of ["", "{", "[]", '{"type":1}']) sockets[0].receive(text);
  assert.equal(events.length, before);
});

test("the browser's buffer is what is not sent yet", async () => {
  const connection = makeConnection();
  assert.equal(connection.unsentBytes, 0);
  connection.open();
  await settle();
  sockets[0].bufferedAmount = 7;
  assert.equal(connection.unsentBytes, 7);
});
