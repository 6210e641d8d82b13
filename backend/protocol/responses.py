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


class ResponseLife:
    """The state of each response of one connection to the provider."""

    def __init__(self) -> None:
        self._states: dict[str, ResponseState] = {}
        self._out_of_band: set[str] = set()

    def feed(self, event: JsonObject) -> None:
        """Apply one provider event. An event that is about no response changes nothing."""
        response_id, news = _read(event)
        if not response_id or news is None:
            return
        if mapping_at(event, "response").get("conversation_id", response_id) is None:
            self._out_of_band.add(response_id)
        state = self.state_of(response_id)
        self._states[response_id] = TRANSITIONS[state].get(news, state)

    def state_of(self, response_id: str) -> ResponseState:
        """The state of this response; UNSEEN for an unknown one."""
        return self._states.get(response_id, ResponseState.UNSEEN)

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


def _read(event: JsonObject) -> tuple[str | None, ResponseNews | None]:
    """The id of the event's response and what the event reports about it; None where unknown."""
    event_type = text_at(event, "type") or ""
    response = mapping_at(event, "response")
    if event_type == ServerEvent.RESPONSE_CREATED:
        return text_at(response, "id"), ResponseNews.CREATED
    if event_type == ServerEvent.RESPONSE_DONE:
        # An unknown status is an end as well: no further event will come for this response.
        status = text_at(response, "status") or ""
        return text_at(response, "id"), _DONE_NEWS.get(status, ResponseNews.COMPLETED)
    return None, None
