/** What the tests play through, each on a fresh page; the figures are judged in Python. */

import * as microphone from "/page/microphone-scenes.js";
import * as speaker from "/page/speaker-scenes.js";

Object.assign(globalThis, { scenes: { ...microphone, ...speaker } });
