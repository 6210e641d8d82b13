/**
 * Runs before the page's modules. It loads them in a browser that has what they need; else, and when the
 * start fails, it shows a sentence and a button to reload.
 *
 * A classic script in the JavaScript of 2009, so that it also runs in the browsers that it turns away.
 * The sentences are in index.html, in both languages: no module may have been loaded.
 */
(function () {
  "use strict";

  /**
   * The newest of what the page needs, as paths from `window`, each with the first versions that have it
   * (https://github.com/mdn/browser-compat-data). README.md states the floor that follows: Chrome and Edge
   * 111 (for `color-mix()` in styles.css, whose absence only spoils colours), Firefox 119, Safari 16.4.
   */
  var NEEDED = [
    "AbortSignal.prototype.throwIfAborted", // Chrome 100, Firefox 97, Safari 15.4
    "AbortSignal.timeout", // Chrome 103, Firefox 100, Safari 16
    "Array.prototype.at", // Chrome 92, Firefox 90, Safari 15.4
    "Array.prototype.toReversed", // Chrome 110, Firefox 115, Safari 16
    "Element.prototype.ariaPressed", // Chrome 81, Firefox 119, Safari 12.1
    "Element.prototype.replaceChildren", // Chrome 86, Firefox 78, Safari 14
    "HTMLDialogElement.prototype.showModal", // Chrome 37, Firefox 98, Safari 15.4
    "HTMLElement.prototype.inert", // Chrome 102, Firefox 112, Safari 15.5
    "HTMLScriptElement.prototype.noModule", // Chrome 61, Firefox 60, Safari 11
    "Intl.RelativeTimeFormat", // Chrome 71, Firefox 65, Safari 14
    "Object.hasOwn", // Chrome 93, Firefox 92, Safari 15.4
    "ReadableStream", // Chrome 43, Firefox 65, Safari 10.1
    "ResizeObserver", // Chrome 64, Firefox 69, Safari 13.1
    "String.prototype.replaceAll", // Chrome 85, Firefox 77, Safari 13.1
    "WebSocket",
    "fetch",
  ];
  /** Answers are read with it. Chrome 62, Firefox 78, Safari 16.4. */
  var PATTERN = "(?<!a)\\p{L}";

  /** @param {string} path */
  function isMissing(path) {
    /** @type {any} */
    var holder = window;
    return !path.split(".").every(function (name) {
      if (!(name in Object(holder))) return false;
      try {
        holder = holder[name];
      } catch (_) {
        // An attribute of elements, read from their prototype.
        return true;
      }
      return holder !== undefined;
    });
  }

  function isPatternMissing() {
    try {
      return !new RegExp(PATTERN, "u").test("b");
    } catch (_) {
      return true;
    }
  }

  /** Show one of the two sentences instead of the page. @param {"unsupported" | "failed"} reason */
  function show(reason) {
    [element("sign-in-screen"), element("talk-screen")].forEach(function (screen) {
      screen.setAttribute("hidden", "");
    });
    element("starting-screen").removeAttribute("hidden");
    document.body.setAttribute("data-screen", reason);
    element("reload").focus();
  }

  /** @param {string} id @returns {any} */
  function element(id) {
    return document.getElementById(id);
  }

  /** Whether the page shows nothing yet: no form, no conversation, no reason why not. */
  function isStarting() {
    var hasRetry = !element("starting-retry").hasAttribute("hidden");
    return document.body.getAttribute("data-screen") === "starting" && !hasRetry;
  }

  function failed() {
    // An error that the page survives is corrected by the screen that it shows next.
    if (isStarting()) show("failed");
  }

  /** @param {any} event */
  function errorHappened(event) {
    var origin = location.protocol + "//" + location.host + "/";
    // Neither errors of browser extensions, nor "ResizeObserver loop completed…".
    var isOurs = String(event.filename).indexOf(origin) === 0;
    if (isOurs && String(event.message).indexOf("ResizeObserver loop") < 0) failed();
  }

  function loadPage() {
    var script = document.createElement("script");
    script.type = "module";
    script.onerror = failed;
    script.src = element("start").getAttribute("data-src");
    document.head.appendChild(script);
  }

  /** Of storage/local-store.js. */
  var TOKEN_KEY = "kaiwa.token";

  function isSignedIn() {
    try {
      return Boolean(localStorage.getItem(TOKEN_KEY));
    } catch (_) {
      return false;
    }
  }

  /** Begin to load the talk screen's modules, beside those of app-realtime.js: a stored login needs both.
   * Without one, app-realtime.js does it later. */
  function preloadTalkScreen() {
    var modules = element("talk-modules");
    if (modules && isSignedIn()) document.head.appendChild(modules.content);
  }

  element("reload").form.addEventListener("submit", function (/** @type {any} */ event) {
    // The form alone would lose the part of the address that names the conversation.
    event.preventDefault();
    location.reload();
  });
  if (NEEDED.filter(isMissing).length > 0 || isPatternMissing()) {
    show("unsupported");
    return;
  }
  window.addEventListener("error", errorHappened);
  window.addEventListener("unhandledrejection", failed);
  loadPage();
  preloadTalkScreen();
})();
