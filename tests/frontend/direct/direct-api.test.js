import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { DirectApi } from "../../../frontend/direct/direct-api.js";

let requests;
let answer;
let signedOut;
let api;
let directApi;

beforeEach(() => {
  requests = [];
  signedOut = 0;
  api = { token: "t1", language: "ja", onSignedOut: () => (signedOut += 1) };
  answer = { status: 200, body: {} };
  directApi = new DirectApi(api, async (path, options) => {
    requests.push({ path, ...options });
    if (answer === null) throw new TypeError("Failed to fetch");
    return new Response(JSON.stringify(answer.body), { status: answer.status });
  });
});

test("a key is asked for with the model and the voice, as the user", async () => {
  answer.body = { success: true, token: "ek_1", expireTime: "2026-11-28T12:00:00Z" };
  const { token } = await directApi.takeKey({ model: "m", voice: "verse" });
  assert.equal(token, "ek_1");
  const [{ path, method, headers, body, credentials }] = requests;
  assert.deepEqual([method, path], ["POST", "/api/openai/realtime/session"]);
  assert.deepEqual(JSON.parse(body), { model: "m", voice: "verse" });
  assert.equal(headers.Authorization, "Token t1");
  assert.equal(headers["Accept-Language"], "ja");
  assert.equal(credentials, "omit");
});

for (const [body, sentence] of [
  [{ success: false, error: "No key." }, "No key."],
  [{ error: { code: "throttled", message: "Slow down." } }, "Slow down."],
  ["<html>", ""],
]) {
  test(`a refusal has a sentence where the server gives one: ${JSON.stringify(body)}`, async () => {
    answer = { status: 503, body };
    await assert.rejects(directApi.takeKey({}), { status: 503, sentence });
  });
}

test("an answer without a key is an error", async () => {
  answer.body = { success: false, error: "?" };
  await assert.rejects(directApi.takeKey({}), { name: "ApiError", sentence: "?" });
});

test("without a network the status is 0", async () => {
  answer = null;
  await assert.rejects(directApi.takeKey({}), { code: "no_network", status: 0 });
});

test("a login that has ended is reported, unless it was changed meanwhile", async () => {
  answer = { status: 401, body: { success: false, error: "" } };
  await assert.rejects(directApi.takeKey({}), { status: 401 });
  assert.equal(signedOut, 1);
  const late = directApi.takeKey({});
  api.token = "t2";
  await assert.rejects(late, { status: 401 });
  assert.equal(signedOut, 1);
});

test("turns are reported to their session", async () => {
  await directApi.reportTurns("s/1", [{ item_id: "a" }]);
  const [{ path, body, keepalive, signal }] = requests;
  assert.equal(path, "/api/sessions/s%2F1/reported-turns/");
  assert.deepEqual(JSON.parse(body), { turns: [{ item_id: "a" }] });
  assert.equal(keepalive, false);
  assert.ok(signal);
});

test("as the page is closed, the request outlives it, unless it is too long for that", async () => {
  await directApi.reportTurns("s1", [{ item_id: "a" }], { isLeaving: true });
  await directApi.reportTurns("s1", [{ text: "x".repeat(70_000) }], { isLeaving: true });
  assert.deepEqual(
    requests.map(({ keepalive, signal }) => [keepalive, signal === undefined]),
    [
      [true, true],
      [false, false],
    ],
  );
});

test("a refused report has the server's code", async () => {
  answer = { status: 404, body: { error: { code: "not_found", message: "Gone." } } };
  await assert.rejects(directApi.reportTurns("s1", []), { code: "not_found", status: 404 });
});
