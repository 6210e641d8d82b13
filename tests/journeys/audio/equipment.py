"""A site with the real audio modules under a strict CSP; Chromium with a fake microphone."""

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
CHROMIUM = Path(__file__).parent / "chromium.sh"
FAKE_DEVICE = ("--use-fake-device-for-media-stream",)
WIRE_RATE = 24_000

Samples = npt.NDArray[np.float64]


class _Site(SimpleHTTPRequestHandler):
    """Serves the two folders, each under its prefix, with the CSP on every response."""

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
        """Log nothing: requests would clutter the tests' output."""


@contextmanager
def running_site() -> Iterator[str]:
    """Serve the test page. Yields its URL."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Site) as server:
        serving = threading.Thread(target=partial(server.serve_forever, poll_interval=0.05))
        serving.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/page/index.html"
        finally:
            server.shutdown()
            serving.join()


@contextmanager
def chromium(playwright: Playwright, *flags: str, is_muted: bool = True) -> Iterator[Browser]:
    """Run the distribution's Chromium, headless, with additional flags.

    `is_muted`: pages play into nothing (Playwright's default), and a recording of one is silent.
    """
    browser = playwright.chromium.launch(
        executable_path=CHROMIUM,
        args=["--headless=new", "--no-sandbox", "--disable-background-networking", *flags],
        ignore_default_args=[] if is_muted else ["--mute-audio"],
    )
    try:
        yield browser
    finally:
        browser.close()


def microphone_playing(wav: Path) -> Sequence[str]:
    """Return the flags for a fake microphone that plays the file once."""
    return (*FAKE_DEVICE, f"--use-file-for-fake-audio-capture={wav}%noloop")


class ScenarioPage:
    """A browser page on which the scenarios of page/scenarios.js run."""

    def __init__(self, page: Page, url: str) -> None:
        self._page = page
        self._url = url
        self.messages: list[str] = []
        page.on("console", lambda message: self.messages.append(message.text))
        page.on("pageerror", lambda error: self.messages.append(str(error)))

    def run(self, scenario: str, **options: Any) -> dict[str, Any]:
        """Reload the page, run one scenario and return its report.

        A reload costs a fifth of a new page. Fails if the page logs or throws anything.
        """
        self._page.goto(self._url)
        self._page.wait_for_function("globalThis.scenarios")
        report: dict[str, Any] = self._page.evaluate(
            "([scenario, options]) => scenarios[scenario](options)", [scenario, options]
        )
        assert self.messages == []
        return report


@contextmanager
def scenario_page(
    browser: Browser, url: str, permissions: Sequence[str] = ("microphone",)
) -> Iterator[ScenarioPage]:
    """Open a page in a new browser context with these permissions."""
    context = browser.new_context(permissions=list(permissions))
    try:
        yield ScenarioPage(context.new_page(), url)
    finally:
        context.close()


def pcm_from(text: str) -> Samples:
    """Decode base64 of PCM16 into samples in -1..1."""
    return np.frombuffer(base64.b64decode(text), dtype="<i2").astype(np.float64) / 32_768


def floats_from(text: str) -> Samples:
    """Decode base64 of Float32 into samples."""
    return np.frombuffer(base64.b64decode(text), dtype="<f4").astype(np.float64)


def write_wav(path: Path, samples: Samples, rate: int) -> Path:
    """Write a mono file; the fake device would mix a stereo one down 35 % quieter."""
    pcm = np.clip(np.round(samples * 32_768), -32_768, 32_767).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(pcm.tobytes())
    return path


@dataclass(frozen=True, slots=True)
class Similarity:
    """How similar a recording is to its source, in segments of 100 ms that are not silent."""

    correlations: npt.NDArray[np.float64]
    lags: npt.NDArray[np.int64]
    """Each matching segment's delay against the source, in samples."""

    @property
    def median_correlation(self) -> float:
        """The median of the segments' correlations."""
        return float(np.median(self.correlations))

    @property
    def share_received(self) -> float:
        """The share of segments with a correlation above 0.99, from 0 to 1."""
        return float(np.mean(self.correlations > 0.99))

    @property
    def has_no_loss(self) -> bool:
        """True if no segment is earlier, relative to the one before it, than in the source."""
        return bool((np.diff(self.lags) >= -1).all())


def similarity(recording: Samples, source: Samples) -> Similarity:
    """Compare by segments, since the browser's fake microphone runs in a thread of its own.

    When a virtual machine is paused for a moment (its host took 10 % of its time), the browser has
    no samples to pass on and inserts 10 ms of silence: seen in one sentence of four. That delays
    the rest and loses nothing; a chunk lost by us would make the rest earlier by 960 samples.
    """
    size, reach = WIRE_RATE // 10, WIRE_RATE // 4
    lag, _ = best_match(recording, source)
    correlations, lags = [], []
    for start in range(0, len(source) - size + 1, size):
        segment = source[start : start + size]
        if np.sqrt(np.mean(segment**2)) < 0.02:
            continue
        first = max(0, start + lag - reach)
        place, correlation = best_match(recording[first : start + lag + size + reach], segment)
        correlations.append(correlation)
        if correlation > 0.99:
            lags.append(first + place - start)
    return Similarity(np.array(correlations), np.array(lags))


def best_match(recording: Samples, source: Samples) -> tuple[int, float]:
    """Return the lag in samples at which the source matches best, and the correlation there.

    The correlation also considers shifts by fractions of a sample.
    """
    size = 1 << (len(recording) + len(source)).bit_length()
    places = len(recording) - len(source) + 1
    spectrum = np.fft.rfft(recording, size)
    products = np.fft.irfft(spectrum * np.conj(np.fft.rfft(source, size)), size)[:places]
    energy = np.cumsum(np.concatenate([[0.0], recording**2]))
    # Normalised by energy: a louder place that matches worse has the larger product.
    lag = int(np.argmax(products / np.sqrt(energy[len(source) :] - energy[:places] + 1e-6)))
    frequencies = np.fft.rfftfreq(size)
    shifted = (
        np.fft.irfft(spectrum * np.exp(2j * np.pi * frequencies * shift), size)
        for shift in np.arange(-0.5, 0.51, 0.05)
    )
    return lag, max(
        float(np.corrcoef(candidate[lag : lag + len(source)], source)[0, 1])
        for candidate in shifted
    )
