/**
 * Refreshes the list of live calls every five seconds without moving the keyboard's focus.
 *
 * The page is fetched again and its parts are put in the place of the old ones. A link that has the
 * focus is found again by its id; if its call is over, the focus goes to the line above the list.
 */

const REFRESH_MS = 5000;
const REPLACED = ["live-calls-total", "live-calls"];

/**
 * Put the parts of the fetched page in the place of the old ones.
 *
 * @param {Document} page
 * @param {Document} fetched
 * @returns {boolean} false if the fetched page is another one, such as the sign-in page
 */
export function replaceParts(page, fetched) {
  if (!REPLACED.every((id) => fetched.getElementById(id))) return false;
  const focusedId = page.activeElement?.id ?? "";
  for (const id of REPLACED) {
    const nodes = fetched.getElementById(id)?.childNodes ?? [];
    page.getElementById(id)?.replaceChildren(...nodes);
  }
  const isCallLink = /^(read|end)-/.test(focusedId);
  const kept = page.getElementById(focusedId);
  if (isCallLink) (kept ?? page.getElementById("live-calls-total"))?.focus();
  return true;
}

/**
 * Fetch the page and show it; if that fails, say that the list is old.
 *
 * @param {Document} page
 * @param {() => Promise<Document>} fetchPage
 */
export async function refresh(page, fetchPage) {
  let isFresh = false;
  try {
    isFresh = replaceParts(page, await fetchPage());
  } catch {
    // The server is away: the old list stays, with a note.
  }
  const note = page.getElementById("live-calls-stale");
  if (note) note.hidden = isFresh;
}

/** @returns {Promise<Document>} the same page as it is now; rejects if the server refuses it */
async function fetchThisPage() {
  const response = await fetch(location.href, { signal: AbortSignal.timeout(REFRESH_MS) });
  if (!response.ok) throw new Error(String(response.status));
  return new DOMParser().parseFromString(await response.text(), "text/html");
}

if (typeof document !== "undefined") {
  setInterval(() => {
    if (!document.hidden) refresh(document, fetchThisPage);
  }, REFRESH_MS);
}
