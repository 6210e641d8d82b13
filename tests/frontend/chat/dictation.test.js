import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { ApiError } from "../../../frontend/api.js";
import { MicrophoneError } from "../../../frontend/audio/microphone.js";
import {
  Dictation,
  HOLD_MS,
  IDLE,
  MAX_CLIP_MS,
  mayBeSentAgain,
  spaced,
  stepAfter,
} from "../../../frontend/chat/dictation.js";
import { deferred, keyWords, recorder, settle } from "../equipment.js";

/** Name and effect after each of these events, written as `name` or `name@ms`. */
function walk(...events) {
  let state = IDLE;
  return events.map((written) => {
    const [name, at = "0"] = written.split("@");
    const [after, effect] = stepAfter(state, { name, atMs: Number(at), error: "why" });
    state = after;
    return effect ? `${after.name} ${effect}` : after.name;
  });
}

test("a tap starts the recording, and the next one ends it", () => {
  assert.deepEqual(walk("pressed@0", "opened@50", "released@90", "pressed@5000", "released@5050"), [
    "asking open",
    "recording",
    "recording",
    "transcribing finish",
    "transcribing",
  ]);
});

test("releasing a button that was held ends the recording", () => {
  const held = ["pressed@0", "opened@50", `released@${HOLD_MS}`];
  assert.equal(walk(...held).at(-1), "transcribing finish");
  const tapped = ["pressed@0", "opened@50", `released@${HOLD_MS - 1}`];
  assert.equal(walk(...tapped).at(-1), "recording");
  assert.equal(walk(...tapped, "released@9000").at(-1), "recording");
});

test("a button released while the browser asks waits for a tap", () => {
  assert.equal(
    walk("pressed@0", "released@900", "opened@3000", "released@9000").at(-1),
    "recording",
  );
});

test("it can be cancelled at any time", () => {
  const asking = ["pressed"];
  const recording = [...asking, "opened"];
  const transcribing = [...recording, "finished"];
  const failed = [...transcribing, "failed"];
  for (const way of [asking, recording, transcribing, failed]) {
    assert.equal(walk(...way, "cancelled").at(-1), "idle discard", way.join());
  }
  assert.equal(walk(...asking, "pressed").at(-1), "idle discard");
  assert.equal(walk("cancelled").at(-1), "idle");
});

test("a failure is shown until the next recording, retry or dismissal", () => {
  const failed = ["pressed", "opened", "finished", "failed"];
  assert.equal(walk(...failed).at(-1), "failed");
  assert.equal(walk(...failed, "pressed").at(-1), "asking open");
  assert.equal(walk(...failed, "retried").at(-1), "transcribing send");
  assert.equal(walk("pressed", "failed").at(-1), "failed");
});

test("an event that comes too late changes nothing", () => {
  assert.deepEqual(walk("opened", "released", "finished", "transcribed", "failed", "retried"), [
    "idle",
    "idle",
    "idle",
    "idle",
    "idle",
    "idle",
  ]);
  assert.equal(walk("pressed", "opened", "finished", "pressed").at(-1), "transcribing");
});

test("a clip may be sent again where the fault was not the clip's", () => {
  for (const [code, status] of [
    ["no_network", 0],
    ["throttled", 429],
    ["transcription_unavailable", 503],
    ["transcription_timeout", 504],
    ["transcription_failed", 502],
  ]) {
    assert.ok(mayBeSentAgain(new ApiError(code, status, "")), code);
  }
  for (const [code, status] of [
    ["audio_invalid", 400],
    ["no_speech", 422],
    ["too_large", 413],
    ["session_closed", 409],
    ["transcription_refused", 502],
    ["transcription_model_unknown", 502],
  ]) {
    assert.ok(!mayBeSentAgain(new ApiError(code, status, "")), code);
  }
  assert.ok(!mayBeSentAgain(new MicrophoneError("denied")));
});

test("a text is spaced from its neighbours, except in Japanese", () => {
  assert.equal(spaced("", "Hello.", ""), "Hello.");
  assert.equal(spaced("Well,", "hello", "friend"), " hello ");
  assert.equal(spaced("Well, ", "hello", "\nfriend"), "hello");
  assert.equal(spaced("こんにちは。", "元気ですか", "はい"), "元気ですか");
  assert.equal(spaced("Kaiwa", "です", "。"), "です");
});

let parts;
let dictation;
let clips;
let sending;
let ticks;
let nowMs;
let texts;

class FakeRecorder {
  starting = Promise.withResolvers();
  finishing = Promise.withResolvers();
  discarded = 0;

  constructor(onStopped) {
    this.onStopped = onStopped;
    clips.push(this);
  }

  start(settings) {
    this.settings = settings;
    return this.starting.promise;
  }

  finish() {
    return this.finishing.promise;
  }

  discard() {
    this.discarded += 1;
  }
}

beforeEach(() => {
  clips = [];
  ticks = new Set();
  texts = [];
  nowMs = 0;
  sending = deferred();
  parts = {
    words: keyWords(),
    view: recorder("show", "clearLevel"),
    announcer: recorder("say"),
    isSupported: true,
    createRecorder: (onStopped) => new FakeRecorder(onStopped),
    microphone: () => ({ deviceId: "usb" }),
    sessionNeeded: async () => "session",
    transcribe: sending,
    textArrived: (text) => texts.push(text),
    now: () => nowMs,
    every: (_, tick) => {
      ticks.add(tick);
      return () => ticks.delete(tick);
    },
    userAgent: "Firefox/140",
  };
  dictation = new Dictation(parts);
});

const shown = () => parts.view.calls.filter(([name]) => name === "show").at(-1)[1];

async function record() {
  dictation.click();
  clips.at(-1).starting.resolve(true);
  await settle();
}

async function finish() {
  dictation.click();
  clips.at(-1).finishing.resolve("the clip");
  await settle();
}

test("the words of a clip are handed over", async () => {
  await record();
  assert.equal(dictation.name, "recording");
  assert.deepEqual(clips[0].settings, { deviceId: "usb" });
  nowMs = 4200;
  for (const tick of ticks) tick();
  assert.equal(shown().elapsedMs, 4200);
  await finish();
  assert.equal(dictation.name, "transcribing");
  assert.equal(ticks.size, 0);
  assert.deepEqual(sending.calls[0].args, ["session", "the clip"]);
  sending.calls[0].resolve({ text: "Hello." });
  await settle();
  assert.deepEqual(texts, ["Hello."]);
  assert.equal(dictation.name, "idle");
  assert.deepEqual(
    parts.announcer.calls.map(([, text]) => text),
    ["dictation.recording", "dictation.transcribing"],
  );
});

test("a clip ends after five minutes, and when the microphone is taken away", async () => {
  await record();
  nowMs = MAX_CLIP_MS;
  for (const tick of ticks) tick();
  assert.equal(dictation.name, "transcribing");
  dictation.cancel();
  await record();
  clips.at(-1).onStopped();
  assert.equal(dictation.name, "transcribing");
});

test("a cancelled clip is discarded, whatever arrives later", async () => {
  dictation.click();
  dictation.cancel();
  assert.equal(clips[0].discarded, 1);
  clips[0].starting.resolve(true);
  await settle();
  assert.equal(dictation.name, "idle");

  await record();
  dictation.click();
  dictation.cancel();
  clips.at(-1).finishing.resolve("the clip");
  await settle();
  assert.equal(sending.calls.length, 0);

  await record();
  await finish();
  dictation.cancel();
  sending.calls[0].resolve({ text: "Too late." });
  await settle();
  assert.deepEqual(texts, []);
});

test("a refused microphone is explained for this browser", async () => {
  dictation.click();
  clips[0].starting.reject(new MicrophoneError("denied"));
  await settle();
  assert.equal(shown().sentence, "help.microphone_denied.firefox");
  assert.equal(shown().canRetry, false);
  dictation.click();
  clips[1].starting.reject(new MicrophoneError("busy"));
  await settle();
  assert.equal(shown().sentence, "help.microphone_busy.text");
});

test("a clip that could not be sent is kept and sent again", async () => {
  await record();
  await finish();
  sending.calls[0].reject(new ApiError("transcription_timeout", 504, "It did not answer."));
  await settle();
  assert.deepEqual(
    [shown().name, shown().sentence, shown().canRetry],
    ["failed", "It did not answer.", true],
  );
  dictation.retry();
  await settle();
  assert.deepEqual(sending.calls[1].args, ["session", "the clip"]);
  sending.calls[1].resolve({ text: "Hello." });
  await settle();
  assert.deepEqual(texts, ["Hello."]);
  dictation.retry();
  assert.equal(dictation.name, "idle");
});

test("a session that cannot be created is a failure that can be tried again", async () => {
  parts.sessionNeeded = async () => {
    throw new ApiError("no_network", 0, "");
  };
  await record();
  await finish();
  assert.deepEqual([shown().sentence, shown().canRetry], ["error.no_network", true]);
});

test("a clip without speech is not sent again", async () => {
  await record();
  await finish();
  sending.calls[0].reject(new ApiError("no_speech", 422, "No speech was found."));
  await settle();
  assert.deepEqual([shown().sentence, shown().canRetry], ["No speech was found.", false]);
});

test("there is no dictation while a call is live", async () => {
  dictation.callChanged(true);
  assert.equal(shown().isAvailable, false);
  dictation.click();
  assert.equal(clips.length, 0);
  dictation.callChanged(false);
  assert.equal(shown().isAvailable, true);
});

test("a call that opens ends the recording, and its words are kept", async () => {
  await record();
  dictation.callChanged(true);
  assert.equal(dictation.name, "transcribing");
  dictation.cancel();
  dictation.callChanged(false);
  dictation.click();
  dictation.callChanged(true);
  assert.equal(dictation.name, "idle");
  assert.equal(clips.at(-1).discarded, 1);
});

test("a browser that cannot record has no button", () => {
  parts.isSupported = false;
  dictation.draw();
  assert.equal(shown().isAvailable, false);
  dictation.click();
  assert.equal(clips.length, 0);
});

test("whatever fails while it records, the microphone is closed and the failure shown", async () => {
  const planned = () => {
    throw new Error("planned");
  };
  const { view } = parts;
  const opened = async () => {
    dictation.press();
    clips.at(-1).starting.resolve(true);
    await settle();
  };
  const ways = {
    "no recorder": () => {
      dictation = new Dictation({ ...parts, createRecorder: planned });
      dictation.press();
    },
    "the view, once the microphone is open": async () => {
      const { show } = view;
      view.show = (model) => (model.name === "recording" ? planned() : show(model));
      await opened();
    },
    "the end of the clip": async () => {
      await opened();
      dictation.press();
      clips.at(-1).finishing.reject(new Error("planned"));
    },
    "the recorder's own end": async () => {
      await opened();
      clips.at(-1).finish = planned;
      dictation.press();
    },
  };
  for (const [name, happen] of Object.entries(ways)) {
    dictation = new Dictation(parts);
    const before = clips.length;
    await happen();
    await settle();
    assert.equal(dictation.name, "failed", name);
    assert.ok(
      clips.slice(before).every(({ discarded }) => discarded > 0),
      name,
    );
    view.show = recorder("show").show;
  }
});
