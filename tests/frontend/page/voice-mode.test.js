import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { MicrophoneError } from "../../../frontend/audio/microphone.js";
import { VoiceMode } from "../../../frontend/page/voice-mode.js";
import { LocalStore } from "../../../frontend/storage/local-store.js";
import { FakeStorage, recorder, settle } from "../equipment.js";

let store;
let help;
let settings;
let contexts;
let client;
let loaded;
let missing;
let microphones;
let stopped;
let refreshed;
let voiceMode;
let parts;
let delegate;

/** The part of a RealtimeClient that the voice mode uses. */
function fakeClient() {
  const made = recorder("setMuted", "setTalking", "setVolume");
  made.starts = [];
  made.voice = null;
  made.startAudioStream = (options) => {
    const start = Promise.withResolvers();
    made.starts.push({ options, ...start });
    return start.promise;
  };
  made.stopAudioStream = async () => {
    made.calls.push(["stopAudioStream"]);
    made.voice = null;
  };
  made.leaveCall = async () => {
    made.calls.push(["leaveCall"]);
    made.voice = null;
  };
  made.fail = (error) => {
    made.calls.push(["fail", error.message]);
    made.voice = null;
  };
  made.connect = async () => void made.calls.push(["connect"]);
  made.changeMicrophone = async (microphone) => void made.calls.push(["change", microphone]);
  return made;
}

const names = () => client.calls.map(([name]) => name);

beforeEach(() => {
  store = new LocalStore(new FakeStorage());
  help = { ...recorder("show", "hide"), name: null };
  settings = recorder("open", "showMicrophones");
  contexts = [];
  client = fakeClient();
  loaded = Promise.resolve(client);
  stopped = 0;
  refreshed = 0;
  missing = [];
  microphones = [];
  parts = {
    store,
    help,
    settings,
    presence: recorder("clear"),
    createContext: () => {
      contexts.push(recorder("close"));
      return contexts.at(-1);
    },
    missingForVoice: () => missing,
    speakers: {
      refresh: async () => {
        refreshed += 1;
      },
    },
    listMicrophones: async () => microphones ?? broken(),
    userAgent: "Firefox/153.0",
  };
  delegate = {
    client: () => client,
    clientForCall: () => loaded,
    changed: () => {},
    stopped: () => {
      stopped += 1;
    },
  };
  voiceMode = new VoiceMode(parts, delegate);
});

/** Start, and let the microphone be allowed. */
async function start() {
  const starting = voiceMode.start();
  await settle();
  client.voice = {};
  client.starts.at(-1).resolve();
  await starting;
}

test("a tap creates the context at once, and opens the call after the microphone", async () => {
  const starting = voiceMode.start();
  assert.deepEqual([voiceMode.isOn, contexts.length], [true, 1]);
  await settle();
  assert.equal(client.starts[0].options.context, contexts[0]);
  assert.deepEqual(names(), []);
  client.voice = {};
  client.starts[0].resolve();
  await starting;
  assert.deepEqual(names(), ["connect"]);
  // Once the microphone is allowed, the loudspeakers have names.
  assert.equal(refreshed, 1);
});

test("a second tap while it is on does nothing", async () => {
  await start();
  await voiceMode.start();
  assert.equal(contexts.length, 1);
});

test("when the conversation cannot be loaded it is off again, and the context closed", async () => {
  loaded = Promise.resolve(null);
  await voiceMode.start();
  assert.deepEqual([voiceMode.isOn, contexts[0].calls], [false, [["close"]]]);
});

test("stopped while the conversation is loaded, it asks for no microphone", async () => {
  const starting = voiceMode.start();
  voiceMode.stop();
  await starting;
  assert.deepEqual([client.starts.length, contexts[0].calls], [0, [["close"]]]);
});

test("stopped and started while it is loaded, only the later tap counts", async () => {
  const first = voiceMode.start();
  voiceMode.stop();
  const second = voiceMode.start();
  await first;
  assert.equal(voiceMode.isOn, true);
  await settle();
  assert.equal(client.starts.length, 1);
  assert.equal(client.starts[0].options.context, contexts[1]);
  client.voice = {};
  client.starts[0].resolve();
  await second;
  assert.deepEqual(names().filter((name) => name === "connect").length, 1);
});

test("stopped while the microphone is asked for, it opens no call", async () => {
  const starting = voiceMode.start();
  await settle();
  voiceMode.stop();
  client.starts[0].resolve();
  await starting;
  assert.deepEqual(names(), ["leaveCall"]);
});

test("a refused microphone is explained with the place of its permission", async () => {
  const starting = voiceMode.start();
  await settle();
  client.starts[0].reject(new MicrophoneError("denied"));
  await starting;
  assert.equal(voiceMode.isOn, false);
  assert.deepEqual(help.calls.at(-1), ["show", "microphone_denied", "firefox"]);
});

test("stop() goes back to typing, and hides a card about the microphone only", async () => {
  await start();
  help.calls.length = 0;
  help.name = "slow_network";
  voiceMode.stop();
  assert.deepEqual([voiceMode.isOn, stopped, help.calls], [false, 1, []]);
  help.name = "microphone_silent";
  voiceMode.stop();
  assert.deepEqual(help.calls, [["hide"]]);
});

test("without a voice there is no card about the sound", async () => {
  await start();
  voiceMode.soundChanged(true);
  assert.equal(voiceMode.model.hasNoSound, true);
  help.calls.length = 0;
  help.name = "sound_blocked";
  voiceMode.callEnded();
  assert.deepEqual(help.calls, [["hide"]]);
  await start();
  assert.equal(voiceMode.model.hasNoSound, false);
});

test("a restart keeps the mute", async () => {
  await start();
  voiceMode.toggleMuted();
  voiceMode.restart();
  assert.deepEqual([voiceMode.isOn, voiceMode.model.isMuted], [true, true]);
  await settle();
  assert.equal(client.starts.at(-1).options.isMuted, true);
});

test("with push-to-talk the key holds, lifts a mute, and is released", async () => {
  store.savePreferences({ isHandsFree: false });
  assert.equal(voiceMode.talkKeyChanged(true), false);
  await start();
  assert.equal(client.starts[0].options.isHandsFree, false);
  voiceMode.setMuted(true);
  client.calls.length = 0;
  assert.equal(voiceMode.talkKeyChanged(true), true);
  assert.equal(voiceMode.talkKeyChanged(false), true);
  assert.deepEqual(client.calls, [
    ["setMuted", false],
    ["setTalking", true],
    ["setTalking", false],
  ]);
});

test("hands-free, the key lifts a mute while it is held, and does nothing without one", async () => {
  await start();
  assert.equal(voiceMode.talkKeyChanged(true), false);
  voiceMode.setMuted(true);
  assert.equal(voiceMode.talkKeyChanged(true), true);
  assert.equal(voiceMode.model.isMuted, false);
  assert.equal(voiceMode.talkKeyChanged(false), true);
  assert.equal(voiceMode.model.isMuted, true);
});

test("released after the user unmuted, the key does not mute again", async () => {
  await start();
  voiceMode.setMuted(true);
  voiceMode.talkKeyChanged(true);
  voiceMode.setMuted(false);
  assert.equal(voiceMode.talkKeyChanged(false), false);
  assert.equal(voiceMode.model.isMuted, false);
});

test("a call that ended in voice mode is remembered until the next one is open", async () => {
  voiceMode.callEnded();
  assert.equal(voiceMode.wasOnAtEnd, false);
  await start();
  voiceMode.callEnded();
  assert.deepEqual([voiceMode.isOn, voiceMode.wasOnAtEnd], [false, true]);
  voiceMode.callEnded();
  assert.equal(voiceMode.wasOnAtEnd, true);
  voiceMode.callOpened(client);
  assert.equal(voiceMode.wasOnAtEnd, false);
});

test("another conversation starts without mute", async () => {
  await start();
  voiceMode.setMuted(true);
  voiceMode.reset();
  const { isOn, isMuted, isHeld } = voiceMode.model;
  assert.deepEqual([isOn, isMuted, isHeld], [false, false, false]);
});

test("a microphone that stopped is shown until it recovers", () => {
  voiceMode.microphoneChanged("stopped");
  assert.equal(voiceMode.model.hasNoMicrophone, true);
  voiceMode.microphoneChanged("recovered");
  assert.equal(voiceMode.model.hasNoMicrophone, false);
});

test("preferences are saved, and applied to the running voice", async () => {
  await start();
  client.calls.length = 0;
  await voiceMode.prefer({ volume: 0.5 });
  await voiceMode.prefer({ isHandsFree: false });
  await voiceMode.prefer({ deviceId: "usb" });
  assert.deepEqual(
    [client.calls[0], client.calls[1]],
    [
      ["setVolume", 0.5],
      ["setTalking", false],
    ],
  );
  assert.equal(client.calls[2][1].deviceId, "usb");
  assert.deepEqual([store.preferences().volume, store.preferences().isHandsFree], [0.5, false]);
});

test("a microphone that cannot be changed ends the voice mode, with the reason", async () => {
  await start();
  client.changeMicrophone = async () => {
    throw new MicrophoneError("busy");
  };
  await voiceMode.prefer({ echoCancellation: false });
  assert.equal(voiceMode.isOn, false);
  assert.equal(help.calls.at(-1)[1], "microphone_busy");
});

test("a browser that cannot talk says so before anything is opened", async () => {
  missing = ["AudioWorkletNode"];
  await voiceMode.start();
  assert.deepEqual([voiceMode.isOn, contexts, client.starts], [false, [], []]);
  assert.deepEqual(help.calls, [["show", "voice_unsupported"]]);
});

/** What may throw on the way to a call and in it: nobody foresaw it. */
const UNFORESEEN = {
  "the context": () => {
    voiceMode = new VoiceMode({ ...parts, createContext: broken }, delegate);
  },
  "the open conversation": () => {
    loaded = Promise.reject(new Error("planned"));
  },
  "the voice": () => {
    client.startAudioStream = broken;
  },
  "the call": () => {
    client.connect = broken;
  },
};
const broken = () => {
  throw new Error("planned");
};

for (const [name, breakIt] of Object.entries(UNFORESEEN)) {
  test(`an unforeseen exception of ${name} closes the microphone and shows a card`, async () => {
    breakIt();
    const starting = voiceMode.start();
    await settle();
    if (client.starts.length > 0) {
      client.voice = {};
      client.starts[0].resolve();
    }
    await starting;
    assert.deepEqual([voiceMode.isOn, client.voice], [false, null]);
    assert.deepEqual(client.calls.at(-1), ["fail", "planned"]);
    assert.equal(help.calls.at(-1)[1], "page_failed");
    assert.equal(
      contexts.every(({ calls }) => calls.length > 0),
      true,
    );
  });
}

for (const [name, act] of Object.entries({
  setMuted: () => voiceMode.setMuted(true),
  setTalking: () => voiceMode.setHeld(true),
  leaveCall: () => voiceMode.stop(),
  stopAudioStream: () => voiceMode.restart(),
  changeMicrophone: () => voiceMode.prefer({ deviceId: "usb" }),
  setVolume: () => voiceMode.prefer({ volume: 0.5 }),
})) {
  test(`an unforeseen exception of ${name} closes the microphone and shows a card`, async () => {
    await start();
    client[name] = broken;
    act();
    await settle();
    assert.equal(client.voice, null);
    assert.ok(client.calls.some(([call]) => call === "fail"));
    assert.ok(help.calls.some(([, card]) => card === "page_failed"));
  });
}

for (const [name, act] of Object.entries({
  "a mute": () => voiceMode.setMuted(true),
  "a press of the talk button": () => voiceMode.setHeld(true),
  "the choice of push-to-talk": () => voiceMode.prefer({ isHandsFree: false }),
  "the way back to typing": () => voiceMode.stop(),
})) {
  test(`an exception while ${name} is drawn closes the microphone and shows a card`, async () => {
    await start();
    delegate.changed = broken;
    act();
    await settle();
    assert.deepEqual([voiceMode.isOn, client.voice], [false, null]);
    assert.ok(client.calls.some(([call]) => call === "fail"));
    assert.equal(help.calls.at(-1)[1], "page_failed");
  });
}

test("without a list of microphones the voice goes on", async () => {
  microphones = null;
  await start();
  assert.deepEqual([voiceMode.isOn, names()], [true, ["connect"]]);
});

test("the name of the chosen microphone is kept when the browser tells it, and not forgotten after", async () => {
  store.savePreferences({ deviceId: "usb" });
  microphones = [{ deviceId: "usb", label: "USB headset" }];
  await start();
  assert.equal(store.preferences().deviceLabel, "USB headset");
  microphones = [{ deviceId: "", label: "" }];
  await voiceMode.openSettings();
  assert.equal(store.preferences().deviceLabel, "USB headset");
  assert.equal(settings.calls.find(([name]) => name === "open")[1].deviceLabel, "USB headset");
});

test("a silent microphone is shown unless it is muted on the page, and again when it is not", async () => {
  const shown = () => help.calls.filter(([, card]) => card === "microphone_silent").length;
  await start();
  voiceMode.microphoneChanged("silent");
  assert.equal(shown(), 1);
  help.name = "microphone_silent";
  voiceMode.setMuted(true);
  assert.deepEqual(help.calls.at(-1), ["hide"]);
  help.name = null;
  voiceMode.microphoneChanged("silent");
  assert.equal(shown(), 1);
  voiceMode.setMuted(false);
  assert.equal(shown(), 2);
  voiceMode.microphoneChanged("recovered");
  voiceMode.setMuted(true);
  voiceMode.setMuted(false);
  assert.equal(shown(), 2);
});
