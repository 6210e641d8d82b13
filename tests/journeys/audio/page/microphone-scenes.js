/** Scenes with the microphone. */

import { block, runningContext, until, untilLater } from "/page/equipment.js";
import {
  listMicrophones,
  Microphone,
  MicrophoneError,
  watchMicrophones,
} from "/static/audio/microphone.js";
import { base64FromPcm } from "/static/audio/pcm.js";

const RAW = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
const LOUD = 0.02;
const CHUNK_MS = 40;

/** A microphone on a fresh context, all that it said, and all streams that the page was given. */
async function setUp() {
  const context = await runningContext();
  const chunks = [];
  const problems = [];
  const streams = streamsGiven();
  const allowed = [];
  const microphone = new Microphone({
    context,
    onChunk: (chunk) => chunks.push(chunk),
    onProblem: (problem) => problems.push(problem),
    onAllowed: () => allowed.push({ streams: streams.length, chunks: chunks.length }),
  });
  return { context, chunks, problems, allowed, microphone, streams };
}

function streamsGiven() {
  const streams = [];
  const { mediaDevices } = navigator;
  const ask = mediaDevices?.getUserMedia.bind(mediaDevices);
  if (ask) {
    mediaDevices.getUserMedia = async (constraints) => {
      const stream = await ask(constraints);
      streams.push(stream);
      return stream;
    };
  }
  return streams;
}

const liveTracks = (streams) =>
  streams.flatMap((stream) => stream.getTracks()).filter((track) => track.readyState === "live")
    .length;

const untilLoud = (chunks, from) =>
  until(() => chunks.slice(from).some(({ rms }) => rms > LOUD), "speech was heard");

function reportOf({ chunks, problems, allowed, context, streams }) {
  return {
    pcm: base64FromPcm(Int16Array.from(chunks.flatMap(({ pcm }) => [...pcm]))),
    chunks: chunks.map(({ seq, rms, pcm }) => ({
      seq,
      rms,
      samples: pcm.length,
      zeros: pcm.filter((sample) => sample === 0).length,
    })),
    problems,
    allowed,
    sampleRate: context.sampleRate,
    streams: streams.length,
    liveTracks: liveTracks(streams),
  };
}

export async function hear({ chunks: count, settings = RAW }) {
  const scene = await setUp();
  await scene.microphone.start(settings);
  await until(() => scene.chunks.length >= count, `${count} chunks came`);
  await scene.microphone.stop();
  return reportOf(scene);
}

export async function mute() {
  const scene = await setUp();
  const { chunks, microphone } = scene;
  await microphone.start(RAW);
  await untilLoud(chunks, 0);
  microphone.setMuted(true);
  const mutedFrom = chunks.length;
  await until(() => chunks.length >= mutedFrom + 15, "muted chunks came");
  microphone.setMuted(false);
  const unmutedFrom = chunks.length;
  await untilLoud(chunks, unmutedFrom);
  await microphone.stop();
  return { ...reportOf(scene), mutedFrom, unmutedFrom };
}

export async function pushToTalk({ tailMs }) {
  const scene = await setUp();
  const { context, chunks, microphone } = scene;
  microphone.setTalking(false);
  await microphone.start(RAW);
  await untilLater(context, 0.6);
  const beforePress = chunks.length;
  microphone.setTalking(true);
  await untilLoud(chunks, 0);
  microphone.setTalking(false, { tailMs });
  const tail = Math.round(tailMs / CHUNK_MS);
  await until(() => chunks.slice(-tail).every(({ rms }) => rms === 0), "the tail came");
  const atRelease = chunks.length;
  await untilLater(context, 0.5);
  const beforeSecondPress = chunks.length;
  microphone.setTalking(true);
  await untilLoud(chunks, beforeSecondPress);
  await microphone.stop();
  return { ...reportOf(scene), beforePress, atRelease, beforeSecondPress };
}

export async function startAndStopTwice() {
  const scene = await setUp();
  const { context, chunks, microphone, streams } = scene;
  const opened = await Promise.all([microphone.start(RAW), microphone.start(RAW)]);
  await until(() => chunks.length >= 3, "chunks came");
  await microphone.stop();
  const afterStop = { chunks: chunks.length, live: liveTracks(streams), streams: streams.length };
  await untilLater(context, 0.2);
  const later = chunks.length;
  await microphone.stop();
  await microphone.start(RAW);
  await until(() => chunks.length >= later + 3, "chunks came again");
  const whileOpen = { deviceId: microphone.deviceId, live: liveTracks(streams) };
  await microphone.stop();
  return { ...reportOf(scene), opened, afterStop, later, whileOpen, deviceId: microphone.deviceId };
}

export async function stopWhileAsking() {
  const scene = await setUp();
  const starting = scene.microphone.start(RAW);
  await scene.microphone.stop();
  const opened = await starting;
  return { ...reportOf(scene), opened };
}

export async function loseDevice({ isAnotherThere }) {
  const scene = await setUp();
  const { context, chunks, problems, microphone, streams } = scene;
  await microphone.start(RAW);
  await until(() => chunks.length >= 3, "chunks came");
  const ask = navigator.mediaDevices.getUserMedia;
  if (!isAnotherThere)
    navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException());
  const [track] = streams[0].getAudioTracks();
  track.stop();
  track.dispatchEvent(new Event("ended"));
  if (isAnotherThere) await until(() => problems.includes("recovered"), "it recovered");
  else await untilLater(context, 1.5);
  navigator.mediaDevices.getUserMedia = ask;
  const lost = chunks.length;
  await microphone.start(RAW);
  await until(() => chunks.length > lost, "chunks came again");
  await microphone.stop();
  return reportOf(scene);
}

export async function sleepAndWake() {
  const scene = await setUp();
  const { context, chunks, problems, microphone } = scene;
  await microphone.start(RAW);
  await until(() => chunks.length >= 3, "chunks came");
  await context.suspend();
  await until(() => problems.includes("recovered"), "it recovered");
  await microphone.stop();
  return reportOf(scene);
}

export async function blockPage({ ms }) {
  const scene = await setUp();
  const { chunks, microphone, context } = scene;
  await microphone.start(RAW);
  await until(() => chunks.length >= 3, "chunks came");
  block(ms);
  await untilLater(context, 0.3);
  await microphone.stop();
  return reportOf(scene);
}

export async function hearNothingThenSomething() {
  const scene = await setUp();
  await scene.microphone.start(RAW);
  await until(() => scene.problems.includes("recovered"), "it recovered");
  await scene.microphone.stop();
  return reportOf(scene);
}

export async function choose() {
  const scene = await setUp();
  const { microphone } = scene;
  const listed = (await listMicrophones()).map(({ deviceId, label }) => ({ deviceId, label }));
  const chosen = listed.at(-1).deviceId;
  await microphone.start({ ...RAW, deviceId: chosen });
  const used = microphone.deviceId;
  await microphone.stop();
  await microphone.start({ ...RAW, deviceId: "unplugged long ago" });
  const usedInstead = microphone.deviceId;
  await microphone.stop();
  return { listed, chosen, used, usedInstead };
}

export async function watchPlugs() {
  const watching = new AbortController();
  const seen = [];
  watchMicrophones((microphones) => seen.push(microphones.length), watching.signal);
  navigator.mediaDevices.dispatchEvent(new Event("devicechange"));
  await until(() => seen.length > 0, "the change was told");
  watching.abort();
  navigator.mediaDevices.dispatchEvent(new Event("devicechange"));
  await listMicrophones();
  return { seen };
}

export async function failToStart() {
  const { microphone, streams } = await setUp();
  const error = await microphone.start().catch((thrown) => thrown);
  return {
    kind: error.kind,
    isMicrophoneError: error instanceof MicrophoneError,
    liveTracks: liveTracks(streams),
  };
}

/** The device opens and then the worklet cannot be fetched. */
export async function loseNetworkWhileStarting() {
  const { context, microphone, streams } = await setUp();
  context.audioWorklet.addModule = () => Promise.reject(new DOMException("", "NetworkError"));
  const error = await microphone.start().catch((thrown) => thrown);
  return { kind: error.kind, streams: streams.length, liveTracks: liveTracks(streams) };
}
