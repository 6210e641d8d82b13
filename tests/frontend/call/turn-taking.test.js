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
const speechCleared = { type: "input_audio_buffer.cleared" };
const speechStopped = { type: "input_audio_buffer.speech_stopped", item_id: "u" };
const ITEM_AND_ANSWER = ["conversation.item.create", "response.create"];

test("a typed message is added to the conversation and a response requested", () => {
  const frames = turns.addMessage("hello", "text");
  assert.deepEqual(types(frames), ITEM_AND_ANSWER);
  assert.deepEqual(frames[0].item.content, [{ type: "input_text", text: "hello" }]);
  assert.deepEqual(frames[1].response, { output_modalities: ["text"] });
});

test("a message that is typed in voice mode is answered by voice", () => {
  assert.deepEqual(turns.addMessage("hello", "audio")[1].response, {
    output_modalities: ["audio"],
  });
});

test("a message over a running response cancels it, and requests one when it has ended", () => {
  turns.fromServer(created("r1"));
  const frames = turns.addMessage("wait", "audio");
  assert.deepEqual(types(frames), ["conversation.item.create", "response.cancel"]);
  assert.equal(frames[1].response_id, "r1");
  assert.deepEqual(types(turns.fromServer(done("r1"))), ["response.create"]);
});

test("a requested response that was not created is cancelled as soon as it is", () => {
  turns.addMessage("one", "text");
  assert.deepEqual(types(turns.addMessage("two", "text")), ["conversation.item.create"]);
  assert.deepEqual(types(turns.fromServer(created("r1"))), ["response.cancel"]);
  assert.deepEqual(types(turns.fromServer(done("r1"))), ["response.create"]);
});

test("two messages over one response are answered once", () => {
  turns.fromServer(created("r1"));
  turns.addMessage("one", "text");
  assert.deepEqual(types(turns.addMessage("two", "text")), ["conversation.item.create"]);
  assert.deepEqual(types(turns.fromServer(done("r1"))), ["response.create"]);
  turns.fromServer(created("r2"));
  assert.deepEqual(turns.fromServer(done("r2")), []);
});

test("no response is requested for a message typed during speech: the server's covers it", () => {
  turns.fromServer(speechStarted);
  assert.deepEqual(types(turns.addMessage("and this", "audio")), ["conversation.item.create"]);
  turns.fromServer(speechStopped);
  turns.fromServer(created("r1"));
  assert.deepEqual(turns.fromServer(done("r1")), []);
});

test("a message typed during speech is answered by itself when that speech is cleared", () => {
  turns.fromServer(speechStarted);
  turns.addMessage("and this", "audio");
  turns.stop();
  turns.answerIn("text");
  assert.deepEqual(types(turns.clearSpeech()), ["input_audio_buffer.clear"]);
  const [answer] = turns.fromServer(speechCleared);
  assert.deepEqual(answer.response, { output_modalities: ["text"] });
  assert.deepEqual(turns.fromServer(speechCleared), []);
});

test("it is answered after the response that the cleared speech interrupted", () => {
  turns.fromServer(created("r1"));
  turns.fromServer(speechStarted);
  turns.addMessage("and this", "audio");
  assert.deepEqual(turns.fromServer(speechCleared), []);
  assert.equal(turns.isAnswerDue, true);
  assert.deepEqual(types(turns.fromServer(done("r1"))), ["response.create"]);
});

test("it is answered after a reconnection, which lost the speech", () => {
  turns.fromServer(speechStarted);
  const [{ item }] = turns.addMessage("and this", "audio");
  turns.close();
  assert.deepEqual(types(turns.open(new Set([item.id]))), ["response.create"]);
});

test("speech that has ended is not cleared, and leaves nothing to request", () => {
  turns.fromServer(speechStarted);
  turns.addMessage("and this", "audio");
  turns.fromServer(speechStopped);
  assert.deepEqual(turns.clearSpeech(), []);
  assert.deepEqual(turns.fromServer(speechCleared), []);
});

test("when another response was quicker, it is requested again after that one", () => {
  const [, answer] = turns.addMessage("hello", "text");
  turns.fromServer({
    type: "error",
    error: { code: "conversation_already_has_active_response", event_id: answer.event_id },
  });
  assert.deepEqual(types(turns.fromServer(done("r9"))), ["response.create"]);
});

test("a request that was refused for another reason is not repeated", () => {
  const [, answer] = turns.addMessage("hello", "text");
  turns.fromServer({ type: "relay.error", code: "rate_limit", event_id: answer.event_id });
  assert.equal(turns.isAnswerDue, false);
});

test("a cancellation that came too late counts as the end of the response", () => {
  turns.fromServer(created("r1"));
  turns.addMessage("wait", "text");
  const late = { type: "error", error: { code: "response_cancel_not_active" } };
  assert.deepEqual(types(turns.fromServer(late)), ["response.create"]);
});

test("a response is cancelled once", () => {
  turns.fromServer(created("r1"));
  assert.deepEqual(types(turns.stop()), ["response.cancel"]);
  assert.deepEqual(turns.stop(), []);
});

test("nothing is cancelled when nothing runs", () => {
  assert.deepEqual(turns.stop(), []);
});

test("cut audio is truncated to what was heard, and audio that was heard whole is not", () => {
  const cuts = [
    { itemId: "a", contentIndex: 0, heardMs: 1234, wasAllHeard: false },
    { itemId: "b", contentIndex: 1, heardMs: 0, wasAllHeard: false },
    { itemId: "c", contentIndex: 0, heardMs: 900, wasAllHeard: true },
  ];
  const frames = turns.truncate(cuts).map(({ event_id: _, ...frame }) => frame);
  assert.deepEqual(frames, [
    { type: "conversation.item.truncate", item_id: "a", content_index: 0, audio_end_ms: 1234 },
    { type: "conversation.item.truncate", item_id: "b", content_index: 1, audio_end_ms: 0 },
  ]);
});

test("late audio of a cut item or of a cancelled response is not playable", () => {
  turns.truncate([{ itemId: "a", contentIndex: 0, heardMs: 5, wasAllHeard: false }]);
  assert.equal(turns.isPlayable({ item_id: "a", response_id: "r1" }), false);
  turns.fromServer(created("r2"));
  assert.equal(turns.isPlayable({ item_id: "b", response_id: "r2" }), true);
  turns.fromServer(speechStarted);
  assert.equal(turns.isPlayable({ item_id: "b", response_id: "r2" }), false);
  turns.fromServer(created("r3"));
  assert.equal(turns.isPlayable({ item_id: "c", response_id: "r3" }), true);
});

test("messages typed while closed are sent when the call opens, and answered once", () => {
  turns.close();
  assert.deepEqual(turns.addMessage("one", "text"), []);
  assert.deepEqual(turns.addMessage("two", "text"), []);
  assert.deepEqual(types(turns.open(new Set())), [
    "conversation.item.create",
    "conversation.item.create",
    "response.create",
  ]);
});

test("a message that was lost on the way is sent again with the same id", () => {
  const [item] = turns.addMessage("hello", "text");
  turns.close();
  assert.equal(turns.open(new Set())[0].item.id, item.item.id);
});

test("a message that the server has is not sent again, but a response is requested", () => {
  const [item] = turns.addMessage("hello", "text");
  turns.close();
  assert.deepEqual(types(turns.open(new Set([item.item.id]))), ["response.create"]);
});

test("a response that was created is not requested again", () => {
  const [item] = turns.addMessage("hello", "text");
  turns.fromServer({ type: "conversation.item.added", item: item.item });
  turns.fromServer(created("r1"));
  turns.close();
  assert.deepEqual(turns.open(new Set()), []);
});

test("a message is unconfirmed until the server has sent its item", () => {
  const [item] = turns.addMessage("hello", "text");
  assert.deepEqual(turns.unconfirmed, [{ itemId: item.item.id, text: "hello" }]);
  turns.fromServer({ type: "conversation.item.added", item: item.item });
  assert.deepEqual(turns.unconfirmed, []);
});

test("stop() also drops the request for the next response", () => {
  turns.fromServer(created("r1"));
  turns.addMessage("wait", "audio");
  turns.stop();
  assert.deepEqual(turns.fromServer(done("r1")), []);
  assert.equal(turns.isAnswerDue, false);
});

test("something is owed until a message is confirmed and answered", () => {
  assert.equal(turns.isOwed, false);
  const [{ item }] = turns.addMessage("hello", "text");
  assert.equal(turns.isOwed, true);
  turns.fromServer(created("r1"));
  turns.fromServer(done("r1"));
  assert.deepEqual([turns.isAnswerDue, turns.isOwed], [false, true]);
  turns.fromServer({ type: "conversation.item.added", item });
  assert.equal(turns.isOwed, false);
});

test("a message that the response to speech covers is owed an answer", () => {
  turns.fromServer(speechStarted);
  const [{ item }] = turns.addMessage("hello", "text");
  turns.fromServer({ type: "conversation.item.added", item });
  assert.deepEqual([turns.isAnswerDue, turns.isOwed], [false, true]);
});

test("messages that were not confirmed can be taken away, and are not sent again", () => {
  turns.close();
  turns.addMessage("hello", "text");
  assert.deepEqual(
    turns.takeUnconfirmed().map(({ text }) => text),
    ["hello"],
  );
  assert.deepEqual([turns.isOwed, turns.open(new Set())], [false, []]);
});

const outputAdded = (id) => ({ type: "response.output_item.added", response_id: id });
const outputDone = (id) => ({ type: "response.output_item.done", response_id: id });

test("only the end of a response is missing once its items are complete", () => {
  const progress = () => [turns.hasOutput, turns.isAnswerComplete];
  turns.fromServer(created("r1"));
  assert.deepEqual(progress(), [false, false]);
  turns.fromServer(outputAdded("r1"));
  assert.deepEqual(progress(), [true, false]);
  turns.fromServer(outputDone("another"));
  assert.deepEqual(progress(), [true, false]);
  turns.fromServer(outputDone("r1"));
  assert.deepEqual(progress(), [true, true]);
  turns.fromServer(outputAdded("r1"));
  assert.deepEqual(progress(), [true, false]);
  turns.fromServer(done("r1"));
  assert.deepEqual(progress(), [false, false]);
  turns.fromServer(created("r2"));
  assert.deepEqual(progress(), [false, false]);
});

test("a response is being cancelled until it ends, also before it is created", () => {
  turns.addMessage("one", "text");
  turns.stop();
  assert.equal(turns.isCancelling, true);
  turns.fromServer(created("r1"));
  assert.equal(turns.isCancelling, true);
  turns.fromServer(done("r1"));
  assert.equal(turns.isCancelling, false);
  turns.fromServer(created("r2"));
  turns.fromServer(speechStarted);
  assert.equal(turns.isCancelling, true);
});

test("a cancelled response whose end never comes does not hold up a typed message", () => {
  turns.fromServer(created("r1"));
  turns.addMessage("wait", "audio");
  assert.deepEqual(types(turns.assumeEnded()), ["response.create"]);
  assert.deepEqual([turns.isCancelling, turns.isAnswerDue], [false, true]);
  assert.deepEqual(turns.fromServer(created("r2")), []);
});

test("if that response was running all the same, the message is answered after it", () => {
  turns.fromServer(created("r1"));
  turns.addMessage("wait", "audio");
  const [{ event_id }] = turns.assumeEnded();
  const error = { code: "conversation_already_has_active_response", event_id };
  assert.deepEqual(turns.fromServer({ type: "error", error }), []);
  assert.deepEqual(types(turns.fromServer(done("r1"))), ["response.create"]);
});

test("without a message, an assumed end requests nothing", () => {
  turns.fromServer(created("r1"));
  assert.deepEqual(turns.assumeEnded(), []);
  assert.equal(turns.isOwed, false);
});

test("an answer that was given up is cancelled once, and owed no more", () => {
  turns.fromServer(created("r1"));
  assert.deepEqual(types(turns.giveUpAnswer()), ["response.cancel"]);
  assert.equal(turns.isOwed, false);
  assert.equal(turns.isPlayable({ item_id: "a1", response_id: "r1" }), false);
  turns.fromServer(created("r2"));
  turns.stop();
  assert.deepEqual(turns.giveUpAnswer(), []);
});

test("a response that is created after it was given up is one like any other", () => {
  turns.addMessage("hello", "text");
  assert.deepEqual(turns.giveUpAnswer(), []);
  assert.deepEqual(turns.fromServer(created("r1")), []);
  assert.equal(turns.isPlayable({ item_id: "a1", response_id: "r1" }), true);
  assert.equal(turns.isAnswerDue, true);
});

test("a message that the server never took is owed no more, and sent with the next call", () => {
  const [{ item }] = turns.addMessage("hello", "text");
  turns.giveUpAnswer();
  assert.deepEqual([turns.isOwed, [...turns.givenUpItemIds]], [false, [item.id]]);
  turns.close();
  assert.deepEqual(types(turns.open(new Set())), ITEM_AND_ANSWER);
  assert.deepEqual([turns.isOwed, turns.givenUpItemIds.size], [true, 0]);
});

test("a message that was taken late, or is in the history, is not sent again", () => {
  const [{ item }] = turns.addMessage("one", "text");
  turns.giveUpAnswer();
  turns.fromServer({ type: "conversation.item.added", item });
  assert.equal(turns.givenUpItemIds.size, 0);
  const [second] = turns.addMessage("two", "text");
  turns.giveUpAnswer();
  turns.close();
  assert.deepEqual(turns.open(new Set([second.item.id])), []);
});

test("speech whose end never comes does not keep a typed message from its answer", () => {
  turns.fromServer(speechStarted);
  turns.addMessage("typed", "text");
  assert.deepEqual(types(turns.forgetSpeech()), ["response.create"]);
  assert.deepEqual(turns.forgetSpeech(), []);
});
