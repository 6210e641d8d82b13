"""What the tests do with a browser that Playwright cannot drive."""

import time
from abc import ABC, abstractmethod
from typing import Any

ENTER = "\ue007"
"""The Enter key in WebDriver."""
TIMEOUT_S = 20.0

WHERE_IT_IS = """() => ({
  state: document.documentElement.dataset.state,
  help: document.querySelector("#help")?.innerText,
  lines: [...document.querySelectorAll("#lines .line")].map((line) => line.innerText),
})"""


class Window(ABC):
    """One window of a browser: the subset of WebDriver that the journeys use."""

    version: str

    @abstractmethod
    def open(self, url: str) -> None:
        """Load a page, and return when it is complete."""

    @abstractmethod
    def reload(self) -> None:
        """Load the page again, and return when it is complete."""

    @abstractmethod
    def call(self, function: str, *arguments: Any) -> Any:
        """Call a JavaScript function with JSON values; return what it returns or resolves to."""

    @abstractmethod
    def click(self, selector: str) -> None:
        """Click in the middle of an element."""

    @abstractmethod
    def write(self, selector: str, text: str) -> None:
        """Type a text into an element, key by key."""

    @property
    @abstractmethod
    def complaints(self) -> list[str]:
        """Errors and warnings of the page so far."""

    def wait_until(self, function: str, *arguments: Any) -> None:
        """Wait until a JavaScript function returns a true value.

        Raises AssertionError, with what the page shows, after `TIMEOUT_S`.
        """
        deadline = time.monotonic() + TIMEOUT_S
        while not self.call(function, *arguments):
            assert time.monotonic() < deadline, (function, arguments, self.call(WHERE_IT_IS))
            time.sleep(0.05)
