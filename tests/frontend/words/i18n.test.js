import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { STATES } from "../../../frontend/call/call-state.js";
import { ENDINGS } from "../../../frontend/shared-facts.js";
import { HELP } from "../../../frontend/words/help.js";
import { languageFrom, WORDS, Words } from "../../../frontend/words/i18n.js";

const ROOT = new URL("../../../", import.meta.url);
const read = (path) => readFileSync(new URL(path, ROOT), "utf8");
const PAGE = read("frontend/index.html");
const CODE = readdirSync(new URL("frontend/", ROOT), { recursive: true })
  .filter((name) => name.endsWith(".js") && name !== "words/i18n.js")
  .map((name) => read(`frontend/${name}`));
const NAMES = /\{\w+\}/g;

test("every text exists in both languages, and Japanese is Japanese", () => {
  for (const [key, { en, ja }] of Object.entries(WORDS)) {
    assert.ok(en.trim() && ja.trim(), key);
    if (ja !== en) assert.match(ja, /[\u3040-\u30ff\u4e00-\u9fff（]/, key);
  }
});

test("both languages have the same placeholders", () => {
  for (const [key, { en, ja }] of Object.entries(WORDS)) {
    assert.deepEqual((ja.match(NAMES) ?? []).sort(), (en.match(NAMES) ?? []).sort(), key);
  }
});

test("every text that index.html names exists", () => {
  const named = [...PAGE.matchAll(/data-words(?:-label|-placeholder)?="([^"]+)"/g)];
  assert.ok(named.length > 40);
  for (const [, key] of named) assert.ok(key in WORDS, key);
});

test("every state has a word and a hint", () => {
  const own = ["writing", "no_microphone", "no_sound", "muted", "waiting_for_press"];
  for (const state of [...STATES, ...own]) {
    assert.ok(`state.${state}` in WORDS && `hint.${state}` in WORDS, state);
  }
  const answering = ["no_microphone_answering", "no_sound_answering", "muted_answering"];
  for (const hint of [...answering, "press_to_cut_in"]) {
    assert.ok(`hint.${hint}` in WORDS, hint);
  }
});

test("while the page tries again by itself, each cause has a sentence that asks nobody to do so", () => {
  const retryable = Object.keys(ENDINGS).filter((name) => ENDINGS[name].retryable);
  const unheard = new Set(["interrupted"]);
  const causes = [...retryable.filter((name) => !unheard.has(name)), "offline", "rate_limit"];
  for (const cause of causes) assert.ok(`hint.reconnecting.${cause}` in WORDS, cause);
  for (const key of Object.keys(WORDS).filter((name) => name.startsWith("hint.reconnecting"))) {
    assert.match(WORDS[key].en, /by itself/, key);
    assert.match(WORDS[key].ja, /自動で/, key);
    assert.doesNotMatch(WORDS[key].en, /please|try again|kept/i, key);
    assert.doesNotMatch(WORDS[key].ja, /もう一度|お試し|保存/, key);
  }
});

test("every text is used", () => {
  const everything = [PAGE, ...CODE].join("\n");
  const built = /^(state|hint|help|action|error)\./;
  for (const key of Object.keys(WORDS)) {
    const base = key.replace(/\.keys$/, "");
    assert.ok(built.test(key) || everything.includes(`"${base}"`), key);
  }
  for (const key of Object.keys(WORDS).filter((name) => name.startsWith("help."))) {
    assert.ok(key.split(".")[1] in HELP, key);
  }
});

test("the first language is the user's choice, else the first of the browser's that the page has", () => {
  assert.equal(languageFrom("ja", ["en-US"]), "ja");
  assert.equal(languageFrom("", ["fr-FR", "ja-JP", "en"]), "ja");
  assert.equal(languageFrom("", ["de-DE", "en-GB"]), "en");
  assert.equal(languageFrom("", ["fr-FR"]), "en");
  assert.equal(languageFrom("javanese", []), "en");
});

test("placeholders are filled in, and a key without a text is an error", () => {
  const words = new Words("en");
  assert.equal(words.say("sessions.menu", { title: "Kyoto" }), "Menu of “Kyoto”");
  assert.throws(() => words.say("no.such.key"), /no\.such\.key/);
  assert.equal(words.sayFirst("no.such.key", "page.title"), "Kaiwa");
});

test("texts name keys only for users with a keyboard", () => {
  const words = new Words("en");
  assert.match(words.say("hint.muted"), /\(M\)/);
  words.hasKeys = false;
  const named = /\((M|Esc)\)|（M）|Esc|Space/;
  for (const [key] of Object.entries(WORDS).filter(([key]) => /^(hint|settings)\./.test(key))) {
    for (const language of /** @type {const} */ (["en", "ja"])) {
      words.language = language;
      if (!key.endsWith(".keys")) assert.doesNotMatch(words.say(key), named, key);
    }
  }
});

test("today has a time, yesterday a word, other days a date", () => {
  const now = new Date(2026, 10, 21, 12, 0);
  const words = new Words("en");
  assert.match(words.day(new Date(2026, 10, 21, 8, 5), now), /^08:05/);
  assert.equal(words.day(new Date(2026, 10, 20, 23, 0), now), "yesterday");
  assert.equal(words.day(new Date(2026, 9, 1), now), "Oct 1");
  assert.equal(words.day(new Date(2025, 9, 1), now), "Oct 1, 2025");
  words.language = "ja";
  assert.equal(words.day(new Date(2025, 9, 1), now), "2025年10月1日");
});

test("times are written as in the user's region, if it has the chosen language", () => {
  const now = new Date(2026, 10, 21, 20, 0);
  const [afternoon, october] = [new Date(2026, 10, 21, 16, 21), new Date(2026, 9, 1)];
  const words = new Words("en", ["fr-FR", "en-GB", "en-US"]);
  assert.equal(words.day(afternoon, now), "16:21");
  assert.equal(words.day(october, now), "1 Oct");
  words.language = "ja";
  assert.equal(words.day(october, now), "10月1日");
  assert.match(new Words("en", ["fr-FR"]).day(afternoon, now), /^04:21.PM$/);
});

test("a language tag that Intl does not take is passed over", () => {
  const [now, october] = [new Date(2026, 10, 21), new Date(2026, 9, 1)];
  assert.equal(new Words("en", ["en-US@posix", "en-GB"]).day(october, now), "1 Oct");
  assert.equal(new Words("en", ["en-US@posix"]).number(1234), "1,234");
});
