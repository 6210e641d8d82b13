import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { STATES } from "../../../frontend/call/call-state.js";
import { ENDINGS } from "../../../frontend/shared-facts.js";
import { HELP } from "../../../frontend/words/help.js";
import { languageFrom, WORDS, Words } from "../../../frontend/words/i18n.js";

const ROOT = new URL("../../../", import.meta.url);
const read = (path) => readFileSync(new URL(path, ROOT), "utf8");
const PAGE = ["index", "openai-realtime", "starting-screen"]
  .map((name) => read(`frontend/${name}.html`))
  .join("");
/** Their keys are what the tests look for elsewhere. */
const TABLES = ["words/i18n.js", "words/direct.js"];
const CODE = readdirSync(new URL("frontend/", ROOT), { recursive: true })
  .filter((name) => name.endsWith(".js") && !TABLES.includes(name))
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

test("texts have curly apostrophes, and no space between a number and its unit", () => {
  for (const [key, { en, ja }] of Object.entries(WORDS)) {
    assert.doesNotMatch(en, /'/, key);
    assert.doesNotMatch(ja, /[0-9}] (?:日|件|分|時間|秒|回|文字)/, key);
  }
});

test("no text promises to keep conversations for ever: an operator may set KEEP_DAYS", () => {
  assert.doesNotMatch(WORDS["empty.kept"].en + WORDS["sessions.empty"].en, /kept|everything/i);
  assert.doesNotMatch(WORDS["empty.kept"].ja + WORDS["sessions.empty"].ja, /残り|残る|すべて/);
});

test("every text that the pages name exists", () => {
  const named = [...PAGE.matchAll(/data-words(?:-label|-placeholder)?="([^"]+)"/g)];
  assert.ok(named.length > 40);
  for (const [, key] of named) assert.ok(key in WORDS, key);
});

test("every state has a word and a hint", () => {
  const own = [
    "loading",
    "not_loaded",
    "not_connected",
    "paused",
    "writing",
    "no_microphone",
    "no_sound",
    "muted",
    "waiting_for_press",
  ];
  for (const state of [...STATES, ...own]) {
    assert.ok(`state.${state}` in WORDS && `hint.${state}` in WORDS, state);
  }
  const answering = ["no_microphone_answering", "no_sound_answering", "muted_answering"];
  for (const hint of [...answering, "press_to_cut_in", "idle_without_voice", "budget_spent"]) {
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

test("no line breaks inside もう一度 and その間, which browsers take for two phrases each", () => {
  const words = new Words("ja");
  const broken = /もう一度|その間/;
  for (const key of Object.keys(WORDS)) assert.doesNotMatch(words.say(key), broken, key);
  assert.match(words.say("help.server_full.text"), /もう\u2060一度.*その\u2060間も/);
  const title = "もう一度";
  assert.match(words.say("sessions.deleted", { title }), /もう一度/, "what a person wrote stays");
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

/** Noon of a Saturday. */
const NOW = new Date(2026, 10, 21, 12, 0);

test("groups of a list are named by their days, and then by months", () => {
  const words = new Words("en");
  const named = (...date) => words.group(new Date(...date), NOW);
  const dates = [
    [2026, 10, 21, 8],
    [2026, 10, 20, 23],
    [2026, 10, 14],
    [2026, 10, 13, 23],
    [2025, 9, 1],
  ];
  assert.deepEqual(
    dates.map((date) => named(...date)),
    ["Today", "Yesterday", "Previous 7 days", "November", "October 2025"],
  );
  words.language = "ja";
  assert.deepEqual(
    dates.map((date) => named(...date)),
    ["今日", "昨日", "過去7日間", "11月", "2025年10月"],
  );
});

test("in its group, a moment has what the heading does not tell", () => {
  const words = new Words("en", ["en-GB"]);
  const written = (...date) => words.timeInGroup(new Date(...date), NOW);
  assert.equal(written(2026, 10, 21, 8, 5), "08:05");
  assert.equal(written(2026, 10, 20, 23, 0), "23:00");
  assert.match(written(2026, 10, 17, 23, 0), /^Tue,? 23:00$/);
  assert.equal(written(2026, 9, 1), "1 Oct");
  assert.equal(written(2025, 9, 1), "1 Oct 2025");
  words.language = "ja";
  assert.equal(written(2025, 9, 1), "2025年10月1日");
  // Their order is the browser's.
  for (const part of [/火/, /23:00/]) assert.match(written(2026, 10, 17, 23, 0), part);
});

test("a day is written with its day of the week, a moment as a whole", () => {
  const words = new Words("en", ["en-GB"]);
  const date = new Date(2026, 10, 17, 16, 21);
  assert.match(words.day(date, NOW), /^Tuesday,? 17 November$/);
  assert.match(words.day(new Date(2025, 10, 17), NOW), /^Monday,? 17 November 2025$/);
  assert.match(words.moment(date), /^Tuesday,? 17 November 2026.*16:21$/);
  words.language = "ja";
  assert.equal(words.day(date, NOW), "11月17日火曜日");
});

test("times are written as in the user's region, if it has the chosen language", () => {
  const [afternoon, october] = [new Date(2026, 10, 21, 16, 21), new Date(2026, 9, 1)];
  const words = new Words("en", ["fr-FR", "en-GB", "en-US"]);
  assert.equal(words.time(afternoon), "16:21");
  assert.equal(words.timeInGroup(october, NOW), "1 Oct");
  words.language = "ja";
  assert.equal(words.timeInGroup(october, NOW), "10月1日");
  assert.match(new Words("en", ["fr-FR"]).time(afternoon), /^04:21.PM$/);
});

test("a language tag that Intl does not take is passed over", () => {
  const october = new Date(2026, 9, 1);
  assert.equal(new Words("en", ["en-US@posix", "en-GB"]).timeInGroup(october, NOW), "1 Oct");
  assert.equal(new Words("en", ["en-US@posix"]).number(1234), "1,234");
});

test("small sums of money are not zero, and minutes are rounded", () => {
  const words = new Words("en", ["en-US"]);
  assert.deepEqual(
    [12.345, 0.0042, 0].map((usd) => words.money(usd)),
    ["$12.35", "$0.0042", "$0.00"],
  );
  assert.deepEqual(
    [0.25, 12.4].map((each) => words.minutes(each)),
    ["0.3 min", "12 min"],
  );
  assert.equal(words.calendarDay("2026-11-28"), "Nov 28");
  words.language = "ja";
  assert.equal(words.calendarDay("2026-11-28"), "11月28日");
});
