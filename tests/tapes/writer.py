"""Writes the tapes: `python -m tests.tapes.writer`. Each is written by hand, with its turns.

The events are complete, as the official SDK types them, but a spoken word lasts only 2 ms, which is
96 bytes. The expected turns are written out here and never computed.
"""

import base64
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from backend.protocol.audio import BYTES_PER_MS
from tests.tapes import as_json

FOLDER = Path(__file__).resolve().parent
WORD_MS = 2

_VOICE_USAGE = {
    "total_tokens": 253,
    "input_tokens": 132,
    "output_tokens": 121,
    "input_token_details": {
        "text_tokens": 119,
        "audio_tokens": 13,
        "image_tokens": 0,
        "cached_tokens": 64,
        "cached_tokens_details": {"text_tokens": 64, "audio_tokens": 0, "image_tokens": 0},
    },
    "output_token_details": {"text_tokens": 30, "audio_tokens": 91},
}

Event = dict[str, Any]
Turn = dict[str, Any]


class TapeWriter:
    """Writes one call. Each method writes the events of what its name says, 20 ms apart."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []
        self._at_ms = 0
        self._upstream(
            "session.created",
            session={
                "type": "realtime",
                "object": "realtime.session",
                "id": "sess_tape",
                "model": "gpt-realtime",
                "output_modalities": ["audio"],
                "instructions": "Be brief.",
                "expires_at": 1795248000,
            },
        )

    # One event each

    def event(self, event_type: str, **fields: Any) -> Event:
        """One event from the provider."""
        return self._upstream(event_type, **fields)

    def again(self, event: Event) -> None:
        """The same event from the provider again."""
        self._line("upstream", event=event)

    def client(self, event_type: str, **fields: Any) -> None:
        """One event from the client."""
        self._line("client", event={"type": event_type, **fields})

    def garbage(self, text: str) -> None:
        """A frame from the client that is no event."""
        self._line("client", text=text)

    # The user's side

    def user_speaks(self, item_id: str, previous: str | None) -> None:
        """The user's speech up to its conversation item; the transcript comes later."""
        silence = base64.b64encode(bytes(WORD_MS * BYTES_PER_MS)).decode()
        self.client("input_audio_buffer.append", audio=silence)
        self.speech_starts(item_id)
        self.client("input_audio_buffer.append", audio=silence)
        self.event("input_audio_buffer.speech_stopped", item_id=item_id, audio_end_ms=self._at_ms)
        self.event("input_audio_buffer.committed", item_id=item_id, previous_item_id=previous)
        self.item(_message(item_id, "user", [_input_audio()]), previous)

    def speech_starts(self, item_id: str) -> None:
        """The provider detects the start of speech."""
        self.event("input_audio_buffer.speech_started", item_id=item_id, audio_start_ms=self._at_ms)

    def transcribed(self, item_id: str, text: str, deltas: Sequence[str] = ()) -> None:
        """The user's transcript: deltas, then the complete text."""
        prefix = "conversation.item.input_audio_transcription"
        for delta in deltas:
            self.event(f"{prefix}.delta", item_id=item_id, content_index=0, delta=delta)
        self.event(
            f"{prefix}.completed",
            item_id=item_id,
            content_index=0,
            transcript=text,
            usage={"type": "duration", "seconds": 1.5},
        )

    def transcription_fails(self, item_id: str, deltas: Sequence[str] = ()) -> None:
        """The user's transcription fails, perhaps after some deltas."""
        prefix = "conversation.item.input_audio_transcription"
        for delta in deltas:
            self.event(f"{prefix}.delta", item_id=item_id, content_index=0, delta=delta)
        self.event(
            f"{prefix}.failed",
            item_id=item_id,
            content_index=0,
            error={"type": "transcription_error", "code": "audio_unintelligible", "message": "…"},
        )

    def user_types(self, item_id: str, previous: str | None, text: str) -> None:
        """A typed message, sent by the client and confirmed by the provider."""
        message = {"type": "message", "role": "user", "id": item_id}
        content = [{"type": "input_text", "text": text}]
        self.client("conversation.item.create", item={**message, "content": content})
        self.item(_message(item_id, "user", content), previous)
        self.client("response.create")

    def item(self, item: Event, previous: str | None) -> None:
        """An item that is complete when it is added."""
        self.event("conversation.item.added", item=item, previous_item_id=previous)
        self.event("conversation.item.done", item=item, previous_item_id=previous)

    # The answer

    def response_begins(self, response_id: str, conversation: str | None = "conv_tape") -> None:
        """A response begins."""
        self.event(
            "response.created",
            response=_response(response_id, "in_progress", [], conversation, None),
        )

    def answer_begins(
        self, response_id: str, item_id: str, previous: str | None, output: int = 0
    ) -> None:
        """An answer's item without content yet, and its place in the conversation."""
        item = _message(item_id, "assistant", [], "in_progress")
        self.event(
            "response.output_item.added", response_id=response_id, output_index=output, item=item
        )
        self.event("conversation.item.added", item=item, previous_item_id=previous)

    def part_begins(
        self, response_id: str, item_id: str, index: int = 0, kind: str = "audio"
    ) -> None:
        """A content part of an answer begins."""
        empty = (
            {"type": "audio", "transcript": ""} if kind == "audio" else {"type": "text", "text": ""}
        )
        self.event("response.content_part.added", **_place(response_id, item_id, index), part=empty)

    def says(self, response_id: str, item_id: str, words: Sequence[str], index: int = 0) -> None:
        """Transcript and audio deltas, 2 ms per word; each word comes before its audio."""
        place = _place(response_id, item_id, index)
        sound = base64.b64encode(bytes(WORD_MS * BYTES_PER_MS)).decode()
        for word in words:
            self.event("response.output_audio_transcript.delta", **place, delta=word)
            self.event("response.output_audio.delta", **place, delta=sound)

    def writes(self, response_id: str, item_id: str, words: Sequence[str], index: int = 0) -> None:
        """Text deltas."""
        place = _place(response_id, item_id, index)
        for word in words:
            self.event("response.output_text.delta", **place, delta=word)

    def part_ends(
        self, response_id: str, item_id: str, text: str, index: int = 0, kind: str = "audio"
    ) -> None:
        """A content part is complete."""
        place = _place(response_id, item_id, index)
        if kind == "audio":
            self.event("response.output_audio.done", **place)
            self.event("response.output_audio_transcript.done", **place, transcript=text)
            part = {"type": "audio", "transcript": text}
        else:
            self.event("response.output_text.done", **place, text=text)
            part = {"type": "text", "text": text}
        self.event("response.content_part.done", **place, part=part)

    def answer_ends(
        self, response_id: str, item: Event, previous: str | None, output: int = 0
    ) -> None:
        """An answer's item is complete."""
        self.event(
            "response.output_item.done", response_id=response_id, output_index=output, item=item
        )
        self.event("conversation.item.done", item=item, previous_item_id=previous)

    def response_ends(
        self,
        response_id: str,
        items: Sequence[Event],
        status: str = "completed",
        reason: str | None = None,
        conversation: str | None = "conv_tape",
    ) -> None:
        """A response ends."""
        response = _response(response_id, status, items, conversation, _VOICE_USAGE)
        if reason:
            response["status_details"] = {"type": status, "reason": reason}
        self.event("response.done", response=response)

    def answer(self, response_id: str, item_id: str, previous: str, words: Sequence[str]) -> None:
        """A complete spoken answer of one item."""
        text = "".join(words)
        item = spoken(item_id, text)
        self.response_begins(response_id)
        self.answer_begins(response_id, item_id, previous)
        self.part_begins(response_id, item_id)
        self.says(response_id, item_id, words)
        self.part_ends(response_id, item_id, text)
        self.answer_ends(response_id, item, previous)
        self.response_ends(response_id, [item])

    def is_cut(self, response_id: str, item_id: str, previous: str, text: str) -> None:
        """The provider stops an answer because the user speaks: all of it ends incomplete."""
        item = spoken(item_id, text, "incomplete")
        self.part_ends(response_id, item_id, text)
        self.answer_ends(response_id, item, previous)
        self.response_ends(response_id, [item], "cancelled", "turn_detected")

    def truncates(self, item_id: str, heard_ms: int, index: int = 0) -> None:
        """The client truncates to what was heard, and the provider confirms."""
        place = {"item_id": item_id, "content_index": index, "audio_end_ms": heard_ms}
        self.client("conversation.item.truncate", **place)
        self.event("conversation.item.truncated", **place)

    def _upstream(self, event_type: str, **fields: Any) -> Event:
        event = {"type": event_type, "event_id": f"event_{len(self.lines):03}", **fields}
        self._line("upstream", event=event)
        return event

    def _line(self, side: str, **frame: Any) -> None:
        self.lines.append({"at_ms": self._at_ms, "side": side, **frame})
        self._at_ms += 20


def spoken(item_id: str, text: str, status: str = "completed") -> Event:
    """A spoken answer's complete item."""
    return _message(item_id, "assistant", [{"type": "output_audio", "transcript": text}], status)


def written(item_id: str, text: str, status: str = "completed") -> Event:
    """A written answer's complete item."""
    return _message(item_id, "assistant", [{"type": "output_text", "text": text}], status)


def _message(item_id: str, role: str, content: list[Event], status: str = "completed") -> Event:
    kind = {"id": item_id, "object": "realtime.item", "type": "message"}
    return {**kind, "status": status, "role": role, "content": content}


def _input_audio() -> Event:
    return {"type": "input_audio", "transcript": None}


def _place(response_id: str, item_id: str, index: int) -> Event:
    place = {"response_id": response_id, "item_id": item_id}
    return {**place, "output_index": 0, "content_index": index}


def _response(
    response_id: str,
    status: str,
    output: Sequence[Event],
    conversation: str | None,
    usage: Event | None,
) -> Event:
    return {
        "object": "realtime.response",
        "id": response_id,
        "status": status,
        "status_details": None,
        "output": list(output),
        "conversation_id": conversation,
        "output_modalities": ["audio"],
        "usage": usage,
    }


def turn(
    item_id: str,
    role: str,
    text: str,
    status: str = "completed",
    *,
    index: int = 0,
    modality: str = "voice",
    heard: tuple[str, int] | None = None,
) -> Turn:
    """One expected turn; `heard` is the heard text and its milliseconds."""
    return {
        "item_id": item_id,
        "content_index": index,
        "role": role,
        "modality": modality,
        "text": text,
        "status": status,
        "heard_text": heard[0] if heard else None,
        "heard_ms": heard[1] if heard else None,
    }


Tape = Callable[[TapeWriter], list[Turn]]


def plain_voice_exchange(call: TapeWriter) -> list[Turn]:
    """Speech, its transcript at once, an answer; twice."""
    call.user_speaks("item_U1", None)
    call.transcribed("item_U1", "Good morning.", ["Good ", "morning."])
    call.answer("resp_1", "item_A1", "item_U1", ["Good ", "morning! ", "What ", "is it?"])
    call.user_speaks("item_U2", "item_A1")
    call.transcribed("item_U2", "The price.")
    call.answer("resp_2", "item_A2", "item_U2", ["Ten ", "euros."])
    return [
        turn("item_U1", "user", "Good morning."),
        turn("item_A1", "assistant", "Good morning! What is it?"),
        turn("item_U2", "user", "The price."),
        turn("item_A2", "assistant", "Ten euros."),
    ]


def late_user_transcript(call: TapeWriter) -> list[Turn]:
    """Both of the user's transcripts come after all answers, in reverse order."""
    call.user_speaks("item_U1", None)
    call.answer("resp_1", "item_A1", "item_U1", ["Yes, ", "of course."])
    call.user_speaks("item_U2", "item_A1")
    call.answer("resp_2", "item_A2", "item_U2", ["Tomorrow."])
    call.transcribed("item_U2", "When?")
    call.transcribed("item_U1", "Can you deliver?", ["Can you ", "deliver"])
    return [
        turn("item_U1", "user", "Can you deliver?"),
        turn("item_A1", "assistant", "Yes, of course."),
        turn("item_U2", "user", "When?"),
        turn("item_A2", "assistant", "Tomorrow."),
    ]


def interruption_with_truncation(call: TapeWriter) -> list[Turn]:
    """The user interrupts after 5 of 10 ms: two and a half words of five."""
    call.user_speaks("item_U1", None)
    call.transcribed("item_U1", "Tell me all.")
    call.response_begins("resp_1")
    call.answer_begins("resp_1", "item_A1", "item_U1")
    call.part_begins("resp_1", "item_A1")
    call.says("resp_1", "item_A1", ["We ", "have ", "seventeen ", "different ", "models."])
    call.speech_starts("item_U2")
    call.is_cut("resp_1", "item_A1", "item_U1", "We have seventeen different models.")
    call.truncates("item_A1", 5)
    call.event("input_audio_buffer.speech_stopped", item_id="item_U2", audio_end_ms=900)
    call.event("input_audio_buffer.committed", item_id="item_U2", previous_item_id="item_A1")
    call.item(_message("item_U2", "user", [_input_audio()]), "item_A1")
    call.transcribed("item_U2", "Stop, please.")
    call.answer("resp_2", "item_A2", "item_U2", ["Sorry."])
    return [
        turn("item_U1", "user", "Tell me all."),
        turn(
            "item_A1",
            "assistant",
            "We have seventeen different models.",
            "interrupted",
            heard=("We have", 5),
        ),
        turn("item_U2", "user", "Stop, please."),
        turn("item_A2", "assistant", "Sorry."),
    ]


def truncation_in_mid_stream(call: TapeWriter) -> list[Turn]:
    """A truncation during the deltas; further deltas, the text and a blank text come after it."""
    call.user_speaks("item_U1", None)
    call.transcribed("item_U1", "Go on.")
    call.response_begins("resp_1")
    call.answer_begins("resp_1", "item_A1", "item_U1")
    call.part_begins("resp_1", "item_A1")
    call.says("resp_1", "item_A1", ["One ", "two "])
    call.truncates("item_A1", 3)
    call.says("resp_1", "item_A1", ["three ", "four"])
    call.part_ends("resp_1", "item_A1", "One two three four.")
    call.answer_ends("resp_1", spoken("item_A1", "", "incomplete"), "item_U1")
    call.response_ends("resp_1", [spoken("item_A1", "One", "incomplete")], "cancelled")
    return [
        turn("item_U1", "user", "Go on."),
        turn("item_A1", "assistant", "One two three four.", "interrupted", heard=("One", 3)),
    ]


def two_items_in_a_response(call: TapeWriter) -> list[Turn]:
    """One response, two messages; only the end of the response has the second one."""
    call.user_speaks("item_U1", None)
    call.transcribed("item_U1", "Why?")
    call.response_begins("resp_1")
    call.answer_begins("resp_1", "item_A1", "item_U1")
    call.part_begins("resp_1", "item_A1")
    call.says("resp_1", "item_A1", ["Let me ", "think."])
    call.part_ends("resp_1", "item_A1", "Let me think.")
    call.answer_ends("resp_1", spoken("item_A1", "Let me think."), "item_U1")
    call.user_speaks("item_U2", "item_A2")
    call.response_ends(
        "resp_1", [spoken("item_A1", "Let me think."), spoken("item_A2", "Because it lasts.")]
    )
    call.transcribed("item_U2", "I see.")
    return [
        turn("item_U1", "user", "Why?"),
        turn("item_A1", "assistant", "Let me think."),
        turn("item_A2", "assistant", "Because it lasts."),
        turn("item_U2", "user", "I see."),
    ]


def two_content_parts(call: TapeWriter) -> list[Turn]:
    """An answer with a spoken and a written part; a user message with text, image and text."""
    content = [
        {"type": "input_text", "text": "Look at this."},
        {"type": "input_image", "image_url": "data:image/png;base64,AAAA"},
        {"type": "input_text", "text": "What is it?"},
    ]
    call.item(_message("item_U1", "user", content), None)
    call.response_begins("resp_1")
    call.answer_begins("resp_1", "item_A1", "item_U1")
    call.part_begins("resp_1", "item_A1")
    call.says("resp_1", "item_A1", ["A ", "lamp."])
    call.part_begins("resp_1", "item_A1", 1, "text")
    call.writes("resp_1", "item_A1", ["https://", "lamp.example"], 1)
    call.part_ends("resp_1", "item_A1", "A lamp.")
    call.part_ends("resp_1", "item_A1", "https://lamp.example", 1, "text")
    both = [
        {"type": "output_audio", "transcript": "A lamp."},
        {"type": "output_text", "text": "https://lamp.example"},
    ]
    whole = _message("item_A1", "assistant", both)
    call.answer_ends("resp_1", whole, "item_U1")
    call.response_ends("resp_1", [whole])
    return [
        turn("item_U1", "user", "Look at this.", modality="text"),
        turn("item_U1", "user", "What is it?", index=2, modality="text"),
        turn("item_A1", "assistant", "A lamp."),
        turn("item_A1", "assistant", "https://lamp.example", index=1, modality="text"),
    ]


def typed_messages(call: TapeWriter) -> list[Turn]:
    """A typed message with a written answer, and one with a spoken answer."""
    call.user_types("typed-1", None, "Do you ship to Osaka?")
    call.response_begins("resp_1")
    call.answer_begins("resp_1", "item_A1", "typed-1")
    call.part_begins("resp_1", "item_A1", kind="text")
    call.writes("resp_1", "item_A1", ["We ", "do."])
    call.part_ends("resp_1", "item_A1", "We do.", kind="text")
    call.answer_ends("resp_1", written("item_A1", "We do."), "typed-1")
    call.response_ends("resp_1", [written("item_A1", "We do.")])
    call.user_types("typed-2", "item_A1", "Say it aloud.")
    call.answer("resp_2", "item_A2", "typed-2", ["We do, ", "gladly."])
    return [
        turn("typed-1", "user", "Do you ship to Osaka?", modality="text"),
        turn("item_A1", "assistant", "We do.", modality="text"),
        turn("typed-2", "user", "Say it aloud.", modality="text"),
        turn("item_A2", "assistant", "We do, gladly."),
    ]


def failed_transcription(call: TapeWriter) -> list[Turn]:
    """One fails after some deltas, one without any; both are answered, and both are turns."""
    call.user_speaks("item_U1", None)
    call.answer("resp_1", "item_A1", "item_U1", ["Pardon?"])
    call.transcription_fails("item_U1", ["I would ", "like"])
    call.user_speaks("item_U2", "item_A1")
    call.transcription_fails("item_U2")
    call.answer("resp_2", "item_A2", "item_U2", ["Once more?"])
    return [
        turn("item_U1", "user", "I would like", "failed"),
        turn("item_A1", "assistant", "Pardon?"),
        turn("item_U2", "user", "", "failed"),
        turn("item_A2", "assistant", "Once more?"),
    ]


def deletion(call: TapeWriter) -> list[Turn]:
    """Deleted: a user's words (kept), an unheard answer, a half-heard one, speech without words."""
    call.user_speaks("item_U1", None)
    call.transcribed("item_U1", "Forget this.")
    call.answer("resp_1", "item_A1", "item_U1", ["Never ", "heard."])
    call.event("conversation.item.deleted", item_id="item_A1")
    call.event("conversation.item.deleted", item_id="item_U1")
    call.user_speaks("item_U2", None)
    call.transcribed("item_U2", "And now?")
    call.answer("resp_2", "item_A2", "item_U2", ["Half ", "heard."])
    call.truncates("item_A2", 2)
    call.event("conversation.item.deleted", item_id="item_A2")
    call.user_speaks("item_U3", "item_U2")
    call.event("conversation.item.deleted", item_id="item_U3")
    call.user_speaks("item_U4", "item_U2")
    call.transcribed("item_U4", "Goodbye.")
    return [
        turn("item_U1", "user", "Forget this."),
        turn("item_A1", "assistant", "Never heard.", "interrupted", heard=("", 0)),
        turn("item_U2", "user", "And now?"),
        turn("item_A2", "assistant", "Half heard.", "interrupted", heard=("Half", 2)),
        turn("item_U4", "user", "Goodbye."),
    ]


def duplicates_and_unknown_types(call: TapeWriter) -> list[Turn]:
    """Every event twice, unknown types and fields, and invalid frames from the client."""
    call.garbage('{"type": "input_audio_buffer.append", "type": "session.update"}')
    call.garbage("not json")
    call.user_speaks("item_U1", None)
    call.transcribed("item_U1", "Hello.", ["Hel", "lo."])
    call.response_begins("resp_1")
    call.answer_begins("resp_1", "item_A1", "item_U1")
    call.part_begins("resp_1", "item_A1")
    call.says("resp_1", "item_A1", ["Hello ", "to ", "you ", "too."])
    for line in list(call.lines):
        if line["side"] == "upstream":
            call.again(line["event"])
    call.event("response.output_smell.delta", item_id="item_A1", delta="roses")
    call.event("conversation.item.input_audio_transcription.updated", item_id="item_U1")
    call.event("response.output_audio.delta")
    call.event("conversation.item.added", item="item_A1")
    call.is_cut("resp_1", "item_A1", "item_U1", "Hello to you too.")
    call.truncates("item_A1", 4)
    for line in list(call.lines):
        if line["side"] == "upstream":
            call.again(line["event"])
    return [
        turn("item_U1", "user", "Hello."),
        turn("item_A1", "assistant", "Hello to you too.", "interrupted", heard=("Hello to", 4)),
    ]


def transcript_before_item(call: TapeWriter) -> list[Turn]:
    """Transcripts come before any event about the place or the existence of their items."""
    call.transcribed("item_U1", "First.", ["Fir", "st."])
    call.response_begins("resp_1")
    call.says("resp_1", "item_A1", ["Then ", "I."])
    call.user_speaks("item_U2", "item_A1")
    call.transcribed("item_U2", "Then me.")
    call.user_speaks("item_U1", None)
    call.answer_begins("resp_1", "item_A1", "item_U1")
    call.part_begins("resp_1", "item_A1")
    call.part_ends("resp_1", "item_A1", "Then I.")
    call.answer_ends("resp_1", spoken("item_A1", "Then I."), "item_U1")
    call.response_ends("resp_1", [spoken("item_A1", "Then I.")])
    return [
        turn("item_U1", "user", "First."),
        turn("item_A1", "assistant", "Then I."),
        turn("item_U2", "user", "Then me."),
    ]


def cancelled_without_truncation(call: TapeWriter) -> list[Turn]:
    """Answers with each kind of early end, and no truncation."""
    call.user_speaks("item_U1", None)
    call.transcribed("item_U1", "Talk.")
    previous = "item_U1"
    for number, (status, reason) in enumerate(
        [("cancelled", "client_cancelled"), ("incomplete", "max_output_tokens"), ("failed", None)],
        1,
    ):
        response_id, item_id = f"resp_{number}", f"item_A{number}"
        call.response_begins(response_id)
        call.answer_begins(response_id, item_id, previous)
        call.part_begins(response_id, item_id)
        call.says(response_id, item_id, ["I was ", "saying"])
        # Some responses end without naming what they had begun.
        output = [spoken(item_id, "I was saying", "incomplete")] if number > 1 else []
        call.response_ends(response_id, output, status, reason)
        previous = item_id
    call.response_begins("resp_4")
    call.answer_begins("resp_4", "item_A4", previous)
    call.response_ends("resp_4", [], "cancelled", "turn_detected")
    return [
        turn("item_U1", "user", "Talk."),
        turn("item_A1", "assistant", "I was saying", "interrupted"),
        turn("item_A2", "assistant", "I was saying", "interrupted"),
        turn("item_A3", "assistant", "I was saying", "failed"),
    ]


def japanese_conversation(call: TapeWriter) -> list[Turn]:
    """Japanese has no spaces: a cut is between characters, preferably behind a comma."""
    call.user_speaks("item_U1", None)
    call.response_begins("resp_1")
    call.answer_begins("resp_1", "item_A1", "item_U1")
    call.part_begins("resp_1", "item_A1")
    call.says("resp_1", "item_A1", ["はい、", "こちらの", "コーヒーは", "三百円です。"])
    call.speech_starts("item_U2")
    call.transcribed("item_U1", "これはいくらですか。", ["これは", "いくらですか。"])
    call.is_cut("resp_1", "item_A1", "item_U1", "はい、こちらのコーヒーは三百円です。")
    call.truncates("item_A1", 5)
    call.event("input_audio_buffer.speech_stopped", item_id="item_U2", audio_end_ms=900)
    call.event("input_audio_buffer.committed", item_id="item_U2", previous_item_id="item_A1")
    call.item(_message("item_U2", "user", [_input_audio()]), "item_A1")
    call.response_begins("resp_2")
    call.answer_begins("resp_2", "item_A2", "item_U2")
    call.part_begins("resp_2", "item_A2")
    call.says("resp_2", "item_A2", ["では、", "こちらへどうぞ。"])
    call.transcribed("item_U2", "二つください。")
    call.is_cut("resp_2", "item_A2", "item_U2", "では、こちらへどうぞ。")
    call.truncates("item_A2", 2)
    call.user_types("typed-1", "item_A2", "𠮷野さんですか?👍🏽")
    return [
        turn("item_U1", "user", "これはいくらですか。"),
        turn(
            "item_A1",
            "assistant",
            "はい、こちらのコーヒーは三百円です。",
            "interrupted",
            heard=("はい、こちらのコー", 5),
        ),
        turn("item_U2", "user", "二つください。"),
        turn("item_A2", "assistant", "では、こちらへどうぞ。", "interrupted", heard=("では、", 2)),
        turn("typed-1", "user", "𠮷野さんですか?👍🏽", modality="text"),
    ]


def divided_characters(call: TapeWriter) -> list[Turn]:
    """An emoji is divided between two deltas; every complete text is lost with the connection."""
    call.user_speaks("item_U1", None)
    call.response_begins("resp_1")
    call.answer_begins("resp_1", "item_A1", "item_U1")
    call.part_begins("resp_1", "item_A1")
    call.says("resp_1", "item_A1", ["Nice ", "\ud83d"])
    call.transcription_fails("item_U1", ["I am \ud83d", "\ude00", " here\ud83d"])
    call.says("resp_1", "item_A1", ["\ude00 ok", " then", "\ud83d", " and \ude00", " on\ud83d"])
    call.response_ends("resp_1", [], "failed")
    call.response_begins("resp_2")
    call.answer_begins("resp_2", "item_A2", "item_A1")
    call.part_begins("resp_2", "item_A2")
    call.says("resp_2", "item_A2", ["\ud83d", "\ude00\ud83d", "\ude00\ud83d", "\ude00 ok"])
    call.truncates("item_A2", 6)
    call.response_ends("resp_2", [], "cancelled", "turn_detected")
    call.response_begins("resp_3")
    call.answer_begins("resp_3", "item_A3", "item_A2")
    call.part_begins("resp_3", "item_A3", kind="text")
    call.writes("resp_3", "item_A3", ["So: \ud842", "\udfb7野\ud842"])
    call.response_ends("resp_3", [], "failed")
    return [
        turn("item_U1", "user", "I am 😀 here", "failed"),
        turn("item_A1", "assistant", "Nice 😀 ok then and  on", "failed"),
        turn("item_A2", "assistant", "😀😀😀 ok", "interrupted", heard=("😀😀", 6)),
        turn("item_A3", "assistant", "So: 𠮷野", "failed", modality="text"),
    ]


def reconnect_with_past_items(call: TapeWriter) -> list[Turn]:
    """A new call of an existing session: replayed items make no turns and come first."""
    call.item(_message("item_P1", "user", [{"type": "input_text", "text": "Are you there?"}]), None)
    call.item(written("item_P2", "I am"), "item_P1")
    call.user_speaks("item_U1", "item_P2")
    call.answer("resp_1", "item_A1", "item_U1", ["Where ", "were ", "we?"])
    call.transcribed("item_U1", "I am back.")
    return [
        turn("item_U1", "user", "I am back."),
        turn("item_A1", "assistant", "Where were we?"),
    ]


def silence(call: TapeWriter) -> list[Turn]:
    """Noise, speech without words and an empty answer make no turn; then one real exchange."""
    call.speech_starts("item_N1")
    call.event("input_audio_buffer.speech_stopped", item_id="item_N1", audio_end_ms=100)
    call.event("input_audio_buffer.cleared")
    call.user_speaks("item_N2", None)
    call.transcribed("item_N2", " \n")
    call.response_begins("resp_1")
    call.answer_begins("resp_1", "item_N3", "item_N2")
    call.part_begins("resp_1", "item_N3")
    call.part_ends("resp_1", "item_N3", "")
    call.answer_ends("resp_1", spoken("item_N3", ""), "item_N2")
    call.response_ends("resp_1", [spoken("item_N3", "")])
    call.user_speaks("item_U1", "item_N3")
    call.answer("resp_2", "item_A1", "item_U1", ["Yes?"])
    call.transcribed("item_U1", "Hello?")
    return [
        turn("item_U1", "user", "Hello?"),
        turn("item_A1", "assistant", "Yes?"),
    ]


def functions_and_system_items(call: TapeWriter) -> list[Turn]:
    """A system message, a function call and its output make no turn and link the chain."""
    system = [{"type": "input_text", "text": "Be kind."}]
    call.item(_message("item_S1", "system", system), None)
    call.user_speaks("item_U1", "item_S1")
    call.response_begins("resp_1")
    called = {
        "id": "item_F1",
        "object": "realtime.item",
        "type": "function_call",
        "status": "completed",
        "name": "price",
        "call_id": "call_1",
        "arguments": "{}",
    }
    call.event("response.output_item.added", response_id="resp_1", output_index=0, item=called)
    call.event("conversation.item.added", item=called, previous_item_id="item_U1")
    call.event(
        "response.function_call_arguments.done",
        response_id="resp_1",
        item_id="item_F1",
        output_index=0,
        call_id="call_1",
        name="price",
        arguments="{}",
    )
    call.event("response.output_item.done", response_id="resp_1", output_index=0, item=called)
    call.response_ends("resp_1", [called])
    result = {
        "id": "item_F2",
        "object": "realtime.item",
        "type": "function_call_output",
        "status": "completed",
        "call_id": "call_1",
        "output": "10",
    }
    call.item(result, "item_F1")
    call.answer("resp_2", "item_A1", "item_F2", ["Ten."])
    call.transcribed("item_U1", "How much?")
    return [
        turn("item_U1", "user", "How much?"),
        turn("item_A1", "assistant", "Ten."),
    ]


def out_of_band_response(call: TapeWriter) -> list[Turn]:
    """An out-of-band response between two responses of the conversation makes no turn."""
    call.user_types("typed-1", None, "Go.")
    call.answer("resp_1", "item_A1", "typed-1", ["Going."])
    call.response_begins("resp_2", None)
    call.event(
        "response.output_item.added",
        response_id="resp_2",
        output_index=0,
        item=_message("item_O1", "assistant", [], "in_progress"),
    )
    call.part_begins("resp_2", "item_O1", kind="text")
    call.writes("resp_2", "item_O1", ["mood: ", "calm"])
    call.part_ends("resp_2", "item_O1", "mood: calm", kind="text")
    call.response_ends("resp_2", [written("item_O1", "mood: calm")], conversation=None)
    call.user_types("typed-2", "item_A1", "Stop.")
    call.answer("resp_3", "item_A2", "typed-2", ["Stopping."])
    return [
        turn("typed-1", "user", "Go.", modality="text"),
        turn("item_A1", "assistant", "Going."),
        turn("typed-2", "user", "Stop.", modality="text"),
        turn("item_A2", "assistant", "Stopping."),
    ]


def inserted_items(call: TapeWriter) -> list[Turn]:
    """A later item stands directly behind its predecessor, also with `item.created`."""
    call.user_types("typed-1", None, "One.")
    call.answer("resp_1", "item_A1", "typed-1", ["Two."])
    call.user_types("typed-2", "typed-1", "One and a half.")
    call.event(
        "conversation.item.created",
        item=_message("typed-0", "user", [{"type": "input_text", "text": "Zero."}]),
        previous_item_id=None,
    )
    call.answer("resp_2", "item_A2", "item_A1", ["Three."])
    return [
        turn("typed-0", "user", "Zero.", modality="text"),
        turn("typed-1", "user", "One.", modality="text"),
        turn("typed-2", "user", "One and a half.", modality="text"),
        turn("item_A1", "assistant", "Two."),
        turn("item_A2", "assistant", "Three."),
    ]


TAPES: tuple[Tape, ...] = (
    plain_voice_exchange,
    late_user_transcript,
    interruption_with_truncation,
    truncation_in_mid_stream,
    two_items_in_a_response,
    two_content_parts,
    typed_messages,
    failed_transcription,
    deletion,
    duplicates_and_unknown_types,
    transcript_before_item,
    cancelled_without_truncation,
    japanese_conversation,
    divided_characters,
    reconnect_with_past_items,
    silence,
    functions_and_system_items,
    out_of_band_response,
    inserted_items,
)

PAST: dict[Tape, list[Turn]] = {
    reconnect_with_past_items: [
        turn("item_P1", "user", "Are you there?"),
        turn("item_P2", "assistant", "I am here.", "interrupted", heard=("I am", 3)),
    ]
}


def files() -> dict[str, str]:
    """The text of every tape file, by file name."""
    written_files: dict[str, str] = {}
    for tape in TAPES:
        name, call = tape.__name__, TapeWriter()
        turns = tape(call)
        lines = [as_json(line) for line in call.lines]
        written_files[f"{name}.jsonl"] = "".join(f"{line}\n" for line in lines)
        written_files[f"{name}.turns.json"] = _pretty(turns)
        if tape in PAST:
            numbered = [{**past, "position": n} for n, past in enumerate(PAST[tape])]
            written_files[f"{name}.past.json"] = _pretty(numbered)
    return written_files


def _pretty(turns: list[Turn]) -> str:
    return json.dumps(turns, ensure_ascii=False, indent=2) + "\n"


if __name__ == "__main__":
    for file_name, text in files().items():
        (FOLDER / file_name).write_text(text, encoding="utf-8")
