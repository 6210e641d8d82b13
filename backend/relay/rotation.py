"""How a call outlives its connection to the provider: when it opens the next one, and how. PURE.

A connection ends at the provider's cap, or is lost. Either way the next one gets the session's
configuration and the history, and then the call moves to it. The two reasons differ in the order:

    reason          the present connection       the client's frames are held
    cap             lives until the move         while the history is replayed
    provider_lost   is gone                      from the loss on

    phase          begins when                            ends with
    NONE           no next connection is wanted           the cap comes near; a loss
    OPENING        after a pause it is connected          `session.created`
    CONFIGURING    our `session.update` is sent           `session.updated`
    STANDBY        it waits for a turn boundary           the boundary; after a loss at once
    REPLAYING      the history is sent                    the provider has accepted all of it

A next connection that fails in any phase is closed and opened again (OPENING), after a pause that
grows. While the present connection lives, nobody notices; after a loss the attempts are counted.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from backend.protocol import provider_errors
from backend.protocol.endings import Ending
from backend.protocol.events import ServerEvent
from backend.protocol.frames import UpstreamFrame
from backend.protocol.reading import mapping_at, text_at
from backend.relay.plan import Replay


@dataclass(frozen=True, slots=True)
class RotationLimits:
    """When a call moves to its next connection, and how often one is opened again."""

    provider_cap_s: float = 60 * 60.0
    """The longest life of one connection to the provider: its documented maximum. A connection
    whose `session.expires_at` names less lives that long. One that names more lives this long:
    our clock may be late, and an early rotation costs little."""
    rotate_before_s: float = 5 * 60.0
    """From so long before the cap on the next connection is opened, and the call moves to it at a
    turn boundary. Half of the connection's life at most."""
    rotate_late_s: float = 20.0
    """From so long before the cap on the call moves at the next moment without a response and
    without a pending transcript, turn boundary or not. A tenth of the connection's life at most."""
    rotation_hold_s: float = 4.0
    """How long the client's frames may be held while the history is replayed to the next
    connection; then they go to the present one and the rotation is tried again. Below
    `Limits.held_audio_ms`, so that no audio is lost."""
    rotation_backoff_s: tuple[float, ...] = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0)
    """The pauses between the attempts to open the next connection while the present one lives, each
    of them halved to half as long again by chance; the last one repeats."""

    losses_per_call: int = 5
    """How many lost connections to the provider one call survives."""
    tries_per_loss: int = 3
    """How often the next connection is tried after a loss."""
    reconnect_backoff_s: tuple[float, ...] = (0.2, 1.0, 3.0)
    """The pauses before these attempts, varied in the same way: all calls of a provider that
    restarts are lost in the same moment."""
    reconnect_within_s: float = 20.0
    """No attempt begins later than this after the loss: somebody waits for it."""


DEFAULT_ROTATION_LIMITS = RotationLimits()


class Reason(StrEnum):
    """Why the call moves to another connection; `relay.rotating` names it."""

    CAP = "cap"
    PROVIDER_LOST = "provider_lost"


class Result(StrEnum):
    """What came of an attempt; the metric's label. `relay.rotated` has the first two."""

    RENEWED = "renewed"
    KEPT = "kept"
    """A turn began while the history was replayed: the call stays, and tries again."""
    FAILED = "failed"


def rotation_kind(reason: Reason, result: Result) -> str:
    """The value of the metric's label, such as `cap_renewed`."""
    return f"{reason}_{result}"


class Phase(StrEnum):
    NONE = "none"
    OPENING = "opening"
    CONFIGURING = "configuring"
    STANDBY = "standby"
    REPLAYING = "replaying"


class Step(StrEnum):
    """What time demands. A tape records each, since a replay's clock ticks at other moments."""

    OPEN = "open"
    REPLAY = "replay"
    REPLAY_LATE = "replay_late"
    """Replay although it is no turn boundary: the cap is near."""
    GIVE_UP = "give_up"
    """The next connection does not answer in time."""


class News(StrEnum):
    """What a frame of the next connection means for the call."""

    NOTHING = "nothing"
    CONFIGURED = "configured"
    REPLAYED = "replayed"


@dataclass(frozen=True, slots=True)
class NextFailed:
    """The next connection cannot be used; `code` is for the log, `ending` what it would end by."""

    ending: Ending
    code: str


@dataclass(frozen=True, slots=True)
class Cap:
    """When a connection is to be left, on the call's clock."""

    rotate_at_s: float
    late_at_s: float

    @classmethod
    def of(cls, created: Mapping[str, Any], now_s: float, limits: RotationLimits) -> "Cap":
        """The cap of the connection whose `session.created` came now.

        A server whose clock is wrong must not rotate all the time or too late: a life that is
        impossible counts as unknown, and no life is longer than `provider_cap_s`.
        """
        expires_s = mapping_at(created, "session").get("expires_at")
        life_s = limits.provider_cap_s
        if isinstance(expires_s, int | float) and 0 < expires_s <= LATEST_S:
            named_s = expires_s - now_s
            life_s = min(life_s, named_s) if named_s >= SHORTEST_LIFE_S else life_s
        ends_s = now_s + life_s
        return cls(
            rotate_at_s=ends_s - min(limits.rotate_before_s, life_s / 2),
            late_at_s=ends_s - min(limits.rotate_late_s, life_s / 10),
        )


SHORTEST_LIFE_S = 1.0
"""A connection that is said to end sooner than this is not believed."""
LATEST_S = 1e12
"""Later than any time in seconds; a larger integer could not be subtracted from."""


class Rotation:
    """The next connection of one call. `chance` returns 0 to 1, for the pauses.

    `ready_within_s` is `Limits.ready_within_s`: the next connection's configuration takes no longer
    than the first one's, nor does the replay after a loss.

    `phase`, `reason` and `connection` (how many connections the call has had before the present
    one) are for reading.
    """

    def __init__(
        self,
        ready_within_s: float,
        now_s: float,
        chance: Callable[[], float],
        limits: RotationLimits = DEFAULT_ROTATION_LIMITS,
    ) -> None:
        self.phase = Phase.NONE
        self.reason = Reason.CAP
        self.connection = 0
        self.past: dict[str, str] = {}
        """The items replayed to the next connection: the event id of each, by item id."""
        self.is_late = False
        """Whether the history is replayed in the middle of a turn."""
        self._ready_within_s = ready_within_s
        self._limits = limits
        self._chance = chance
        self._cap = self._next_cap = Cap.of({}, now_s, limits)
        self._since_s = now_s
        self._unanswered: dict[str, None] = {}
        self._tries = 0
        self._losses = 0
        self._lost_s = 0.0

    def created(self, event: Mapping[str, Any], now_s: float) -> None:
        """The call's first connection was accepted, with this `session.created`."""
        self._cap = Cap.of(event, now_s, self._limits)

    def due_step(self, now_s: float, may_leave: Callable[[bool], bool]) -> Step | None:
        """What time demands now. `may_leave` returns whether the call may leave its connection: at
        a turn boundary, or (given True) wherever no response would be cut off.
        """
        waited_s = now_s - self._since_s
        match self.phase:
            case Phase.NONE if now_s >= self._cap.rotate_at_s:
                return Step.OPEN
            case Phase.CONFIGURING if waited_s > self._ready_within_s:
                return Step.GIVE_UP
            case Phase.STANDBY if may_leave(False):
                return Step.REPLAY
            case Phase.STANDBY if now_s >= self._cap.late_at_s and may_leave(True):
                return Step.REPLAY_LATE
            case Phase.REPLAYING if waited_s > self._replay_within_s:
                return Step.GIVE_UP
        return None

    @property
    def rests_until_s(self) -> float:
        """Until when no step is due, if nothing comes meanwhile; -inf while one is on its way."""
        return self._cap.rotate_at_s if self.phase is Phase.NONE else -math.inf

    def begin(self, reason: Reason, now_s: float) -> float:
        """Open a next connection. Returns the pause before it, in seconds."""
        self.phase, self.reason, self._tries = Phase.OPENING, reason, 0
        self._since_s = now_s
        return 0.0 if reason is Reason.CAP else self._pause_s(self._limits.reconnect_backoff_s)

    @property
    def may_lose(self) -> bool:
        """Whether the call survives another lost connection."""
        return self._losses < self._limits.losses_per_call

    def lose(self, now_s: float) -> float | None:
        """The present connection is lost. Returns the pause before the next one is opened; None if
        one is configured, or about to be.
        """
        self._losses += 1
        self._lost_s = now_s
        if self.phase in (Phase.CONFIGURING, Phase.STANDBY, Phase.REPLAYING):
            self.reason, self._tries = Reason.PROVIDER_LOST, 0
            return None
        return self.begin(Reason.PROVIDER_LOST, now_s)

    def opened(self, created: Mapping[str, Any], now_s: float) -> None:
        """The next connection was accepted, with this `session.created`."""
        self.phase, self._since_s = Phase.CONFIGURING, now_s
        self._next_cap = Cap.of(created, now_s, self._limits)

    def read(self, frame: UpstreamFrame) -> News | NextFailed:
        """Read a frame of the next connection. Raises UpstreamFailed for what is not JSON."""
        if frame.type == ServerEvent.ERROR:
            return self._read_error(mapping_at(frame.event, "error"))
        if frame.type == ServerEvent.SESSION_UPDATED and self.phase is Phase.CONFIGURING:
            self.phase = Phase.STANDBY
            return News.CONFIGURED
        if frame.type in _ITEM_EVENTS and self.phase is Phase.REPLAYING:
            item_id = text_at(mapping_at(frame.event, "item"), "id") or ""
            return self._answered(self.past.get(item_id))
        return News.NOTHING

    def replay(self, replays: Iterable[Replay], now_s: float, *, is_late: bool) -> None:
        """The history is sent on the next connection."""
        self.phase, self._since_s, self.is_late = Phase.REPLAYING, now_s, is_late
        self.past = {replay.item_id: replay.event_id for replay in replays}
        self._unanswered = dict.fromkeys(self.past.values())

    @property
    def is_replayed(self) -> bool:
        """Whether the provider has answered every item of the history."""
        return self.phase is Phase.REPLAYING and not self._unanswered

    def fail(self, now_s: float, retry_after_s: float | None = None) -> float | None:
        """The next connection failed. Returns the pause before another is opened; None after the
        last attempt.
        """
        limits = self._limits
        self.phase, self._since_s = Phase.OPENING, now_s
        self._tries += 1
        if self.reason is Reason.CAP:
            # The first attempt had no pause.
            pause_s = self._pause_s(limits.rotation_backoff_s, self._tries - 1)
            return max(pause_s, retry_after_s or 0.0)
        if self._tries >= limits.tries_per_loss:
            return None
        pause_s = max(self._pause_s(limits.reconnect_backoff_s, self._tries), retry_after_s or 0.0)
        is_in_time = now_s + pause_s - self._lost_s <= limits.reconnect_within_s
        return pause_s if is_in_time else None

    def move(self) -> None:
        """The next connection is the call's from now on."""
        self.phase, self._tries = Phase.NONE, 0
        self._cap = self._next_cap
        self.connection += 1

    @property
    def _replay_within_s(self) -> float:
        is_held = self.reason is Reason.CAP
        return self._limits.rotation_hold_s if is_held else self._ready_within_s

    def _pause_s(self, pauses: tuple[float, ...], number: int = 0) -> float:
        return pauses[min(number, len(pauses) - 1)] * (0.5 + self._chance())

    def _read_error(self, error: Mapping[str, Any]) -> News | NextFailed:
        code = text_at(error, "code") or text_at(error, "type") or ""
        if (ending := provider_errors.fatal_ending(error)) is not None:
            return NextFailed(ending, code)
        if self.phase is Phase.CONFIGURING:
            # Only our `session.update` was sent. Refused once, it would be refused again.
            is_refusal = text_at(error, "type") == "invalid_request_error"
            return NextFailed(
                Ending.PROVIDER_REFUSED if is_refusal else Ending.PROVIDER_FAILED, code
            )
        # The model forgets a past item that is refused. An error without an id is about one.
        event_id = text_at(error, "event_id") or next(iter(self._unanswered), None)
        return self._answered(event_id)

    def _answered(self, event_id: str | None) -> News:
        if event_id not in self._unanswered:
            return News.NOTHING
        del self._unanswered[event_id]
        return News.REPLAYED if self.is_replayed else News.NOTHING


_ITEM_EVENTS = frozenset(
    {
        ServerEvent.CONVERSATION_ITEM_ADDED,
        ServerEvent.CONVERSATION_ITEM_CREATED,
        ServerEvent.CONVERSATION_ITEM_DONE,
    }
)
