/** The icons, built as SVG elements: no request, no markup in strings, and they take the text colour. */

/** @type {Readonly<Record<string, readonly string[]>>} SVG paths on a canvas of 24 by 24. */
const STROKES = Object.freeze({
  bubble: [
    "M5.5 5.5h13a1.5 1.5 0 0 1 1.5 1.5v8a1.5 1.5 0 0 1-1.5 1.5H11l-4.5 3.5v-3.5h-1A1.5 1.5 0 0 1 4 15V7a1.5 1.5 0 0 1 1.5-1.5z",
  ],
  idle: ["M12 12m-3.5 0a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0 -7 0"],
  microphone: [
    "M12 3.5a2.8 2.8 0 0 1 2.8 2.8v5a2.8 2.8 0 0 1-5.6 0v-5A2.8 2.8 0 0 1 12 3.5z",
    "M6.2 11a5.8 5.8 0 0 0 11.6 0",
    "M12 16.8v3.7",
  ],
  dictate: [
    "M8 4a2.4 2.4 0 0 1 2.4 2.4v4a2.4 2.4 0 0 1-4.8 0v-4A2.4 2.4 0 0 1 8 4z",
    "M3.2 10.2a4.8 4.8 0 0 0 9.6 0M8 15v3.2",
    "M15.5 7h5M15.8 12h4.7M13.5 17h7",
  ],
  microphone_off: [
    "M9.2 9.2v2.1a2.8 2.8 0 0 0 4.6 2.1M14.8 10.5V6.3a2.8 2.8 0 0 0-5.3-1.2",
    "M6.2 11a5.8 5.8 0 0 0 9.3 4.6M17.3 13.3c.3-.7.5-1.5.5-2.3",
    "M12 16.8v3.7",
    "M4.5 4.5l15 15",
  ],
  link: ["M5 12h2.5M10.75 12h2.5M16.5 12H19"],
  wave: ["M5 10.5v3M8.5 8v8M12 5.5v13M15.5 8v8M19 10.5v3"],
  bars_good: ["M6 18v-3M12 18v-7.5M18 18V6"],
  bars_fair: ["M6 18v-3M12 18v-7.5M18 18h.01"],
  bars_poor: ["M6 18v-3M12 18h.01M18 18h.01"],
  ear: [
    "M8.5 15.5c-1.5-1.3-2.3-3-2.3-5a5.8 5.8 0 0 1 11.6 0c0 3.8-3.4 4.3-3.4 6.9a2.6 2.6 0 0 1-4.8 1.4",
    "M9.5 10.5a2.5 2.5 0 0 1 5 0",
  ],
  dots: ["M6 12h.01M12 12h.01M18 12h.01"],
  hang_up: ["M3.8 13.2c4.6-4.6 11.8-4.6 16.4 0l-2.3 2.8-3.4-1.4v-2.2a9 9 0 0 0-5 0v2.2L6.1 16z"],
  quiet: ["M4.5 9.5v5h3.3l4.2 3.7V5.8L7.8 9.5z", "M15.5 9.7l4.6 4.6M20.1 9.7l-4.6 4.6"],
  loud: [
    "M4.5 9.5v5h3.3l4.2 3.7V5.8L7.8 9.5z",
    "M15.3 9.2a4 4 0 0 1 0 5.6M17.8 6.7a7.5 7.5 0 0 1 0 10.6",
  ],
  hand: ["M8.5 5.5v13M15.5 5.5v13"],
  turn: ["M19 12a7 7 0 1 1-2.2-5.1", "M19 4v4h-4"],
  end: ["M12 12m-7.5 0a7.5 7.5 0 1 0 15 0a7.5 7.5 0 1 0 -15 0", "M8.8 12h6.4"],
  keyboard: [
    "M3.5 7.5a1.5 1.5 0 0 1 1.5-1.5h14a1.5 1.5 0 0 1 1.5 1.5v9a1.5 1.5 0 0 1-1.5 1.5H5a1.5 1.5 0 0 1-1.5-1.5z",
    "M7 10h.01M10.3 10h.01M13.6 10h.01M17 10h.01M8 14.3h8",
  ],
  gear: [
    "M4.5 7.5h8M17.5 7.5h2M4.5 16.5h2M11.5 16.5h8",
    "M15 7.5m-2.3 0a2.3 2.3 0 1 0 4.6 0a2.3 2.3 0 1 0 -4.6 0",
    "M9 16.5m-2.3 0a2.3 2.3 0 1 0 4.6 0a2.3 2.3 0 1 0 -4.6 0",
  ],
  pencil: [
    "M5 19l.8-3.6L15.7 5.5a1.6 1.6 0 0 1 2.3 0l.5.5a1.6 1.6 0 0 1 0 2.3L8.6 18.2z",
    "M14 7.2l2.8 2.8",
  ],
  bin: ["M5 7h14M10 7V5h4v2M7 7l.7 11.5h8.6L17 7M10.3 10.5v5M13.7 10.5v5"],
  download: ["M12 4.5v10M7.5 10.5l4.5 4.5 4.5-4.5M5 19h14"],
  more: ["M12 6h.01M12 12h.01M12 18h.01"],
  plus: ["M12 5.5v13M5.5 12h13"],
  menu: ["M4.5 7h15M4.5 12h15M4.5 17h15"],
  close: ["M6.5 6.5l11 11M17.5 6.5l-11 11"],
  up: ["M12 19V5.5M6 11.2l6-6 6 6"],
  down: ["M12 5v13.5M6 12.8l6 6 6-6"],
  stop: ["M7.5 7.5h9v9h-9z"],
  person: ["M12 8.5m-3.5 0a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0 -7 0", "M5.5 19.5a6.5 6.5 0 0 1 13 0"],
  flask: [
    "M9.5 4.5h5M10.5 4.5v5L6 17.5a1.3 1.3 0 0 0 1.2 2h9.6a1.3 1.3 0 0 0 1.2-2l-4.5-8v-5",
    "M8.3 14h7.4",
  ],
  copy: [
    "M9 8.5a1.5 1.5 0 0 1 1.5-1.5h7a1.5 1.5 0 0 1 1.5 1.5v9a1.5 1.5 0 0 1-1.5 1.5h-7a1.5 1.5 0 0 1-1.5-1.5z",
    "M15.5 7V5.5A1.5 1.5 0 0 0 14 4H6.5A1.5 1.5 0 0 0 5 5.5v9A1.5 1.5 0 0 0 6.5 16H9",
  ],
  check: ["M5.5 12.5l4.3 4.3 8.7-9.3"],
  warning: ["M12 5l8 14H4z", "M12 10.5v3.5M12 16.5h.01"],
  enso: ["M17.8 5.3A8.8 8.8 0 1 0 20.3 9"],
});

const SVG = "http://www.w3.org/2000/svg";

/**
 * Create an icon. It is hidden from screen readers, because the text beside it says the same.
 *
 * @param {string} name A key of the paths above.
 * @returns {SVGSVGElement}
 * @throws {Error} If there is no such icon.
 */
export function icon(name) {
  const strokes = STROKES[name];
  if (!strokes) throw new Error(`no icon ${name}`);
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("focusable", "false");
  svg.setAttribute("class", "icon");
  for (const d of strokes) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", d);
    svg.append(path);
  }
  return svg;
}

/** Emoji that a text may contain, and the icon drawn for each: not every device has these emoji. */
const ICON_BY_EMOJI = Object.freeze({ "🎤": "wave", "💬": "bubble" });

/**
 * Set the text of an element, with icons in place of the emoji. Does nothing if it is unchanged.
 *
 * @param {HTMLElement} element
 * @param {string} text
 */
export function writeWithIcons(element, text) {
  if (element.dataset.text === text) return;
  element.dataset.text = text;
  const pieces = text.split(/(🎤|💬)/u).map((piece) => {
    const name = /** @type {Record<string, string>} */ (ICON_BY_EMOJI)[piece];
    if (!name) return piece;
    const image = document.createElement("span");
    image.className = "word-icon";
    image.setAttribute("role", "img");
    image.setAttribute("aria-label", piece);
    image.append(icon(name));
    return image;
  });
  element.replaceChildren(...pieces);
}

/** Draw the icons that the HTML names in `data-icon` attributes. */
export function drawIcons() {
  for (const element of document.querySelectorAll("[data-icon]")) {
    element.prepend(icon(/** @type {HTMLElement} */ (element).dataset.icon ?? ""));
  }
}
