/** Scenes with the loudspeaker. */

import { Speaker } from "/static/audio/speaker.js";
import { block, floatsAsBase64, Recorder, ramp, runningContext, until } from "/page/equipment.js";

const DELTA = 2400;

/** A speaker on a fresh context, a recorder at its tap, and all that it said. */
async function setUp(contextOptions) {
  const context = await runningContext(contextOptions);
  const said = [];
  const speaker = new Speaker({
    context,
    onStart: (itemId) => said.push({ kind: "start", itemId, at: performance.now() }),
    onPosition: (itemId, _, playedMs) =>
      said.push({ kind: "position", itemId, playedMs, at: performance.now() }),
    onEnded: (itemId) => said.push({ kind: "ended", itemId, at: performance.now() }),
    onUnderrun: () => said.push({ kind: "underrun", at: performance.now() }),
  });
  await speaker.open();
  const recorder = await Recorder.listeningTo(context, speaker.tap);
  const has = (kind, itemId = "a") => said.some((e) => e.kind === kind && e.itemId === itemId);
  return { context, said, speaker, recorder, has };
}

async function reportOf({ recorder, said, context }) {
  const { samples, firstFrame } = await recorder.report();
  const { sampleRate } = context;
  return { heard: floatsAsBase64(samples), firstFrame, said, sampleRate };
}

/** An answer that comes in deltas of 100 ms at `pace` times real time. */
async function answer(speaker, { deltas, pace, atDelta = () => {} }) {
  const begun = performance.now();
  for (let i = 0; i < deltas; i += 1) {
    await until(() => performance.now() >= begun + (i * 100) / pace, "the next delta is due");
    atDelta(i);
    speaker.play("a", 0, ramp(i * DELTA, DELTA));
  }
  speaker.finish("a", 0);
}

export async function hearAnswer({ deltas, pace, sampleRate, blockMs = 0 }) {
  const scene = await setUp(sampleRate ? { sampleRate } : {});
  const atDelta = (i) => i === Math.floor(deltas / 2) && blockMs > 0 && block(blockMs);
  await answer(scene.speaker, { deltas, pace, atDelta });
  await until(() => scene.has("ended"), "the answer has ended");
  return reportOf(scene);
}
