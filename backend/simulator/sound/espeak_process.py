"""The child process of `EspeakSynthesiser`: JSON lines on stdin, PCM16 on stdout, until EOF.

espeak-ng is a GPL library in the wheel `espeakng_loader`. It is loaded in this process only, so
that neither its licence nor a crash in it affects the simulator's server.

    in    {"reading": "こんにちは。", "voice": "ja+f3", "pitch": 55, "words_a_minute": 165}
    out   4 bytes (big endian), the number of bytes that follow; then PCM16 mono 24 kHz. 0: failed
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
_RATE, _PITCH, _RANGE = 1, 3, 4  # espeak_PARAMETER
_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)


class Espeak:
    """The loaded library; synthesises one text at a time."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(espeakng_loader.get_library_path())
        data = str(Path(espeakng_loader.get_data_path()).parent)
        self._rate: int = self._library.espeak_Initialize(_SYNCHRONOUS, 0, data.encode(), 0)
        if self._rate <= 0:
            raise OSError("espeak-ng did not start")
        self._pieces: list[bytes] = []
        # ctypes keeps no reference to the callback: without this one it is garbage-collected.
        self._callback = _Callback(self._take)
        self._library.espeak_SetSynthCallback(self._callback)

    def _take(self, samples: Any, count: int, events: Any) -> int:
        if samples and count > 0:
            self._pieces.append(ctypes.string_at(samples, count * 2))
        return 0

    def speak(self, reading: str, voice: str, pitch: int, words_a_minute: int) -> bytes:
        """The text as PCM16 at 24 kHz, levelled and trimmed; b"" if it cannot be synthesised."""
        self._pieces.clear()
        if self._library.espeak_SetVoiceByName(voice.encode()) != 0:
            return b""
        for parameter, value in ((_RATE, words_a_minute), (_PITCH, pitch), (_RANGE, 55)):
            self._library.espeak_SetParameter(parameter, value, 0)
        text = reading.encode()
        self._library.espeak_Synth(text, len(text) + 1, 0, 0, 0, _UTF8, None, None)
        self._library.espeak_Synchronize()
        raw = waveform.from_pcm16(b"".join(self._pieces))
        if not np.any(raw):
            return b""
        centred = (raw - raw.mean()).astype(np.float32)
        return waveform.to_pcm16(
            waveform.levelled(waveform.trimmed(waveform.resample(centred, self._rate)))
        )


def main() -> None:
    """Synthesise lines until EOF. Ignores SIGINT: on Ctrl-C the parent closes stdin."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    espeak = Espeak()
    for line in sys.stdin.buffer:
        pcm = espeak.speak(**json.loads(line))
        sys.stdout.buffer.write(struct.pack(">I", len(pcm)) + pcm)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
