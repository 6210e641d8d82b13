import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { ApiError } from "../../../frontend/api.js";
import { Connection, websocketUrl } from "../../../frontend/call/connection.js";
import { whenText } from "../../../frontend/when.js";
import { FakeSocket, settle } from "../equipment.js";

let sockets;
let events;
let happened;
let network;
let takeTicket;
let isOnline;
let checkProxy;
let roundTrips;
let connection;

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout"] });
  sockets = [];
  events = [];
  happened = [];
  roundTrips = [];
  network = new EventTarget();
  takeTicket = async () => ({ ticket: "t1" });
  isOnline = true;
  checkProxy = async () => null;
  connection = new Connection({
    takeTicket: () => takeTicket(),
    url: async () => "wss://kaiwa.test/ws/realtime/s/",
    onEvent: ({ type }) => events.push(type),
    onReconnecting: (attempt, cause) => happened.push(`reconnecting ${attempt} ${cause}`),
    onEnded: (reason, message, detail = {}) =>
      happened.push(["ended", reason, message, ...Object.values(detail)].filter(Boolean).join(" ")),
    checkProxy: () => checkProxy(),
    isOnline: () => isOnline,
    onRoundTrip: (ms) => roundTrips.push(ms),
    random: () => 0.5,
    openSocket: (url, protocols) => {
      sockets.push(new FakeSocket(url, protocols));
      return sockets.at(-1);
    },
    network,
  });
});

const socket = () => sockets.at(-1);

async function open() {
  connection.open();
  await settle();
  socket().receive({ type: "relay.ready" });
}

async function pass(ms) {
  mock.timers.tick(ms);
  await settle();
}

test("it connects with a ticket, and is ready when the relay says so", async () => {
  connection.open();
  await settle();
  assert.equal(socket().url, "wss://kaiwa.test/ws/realtime/s/");
  assert.deepEqual(socket().protocols, ["realtime", "relay.ticket.t1"]);
  assert.equal(connection.isReady, false);
  socket().receive({ type: "relay.ready" });
  assert.equal(connection.isReady, true);
  assert.deepEqual(events, ["relay.ready"]);
});

test("frames are sent as JSON, and dropped while it is closed", async () => {
  connection.send({ type: "one" });
  await open();
  connection.send({ type: "two" });
  connection.close();
  connection.send({ type: "three" });
  assert.deepEqual(socket().sent, [{ type: "two" }]);
});

test("what is no event is passed over", async () => {
  await open();
  for (const text of ["not json", "null", "[]", '{"type":7}']) socket().receive(text);
  assert.deepEqual(events, ["relay.ready"]);
});

test("a lost connection is opened again after a backoff, with a new ticket", async () => {
  await open();
  socket().close(1006);
  assert.deepEqual(happened, ["reconnecting 1 no_network"]);
  await pass(999);
  assert.equal(sockets.length, 1);
  await pass(1);
  assert.equal(sockets.length, 2);
});

/** What was done, without the attempts at the end that are all alike. */
const causes = () => [...new Set(happened.map((one) => one.replace(/ \d+/, "")))];

/** Let the server be away for this long: the next socket breaks as soon as it is made. */
async function stayAway(ms) {
  for (let passed = 0; passed < ms; passed += 1000) {
    socket().close(1006);
    await settle();
    await pass(1000);
  }
}

test("a server that is back within two minutes is found; one that stays away ends the call", async () => {
  await open();
  await stayAway(120_000);
  assert.deepEqual(causes(), ["reconnecting no_network"]);
  await stayAway(20_000);
  assert.equal(happened.at(-1), "ended no_network");
  assert.equal(happened.filter((one) => one.startsWith("reconnecting")).length, 21);
});

test("a network that is away for an hour ends nothing, and its return reconnects at once", async () => {
  await open();
  isOnline = false;
  network.dispatchEvent(new Event("offline"));
  takeTicket = async () => {
    throw new ApiError("no_network", 0, "");
  };
  for (let second = 0; second < 3600; second += 5) await pass(5000);
  assert.deepEqual(causes(), ["reconnecting offline"]);
  isOnline = true;
  takeTicket = async () => ({ ticket: "t2" });
  network.dispatchEvent(new Event("online"));
  await settle();
  assert.deepEqual([sockets.length, socket().protocols[1]], [2, "relay.ticket.t2"]);
  socket().close(1006);
  await settle();
  assert.equal(happened.at(-1), "reconnecting 1 no_network");
});

test("without a network a server on this machine is still found", async () => {
  isOnline = false;
  await open();
  network.dispatchEvent(new Event("offline"));
  await pass(1000);
  socket().receive({ type: "relay.ready" });
  assert.deepEqual([sockets.length, connection.isReady], [2, true]);
});

test("a restart that was announced is the cause until the server is back", async () => {
  await open();
  socket().receive({ type: "relay.draining" });
  socket().close(1006);
  takeTicket = async () => {
    throw new ApiError("unavailable", 503, "Busy.");
  };
  await pass(1000);
  await pass(2000);
  assert.deepEqual(happened, [
    "reconnecting 1 draining",
    "reconnecting 2 draining",
    "reconnecting 3 draining",
  ]);
  takeTicket = async () => ({ ticket: "t2" });
  await pass(4000);
  socket().receive({ type: "relay.ready" });
  socket().close(1006);
  assert.equal(happened.at(-1), "reconnecting 4 no_network");
});

test("a malformed session id ends it at once", async () => {
  takeTicket = async () => {
    throw new ApiError("session_id_malformed", 0, "A UUID.");
  };
  connection.open();
  await settle();
  assert.equal(happened.at(-1), "ended session_id_malformed A UUID.");
});

test("a proxy's answer to the ticket is not final, and neither is its limit", async () => {
  for (const [error, cause] of [
    [new ApiError("internal", 404, ""), "internal"],
    [new ApiError("throttled", 429, ""), "rate_limit"],
  ]) {
    takeTicket = async () => {
      throw error;
    };
    connection.open();
    await settle();
    assert.equal(happened.at(-1), `reconnecting 1 ${cause}`);
    connection.close();
  }
});

test("a WebSocket that never opens behind a wrong proxy ends it with the proxy's fault", async () => {
  checkProxy = async () => ({
    reason: "origin_foreign",
    detail: { origin: "https://kaiwa.test:8443", host: "kaiwa.test" },
  });
  connection.open();
  await settle();
  socket().close(1006);
  await settle();
  assert.deepEqual(causes(), ["reconnecting no_network"]);
  await pass(1000);
  socket().close(1006);
  await settle();
  assert.equal(happened.at(-1), "ended origin_foreign https://kaiwa.test:8443 kaiwa.test");
});

test("the proxy is not suspected of one WebSocket that does not open", async () => {
  // What a right proxy looks like, once the network is back.
  checkProxy = async () => ({ reason: "subprotocol_missing" });
  connection.open();
  await settle();
  socket().close(1006);
  await settle();
  await pass(1000);
  socket().receive({ type: "relay.ready" });
  assert.deepEqual(causes(), ["reconnecting no_network"]);
  assert.equal(connection.isReady, true);
});

test("the proxy is not suspected once a WebSocket has opened, or when it was asked in vain", async () => {
  checkProxy = async () => {
    throw new Error("no answer");
  };
  connection.open();
  await settle();
  socket().close(1006);
  await settle();
  await pass(1000);
  socket().close(1006);
  await settle();
  checkProxy = async () => ({ reason: "upgrade_missing" });
  await pass(2000);
  socket().dispatchEvent(new Event("open"));
  socket().close(1006);
  await settle();
  await pass(4000);
  socket().receive({ type: "relay.ready" });
  socket().close(1006);
  await settle();
  await pass(7000);
  socket().close(1006);
  await settle();
  assert.deepEqual(causes(), ["reconnecting no_network"]);
});

test("to leave while the proxy is asked reports nothing", async () => {
  let answer;
  checkProxy = () =>
    new Promise((resolve) => {
      answer = resolve;
    });
  connection.open();
  await settle();
  socket().close(1006);
  await settle();
  await pass(1000);
  const before = [...happened];
  socket().close(1006);
  connection.close();
  answer({ reason: "upgrade_missing" });
  await settle();
  assert.deepEqual(happened, before);
});

test("a final relay.closing ends it, with its message", async () => {
  await open();
  socket().receive({
    type: "relay.closing",
    reason: "taken_over",
    retryable: false,
    message: "Elsewhere.",
  });
  socket().close(4409);
  await pass(60_000);
  assert.deepEqual([happened, sockets.length], [["ended taken_over Elsewhere."], 1]);
});

test("a refused ticket ends it; an unreachable server is tried again", async () => {
  takeTicket = async () => {
    throw new ApiError("not_found", 404, "No such session.");
  };
  connection.open();
  await settle();
  assert.deepEqual(happened, ["ended forbidden No such session."]);
  takeTicket = async () => {
    throw new ApiError("no_network", 0, "");
  };
  connection.open();
  await settle();
  assert.equal(happened[1], "reconnecting 1 no_network");
});

for (const [reason, retryAfterS, shown] of [
  ["hourly_limit", 90, "3:27 PM"],
  ["server_full", 30, "3:26 PM"],
  ["too_many_calls", undefined, ""],
]) {
  test(`over a limit (${reason}) it tries no more, and says when to try again`, async (context) => {
    const now = new Date(2026, 0, 2, 15, 25, 0).getTime();
    context.mock.method(Date, "now", () => now);
    context.mock.method(Date.prototype, "toLocaleTimeString", function () {
      return new Intl.DateTimeFormat("en", { hour: "numeric", minute: "2-digit" })
        .format(this)
        .replace("\u202f", " ");
    });
    connection.open();
    await settle();
    const closing = { reason, retryable: false, message: "Later.", retry_after: retryAfterS };
    socket().receive({ type: "relay.closing", ...closing });
    socket().close(4429);
    await pass(3_600_000);
    assert.deepEqual(happened, [["ended", reason, "Later.", shown].filter(Boolean).join(" ")]);
    assert.equal(sockets.length, 1);
  });
}

test("the time at which a budget starts again is not rounded", async () => {
  connection.open();
  await settle();
  const at = new Date(2026, 11, 1);
  const closing = { reason: "budget_spent", retryable: false, message: "Used up." };
  const times = { retry_after: (at.getTime() - Date.now() + 900) / 1000, resets_at: at };
  socket().receive({ type: "relay.closing", ...closing, ...times });
  socket().close(4429);
  assert.deepEqual(happened, [`ended budget_spent Used up. ${whenText(at)}`]);
});

for (const [code, reason] of [
  ["price_unknown", "price_unknown"],
  ["calls_not_allowed", "calls_not_allowed"],
  ["session_unknown", "forbidden"],
]) {
  test(`why a call is forbidden is the reason of its end (${code})`, async () => {
    connection.open();
    await settle();
    socket().receive({ type: "relay.error", code, message: "No.", retryable: false });
    const closing = { reason: "forbidden", retryable: false, message: "No." };
    socket().receive({ type: "relay.closing", ...closing });
    socket().close(4403);
    assert.equal(happened.at(-1), `ended ${reason} No.`);
  });
}

test("after close() nothing is reported and nothing is tried, whatever was under way", async () => {
  await open();
  const first = socket();
  connection.close();
  first.receive({ type: "late" });
  await pass(60_000);
  assert.deepEqual([events, happened, sockets.length], [["relay.ready"], [], 1]);
});

test("a ticket that comes after close() is not used", async () => {
  let give;
  takeTicket = () =>
    new Promise((resolve) => {
      give = resolve;
    });
  connection.open();
  connection.close();
  give({ ticket: "late" });
  await settle();
  assert.equal(sockets.length, 0);
});

test("a dropped connection is reconnected, and its late events are ignored", async () => {
  await open();
  const first = socket();
  connection.drop();
  first.receive({ type: "late" });
  assert.deepEqual([events, happened], [["relay.ready"], ["reconnecting 1 no_network"]]);
  assert.equal(first.readyState, 3);
});

test("its own reconnection is no take-over, though the server says so on the connection before", async () => {
  await open();
  const first = socket();
  connection.drop({ hasTimedOut: true });
  await pass(1000);
  socket().receive({ type: "relay.ready" });
  const reason = "taken_over";
  first.receive({ type: "relay.closing", reason, retryable: false, message: "Elsewhere." });
  first.close(4409);
  await settle();
  assert.deepEqual(happened, ["reconnecting 1 no_network"]);
  assert.deepEqual([events, connection.isReady], [["relay.ready", "relay.ready"], true]);
});

test("when the browser is offline it is dropped, and reconnected as soon as it is online", async () => {
  await open();
  network.dispatchEvent(new Event("offline"));
  assert.deepEqual(happened, ["reconnecting 1 no_network"]);
  network.dispatchEvent(new Event("online"));
  await settle();
  assert.equal(sockets.length, 2);
});

test("a connection that never becomes ready is closed and tried again", async () => {
  connection.open();
  await settle();
  await pass(15_000);
  assert.deepEqual(happened, ["reconnecting 1 no_network"]);
});

test("with a heartbeat an idle connection is pinged, and dropped when no pong comes", async () => {
  await open();
  connection.setHeartbeat(true);
  await pass(10_000);
  assert.deepEqual(socket().sent, [{ type: "relay.ping", event_id: "page_ping" }]);
  socket().receive({ type: "relay.pong", event_id: "page_ping" });
  assert.deepEqual(events, ["relay.ready"]);
  await pass(10_000);
  await pass(8_000);
  assert.deepEqual(happened, ["reconnecting 1 no_network"]);
});

test("from its opening on the page pings, so that the relay can tell that it hangs", async () => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
  connection.open();
  await settle();
  const first = socket();
  first.open();
  const ping = { type: "relay.ping", event_id: "page_ping" };
  assert.deepEqual(first.sent, [ping]);
  first.receive({ type: "relay.ready" });
  for (let second = 0; second < 90; second += 1) {
    first.receive({ type: "response.output_audio.delta" });
    await pass(1000);
  }
  assert.deepEqual(first.sent, [ping, ping, ping, ping]);

  connection.drop();
  await pass(1000);
  socket().open();
  socket().receive({ type: "relay.ready" });
  await pass(30_000);
  assert.deepEqual([first.sent.length, socket().sent.length], [4, 2]);

  const last = socket();
  connection.close();
  await pass(90_000);
  assert.equal(last.sent.length, 2);
});

test("while frames pass, the round trip is measured from the first second on, every five", async (t) => {
  let nowMs = 0;
  t.mock.method(performance, "now", () => nowMs);
  const pong = { type: "relay.pong", event_id: "page_ping" };
  const sendAt = (ms) => {
    nowMs = ms;
    connection.send({ type: "input_audio_buffer.append" });
  };
  connection.open();
  await settle();
  socket().open();
  nowMs = 300;
  // The start of the call is not measured.
  socket().receive({ type: "relay.ready" });
  socket().receive(pong);
  sendAt(1299);
  assert.deepEqual(roundTrips, []);
  sendAt(1300);
  nowMs = 1320;
  socket().receive(pong);
  socket().receive(pong);
  for (let ms = 1400; ms < 6300; ms += 100) sendAt(ms);
  assert.deepEqual(roundTrips, [20]);
  sendAt(6300);
  sendAt(11_300);
  assert.deepEqual(roundTrips, [20, 5000]);
  nowMs = 11_400;
  socket().receive(pong);
  assert.deepEqual(roundTrips, [20, 5000, 5100]);
  connection.close();
});

test("the address is that of the page, with the WebSocket's scheme", () => {
  assert.equal(
    websocketUrl("a/b", "https://kaiwa.test/#/s/x"),
    "wss://kaiwa.test/ws/realtime/a%2Fb/",
  );
  assert.equal(websocketUrl("s", "http://127.0.0.1:8000/"), "ws://127.0.0.1:8000/ws/realtime/s/");
});
