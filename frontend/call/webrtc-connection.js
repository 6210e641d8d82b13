/**
 * The WebRTC connection of one session, straight to the provider: opened through our server, opened again
 * when it breaks, and closed for good. It has the methods and the events of `connection.js`.
 *
 * Audio goes over the peer connection, events over its data channel `oai-events`. What the relay says in
 * `relay.*` events, this connection learns from `GET /api/realtime/calls/{id}/`, and passes on as such
 * events. Loaded only when it is chosen.
 */

import { ApiError } from "../api.js";
import { RemoteSound } from "../audio/remote-sound.js";
import { Latest } from "../latest.js";
import { ENDINGS } from "../shared-facts.js";
import { whenText } from "../when.js";
import { closingOf, eventFrom, REFUSALS } from "./connection.js";
import { afterLoss, NO_OUTAGE, outageThatCounts } from "./reconnect.js";

/** @import { BudgetLevel, WebRtcCallState } from "../api.js" */
/** @import { RemoteSoundOptions } from "../audio/remote-sound.js" */
/** @import { ConnectionOptions } from "./connection.js" */
/** @import { Closing } from "./reconnect.js" */
/** @import { FallBack, OutgoingMicrophone } from "./transport.js" */
/** @import { Frame } from "./turn-taking.js" */

/** The provider's name for the channel of events. */
const CHANNEL = "oai-events";

/** The offer waits so long for the browser's candidates. Those of the own network take some milliseconds;
 * the provider answers from an address of its own, and needs no others. */
const GATHERING_MS = 500;
/** From the answer to an open data channel. On one machine it took 0.3 s; where UDP is blocked, it never
 * opens, and the browser says so only after 15 s or more. */
const CONNECT_TIMEOUT_MS = 5_000;
/** A connection that ICE calls `disconnected` may come back; the browser waits longer than a person would. */
const DISCONNECTED_MS = 5_000;
/** How often the server is asked about the call, and the round trip is read. */
const POLL_MS = 5_000;
/** The first round trip is read so soon. */
const MEASURE_FIRST_MS = 1_000;
/** A call that broke may have been ended by our server: its answer is waited for so long. */
const ENDING_MS = 1_000;
/** The server closes the connection a moment before it has stored why: it is asked again so soon. */
const ASK_AGAIN_MS = 250;

/** The refusal of a server that offers no WebRTC calls (any more). */
const NOT_OFFERED = "webrtc_off";
/** An ending of the server that says no more than that this connection was lost. */
const NO_REASON = new Set(["client_left", "completed"]);

/** The ending when UDP does not get through, in words/help.js. */
const BLOCKED = "webrtc_blocked";

/**
 * @typedef {Pick<ConnectionOptions, "onEvent" | "onReconnecting" | "onEnded" | "onRoundTrip" | "network"
 *   | "isOnline" | "random"> & {
 *   startCall: (sdp: string) => Promise<{ sdp: string, call_id: string }>,
 *   callState: (callId: string) => Promise<WebRtcCallState>,
 *   endCall: (callId: string) => Promise<void>,
 *   fallBack: FallBack,
 *   sound: RemoteSoundOptions,
 *   createPeer?: () => RTCPeerConnection,
 *   now?: () => number,
 * }} WebRtcOptions The functions are those of `Api`, for one session.
 * @typedef {Closing & { message?: string, retryAt?: Date }} EndedCall
 */

/** Keeps one session connected over WebRTC. */
export class WebRtcConnection {
  #options;
  #network;
  #isOnline;
  #now;
  /** Plays what the peer connection brings. */
  remote;
  /** @type {RTCPeerConnection | null} */
  #peer = null;
  /** @type {RTCDataChannel | null} */
  #channel = null;
  /** @type {RTCRtpSender | null} */
  #sender = null;
  /** @type {OutgoingMicrophone} */
  #microphone = { track: null, isOn: true };
  /** A copy of the microphone's track, so that the page still measures its level while it is not on.
   * @type {MediaStreamTrack | null} */
  #outgoing = null;
  /** Our server's id of the call that is open or was lost last. */
  #callId = "";
  #isWanted = false;
  #wasReady = false;
  /** Whether a connection was ready since open(). */
  #wasEverReady = false;
  #isDraining = false;
  /** Attempts in this outage that got an answer, and no connection. */
  #blockedAttempts = 0;
  #outage = NO_OUTAGE;
  /** Of several attempts to connect, the latest counts. */
  #attempt = new Latest();
  #readyAtMs = 0;
  /** The last report. @type {BudgetLevel | null} */
  #budget = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} Of the next step of the attempt. */
  #timer;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #pollTimer;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #measureTimer;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #disconnectedTimer;
  #onOnline = () => this.#reconnectNow();
  #onOffline = () => this.drop();

  /** @param {WebRtcOptions} options */
  constructor(options) {
    this.#options = options;
    this.#network = options.network ?? globalThis;
    this.#isOnline = options.isOnline ?? (() => globalThis.navigator?.onLine !== false);
    this.#now = options.now ?? (() => performance.now());
    this.remote = new RemoteSound(options.sound);
  }

  /** Bytes in the browser's send buffer. */
  get unsentBytes() {
    return this.#channel?.bufferedAmount ?? 0;
  }

  /** Whether the call is open. */
  get isReady() {
    return this.#wasReady && this.#channel?.readyState === "open";
  }

  /** Connect, and connect again until `close()` or a final ending. Harmless when open. */
  open() {
    if (this.#isWanted) return;
    this.#isWanted = true;
    this.#outage = NO_OUTAGE;
    this.#wasEverReady = false;
    this.#readyAtMs = 0;
    this.#blockedAttempts = 0;
    this.#callId = "";
    this.#network.addEventListener("online", this.#onOnline);
    this.#network.addEventListener("offline", this.#onOffline);
    void this.#connect();
  }

  /** Send an event; it is dropped when the channel is not open. @param {Frame} frame */
  send(frame) {
    if (this.isReady) this.#channel?.send(JSON.stringify(frame));
  }

  /** ICE notices a dead connection by itself. */
  setHeartbeat() {}

  /** Send this microphone. @param {OutgoingMicrophone} microphone */
  setMicrophone(microphone) {
    const isOther = microphone.track !== this.#microphone.track;
    this.#microphone = microphone;
    if (isOther) this.#sendMicrophone();
    else if (this.#outgoing) this.#outgoing.enabled = microphone.isOn;
  }

  /** End the call, and do not connect again. Harmless when closed. */
  close() {
    this.#stop();
    this.#release();
    this.#endCall();
  }

  /** Treat the connection as lost although it looks open, and connect again. */
  drop() {
    if (this.#peer) this.#lost(null);
  }

  #stop() {
    this.#isWanted = false;
    this.#attempt.cancel();
    clearTimeout(this.#timer);
    this.#network.removeEventListener("online", this.#onOnline);
    this.#network.removeEventListener("offline", this.#onOffline);
  }

  /** Close the peer connection, and stop what is sent and played over it. */
  #release() {
    this.#wasReady = false;
    for (const timer of [this.#pollTimer, this.#measureTimer, this.#disconnectedTimer]) {
      clearTimeout(timer);
    }
    this.remote.setStream(null);
    this.#channel?.close();
    this.#peer?.close();
    this.#channel = null;
    this.#peer = null;
    this.#sender = null;
    this.#sendMicrophone();
  }

  /** Tell the server that the call is over. What it does not hear, it notices by itself. */
  #endCall() {
    const callId = this.#callId;
    this.#callId = "";
    if (callId) this.#options.endCall(callId).catch(() => {});
  }

  async #connect() {
    const signal = this.#attempt.next();
    this.#isDraining = false;
    this.#budget = null;
    try {
      await this.#endLost(signal);
      if (signal.aborted) return;
      const peer = this.#createPeer(signal);
      await peer.setLocalDescription(await peer.createOffer());
      await this.#gather(peer, signal);
      if (signal.aborted) return;
      const { sdp, call_id: callId } = await this.#options.startCall(
        peer.localDescription?.sdp ?? "",
      );
      if (signal.aborted) return void this.#options.endCall(callId).catch(() => {});
      this.#callId = callId;
      this.#timer = setTimeout(() => this.#blocked(), CONNECT_TIMEOUT_MS);
      await peer.setRemoteDescription({ type: "answer", sdp });
    } catch (error) {
      if (!signal.aborted) this.#refused(error);
    }
  }

  /** Ask what became of the call that was lost, and end it, so that it does not run beside the next.
   * @param {AbortSignal} signal */
  async #endLost(signal) {
    if (!this.#callId) return;
    const closing = await this.#closingOfCall(signal);
    if (signal.aborted) return;
    this.#endCall();
    if (closing && !closing.retryable) throw Object.assign(new Error(closing.reason), { closing });
  }

  /** @param {AbortSignal} signal */
  #createPeer(signal) {
    const peer = (this.#options.createPeer ?? (() => new RTCPeerConnection()))();
    this.#peer = peer;
    const { sender } = peer.addTransceiver("audio", { direction: "sendrecv" });
    this.#sender = sender;
    this.#sendMicrophone();
    const channel = peer.createDataChannel(CHANNEL);
    this.#channel = channel;
    channel.addEventListener("open", () => this.#becameReady(), { signal });
    channel.addEventListener("message", ({ data }) => this.#receive(data), { signal });
    channel.addEventListener("close", () => void this.#broke(signal, true), { signal });
    const heard = (/** @type {RTCTrackEvent} */ { track, streams }) =>
      this.remote.setStream(streams[0] ?? new MediaStream([track]));
    peer.addEventListener("track", heard, { signal });
    const changed = () => this.#peerChanged(peer.connectionState, signal);
    peer.addEventListener("connectionstatechange", changed, { signal });
    return peer;
  }

  /** Wait until the offer has the browser's candidates. @param {RTCPeerConnection} peer @param {AbortSignal} signal */
  #gather(peer, signal) {
    if (peer.iceGatheringState === "complete") return;
    return new Promise((resolve) => {
      this.#timer = setTimeout(resolve, GATHERING_MS);
      const changed = () => {
        if (peer.iceGatheringState !== "complete") return;
        clearTimeout(this.#timer);
        resolve(undefined);
      };
      peer.addEventListener("icegatheringstatechange", changed, { signal });
    });
  }

  /** Give the peer connection a copy of the microphone's track, or none. */
  #sendMicrophone() {
    this.#outgoing?.stop();
    this.#outgoing = null;
    const { track, isOn } = this.#microphone;
    if (!this.#sender) return;
    if (track) {
      this.#outgoing = track.clone();
      this.#outgoing.enabled = isOn;
    }
    // It fails only if the peer connection was closed meanwhile.
    this.#sender.replaceTrack(this.#outgoing).catch(() => {});
  }

  #becameReady() {
    clearTimeout(this.#timer);
    this.#wasReady = true;
    this.#wasEverReady = true;
    this.#blockedAttempts = 0;
    this.#readyAtMs = this.#now();
    this.#pollTimer = setTimeout(() => void this.#poll(), POLL_MS);
    this.#measureTimer = setTimeout(() => void this.#measure(), MEASURE_FIRST_MS);
    this.#options.onEvent({ type: "relay.ready" });
  }

  /** @param {unknown} text */
  #receive(text) {
    const event = eventFrom(text);
    if (event) this.#options.onEvent(event);
  }

  /** @param {RTCPeerConnectionState} state @param {AbortSignal} signal */
  #peerChanged(state, signal) {
    clearTimeout(this.#disconnectedTimer);
    if (!this.#wasReady) return;
    if (state === "failed" || state === "closed") return void this.#broke(signal);
    if (state !== "disconnected") return;
    this.#disconnectedTimer = setTimeout(() => void this.#broke(signal), DISCONNECTED_MS);
  }

  /** The connection broke, or was closed by the other side: find out which.
   * @param {AbortSignal} signal @param {boolean} [wasClosed] */
  async #broke(signal, wasClosed = false) {
    if (signal.aborted || !this.#wasReady) return;
    this.#wasReady = false;
    const closing = await this.#closingOfCall(signal, wasClosed);
    if (!signal.aborted) this.#lost(closing);
  }

  /** How the server ended the call; null if it did not, or does not say in time. @param {AbortSignal} signal
   * @param {boolean} [isPatient] Whether it is asked again while it calls the call live.
   * @returns {Promise<EndedCall | null>} */
  async #closingOfCall(signal, isPatient = false) {
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer;
    const tooLate = new Promise((resolve) => {
      timer = setTimeout(resolve, ENDING_MS, null);
      signal.addEventListener("abort", resolve, { once: true });
    });
    const asked = isPatient ? this.#stateOfEnded(signal) : this.#askState();
    const state = await Promise.race([asked, tooLate]);
    clearTimeout(timer);
    return this.#closingFrom(/** @type {WebRtcCallState | null} */ (state));
  }

  /** Ask until the call has ended, or nothing is answered. @param {AbortSignal} signal */
  async #stateOfEnded(signal) {
    for (let askUntilMs = this.#now() + ENDING_MS; ; ) {
      const state = await this.#askState();
      if (state?.state !== "live" || signal.aborted || this.#now() >= askUntilMs) return state;
      await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS));
    }
  }

  #askState() {
    return this.#options.callState(this.#callId).catch(() => null);
  }

  /**
   * @param {WebRtcCallState | null} state
   * @returns {EndedCall | null} Null if the call goes on, or nothing is known of its ending.
   */
  #closingFrom(state) {
    const reason = state?.ending;
    if (state?.state !== "ended" || !reason || NO_REASON.has(reason)) return null;
    const ending = ENDINGS[/** @type {keyof typeof ENDINGS} */ (reason)];
    const resetsAt = reason === "budget_spent" ? this.#budget?.resets_at : null;
    return {
      reason,
      retryable: ending?.retryable ?? true,
      ...(resetsAt && { retryAt: new Date(resetsAt) }),
    };
  }

  async #poll() {
    const { signal } = this.#attempt;
    const state = await this.#askState();
    if (signal.aborted || !this.#wasReady) return;
    const closing = state?.state === "ended" ? (this.#closingFrom(state) ?? ENDED) : null;
    if (closing) return this.#lost(closing);
    if (state) this.#report(state);
    this.#pollTimer = setTimeout(() => void this.#poll(), POLL_MS);
  }

  /** Pass on what the relay would have said. @param {WebRtcCallState} state */
  #report({ budget, draining }) {
    if (draining && !this.#isDraining) {
      this.#isDraining = true;
      this.#options.onEvent({ type: "relay.draining" });
    }
    const before = this.#budget;
    if (!budget || (budget.kind === before?.kind && budget.level === before.level)) return;
    this.#budget = budget;
    this.#options.onEvent({ type: "relay.budget", ...budget });
  }

  /** Read the round trip of the network path in use. */
  async #measure() {
    const { signal } = this.#attempt;
    const report = await this.#peer?.getStats().catch(() => null);
    if (signal.aborted || !this.#wasReady) return;
    const roundTripMs = report ? roundTripOf(report) : null;
    if (roundTripMs !== null) this.#options.onRoundTrip?.(roundTripMs);
    this.#measureTimer = setTimeout(() => void this.#measure(), POLL_MS);
  }

  /** There is an answer, and no connection. */
  #blocked() {
    this.#blockedAttempts += 1;
    if (this.#options.fallBack.isAllowed()) return this.#fallBack();
    // A first attempt may fail for a network that has just changed.
    if (this.#wasEverReady || this.#blockedAttempts < 2) return this.#lost(null);
    this.#lost({ reason: BLOCKED, retryable: false });
  }

  #fallBack() {
    this.close();
    this.#options.fallBack.onBlocked();
  }

  /** The server, the provider or the browser refused. @param {unknown} error */
  #refused(error) {
    clearTimeout(this.#timer);
    const { closing } = /** @type {{ closing?: EndedCall }} */ (error);
    if (closing) return this.#lost(closing);
    // Without a refusal it is the browser that cannot.
    const isImpossible = !(error instanceof ApiError) || error.code === NOT_OFFERED;
    if (isImpossible && this.#options.fallBack.isAllowed()) return this.#fallBack();
    if (!(error instanceof ApiError)) return this.#lost(null);
    this.#lost(closingOfRefusal(error));
  }

  /** Connect again after a backoff, or end. @param {EndedCall | null} closing */
  #lost(closing) {
    clearTimeout(this.#timer);
    this.#attempt.cancel();
    if (this.#readyAtMs > 0) {
      this.#outage = outageThatCounts(this.#outage, this.#now() - this.#readyAtMs, false);
    }
    this.#readyAtMs = 0;
    this.#release();
    const isOffline = !this.#isOnline();
    const loss = { closing, closeCode: 0, isDraining: this.#isDraining, isOffline };
    const decision = afterLoss(loss, this.#outage, this.#options.random);
    if (decision.kind === "end") {
      this.#stop();
      this.#endCall();
      const detail = closing?.retryAt ? { time: whenText(closing.retryAt) } : undefined;
      this.#options.onEnded(decision.reason, closing?.message ?? "", detail);
      return;
    }
    this.#outage = decision.outage;
    const { attempts, uncounted, cause } = decision.outage;
    this.#options.onReconnecting(attempts + uncounted, cause);
    this.#timer = setTimeout(() => void this.#connect(), decision.delayMs);
  }

  /** The browser is online again: skip the rest of the backoff, and count from zero. */
  #reconnectNow() {
    if (this.#peer || !this.#isWanted) return;
    this.#outage = { ...NO_OUTAGE, cause: this.#outage.cause };
    clearTimeout(this.#timer);
    void this.#connect();
  }
}

/** What follows for the page when a call has ended without a reason that matters here. */
const ENDED = Object.freeze({ reason: "no_network", retryable: true });

/** @param {ApiError} refusal Of the server, to open a call. @returns {EndedCall} */
function closingOfRefusal(refusal) {
  const { code, retryAt, sentence: message } = refusal;
  if (code === NOT_OFFERED) return { reason: BLOCKED, retryable: false, message };
  if (REFUSALS.has(code)) return { reason: code, retryable: false, message };
  const ending = ENDINGS[/** @type {keyof typeof ENDINGS} */ (code)];
  if (!ending) return closingOf(refusal);
  return { reason: code, retryable: ending.retryable, message, ...(retryAt && { retryAt }) };
}

/** The round trip of the candidate pair in use; null if it is not known (yet). @param {RTCStatsReport} report */
function roundTripOf(report) {
  /** @type {number | null} */
  let roundTripMs = null;
  report.forEach((stats) => {
    const isInUse =
      stats.type === "candidate-pair" && stats.nominated && stats.state === "succeeded";
    if (isInUse && typeof stats.currentRoundTripTime === "number") {
      roundTripMs = 1000 * stats.currentRoundTripTime;
    }
  });
  return /** @type {number | null} */ (roundTripMs);
}
