"""A PulseAudio of its own for one browser: its microphone is fed, its speaker is recorded.

Neither Firefox nor WebKit has a fake device that plays a file. All that the tests connect is
connected before the browser starts, and nothing joins or leaves later: that takes events of the
sound server out of the test.
"""

import fcntl
import os
import queue
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO

import numpy as np

from tests.journeys.audio.equipment import WIRE_RATE, Samples
from tests.journeys.browsers.processes import running, wait_for
from tests.journeys.page.speech_files import faint_noise

FORMAT = ("--format=s16le", f"--rate={WIRE_RATE}", "--channels=1", "--latency-msec=200")
"""With 50 ms the microphone's sound was torn on a busy machine, and its speech not recognised."""
NOISE_S = 0.02
"""What is fed at a time while nobody speaks."""
PIPE_BYTES = 4096
"""The smallest pipe, 85 ms: what is said waits behind what is in it."""
MODULES = (
    "module-null-sink sink_name=speaker rate=48000",
    "module-null-sink sink_name=room rate=48000",
    # A monitor is no microphone to a browser.
    "module-remap-source master=room.monitor source_name=microphone",
)


class SoundServer:
    """`env` is for programs that shall use this server and no other one."""

    def __init__(self, env: Mapping[str, str], recording: Path) -> None:
        self.env = env
        self._recording = recording
        self._said: queue.Queue[Samples] = queue.Queue()
        self._is_stopping = threading.Event()

    def say(self, samples: Samples) -> None:
        """Put 24 kHz samples into the microphone, after what is being said; returns at once."""
        self._said.put(samples)

    def heard(self) -> Samples:
        """All that has come out of the speaker so far, at 24 kHz."""
        return np.frombuffer(self._recording.read_bytes(), dtype="<i2").astype(np.float64) / 32_768

    @contextmanager
    def feeding(self, microphone: IO[bytes]) -> Iterator[None]:
        """Feed the microphone in real time: what is said, and faint noise between."""
        thread = threading.Thread(target=self._feed, args=[microphone])
        thread.start()
        try:
            yield
        finally:
            self._is_stopping.set()
            thread.join()
            microphone.close()

    def _feed(self, microphone: IO[bytes]) -> None:
        noise = faint_noise(NOISE_S)
        with suppress(BrokenPipeError):
            while not self._is_stopping.is_set():
                samples = noise if self._said.empty() else self._said.get()
                microphone.write(np.round(samples * 32_767).astype("<i2").tobytes())
                microphone.flush()


@contextmanager
def running_sound_server(folder: Path) -> Iterator[SoundServer]:
    """Run PulseAudio with a speaker and a microphone, both in use; end it with all that uses it."""
    home, log, recording = folder / "pulse", folder / "pulse.log", folder / "speaker.pcm"
    home.mkdir(mode=0o700)
    socket = home / "native"
    env = {
        **os.environ,
        "HOME": str(home),
        "XDG_RUNTIME_DIR": str(home),
        "PULSE_RUNTIME_PATH": str(home),
        "PULSE_STATE_PATH": str(home),
        "PULSE_SERVER": f"unix:{socket}",
    }
    protocol = f"module-native-protocol-unix socket={socket} auth-anonymous=1"
    loads = [f"--load={module}" for module in (*MODULES, protocol)]
    options = ["-n", "--daemonize=no", "--use-pid-file=no", "--exit-idle-time=-1", *loads]
    # Shared memory is small in a container, and real-time priority forbidden.
    modest = ["--disable-shm=yes", "--high-priority=no", "--realtime=no"]
    with ExitStack() as stack:
        server = stack.enter_context(running(["pulseaudio", *options, *modest], env, log))
        wait_for(lambda: socket.exists() or None, server, log, "PulseAudio")
        for source, path in (("speaker.monitor", recording), ("microphone", Path(os.devnull))):
            output = stack.enter_context(path.open("wb"))
            command = ["parec", f"--device={source}", *FORMAT]
            stack.enter_context(running(command, env, log, stdout=output))
        command = ["pacat", "--playback", "--device=room", *FORMAT]
        feeder = stack.enter_context(running(command, env, log, stdin=subprocess.PIPE))
        assert feeder.stdin is not None
        fcntl.fcntl(feeder.stdin, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        sound = SoundServer(env, recording)
        stack.enter_context(sound.feeding(feeder.stdin))
        yield sound
