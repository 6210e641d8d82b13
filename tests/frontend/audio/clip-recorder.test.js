import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { ClipRecorder, clipMimeType } from "../../../frontend/audio/clip-recorder.js";
import { settle } from "../equipment.js";

const { navigator: original } = globalThis;
let supported;
let asking;
let recorders;
let contexts;
let tracks;
let samples;

class FakeMediaRecorder extends EventTarget {
  static isTypeSupported = (type) => supported.includes(type);
  state = "inactive";

  constructor(stream, options) {
    super();
    Object.assign(this, { stream, options, mimeType: options.mimeType });
    recorders.push(this);
  }

  start() {
    this.state = "recording";
  }

  stop() {
    this.state = "inactive";
    setImmediate(() => {
      this.dispatchEvent(Object.assign(new Event("dataavailable"), { data: new Blob(["clip"]) }));
      this.dispatchEvent(new Event("stop"));
    });
  }
}

class FakeAudioContext {
  isClosed = false;

  constructor() {
    contexts.push(this);
  }

  createAnalyser() {
    return { getFloatTimeDomainData: (into) => into.fill(samples) };
  }

  createMediaStreamSource() {
    return { connect() {} };
  }

  async close() {
    this.isClosed = true;
  }
}

const define = (name, value) =>
  Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });

beforeEach(() => {
  supported = ["audio/webm;codecs=opus", "audio/mp4"];
  [recorders, contexts, tracks] = [[], [], []];
  samples = 0.25;
  asking = Promise.withResolvers();
  define("isSecureContext", true);
  define("MediaRecorder", FakeMediaRecorder);
  define("AudioContext", FakeAudioContext);
  define("navigator", { mediaDevices: { getUserMedia: () => asking.promise } });
  mock.timers.enable({ apis: ["setInterval"] });
});

afterEach(() => {
  mock.timers.reset();
  define("navigator", original);
});

function stream() {
  const track = { isLive: true, stop: () => Object.assign(track, { isLive: false }) };
  tracks.push(track);
  return { getTracks: () => [track] };
}

const levels = [];
const made = (onStopped = () => {}) =>
  new ClipRecorder({ onLevel: (rms) => levels.push(rms), onStopped });

async function started(onStopped) {
  const clip = made(onStopped);
  asking.resolve(stream());
  assert.equal(await clip.start({}), true);
  return clip;
}

function assertClosed() {
  assert.ok(tracks.every(({ isLive }) => !isLive));
  assert.ok(contexts.every(({ isClosed }) => isClosed));
}

test("the type is the first that the browser records; none where it cannot", () => {
  assert.equal(clipMimeType(), "audio/webm;codecs=opus");
  supported = ["audio/mp4"];
  assert.equal(clipMimeType(), "audio/mp4");
  supported = ["video/webm"];
  assert.equal(clipMimeType(), "");
  supported = ["audio/mp4"];
  define("isSecureContext", false);
  assert.equal(clipMimeType(), "");
  define("isSecureContext", true);
  define("MediaRecorder", undefined);
  assert.equal(clipMimeType(), "");
});

test("a finished clip is a blob of its type, and the microphone is closed at once", async () => {
  const clip = await started();
  const finishing = clip.finish();
  assertClosed();
  const blob = await finishing;
  assert.equal(blob.type, "audio/webm;codecs=opus");
  assert.equal(await blob.text(), "clip");
});

test("the level is measured while it records", async () => {
  levels.length = 0;
  const clip = await started();
  mock.timers.tick(80);
  assert.deepEqual(levels, [0.25, 0.25]);
  clip.discard();
  mock.timers.tick(80);
  assert.equal(levels.length, 2);
});

test("a clip is recorded without a level where there is no audio context", async () => {
  define("AudioContext", undefined);
  const clip = await started();
  assert.equal(await (await clip.finish()).text(), "clip");
});

test("a discarded clip closes the microphone", async () => {
  const clip = await started();
  clip.discard();
  await settle();
  assertClosed();
  assert.equal(recorders[0].state, "inactive");
});

test("a microphone that is allowed after the clip was discarded is closed again", async () => {
  const clip = made();
  const starting = clip.start({});
  clip.discard();
  asking.resolve(stream());
  assert.equal(await starting, false);
  assertClosed();
  assert.equal(recorders.length, 0);
});

test("a refused microphone is an error of its kind", async () => {
  asking.reject(Object.assign(new Error(), { name: "NotAllowedError" }));
  await assert.rejects(made().start({}), { name: "MicrophoneError", kind: "denied" });
  assertClosed();
});

test("a microphone that is taken away ends the clip, and what was recorded is kept", async () => {
  let stopped = 0;
  const clip = await started(() => {
    stopped += 1;
  });
  recorders[0].stop();
  await settle();
  assert.equal(stopped, 1);
  assert.equal(await (await clip.finish()).text(), "clip");
  assertClosed();
});

test("a recorder that cannot be stopped leaves no microphone open", async () => {
  const recorder = new ClipRecorder({ onLevel: () => {}, onStopped: () => {} });
  const starting = recorder.start({});
  asking.resolve(stream());
  await starting;
  recorders[0].stop = () => {
    throw new Error("planned");
  };
  await assert.rejects(recorder.finish(), /planned/);
  assert.equal(tracks[0].isLive, false);
});
