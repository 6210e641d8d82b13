/** Scenes with the loudspeaker. */

import {
  block,
  floatsAsBase64,
  Recorder,
  ramp,
  runningContext,
  until,
  untilLater,
} from "/page/equipment.js";
import { SAMPLES_PER_MS } from "/static/audio/pcm.js";
import { Speaker } from "/static/audio/speaker.js";

const DELTA = 2400;

/** A speaker on a fresh context, a recorder at its tap, and all that it said. */
async function setUp({ sampleRate } = {}) {
  const context = await runningContext(sampleRate ? { sampleRate } : {});
  const said = [];
  const flushedSamples = [];
  listenToWorklet({
    underrun: () => said.push({ kind: "underrun" }),
    flushed: ({ cuts }) => flushedSamples.push(...cuts.map((cut) => cut.playedSamples)),
  });
  const speaker = new Speaker({
    context,
    onStart: (itemId) => said.push({ kind: "start", itemId }),
    onPosition: (itemId, _, playedMs) => said.push({ kind: "position", itemId, playedMs }),
    onEnded: (itemId) => said.push({ kind: "ended", itemId }),
  });
  await speaker.open();
  const recorder = await Recorder.listeningTo(context, speaker.tap);
  const has = (kind, itemId) =>
    said.some((event) => event.kind === kind && (!itemId || event.itemId === itemId));
  return { context, said, speaker, recorder, has, flushedSamples };
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

async function reportOf({ recorder, said, context }) {
  const heard = floatsAsBase64(await recorder.report());
  return { heard, said, sampleRate: context.sampleRate };
}

const untilPlayed = (said, ms) =>
  until(() => said.some(({ playedMs }) => playedMs >= ms), `${ms} ms were played`);

/** An answer that comes in deltas of 100 ms at `pace` times real time; the last one is short. */
async function answer(speaker, { samples, pace, atDelta = () => {} }) {
  const begun = performance.now();
  const whole = ramp(0, samples);
  for (let i = 0; i * DELTA < samples; i += 1) {
    await until(() => performance.now() >= begun + (i * 100) / pace, "the next delta is due");
    atDelta(i);
    speaker.play("a", 0, whole.subarray(i * DELTA, (i + 1) * DELTA));
  }
  speaker.finish("a", 0);
}

export async function hearAnswer({ samples, pace, sampleRate, blockMs = 0 }) {
  const scene = await setUp({ sampleRate });
  const middle = Math.floor(samples / DELTA / 2);
  await answer(scene.speaker, { samples, pace, atDelta: (i) => i === middle && block(blockMs) });
  await until(() => scene.has("ended"), "the answer has ended");
  await untilLater(scene.context, 0.05);
  return reportOf(scene);
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
  const scene = await setUp({ sampleRate });
  const { context, speaker, said } = scene;
  speaker.play("a", 0, ramp(0, 10 * DELTA));
  speaker.play("a", 0, ramp(10 * DELTA, 10 * DELTA));
  speaker.play("b", 0, ramp(0, DELTA));
  await untilPlayed(said, atMs);
  const flushing = flush(scene);
  speaker.play("a", 0, ramp(0, 10 * DELTA));
  speaker.play("b", 0, ramp(0, 10 * DELTA));
  const flushed = await flushing;
  speaker.play("a", 0, ramp(0, 10 * DELTA));
  await untilLater(context, 0.2);
  return { ...(await reportOf(scene)), ...flushed };
}

export async function interruptAfterStall({ sampleRate, stallS }) {
  const scene = await setUp({ sampleRate });
  const { context, speaker, said, has } = scene;
  speaker.play("a", 0, ramp(0, 6 * DELTA));
  await until(() => has("underrun"), "it ran dry");
  await untilLater(context, stallS);
  speaker.play("a", 0, ramp(6 * DELTA, 10 * DELTA));
  await untilPlayed(said, 1000);
  const flushed = await flush(scene);
  await untilLater(context, 0.1);
  return { ...(await reportOf(scene)), ...flushed };
}

export async function interruptWhileAsleep() {
  const scene = await setUp();
  const { context, speaker, said } = scene;
  speaker.play("a", 0, ramp(0, 10 * DELTA));
  await untilPlayed(said, 100);
  await context.suspend();
  const flushed = await flush(scene);
  await context.resume();
  await untilLater(context, 0.1);
  return { ...(await reportOf(scene)), ...flushed };
}

export async function answerAgainAfterInterruption() {
  const scene = await setUp({ sampleRate: 24_000 });
  const { context, speaker, said, has } = scene;
  speaker.play("a", 0, ramp(0, 10 * DELTA));
  await untilPlayed(said, 200);
  const flushed = await flush(scene);
  speaker.play("c", 0, new Int16Array(3 * DELTA).fill(-9));
  speaker.finish("c", 0);
  await until(() => has("ended", "c"), "the next answer has ended");
  await untilLater(context, 0.05);
  return { ...(await reportOf(scene)), ...flushed };
}

export async function queueTwo() {
  const scene = await setUp({ sampleRate: 24_000 });
  const { speaker, has, context } = scene;
  speaker.play("a", 0, ramp(0, DELTA + 7));
  speaker.finish("a", 0);
  speaker.play("b", 0, ramp(DELTA + 7, DELTA + 1));
  speaker.finish("b", 0);
  await until(() => has("ended", "b"), "both have ended");
  await untilLater(context, 0.05);
  return reportOf(scene);
}

export async function turnVolume({ volumes }) {
  const scene = await setUp();
  const { context, speaker, recorder, said } = scene;
  speaker.play("a", 0, new Int16Array(40 * DELTA).fill(20_000));
  speaker.finish("a", 0);
  await untilPlayed(said, 100);
  const levels = [];
  for (const volume of volumes) {
    speaker.setVolume(volume);
    await untilLater(context, 0.1);
    levels.push((await recorder.report()).at(-1));
  }
  await speaker.close();
  return { levels };
}

export async function closeInMidAnswer() {
  const scene = await setUp();
  const { context, speaker, said } = scene;
  speaker.play("a", 0, ramp(0, 10 * DELTA));
  speaker.play("b", 0, ramp(0, DELTA));
  await untilPlayed(said, 100);
  const { latencyMs } = speaker;
  const waiting = speaker.flush();
  await speaker.close();
  const afterClose = said.length;
  const cuts = [await waiting, await speaker.flush()];
  speaker.play("c", 0, ramp(0, 10 * DELTA));
  speaker.setVolume(0.5);
  await speaker.close();
  await untilLater(context, 0.2);
  return { cuts, latencyMs, afterClose, said: said.length, lastPlayedMs: said.at(-1).playedMs };
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
