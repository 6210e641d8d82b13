/** The menu of one conversation: rename, export, delete. */

import { open } from "./dialogs.js";
import { byId, write } from "./elements.js";

/** @typedef {"rename" | "export" | "delete"} SessionAction */

/**
 * Ask what to do with a conversation. The buttons are in index.html; the value of each is its action.
 *
 * @param {string} title The conversation's.
 * @returns {Promise<SessionAction | null>} Resolves when the dialog closes; null if it was cancelled.
 */
export function chooseSessionAction(title) {
  const dialog = byId("session-menu", HTMLDialogElement);
  write(byId("session-menu-title", HTMLHeadingElement), title);
  dialog.returnValue = "";
  open(dialog);
  return new Promise((resolve) => {
    const closed = () => resolve(/** @type {SessionAction} */ (dialog.returnValue) || null);
    dialog.addEventListener("close", closed, { once: true });
  });
}
