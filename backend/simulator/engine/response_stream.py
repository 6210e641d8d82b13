"""PURE: streams a response's output item: all its events, from the first to the last."""

import base64
from dataclasses import dataclass, replace

from backend.simulator.engine import token_usage
from backend.simulator.engine.chunking import Chunk
from backend.simulator.engine.conversation import BYTES_PER_MS, Conversation, Item, Part
from backend.simulator.engine.effects import Event
from backend.simulator.engine.outbox import Outbox
from backend.simulator.engine.output_audio_buffer import OutputAudioBuffer


def chunks_within_budget(chunks: list[Chunk], max_tokens: int | str) -> list[Chunk]:
    """The longest run of first chunks that costs at most `max_tokens`; "inf" keeps all."""
    if isinstance(max_tokens, str):
        return chunks
    text, audio_bytes = "", 0
    for index, chunk in enumerate(chunks):
        text += chunk.text
        audio_bytes += len(chunk.pcm)
        audio = token_usage.assistant_audio_tokens(audio_bytes // BYTES_PER_MS)
        if (token_usage.text_tokens(text) + audio).total > max_tokens:
            return chunks[:index]
    return chunks


@dataclass(slots=True)
class ResponseStream:
    """Sends one chunk every `chunk_interval_s` seconds, starting at `started_at`.

    `conversation`: None for an out-of-band response, whose item is in no conversation.
    `is_truncated`: the token limit cut chunks off. `output_audio_buffer`: gets the audio of a
    WebRTC call, which is in no event; None for a WebSocket.
    """

    response_id: str
    item: Item
    is_spoken: bool
    chunks: list[Chunk]
    chunk_interval_s: float
    started_at: float
    conversation: Conversation | None
    out: Outbox
    is_truncated: bool = False
    output_audio_buffer: OutputAudioBuffer | None = None
    next_chunk: int = 0

    @property
    def due_at(self) -> float:
        """When the next chunk is due, or, after the last chunk, the end."""
        return self.started_at + self.next_chunk * self.chunk_interval_s

    @property
    def playback_ends_at(self) -> float:
        """When a client that plays the audio without delay has played all of it."""
        return self.started_at + self.item.parts[0].audio_ms / 1000

    @property
    def output_tokens(self) -> token_usage.Tokens:
        """The tokens of the text and the audio sent so far."""
        return token_usage.text_tokens(self.item.reply_text) + token_usage.Tokens(
            audio=self.item.tokens.audio
        )

    def open(self) -> None:
        """Add the item to the response and the conversation, and open its content part."""
        item = self.item
        self._send_item("response.output_item.added")
        if self.conversation is not None:
            previous = self.conversation.insert(item, None)
            self.out.send(
                "conversation.item.added", item=item.as_event(), previous_item_id=previous
            )
        item.parts = [Part("output_audio" if self.is_spoken else "output_text", "")]
        self._send_content("response.content_part.added", part=self._part_event())

    def advance(self, now: float) -> bool:
        """Send the chunks that are due; return whether the end is due too."""
        while now >= self.due_at:
            if self.next_chunk == len(self.chunks):
                return True
            self._send_chunk(self.chunks[self.next_chunk])
            self.next_chunk += 1
        return False

    def stop_audio(self) -> None:
        """Generate no more audio; the text goes on."""
        self.chunks[self.next_chunk :] = [
            replace(chunk, pcm=b"") for chunk in self.chunks[self.next_chunk :]
        ]

    def close(self, status: str) -> None:
        """Close the content part and the item; `status` is that of the response."""
        item, part = self.item, self.item.parts[0]
        item.status = "completed" if status == "completed" else "incomplete"
        audio = b"".join(chunk.pcm for chunk in self.chunks[: self.next_chunk])
        part.pcm = audio[: part.audio_ms * BYTES_PER_MS]
        if self.is_spoken:
            self._send_content("response.output_audio.done")
            self._send_content("response.output_audio_transcript.done", transcript=item.reply_text)
        else:
            self._send_content("response.output_text.done", text=item.reply_text)
        self._send_content("response.content_part.done", part=self._part_event())
        self._send_item("response.output_item.done")
        # The client may have deleted the item meanwhile.
        if self.conversation is not None and self.conversation.find(item.id) is item:
            previous = self.conversation.id_before(item)
            self.out.send("conversation.item.done", item=item.as_event(), previous_item_id=previous)

    def _send_chunk(self, chunk: Chunk) -> None:
        part = self.item.parts[0]
        self.item.reply_text += chunk.text
        if part.text is not None:
            part.text += chunk.text
        if not self.is_spoken:
            self._send_content("response.output_text.delta", delta=chunk.text)
            return
        if chunk.text:
            self._send_content("response.output_audio_transcript.delta", delta=chunk.text)
        if chunk.pcm:
            part.audio_ms += len(chunk.pcm) // BYTES_PER_MS
            if self.output_audio_buffer is not None:
                self.output_audio_buffer.add(self.response_id, self.item.id, chunk.pcm)
                return
            audio = base64.b64encode(chunk.pcm).decode()
            self._send_content("response.output_audio.delta", delta=audio)

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
        """The part in `content_part` events: its type is `audio` or `text`, not `output_…`."""
        if self.is_spoken:
            return {"type": "audio", "transcript": self.item.reply_text}
        return {"type": "text", "text": self.item.reply_text}
