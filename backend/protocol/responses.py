"""The life of a response, as a table.

    UNSEEN ──created, streamed──▶ GENERATING ──done──▶ COMPLETED | CANCELLED | INCOMPLETE | FAILED

Law 1: everything that affects transitions is in `TRANSITIONS`.
Law 2: a pair that is not in the table changes nothing. Providers repeat themselves and speak late;
an ended response never comes back to life.
Law 3: a response is out of band when its `conversation_id` is given and null (`RealtimeResponse` in
the official SDK); such a one does not keep the default conversation from answering.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any


class ResponseState(StrEnum):
    UNSEEN = "unseen"
    GENERATING = "generating"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    INCOMPLETE = "incomplete"
    FAILED = "failed"


class ResponseNews(StrEnum):
    """What an event says of its response."""

    CREATED = "created"
    STREAMED = "streamed"
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
        ResponseNews.STREAMED: ResponseState.GENERATING,
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
    """Follows the responses of one connection to the provider."""

    def __init__(self) -> None:
        self._states: dict[str, ResponseState] = {}
        self._out_of_band: set[str] = set()

    def feed(self, event: Mapping[str, Any]) -> None:
        """Take note of one provider event; whatever is not about a response is passed over."""
        response_id, news = _read(event)
        if not response_id or news is None:
            return
        response = event.get("response")
        if isinstance(response, Mapping) and response.get("conversation_id", response_id) is None:
            self._out_of_band.add(response_id)
        state = self.state_of(response_id)
        self._states[response_id] = TRANSITIONS[state].get(news, state)

    def state_of(self, response_id: str) -> ResponseState:
        """Where this response stands; UNSEEN for an unknown one."""
        return self._states.get(response_id, ResponseState.UNSEEN)

    @property
    def active_id(self) -> str | None:
        """The response being generated into the default conversation, the newest if several."""
        for response_id in reversed(self._states):
            if (
                self._states[response_id] is ResponseState.GENERATING
                and response_id not in self._out_of_band
            ):
                return response_id
        return None

    @property
    def is_active(self) -> bool:
        """Whether a `response.create` would be refused now."""
        return self.active_id is not None


def _read(event: Mapping[str, Any]) -> tuple[str | None, ResponseNews | None]:
    """The response that an event is about, and what it says of it."""
    event_type = event.get("type")
    if event_type in ("response.created", "response.done"):
        response = event.get("response")
        response_id = response.get("id") if isinstance(response, Mapping) else None
        if event_type == "response.created":
            news = ResponseNews.CREATED
        else:
            status = response.get("status") if isinstance(response, Mapping) else None
            # An end by a name we do not know is an end.
            news = _DONE_NEWS.get(str(status), ResponseNews.COMPLETED)
    elif isinstance(event_type, str) and event_type.startswith("response."):
        response_id, news = event.get("response_id"), ResponseNews.STREAMED
    else:
        return None, None
    return (response_id if isinstance(response_id, str) else None), news
