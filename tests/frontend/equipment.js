/** Fakes that stand in for the browser and the server in the tests of the page's controllers. */

// Browsers and node 22 have it; the tests also run on node 20.
Promise.withResolvers ??= () => {
  const made = {};
  made.promise = new Promise((resolve, reject) => Object.assign(made, { resolve, reject }));
  return made;
};
globalThis.location ??= { href: "https://kaiwa.test/" };

/** Let everything that is already decided happen: promises that are settled, timers of 0 ms. */
export const settle = () => new Promise((resolve) => setImmediate(resolve));

/** An object whose methods record their calls: `calls` holds `[name, ...arguments]`. */
export function recorder(...names) {
  const calls = [];
  const methods = names.map((name) => [name, (...args) => void calls.push([name, ...args])]);
  return { calls, ...Object.fromEntries(methods) };
}

/** A function that answers each call with a promise; the test settles `calls[n]`. */
export function deferred() {
  const calls = [];
  const ask = (...args) => {
    const call = Promise.withResolvers();
    calls.push({ args, ...call });
    return call.promise;
  };
  return Object.assign(ask, { calls });
}

/** localStorage or sessionStorage: the keys are properties. */
export class FakeStorage {
  getItem(key) {
    return this[key] ?? null;
  }

  setItem(key, text) {
    this[key] = text;
  }

  removeItem(key) {
    delete this[key];
  }

  keys() {
    return Object.keys(this);
  }
}

const TIME_ZONE = process.env.TZ;

/** Dates are in this time zone until `restoreTimeZone()`. */
export function inTimeZone(name) {
  process.env.TZ = name;
}

export function restoreTimeZone() {
  if (TIME_ZONE === undefined) delete process.env.TZ;
  else process.env.TZ = TIME_ZONE;
}

/** Words that are their keys, so that tests do not depend on the texts. */
export const keyWords = () => ({
  language: "en",
  hasKeys: true,
  say: (key, values) => (values ? `${key} ${JSON.stringify(values)}` : key),
  sayFirst: (...keys) => keys[0],
});

/** A session as the REST API returns it. */
export const session = (id, more = {}) => ({
  id,
  title: "",
  realtime_mode: false,
  status: "open",
  voice: "marin",
  language: "en",
  created_at: "2026-11-21T12:00:00Z",
  updated_at: "2026-11-21T12:00:00Z",
  turn_count: 0,
  call_count: 0,
  ...more,
});

/** A WebSocket: what was sent is in `sent`; the test opens it and lets it receive and close. */
export class FakeSocket extends EventTarget {
  readyState = 0;
  bufferedAmount = 0;
  sent = [];

  constructor(url, protocols) {
    super();
    Object.assign(this, { url, protocols });
  }

  send(text) {
    this.sent.push(JSON.parse(text));
  }

  close(code = 1005) {
    if (this.readyState === 3) return;
    this.readyState = 3;
    this.dispatchEvent(Object.assign(new Event("close"), { code }));
  }

  open() {
    this.readyState = 1;
    this.dispatchEvent(new Event("open"));
  }

  receive(event) {
    if (this.readyState === 0) this.readyState = 1;
    const data = typeof event === "string" ? event : JSON.stringify(event);
    this.dispatchEvent(Object.assign(new Event("message"), { data }));
  }
}

/** A Connection for the client: `sent` are its frames; the test plays the server. */
export class FakeConnection {
  sent = [];
  unsentBytes = 0;
  isReady = false;
  opened = 0;
  dropped = [];
  hasHeartbeat = false;

  constructor(options) {
    this.options = options;
  }

  open() {
    this.opened += 1;
  }

  close() {
    this.isReady = false;
  }

  send(frame) {
    if (this.isReady) this.sent.push(frame);
  }

  drop(cause) {
    this.isReady = false;
    this.dropped.push(cause);
  }

  setHeartbeat(isOn) {
    this.hasHeartbeat = isOn;
  }

  /** The call is open: what follows `relay.ready` has happened when this settles. */
  async becomeReady() {
    this.isReady = true;
    this.receive({ type: "relay.ready" });
    await settle();
  }

  receive(...events) {
    for (const event of events) this.options.onEvent(event);
  }

  types() {
    return this.sent.map(({ type }) => type);
  }
}

/** A Voice: microphone and speaker that record their calls. */
export class FakeVoice {
  microphone = recorder("setTalking", "setMuted");
  speaker = {
    ...recorder("setVolume", "play", "finish"),
    latencyMs: 0,
    heardSoFar: () => this.cuts,
  };
  cuts = [];
  resumed = 0;
  isStopped = false;
  starting = Promise.withResolvers();

  constructor(context, events) {
    Object.assign(this, { context, events });
  }

  start(settings) {
    this.settings = settings;
    return this.starting.promise;
  }

  async change(settings) {
    this.settings = settings;
  }

  async flush() {
    return this.cuts;
  }

  async restMicrophone() {
    this.isResting = true;
  }

  async wakeMicrophone() {
    this.isResting = false;
    if (this.wakeError) throw this.wakeError;
  }

  resume() {
    this.resumed += 1;
  }

  async stop() {
    this.isStopped = true;
  }
}
