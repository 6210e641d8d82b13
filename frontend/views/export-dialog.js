/** The dialog that asks for the format of an export, and the download of a file. */

import { open } from "./dialogs.js";
import { byId, make, write } from "./elements.js";

/** @typedef {"txt" | "csv" | "vtt" | "json"} ExportFormat */

/** A browser reads the file after the click; some Android browsers take seconds to begin. */
const REVOKE_AFTER_MS = 60_000;

/**
 * Ask for a format. The buttons are in index.html; the value of each is its format.
 *
 * @param {string} title The dialog's title, with the name of the conversation.
 * @returns {Promise<ExportFormat | null>} Resolves when the dialog closes; null if it was cancelled.
 */
export function chooseFormat(title) {
  const dialog = byId("export", HTMLDialogElement);
  write(byId("export-title", HTMLHeadingElement), title);
  dialog.returnValue = "";
  open(dialog);
  return new Promise((resolve) => {
    const closed = () => resolve(/** @type {ExportFormat} */ (dialog.returnValue) || null);
    dialog.addEventListener("close", closed, { once: true });
  });
}

/** Save a file as a download of this name. @param {Blob} blob @param {string} name */
export function saveFile(blob, name) {
  const href = URL.createObjectURL(blob);
  const link = make("a", { href, download: name, hidden: true });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(href), REVOKE_AFTER_MS);
}
