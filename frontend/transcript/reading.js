/**
 * Reads a provider's JSON without trusting its shape: a value of an unexpected type is read as empty.
 * The counterpart of `backend/protocol/reading.py`. Pure.
 */

/** @typedef {{ readonly [field: string]: unknown }} JsonObject */

/** @param {unknown} value @returns {JsonObject} */
const mapping = (value) =>
  typeof value === "object" && value !== null && !Array.isArray(value)
    ? /** @type {JsonObject} */ (value)
    : {};

/** The object in this field; empty for any other type. @param {JsonObject} event @param {string} name */
export const mappingAt = (event, name) => mapping(event[name]);

/** The list in this field. A member that is no object is {}, so that indexes still fit.
 * @param {JsonObject} event @param {string} name */
export function mappingsAt(event, name) {
  const value = event[name];
  return Array.isArray(value) ? value.map(mapping) : [];
}

/** The string in this field; empty for any other type. @param {JsonObject} event @param {string} name */
export function textAt(event, name) {
  const value = event[name];
  return typeof value === "string" ? value : "";
}

/** The text without NUL and without surrogates that lack their other half, as the server stores it.
 * @param {string} text */
export const cleanText = (text) => text.replace(/[\p{Cs}\0]/gu, "");

/** The string in this field as `cleanText` leaves it; empty for any other type.
 * @param {JsonObject} event @param {string} name */
export const cleanTextAt = (event, name) => cleanText(textAt(event, name));

/** This index of a content part; 0 for a missing, negative or fractional one. @param {unknown} value */
export const indexFrom = (value) => (Number.isInteger(value) ? Math.max(0, Number(value)) : 0);

/**
 * The value of this key; undefined for a key that is no string or that every object inherits.
 *
 * @template T
 * @param {Readonly<Record<string, T>>} table
 * @param {unknown} key
 * @returns {T | undefined}
 */
export const lookUp = (table, key) =>
  typeof key === "string" && Object.hasOwn(table, key) ? table[key] : undefined;
