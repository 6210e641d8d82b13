import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { ApiError } from "../../../frontend/api.js";
import { BUSY_PAUSES_MS } from "../../../frontend/chat/resend.js";
import { SLOW_MS, STOP_TIMEOUT_MS, TextChat } from "../../../frontend/chat/text-chat.js";
import { settle } from "../equipment.js";

let requests;
let stops;
let stopFails;
let sessionIds;
let happened;
let chat;
let network;
let isOnline;
let isInCall;

/** A TextClient: the test accepts, streams and settles `requests[n]`. */
const client = {
  send(sessionId, { itemId, text }, delegate, signal) {
    const request = { sessionId, itemId, text, delegate, signal, ...Promise.withResolvers() };
    const aborted = () => request.reject(new ApiError("no_network", 0, ""));
    signal.addEventListener("abort", aborted);
    requests.push(request);
    return request.promise;
  },
  async stop(_sessionId, itemId) {
    stops.push(itemId);
    if (stopFails) throw new ApiError("not_found", 404, "");
  },
};

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout"] });
  requests = [];
  stops = [];
  stopFails = false;
  sessionIds = async () => "s1";
  happened = [];
  network = new EventTarget();
  isOnline = true;
  isInCall = false;
  let ids = 0;
  chat = new TextChat(
    {
      client,
      sessionId: () => sessionIds(),
      newId: () => `m${++ids}`,
      explain: ({ code }) => code,
      network,
      isOnline: () => isOnline,
      random: () => 0.5,
    },
    {
      changed: () => {},
      accepted: () => happened.push("accepted"),
      answered: (turns) => happened.push(turns.map(({ text }) => text).join(" → ")),
      lost: () => happened.push("lost"),
      failed: ({ code }) => happened.push(code),
      deliverable: (itemId) => !isInCall && chat.retry(itemId),
    },
  );
});

const turn = (text, status = "completed") => ({ item_id: `a_${text}`, text, status });
const texts = () => chat.lines().map(({ shown }) => shown);

async function accept(index = requests.length - 1) {
  requests[index].delegate.accepted();
  await settle();
}

async function fail(code, status = 0, index = requests.length - 1) {
  requests[index].reject(new ApiError(code, status, ""));
  await settle();
}

test("a message is sent with a fresh id; its answer grows and is handed over", async () => {
  chat.send("Hi");
  assert.deepEqual([chat.isBusy, texts()], [true, ["Hi"]]);
  await settle();
  assert.deepEqual([requests[0].sessionId, requests[0].itemId], ["s1", "m1"]);
  await accept();
  requests[0].delegate.text("Hel");
  requests[0].delegate.text("lo.");
  assert.deepEqual(texts(), ["Hi", "Hello."]);
  requests[0].resolve(turn("Hello."));
  await settle();
  assert.deepEqual(happened, ["accepted", "Hi → Hello."]);
  assert.deepEqual([chat.isBusy, texts()], [false, []]);
});

test("a message during an answer stops it, and is sent when that has ended", async () => {
  chat.send("One");
  await settle();
  await accept();
  chat.send("Two");
  await settle();
  assert.deepEqual([stops, requests.length], [["m1"], 1]);
  requests[0].resolve(turn("Cut", "interrupted"));
  await settle();
  assert.deepEqual([requests.length, requests[1].text], [2, "Two"]);
});

test("a message that the server has not taken yet is stopped when it has, and not before", async () => {
  chat.send("One");
  await settle();
  chat.stop();
  await settle();
  mock.timers.tick(STOP_TIMEOUT_MS);
  await settle();
  assert.deepEqual([stops, requests[0].signal.aborted], [[], false]);
  await accept();
  assert.deepEqual(stops, ["m1"]);
});

test("a message that failed before it was taken is not stopped when it is sent again", async () => {
  chat.send("One");
  await settle();
  chat.stop();
  await fail("invalid", 400);
  assert.deepEqual([happened, stops], [["invalid"], []]);
  chat.retry("m1");
  await settle();
  await accept();
  assert.deepEqual(stops, []);
});

test("words that come after the stop are not shown", async () => {
  chat.send("Hi");
  await settle();
  await accept();
  assert.equal(chat.hasWords, false);
  requests[0].delegate.text("Hel");
  assert.equal(chat.hasWords, true);
  chat.stop();
  requests[0].delegate.text("lo.");
  assert.deepEqual([texts(), chat.isBusy, chat.isAnswerDue], [["Hi", "Hel"], true, false]);
  assert.equal(chat.hasWords, false);
  requests[0].resolve(turn("Hel", "interrupted"));
  await settle();
  assert.deepEqual(happened, ["accepted", "Hi → Hel"]);
});

for (const [name, act] of [
  [
    "a stop that fails",
    () => {
      stopFails = true;
      chat.stop();
    },
  ],
  [
    "a stop without an effect",
    async () => {
      chat.stop();
      await settle();
      mock.timers.tick(STOP_TIMEOUT_MS);
    },
  ],
]) {
  test(`${name} aborts the request, and the server knows what came of the answer`, async () => {
    chat.send("Hi");
    await settle();
    await accept();
    await act();
    await settle();
    assert.equal(requests[0].signal.aborted, true);
    assert.deepEqual([happened, chat.lines(), chat.isBusy], [["accepted", "lost"], [], false]);
  });
}

test("a failed message keeps its text, and is sent again with its id", async () => {
  chat.send("Hi");
  await settle();
  await fail("chat_refused", 502);
  assert.deepEqual(happened, ["chat_refused"]);
  assert.deepEqual(chat.lines()[0].failure, "chat_refused");
  assert.deepEqual(chat.unsent, [{ itemId: "m1", text: "Hi" }]);
  chat.retry("m1");
  assert.equal(chat.lines()[0].failure, undefined);
  await settle();
  assert.deepEqual(
    requests.map(({ itemId }) => itemId),
    ["m1", "m1"],
  );
});

test("an answer that breaks off fails its message, and what came of it is still shown", async () => {
  chat.send("Hi");
  await settle();
  await accept();
  requests[0].delegate.text("Hel");
  await fail("provider_failed", 200);
  assert.deepEqual(texts(), ["Hi", "Hel"]);
  assert.deepEqual(
    chat.lines().map(({ status }) => status),
    ["failed", "failed"],
  );
});

test("a message after a failed one is sent, and the failed one stays last", async () => {
  chat.send("One");
  await settle();
  await fail("chat_refused", 502);
  chat.send("Two");
  assert.deepEqual(texts(), ["Two", "One"]);
  await settle();
  assert.equal(requests[1].text, "Two");
});

test("all failed messages are sent again in their order", async () => {
  for (const text of ["One", "Two"]) {
    chat.send(text);
    await settle();
    await fail("chat_refused", 502);
  }
  chat.retryAll();
  await settle();
  await accept(2);
  requests[2].resolve(turn("1"));
  await settle();
  assert.deepEqual(
    requests.slice(2).map(({ text }) => text),
    ["One", "Two"],
  );
});

test("only a failed message can be taken away or sent again", async () => {
  chat.send("Hi");
  await settle();
  chat.retry("m1");
  assert.deepEqual([chat.takeFailed("m1"), requests.length, texts()], [null, 1, ["Hi"]]);
  await fail("chat_refused", 502);
  assert.deepEqual([chat.takeFailed("m1"), chat.lines()], ["Hi", []]);
});

for (const code of ["call_live", "reply_running"]) {
  test(`the message is sent again by itself while the server says ${code}`, async () => {
    chat.send("Hi");
    for (const pauseMs of BUSY_PAUSES_MS) {
      await settle();
      await fail(code, 409);
      mock.timers.tick(pauseMs);
    }
    await settle();
    assert.equal(requests.length, BUSY_PAUSES_MS.length + 1);
    assert.ok(requests.every(({ itemId }) => itemId === "m1"));
    assert.deepEqual(happened, []);
    await fail(code, 409);
    assert.deepEqual(happened, [code]);
  });
}

test("a session that cannot be created fails the message; the next attempt creates it", async () => {
  sessionIds = async () => {
    throw new ApiError("throttled", 429, "");
  };
  chat.send("Hi");
  await settle();
  assert.deepEqual([happened, requests], [["throttled"], []]);
  sessionIds = async () => "s2";
  chat.retry("m1");
  await settle();
  assert.equal(requests[0].sessionId, "s2");
});

test("to finish waits for the answer that is stopped", async () => {
  let isFinished = false;
  await chat.finish();
  chat.send("Hi");
  await settle();
  await accept();
  void chat.finish().then(() => {
    isFinished = true;
  });
  await settle();
  assert.deepEqual([stops, isFinished], [["m1"], false]);
  requests[0].resolve(turn("Cut", "interrupted"));
  await settle();
  assert.equal(isFinished, true);
});

test("a conversation that was left aborts its request and calls nobody", async () => {
  chat.send("One");
  chat.send("Two");
  await settle();
  await accept();
  happened = [];
  chat.close();
  requests[0].delegate.text("Late");
  await settle();
  assert.equal(requests[0].signal.aborted, true);
  assert.deepEqual([happened, requests.length], [[], 1]);
});

async function pass(ms) {
  mock.timers.tick(ms);
  await settle();
}

const ids = () => requests.map(({ itemId }) => itemId);

test("a message waits while the network is away, however long, and is sent once when it is back", async () => {
  isOnline = false;
  chat.send("Hi");
  await settle();
  await fail("no_network");
  for (let minute = 0; minute < 60; minute += 1) {
    await pass(60_000);
    await fail("no_network");
  }
  assert.deepEqual([happened, chat.waitingFor], [[], "offline"]);
  assert.deepEqual(
    chat.lines().map(({ isPending, failure }) => [isPending, failure]),
    [[true, undefined]],
  );
  const before = requests.length;
  isOnline = true;
  network.dispatchEvent(new Event("online"));
  await settle();
  assert.deepEqual([requests.length, chat.waitingFor], [before + 1, null]);
  await accept();
  requests.at(-1).resolve(turn("Hello."));
  await settle();
  await pass(600_000);
  assert.deepEqual(happened, ["accepted", "Hi → Hello."]);
  assert.deepEqual([requests.length, new Set(ids()).size], [before + 1, 1]);
});

for (const [code, status, cause] of [
  ["no_network", 0, "no_network"],
  ["unavailable", 503, "internal"],
  ["internal", 502, "internal"],
]) {
  test(`a server that is away (${code} ${status}) is tried for two minutes`, async () => {
    chat.send("Hi");
    await settle();
    let waitedMs = 0;
    for (; waitedMs < 120_000; waitedMs += 7000) {
      await fail(code, status);
      assert.equal(chat.waitingFor, cause);
      await pass(7000);
    }
    for (; happened.length === 0; waitedMs += 7000) {
      await fail(code, status);
      await pass(7000);
    }
    assert.deepEqual([happened, waitedMs < 170_000, chat.isBusy], [[code], true, false]);
    assert.deepEqual(new Set(ids()), new Set(["m1"]));
  });
}

test("a message that was given up is sent when the network comes back; a refused one is not", async () => {
  chat.send("Away");
  await settle();
  while (happened.length === 0) {
    await fail("no_network");
    await pass(7000);
  }
  chat.send("Refused");
  await settle();
  await fail("chat_refused", 502);
  const before = requests.length;
  network.dispatchEvent(new Event("online"));
  await settle();
  assert.deepEqual([requests.length - before, requests.at(-1).itemId], [1, "m1"]);
});

test("an answer that breaks off with the network is asked for again, and stands there once", async () => {
  chat.send("Hi");
  await settle();
  await accept();
  requests[0].delegate.text("Hel");
  await fail("no_network");
  assert.deepEqual(texts(), ["Hi", "Hel"]);
  await pass(1000);
  await fail("reply_running", 409);
  for (let waitedMs = 0; waitedMs < 15_000; waitedMs += 3000) {
    await pass(3000);
    await fail("reply_running", 409);
  }
  await pass(3000);
  await accept();
  requests.at(-1).delegate.text("Hello.");
  assert.deepEqual(texts(), ["Hi", "Hello."]);
  requests.at(-1).resolve(turn("Hello."));
  await settle();
  assert.equal(happened.at(-1), "Hi → Hello.");
});

test("messages that are typed while the network is away are all sent, in their order", async () => {
  isOnline = false;
  for (const text of ["One", "Two"]) {
    chat.send(text);
    await settle();
  }
  await fail("no_network");
  isOnline = true;
  network.dispatchEvent(new Event("online"));
  await settle();
  await accept();
  requests.at(-1).resolve(turn("1", "interrupted"));
  await settle();
  await accept();
  requests.at(-1).resolve(turn("2"));
  await settle();
  assert.deepEqual(happened, ["accepted", "One → 1", "accepted", "Two → 2"]);
  assert.deepEqual(ids(), ["m1", "m1", "m2"]);
});

test("a call does not wait for a message that waits for the network: that one has failed", async () => {
  chat.send("Hi");
  await settle();
  await fail("no_network");
  await chat.finish();
  assert.deepEqual([happened, chat.waitingFor, chat.isBusy], [["no_network"], null, false]);
  chat.retry("m1");
  await settle();
  await fail("no_network");
  assert.equal(chat.waitingFor, "no_network");
});

test("a message that was given up for a call is not sent beside it when the network is back", async () => {
  chat.send("Hi");
  await settle();
  await fail("no_network");
  await chat.finish();
  isInCall = true;
  network.dispatchEvent(new Event("online"));
  await pass(60_000);
  assert.deepEqual([requests.length, chat.unsent.length], [1, 1]);
  isInCall = false;
  network.dispatchEvent(new Event("online"));
  await settle();
  assert.deepEqual(ids(), ["m1", "m1"]);
});

test("messages that are sent again stop no answer", async () => {
  for (const text of ["One", "Two"]) {
    chat.send(text);
    await settle();
    await fail("no_network");
    await chat.finish();
  }
  stops = [];
  network.dispatchEvent(new Event("online"));
  await settle();
  await accept();
  assert.deepEqual([ids(), stops], [["m1", "m2", "m1"], []]);
  requests.at(-1).resolve(turn("1."));
  await settle();
  assert.deepEqual(ids(), ["m1", "m2", "m1", "m2"]);
});

test("an answer that is stopped while the network is away is lost, and not asked for again", async () => {
  chat.send("Hi");
  await settle();
  await accept();
  await fail("no_network");
  stopFails = true;
  chat.stop();
  await settle();
  await pass(600_000);
  assert.deepEqual([happened, requests.length], [["accepted", "lost"], 1]);
});

test("a conversation that was left while a message waited sends nothing any more", async () => {
  chat.send("Hi");
  await settle();
  await fail("no_network");
  chat.close();
  network.dispatchEvent(new Event("online"));
  await pass(600_000);
  assert.deepEqual([happened, requests.length], [[], 1]);
});

test("a server that does not answer for long is why a message waits, until it has accepted it", async () => {
  chat.send("one");
  await settle();
  mock.timers.tick(SLOW_MS - 1);
  assert.equal(chat.waitingFor, null);
  mock.timers.tick(1);
  assert.deepEqual([chat.waitingFor, chat.lines()[0].isPending], ["unanswered", true]);
  await accept();
  assert.deepEqual([chat.waitingFor, chat.lines()[0].isPending], [null, false]);
  mock.timers.tick(SLOW_MS);
  assert.equal(chat.waitingFor, null);
});
