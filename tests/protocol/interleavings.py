"""Conversations made by chance, told in every order that a provider may tell them in.

What a conversation must end in is known from how it was made: nothing here asks the assembler.
"""

import json
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from backend.protocol.frames import audio_ms_of, peek_from_upstream
from backend.protocol.transcript.assembler import TranscriptAssembler
from backend.protocol.transcript.turns import Turn
from tests.tapes import STARTED_AT, as_expected
from tests.tapes.scribe import WORD_MS, Scribe, spoken, turn, written

Event = dict[str, Any]

WORDS = ("well", "yes", "the", "price", "is", "seventeen", "euros", "thanks")


@dataclass(slots=True)
class Conversation:
    """Streams of events, each in an order that must be kept, and the turns they must end in."""

    streams: list[list[Event]] = field(default_factory=list)
    turns: list[dict[str, Any]] = field(default_factory=list)


def told(call: Scribe, since: int = 0) -> list[Event]:
    """What the provider said on this tape, from line `since` on."""
    return [line["event"] for line in call.lines[since:] if line["side"] == "upstream"]


def merged(streams: Iterable[Sequence[Event]], chance: random.Random) -> list[Event]:
    """The streams as one, each in its own order, otherwise by chance."""
    waiting = [list(stream) for stream in streams if stream]
    order: list[Event] = []
    while waiting:
        stream = chance.choice(waiting)
        order.append(stream.pop(0))
        waiting = [rest for rest in waiting if rest]
    return order


def repeated(events: Sequence[Event], chance: random.Random) -> list[Event]:
    """The events, some of them again somewhere later."""
    order = list(events)
    for event in chance.sample(order, len(order) // 5):
        order.insert(chance.randint(order.index(event) + 1, len(order)), event)
    return order


def reordered(events: Sequence[Event], chance: random.Random) -> list[Event]:
    """The events of a tape, told in another order that a provider may tell them in.

    What is about one item keeps its order; a response begins before and ends after what is in it;
    and of two items with one predecessor the later insertion stays the later.
    """
    holds: list[set[str]] = [set(_holds(event)) for event in events]
    waiting = list(range(len(events)))
    order: list[Event] = []
    while waiting:
        free: list[int] = []
        held: set[str] = set()
        for index in waiting:
            if not any(_collide(hold, other) for hold in holds[index] for other in held):
                free.append(index)
            held |= holds[index]
        chosen = chance.choice(free)
        waiting.remove(chosen)
        order.append(events[chosen])
    return order


def _holds(event: Event) -> Iterator[str]:
    """What an event may not overtake others on: its items, its response, its predecessor."""
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


def _collide(hold: str, other: str) -> bool:
    """The same hold twice; but what is inside a response is only bound by its beginning and end."""
    if hold.startswith("inside "):
        return other == hold.replace("inside", "around")
    if hold.startswith("around "):
        return other in (hold, hold.replace("around", "inside"))
    return hold == other


@dataclass(frozen=True, slots=True)
class Output:
    """One item of a response: its own stream, the item told whole, and how the response ended."""

    stream: list[Event]
    item: Event
    status: str = "completed"


class Author:
    """Makes up a conversation, one utterance behind the other."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._call = Scribe()
        self._made = Conversation()
        self._number = 0
        self._last: str | None = None
        self._behind: dict[str, str | None] = {}
        self._deleted: set[str] = set()

    def conversation(self, utterances: int) -> Conversation:
        """A whole one, of so many utterances."""
        kinds = (
            self._speech,
            self._typed,
            self._answer,
            self._long_answer,
            self._late_answer,
            self._function,
        )
        for kind in self._chance.choices(kinds, weights=(4, 1, 4, 1, 1, 1), k=utterances):
            kind()
        return self._made

    def _speech(self) -> None:
        item_id, before = self._next_item()
        words = self._words()
        text = " ".join(words)
        self._tell(lambda call: call.user_speaks(item_id, before))
        match self._chance.randrange(5):
            case 0:
                self._tell(lambda call: call.transcription_fails(item_id))
                self._expect(turn(item_id, "user", "", "failed"))
            case 1:
                self._tell(lambda call: call.transcription_fails(item_id, [text]))
                self._expect(turn(item_id, "user", text, "failed"))
            case 2:
                self._tell(lambda call: call.transcribed(item_id, " "))
            case _:
                self._tell(lambda call: call.transcribed(item_id, text, _deltas(words)))
                self._expect(turn(item_id, "user", text))
                self._perhaps_delete(item_id)

    def _typed(self) -> None:
        item_id, before = self._next_item()
        text = " ".join(self._words())
        self._tell(lambda call: call.user_types(item_id, before, text))
        self._expect(turn(item_id, "user", text, modality="text"))

    def _function(self) -> None:
        item_id, before = self._next_item()
        item = {"id": item_id, "type": "function_call", "status": "completed", "name": "f"}
        self._tell(lambda call: call.item(item, before))

    def _answer(self) -> None:
        """One spoken item, which ends in one of the ways in which answers end."""
        response_id = self._next_id("resp")
        status = self._chance.choice(["completed", "cancelled", "incomplete", "failed"])
        self._respond(response_id, [self._spoken_item(response_id, status, may_be_cut=True)])

    def _long_answer(self) -> None:
        """Three items; where the last one stands is known from the end of the response alone."""
        response_id = self._next_id("resp")
        told_items = [self._spoken_item(response_id, "completed") for _ in range(2)]
        item_id, _ = self._next_item()
        text = " ".join(self._words())
        self._expect(turn(item_id, "assistant", text))
        self._respond(response_id, [*told_items, Output([], spoken(item_id, text))])

    def _late_answer(self) -> None:
        """One item that has its place at once, but its words only at the end of the response."""
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

        def streamed(call: Scribe) -> None:
            call.answer_begins(response_id, item_id, before)
            call.part_begins(response_id, item_id)
            call.says(response_id, item_id, _deltas(words))
            call.part_ends(response_id, item_id, text)
            call.answer_ends(response_id, item, before)

        if may_be_cut and self._chance.random() < 0.4:
            heard_ms = self._chance.randint(0, len(words) * WORD_MS + 1)
            heard = " ".join(words[: heard_ms // WORD_MS])
            self._tell(lambda call: call.truncates(item_id, heard_ms))
            self._expect(turn(item_id, "assistant", text, "interrupted", heard=(heard, heard_ms)))
        else:
            is_cut = status in ("cancelled", "incomplete")
            self._expect(turn(item_id, "assistant", text, "interrupted" if is_cut else status))
        return Output(self._stream(streamed), item, status)

    def _respond(self, response_id: str, outputs: Sequence[Output]) -> None:
        status = outputs[-1].status
        # A response that was cancelled may end without naming what it had begun.
        is_named = status != "cancelled" or self._chance.random() < 0.5
        items = [output.item for output in outputs] if is_named else []
        self._made.streams.append(
            [
                *self._stream(lambda call: call.response_begins(response_id)),
                *merged([output.stream for output in outputs], self._chance),
                *self._stream(lambda call: call.response_ends(response_id, items, status)),
            ]
        )

    def _perhaps_delete(self, item_id: str) -> None:
        # Of two deleted behind one nobody can tell later which was said first.
        if self._behind[item_id] not in self._deleted and self._chance.random() < 0.3:
            before = self._behind[item_id]
            if [i for i, b in self._behind.items() if b == before] == [item_id]:
                self._deleted.add(item_id)
                self._tell(lambda call: call.event("conversation.item.deleted", item_id=item_id))

    def _next_item(self) -> tuple[str, str | None]:
        """A new item's id and its predecessor; a deleted one may be forgotten already."""
        item_id, before = self._next_id("item"), self._last
        if before in self._deleted and self._chance.random() < 0.5:
            before = self._behind[str(before)]
        self._behind[item_id], self._last = before, item_id
        return item_id, before

    def _next_id(self, kind: str) -> str:
        self._number += 1
        return f"{kind}_{self._number}"

    def _stream(self, write: Callable[[Scribe], object]) -> list[Event]:
        since = len(self._call.lines)
        write(self._call)
        return told(self._call, since)

    def _tell(self, write: Callable[[Scribe], object]) -> None:
        self._made.streams.append(self._stream(write))

    def _words(self) -> list[str]:
        return self._chance.choices(WORDS, k=self._chance.randint(1, 6))

    def _expect(self, expected: Event) -> None:
        self._made.turns.append(expected)


def _deltas(words: Sequence[str]) -> list[str]:
    return [f"{word} " for word in words[:-1]] + [words[-1]]


def fed(events: Iterable[Event], past: Sequence[str] = ()) -> TranscriptAssembler:
    """An assembler that was told these events."""
    assembler = TranscriptAssembler(past)
    for event in events:
        apply(assembler, event, STARTED_AT)
    return assembler


def apply(assembler: TranscriptAssembler, event: Event, at: datetime) -> list[Turn]:
    """Apply a provider event as a call does: audio by its duration, any other event whole."""
    if event.get("type") == "response.output_audio.delta":
        frame = peek_from_upstream(json.dumps(event))
        if frame.item_id is not None:
            ms, event_id = audio_ms_of(frame), frame.event_id or ""
            assembler.add_audio(frame.item_id, frame.content_index, ms, event_id)
    return assembler.feed(event, at)


def ending(assembler: TranscriptAssembler) -> list[dict[str, Any]]:
    """Its turns, in the form of a tape's."""
    return [as_expected(spoken_turn) for spoken_turn in assembler.turns()]


class Ledger:
    """Keeps what an assembler tells, as a recorder does: the newest of each turn."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, int], Turn] = {}

    def keep(self, news: Iterable[Turn]) -> None:
        """Write these down."""
        self._rows.update({(row.item_id, row.content_index): row for row in news})

    def turns(self) -> list[Turn]:
        """Every turn, by position."""
        return sorted(self._rows.values(), key=lambda row: row.position)
