/** Which addresses of an answer become links. Pure. */

const PROTOCOLS = new Set(["http:", "https:", "mailto:"]);

/**
 * The normalised address, or null if it must not be a link: other protocols (`javascript:`, `data:`),
 * relative addresses, which would be this server's, and those with a user name, which look like
 * another host (`https://bank.example@evil.example`).
 *
 * @param {string} address
 * @returns {string | null}
 */
export function safeLink(address) {
  // URL.canParse is missing in the oldest browsers that the page supports.
  try {
    const { href, protocol, username, password } = new URL(address);
    return PROTOCOLS.has(protocol) && username === "" && password === "" ? href : null;
  } catch {
    return null;
  }
}
