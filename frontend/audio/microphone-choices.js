/** Which microphones the settings offer, whatever the browser tells about them. Pure. */

/**
 * @typedef {{ deviceId: string, deviceLabel: string }} KeptMicrophone The user's choice; an empty id is the
 *   default device, an empty label an unknown name.
 * @typedef {{ deviceId: string, label: string }} MicrophoneChoice `label` is empty if it is unknown.
 */

/**
 * The microphones to choose from, besides the default one.
 *
 * Before the user allows a microphone, browsers list devices without labels, and Firefox and Chromium
 * without ids too: the kept device is added then, because it will be used. Once there are labels, a kept
 * device that is not listed is unplugged, and the default one will be used.
 *
 * @param {ReadonlyArray<Pick<MediaDeviceInfo, "deviceId" | "label">>} listed
 * @param {KeptMicrophone} kept
 * @returns {MicrophoneChoice[]}
 */
export function microphoneChoices(listed, kept) {
  const choices = listed
    .filter(({ deviceId }) => deviceId && deviceId !== "default")
    .map(({ deviceId, label }) => ({
      deviceId,
      label: label || (deviceId === kept.deviceId ? kept.deviceLabel : ""),
    }));
  const isListed = choices.some(({ deviceId }) => deviceId === kept.deviceId);
  if (kept.deviceId === "" || isListed || listed.some(({ label }) => label)) return choices;
  return [{ deviceId: kept.deviceId, label: kept.deviceLabel }, ...choices];
}

/**
 * The label to keep with the user's choice: that in the list, if the browser tells it.
 *
 * @param {ReadonlyArray<Pick<MediaDeviceInfo, "deviceId" | "label">>} listed
 * @param {KeptMicrophone} kept
 */
export const labelToKeep = (listed, kept) =>
  listed.find(({ deviceId }) => deviceId === kept.deviceId)?.label || kept.deviceLabel;
