import assert from "node:assert/strict";
import { test } from "node:test";
import { SessionAddress } from "../../../frontend/page/address.js";

const ID = "0f8fad5b-d9cb-469f-a165-70867728950e";

function at(hash) {
  const pushed = [];
  const replaced = [];
  const history = {
    pushState: (_state, _unused, url) => pushed.push(url),
    replaceState: (_state, _unused, url) => replaced.push(url),
  };
  const address = new SessionAddress({ pathname: "/", search: "?x=1", hash }, history);
  return { address, pushed, replaced };
}

test("the hash names a session, a new conversation, or something else", () => {
  const read = (hash) => [at(hash).address.sessionId, at(hash).address.isOurs];
  assert.deepEqual(read(`#/s/${ID}`), [ID, true]);
  assert.deepEqual(read(""), [null, true]);
  assert.deepEqual(read("#message"), [null, false]);
  assert.deepEqual(read(`#/s/${ID}/../x`), [null, false]);
});

test("another session is an entry in the browser's history, the same one is not", () => {
  const { address, pushed } = at(`#/s/${ID}`);
  address.set(ID);
  assert.deepEqual(pushed, []);
  address.set(null);
  address.set("other");
  assert.deepEqual(pushed, ["/?x=1", "/?x=1#/s/other"]);
});

test("an address that the browser refuses to change changes nothing else", () => {
  const history = {
    pushState: () => {
      throw new DOMException("more than 100 times per 30 seconds", "SecurityError");
    },
  };
  new SessionAddress({ pathname: "/", search: "", hash: "" }, history).set(ID);
});

test("a new conversation that becomes a session keeps its entry: Back leads to the one before it", () => {
  const { address, pushed, replaced } = at("");
  address.replace(ID);
  assert.deepEqual([pushed, replaced], [[], [`/?x=1#/s/${ID}`]]);
});
