"""PURE: what was understood of the user's sound, and when each transcript of it is told.

As with the provider, a transcript may come at any time after its sound was committed: every n-th
one is late here, after the answer to it.
"""

from dataclasses import dataclass

from backend.simulator.engine import chunking, token_usage
from backend.simulator.engine.conversation import Conversation, Item
from backend.simulator.engine.outbox import Outbox

_LATE_S = 0.5
_NAME = "conversation.item.input_audio_transcription"


@dataclass(slots=True)
class Heard:
    """What is known of one item of the user's sound. `text` None: not understood."""

    is_transcribed: bool
    audio_ms: int
    is_known: bool = False
    text: str | None = None


class Transcripts:
    """One session's; `late_every`: every n-th transcript comes after the answer (0: none)."""

    def __init__(self, conversation: Conversation, out: Outbox, late_every: int) -> None:
        self._conversation = conversation
        self._out = out
        self._late_every = late_every
        self._heard: dict[str, Heard] = {}
        self._planned = 0
        self._after_answer: list[str] = []
        self._due: list[tuple[float, str]] = []

    @property
    def wakes_at(self) -> float | None:
        """When `tick` has something to tell."""
        return self._due[0][0] if self._due else None

    def expect(self, item_id: str, heard: Heard) -> None:
        """Sound was committed."""
        self._heard[item_id] = heard

    def find(self, item_id: str | None) -> Heard | None:
        """What is known of this item, if it is sound."""
        return self._heard.get(item_id) if item_id is not None else None

    def text_of(self, item: Item) -> str | None:
        """What the person said or wrote in this item; None where it was not understood."""
        heard = self._heard.get(item.id)
        return heard.text if heard is not None else item.parts[-1].text

    def plan(self, item_id: str, now: float, *, is_answering: bool, is_held_back: bool) -> None:
        """Tells a transcript now, or late: after the answer, or soon where there is none."""
        self._planned += 1
        is_nth = bool(self._late_every) and self._planned % self._late_every == 0
        if not is_nth and not is_held_back:
            self._tell(item_id)
        elif is_answering:
            self._after_answer.append(item_id)
        else:
            self._due.append((now + _LATE_S, item_id))

    def tick(self, now: float) -> None:
        """Tells what is due."""
        while self._due and now >= self._due[0][0]:
            self._tell(self._due.pop(0)[1])

    def tell_after_answer(self) -> None:
        """Tells what waited for the answer that has ended."""
        while self._after_answer:
            self._tell(self._after_answer.pop(0))

    def _tell(self, item_id: str) -> None:
        heard = self._heard[item_id]
        if heard.text is None:
            self._out.send(
                f"{_NAME}.failed",
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
            item.parts[0].text = heard.text
        for word in chunking.words_of(heard.text):
            self._out.send(f"{_NAME}.delta", item_id=item_id, content_index=0, delta=word)
        self._out.send(
            f"{_NAME}.completed",
            item_id=item_id,
            content_index=0,
            transcript=heard.text,
            usage=token_usage.transcription_usage(heard.audio_ms),
        )
