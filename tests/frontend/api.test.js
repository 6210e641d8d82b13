import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { Api } from "../../frontend/api.js";

const { fetch: original } = globalThis;

afterEach(() => {
  globalThis.fetch = original;
});

test("a request has a timeout", async () => {
  let signal = null;
  globalThis.fetch = async (_path, options) => {
    signal = options.signal;
    throw new DOMException("", "TimeoutError");
  };
  await assert.rejects(new Api().config(), { code: "no_network", status: 0 });
  assert.ok(signal instanceof AbortSignal);
});

test("an answer that is cut off counts as no answer", async () => {
  globalThis.fetch = async () => new Response('{"count": 1, "resul');
  await assert.rejects(new Api().sessions(), { code: "no_network", status: 0 });
});

test("a refusal without JSON is an internal error with its status", async () => {
  globalThis.fetch = async () => new Response("<h1>Bad gateway</h1>", { status: 502 });
  await assert.rejects(new Api().config(), { code: "internal", status: 502 });
});

test("a typed message is sent for a stream, with the caller's signal", async () => {
  let asked = null;
  globalThis.fetch = async (path, options) => {
    asked = { path, ...options };
    return new Response("event: message.delta\n");
  };
  const { signal } = new AbortController();
  const stream = await new Api().streamMessage("s/1", { id: "m1", text: "Hi" }, signal);
  assert.equal(await new Response(stream).text(), "event: message.delta\n");
  assert.equal(asked.path, "/api/sessions/s%2F1/messages/");
  assert.equal(asked.headers.Accept, "text/event-stream");
  assert.deepEqual([JSON.parse(asked.body), asked.signal], [{ id: "m1", text: "Hi" }, signal]);
});

test("a typed message may be refused, and a login be over", async () => {
  const api = new Api();
  let isSignedOut = false;
  api.token = "t";
  api.onSignedOut = () => {
    isSignedOut = true;
  };
  const error = { error: { code: "reply_running", message: "Wait." } };
  globalThis.fetch = async () => Response.json(error, { status: 409 });
  const send = () =>
    api.streamMessage("s1", { id: "m1", text: "Hi" }, new AbortController().signal);
  await assert.rejects(send(), { code: "reply_running", status: 409, sentence: "Wait." });
  assert.equal(isSignedOut, false);
  globalThis.fetch = async () => new Response("", { status: 401 });
  await assert.rejects(send(), { code: "internal", status: 401 });
  assert.equal(isSignedOut, true);
});
