import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { AudioSender } from "../../../frontend/call/audio-sender.js";

let connection;
let isFlowing;
let problems;
let nowMs;
let sender;

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout"] });
  connection = { unsentBytes: 0, sent: [], send: (frame) => connection.sent.push(frame) };
  isFlowing = true;
  problems = [];
  nowMs = 0;
  sender = new AudioSender({
    connection,
    isFlowing: () => isFlowing,
    onSlowNetwork: () => problems.push("slow"),
    onNetworkRecovered: () => problems.push("recovered"),
    onFailed: (error) => problems.push(error.message),
    now: () => nowMs,
  });
});

const chunk = (value = 0) => new Int16Array(960).fill(value);
/** One chunk more than the queue keeps. */
const overflow = () => {
  for (let count = 0; count <= 150; count += 1) sender.push(chunk());
};

test("a chunk is sent at once, as base64", () => {
  sender.push(Int16Array.of(1, -1));
  assert.deepEqual(connection.sent, [{ type: "input_audio_buffer.append", audio: "AQD//w==" }]);
});

test("chunks wait until audio may be sent, and are sent in order", () => {
  isFlowing = false;
  sender.push(Int16Array.of(1));
  sender.push(Int16Array.of(2));
  assert.deepEqual(connection.sent, []);
  sender.flush();
  assert.deepEqual(
    connection.sent.map(({ audio }) => audio),
    ["AQA=", "AgA="],
  );
});

test("with a full send buffer chunks wait, and are tried again by themselves", () => {
  connection.unsentBytes = 96_001;
  sender.push(chunk());
  assert.equal(connection.sent.length, 0);
  connection.unsentBytes = 96_000;
  mock.timers.tick(40);
  assert.equal(connection.sent.length, 1);
});

test("dropped audio is reported once, and its recovery 8 s later at the earliest", () => {
  connection.unsentBytes = 1e6;
  overflow();
  sender.push(chunk());
  assert.deepEqual(problems, ["slow"]);
  connection.unsentBytes = 0;
  nowMs = 7_999;
  sender.flush();
  sender.push(chunk());
  assert.deepEqual(problems, ["slow"]);
  nowMs = 8_000;
  sender.push(chunk());
  assert.deepEqual(problems, ["slow", "recovered"]);
});

test("audio that is dropped before the call is open says nothing about the network", () => {
  isFlowing = false;
  overflow();
  assert.deepEqual(problems, []);
});

test("a rate limit without a microphone is reported each time: nothing would notice its end", () => {
  sender.reportSlow(false);
  sender.reportSlow(false);
  sender.clear();
  assert.deepEqual(problems, ["slow", "slow"]);
});

test("clear() drops the queue and ends a slow network's report", () => {
  sender.reportSlow(true);
  isFlowing = false;
  sender.push(chunk());
  sender.clear();
  sender.flush();
  assert.deepEqual([problems, connection.sent], [["slow", "recovered"], []]);
});

test("an exception in the timer is reported", () => {
  connection.unsentBytes = 1e6;
  sender.push(chunk());
  connection.unsentBytes = 0;
  connection.send = () => {
    throw new Error("planned");
  };
  mock.timers.tick(40);
  assert.deepEqual(problems, ["planned"]);
});
