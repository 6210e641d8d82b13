/**
 * Runs before the page's own scripts and measures frames, in `probe`. A frame's time is that of the
 * main thread: the event, the page's drawing, style, layout and paint, until the next task can run.
 */

(() => {
  /** @type {WebSocket[]} */
  const sockets = [];
  globalThis.WebSocket = class extends WebSocket {
    constructor(...args) {
      super(...args);
      sockets.push(this);
    }
  };

  /** @type {number[]} */
  const longTasks = [];
  new PerformanceObserver((list) => {
    longTasks.push(...list.getEntries().map(({ duration }) => duration));
  }).observe({ type: "longtask", buffered: true });

  /** Milliseconds of the main thread for a change and the frame that draws it. */
  const frame = (change) =>
    new Promise((resolve) => {
      const { port1, port2 } = new MessageChannel();
      const eventAt = performance.now();
      let eventMs = 0;
      let frameAt = 0;
      // Registered before the page's own callback, so it is the first of the frame.
      requestAnimationFrame(() => {
        frameAt = performance.now();
        port2.postMessage(null);
      });
      port1.onmessage = () => resolve(eventMs + performance.now() - frameAt);
      change();
      eventMs = performance.now() - eventAt;
    });

  const receive = (event) =>
    sockets
      .at(-1)
      .dispatchEvent(new MessageEvent("message", { data: JSON.stringify(event) }));

  const thread = () => document.getElementById("thread");
  const shown = () => document.querySelectorAll("#lines .line").length;
  const until = async (condition) => {
    while (!condition()) await new Promise((resolve) => setTimeout(resolve, 4));
  };

  /** When the first and all of `count` lines were in the document, and the longest task until then. */
  const loaded = async (count) => {
    await until(() => shown() > 0);
    const firstMs = performance.now();
    await until(() => shown() >= count);
    const allMs = performance.now();
    await new Promise((resolve) => setTimeout(resolve, 500));
    return { firstMs, allMs, longestMs: Math.max(0, ...longTasks) };
  };

  /** A spoken answer that grows by a word a frame, in a call. */
  const spokenAnswer = async (words) => {
    const item_id = "item_probe";
    const item = { id: item_id, type: "message", role: "assistant", status: "in_progress" };
    receive({ type: "response.created", response: { id: "r" } });
    receive({ type: "response.output_item.added", response_id: "r", item });
    const times = [];
    for (let count = 0; count < words; count += 1) {
      const event = { event_id: `e${count}`, item_id, response_id: "r", delta: "word " };
      const type = "response.output_audio_transcript.delta";
      times.push(await frame(() => receive({ ...event, type })));
    }
    receive({ type: "response.done", response: { id: "r", status: "completed" } });
    return times;
  };

  /** A written answer in Markdown that grows by some words a frame. */
  const writtenAnswer = async (words) => {
    const { api, talk } = globalThis.kaiwa;
    const encoder = new TextEncoder();
    /** @type {ReadableStreamDefaultController} */
    let stream;
    api.streamMessage = async () => new ReadableStream({ start: (made) => (stream = made) });
    await talk.send("Tell me about bread.");
    await until(() => stream);
    const times = [];
    for (let count = 0; count < words; count += 1) {
      const text = count % 12 === 0 ? "\n\n- **flour** and " : "some `words` ";
      const data = `event: message.delta\ndata: ${JSON.stringify({ text })}\n\n`;
      times.push(await frame(() => stream.enqueue(encoder.encode(data))));
    }
    return times;
  };

  /** Scroll to the beginning and back to the end in steps of most of a screen. */
  const scroll = async (steps) => {
    const box = thread();
    const times = [];
    for (const direction of [-1, 1]) {
      for (let count = 0; count < steps; count += 1) {
        times.push(await frame(() => box.scrollBy(0, direction * box.clientHeight * 0.8)));
      }
    }
    return times;
  };

  /** To the beginning, and with the page's button to the end; then the distance from the end. */
  const jump = async () => {
    const box = thread();
    const toStart = await frame(() => box.scrollTo(0, 0));
    await until(() => !document.getElementById("to-latest").hidden);
    const toEnd = await frame(() => document.getElementById("to-latest").click());
    await new Promise((resolve) => setTimeout(resolve, 300));
    const distancePx = box.scrollHeight - box.scrollTop - box.clientHeight;
    return { times: [toStart, toEnd], distancePx };
  };

  Object.assign(globalThis, {
    probe: { loaded, spokenAnswer, writtenAnswer, scroll, jump },
  });
})();
