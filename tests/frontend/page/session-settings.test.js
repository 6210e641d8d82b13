import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { ApiError } from "../../../frontend/api.js";
import { SessionSettings } from "../../../frontend/page/session-settings.js";
import { deferred, keyWords, recorder, session } from "../equipment.js";

const VOICES = ["cedar", "marin"];

let api;
let sessions;
let view;
let openId;
let login;
let settings;

beforeEach(() => {
  api = { changeSession: deferred() };
  sessions = new Map([["a", session("a", { voice: "marin", language: "ja" })]]);
  view = recorder("show", "showError");
  openId = null;
  login = new AbortController();
  settings = new SessionSettings(
    {
      api,
      words: keyWords(),
      list: { get: (id) => sessions.get(id), replace: (one) => sessions.set(one.id, one) },
      view,
    },
    { openId: () => openId, voices: () => VOICES, signal: () => login.signal },
  );
});

const shown = () => view.calls.findLast(([name]) => name === "show")[1];

test("a new conversation has the page's language, and the server chooses its voice", () => {
  settings.show();
  assert.deepEqual(shown(), { voices: VOICES, hasDefault: true, voice: "", language: "en" });
  assert.deepEqual(settings.fieldsOfNew, { language: "en" });
});

test("what is chosen before there is a session is used to create it", async () => {
  await settings.choose({ voice: "cedar" });
  await settings.choose({ language: "ja" });
  assert.deepEqual(settings.fieldsOfNew, { language: "ja", voice: "cedar" });
  assert.deepEqual([shown().voice, shown().language], ["cedar", "ja"]);
  await settings.choose({ voice: "" });
  assert.deepEqual(settings.fieldsOfNew, { language: "ja" });
  settings.clear();
  assert.deepEqual(settings.fieldsOfNew, { language: "en" });
  assert.equal(api.changeSession.calls.length, 0);
});

test("an open session shows its own, and a choice changes the session", async () => {
  openId = "a";
  settings.show();
  assert.deepEqual(shown(), { voices: VOICES, hasDefault: false, voice: "marin", language: "ja" });
  const choosing = settings.choose({ voice: "cedar" });
  assert.deepEqual(api.changeSession.calls[0].args, ["a", { voice: "cedar" }]);
  api.changeSession.calls[0].resolve(session("a", { voice: "cedar", language: "ja" }));
  await choosing;
  assert.equal(shown().voice, "cedar");
  assert.deepEqual(settings.fieldsOfNew, { language: "en" });
});

test("a session that the list does not know shows nothing", () => {
  openId = "unknown";
  settings.show();
  assert.equal(shown(), null);
});

test("a change that fails says why, and shows what still applies", async () => {
  openId = "a";
  const choosing = settings.choose({ voice: "cedar" });
  api.changeSession.calls[0].reject(new ApiError("no_network", 0, ""));
  await choosing;
  const [, sentence] = view.calls.findLast(([name]) => name === "showError");
  assert.match(sentence, /settings\.session\.failed.*error\.no_network/);
  assert.equal(shown().voice, "marin");
});

test("a response after sign-out changes nothing", async () => {
  openId = "a";
  for (const end of ["resolve", "reject"]) {
    const choosing = settings.choose({ voice: "cedar" });
    login.abort();
    api.changeSession.calls.at(-1)[end](session("a", { voice: "cedar" }));
    await choosing;
  }
  assert.equal(sessions.get("a").voice, "marin");
  assert.equal(
    view.calls.every(([name, given]) => name === "show" || given === ""),
    true,
  );
});
