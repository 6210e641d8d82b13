/** The dialogs that ask or tell and are gone: the keys, and "are you sure?". */

import { byId, write } from "./elements.js";

/** Opens the list of keys. */
export function showKeys() {
  open(byId("keys", HTMLDialogElement));
}

/** Whether a dialog is open, and has the keyboard. */
export function isDialogOpen() {
  return document.querySelector("dialog[open]") !== null;
}

/** @param {HTMLDialogElement} dialog */
export function open(dialog) {
  if (!dialog.open) dialog.showModal();
}

/** Closes whatever dialog is open. */
export function closeDialogs() {
  for (const dialog of document.querySelectorAll("dialog")) dialog.close();
}

/**
 * Asks before something that cannot be undone.
 *
 * @param {{ title: string, text: string, yes: string }} words
 * @returns {Promise<boolean>}
 */
export function confirm({ title, text, yes }) {
  const dialog = byId("confirm", HTMLDialogElement);
  write(byId("confirm-title", HTMLHeadingElement), title);
  write(byId("confirm-text", HTMLParagraphElement), text);
  write(byId("confirm-yes", HTMLButtonElement), yes);
  dialog.returnValue = "no";
  open(dialog);
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}
