/**
 * Records what the tab plays, after its audio elements: Chromium's capture of the tab's own sound. Beside it
 * the stream that the element is given, `watch.remoteStream`: how much later a sound of that stream is in
 * the capture is the capture's own delay. Evaluate it in a user gesture, as `getDisplayMedia` wants.
 *
 * Chromium needs `--auto-accept-this-tab-capture`, and must not have `--mute-audio`.
 */

(async () => {
  const captured = await navigator.mediaDevices.getDisplayMedia({
    // There is no capture without a picture, which is stopped below.
    video: { width: 16, height: 16, frameRate: 1 },
    // The machine that runs the test stays silent.
    audio: {
      echoCancellation: false,
      noiseSuppression: false,
      autoGainControl: false,
      suppressLocalAudioPlayback: true,
    },
    preferCurrentTab: true,
  });
  for (const track of captured.getVideoTracks()) track.stop();

  // Without the wrappers of watch.js, since none of this is the page's.
  const context = new (Object.getPrototypeOf(AudioContext))();
  await context.audioWorklet.addModule("/static/test/recorder-worklet.js");
  // A node is only processed if it leads to the destination.
  const nowhere = new GainNode(context, { gain: 0 });
  nowhere.connect(context.destination);

  const recorderOf = async (source) => {
    const node = new (Object.getPrototypeOf(AudioWorkletNode))(context, "test-recorder");
    const { promise: steady, resolve } = Promise.withResolvers();
    node.port.onmessage = resolve;
    source.connect(node).connect(nowhere);
    await steady;
    return node;
  };
  const tab = context.createMediaStreamSource(new MediaStream(captured.getAudioTracks()));
  const played = await recorderOf(tab);
  const received = await recorderOf(context.createMediaStreamSource(watch.remoteStream));
  watch.tabClock = () => context.currentTime;

  const analyser = new AnalyserNode(context, { fftSize: 1024 });
  tab.connect(analyser);
  const latest = new Float32Array(1024);
  const isAudible = () => {
    analyser.getFloatTimeDomainData(latest);
    // -46 dB of full scale, the page's own threshold for speech.
    return Math.hypot(...latest) / Math.sqrt(latest.length) > 0.005;
  };
  /** Resolves when an answer sounds, half a second or more after it began to. */
  watch.hearAnswer = async () => {
    await watch.waitUntil(isAudible, "an audible answer");
    const from = context.currentTime;
    await watch.waitUntil(() => context.currentTime > from + 0.5 && isAudible(), "more of it");
  };

  const samplesOf = async (node) => {
    const blocks = await new Promise((resolve) => {
      node.port.onmessage = ({ data }) => resolve(data);
      node.port.postMessage("report");
    });
    const samples = new Float32Array(blocks.at(-1).frame + 128);
    for (const { frame, samples: each } of blocks) samples.set(each, frame);
    return new Uint8Array(samples.buffer).toBase64();
  };
  /** Both recordings as base64 of Float32, from the context's first frame on. */
  watch.stopTabRecording = async () => {
    const recording = {
      played: await samplesOf(played),
      received: await samplesOf(received),
      sampleRate: context.sampleRate,
    };
    for (const track of captured.getTracks()) track.stop();
    await context.close();
    return recording;
  };
})();
