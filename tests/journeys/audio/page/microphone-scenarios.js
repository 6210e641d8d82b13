/** Scenarios with the microphone. */

import { block, runningContext, until, untilElapsed } from "/page/equipment.js";
import {
  listMicrophones,
  Microphone,
  MicrophoneError,
  watchMicrophones,
} from "/static/audio/microphone.js";
import { base64FromPcm } from "/static/audio/pcm.js";
import { SoundOutput } from "/static/audio/sound-output.js";

const RAW = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
const LOUD = 0.02;
const CHUNK_MS = 40;

/** A microphone on a new context, with everything it reports and all streams the page received. */
async function setUp() {
  const context = await runningContext();
  const chunks = [];
  const problems = [];
  const streams = collectStreams();
  const allowed = [];
  const microphone = new Microphone({
    context,
    onChunk: (chunk) => chunks.push(chunk),
    onProblem: (problem) => problems.push(problem),
    onAllowed: () => allowed.push({ streams: streams.length, chunks: chunks.length }),
  });
  return { context, chunks, problems, allowed, microphone, streams };
}

function collectStreams() {
  const streams = [];
  const { mediaDevices } = navigator;
  const getUserMedia = mediaDevices?.getUserMedia.bind(mediaDevices);
  if (getUserMedia) {
    mediaDevices.getUserMedia = async (constraints) => {
      const stream = await getUserMedia(constraints);
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

export async function record({ chunks: count, settings = RAW }) {
  const scenario = await setUp();
  await scenario.microphone.start(settings);
  await until(() => scenario.chunks.length >= count, `${count} chunks came`);
  await scenario.microphone.stop();
  return reportOf(scenario);
}

export async function mute() {
  const scenario = await setUp();
  const { chunks, microphone } = scenario;
  await microphone.start(RAW);
  await untilLoud(chunks, 0);
  microphone.setMuted(true);
  const mutedFrom = chunks.length;
  await until(() => chunks.length >= mutedFrom + 15, "muted chunks came");
  microphone.setMuted(false);
  const unmutedFrom = chunks.length;
  await untilLoud(chunks, unmutedFrom);
  await microphone.stop();
  return { ...reportOf(scenario), mutedFrom, unmutedFrom };
}

export async function pushToTalk({ tailMs }) {
  const scenario = await setUp();
  const { context, chunks, microphone } = scenario;
  microphone.setTalking(false);
  await microphone.start(RAW);
  await untilElapsed(context, 0.6);
  const beforePress = chunks.length;
  microphone.setTalking(true);
  await untilLoud(chunks, 0);
  microphone.setTalking(false, { tailMs });
  const tail = Math.round(tailMs / CHUNK_MS);
  await until(() => chunks.slice(-tail).every(({ rms }) => rms === 0), "the tail came");
  const atRelease = chunks.length;
  await untilElapsed(context, 0.5);
  const beforeSecondPress = chunks.length;
  microphone.setTalking(true);
  await untilLoud(chunks, beforeSecondPress);
  await microphone.stop();
  return { ...reportOf(scenario), beforePress, atRelease, beforeSecondPress };
}

export async function startAndStopTwice() {
  const scenario = await setUp();
  const { context, chunks, microphone, streams } = scenario;
  const opened = await Promise.all([microphone.start(RAW), microphone.start(RAW)]);
  await until(() => chunks.length >= 3, "chunks came");
  await microphone.stop();
  const afterStop = { chunks: chunks.length, live: liveTracks(streams), streams: streams.length };
  await untilElapsed(context, 0.2);
  const later = chunks.length;
  await microphone.stop();
  await microphone.start(RAW);
  await until(() => chunks.length >= later + 3, "chunks came again");
  const whileOpen = { deviceId: microphone.deviceId, live: liveTracks(streams) };
  await microphone.stop();
  return { ...reportOf(scenario), opened, afterStop, later, whileOpen, deviceId: microphone.deviceId };
}

export async function stopWhilePermissionIsPending() {
  const scenario = await setUp();
  const starting = scenario.microphone.start(RAW);
  await scenario.microphone.stop();
  const opened = await starting;
  return { ...reportOf(scenario), opened };
}

export async function loseDevice({ isAnotherThere }) {
  const scenario = await setUp();
  const { context, chunks, problems, microphone, streams } = scenario;
  await microphone.start(RAW);
  await until(() => chunks.length >= 3, "chunks came");
  const getUserMedia = navigator.mediaDevices.getUserMedia;
  if (!isAnotherThere)
    navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException());
  const [track] = streams[0].getAudioTracks();
  track.stop();
  track.dispatchEvent(new Event("ended"));
  if (isAnotherThere) await until(() => problems.includes("recovered"), "it recovered");
  else await untilElapsed(context, 1.5);
  navigator.mediaDevices.getUserMedia = getUserMedia;
  const lost = chunks.length;
  await microphone.start(RAW);
  await until(() => chunks.length > lost, "chunks came again");
  await microphone.stop();
  return reportOf(scenario);
}

/** The browser suspends the context and refuses to resume it until a later click. */
export async function suspendAndRecover() {
  const scenario = await setUp();
  const { context, chunks, problems, microphone } = scenario;
  const watching = new AbortController();
  const onChange = (isBlocked) => problems.push(isBlocked ? "sound_blocked" : "sound_allowed");
  new SoundOutput({ context, onChange }).watch(watching.signal);
  await microphone.start(RAW);
  await until(() => chunks.length >= 3, "chunks came");
  context.resume = () => Promise.reject(new DOMException("", "NotAllowedError"));
  await context.suspend();
  await until(() => problems.includes("sound_blocked"), "it was reported");
  delete context.resume;
  const before = chunks.length;
  document.dispatchEvent(new Event("click"));
  await until(() => problems.includes("sound_allowed"), "it recovered");
  await until(() => chunks.length > before, "chunks came again");
  watching.abort();
  await microphone.stop();
  return reportOf(scenario);
}

export async function blockPage({ ms }) {
  const scenario = await setUp();
  const { chunks, microphone, context } = scenario;
  await microphone.start(RAW);
  await until(() => chunks.length >= 3, "chunks came");
  block(ms);
  await untilElapsed(context, 0.3);
  await microphone.stop();
  return reportOf(scenario);
}

export async function recordSilenceThenSound() {
  const scenario = await setUp();
  await scenario.microphone.start(RAW);
  await until(() => scenario.problems.includes("recovered"), "it recovered");
  await scenario.microphone.stop();
  return reportOf(scenario);
}

export async function chooseMicrophone() {
  const scenario = await setUp();
  const { microphone } = scenario;
  const listed = (await listMicrophones()).map(({ deviceId, label }) => ({ deviceId, label }));
  const chosen = listed.at(-1).deviceId;
  await microphone.start({ ...RAW, deviceId: chosen });
  const used = microphone.deviceId;
  await microphone.stop();
  await microphone.start({ ...RAW, deviceId: "no longer connected" });
  const usedInstead = microphone.deviceId;
  await microphone.stop();
  return { listed, chosen, used, usedInstead };
}

export async function watchDeviceChanges() {
  const watching = new AbortController();
  const counts = [];
  watchMicrophones((microphones) => counts.push(microphones.length), watching.signal);
  navigator.mediaDevices.dispatchEvent(new Event("devicechange"));
  await until(() => counts.length > 0, "the change was reported");
  watching.abort();
  navigator.mediaDevices.dispatchEvent(new Event("devicechange"));
  await listMicrophones();
  return { counts };
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

/** The device opens, and then the worklet cannot be fetched. */
export async function loseNetworkWhileStarting() {
  const { context, microphone, streams } = await setUp();
  context.audioWorklet.addModule = () => Promise.reject(new DOMException("", "NetworkError"));
  const error = await microphone.start().catch((thrown) => thrown);
  return { kind: error.kind, streams: streams.length, liveTracks: liveTracks(streams) };
}
