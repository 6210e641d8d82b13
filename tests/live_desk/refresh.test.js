/** The live desk's refresh keeps the focus, and says when the list is old. */

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { refresh, replaceParts } from "../../backend/live_desk/static/live_desk/refresh.js";

/** A document with elements by id: as much of one as the module uses. */
class FakePage {
  constructor(ids, nodes = {}) {
    this.activeElement = null;
    this.elements = new Map(ids.map((id) => [id, new FakeElement(this, id, nodes[id] ?? [])]));
  }
  getElementById(id) {
    return this.elements.get(id) ?? null;
  }
}

class FakeElement {
  constructor(page, id, childNodes) {
    Object.assign(this, { page, id, childNodes, hidden: true });
  }
  replaceChildren(...nodes) {
    for (const old of this.childNodes) this.page.elements.delete(old);
    for (const id of nodes) this.page.elements.set(id, new FakeElement(this.page, id, []));
    // As in a browser: an element that is removed loses the focus.
    if (this.childNodes.includes(this.page.activeElement?.id)) this.page.activeElement = null;
    this.childNodes = nodes;
  }
  focus() {
    this.page.activeElement = this;
  }
}

const PARTS = ["live-calls-total", "live-calls", "live-calls-stale"];
const pageWith = (...links) => new FakePage([...PARTS, ...links], { "live-calls": links });

let page;
beforeEach(() => {
  page = pageWith("end-1", "end-2");
});

test("the list is replaced", () => {
  assert.equal(replaceParts(page, pageWith("end-3")), true);
  assert.deepEqual(page.getElementById("live-calls").childNodes, ["end-3"]);
});

test("a link that has the focus keeps it", () => {
  page.getElementById("end-2").focus();
  replaceParts(page, pageWith("end-2", "end-3"));
  assert.equal(page.activeElement.id, "end-2");
});

test("when the call of the focused link is over, the focus goes to the line above the list", () => {
  page.getElementById("end-2").focus();
  replaceParts(page, pageWith("end-1"));
  assert.equal(page.activeElement.id, "live-calls-total");
});

test("a focus elsewhere stays where it is", () => {
  replaceParts(page, pageWith("end-1"));
  assert.equal(page.activeElement, null);
});

test("a failed refresh keeps the list and says that it is old, until one succeeds", async () => {
  await refresh(page, () => Promise.reject(new TypeError("offline")));
  assert.equal(page.getElementById("live-calls-stale").hidden, false);
  assert.deepEqual(page.getElementById("live-calls").childNodes, ["end-1", "end-2"]);
  await refresh(page, async () => pageWith("end-1"));
  assert.equal(page.getElementById("live-calls-stale").hidden, true);
});

test("another page, such as the sign-in, replaces nothing", async () => {
  await refresh(page, async () => new FakePage(["login-form"]));
  assert.equal(page.getElementById("live-calls-stale").hidden, false);
  assert.deepEqual(page.getElementById("live-calls").childNodes, ["end-1", "end-2"]);
});
