import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { ApiError } from "../../../frontend/api.js";
import {
  checkProxy,
  opensWithoutSubprotocols,
  proxyFault,
} from "../../../frontend/call/proxy-check.js";
import { FakeSocket } from "../equipment.js";

const VALUES = { origin: "https://kaiwa.test:8443", host: "kaiwa.test" };
const foreign = new ApiError("origin_foreign", 403, "", VALUES);
const noUpgrade = new ApiError("upgrade_missing", 426, "");

test("a foreign Origin is named with both values", () => {
  assert.deepEqual(proxyFault(foreign, false), { reason: "origin_foreign", detail: VALUES });
  assert.deepEqual(proxyFault(new ApiError("origin_foreign", 403, ""), false), {
    reason: "origin_foreign",
    detail: {},
  });
});

test("of the other two, a WebSocket without subprotocols opens only if the upgrade arrives", () => {
  assert.deepEqual(proxyFault(noUpgrade, false), { reason: "upgrade_missing" });
  assert.deepEqual(proxyFault(noUpgrade, true), { reason: "subprotocol_missing" });
});

test("an answer that is not of our server says nothing about the proxy", () => {
  for (const answer of [
    null,
    new Error("a fault of the page"),
    new ApiError("no_network", 0, ""),
    new ApiError("unavailable", 503, ""),
    new ApiError("throttled", 429, ""),
    new ApiError("internal", 404, ""),
  ]) {
    assert.equal(proxyFault(answer, true), null);
  }
});

test("the WebSocket is tried only if the answer leaves it open", async () => {
  const asked = async (answer, opensBare) => {
    let tries = 0;
    const fault = await checkProxy(
      async () => {
        if (answer) throw answer;
      },
      async () => {
        tries += 1;
        return opensBare;
      },
    );
    return [fault?.reason ?? null, tries];
  };
  assert.deepEqual(await asked(foreign, true), ["origin_foreign", 0]);
  assert.deepEqual(await asked(noUpgrade, true), ["subprotocol_missing", 1]);
  assert.deepEqual(await asked(noUpgrade, false), ["upgrade_missing", 1]);
  assert.deepEqual(await asked(new ApiError("unavailable", 503, ""), true), [null, 0]);
  assert.deepEqual(await asked(null, true), [null, 0]);
});

test("a WebSocket that opens is closed at once; one that never does has not opened", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const tried = (act) => {
    const socket = new FakeSocket();
    const opens = opensWithoutSubprotocols("wss://kaiwa.test/ws/", () => socket);
    act(socket);
    return opens.then((hasOpened) => [hasOpened, socket.readyState]);
  };
  assert.deepEqual(await tried((socket) => socket.dispatchEvent(new Event("open"))), [true, 3]);
  assert.deepEqual(await tried((socket) => socket.close(1006)), [false, 3]);
  assert.deepEqual(await tried(() => mock.timers.tick(5000)), [false, 3]);
  mock.timers.reset();
});
