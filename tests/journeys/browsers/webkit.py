"""WebKitGTK's MiniBrowser, the nearest thing to Safari, driven over WebDriver under Xvfb.

https://www.w3.org/TR/webdriver2/ is HTTP with JSON. MiniBrowser gives the microphone without a
question to a page that WebDriver drives. It has no headless mode.
"""

import json
import os
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.journeys.browsers.processes import running, wait_for
from tests.journeys.browsers.window import TIMEOUT_S, Window
from tests.journeys.stack import free_port

ANSWER_S = TIMEOUT_S + 10
OWN_ENV: Mapping[str, str] = {
    "GDK_BACKEND": "x11",
    "LC_ALL": "en_GB.UTF-8",
    "LIBGL_ALWAYS_SOFTWARE": "1",
    "NO_AT_BRIDGE": "1",
    "WEBKIT_DISABLE_COMPOSITING_MODE": "1",
}
"""There is neither a graphics card nor a bus for accessibility. The page takes its language from
the browser's, and a session from the page's."""
RECORD_ERRORS = """() => {
  globalThis.errors ??= [];
  for (const type of ["error", "unhandledrejection"]) {
    addEventListener(type, ({ message, reason }) => errors.push(String(message ?? reason)));
  }
  document.addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) =>
    errors.push(`${violatedDirective} ${blockedURI}`));
}"""


class WebKit(Window):
    """One window. `complaints` are the errors that the page has not caught, from its loading on."""

    def __init__(self, driver_url: str) -> None:
        # Without options the driver takes MiniBrowser, which is in no folder of PATH.
        session = _request("POST", f"{driver_url}/session", {"capabilities": {}})
        self.version = session["capabilities"]["browserVersion"]
        self._url = f"{driver_url}/session/{session['sessionId']}"
        self._run("timeouts", script=TIMEOUT_S * 1000, pageLoad=TIMEOUT_S * 1000)

    @property
    def complaints(self) -> list[str]:
        errors: list[str] = self.call("() => errors")
        return errors

    def open(self, url: str) -> None:
        self._run("url", url=url)
        self.call(RECORD_ERRORS)

    def reload(self) -> None:
        self._run("refresh")
        self.call(RECORD_ERRORS)

    def call(self, function: str, *arguments: Any) -> Any:
        script = f"""
          const [text, done] = arguments;
          (async () => ({function})(...JSON.parse(text)))().then(
            (value) => done(JSON.stringify({{ value: value ?? null }})),
            (error) => done(JSON.stringify({{ error: String(error) }})));
        """
        answer = json.loads(self._run("execute/async", script=script, args=[json.dumps(arguments)]))
        assert "error" not in answer, (function, answer["error"])
        return answer["value"]

    def click(self, selector: str) -> None:
        self._run(f"element/{self._element(selector)}/click")

    def write(self, selector: str, text: str) -> None:
        self._run(f"element/{self._element(selector)}/value", text=text)

    def close(self) -> None:
        _request("DELETE", self._url)

    def _element(self, selector: str) -> str:
        """The id of an element."""
        (element,) = self._run("element", using="css selector", value=selector).values()
        return str(element)

    def _run(self, command: str, **parameters: Any) -> Any:
        return _request("POST", f"{self._url}/{command}", parameters)


@contextmanager
def running_webkit(folder: Path, env: Mapping[str, str]) -> Iterator[WebKit]:
    """Run Xvfb, WebKitWebDriver and, through that, MiniBrowser."""
    log = folder / "webkit.log"
    with _running_display(log, env) as display:
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        own = {"HOME": str(folder), "DISPLAY": display, **OWN_ENV}
        with running(["WebKitWebDriver", f"--port={port}"], {**env, **own}, log) as process:
            wait_for(lambda: _is_ready(url), process, log, "WebKitWebDriver")
            window = WebKit(url)
            try:
                yield window
            finally:
                window.close()


@contextmanager
def _running_display(log: Path, env: Mapping[str, str]) -> Iterator[str]:
    """Run Xvfb on a display number of its own choice, and yield its name."""
    reading, writing = os.pipe()
    command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", "1280x900x24"]
    with (
        running([*command, "-nolisten", "tcp"], env, log, pass_fds=[writing]) as process,
        os.fdopen(reading) as numbers,
    ):
        os.close(writing)
        number = numbers.readline().strip()
        assert number, f"Xvfb exited with {process.wait()}"
        yield f":{number}"


def _is_ready(url: str) -> bool | None:
    try:
        return True if _request("GET", f"{url}/status")["ready"] else None
    except OSError:
        return None


_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def _request(method: str, url: str, body: Any = None) -> Any:
    """Send a WebDriver command and return its value. Raises AssertionError if it failed."""
    request = urllib.request.Request(url, method=method)
    if body is not None:
        request.data = json.dumps(body).encode()
        request.add_header("Content-Type", "application/json")
    try:
        with _opener.open(request, timeout=ANSWER_S) as response:
            return json.load(response)["value"]
    except urllib.error.HTTPError as error:
        with error:
            raise AssertionError(f"{url}: {error.read().decode()[:500]}") from error
