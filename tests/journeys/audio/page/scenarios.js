/** The scenarios, each run on a freshly loaded page. Python checks what they return. */

import * as microphone from "/page/microphone-scenarios.js";
import * as speaker from "/page/speaker-scenarios.js";

Object.assign(globalThis, { scenarios: { ...microphone, ...speaker } });
