"""Random conversations, with their events in any order that a provider may send them in.

The expected turns follow from how a conversation was made, independently of the assembler.
"""

import json
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from backend.protocol.audio import ms_of_base64
from backend.protocol.frames import peek_from_upstream
from backend.protocol.transcript.assembler import TranscriptAssembler
from backend.protocol.transcript.turns import Turn
from tests.tapes import STARTED_AT, as_expected
from tests.tapes.writer import WORD_MS, TapeWriter, spoken, turn, written

Event = dict[str, Any]

WORDS = ("well", "yes", "the", "price", "is", "seventeen", "euros", "thanks")


@dataclass(slots=True)
class Conversation:
    """Streams of events, each with a fixed order of its own, and the turns that they must give."""

    streams: list[list[Event]] = field(default_factory=list)
    turns: list[dict[str, Any]] = field(default_factory=list)


def upstream_events(call: TapeWriter, since: int = 0) -> list[Event]:
    """The provider's events on this tape, from line `since` on."""
    return [line["event"] for line in call.lines[since:] if line["side"] == "upstream"]


def merged(streams: Iterable[Sequence[Event]], rng: random.Random) -> list[Event]:
    """The streams merged at random; each keeps its own order."""
    waiting = [list(stream) for stream in streams if stream]
    order: list[Event] = []
    while waiting:
        stream = rng.choice(waiting)
        order.append(stream.pop(0))
        waiting = [rest for rest in waiting if rest]
    return order


def repeated(events: Sequence[Event], rng: random.Random) -> list[Event]:
    """The events, a fifth of them repeated at a random later place."""
    order = list(events)
    for event in rng.sample(order, len(order) // 5):
        order.insert(rng.randint(order.index(event) + 1, len(order)), event)
    return order


def reordered(events: Sequence[Event], rng: random.Random) -> list[Event]:
    """The events of a tape in another order that a provider may send them in.

    The events of one item keep their order; a response begins before and ends after its contents;
    two items with the same predecessor keep their order of insertion.
    """
    keys: list[set[str]] = [set(_ordering_keys(event)) for event in events]
    waiting = list(range(len(events)))
    order: list[Event] = []
    while waiting:
        free: list[int] = []
        blocked: set[str] = set()
        for index in waiting:
            if not any(_are_ordered(key, other) for key in keys[index] for other in blocked):
                free.append(index)
            blocked |= keys[index]
        chosen = rng.choice(free)
        waiting.remove(chosen)
        order.append(events[chosen])
    return order


def _ordering_keys(event: Event) -> Iterator[str]:
    """What orders an event: events with the same item, response or predecessor keep their order."""
    item, response = event.get("item"), event.get("response")
    if isinstance(event.get("item_id"), str):
        yield event["item_id"]
    if isinstance(item, dict):
        yield item["id"]
    if "previous_item_id" in event:
        yield f"behind {event['previous_item_id']}"
    if "response_id" in event:
        yield f"inside {event['response_id']}"
    if isinstance(response, dict):
        yield f"around {response['id']}"
        yield from (output["id"] for output in response["output"])


def _are_ordered(key: str, other: str) -> bool:
    """Equal keys are ordered; contents of a response are ordered only against its begin and end."""
    if key.startswith("inside "):
        return other == key.replace("inside", "around")
    if key.startswith("around "):
        return other in (key, key.replace("around", "inside"))
    return key == other


@dataclass(frozen=True, slots=True)
class Output:
    """One item of a response: its stream, the complete item, and how the response ended."""

    stream: list[Event]
    item: Event
    status: str = "completed"


class ConversationMaker:
    """Makes a random conversation, one utterance after the other."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._call = TapeWriter()
        self._made = Conversation()
        self._number = 0
        self._last: str | None = None
        self._behind: dict[str, str | None] = {}
        self._deleted: set[str] = set()

    def conversation(self, utterances: int) -> Conversation:
        """A conversation of this many utterances."""
        kinds = (
            self._speech,
            self._typed,
            self._answer,
            self._long_answer,
            self._late_answer,
            self._function,
        )
        for kind in self._rng.choices(kinds, weights=(4, 1, 4, 1, 1, 1), k=utterances):
            kind()
        return self._made

    def _speech(self) -> None:
        item_id, before = self._next_item()
        words = self._words()
        text = " ".join(words)
        self._add_stream(lambda call: call.user_speaks(item_id, before))
        match self._rng.randrange(5):
            case 0:
                self._add_stream(lambda call: call.transcription_fails(item_id))
                self._expect(turn(item_id, "user", "", "failed"))
            case 1:
                self._add_stream(lambda call: call.transcription_fails(item_id, [text]))
                self._expect(turn(item_id, "user", text, "failed"))
            case 2:
                self._add_stream(lambda call: call.transcribed(item_id, " "))
            case _:
                self._add_stream(lambda call: call.transcribed(item_id, text, _deltas(words)))
                self._expect(turn(item_id, "user", text))
                self._perhaps_delete(item_id)

    def _typed(self) -> None:
        item_id, before = self._next_item()
        text = " ".join(self._words())
        self._add_stream(lambda call: call.user_types(item_id, before, text))
        self._expect(turn(item_id, "user", text, modality="text"))

    def _function(self) -> None:
        item_id, before = self._next_item()
        item = {"id": item_id, "type": "function_call", "status": "completed", "name": "f"}
        self._add_stream(lambda call: call.item(item, before))

    def _answer(self) -> None:
        """One spoken item with a random kind of end."""
        response_id = self._next_id("resp")
        status = self._rng.choice(["completed", "cancelled", "incomplete", "failed"])
        self._respond(response_id, [self._spoken_item(response_id, status, may_be_cut=True)])

    def _long_answer(self) -> None:
        """Three items; only the end of the response names the place of the last one."""
        response_id = self._next_id("resp")
        streamed_items = [self._spoken_item(response_id, "completed") for _ in range(2)]
        item_id, _ = self._next_item()
        text = " ".join(self._words())
        self._expect(turn(item_id, "assistant", text))
        self._respond(response_id, [*streamed_items, Output([], spoken(item_id, text))])

    def _late_answer(self) -> None:
        """One item with its place at once and its text only at the end of the response."""
        response_id = self._next_id("resp")
        item_id, before = self._next_item()
        text = " ".join(self._words())
        stream = self._stream(lambda call: call.answer_begins(response_id, item_id, before))
        self._expect(turn(item_id, "assistant", text, modality="text"))
        self._respond(response_id, [Output(stream, written(item_id, text))])

    def _spoken_item(self, response_id: str, status: str, may_be_cut: bool = False) -> Output:
        item_id, before = self._next_item()
        words = self._words()
        text = " ".join(words)
        item = spoken(item_id, text, "completed" if status == "completed" else "incomplete")

        def streamed(call: TapeWriter) -> None:
            call.answer_begins(response_id, item_id, before)
            call.part_begins(response_id, item_id)
            call.says(response_id, item_id, _deltas(words))
            call.part_ends(response_id, item_id, text)
            call.answer_ends(response_id, item, before)

        if may_be_cut and self._rng.random() < 0.4:
            heard_ms = self._rng.randint(0, len(words) * WORD_MS + 1)
            heard = " ".join(words[: heard_ms // WORD_MS])
            self._add_stream(lambda call: call.truncates(item_id, heard_ms))
            self._expect(turn(item_id, "assistant", text, "interrupted", heard=(heard, heard_ms)))
        else:
            is_cut = status in ("cancelled", "incomplete")
            self._expect(turn(item_id, "assistant", text, "interrupted" if is_cut else status))
        return Output(self._stream(streamed), item, status)

    def _respond(self, response_id: str, outputs: Sequence[Output]) -> None:
        status = outputs[-1].status
        # A cancelled response can end without listing its items.
        is_named = status != "cancelled" or self._rng.random() < 0.5
        items = [output.item for output in outputs] if is_named else []
        self._made.streams.append(
            [
                *self._stream(lambda call: call.response_begins(response_id)),
                *merged([output.stream for output in outputs], self._rng),
                *self._stream(lambda call: call.response_ends(response_id, items, status)),
            ]
        )

    def _perhaps_delete(self, item_id: str) -> None:
        # The order of two deleted items with one predecessor is not known.
        if self._behind[item_id] not in self._deleted and self._rng.random() < 0.3:
            before = self._behind[item_id]
            if [i for i, b in self._behind.items() if b == before] == [item_id]:
                self._deleted.add(item_id)
                self._add_stream(
                    lambda call: call.event("conversation.item.deleted", item_id=item_id)
                )

    def _next_item(self) -> tuple[str, str | None]:
        """A new item's id and its predecessor, which skips a deleted item half of the time."""
        item_id, before = self._next_id("item"), self._last
        if before in self._deleted and self._rng.random() < 0.5:
            before = self._behind[str(before)]
        self._behind[item_id], self._last = before, item_id
        return item_id, before

    def _next_id(self, kind: str) -> str:
        self._number += 1
        return f"{kind}_{self._number}"

    def _stream(self, write: Callable[[TapeWriter], object]) -> list[Event]:
        since = len(self._call.lines)
        write(self._call)
        return upstream_events(self._call, since)

    def _add_stream(self, write: Callable[[TapeWriter], object]) -> None:
        self._made.streams.append(self._stream(write))

    def _words(self) -> list[str]:
        return self._rng.choices(WORDS, k=self._rng.randint(1, 6))

    def _expect(self, expected: Event) -> None:
        self._made.turns.append(expected)


def _deltas(words: Sequence[str]) -> list[str]:
    return [f"{word} " for word in words[:-1]] + [words[-1]]


def fed(events: Iterable[Event], past: Sequence[str] = ()) -> TranscriptAssembler:
    """An assembler after these events."""
    assembler = TranscriptAssembler(past)
    for event in events:
        apply(assembler, event, STARTED_AT)
    return assembler


def apply(assembler: TranscriptAssembler, event: Event, at: datetime) -> list[Turn]:
    """Apply a provider event as a call does: audio by its duration, any other event whole."""
    if event.get("type") == "response.output_audio.delta":
        frame = peek_from_upstream(json.dumps(event))
        if frame.item_id is not None:
            ms, event_id = ms_of_base64(frame.delta), frame.event_id or ""
            assembler.add_audio(frame.item_id, frame.content_index, ms, event_id)
    return assembler.feed(event, at)


def turns_of(assembler: TranscriptAssembler) -> list[dict[str, Any]]:
    """The assembler's turns in the format of a tape's expected turns."""
    return [as_expected(turn_) for turn_ in assembler.turns()]


class TurnStore:
    """Stores the turns that an assembler returns as a recorder does: the newest version of each."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, int], Turn] = {}

    def keep(self, versions: Iterable[Turn]) -> None:
        """Store these versions."""
        self._rows.update({(row.item_id, row.content_index): row for row in versions})

    def turns(self) -> list[Turn]:
        """Every turn, by position."""
        return sorted(self._rows.values(), key=lambda row: row.position)
