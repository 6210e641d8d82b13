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

test("an export is a file with the server's name, requested with the token", async () => {
  const requests = [];
  globalThis.fetch = async (path, options) => {
    requests.push([path, options.headers.Authorization, options.method]);
    const headers = {
      "Content-Disposition": "attachment; filename*=UTF-8''%E3%83%91%E3%83%B3.csv",
    };
    return new Response("\ufeffa,b", { headers });
  };
  const api = new Api();
  api.token = "key";
  const { blob, fileName } = await api.exportSession("a/b", "csv");
  assert.deepEqual(requests, [["/api/sessions/a%2Fb/export/?format=csv", "Token key", "GET"]]);
  assert.equal(fileName, "パン.csv");
  // The byte order mark is kept.
  assert.deepEqual([...new Uint8Array(await blob.arrayBuffer())].slice(0, 3), [0xef, 0xbb, 0xbf]);
});

test("an export that is refused is an error with the server's sentence", async () => {
  const error = { code: "not_found", message: "There is nothing here." };
  globalThis.fetch = async () => Response.json({ error }, { status: 404 });
  const expected = { code: "not_found", status: 404, sentence: "There is nothing here." };
  await assert.rejects(new Api().exportSession("a", "txt"), expected);
  globalThis.fetch = async () => new Response("<h1>Bad gateway</h1>", { status: 502 });
  await assert.rejects(new Api().exportSession("a", "txt"), { code: "internal", status: 502 });
});

test("an export that breaks off is an error and no file", async () => {
  globalThis.fetch = async () => {
    const body = new ReadableStream({ pull: (controller) => controller.error(new TypeError()) });
    return new Response(body);
  };
  await assert.rejects(new Api().exportSession("a", "txt"), { code: "no_network", status: 0 });
});

test("a token that an export shows to be revoked signs the user out", async () => {
  globalThis.fetch = async () => Response.json({ error: {} }, { status: 401 });
  const api = new Api();
  api.token = "key";
  let count = 0;
  api.onSignedOut = () => {
    count += 1;
  };
  await assert.rejects(api.exportSession("a", "txt"), { status: 401 });
  assert.equal(count, 1);
});

test("budgets are read without signing the user out", async () => {
  const api = new Api();
  api.token = "key";
  api.onSignedOut = () => assert.fail("signed out");
  globalThis.fetch = async () => Response.json({ error: {} }, { status: 401 });
  await assert.rejects(api.budgets(), { status: 401 });
  globalThis.fetch = async () => Response.json({ days: [], budgets: [{ kind: "money" }] });
  assert.deepEqual(await api.budgets(), [{ kind: "money" }]);
});

test("a search is sent with its text escaped, page by page", async () => {
  const paths = [];
  globalThis.fetch = async (path) => {
    paths.push(path);
    const next = paths.length === 1 ? "https://kaiwa.test/api/sessions/?page=2&search=a" : null;
    return Response.json({ count: 2, next, results: [{ id: String(paths.length) }] });
  };
  globalThis.location ??= { href: "https://kaiwa.test/" };
  const found = await new Api().findSessions("50% & パン");
  assert.deepEqual(
    found.map(({ id }) => id),
    ["1", "2"],
  );
  assert.equal(new URL(paths[0], "https://kaiwa.test").searchParams.get("search"), "50% & パン");
  assert.equal(paths[1], "/api/sessions/?page=2&search=a");
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

test("a clip is sent as a form, whose boundary the browser names", async () => {
  let sent = null;
  globalThis.fetch = async (path, options) => {
    sent = { path, ...options };
    return new Response('{"text": "Hello."}');
  };
  assert.deepEqual(await new Api().transcribe("a/b", new Blob(["clip"])), { text: "Hello." });
  assert.equal(sent.path, "/api/sessions/a%2Fb/transcriptions/");
  assert.equal(sent.method, "POST");
  assert.equal(sent.headers["Content-Type"], undefined);
  assert.equal(await sent.body.get("file").text(), "clip");
});

test("a session is changed, deleted and restored at its own address", async () => {
  const requests = [];
  globalThis.fetch = async (path, { method, body }) => {
    requests.push([method, path, body]);
    if (method === "DELETE") return new Response(null, { status: 204 });
    return Response.json({ id: "a/b", voice: "cedar" });
  };
  const api = new Api();
  assert.equal((await api.changeSession("a/b", { voice: "cedar" })).voice, "cedar");
  assert.equal(await api.deleteSession("a/b"), null);
  assert.equal((await api.restoreSession("a/b")).id, "a/b");
  assert.deepEqual(requests, [
    ["PATCH", "/api/sessions/a%2Fb/", '{"voice":"cedar"}'],
    ["DELETE", "/api/sessions/a%2Fb/", undefined],
    ["POST", "/api/sessions/a%2Fb/restore/", undefined],
  ]);
});

test("a WebRTC call is started, read and ended at its own address", async () => {
  const requests = [];
  const answers = [
    Response.json({ sdp: "answer", call_id: "c1" }, { status: 201 }),
    Response.json({ state: "live" }),
    new Response(null, { status: 204 }),
  ];
  globalThis.fetch = async (path, { method, body, keepalive }) => {
    requests.push([method, path, body && JSON.parse(body), keepalive]);
    return answers.shift();
  };
  const api = new Api();
  assert.deepEqual(await api.startCall("s1", "offer"), { sdp: "answer", call_id: "c1" });
  assert.deepEqual(await api.callState("c1"), { state: "live" });
  await api.endCall("c1");
  assert.deepEqual(requests, [
    ["POST", "/api/realtime/calls/", { session_id: "s1", sdp: "offer" }, undefined],
    ["GET", "/api/realtime/calls/c1/", undefined, undefined],
    // Sent also while the page is unloaded.
    ["DELETE", "/api/realtime/calls/c1/", undefined, true],
  ]);
});

test("a refusal says when to try again: by its time, or by its header", async () => {
  const at = "2026-12-01T00:00:00Z";
  const error = { code: "budget_spent", message: "" };
  const headers = { "Retry-After": "60" };
  const refusalOf = (more) => {
    globalThis.fetch = async () =>
      Response.json({ error: { ...error, ...more } }, { status: 402, headers });
    return new Api().startCall("s1", "offer").catch(({ retryAt }) => retryAt);
  };
  assert.deepEqual(await refusalOf({ detail: { resets_at: at } }), new Date(at));
  const inSeconds = (Number(await refusalOf({})) - Date.now()) / 1000;
  assert.ok(inSeconds > 55 && inSeconds <= 60, inSeconds);
});
