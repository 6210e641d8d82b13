"""DOING: the voice's own process: lines of JSON in, PCM16 mono 24 kHz out, until the input ends.

espeak-ng is a GPL library that comes in the wheel `espeakng_loader`; it is loaded here and nowhere
else, so that neither its licence nor a crash in it reaches the server.

    in    {"reading": "こんにちは。", "voice": "ja+f3", "pitch": 55, "words_a_minute": 165}
    out   four bytes (big endian): how many bytes of sound follow; 0: this cannot be said
"""

import ctypes
import json
import signal
import struct
import sys
from pathlib import Path
from typing import Any

import espeakng_loader
import numpy as np

from backend.simulator.sound import waveform

_SYNCHRONOUS = 2
_UTF8 = 1
_RATE, _PITCH, _RANGE = 1, 3, 4
_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)


class Espeak:
    """The library, loaded; one line at a time."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(espeakng_loader.get_library_path())
        data = str(Path(espeakng_loader.get_data_path()).parent)
        self._rate: int = self._library.espeak_Initialize(_SYNCHRONOUS, 0, data.encode(), 0)
        if self._rate <= 0:
            raise OSError("espeak-ng did not start")
        self._pieces: list[bytes] = []
        self._callback = _Callback(self._take)  # kept, or it would be collected under espeak's feet
        self._library.espeak_SetSynthCallback(self._callback)

    def _take(self, samples: Any, count: int, events: Any) -> int:
        if samples and count > 0:
            self._pieces.append(ctypes.string_at(samples, count * 2))
        return 0

    def speak(self, reading: str, voice: str, pitch: int, words_a_minute: int) -> bytes:
        """The sound of a line at 24 kHz, evenly loud; empty where there is none."""
        self._pieces.clear()
        if self._library.espeak_SetVoiceByName(voice.encode()) != 0:
            return b""
        for parameter, value in ((_RATE, words_a_minute), (_PITCH, pitch), (_RANGE, 55)):
            self._library.espeak_SetParameter(parameter, value, 0)
        text = reading.encode()
        self._library.espeak_Synth(text, len(text) + 1, 0, 0, 0, _UTF8, None, None)
        self._library.espeak_Synchronize()
        raw = waveform.floats_of(b"".join(self._pieces))
        if not np.any(raw):
            return b""
        centred = (raw - raw.mean()).astype(np.float32)
        return waveform.pcm_of(
            waveform.levelled(waveform.trimmed(waveform.resample(centred, self._rate)))
        )


def main() -> None:
    """Serves lines until the input ends; the terminal's Ctrl-C is the parent's business."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    espeak = Espeak()
    for line in sys.stdin.buffer:
        pcm = espeak.speak(**json.loads(line))
        sys.stdout.buffer.write(struct.pack(">I", len(pcm)) + pcm)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
