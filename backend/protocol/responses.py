"""The life of a response, as a table.

    UNSEEN ──created──▶ GENERATING ──done──▶ COMPLETED | CANCELLED | INCOMPLETE | FAILED

Law 1: `TRANSITIONS` holds every transition.
Law 2: a pair that is not in the table changes nothing, since providers repeat events and send them
late. So the first end is final.
Law 3: a response whose `conversation_id` is given and null is out of band (`RealtimeResponse` in
the official SDK). It does not block the default conversation.
"""

from enum import StrEnum

from backend.protocol.events import ServerEvent
from backend.protocol.reading import JsonObject, mapping_at, text_at


class ResponseState(StrEnum):
    UNSEEN = "unseen"
    GENERATING = "generating"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    INCOMPLETE = "incomplete"
    FAILED = "failed"


class ResponseNews(StrEnum):
    """What an event reports about its response."""

    CREATED = "created"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    INCOMPLETE = "incomplete"
    FAILED = "failed"


_ENDS = {
    ResponseNews.COMPLETED: ResponseState.COMPLETED,
    ResponseNews.CANCELLED: ResponseState.CANCELLED,
    ResponseNews.INCOMPLETE: ResponseState.INCOMPLETE,
    ResponseNews.FAILED: ResponseState.FAILED,
}

TRANSITIONS: dict[ResponseState, dict[ResponseNews, ResponseState]] = {
    ResponseState.UNSEEN: {
        ResponseNews.CREATED: ResponseState.GENERATING,
        **_ENDS,
    },
    ResponseState.GENERATING: _ENDS,
    ResponseState.COMPLETED: {},
    ResponseState.CANCELLED: {},
    ResponseState.INCOMPLETE: {},
    ResponseState.FAILED: {},
}

_DONE_NEWS = {str(news): news for news in _ENDS}

# Members of enums are slow to read, and each event does.
_UNSEEN = ResponseState.UNSEEN
_CREATED, _COMPLETED = ResponseNews.CREATED, ResponseNews.COMPLETED
_RESPONSE_CREATED = ServerEvent.RESPONSE_CREATED.value
_READ_TYPES = (_RESPONSE_CREATED, ServerEvent.RESPONSE_DONE.value)


class ResponseLife:
    """The state of each response of one connection to the provider."""

    def __init__(self) -> None:
        self._states: dict[str, ResponseState] = {}
        self._out_of_band: set[str] = set()

    def feed(self, event: JsonObject) -> None:
        """Apply one provider event. An event that is about no response changes nothing."""
        event_type, response = event.get("type"), mapping_at(event, "response")
        response_id = text_at(response, "id")
        if not response_id or event_type not in _READ_TYPES:
            return
        if response.get("conversation_id", response_id) is None:
            self._out_of_band.add(response_id)
        news = _CREATED if event_type == _RESPONSE_CREATED else _end_of(response)
        state = self.state_of(response_id)
        self._states[response_id] = TRANSITIONS[state].get(news, state)

    def state_of(self, response_id: str) -> ResponseState:
        """The state of this response; UNSEEN for an unknown one."""
        return self._states.get(response_id, _UNSEEN)

    def is_out_of_band(self, response_id: str) -> bool:
        """Whether this response is outside of the conversation (law 3); False if unknown."""
        return response_id in self._out_of_band

    @property
    def active_id(self) -> str | None:
        """The newest response that is being generated into the default conversation."""
        for response_id in reversed(self._states):
            if (
                self._states[response_id] is ResponseState.GENERATING
                and response_id not in self._out_of_band
            ):
                return response_id
        return None

    @property
    def is_active(self) -> bool:
        """Whether the provider would refuse a `response.create` now."""
        return self.active_id is not None


def _end_of(response: JsonObject) -> ResponseNews:
    # An unknown status is an end as well: no further event will come for this response.
    return _DONE_NEWS.get(text_at(response, "status") or "", _COMPLETED)
