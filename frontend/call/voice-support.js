/** Whether the browser can talk at all: asked before anything is opened. Pure. */

/** What a voice conversation needs besides the rest of the page, as paths from `window`. */
const NEEDED = Object.freeze([
  "AudioContext",
  "AudioWorkletNode",
  "MediaStreamAudioSourceNode",
  "navigator.mediaDevices.getUserMedia",
  "WebSocket",
]);

/**
 * What the browser lacks for a voice conversation. Empty on a page without https: it lacks some of it
 * too, and the microphone says so better.
 *
 * @param {Record<string, any>} scope `globalThis`.
 * @returns {string[]}
 */
export function missingForVoice(scope) {
  if (scope.isSecureContext !== true) return [];
  const valueAt = (/** @type {string} */ path) =>
    path.split(".").reduce((value, name) => value?.[name], scope);
  return NEEDED.filter((path) => valueAt(path) === undefined || valueAt(path) === null);
}
