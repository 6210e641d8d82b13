/** The tools that the model has called. Pure. */

/** @import { ServerEvent } from "../call/turn-taking.js" */

/** @typedef {{ id: string, name: string, text: string }} ToolCall `text` is the call's arguments, in short. */

/** Arguments that are longer are cut off: the line is there to be glanced at. */
const MOST_CHARACTERS = 160;

/** The tool call that this event completes; null for any other event. @param {ServerEvent} event @returns {ToolCall | null} */
export function toolCallIn({ type, item }) {
  if (type !== "response.output_item.done" || item?.type !== "function_call") return null;
  const text = argumentsText(String(item.arguments ?? ""));
  return { id: String(item.id ?? item.call_id ?? ""), name: String(item.name ?? ""), text };
}

/** `name: value` pairs, where the arguments are a JSON object; else as they are.
 * @param {string} given */
function argumentsText(given) {
  const text = pairs(given) ?? given;
  return text.length > MOST_CHARACTERS ? `${text.slice(0, MOST_CHARACTERS)}…` : text;
}

/** @param {string} given */
function pairs(given) {
  try {
    const parsed = JSON.parse(given);
    if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) return null;
    const shown = (/** @type {unknown} */ value) =>
      typeof value === "string" ? value : JSON.stringify(value);
    return Object.entries(parsed)
      .map(([name, value]) => `${name}: ${shown(value)}`)
      .join(", ");
  } catch {
    return null;
  }
}
