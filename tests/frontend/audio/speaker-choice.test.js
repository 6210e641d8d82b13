import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import {
  canChooseSpeaker,
  listSpeakers,
  SpeakerChoice,
} from "../../../frontend/audio/speaker-choice.js";
import { settle } from "../equipment.js";

const DEFAULT = { deviceId: "default", label: "Default" };
const DESK = { deviceId: "desk", label: "Desk" };

class SinkContext {
  state = "running";
  sinkId = "";
  refused = [];

  async setSinkId(id) {
    if (this.refused.includes(id)) throw new DOMException("", "NotAllowedError");
    this.sinkId = id;
  }
}

let kept;
let speakers;
let happened;
let choice;
const original = globalThis.AudioContext;

beforeEach(() => {
  globalThis.AudioContext = SinkContext;
  kept = { deviceId: "desk", deviceLabel: "Desk" };
  speakers = [DEFAULT, DESK];
  happened = [];
  choice = new SpeakerChoice({
    list: async () => speakers,
    kept: () => kept,
    labelKnown: (label) => happened.push(["label", label]),
    listed: () => {},
    lost: () => happened.push(["lost"]),
    found: () => happened.push(["found"]),
  });
});

afterEach(() => {
  globalThis.AudioContext = original;
});

test("the audio element of a call plays on it as long as it has a source", async () => {
  const element = Object.assign(new SinkContext(), { srcObject: "stream" });
  delete element.state;
  choice.use(element);
  await settle();
  assert.equal(element.sinkId, "desk");
  element.srcObject = null;
  kept = { deviceId: "", deviceLabel: "" };
  await choice.refresh();
  assert.equal(element.sinkId, "desk");
});

async function usedContext(refused = []) {
  const context = Object.assign(new SinkContext(), { refused });
  assert.equal(choice.use(context), context);
  await settle();
  return context;
}

test("a new context plays on the chosen loudspeaker, and a running one on the next choice", async () => {
  const context = await usedContext();
  assert.equal(context.sinkId, "desk");
  kept = { deviceId: "", deviceLabel: "" };
  await choice.refresh();
  assert.equal(context.sinkId, "");
  assert.deepEqual(happened, []);
});

test("unplugged, the default plays and the user is told once; when it is back, it plays again", async () => {
  const context = await usedContext();
  speakers = [DEFAULT];
  await choice.refresh();
  await choice.refresh();
  assert.equal(context.sinkId, "");
  assert.deepEqual(happened, [["lost"]]);
  speakers = [DEFAULT, DESK];
  await choice.refresh();
  assert.equal(context.sinkId, "desk");
  assert.deepEqual(happened, [["lost"], ["found"]]);
});

test("one that the browser refuses is like one that is gone", async () => {
  const context = await usedContext(["desk"]);
  assert.equal(context.sinkId, "");
  assert.deepEqual(happened, [["lost"]]);
});

test("before a microphone is allowed, the default plays and nothing is missed", async () => {
  speakers = [{ deviceId: "", label: "" }];
  const context = await usedContext();
  assert.equal(context.sinkId, "");
  assert.deepEqual(happened, []);
});

test("without a sound nothing is missed", async () => {
  const context = await usedContext();
  context.state = "closed";
  speakers = [DEFAULT];
  await choice.refresh();
  assert.deepEqual(happened, []);
  assert.equal(context.sinkId, "desk");
});

test("of two changes the latest counts", async () => {
  const context = await usedContext();
  const first = choice.refresh();
  kept = { deviceId: "", deviceLabel: "" };
  await Promise.all([first, choice.refresh()]);
  assert.equal(context.sinkId, "");
});

test("the name is kept as the browser tells it last", async () => {
  speakers = [DEFAULT, { deviceId: "desk", label: "Renamed" }];
  await choice.refresh();
  assert.deepEqual(happened, [["label", "Renamed"]]);
});

test("a browser without the choice keeps its own", async () => {
  globalThis.AudioContext = class {};
  assert.equal(canChooseSpeaker(), false);
  const context = await usedContext();
  await choice.refresh();
  assert.equal(context.sinkId, "");
  globalThis.AudioContext = undefined;
  assert.equal(canChooseSpeaker(), false);
});

test("a list that fails changes nothing", async () => {
  const failing = new SpeakerChoice({ list: () => Promise.reject(new Error("no")) });
  await failing.refresh();
});

test("only outputs are listed", async (t) => {
  const devices = ["audioinput", "audiooutput", "videoinput"].map((kind) => ({ kind }));
  const before = Object.getOwnPropertyDescriptor(globalThis, "navigator");
  const value = { mediaDevices: { enumerateDevices: async () => devices } };
  Object.defineProperty(globalThis, "navigator", { value, configurable: true });
  t.after(() => {
    delete globalThis.navigator;
    if (before) Object.defineProperty(globalThis, "navigator", before);
  });
  assert.deepEqual(await listSpeakers(), [{ kind: "audiooutput" }]);
});
