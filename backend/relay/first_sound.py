"""How long a person waited for an answer's first sound. PURE.

The wait begins when the user's turn ends: at the provider's `speech_stopped`, at the client's own
`input_audio_buffer.commit`, or when their typed message goes to the provider. It ends when the
first audio of an answer that had no sound before goes to the client. The clock is the relay's. The
`audio_end_ms` of `speech_stopped` is of no use here: it is a position in the provider's buffer, has
the silence in it that ends the speech, and says nothing about when it was sent.

A wait that nothing answers is given up: the next answer is not one to it.
"""

from collections.abc import Callable, Mapping
from typing import Any

from backend.protocol.events import ClientEvent, ServerEvent
from backend.protocol.reading import mapping_at, mappings_at, text_at
from backend.protocol.transcript.turns import Role
from backend.relay.playback import PartKey


class FirstSound:
    """The waits of one call. `longest_s`: after so long the wait is given up."""

    def __init__(self, longest_s: float) -> None:
        self._longest_s = longest_s
        self._asked_s: float | None = None
        self._response_id: str | None = None
        """The first response since the wait began."""
        self._waited_ms: dict[PartKey, int] = {}

    @property
    def is_awaited(self) -> bool:
        """Whether the next new audio ends a wait."""
        return self._asked_s is not None

    def add_client_event(self, event: Mapping[str, Any], now_s: float) -> None:
        """Add a client's event that goes to the provider."""
        is_commit = event["type"] == ClientEvent.INPUT_AUDIO_BUFFER_COMMIT
        is_item = event["type"] == ClientEvent.CONVERSATION_ITEM_CREATE
        if is_commit or (is_item and mapping_at(event, "item").get("role") == Role.USER):
            self._begin(now_s)

    def add_provider_event(self, event: Mapping[str, Any], at_s: float) -> None:
        """Add a provider's event other than an audio delta."""
        if (read := _READERS.get(text_at(event, "type") or "")) is not None:
            read(self, event, at_s)

    def add_audio(self, key: PartKey, now_s: float) -> None:
        """The first audio of this part goes to the client now."""
        if self._asked_s is not None and now_s - self._asked_s <= self._longest_s:
            self._waited_ms[key] = round((now_s - self._asked_s) * 1000)
        self.forget()

    def forget(self) -> None:
        """Give the wait up."""
        self._asked_s = self._response_id = None

    def waited_ms(self, key: PartKey) -> int | None:
        """How long this part's first sound was waited for; None if it ended no wait."""
        return self._waited_ms.get(key)

    def _begin(self, at_s: float) -> None:
        self._asked_s, self._response_id = at_s, None

    def _speech_started(self, event: Mapping[str, Any], at_s: float) -> None:
        self.forget()

    def _speech_stopped(self, event: Mapping[str, Any], at_s: float) -> None:
        self._begin(at_s)

    def _response_created(self, event: Mapping[str, Any], at_s: float) -> None:
        if self.is_awaited and not self._response_id:
            self._response_id = text_at(mapping_at(event, "response"), "id")

    def _response_done(self, event: Mapping[str, Any], at_s: float) -> None:
        """An answer in writing ends the wait. One that only calls a function does not."""
        if not self.is_awaited:
            return
        response = mapping_at(event, "response")
        output = mappings_at(response, "output")
        has_answered = any(item.get("type") == "message" for item in output)
        if has_answered and text_at(response, "id") == self._response_id:
            self.forget()


_READERS: Mapping[str, Callable[[FirstSound, Mapping[str, Any], float], None]] = {
    ServerEvent.INPUT_AUDIO_BUFFER_SPEECH_STARTED: FirstSound._speech_started,
    ServerEvent.INPUT_AUDIO_BUFFER_SPEECH_STOPPED: FirstSound._speech_stopped,
    ServerEvent.RESPONSE_CREATED: FirstSound._response_created,
    ServerEvent.RESPONSE_DONE: FirstSound._response_done,
}
READ_TYPES = frozenset(_READERS)
"""The types of the provider's events that change something here."""
