/** A button that copies a text to the clipboard, and says whether that worked. */

import { make } from "./elements.js";
import { icon } from "./icons.js";

/** @import { Announcer } from "./announcer.js" */
/** @import { Words } from "../words/i18n.js" */

/** How long the button shows that it has copied. */
const CONFIRMED_MS = 2000;

/** Whether there is a clipboard: browsers have none on addresses without https. */
export const canCopy = () => navigator.clipboard !== undefined;

/**
 * @param {Words} words
 * @param {Pick<Announcer, "say">} announcer
 * @param {"copy.message" | "copy.code"} key The name of the button.
 * @param {() => string} text What it copies, asked for when it is pressed.
 * @returns {HTMLButtonElement}
 */
export function copyButton(words, announcer, key, text) {
  const label = words.say(key);
  const button = make("button", { type: "button", class: "icon-button copy" }, icon("copy"));
  button.ariaLabel = label;
  button.title = label;
  button.addEventListener("click", async () => {
    const isCopied = await navigator.clipboard.writeText(text()).then(
      () => true,
      () => false,
    );
    announcer.say(words.say(isCopied ? "copy.done" : "copy.failed"));
    showResult(button, words.say(isCopied ? "copy.done" : "copy.failed"), isCopied);
    setTimeout(() => showRest(button, label), CONFIRMED_MS);
  });
  return button;
}

/** @param {HTMLButtonElement} button @param {string} result @param {boolean} isCopied */
function showResult(button, result, isCopied) {
  button.replaceChildren(icon(isCopied ? "check" : "warning"));
  button.dataset.result = isCopied ? "copied" : "failed";
  button.title = result;
}

/** @param {HTMLButtonElement} button @param {string} label */
function showRest(button, label) {
  button.replaceChildren(icon("copy"));
  delete button.dataset.result;
  button.title = label;
}
