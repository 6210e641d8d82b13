import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { kindOfError, MicrophoneError } from "../../../frontend/audio/microphone.js";

describe("the kind of a microphone error", () => {
  for (const [name, kind] of [
    ["NotAllowedError", "denied"],
    ["NotFoundError", "missing"],
    ["OverconstrainedError", "missing"],
    ["NotReadableError", "busy"],
    ["AbortError", "busy"],
    ["TypeError", "failed"],
  ]) {
    test(`is ${kind} for ${name}`, () => {
      assert.equal(kindOfError(new DOMException("", name)), kind);
    });
  }

  test("is failed for a thrown value that is not an error", () => {
    assert.equal(kindOfError(undefined), "failed");
    assert.equal(kindOfError("NotAllowedError"), "failed");
  });

  test("is carried by the error, with its cause", () => {
    const cause = new DOMException("", "NotAllowedError");
    const error = new MicrophoneError("denied", { cause });
    assert.deepEqual([error.kind, error.name, error.cause], ["denied", "MicrophoneError", cause]);
  });
});
