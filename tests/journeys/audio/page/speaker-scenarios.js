/** Scenarios with the loudspeaker. */

import {
  block,
  floatsAsBase64,
  Recorder,
  ramp,
  runningContext,
  until,
  untilElapsed,
} from "/page/equipment.js";
import { SAMPLES_PER_MS } from "/static/audio/pcm.js";
import { Speaker } from "/static/audio/speaker.js";

const DELTA = 2400;

/** A speaker on a new context, a recorder at its tap, and all events it reports. */
async function setUp({ sampleRate } = {}) {
  const context = await runningContext(sampleRate ? { sampleRate } : {});
  const events = [];
  const flushedSamples = [];
  listenToWorklet({
    underrun: () => events.push({ kind: "underrun" }),
    flushed: ({ cuts }) => flushedSamples.push(...cuts.map((cut) => cut.playedSamples)),
  });
  const speaker = new Speaker({
    context,
    onStart: (itemId) => events.push({ kind: "start", itemId }),
    onPosition: (itemId, _, playedMs) => events.push({ kind: "position", itemId, playedMs }),
    onEnded: (itemId) => events.push({ kind: "ended", itemId }),
  });
  await speaker.open();
  const recorder = await Recorder.connectedTo(context, speaker.tap);
  const has = (kind, itemId) =>
    events.some((event) => event.kind === kind && (!itemId || event.itemId === itemId));
  return { context, events, speaker, recorder, has, flushedSamples };
}

const AudioWorkletNodeOfBrowser = AudioWorkletNode;

/** Calls the handler of each message kind that the next playback worklet sends. */
function listenToWorklet(handlers) {
  globalThis.AudioWorkletNode = class extends AudioWorkletNodeOfBrowser {
    constructor(context, name, options) {
      super(context, name, options);
      if (name !== "kaiwa-playback") return;
      this.port.addEventListener("message", ({ data }) => handlers[data.kind]?.(data));
    }
  };
}

async function reportOf({ recorder, events, context }) {
  const heard = floatsAsBase64(await recorder.report());
  return { heard, events, sampleRate: context.sampleRate };
}

const untilPlayed = (events, ms) =>
  until(() => events.some(({ playedMs }) => playedMs >= ms), `${ms} ms were played`);

/** Plays a reply in deltas of 100 ms at `pace` times real time; the last one is short. */
async function reply(speaker, { samples, pace, atDelta = () => {} }) {
  const begun = performance.now();
  const samplesOfReply = ramp(0, samples);
  for (let i = 0; i * DELTA < samples; i += 1) {
    await until(() => performance.now() >= begun + (i * 100) / pace, "the next delta is due");
    atDelta(i);
    speaker.play("a", 0, samplesOfReply.subarray(i * DELTA, (i + 1) * DELTA));
  }
  speaker.finish("a", 0);
}

export async function playReply({ samples, pace, sampleRate, blockMs = 0 }) {
  const scenario = await setUp({ sampleRate });
  const middle = Math.floor(samples / DELTA / 2);
  await reply(scenario.speaker, { samples, pace, atDelta: (i) => i === middle && block(blockMs) });
  await until(() => scenario.has("ended"), "the reply has ended");
  await untilElapsed(scenario.context, 0.05);
  return reportOf(scenario);
}

/** Flush, and report the times of the context and of the clock, and the worklet's exact counts. */
async function flush({ context, speaker, flushedSamples }) {
  const calledAt = performance.now();
  const calledAtContextS = context.currentTime;
  const cuts = await speaker.flush();
  const roundTripMs = performance.now() - calledAt;
  const { latencyMs } = speaker;
  const playedMs = flushedSamples.map((samples) => samples / SAMPLES_PER_MS);
  return { cuts, playedMs, latencyMs, roundTripMs, calledAtContextS };
}

export async function interrupt({ sampleRate, atMs }) {
  const scenario = await setUp({ sampleRate });
  const { context, speaker, events } = scenario;
  speaker.play("a", 0, ramp(0, 10 * DELTA));
  speaker.play("a", 0, ramp(10 * DELTA, 10 * DELTA));
  speaker.play("b", 0, ramp(0, DELTA));
  await untilPlayed(events, atMs);
  const flushing = flush(scenario);
  speaker.play("a", 0, ramp(0, 10 * DELTA));
  speaker.play("b", 0, ramp(0, 10 * DELTA));
  const flushed = await flushing;
  speaker.play("a", 0, ramp(0, 10 * DELTA));
  await untilElapsed(context, 0.2);
  return { ...(await reportOf(scenario)), ...flushed };
}

export async function interruptAfterStall({ sampleRate, stallS }) {
  const scenario = await setUp({ sampleRate });
  const { context, speaker, events, has } = scenario;
  speaker.play("a", 0, ramp(0, 6 * DELTA));
  await until(() => has("underrun"), "it ran dry");
  await untilElapsed(context, stallS);
  speaker.play("a", 0, ramp(6 * DELTA, 10 * DELTA));
  await untilPlayed(events, 1000);
  const flushed = await flush(scenario);
  await untilElapsed(context, 0.1);
  return { ...(await reportOf(scenario)), ...flushed };
}

export async function interruptWhileSuspended() {
  const scenario = await setUp();
  const { context, speaker, events } = scenario;
  speaker.play("a", 0, ramp(0, 10 * DELTA));
  await untilPlayed(events, 100);
  await context.suspend();
  const flushed = await flush(scenario);
  await context.resume();
  await untilElapsed(context, 0.1);
  return { ...(await reportOf(scenario)), ...flushed };
}

export async function playAgainAfterInterruption() {
  const scenario = await setUp({ sampleRate: 24_000 });
  const { context, speaker, events, has } = scenario;
  speaker.play("a", 0, ramp(0, 10 * DELTA));
  await untilPlayed(events, 200);
  const flushed = await flush(scenario);
  speaker.play("c", 0, new Int16Array(3 * DELTA).fill(-9));
  speaker.finish("c", 0);
  await until(() => has("ended", "c"), "the next reply has ended");
  await untilElapsed(context, 0.05);
  return { ...(await reportOf(scenario)), ...flushed };
}

export async function queueTwo() {
  const scenario = await setUp({ sampleRate: 24_000 });
  const { speaker, has, context } = scenario;
  speaker.play("a", 0, ramp(0, DELTA + 7));
  speaker.finish("a", 0);
  speaker.play("b", 0, ramp(DELTA + 7, DELTA + 1));
  speaker.finish("b", 0);
  await until(() => has("ended", "b"), "both have ended");
  await untilElapsed(context, 0.05);
  return reportOf(scenario);
}

export async function changeVolume({ volumes }) {
  const scenario = await setUp();
  const { context, speaker, recorder, events } = scenario;
  speaker.play("a", 0, new Int16Array(40 * DELTA).fill(20_000));
  speaker.finish("a", 0);
  await untilPlayed(events, 100);
  const levels = [];
  for (const volume of volumes) {
    speaker.setVolume(volume);
    await untilElapsed(context, 0.1);
    levels.push((await recorder.report()).at(-1));
  }
  await speaker.close();
  return { levels };
}

export async function closeInMidReply() {
  const scenario = await setUp();
  const { context, speaker, events } = scenario;
  speaker.play("a", 0, ramp(0, 10 * DELTA));
  speaker.play("b", 0, ramp(0, DELTA));
  await untilPlayed(events, 100);
  const { latencyMs } = speaker;
  const waiting = speaker.flush();
  await speaker.close();
  const afterClose = events.length;
  const cuts = [await waiting, await speaker.flush()];
  speaker.play("c", 0, ramp(0, 10 * DELTA));
  speaker.setVolume(0.5);
  await speaker.close();
  await untilElapsed(context, 0.2);
  return { cuts, latencyMs, afterClose, events: events.length, lastPlayedMs: events.at(-1).playedMs };
}

export async function useBeforeOpen() {
  const context = await runningContext();
  const speaker = new Speaker({ context });
  speaker.play("a", 0, ramp(0, DELTA));
  speaker.finish("a", 0);
  const cuts = await speaker.flush();
  await Promise.all([speaker.open(), speaker.open()]);
  await speaker.close();
  return { cuts };
}

export async function openAgainAfterLoss() {
  const context = await runningContext();
  const { addModule } = context.audioWorklet;
  context.audioWorklet.addModule = () => Promise.reject(new Error("lost"));
  const speaker = new Speaker({ context });
  const first = await speaker.open().catch(({ message }) => message);
  context.audioWorklet.addModule = addModule;
  return { first, second: (await speaker.open()) ?? "open" };
}
