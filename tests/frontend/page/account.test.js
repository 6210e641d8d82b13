import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { ApiError } from "../../../frontend/api.js";
import { Account, SLOW_START_MS } from "../../../frontend/page/account.js";
import { LocalStore } from "../../../frontend/storage/local-store.js";
import { deferred, FakeStorage, keyWords, recorder, settle } from "../equipment.js";

const USER = { id: 1, username: "aki", is_staff: false };
const CONFIG = { registration_open: true, demo: false };

let api;
let store;
let screens;
let signIn;
let drawer;
let happened;
let account;
const delegate = {};

beforeEach(() => {
  api = {
    token: "",
    config: async () => CONFIG,
    me: deferred(),
    logIn: deferred(),
    register: deferred(),
    logOutEverywhere: deferred(),
  };
  store = new LocalStore(new FakeStorage());
  screens = {
    ...recorder("show", "showStarting", "showSlow", "showUnreachable", "showFailed"),
    isOn: () => false,
  };
  signIn = recorder("show", "setBusy", "fail");
  drawer = recorder("showError");
  happened = [];
  account = new Account(
    { api, store, words: keyWords(), screens, signIn, drawer, confirm: async () => true },
    Object.assign(delegate, {
      signedIn: async () => void happened.push(`signed in ${account.user.username}`),
      justEntered: () => happened.push("entered"),
      signedOut: (isChosen) => happened.push(`signed out ${isChosen}`),
    }),
  );
});

const notice = () => signIn.calls.findLast(([name]) => name === "show")[1].notice;

async function loadWith(token) {
  store.token = token;
  const loading = account.load();
  api.me.calls.at(-1)?.resolve(USER);
  await loading;
}

test("without a token the sign-in form is shown", async () => {
  await loadWith("");
  assert.deepEqual(signIn.calls.at(-1), ["show", { canRegister: true, isDemo: false, notice: "" }]);
  assert.deepEqual(happened, []);
});

test("that the browser will not keep the login is shown once, with the first form", async () => {
  Object.defineProperty(store, "isKept", { value: false });
  await loadWith("");
  assert.equal(notice(), "sign_in.not_kept");
  const entering = account.enter({ username: "aki", password: "x", isNew: false });
  api.logIn.calls[0].resolve({ token: "abc", user: USER });
  await entering;
  account.signOut("");
  assert.equal(notice(), "");
});

test("why a login ended is more important than that it will not be kept", async () => {
  Object.defineProperty(store, "isKept", { value: false });
  store.token = "abc";
  account.signOut("sign_in.expired");
  assert.equal(notice(), "sign_in.expired");
  account.signOut("");
  assert.equal(notice(), "sign_in.not_kept");
});

test("with a stored token the user is signed in", async () => {
  await loadWith("abc");
  assert.deepEqual([api.token, account.user, happened], ["abc", USER, ["signed in aki"]]);
});

test("a server that does not answer is shown as unreachable", async () => {
  api.config = async () => {
    throw new ApiError("no_network", 0, "");
  };
  await account.load();
  assert.deepEqual(screens.calls.at(-1), ["showUnreachable"]);
});

test("a start that takes long says so, and may be tried again: then the first one counts no more", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  store.token = "abc";
  const first = account.load();
  mock.timers.tick(SLOW_START_MS);
  assert.deepEqual(screens.calls, [["showStarting"], ["showSlow"]]);
  const second = account.load();
  api.me.calls[1].resolve(USER);
  await second;
  mock.timers.tick(SLOW_START_MS);
  api.me.calls[0].reject(new ApiError("no_network", 0, ""));
  await first;
  assert.deepEqual(happened, ["signed in aki"]);
  assert.deepEqual(
    screens.calls.map(([name]) => name),
    ["showStarting", "showSlow", "showStarting"],
  );
  mock.timers.reset();
});

test("what could not be loaded is loaded when the network returns, and only then", async () => {
  let requests = 0;
  api.config = async () => {
    requests += 1;
    throw new ApiError("no_network", 0, "");
  };
  account.networkReturned();
  assert.equal(requests, 0);
  await account.load();
  account.networkReturned();
  await settle();
  assert.equal(requests, 2);
});

test("a stored token that is not accepted any more ends in the sign-in form", async () => {
  store.token = "old";
  const loading = account.load();
  api.onSignedOut();
  api.me.calls[0].reject(new ApiError("token_invalid", 401, ""));
  await loading;
  assert.deepEqual([store.token, api.token, account.user], ["", "", null]);
});

test("a token that another tab changed while it was checked is checked again", async () => {
  store.token = "one";
  const loading = account.load();
  store.token = "two";
  api.me.calls[0].resolve(USER);
  await settle();
  assert.deepEqual(happened, []);
  api.me.calls[1].resolve({ ...USER, username: "ben" });
  await loading;
  assert.deepEqual([api.token, happened], ["two", ["signed in ben"]]);
});

test("signing in stores the token; a new login is created with the same form", async () => {
  const entering = account.enter({ username: "aki", password: "x", isNew: false });
  api.logIn.calls[0].resolve({ token: "abc", user: USER });
  await entering;
  assert.deepEqual([store.token, happened], ["abc", ["signed in aki", "entered"]]);
  void account.enter({ username: "ben", password: "long enough", isNew: true });
  assert.deepEqual(api.register.calls[0].args, ["ben", "long enough"]);
});

test("a refused sign-in says why, and can be tried again", async () => {
  const entering = account.enter({ username: "aki", password: "x", isNew: false });
  api.logIn.calls[0].reject(new ApiError("invalid_login", 400, "Wrong password."));
  await entering;
  assert.deepEqual(signIn.calls.slice(-2), [
    ["fail", { form: "Wrong password.", username: [], password: [] }],
    ["setBusy", false],
  ]);
});

test("what the server finds wrong is said at its field", async () => {
  const entering = account.enter({ username: "aki", password: "aki-aki-aki", isNew: true });
  const detail = { username: ["Taken."], password: ["Odd."] };
  const codes = { username: ["username_taken"], password: ["odd"] };
  api.register.calls[0].reject(new ApiError("invalid", 400, "See the detail.", detail, codes));
  await entering;
  const said = { form: "", username: ['sign_in.username.taken {"most":150}'], password: ["Odd."] };
  assert.deepEqual(signIn.calls.slice(-2), [
    ["fail", said],
    ["setBusy", false],
  ]);
});

test("what the page finds wrong is not sent", async () => {
  await account.enter({ username: "", password: "short", isNew: true });
  assert.equal(api.register.calls.length, 0);
  assert.deepEqual(signIn.calls.at(-1), [
    "fail",
    {
      form: "",
      username: ['sign_in.username.missing {"most":150}'],
      password: ['sign_in.password.too_short {"least":8,"most":128}'],
    },
  ]);
});

test("signing out forgets the token on this device", async () => {
  await loadWith("abc");
  const { signal } = account;
  account.signOut("");
  assert.deepEqual([store.token, api.token, account.user, signal.aborted], ["", "", null, true]);
  assert.deepEqual([happened.at(-1), notice()], ["signed out true", ""]);
});

test("a token that another tab has stored meanwhile is kept", async () => {
  await loadWith("abc");
  store.token = "newer";
  account.signOut("sign_in.expired");
  assert.deepEqual(
    [store.token, happened.at(-1), notice()],
    ["newer", "signed out false", "sign_in.expired"],
  );
});

test("signing out everywhere ends this login too", async () => {
  await loadWith("abc");
  const leaving = account.signOutEverywhere();
  await settle();
  api.logOutEverywhere.calls[0].resolve(null);
  await leaving;
  assert.equal(happened.at(-1), "signed out true");
});

test("a failure to sign out everywhere is shown, and the user stays signed in", async () => {
  await loadWith("abc");
  const leaving = account.signOutEverywhere();
  await settle();
  api.logOutEverywhere.calls[0].reject(new ApiError("no_network", 0, ""));
  await leaving;
  assert.match(drawer.calls.at(-1)[1], /account\.sign_out_everywhere\.failed/);
  assert.equal(account.user, USER);
});

test("a late answer to it does not sign out a user who signed in meanwhile", async () => {
  await loadWith("abc");
  const leaving = account.signOutEverywhere();
  await settle();
  account.signOut("");
  await loadWith("def");
  api.logOutEverywhere.calls[0].resolve(null);
  await leaving;
  assert.equal(happened.at(-1), "signed in aki");
});

test("it follows another tab that signs out or in", async () => {
  await loadWith("abc");
  account.storageChanged();
  assert.equal(account.user, USER);
  store.token = "";
  account.storageChanged();
  assert.deepEqual([account.user, notice()], [null, "sign_in.signed_out"]);
  screens.isOn = (name) => name === "sign-in";
  store.token = "def";
  account.storageChanged();
  assert.equal(api.token, "def");
});

test("a fault of the page in the start is not shown as a lost network", async () => {
  api.config = () => {
    throw new TypeError("planned");
  };
  await assert.rejects(account.load(), /planned/);
  assert.deepEqual(screens.calls, [["showStarting"]]);
});

test("a fault of the page after signing in shows that the page did not start", async () => {
  Object.assign(delegate, {
    signedIn: async () => {
      throw new TypeError("planned");
    },
  });
  const entering = account.enter({ username: "aki", password: "x", isNew: false });
  api.logIn.calls[0].resolve({ token: "abc", user: USER });
  await assert.rejects(entering, /planned/);
  assert.deepEqual(screens.calls.at(-1), ["showFailed"]);
  assert.equal(store.token, "abc");
});
