/** Runs before the page's own scripts: keeps what passes the page's doors, for the tests to read. */

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
    answer: Promise.resolve(),
    allow: () => {},
    /** @type {{ kind: string, at: number, latencyMs: number }[]} What the speaker's audio thread told. */
    speaker: [],
    /** @type {string[]} What a screen reader was told. */
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

  const note = (way, text) =>
    watch.frames.push({ way, at: performance.now(), event: JSON.parse(text) });

  globalThis.WebSocket = class extends WebSocket {
    constructor(...args) {
      super(...args);
      watch.sockets.push(this);
      this.addEventListener("message", ({ data }) => {
        note("in", data);
        const { type } = watch.frames.at(-1).event;
        const { recorder } = watch;
        // The page's own listener comes after this one: the earliest moment at which it can know.
        if (type === "input_audio_buffer.speech_started" && recorder) {
          recorder.cutAtContextS = recorder.context.currentTime;
        }
      });
    }

    send(text) {
      note("out", text);
      super.send(text);
    }
  };

  const devices = navigator.mediaDevices;
  if (devices) {
    const ask = devices.getUserMedia.bind(devices);
    devices.getUserMedia = async (constraints) => {
      await watch.answer;
      const stream = await ask(constraints);
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
    const tellState = () => {
      const state = root.dataset.state ?? "";
      if (watch.states.at(-1) !== state) watch.states.push(state);
    };
    new MutationObserver(tellState).observe(root, { attributeFilter: ["data-state"] });
  });

  /** The browser's question about the microphone stays open until one allows it. */
  watch.keepAsking = () => {
    watch.answer = new Promise((resolve) => {
      watch.allow = resolve;
    });
  };

  /** The microphone is pulled out, and there is no other. */
  watch.unplug = () => {
    watch.answer = Promise.reject(new DOMException("", "NotFoundError"));
    watch.answer.catch(() => {});
    const track = watch.tracks.at(-1);
    track.stop();
    track.dispatchEvent(new Event("ended"));
  };

  watch.plugIn = () => {
    watch.answer = Promise.resolve();
  };

  /** Resolves when the condition holds. (A page's policy lets no test tool poll by eval.) */
  watch.until = async (condition, what, timeoutMs = 20_000) => {
    const deadline = performance.now() + timeoutMs;
    while (!condition()) {
      if (performance.now() > deadline) throw new Error(`waited in vain for ${what}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };

  /** Records what leaves the speaker, from now on: as soon as the recorder says that it is steady. */
  watch.listen = async () => {
    const { context, speaker } = globalThis.kaiwa.talk.client.voice;
    await context.audioWorklet.addModule("/static/test/recorder-worklet.js");
    const node = new AudioWorkletNode(context, "test-recorder");
    const { promise: steady, resolve } = Promise.withResolvers();
    node.port.onmessage = resolve;
    speaker.tap.connect(node).connect(context.destination);
    await steady;
    watch.recorder = { context, node, cutAtContextS: -1 };
  };

  /** What was recorded: Float32 as base64 from the context's first frame on, and when one cut in. */
  watch.recorded = async () => {
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
