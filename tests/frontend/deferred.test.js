import assert from "node:assert/strict";
import { test } from "node:test";
import { deferred } from "../../frontend/deferred.js";

test("a deferred promise is resolved or rejected from outside", async () => {
  const [first, second] = [deferred(), deferred()];
  first.resolve("done");
  second.reject(new Error("refused"));
  assert.equal(await first.promise, "done");
  await assert.rejects(second.promise, /refused/);
});
