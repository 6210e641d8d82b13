/** The modal dialogs: the list of keys, and the confirmation. */

import { byId, write } from "./elements.js";

/** Open the list of keys. */
export function showKeys() {
  open(byId("keys", HTMLDialogElement));
}

/** Whether a dialog is open; it then receives all keys. */
export function isDialogOpen() {
  return document.querySelector("dialog[open]") !== null;
}

/** @param {HTMLDialogElement} dialog */
export function open(dialog) {
  if (!dialog.open) dialog.showModal();
}

/** Close all open dialogs. */
export function closeDialogs() {
  for (const dialog of document.querySelectorAll("dialog")) dialog.close();
}

/**
 * Ask for confirmation of something that cannot be undone.
 *
 * @param {{ title: string, text: string, yes: string }} words `yes` is the label of the button.
 * @returns {Promise<boolean>} Resolves when the dialog closes.
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
