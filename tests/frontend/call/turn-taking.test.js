import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { TurnTaking } from "../../../frontend/call/turn-taking.js";

let turns;
let ids;

beforeEach(() => {
  ids = 0;
  turns = new TurnTaking(() => `id${++ids}`);
  turns.open(new Set());
});

const types = (frames) => frames.map(({ type }) => type);
const created = (id) => ({ type: "response.created", response: { id } });
const done = (id) => ({ type: "response.done", response: { id } });
const speechStarted = { type: "input_audio_buffer.speech_started", item_id: "u" };
const speechDropped = { type: "input_audio_buffer.cleared" };
const speechStopped = { type: "input_audio_buffer.speech_stopped", item_id: "u" };
const ITEM_AND_ANSWER = ["conversation.item.create", "response.create"];

test("a typed message is put into the conversation and an answer asked for", () => {
  const frames = turns.type("hello", "text");
  assert.deepEqual(types(frames), ITEM_AND_ANSWER);
  assert.deepEqual(frames[0].item.content, [{ type: "input_text", text: "hello" }]);
  assert.deepEqual(frames[1].response, { output_modalities: ["text"] });
});

test("a message that is typed while talking is answered by voice", () => {
  assert.deepEqual(turns.type("hello", "audio")[1].response, { output_modalities: ["audio"] });
});

test("over a running answer it cancels first and asks when that one has ended", () => {
  turns.fromServer(created("r1"));
  const frames = turns.type("wait", "audio");
  assert.deepEqual(types(frames), ["conversation.item.create", "response.cancel"]);
  assert.equal(frames[1].response_id, "r1");
  assert.deepEqual(types(turns.fromServer(done("r1"))), ["response.create"]);
});

test("an answer that was asked for and not begun is cancelled as soon as it begins", () => {
  turns.type("one", "text");
  assert.deepEqual(types(turns.type("two", "text")), ["conversation.item.create"]);
  assert.deepEqual(types(turns.fromServer(created("r1"))), ["response.cancel"]);
  assert.deepEqual(types(turns.fromServer(done("r1"))), ["response.create"]);
});

test("two messages over one answer are answered once", () => {
  turns.fromServer(created("r1"));
  turns.type("one", "text");
  assert.deepEqual(types(turns.type("two", "text")), ["conversation.item.create"]);
  assert.deepEqual(types(turns.fromServer(done("r1"))), ["response.create"]);
  turns.fromServer(created("r2"));
  assert.deepEqual(turns.fromServer(done("r2")), []);
});

test("a message that is typed while one speaks is left to the server's answer to the speech", () => {
  turns.fromServer(speechStarted);
  assert.deepEqual(types(turns.type("and this", "audio")), ["conversation.item.create"]);
  turns.fromServer(speechStopped);
  turns.fromServer(created("r1"));
  assert.deepEqual(turns.fromServer(done("r1")), []);
});

test("a message that leans on speech is answered by itself when that speech is dropped", () => {
  turns.fromServer(speechStarted);
  turns.type("and this", "audio");
  turns.stop();
  turns.answerIn("text");
  assert.deepEqual(types(turns.dropSpeech()), ["input_audio_buffer.clear"]);
  const [answer] = turns.fromServer(speechDropped);
  assert.deepEqual(answer.response, { output_modalities: ["text"] });
  assert.deepEqual(turns.fromServer(speechDropped), []);
});

test("it is answered after the answer that the dropped speech cut off", () => {
  turns.fromServer(created("r1"));
  turns.fromServer(speechStarted);
  turns.type("and this", "audio");
  assert.deepEqual(turns.fromServer(speechDropped), []);
  assert.equal(turns.isAnswerDue, true);
  assert.deepEqual(types(turns.fromServer(done("r1"))), ["response.create"]);
});

test("it is answered after a reconnection, in which the speech was lost", () => {
  turns.fromServer(speechStarted);
  const [{ item }] = turns.type("and this", "audio");
  turns.close();
  assert.deepEqual(types(turns.open(new Set([item.id]))), ["response.create"]);
});

test("speech that has ended is not dropped, and leaves nothing to be asked", () => {
  turns.fromServer(speechStarted);
  turns.type("and this", "audio");
  turns.fromServer(speechStopped);
  assert.deepEqual(turns.dropSpeech(), []);
  assert.deepEqual(turns.fromServer(speechDropped), []);
});

test("when somebody else's answer was quicker it asks again after that one", () => {
  const [, answer] = turns.type("hello", "text");
  turns.fromServer({
    type: "error",
    error: { code: "conversation_already_has_active_response", event_id: answer.event_id },
  });
  assert.deepEqual(types(turns.fromServer(done("r9"))), ["response.create"]);
});

test("an answer that was refused for another reason is not owed any more", () => {
  const [, answer] = turns.type("hello", "text");
  turns.fromServer({ type: "relay.error", code: "rate_limit", event_id: answer.event_id });
  assert.equal(turns.isAnswerDue, false);
});

test("a cancellation that came too late frees the way", () => {
  turns.fromServer(created("r1"));
  turns.type("wait", "text");
  const late = { type: "error", error: { code: "response_cancel_not_active" } };
  assert.deepEqual(types(turns.fromServer(late)), ["response.create"]);
});

test("it cancels an answer once", () => {
  turns.fromServer(created("r1"));
  assert.deepEqual(types(turns.stop()), ["response.cancel"]);
  assert.deepEqual(turns.stop(), []);
});

test("it calls nothing off when nothing runs", () => {
  assert.deepEqual(turns.stop(), []);
});

test("it tells what was heard of sound that was cut, and nothing of sound that was all heard", () => {
  const cuts = [
    { itemId: "a", contentIndex: 0, heardMs: 1234, wasAllHeard: false },
    { itemId: "b", contentIndex: 1, heardMs: 0, wasAllHeard: false },
    { itemId: "c", contentIndex: 0, heardMs: 900, wasAllHeard: true },
  ];
  const told = turns.cut(cuts).map(({ event_id: _, ...frame }) => frame);
  assert.deepEqual(told, [
    { type: "conversation.item.truncate", item_id: "a", content_index: 0, audio_end_ms: 1234 },
    { type: "conversation.item.truncate", item_id: "b", content_index: 1, audio_end_ms: 0 },
  ]);
});

test("late sound of a cut item, or of an answer that was called off, is not wanted", () => {
  turns.cut([{ itemId: "a", contentIndex: 0, heardMs: 5, wasAllHeard: false }]);
  assert.equal(turns.isWanted({ item_id: "a", response_id: "r1" }), false);
  turns.fromServer(created("r2"));
  assert.equal(turns.isWanted({ item_id: "b", response_id: "r2" }), true);
  turns.fromServer(speechStarted);
  assert.equal(turns.isWanted({ item_id: "b", response_id: "r2" }), false);
  turns.fromServer(created("r3"));
  assert.equal(turns.isWanted({ item_id: "c", response_id: "r3" }), true);
});

test("what was typed without a connection is sent when it stands, and answered once", () => {
  turns.close();
  assert.deepEqual(turns.type("one", "text"), []);
  assert.deepEqual(turns.type("two", "text"), []);
  assert.deepEqual(types(turns.open(new Set())), [
    "conversation.item.create",
    "conversation.item.create",
    "response.create",
  ]);
});

test("what was lost on the way is sent again under the same id", () => {
  const [item] = turns.type("hello", "text");
  turns.close();
  assert.equal(turns.open(new Set())[0].item.id, item.item.id);
});

test("what the server has is not sent again, but its answer is still owed", () => {
  const [item] = turns.type("hello", "text");
  turns.close();
  assert.deepEqual(types(turns.open(new Set([item.item.id]))), ["response.create"]);
});

test("an answer that had begun is not asked for again", () => {
  const [item] = turns.type("hello", "text");
  turns.fromServer({ type: "conversation.item.added", item: item.item });
  turns.fromServer(created("r1"));
  turns.close();
  assert.deepEqual(turns.open(new Set()), []);
});

test("a message is unconfirmed until the server has told of it", () => {
  const [item] = turns.type("hello", "text");
  assert.deepEqual(turns.unconfirmed, [{ itemId: item.item.id, text: "hello" }]);
  turns.fromServer({ type: "conversation.item.added", item: item.item });
  assert.deepEqual(turns.unconfirmed, []);
});

test("who stops the answer does not want the next one either", () => {
  turns.fromServer(created("r1"));
  turns.type("wait", "audio");
  turns.stop();
  assert.deepEqual(turns.fromServer(done("r1")), []);
  assert.equal(turns.isAnswerDue, false);
});
