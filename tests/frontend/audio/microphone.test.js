import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { kindOfError, Microphone, MicrophoneError } from "../../../frontend/audio/microphone.js";

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

/** A microphone on fake devices: `emit` sends a worklet message, `devices` are the opened streams. */
function microphoneOn(t, { getUserMedia, sounded } = {}) {
  const problems = [];
  const chunks = [];
  const tracks = [];
  const devices = [];
  const nodes = [];
  const listeners = new Map();
  const port = () => ({
    posted: [],
    postMessage(command) {
      this.posted.push(command);
    },
    addEventListener(_, listener, { signal }) {
      this.emit = (data) => signal.aborted || listener({ data });
    },
    start() {},
  });
  const openDevice = async (constraints) => {
    const track = {
      isLive: true,
      stop() {
        this.isLive = false;
      },
      label: "Headset",
      muted: false,
      addEventListener: (type, listener) => listeners.set(type, listener),
      getSettings: () => ({ deviceId: constraints.audio.deviceId?.exact ?? "default" }),
    };
    devices.push({ constraints, track });
    return { getTracks: () => [track], getAudioTracks: () => [track] };
  };
  const context = {
    state: "running",
    currentTime: 0,
    audioWorklet: { addModule: async () => {} },
    createMediaStreamSource: () => ({ connect: (node) => node, disconnect() {} }),
  };
  const globals = {
    isSecureContext: true,
    AudioWorkletNode: class {
      port = port();
      constructor(_context, _name, { processorOptions }) {
        this.options = processorOptions;
        nodes.push(this);
      }
      connect() {}
      disconnect() {}
    },
  };
  const before = Object.fromEntries(Object.keys(globals).map((name) => [name, globalThis[name]]));
  Object.assign(globalThis, globals);
  const navigatorBefore = Object.getOwnPropertyDescriptor(globalThis, "navigator");
  const mediaDevices = { getUserMedia: getUserMedia?.(openDevice) ?? openDevice };
  Object.defineProperty(globalThis, "navigator", { value: { mediaDevices }, configurable: true });
  t.mock.timers.enable({ apis: ["setInterval"] });
  const microphone = new Microphone({
    context,
    onChunk: (chunk) => chunks.push(chunk),
    onProblem: (problem) => problems.push(problem),
    onTrack: (track) => tracks.push(track),
    sounded,
  });
  t.after(async () => {
    await microphone.stop();
    Object.assign(globalThis, before);
    if (navigatorBefore) Object.defineProperty(globalThis, "navigator", navigatorBefore);
    else delete globalThis.navigator;
  });
  return {
    microphone,
    problems,
    chunks,
    tracks,
    devices,
    nodes,
    context,
    emit: (message) => nodes.at(-1).port.emit(message),
    unplug: () => listeners.get("ended")(),
    /** The system mutes or unmutes the device. */
    muteTrack(muted) {
      devices.at(-1).track.muted = muted;
      listeners.get(muted ? "mute" : "unmute")();
    },
    /** Let the watchdog tick for this long, and the promises settle. */
    async pass(ms) {
      for (let passed = 0; passed < ms; passed += 250) {
        if (context.state === "running") context.currentTime += 0.25;
        t.mock.timers.tick(250);
      }
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

const chunkOf = (seq) => ({ kind: "chunk", pcm: new Int16Array(2), rms: 0.1, seq });

describe("a microphone", () => {
  test("is closed at once by a stop while its worklet is still loading", async (t) => {
    const { microphone, devices, context } = microphoneOn(t);
    const loading = new Promise(() => {});
    context.audioWorklet.addModule = () => loading;
    void microphone.start();
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(devices[0].track.isLive, true);
    await microphone.stop();
    assert.equal(devices[0].track.isLive, false);
  });

  test("is closed when whoever waits for its permission fails", async (t) => {
    const { devices, context } = microphoneOn(t);
    const failing = new Microphone({
      context,
      onChunk: () => {},
      onProblem: () => {},
      onAllowed: () => {
        throw new Error("planned");
      },
    });
    await assert.rejects(failing.start(), { kind: "failed" });
    assert.equal(devices[0].track.isLive, false);
  });

  test("passes chunks on and continues their numbers after a stop", async (t) => {
    const { microphone, chunks, nodes, emit } = microphoneOn(t);
    assert.equal(await microphone.start(), true);
    emit(chunkOf(0));
    emit(chunkOf(1));
    await microphone.stop();
    await microphone.start();
    assert.deepEqual(
      chunks.map(({ seq, kind }) => [seq, kind]),
      [
        [0, undefined],
        [1, undefined],
      ],
    );
    assert.deepEqual(
      nodes.map(({ options }) => options.firstSeq),
      [0, 2],
    );
  });

  test("hands on the track of each device, and that it is closed", async (t) => {
    const { microphone, devices, tracks } = microphoneOn(t);
    await microphone.start();
    await microphone.stop();
    await microphone.start();
    const [first, second] = devices.map(({ track }) => track);
    assert.deepEqual(tracks, [first, null, second]);
  });

  test("starts with the mute and push-to-talk state that was set while it was stopped", async (t) => {
    const { microphone, nodes } = microphoneOn(t);
    microphone.setMuted(true);
    microphone.setTalking(false);
    await microphone.start();
    assert.deepEqual(nodes[0].options, { muted: true, talking: false, firstSeq: 0 });
    microphone.setTalking(false, { tailMs: 600 });
    assert.deepEqual(nodes[0].port.posted, [{ verb: "talk", talking: false, tailMs: 600 }]);
  });

  test("leaves no live track and passes nothing on after a stop", async (t) => {
    const { microphone, chunks, devices, nodes } = microphoneOn(t);
    await microphone.start();
    await microphone.stop();
    nodes[0].port.emit(chunkOf(0));
    assert.deepEqual([chunks, devices[0].track.isLive], [[], false]);
    assert.deepEqual(nodes[0].port.posted, [{ verb: "stop" }]);
  });

  test("that is stopped while it opens leaves no live track", async (t) => {
    const { microphone, devices } = microphoneOn(t);
    const starting = microphone.start();
    await microphone.stop();
    assert.equal(await starting, false);
    assert.deepEqual(
      devices.map(({ track }) => track.isLive),
      [false],
    );
  });

  test("opens the default device if the chosen one is gone", async (t) => {
    const { microphone } = microphoneOn(t, {
      getUserMedia: (open) => async (constraints) => {
        if (constraints.audio.deviceId) throw new DOMException("", "OverconstrainedError");
        return open(constraints);
      },
    });
    await microphone.start({ deviceId: "gone" });
    assert.equal(microphone.deviceId, "default");
  });

  test("can be started again after a refusal", async (t) => {
    let isRefused = true;
    const { microphone } = microphoneOn(t, {
      getUserMedia: (open) => async (constraints) => {
        if (isRefused) throw new DOMException("", "NotAllowedError");
        return open(constraints);
      },
    });
    await assert.rejects(microphone.start(), { name: "MicrophoneError", kind: "denied" });
    isRefused = false;
    assert.equal(await microphone.start(), true);
  });
});

describe("a microphone that stops by itself", () => {
  test("is reported after 1.25 s without a message, and opened again once", async (t) => {
    const { microphone, problems, devices, pass } = microphoneOn(t);
    await microphone.start({ deviceId: "chosen" });
    await pass(1000);
    assert.deepEqual(problems, []);
    await pass(250);
    assert.deepEqual(problems, ["stopped"]);
    assert.deepEqual(
      devices.map(({ constraints, track }) => [constraints.audio.deviceId?.exact, track.isLive]),
      [
        ["chosen", false],
        [undefined, true],
      ],
    );
    await pass(5000);
    assert.deepEqual([problems, devices.length], [["stopped"], 2]);
  });

  test("is not reported while heartbeats come", async (t) => {
    const { microphone, problems, emit, pass } = microphoneOn(t);
    await microphone.start();
    for (let i = 0; i < 5; i += 1) {
      await pass(1000);
      emit({ kind: "heartbeat" });
    }
    assert.deepEqual(problems, []);
  });

  test("recovers with the first message of the new device", async (t) => {
    const { microphone, problems, emit, unplug, pass } = microphoneOn(t);
    await microphone.start();
    unplug();
    await pass(0);
    emit({ kind: "heartbeat" });
    emit(chunkOf(0));
    assert.deepEqual(problems, ["stopped", "recovered"]);
  });

  test("can be started again by the user when no device is left", async (t) => {
    let isPlugged = true;
    const { microphone, problems, emit, unplug, pass } = microphoneOn(t, {
      getUserMedia: (open) => async (constraints) => {
        if (!isPlugged) throw new DOMException("", "NotFoundError");
        return open(constraints);
      },
    });
    await microphone.start();
    isPlugged = false;
    unplug();
    await pass(0);
    isPlugged = true;
    assert.equal(await microphone.start(), true);
    emit(chunkOf(0));
    assert.deepEqual(problems, ["stopped", "recovered"]);
  });

  test("is not blamed while the context stands still, nor just after", async (t) => {
    const { microphone, problems, devices, context, emit, pass } = microphoneOn(t);
    await microphone.start();
    await pass(1000);
    context.state = "suspended";
    await pass(5000);
    context.state = "running";
    await pass(1000);
    emit({ kind: "heartbeat" });
    assert.deepEqual([problems, devices.length], [[], 1]);
    await pass(1250);
    assert.deepEqual(problems, ["stopped"]);
  });

  test("is not reported as silent by a noise gate once it has given sound", async (t) => {
    const { microphone, problems, emit } = microphoneOn(t);
    await microphone.start();
    emit({ kind: "sounded" });
    emit({ kind: "silent" });
    emit({ kind: "recovered" });
    await microphone.stop();
    await microphone.start();
    emit({ kind: "silent" });
    assert.deepEqual(problems, []);
  });

  test("is known by its device and label, also in a later conversation", async (t) => {
    const names = [];
    const sounded = {
      hasSounded: (name) => names.includes(name),
      addSounded: (n) => names.push(n),
    };
    const { microphone, problems, devices, emit } = microphoneOn(t, { sounded });
    await microphone.start({ deviceId: "d1" });
    emit({ kind: "sounded" });
    emit({ kind: "silent" });
    assert.deepEqual([names, problems], [["d1 Headset"], []]);
    await microphone.stop();
    await microphone.start({ deviceId: "d2" });
    devices.at(-1).track.label = "Other";
    emit({ kind: "silent" });
    assert.deepEqual(problems, ["silent"]);
  });

  test("is reported as silent when the system mutes it, and recovers with the mute", async (t) => {
    const { microphone, problems, emit, muteTrack } = microphoneOn(t);
    await microphone.start();
    emit({ kind: "sounded" });
    emit({ kind: "silent" });
    muteTrack(true);
    muteTrack(true);
    assert.deepEqual(problems, ["silent"]);
    muteTrack(false);
    emit({ kind: "recovered" });
    assert.deepEqual(problems, ["silent", "recovered"]);
  });

  test("reports silence and its end", async (t) => {
    const { microphone, problems, emit } = microphoneOn(t);
    await microphone.start();
    emit({ kind: "silent" });
    emit({ kind: "recovered" });
    assert.deepEqual(problems, ["silent", "recovered"]);
  });
});
