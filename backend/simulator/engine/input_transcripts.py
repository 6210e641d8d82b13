"""PURE: recognition results of the user's audio, and when the transcript of each is sent.

As with the provider, a transcript may come at any time after its audio was committed. Here every
n-th one is late: it comes after the response to that audio.
"""

from dataclasses import dataclass

from backend.simulator.engine import token_usage
from backend.simulator.engine.chunking import split_words
from backend.simulator.engine.conversation import Conversation, Item
from backend.simulator.engine.outbox import Outbox

_DELAY_S = 0.5
_EVENT = "conversation.item.input_audio_transcription"


@dataclass(slots=True)
class AudioItem:
    """The recognition state of one item of user audio.

    `is_transcribed`: the session asked for a transcript of it. `is_recognised`: recognition has
    finished; `text` is its result, None if the audio was not understood.
    """

    is_transcribed: bool
    audio_ms: int
    is_recognised: bool = False
    text: str | None = None


class InputTranscripts:
    """One session's; `late_every`: every n-th transcript comes after the response (0: none)."""

    def __init__(self, conversation: Conversation, out: Outbox, late_every: int) -> None:
        self._conversation = conversation
        self._out = out
        self._late_every = late_every
        self._audio_items: dict[str, AudioItem] = {}
        self._scheduled = 0
        self._after_response: list[str] = []
        self._delayed: list[tuple[float, str]] = []

    @property
    def wakes_at(self) -> float | None:
        """When `tick` has something to send."""
        return self._delayed[0][0] if self._delayed else None

    def add(self, item_id: str, audio_item: AudioItem) -> None:
        """Register committed audio."""
        self._audio_items[item_id] = audio_item

    def find(self, item_id: str | None) -> AudioItem | None:
        """The recognition state of this item; None if it is not user audio."""
        return self._audio_items.get(item_id) if item_id is not None else None

    def text_of(self, item: Item) -> str | None:
        """The user's words in this item, spoken or written; None if they were not understood."""
        audio_item = self._audio_items.get(item.id)
        return audio_item.text if audio_item is not None else item.parts[-1].text

    def schedule(
        self, item_id: str, now: float, *, is_responding: bool, is_forced_late: bool
    ) -> None:
        """Send the transcript now, or late: after the response, or soon if there is none."""
        self._scheduled += 1
        is_nth = bool(self._late_every) and self._scheduled % self._late_every == 0
        if not is_nth and not is_forced_late:
            self._send(item_id)
        elif is_responding:
            self._after_response.append(item_id)
        else:
            self._delayed.append((now + _DELAY_S, item_id))

    def tick(self, now: float) -> None:
        """Send the delayed transcripts that are due."""
        while self._delayed and now >= self._delayed[0][0]:
            self._send(self._delayed.pop(0)[1])

    def send_after_response(self) -> None:
        """Send the transcripts that waited for the response, which has ended."""
        while self._after_response:
            self._send(self._after_response.pop(0))

    def _send(self, item_id: str) -> None:
        audio_item = self._audio_items[item_id]
        if audio_item.text is None:
            self._out.send(
                f"{_EVENT}.failed",
                item_id=item_id,
                content_index=0,
                error={
                    "type": "transcription_error",
                    "code": "speech_not_recognised",
                    "message": "The simulator could not make out this speech. It knows only the "
                    "sentences that it suggests.",
                    "param": None,
                },
            )
            return
        item = self._conversation.find(item_id)
        if item is not None:
            item.parts[0].text = audio_item.text
        for word in split_words(audio_item.text):
            self._out.send(f"{_EVENT}.delta", item_id=item_id, content_index=0, delta=word)
        self._out.send(
            f"{_EVENT}.completed",
            item_id=item_id,
            content_index=0,
            transcript=audio_item.text,
            usage=token_usage.transcription_usage(audio_item.audio_ms),
        )
