"""PURE: an answer on its way to the client: its item, from the first event of it to the last."""

import base64
from dataclasses import dataclass

from backend.simulator.engine import chunking, token_usage
from backend.simulator.engine.conversation import BYTES_PER_MS, Conversation, Item, Part
from backend.simulator.engine.effects import Event
from backend.simulator.engine.outbox import Outbox


def affordable(beats: list[chunking.Beat], most_tokens: int | str) -> list[chunking.Beat]:
    """The beats from the first on whose words and sound cost at most so much ("inf": all)."""
    if isinstance(most_tokens, str):
        return beats
    said, sound_bytes = "", 0
    for place, beat in enumerate(beats):
        said += beat.text
        sound_bytes += len(beat.pcm)
        sound = token_usage.of_assistant_audio(sound_bytes // BYTES_PER_MS)
        if (token_usage.of_text(said) + sound).total > most_tokens:
            return beats[:place]
    return beats


@dataclass(slots=True)
class Delivery:
    """Sends beat after beat, `beat_s` seconds apart; `conversation` None: the item enters none.

    `is_cut_short`: the beats are not all that there was to say.
    """

    response_id: str
    item: Item
    is_spoken: bool
    beats: list[chunking.Beat]
    beat_s: float
    started_at: float
    conversation: Conversation | None
    out: Outbox
    is_cut_short: bool = False
    next_beat: int = 0

    @property
    def due_at(self) -> float:
        """When the next beat is to be sent, or the end after the last."""
        return self.started_at + self.next_beat * self.beat_s

    @property
    def heard_at(self) -> float:
        """When a client that plays the sound at once has played all of it."""
        return self.started_at + self.item.parts[0].audio_ms / 1000

    @property
    def made(self) -> token_usage.Tokens:
        """What the answer costs as output: its words and its sound."""
        return token_usage.of_text(self.item.said) + token_usage.Tokens(
            audio=self.item.tokens.audio
        )

    def open(self) -> None:
        """The first token is there: the item enters the response and the conversation."""
        item = self.item
        self._send_item("response.output_item.added")
        if self.conversation is not None:
            previous = self.conversation.put(item, None)
            self.out.send(
                "conversation.item.added", item=item.as_event(), previous_item_id=previous
            )
        item.parts = [Part("output_audio" if self.is_spoken else "output_text", "")]
        self._send_content("response.content_part.added", part=self._part_event())

    def advance(self, now: float) -> bool:
        """Sends the beats that are due; answers whether the end is due too."""
        while now >= self.due_at:
            if self.next_beat == len(self.beats):
                return True
            self._send_beat(self.beats[self.next_beat])
            self.next_beat += 1
        return False

    def close(self, status: str) -> None:
        """Ends the item as the response ends, `completed` or not."""
        item, part = self.item, self.item.parts[0]
        item.status = "completed" if status == "completed" else "incomplete"
        sound = b"".join(beat.pcm for beat in self.beats[: self.next_beat])
        part.pcm = sound[: part.audio_ms * BYTES_PER_MS]
        if self.is_spoken:
            self._send_content("response.output_audio.done")
            self._send_content("response.output_audio_transcript.done", transcript=item.said)
        else:
            self._send_content("response.output_text.done", text=item.said)
        self._send_content("response.content_part.done", part=self._part_event())
        self._send_item("response.output_item.done")
        # The client may have deleted it meanwhile.
        if self.conversation is not None and self.conversation.find(item.id) is item:
            previous = self.conversation.id_before(item)
            self.out.send("conversation.item.done", item=item.as_event(), previous_item_id=previous)

    def _send_beat(self, beat: chunking.Beat) -> None:
        part = self.item.parts[0]
        self.item.said += beat.text
        if part.text is not None:
            part.text += beat.text
        if not self.is_spoken:
            self._send_content("response.output_text.delta", delta=beat.text)
            return
        if beat.text:
            self._send_content("response.output_audio_transcript.delta", delta=beat.text)
        if beat.pcm:
            part.audio_ms += len(beat.pcm) // BYTES_PER_MS
            sound = base64.b64encode(beat.pcm).decode()
            self._send_content("response.output_audio.delta", delta=sound)

    def _send_item(self, type: str) -> None:
        item = self.item.as_event()
        self.out.send(type, response_id=self.response_id, output_index=0, item=item)

    def _send_content(self, type: str, **fields: object) -> None:
        self.out.send(
            type,
            response_id=self.response_id,
            item_id=self.item.id,
            output_index=0,
            content_index=0,
            **fields,
        )

    def _part_event(self) -> Event:
        """The part as the `content_part` events name it: `audio` and `text`, not `output_…`."""
        if self.is_spoken:
            return {"type": "audio", "transcript": self.item.said}
        return {"type": "text", "text": self.item.said}
