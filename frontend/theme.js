/**
 * Sets the colour theme, before the first paint: the page must not flash in the other one.
 *
 * A classic script that the head waits for, in the JavaScript of 2009, as start.js. styles.css has the
 * colours of both themes; it reads `data-theme` of the root element.
 */
(function () {
  "use strict";

  /** The preferences, as storage/local-store.js keeps them. */
  var KEY = "kaiwa.preferences";
  /** `--paper` of styles.css: the colour of the browser's own bars. */
  var PAPER = { light: "#f7f4ed", dark: "#14171d" };

  var system = window.matchMedia("(prefers-color-scheme: dark)");
  /** "light", "dark", or empty for that of the system. */
  var chosen = "";

  function stored() {
    try {
      return JSON.parse(localStorage.getItem(KEY) || "{}").theme;
    } catch (_) {
      // Forbidden, or written by hand.
      return "";
    }
  }

  /** @param {string} id @param {string} content */
  function setMeta(id, content) {
    /** @type {any} */
    var meta = document.getElementById(id);
    meta.setAttribute("content", content);
  }

  function show() {
    var isDark = chosen === "dark" || (chosen !== "light" && system.matches);
    /** @type {"light" | "dark"} */
    var theme = isDark ? "dark" : "light";
    document.documentElement.setAttribute("data-theme", theme);
    setMeta("color-scheme", theme);
    setMeta("theme-color", PAPER[theme]);
  }

  /** @param {string} theme "light", "dark", or empty for that of the system. */
  function choose(theme) {
    chosen = theme;
    show();
  }

  /** For the settings of the page. @type {any} */ (window).chooseTheme = choose;
  choose(stored());
  if (system.addEventListener) system.addEventListener("change", show);
  window.addEventListener("storage", function (/** @type {any} */ event) {
    // Another tab of this page has changed it.
    if (event.key === KEY) choose(stored());
  });
})();
