"""Debian's Firefox, driven over WebDriver BiDi: https://w3c.github.io/webdriver-bidi/.

Playwright drives only its own build of Firefox, and Debian 12 has no geckodriver. Firefox itself
speaks BiDi over a WebSocket, which takes no more than this file.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

from tests.journeys.browsers.processes import running, wait_for
from tests.journeys.browsers.window import TIMEOUT_S, Window

PREFERENCES: Mapping[str, Any] = {
    "browser.newtabpage.enabled": False,
    "browser.startup.page": 0,
    "intl.accept_languages": "en-GB",
    "media.navigator.permission.disabled": True,
    "media.autoplay.default": 0,
    "network.proxy.type": 0,
}
"""The microphone is given without a question, and sound may play at once."""
ANSWER_S = 90.0
"""The first command waits until Firefox has started: 3 s, and over 12 s on a busy machine."""


class Firefox(Window):
    """One tab. `complaints` are the messages on the console since it was opened."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._commands = 0
        self._complaints: list[str] = []
        self.version = self._run("session.new", capabilities={})["capabilities"]["browserVersion"]
        # The tab that Firefox opens itself may not be navigated everywhere.
        self._tab = self._run("browsingContext.create", type="tab")["context"]
        self._run("session.subscribe", events=["log.entryAdded"], contexts=[self._tab])

    @property
    def complaints(self) -> list[str]:
        return self._complaints

    def open(self, url: str) -> None:
        self._run("browsingContext.navigate", context=self._tab, url=url, wait="complete")

    def reload(self) -> None:
        self._run("browsingContext.reload", context=self._tab, wait="complete")

    def call(self, function: str, *arguments: Any) -> Any:
        answer = self._run(
            "script.callFunction",
            # As JSON: BiDi's own form of a value names the type of each part.
            functionDeclaration="async (text) => "
            f"JSON.stringify((await ({function})(...JSON.parse(text))) ?? null)",
            arguments=[{"type": "string", "value": json.dumps(arguments)}],
            target={"context": self._tab},
            awaitPromise=True,
        )
        assert answer["type"] == "success", (function, answer["exceptionDetails"]["text"])
        return json.loads(answer["result"]["value"])

    def click(self, selector: str) -> None:
        x, y = self.call(
            """(selector) => {
              const { x, y, width, height } = document.querySelector(selector)
                .getBoundingClientRect();
              return [Math.floor(x + width / 2), Math.floor(y + height / 2)];
            }""",
            selector,
        )
        self._act(
            {"type": "pointer", "id": "mouse"},
            {"type": "pointerMove", "x": x, "y": y},
            {"type": "pointerDown", "button": 0},
            {"type": "pointerUp", "button": 0},
        )

    def write(self, selector: str, text: str) -> None:
        self.click(selector)
        keys = [
            {"type": direction, "value": key} for key in text for direction in ("keyDown", "keyUp")
        ]
        self._act({"type": "key", "id": "keyboard"}, *keys)

    def _act(self, source: dict[str, Any], *actions: dict[str, Any]) -> None:
        self._run(
            "input.performActions", context=self._tab, actions=[{**source, "actions": actions}]
        )

    def _run(self, method: str, **parameters: Any) -> Any:
        """Send a command and return its result.

        Raises AssertionError if it failed, or Firefox does not answer.
        """
        self._commands += 1
        command = {"id": self._commands, "method": method, "params": parameters}
        self._socket.send(json.dumps(command))
        while True:
            try:
                message = json.loads(self._socket.recv(timeout=ANSWER_S))
            except TimeoutError as error:
                raise AssertionError(f"Firefox hangs: {method} {parameters}") from error
            if message["type"] == "event":
                self._add_complaint(message["params"])
            elif message.get("id") == self._commands:
                assert message["type"] == "success", (method, message)
                return message["result"]

    def _add_complaint(self, entry: dict[str, Any]) -> None:
        if entry["level"] in ("error", "warn"):
            self._complaints.append(entry["text"])


@contextmanager
def running_firefox(folder: Path, env: Mapping[str, str]) -> Iterator[Firefox]:
    """Run Firefox without a display, with a new profile in `folder`, and open a tab."""
    profile, log = folder / "profile", folder / "firefox.log"
    profile.mkdir()
    lines = [
        f"user_pref({json.dumps(name)}, {json.dumps(PREFERENCES[name])});" for name in PREFERENCES
    ]
    (profile / "user.js").write_text("\n".join(lines))
    command = ["firefox-esr", "--headless", "--no-remote", "--profile", str(profile)]
    own = {"HOME": str(folder), "MOZ_CRASHREPORTER_DISABLE": "1"}
    with running([*command, "--remote-debugging-port", "0"], {**env, **own}, log) as process:
        url = wait_for(lambda: _address(profile), process, log, "Firefox")
        with connect(url, proxy=None, max_size=None, open_timeout=TIMEOUT_S) as socket:
            yield Firefox(socket)


def _address(profile: Path) -> str | None:
    """Where Firefox listens, once it has written that into its profile."""
    try:
        server = json.loads((profile / "WebDriverBiDiServer.json").read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    return f"ws://{server['ws_host']}:{server['ws_port']}/session"
