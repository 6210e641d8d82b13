"""A site with the real modules under a strict policy; Chromium with a microphone of our making."""

import base64
import threading
import wave
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from playwright.sync_api import Browser, Page, Playwright

ROOT = Path(__file__).resolve().parents[3]
FOLDERS = {"/static/": ROOT / "frontend", "/page/": Path(__file__).resolve().parent / "page"}
POLICY = "default-src 'self'"
CHROMIUM = "/usr/bin/chromium"
FAKE_DEVICE = ("--use-fake-device-for-media-stream",)
WIRE_RATE = 24_000

Samples = npt.NDArray[np.float64]


class _Site(SimpleHTTPRequestHandler):
    """The two folders, each under its prefix, with the policy on every answer."""

    def translate_path(self, path: str) -> str:
        for prefix, folder in FOLDERS.items():
            if path.startswith(prefix):
                return str(folder / path.removeprefix(prefix))
        return str(ROOT / "nowhere")

    def do_GET(self) -> None:
        if self.path != "/favicon.ico":
            return super().do_GET()
        self.send_response(204)
        return self.end_headers()

    def end_headers(self) -> None:
        self.send_header("Content-Security-Policy", POLICY)
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing: the tests' output is theirs."""


@contextmanager
def running_site() -> Iterator[str]:
    """Serves the page; yields its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Site) as server:
        serving = threading.Thread(target=partial(server.serve_forever, poll_interval=0.05))
        serving.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/page/index.html"
        finally:
            server.shutdown()
            serving.join()


@contextmanager
def chromium(playwright: Playwright, *flags: str) -> Iterator[Browser]:
    """The distribution's Chromium, headless, with these flags on top."""
    browser = playwright.chromium.launch(
        executable_path=CHROMIUM,
        args=["--headless=new", "--no-sandbox", "--disable-background-networking", *flags],
    )
    try:
        yield browser
    finally:
        browser.close()


def microphone_playing(wav: Path) -> Sequence[str]:
    """The flags of a fake microphone that plays the file once."""
    return (*FAKE_DEVICE, f"--use-file-for-fake-audio-capture={wav}%noloop")


class Stage:
    """A page of the site on which scenes are played."""

    def __init__(self, page: Page, address: str) -> None:
        self._page = page
        self._address = address
        self.complaints: list[str] = []
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def play(self, scene: str, **options: Any) -> dict[str, Any]:
        """Loads the page anew (a fifth of the cost of a new one), plays a scene of page/scenes.js
        and answers what it saw. What the page logs or throws is an error."""
        self._page.goto(self._address)
        self._page.wait_for_function("globalThis.scenes")
        seen: dict[str, Any] = self._page.evaluate(
            "([scene, options]) => scenes[scene](options)", [scene, options]
        )
        assert self.complaints == []
        return seen


@contextmanager
def stage_in(
    browser: Browser, address: str, permissions: Sequence[str] = ("microphone",)
) -> Iterator[Stage]:
    """A page of its own, with these permissions."""
    context = browser.new_context(permissions=list(permissions))
    try:
        yield Stage(context.new_page(), address)
    finally:
        context.close()


def pcm_from(text: str) -> Samples:
    """Base64 of PCM16 as samples in -1..1."""
    return np.frombuffer(base64.b64decode(text), dtype="<i2").astype(np.float64) / 32_768


def floats_from(text: str) -> Samples:
    """Base64 of Float32 as samples."""
    return np.frombuffer(base64.b64decode(text), dtype="<f4").astype(np.float64)


def write_wav(path: Path, samples: Samples, rate: int) -> Path:
    """Writes a mono file (a stereo one is mixed down 35 % quieter by the fake device)."""
    pcm = np.clip(np.round(samples * 32_768), -32_768, 32_767).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(pcm.tobytes())
    return path


@dataclass(frozen=True, slots=True)
class Likeness:
    """How alike a sound is to its source, by stretches of 100 ms that are not silent."""

    correlations: npt.NDArray[np.float64]
    lags: npt.NDArray[np.int64]
    """By how many samples each stretch came later than in the source, where it came through."""

    @property
    def typical(self) -> float:
        """The correlation of the middle one."""
        return float(np.median(self.correlations))

    @property
    def share_that_came(self) -> float:
        """How many of the stretches correlate by more than 0.99, of 1."""
        return float(np.mean(self.correlations > 0.99))

    @property
    def is_without_loss(self) -> bool:
        """Whether no stretch came earlier, against the one before it, than it was spoken."""
        return bool((np.diff(self.lags) >= -1).all())


def likeness(heard: Samples, source: Samples) -> Likeness:
    """Compares by stretches, since the browser's pretended microphone has a thread of its own.

    Where a virtual machine is held up for a moment (10 % of its time was taken by its host), the
    browser finds nothing to hand on and puts 10 ms of silence in: seen in one sentence of four.
    That shifts what follows and loses nothing; a chunk that we lost would pull it forward by 960.
    """
    size, reach = WIRE_RATE // 10, WIRE_RATE // 4
    lag, _ = _best_fit(heard, source)
    correlations, lags = [], []
    for start in range(0, len(source) - size + 1, size):
        stretch = source[start : start + size]
        if np.sqrt(np.mean(stretch**2)) < 0.02:
            continue
        first = max(0, start + lag - reach)
        place, correlation = _best_fit(heard[first : start + lag + size + reach], stretch)
        correlations.append(correlation)
        if correlation > 0.99:
            lags.append(first + place - start)
    return Likeness(np.array(correlations), np.array(lags))


def _best_fit(heard: Samples, source: Samples) -> tuple[int, float]:
    """Where in `heard` the source fits best, and how well, to parts of a sample."""
    size = 1 << (len(heard) + len(source)).bit_length()
    places = len(heard) - len(source) + 1
    spectrum = np.fft.rfft(heard, size)
    products = np.fft.irfft(spectrum * np.conj(np.fft.rfft(source, size)), size)[:places]
    energy = np.cumsum(np.concatenate([[0.0], heard**2]))
    # By likeness: a louder place that fits worse has the larger product.
    lag = int(np.argmax(products / np.sqrt(energy[len(source) :] - energy[:places] + 1e-6)))
    frequencies = np.fft.rfftfreq(size)
    shifted = (
        np.fft.irfft(spectrum * np.exp(2j * np.pi * frequencies * shift), size)
        for shift in np.arange(-0.5, 0.51, 0.05)
    )
    return lag, max(
        float(np.corrcoef(sound[lag : lag + len(source)], source)[0, 1]) for sound in shifted
    )
