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
