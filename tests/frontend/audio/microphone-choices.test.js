import assert from "node:assert/strict";
import { test } from "node:test";
import { labelToKeep, microphoneChoices } from "../../../frontend/audio/microphone-choices.js";

const NONE = { deviceId: "", deviceLabel: "" };
const USB = { deviceId: "usb", deviceLabel: "USB headset" };
const device = (deviceId, label = "") => ({ deviceId, label });

test("with labels all are offered, except the name of the default one", () => {
  const listed = [
    device("default", "Default"),
    device("built-in", "Built-in"),
    device("usb", "USB"),
  ];
  assert.deepEqual(microphoneChoices(listed, USB), [listed[1], listed[2]]);
  assert.deepEqual(microphoneChoices(listed, NONE), [listed[1], listed[2]]);
});

test("before the permission the kept one is offered by its name, although it is not listed", () => {
  // Firefox and Chromium: one device without id and label; or none.
  for (const listed of [[device("")], [device(""), device("")], []]) {
    assert.deepEqual(microphoneChoices(listed, USB), [device("usb", "USB headset")]);
    assert.deepEqual(microphoneChoices(listed, NONE), []);
  }
});

test("ids without labels: the kept one has its name, the others none", () => {
  const listed = [device("built-in"), device("usb")];
  assert.deepEqual(microphoneChoices(listed, USB), [
    device("built-in"),
    device("usb", "USB headset"),
  ]);
});

test("one whose name was never known is offered without", () => {
  assert.deepEqual(microphoneChoices([], { deviceId: "usb", deviceLabel: "" }), [device("usb")]);
});

test("with labels, one that is not listed is unplugged, and not used", () => {
  assert.deepEqual(microphoneChoices([device("built-in", "Built-in")], USB), [
    device("built-in", "Built-in"),
  ]);
});

test("the label is kept as the browser tells it last", () => {
  assert.equal(labelToKeep([device("usb", "Renamed")], USB), "Renamed");
  assert.equal(labelToKeep([device("usb", "")], USB), "USB headset");
  assert.equal(labelToKeep([], USB), "USB headset");
  assert.equal(labelToKeep([device("", "")], NONE), "");
});
