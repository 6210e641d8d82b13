"""The sound that a tab plays, recorded after its audio elements, and how soon it falls silent."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Page

from tests.journeys.audio.equipment import Samples, best_match, floats_from

FLAGS = ("--auto-accept-this-tab-capture",)
"""For a Chromium whose tabs are recorded; it must not be muted either."""
RECORD_TAB = (Path(__file__).resolve().parent / "record-tab.js").read_text()
SEGMENT_S, STEP_S, SEGMENTS = 0.2, 0.05, 12
"""Of the sound before a cut, these segments are looked for in the recording, one each step. Short
ones: on a busy machine the capture's delay changes by some milliseconds in a second."""
AUDIBLE_RMS = 0.005
"""-46 dB of full scale, the page's own threshold for speech."""
LONGEST_DELAY_S = 0.3
"""Chromium's capture of a tab is behind the tab by less (measured: 42 to 58 ms)."""


@dataclass(frozen=True, slots=True)
class TabRecording:
    """What the tab played, and the stream that its audio element was given, by one clock."""

    played: Samples
    received: Samples
    rate: int

    def silent_after_ms(self, cut_at_s: float) -> float:
        """How long the tab still played after this moment, in milliseconds.

        The delay of the capture is not the page's, and is taken off. Raises AssertionError if the
        tab was not playing the stream before the cut.
        """
        cut = int(cut_at_s * self.rate)
        due = cut + self._delay_before(cut)
        assert np.any(self.played[due - self.rate // 4 : due]), "nothing was playing at the cut"
        sounding = np.flatnonzero(self.played[due : due + self.rate // 2])
        return float(sounding[-1] + 1) * 1000 / self.rate if len(sounding) else 0.0

    def _delay_before(self, cut: int) -> int:
        """How many samples the capture is behind the stream, shortly before this sample.

        The median, as a vowel is also found one period too early or too late.
        """
        size, reach = int(SEGMENT_S * self.rate), int(LONGEST_DELAY_S * self.rate)
        found = []
        for number in range(SEGMENTS):
            end = cut - int(number * STEP_S * self.rate)
            segment = self.received[end - size : end]
            window = self.played[end - size : end + reach]
            if np.sqrt(np.mean(segment**2)) < AUDIBLE_RMS or not np.any(window):
                continue
            lag, correlation = best_match(window, segment)
            if correlation > 0.95:
                found.append(lag)
        assert found, "the tab was not playing the stream before the cut"
        return int(np.median(found))


def start_tab_recording(page: Page) -> None:
    """Record from now on; `watch.tabClock()` returns the time in the recording, in seconds."""
    devtools = page.context.new_cdp_session(page)
    result: dict[str, Any] = devtools.send(
        "Runtime.evaluate", {"expression": RECORD_TAB, "userGesture": True, "awaitPromise": True}
    )
    devtools.detach()
    assert "exceptionDetails" not in result, result


def stop_tab_recording(page: Page) -> TabRecording:
    """End the recording and return it."""
    recording = page.evaluate("watch.stopTabRecording()")
    return TabRecording(
        floats_from(recording["played"]), floats_from(recording["received"]),
        recording["sampleRate"],
    )  # fmt: skip
