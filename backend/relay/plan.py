"""What a call is about, decided before it opens: whose, with which model, what past and what rules.

PURE.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from backend.protocol.events import ClientEvent
from backend.protocol.reading import encode, text_at
from backend.protocol.transcript.turns import Role
from backend.relay.client_policy import PAGE_POLICY, ClientPolicy
from backend.relay.limits import DEFAULT_LIMITS, Limits
from backend.relay.token_estimate import message_tokens, text_tokens


@dataclass(frozen=True, slots=True)
class PastItem:
    """One earlier item of the session, to be replayed to the model: only what was heard of it."""

    item_id: str
    role: Role
    text: str


@dataclass(frozen=True, slots=True)
class CallPlan:
    """All that `CallLogic` needs to know about the call; ids as text.

    `session` is the provider's configuration of its session, which is sent as it is. `policy` and
    `limits` are those of the kind of client that calls. `history_tokens` is the bound of the
    history that is replayed to a next connection, as `relay.bounded_history` estimates tokens;
    None: the call has one connection to the provider and ends with it.

    `is_watched`: the client's audio and events go to the provider by WebRTC, and the call only
    watches (`upstream.sideband`). It then has no client frames and no `history_tokens`.
    """

    call_id: str
    session_id: str
    language: Literal["ja", "en"]
    model: str
    voice: str
    session: Mapping[str, Any]
    past: tuple[PastItem, ...] = ()
    demo: bool = False
    policy: ClientPolicy = PAGE_POLICY
    limits: Limits = DEFAULT_LIMITS
    history_tokens: int | None = None
    is_watched: bool = False

    @property
    def own_tokens(self) -> int:
        """The estimated tokens that every response reads before the conversation."""
        tools = self.session.get("tools")
        instructions = text_at(self.session, "instructions") or ""
        return text_tokens(instructions) + (text_tokens(encode(tools)) if tools else 0)


class Replay(NamedTuple):
    """One item of the past as it is sent: its frame, and the ids by which its replies are known."""

    event_id: str
    item_id: str
    text: str


CONFIGURE_ID = "relay_cfg"

# A wrong pair is refused, and audio of the assistant cannot be replayed (protocol section 7).
_PART_TYPES = {Role.USER: "input_text", Role.ASSISTANT: "output_text"}

_FITTING_ID = re.compile(r"[A-Za-z0-9_-]{1,32}")


def session_update_of(plan: CallPlan) -> str:
    """The `session.update` frame with the plan's `session`."""
    return encode(
        {"type": ClientEvent.SESSION_UPDATE, "event_id": CONFIGURE_ID, "session": plan.session}
    )


def tokens_of(past: Iterable[PastItem]) -> int:
    """The estimated tokens of a history."""
    return sum(message_tokens(item.text) for item in past)


def replays_of(past: Iterable[PastItem], connection: int = 0) -> tuple[Replay, ...]:
    """The past as frames in spoken order, under the items' own ids.

    An id that the provider would not accept (more than 32 characters) is replaced by one of ours,
    which no other `connection` of the call has; they count from 0. An item of a role that cannot be
    replayed is left out.
    """
    prefix = f"relay_past_{connection}_" if connection else "relay_past_"
    return tuple(
        _replay(f"{prefix}{number}", item)
        for number, item in enumerate(item for item in past if item.role in _PART_TYPES)
    )


def _replay(event_id: str, item: PastItem) -> Replay:
    item_id = item.item_id if _FITTING_ID.fullmatch(item.item_id) else event_id
    # Written out: a call with a long past replays hundreds, and an encoder takes three times as
    # long. Only the text needs to be escaped.
    text = (
        f'{{"type":"{ClientEvent.CONVERSATION_ITEM_CREATE}","event_id":"{event_id}",'
        f'"item":{{"id":"{item_id}","type":"message","role":"{item.role}",'
        f'"content":[{{"type":"{_PART_TYPES[item.role]}","text":{encode(item.text)}}}]}}}}'
    )
    return Replay(event_id, item_id, text)
