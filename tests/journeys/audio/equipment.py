"""A site with the real modules under a strict policy; Chromium with a microphone of our making."""

import base64
import threading
import wave
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
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


def correlation_at_best_fit(heard: Samples, source: Samples) -> float:
    """How alike the source is to the stretch of `heard` that fits best, to parts of a sample."""
    size = 1 << (len(heard) + len(source)).bit_length()
    spectrum = np.fft.rfft(heard, size)
    cross = np.fft.irfft(spectrum * np.conj(np.fft.rfft(source, size)), size)
    lag = int(np.argmax(cross[: len(heard) - len(source) + 1]))
    frequencies = np.fft.rfftfreq(size)
    return max(
        _correlation(
            np.fft.irfft(spectrum * np.exp(2j * np.pi * frequencies * shift), size), lag, source
        )
        for shift in np.arange(-0.5, 0.51, 0.05)
    )


def _correlation(heard: Samples, lag: int, source: Samples) -> float:
    return float(np.corrcoef(heard[lag : lag + len(source)], source)[0, 1])
