import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { safeLink } from "../../../frontend/markdown/safe-link.js";

describe("an address may be a link", () => {
  for (const [address, href] of [
    ["https://kaiwa.test/a?b=c#d", "https://kaiwa.test/a?b=c#d"],
    ["HTTP://KAIWA.TEST", "http://kaiwa.test/"],
    ["mailto:someone@kaiwa.test", "mailto:someone@kaiwa.test"],
    ["https://日本語.example/道", "https://xn--wgv71a119e.example/%E9%81%93"],
  ]) {
    test(address, () => assert.equal(safeLink(address), href));
  }
});

describe("an address may be no link", () => {
  for (const address of [
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    " \u0001javascript:alert(1)",
    "java\nscript:alert(1)",
    "javascript&#58;alert(1)",
    "vbscript:msgbox(1)",
    "data:text/html,<script>alert(1)</script>",
    "blob:https://kaiwa.test/1",
    "file:///etc/passwd",
    "https://bank.example@evil.example/",
    "https://:secret@evil.example/",
    "//evil.example/",
    "/api/auth/logout/",
    "page.html",
    "#top",
    "https://",
    "",
  ]) {
    test(JSON.stringify(address), () => assert.equal(safeLink(address), null));
  }
});
