import assert from "node:assert/strict";
import { test } from "node:test";
import { sessionUpdate } from "../../../frontend/direct/session-update.js";

test("the sound is that of the page's audio modules, both ways", () => {
  const { type, event_id, session } = sessionUpdate({}, "e1");
  assert.deepEqual([type, event_id, session.type], ["session.update", "e1", "realtime"]);
  const format = { type: "audio/pcm", rate: 24_000 };
  assert.deepEqual([session.audio.input.format, session.audio.output.format], [format, format]);
});

test("instructions, voice, tools and transcription stay those of the key", () => {
  const { session } = sessionUpdate({ instructions: "x", tools: [{}] }, "e1");
  assert.deepEqual(Object.keys(session), ["type", "output_modalities", "audio"]);
  assert.deepEqual(Object.keys(session.audio.input), ["format", "turn_detection"]);
  assert.deepEqual(Object.keys(session.audio.output), ["format"]);
});

test("the turn detection is that of the key, and answers and interrupts by itself", () => {
  const turn_detection = { type: "semantic_vad", eagerness: "low", create_response: false };
  const { session } = sessionUpdate({ audio: { input: { turn_detection } } }, "e1");
  assert.deepEqual(session.audio.input.turn_detection, {
    type: "semantic_vad",
    eagerness: "low",
    create_response: true,
    interrupt_response: true,
  });
});

test("without one, it is our default", () => {
  const { turn_detection: detection } = sessionUpdate(undefined, "e1").session.audio.input;
  assert.deepEqual(
    [
      detection.type,
      detection.threshold,
      detection.prefix_padding_ms,
      detection.silence_duration_ms,
    ],
    ["server_vad", 0.5, 300, 500],
  );
});
