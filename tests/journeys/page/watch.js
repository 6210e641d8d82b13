/**
 * Runs before the page's own scripts. Wraps WebSocket, getUserMedia, AudioContext and
 * AudioWorkletNode, and records in `watch` what the page sends, receives, opens and announces.
 */

(() => {
  const watch = {
    /** @type {WebSocket[]} */
    sockets: [],
    /** @type {{ way: "in" | "out", at: number, event: any }[]} */
    frames: [],
    /** @type {MediaStreamTrack[]} */
    tracks: [],
    /** @type {AudioContext[]} */
    contexts: [],
    /** @type {Promise<void>} */
    permission: Promise.resolve(),
    grantPermission: () => {},
    /** @type {{ kind: string, at: number, latencyMs: number }[]} Messages of the playback worklet. */
    speaker: [],
    /** @type {string[]} Texts of the live region. */
    announced: [],
    /** @type {string[]} */
    states: [],
    /** @type {string[]} */
    violations: [],
    /** @type {{ at: number, value: number, hadRecentInput: boolean, of: string[] }[]} */
    shifts: [],
    /** @type {{ context: AudioContext, node: AudioWorkletNode, cutAtContextS: number } | null} */
    recorder: null,
  };
  Object.assign(globalThis, { watch });

  document.addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) =>
    watch.violations.push(`${violatedDirective} ${blockedURI}`),
  );

  const recordFrame = (way, text) =>
    watch.frames.push({ way, at: performance.now(), event: JSON.parse(text) });

  globalThis.WebSocket = class extends WebSocket {
    constructor(...args) {
      super(...args);
      watch.sockets.push(this);
      this.addEventListener("message", ({ data }) => {
        recordFrame("in", data);
        const { type } = watch.frames.at(-1).event;
        const { recorder } = watch;
        // The page's own listener runs after this one, so this is the earliest moment it can react.
        if (type === "input_audio_buffer.speech_started" && recorder) {
          recorder.cutAtContextS = recorder.context.currentTime;
        }
      });
    }

    send(text) {
      recordFrame("out", text);
      super.send(text);
    }
  };

  const devices = navigator.mediaDevices;
  if (devices) {
    const getUserMedia = devices.getUserMedia.bind(devices);
    devices.getUserMedia = async (constraints) => {
      await watch.permission;
      const stream = await getUserMedia(constraints);
      watch.tracks.push(...stream.getTracks());
      return stream;
    };
  }

  globalThis.AudioContext = class extends AudioContext {
    constructor(...args) {
      super(...args);
      watch.contexts.push(this);
    }
  };

  globalThis.AudioWorkletNode = class extends AudioWorkletNode {
    constructor(context, name, options) {
      super(context, name, options);
      if (name !== "kaiwa-playback") return;
      this.port.addEventListener("message", ({ data }) =>
        watch.speaker.push({
          ...data,
          at: performance.now(),
          latencyMs: context.outputLatency * 1000,
        }),
      );
    }
  };

  new PerformanceObserver((list) => {
    for (const { startTime: at, value, hadRecentInput, sources } of list.getEntries()) {
      const of = sources.map(({ node }) => node?.id || node?.className || node?.nodeName || "");
      watch.shifts.push({ at, value, hadRecentInput, of });
    }
  }).observe({ type: "layout-shift", buffered: true });

  document.addEventListener("DOMContentLoaded", () => {
    const announcer = document.getElementById("announcer");
    if (announcer) {
      new MutationObserver((changes) => {
        const added = changes.flatMap(({ addedNodes }) => [...addedNodes]);
        watch.announced.push(...added.map((node) => node.textContent ?? ""));
      }).observe(announcer, { childList: true });
    }
    const root = document.documentElement;
    const recordState = () => {
      const state = root.dataset.state ?? "";
      if (watch.states.at(-1) !== state) watch.states.push(state);
    };
    new MutationObserver(recordState).observe(root, { attributeFilter: ["data-state"] });
  });

  /** Keeps the browser's permission prompt pending until `grantPermission` is called. */
  watch.holdPermission = () => {
    watch.permission = new Promise((resolve) => {
      watch.grantPermission = resolve;
    });
  };

  /** Ends the microphone track; another request finds no device. */
  watch.unplugMicrophone = () => {
    watch.permission = Promise.reject(new DOMException("", "NotFoundError"));
    watch.permission.catch(() => {});
    const track = watch.tracks.at(-1);
    track.stop();
    track.dispatchEvent(new Event("ended"));
  };

  /** Lets getUserMedia succeed again. */
  watch.plugInMicrophone = () => {
    watch.permission = Promise.resolve();
  };

  /** Polls the condition every 20 ms. The CSP forbids the eval that Playwright's own polling uses. */
  watch.waitUntil = async (condition, what, timeoutMs = 20_000) => {
    const deadline = performance.now() + timeoutMs;
    while (!condition()) {
      if (performance.now() > deadline) throw new Error(`timed out waiting for ${what}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };

  /** Records the speaker's output. Resolves when the recorder is steady; see recorder-worklet.js. */
  watch.startRecording = async () => {
    const { talk, page } = globalThis.kaiwa;
    const { context, speaker } = (talk ?? page).client.voice;
    await context.audioWorklet.addModule("/static/test/recorder-worklet.js");
    const node = new AudioWorkletNode(context, "test-recorder");
    const { promise: steady, resolve } = Promise.withResolvers();
    node.port.onmessage = resolve;
    speaker.tap.connect(node).connect(context.destination);
    await steady;
    watch.recorder = { context, node, cutAtContextS: -1 };
  };

  /**
   * Returns the recording as base64 of Float32, from the context's first frame on, and the context's
   * time at the last `speech_started`.
   */
  watch.stopRecording = async () => {
    const { context, node, cutAtContextS } = watch.recorder;
    const blocks = await new Promise((resolve) => {
      node.port.onmessage = ({ data }) => resolve(data);
      node.port.postMessage("report");
    });
    const heard = new Float32Array(blocks.at(-1).frame + 128);
    for (const { frame, samples } of blocks) heard.set(samples, frame);
    const bytes = new Uint8Array(heard.buffer);
    return { heard: bytes.toBase64(), sampleRate: context.sampleRate, cutAtContextS };
  };
})();
