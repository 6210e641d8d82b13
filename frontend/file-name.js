/** The name that the server gives a file, read from its `Content-Disposition` header. Pure. */

const ENCODED = /filename\*\s*=\s*utf-8'[^']*'([^;\s]+)/i;
const QUOTED = /filename\s*=\s*"((?:[^"\\]|\\.)*)"/i;

/** What no file name may have: separators of paths and control characters. */
const FORBIDDEN = /[\\/\p{Cc}]/gu;

/**
 * The file name in a `Content-Disposition` header (RFC 6266): the encoded one where there is one, because
 * the quoted one beside it is only for old clients.
 *
 * @param {string | null} header
 * @param {string} fallback For a header that is missing or cannot be read.
 * @returns {string}
 */
export function fileNameOf(header, fallback) {
  const name = decoded(ENCODED.exec(header ?? "")?.[1]) || quoted(header ?? "");
  return name.replace(FORBIDDEN, " ").trim() || fallback;
}

/** @param {string | undefined} text Percent-encoded UTF-8. @returns {string} Empty if it is not valid. */
function decoded(text = "") {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}

/** @param {string} header */
const quoted = (header) => QUOTED.exec(header)?.[1]?.replace(/\\(.)/g, "$1") ?? "";
