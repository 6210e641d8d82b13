/** Scenes with the microphone. */

import { listMicrophones, Microphone, MicrophoneError } from "/static/audio/microphone.js";
import { base64FromPcm } from "/static/audio/pcm.js";
import { runningContext, until, untilLater } from "/page/equipment.js";

const RAW = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };

/** A microphone on a fresh context, and all that it said. */
async function setUp() {
  const context = await runningContext();
  const chunks = [];
  const problems = [];
  const microphone = new Microphone({
    context,
    onChunk: (chunk) => chunks.push(chunk),
    onProblem: (problem) => problems.push(problem),
  });
  return { context, chunks, problems, microphone };
}

/** The streams that the page was given, so that a scene can look at their tracks. */
function streamsGiven() {
  const streams = [];
  const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  navigator.mediaDevices.getUserMedia = async (constraints) => {
    const stream = await ask(constraints);
    streams.push(stream);
    return stream;
  };
  return streams;
}

function pcmOf(chunks) {
  const all = new Int16Array(chunks.reduce((sum, { pcm }) => sum + pcm.length, 0));
  chunks.reduce((at, { pcm }) => {
    all.set(pcm, at);
    return at + pcm.length;
  }, 0);
  return base64FromPcm(all);
}

const reportOf = (chunks) => ({
  pcm: pcmOf(chunks),
  seqs: chunks.map(({ seq }) => seq),
  rms: chunks.map(({ rms }) => rms),
  peaks: chunks.map(({ peak }) => peak),
  lengths: chunks.map(({ pcm }) => pcm.length),
});

export async function hear({ chunks: count }) {
  const { chunks, problems, microphone, context } = await setUp();
  await microphone.start(RAW);
  await until(() => chunks.length >= count, `${count} chunks came`);
  await microphone.stop();
  return { ...reportOf(chunks), problems, sampleRate: context.sampleRate };
}

export async function failToStart() {
  const { microphone } = await setUp();
  const error = await microphone.start().catch((thrown) => thrown);
  return { kind: error.kind, isMicrophoneError: error instanceof MicrophoneError };
}
