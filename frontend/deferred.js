/** A promise that is settled from outside. Pure. */

/**
 * @template T
 * @typedef {{ promise: Promise<T>, resolve: (value: T) => void, reject: (reason: unknown) => void }} Deferred
 */

/**
 * `Promise.withResolvers()`, which Safari has from 17.4 on: newer than the browsers that the page supports.
 *
 * @template T
 * @returns {Deferred<T>}
 */
export function deferred() {
  const made = /** @type {Deferred<T>} */ ({});
  made.promise = new Promise((resolve, reject) => Object.assign(made, { resolve, reject }));
  return made;
}
