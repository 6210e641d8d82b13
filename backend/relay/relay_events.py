"""The `relay.*` events as frames, for calls and for refused handshakes alike. PURE."""

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from backend.protocol.endings import Ending
from backend.protocol.errors import ErrorCode
from backend.protocol.events import ClientEvent, ServerEvent
from backend.protocol.reading import encode
from backend.relay.budget_watch import BudgetLevelChange
from backend.relay.plan import CallPlan
from backend.wording import Language, sentence


def ready(event_id: str, plan: CallPlan) -> str:
    """`relay.ready`: from now on the client's frames are passed on."""
    return _frame(
        "relay.ready",
        event_id,
        session_id=plan.session_id,
        call_id=plan.call_id,
        model=plan.model,
        voice=plan.voice,
        language=plan.language,
        demo=plan.demo,
    )


def error(
    event_id: str,
    code: ErrorCode,
    language: Language,
    *,
    is_retryable: bool = False,
    retry_after_s: float | None = None,
    detail: Mapping[str, str] | None = None,
    resets_at: datetime | None = None,
) -> str:
    """`relay.error`. `event_id` is that of the client's wrong event, where it had one."""
    return _frame(
        "relay.error",
        event_id,
        code=code,
        message=sentence(code, language, resets_at),
        retryable=is_retryable,
        retry_after=_whole_s(retry_after_s),
        detail=detail,
        resets_at=_time(resets_at),
    )


def failure(
    event_id: str, ending: Ending, language: Language, retry_after_s: float | None = None
) -> str:
    """`relay.error` for an ending that is a failure."""
    return error(
        event_id,
        ending,
        language,
        is_retryable=ending.is_retryable,
        retry_after_s=retry_after_s,
    )


def pong(event_id: str) -> str:
    """`relay.pong`: the answer to `relay.ping`, with the same event id where it had one."""
    return _frame("relay.pong", event_id)


def draining(event_id: str) -> str:
    """`relay.draining`: the server is about to restart."""
    return _frame("relay.draining", event_id)


def rotating(event_id: str, reason: str) -> str:
    """`relay.rotating`: the call moves to a new connection to the provider. The client's frames are
    held until `relay.rotated`.
    """
    return _frame("relay.rotating", event_id, reason=reason)


def rotated(event_id: str, reason: str, result: str) -> str:
    """`relay.rotated`: the client's frames are passed on again. `result` is `renewed`, or `kept` if
    the call stays on the connection that it had.
    """
    return _frame("relay.rotated", event_id, reason=reason, result=result)


def truncated(event_id: str, truncate: Mapping[str, Any]) -> str:
    """`conversation.item.truncated`: the relay's own answer to a client's `…truncate` of an item
    that the present connection has no audio of.
    """
    fields = {name: truncate[name] for name in ("item_id", "content_index", "audio_end_ms")}
    return _frame(ServerEvent.CONVERSATION_ITEM_TRUNCATED, event_id, **fields)


def budget(event_id: str, change: BudgetLevelChange) -> str:
    """`relay.budget`: the level of a budget has changed. `used` is a part of the limit.

    Without the fields of the state there is no such budget any more.
    """
    fields: dict[str, Any] = {"kind": change.kind, "level": str(change.level)}
    if (state := change.state) is not None:
        fields |= {
            "used": round(float(state.used_part), 4),
            "left": round(float(state.left), 4),
            "limit": round(float(state.limit), 4),
            "resets_at": _time(state.resets_at),
        }
    return _frame("relay.budget", event_id, **fields)


def closing(
    event_id: str,
    ending: Ending,
    language: Language,
    retry_after_s: float | None = None,
    resets_at: datetime | None = None,
) -> str:
    """`relay.closing`, the last event. It repeats the close frame, of which browsers hide much."""
    return _frame(
        "relay.closing",
        event_id,
        code=ending.close_code,
        reason=str(ending),
        message=sentence(str(ending), language, resets_at),
        retryable=ending.is_retryable,
        retry_after=_whole_s(retry_after_s),
        resets_at=_time(resets_at),
    )


def _time(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def _whole_s(seconds: float | None) -> int | None:
    return None if seconds is None else math.ceil(seconds)


def cancellation(event_id: str) -> str:
    """`response.cancel`, for the provider."""
    return _frame(ClientEvent.RESPONSE_CANCEL, event_id)


def _frame(event_type: str, event_id: str, **fields: Any) -> str:
    """The event as text, without the fields that are None."""
    given = {name: value for name, value in fields.items() if value is not None}
    return encode({"type": event_type, "event_id": event_id, **given}, ascii_only=False)
