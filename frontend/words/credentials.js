/** The rules for a username and a password, and what is wrong with one, as keys of texts. Pure. */

import { LIMITS } from "../shared-facts.js";

/** @import { ApiError } from "../api.js" */
/** @import { Credentials } from "../views/sign-in.js" */

/** @typedef {"username" | "password"} Field */

export const FIELDS = Object.freeze(/** @type {const} */ (["username", "password"]));

/** The texts of the server's codes: REST framework's, Django's validators' and our own. */
const TEXT_BY_CODE = Object.freeze({
  username: /** @type {Readonly<Record<string, string>>} */ ({
    blank: "sign_in.username.missing",
    invalid: "sign_in.username.invalid",
    max_length: "sign_in.username.too_long",
    required: "sign_in.username.missing",
    username_taken: "sign_in.username.taken",
  }),
  password: /** @type {Readonly<Record<string, string>>} */ ({
    blank: "sign_in.password.missing",
    max_length: "sign_in.password.too_long",
    password_entirely_numeric: "sign_in.password.numeric",
    password_too_common: "sign_in.password.too_common",
    password_too_short: "sign_in.password.too_short",
    password_too_similar: "sign_in.password.too_similar",
    required: "sign_in.password.missing",
  }),
});

/** The rules by field: the key of their text, and the placeholders of all texts about the field. */
export const RULES = Object.freeze({
  username: Object.freeze({
    key: "sign_in.username.rules",
    values: Object.freeze({ most: LIMITS.usernameCharacters }),
  }),
  password: Object.freeze({
    key: "sign_in.password.rules",
    values: Object.freeze({
      least: LIMITS.passwordLeastCharacters,
      most: LIMITS.passwordCharacters,
    }),
  }),
});

/** What the server takes in a name, of which it knows the NFKC form without surrounding spaces. */
const USERNAME = /^[\p{L}\p{N}_@.+-]+$/u;

/** What can be told without the server. @param {Credentials} credentials @returns {Record<Field, string[]>} */
export function problemsOf({ username, password, isNew }) {
  return {
    username: [...codesOf("username", username, 1), ...(isNew ? strangeIn(username) : [])].map(
      (code) => TEXT_BY_CODE.username[code] ?? "",
    ),
    password: codesOf("password", password, isNew ? RULES.password.values.least : 1).map(
      (code) => TEXT_BY_CODE.password[code] ?? "",
    ),
  };
}

/** @param {string} username @returns {string[]} The server's code for characters that it does not take. */
function strangeIn(username) {
  return username === "" || USERNAME.test(username.normalize("NFKC").trim()) ? [] : ["invalid"];
}

/** @param {Field} field @param {string} value @param {number} least @returns {string[]} The server's codes. */
function codesOf(field, value, least) {
  // As Python counts.
  const { length } = [...value];
  if (length === 0) return ["blank"];
  if (length < least) return ["password_too_short"];
  return length > RULES[field].values.most ? ["max_length"] : [];
}

/**
 * What the server has found wrong with one field.
 *
 * @param {ApiError} error
 * @param {Field} field
 * @returns {{ key: string | null, sentence: string }[]} `key` is null for a code without a text here: then
 *   the server's sentence says it.
 */
export function refusalsOf({ codes, detail }, field) {
  const sentences = listIn(detail, field);
  return listIn(codes, field).map((code, index) => ({
    key: TEXT_BY_CODE[field][code] ?? null,
    sentence: sentences[index] ?? "",
  }));
}

/** @param {unknown} byField @param {Field} field @returns {string[]} */
function listIn(byField, field) {
  const list = /** @type {Record<string, unknown> | null | undefined} */ (byField)?.[field];
  return Array.isArray(list) ? list.map(String) : [];
}
