/**
 * Which connection a call takes: through the server (the relay), or WebRTC straight to the provider. The
 * choice is made anew for each call. `automatic` tries WebRTC first, and falls back to the relay.
 */

import { Latest } from "../latest.js";

/** @import { RemoteSound } from "../audio/remote-sound.js" */
/** @import { Connection } from "./connection.js" */
/** @import { Frame } from "./turn-taking.js" */

/**
 * @typedef {"relay" | "webrtc" | "automatic"} Transport
 * @typedef {Pick<Connection, "open" | "close" | "send" | "drop" | "setHeartbeat" | "isReady" | "unsentBytes">
 *   & { remote?: RemoteSound, setMicrophone?: (microphone: OutgoingMicrophone) => void }} OneConnection
 *   `remote` plays the answers, where the connection itself brings their sound; it takes the microphone's
 *   track then, and no audio frames.
 * @typedef {{ track: MediaStreamTrack | null, isOn: boolean }} OutgoingMicrophone While it is not on, silence
 *   is sent.
 * @typedef {{
 *   transport: () => Transport,
 *   relay: OneConnection,
 *   loadWebRtc: (fallBack: FallBack) => Promise<OneConnection>,
 *   onFellBack: () => void,
 *   onNotLoaded: () => void,
 * }} TransportOptions `loadWebRtc` loads its modules and makes a connection. `onFellBack`: the relay is used
 *   although WebRTC was tried; `onNotLoaded`: the modules could not be loaded, and the relay is not allowed.
 * @typedef {{ isAllowed: () => boolean, onBlocked: () => void }} FallBack `onBlocked` is called, if it is
 *   allowed, when UDP does not get through or the server offers no WebRTC calls; the connection is closed then.
 */

/** What a user may choose. */
export const TRANSPORTS = Object.freeze(
  /** @type {Transport[]} */ (["automatic", "relay", "webrtc"]),
);

/**
 * The transports that this browser can use with this server.
 *
 * @param {readonly string[] | undefined} offered `transports` of the server's configuration.
 * @param {Record<string, any>} scope `globalThis`.
 * @returns {Transport[]} Only `relay` where there is no choice.
 */
export function transportsOf(offered, scope) {
  const hasWebRtc = typeof scope.RTCPeerConnection === "function";
  return hasWebRtc && offered?.includes("webrtc") ? [...TRANSPORTS] : ["relay"];
}

/** One connection at a time, of the transport that is chosen when it is opened. */
export class TransportConnection {
  #options;
  /** @type {OneConnection} The one in use, or that of the next call. */
  #current;
  /** @type {OneConnection | null} Made for the first call that needs it. */
  #webRtc = null;
  /** Between open() and close() or a final ending. */
  #isWanted = false;
  /** Of several calls that are opened, the latest counts. */
  #opening = new Latest();
  /** WebRTC did not get through: it is not tried again for this conversation. */
  #isBlocked = false;
  #mayFallBack = false;
  #hasHeartbeat = false;
  /** @type {OutgoingMicrophone} */
  #microphone = { track: null, isOn: true };

  /** @param {TransportOptions} options */
  constructor(options) {
    this.#options = options;
    this.#current = options.relay;
  }

  get unsentBytes() {
    return this.#current.unsentBytes;
  }

  get isReady() {
    return this.#current.isReady;
  }

  /** The sound of the answers, if this connection brings it itself; null if its frames do. */
  get remote() {
    return this.#current.remote ?? null;
  }

  /** As `Connection.open()`. */
  open() {
    if (this.#isWanted) return;
    this.#isWanted = true;
    const transport = this.#options.transport();
    const signal = this.#opening.next();
    if (transport === "relay") this.#use(this.#options.relay);
    else if (transport === "automatic" && this.#isBlocked) this.#fallBack();
    else void this.#openWebRtc(transport === "automatic", signal);
  }

  /** @param {Frame} frame */
  send(frame) {
    this.#current.send(frame);
  }

  /** @param {boolean} hasHeartbeat */
  setHeartbeat(hasHeartbeat) {
    this.#hasHeartbeat = hasHeartbeat;
    this.#current.setHeartbeat(hasHeartbeat);
  }

  /** @param {OutgoingMicrophone} microphone */
  setMicrophone(microphone) {
    this.#microphone = microphone;
    this.#current.setMicrophone?.(microphone);
  }

  /** As `Connection.close()`. */
  close() {
    this.ended();
    this.#current.close();
  }

  /** The connection has ended by itself: the next `open()` chooses again. */
  ended() {
    this.#isWanted = false;
    this.#opening.cancel();
  }

  /** @param {{ hasTimedOut?: boolean }} [cause] */
  drop(cause) {
    this.#current.drop(cause);
  }

  /** @param {boolean} mayFallBack @param {AbortSignal} signal */
  async #openWebRtc(mayFallBack, signal) {
    this.#mayFallBack = mayFallBack;
    try {
      this.#webRtc ??= await this.#options.loadWebRtc({
        isAllowed: () => this.#mayFallBack,
        onBlocked: () => {
          this.#isBlocked = true;
          this.#fallBack();
        },
      });
      if (!signal.aborted) this.#use(this.#webRtc);
    } catch {
      if (signal.aborted) return;
      if (mayFallBack) return this.#fallBack();
      this.ended();
      this.#options.onNotLoaded();
    }
  }

  #fallBack() {
    this.#use(this.#options.relay);
    this.#options.onFellBack();
  }

  /** @param {OneConnection} connection */
  #use(connection) {
    this.#current = connection;
    connection.setMicrophone?.(this.#microphone);
    connection.setHeartbeat(this.#hasHeartbeat);
    connection.open();
  }
}
