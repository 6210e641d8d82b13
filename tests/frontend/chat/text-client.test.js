import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { ApiError } from "../../../frontend/api.js";
import {
  ACCEPT_TIMEOUT_MS,
  SILENCE_TIMEOUT_MS,
  TextClient,
} from "../../../frontend/chat/text-client.js";
import { settle } from "../equipment.js";

// Safari 16.4 has none: the tests of this file run without it.
delete AbortSignal.any;

const TURN = { item_id: "a1", role: "assistant", text: "Hello.", status: "completed" };
const MESSAGE = { itemId: "m1", text: "Hi" };

let asked;
let source;
let pieces;
let abort;

const event = (name, data) =>
  source.enqueue(new TextEncoder().encode(`event: ${name}\ndata: ${JSON.stringify(data)}\n\n`));

/** Send the message; the test writes the stream into `source`. */
function send() {
  const api = {
    streamMessage: async (...args) => {
      asked = args;
      return new ReadableStream({
        start: (controller) => {
          source = controller;
          args[2].addEventListener("abort", () =>
            controller.error(new DOMException("", "AbortError")),
          );
        },
      });
    },
  };
  const delegate = { accepted: () => pieces.push("accepted"), text: (text) => pieces.push(text) };
  const answer = new TextClient(api).send("s1", MESSAGE, delegate, abort.signal);
  answer.catch(() => {});
  return answer;
}

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout"] });
  pieces = [];
  abort = new AbortController();
});

test("a message is sent with its id, and its answer streamed", async () => {
  const answer = send();
  await settle();
  event("message.delta", { text: "Hel" });
  event("message.delta", { text: "lo." });
  event("message.completed", TURN);
  assert.deepEqual(await answer, TURN);
  assert.deepEqual(asked.slice(0, 2), ["s1", { id: "m1", text: "Hi" }]);
  assert.deepEqual(pieces, ["accepted", "Hel", "lo."]);
});

test("an error event is an ApiError with the server's sentence", async () => {
  const answer = send();
  await settle();
  event("error", { error: { code: "provider_failed", message: "It broke off." } });
  await assert.rejects(answer, { code: "provider_failed", sentence: "It broke off." });
});

test("a message that the server does not accept in time has not arrived", async () => {
  const api = {
    streamMessage: (_id, _body, signal) =>
      new Promise((_, reject) => {
        signal.addEventListener("abort", () => reject(new ApiError("no_network", 0, "")));
      }),
  };
  const delegate = { accepted: () => pieces.push("accepted"), text: () => {} };
  const answer = new TextClient(api).send("s1", MESSAGE, delegate, abort.signal);
  mock.timers.tick(ACCEPT_TIMEOUT_MS);
  await assert.rejects(answer, { code: "no_network", status: 0 });
  assert.deepEqual(pieces, []);
});

test("a refusal is passed on", async () => {
  const api = {
    streamMessage: async () => {
      throw new ApiError("reply_running", 409, "Wait.");
    },
  };
  const delegate = { accepted: () => pieces.push("accepted"), text: () => {} };
  const answer = new TextClient(api).send("s1", MESSAGE, delegate, abort.signal);
  await assert.rejects(answer, { code: "reply_running", status: 409 });
  assert.deepEqual(pieces, []);
});

for (const [name, end] of [
  ["ends before the answer is complete", () => source.close()],
  ["breaks off", () => source.error(new TypeError("network error"))],
  ["is aborted", () => abort.abort()],
  ["carries no JSON", () => source.enqueue(new TextEncoder().encode("event: error\ndata: {\n\n"))],
  ["is silent for too long", () => mock.timers.tick(SILENCE_TIMEOUT_MS)],
]) {
  test(`a stream that ${name} counts as no answer`, async () => {
    const answer = send();
    await settle();
    event("message.delta", { text: "Hel" });
    await settle();
    end();
    await assert.rejects(answer, { code: "no_network", status: 0 });
    assert.deepEqual(pieces, ["accepted", "Hel"]);
  });
}

test("a slow answer is no silence", async () => {
  const answer = send();
  await settle();
  for (let count = 0; count < 3; count += 1) {
    mock.timers.tick(SILENCE_TIMEOUT_MS - 1);
    event("message.delta", { text: "." });
    await settle();
  }
  event("message.completed", TURN);
  assert.deepEqual(await answer, TURN);
});

test("an answer is stopped by the id of its message", async () => {
  const stopped = [];
  await new TextClient({ stopMessage: async (...args) => stopped.push(args) }).stop("s1", "m1");
  assert.deepEqual(stopped, [["s1", "m1"]]);
});
