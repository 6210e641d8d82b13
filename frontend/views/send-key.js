/** Which key press sends a message. Pure. */

/** @typedef {Pick<KeyboardEvent,
 *   "key" | "shiftKey" | "ctrlKey" | "metaKey" | "isComposing" | "keyCode">} KeyPress */

/**
 * Whether a key press sends the message.
 *
 * With a keyboard, Enter sends and Shift+Enter breaks the line. On a touch screen Enter breaks the line,
 * since nothing else on its keyboard does, and the button sends. A page cannot tell a tablet's hardware
 * keyboard from the one on the screen by its Enter (iOS even reports Shift with it at the start of a
 * sentence), so there Ctrl+Enter or ⌘+Enter sends: keys that only a hardware keyboard has.
 *
 * @param {KeyPress} press
 * @param {boolean} hasKeys Whether the primary pointer is no finger: then the keyboard is a real one.
 */
export function sendsMessage(press, hasKeys) {
  const { key, shiftKey, ctrlKey, metaKey, isComposing, keyCode } = press;
  // Enter also confirms a word in a Japanese input method; Safari reports that as key code 229.
  if (key !== "Enter" || isComposing || keyCode === 229) return false;
  return ctrlKey || metaKey || (hasKeys && !shiftKey);
}
