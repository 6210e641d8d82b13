"""Adds one call to the draft of a session: its turns in spoken order, and what they cost."""

from datetime import datetime, timedelta
from math import log

from backend import catalogue
from backend.conversations.lifecycle import LEASE
from backend.conversations.models import DEFAULT_PROVIDER, Call
from backend.demo_data import bills
from backend.demo_data.draft import Draft
from backend.demo_data.proportions import IN_MID_ANSWER, NEVER_READY
from backend.protocol.endings import Ending
from backend.protocol.transcript.heard import cut_to_whole_word
from backend.protocol.transcript.turns import Modality, Role, TurnStatus
from backend.wording import Language

CHARACTERS_PER_S: dict[Language, float] = {"en": 15.0, "ja": 7.0}
"""How fast people and models speak."""
MEDIAN_FIRST_SOUND_MS = 600
FIRST_SOUND_SIGMA = 0.38
"""Of a log-normal distribution: one answer in twenty takes longer than 1.1 s."""
MEAN_EXCHANGES = 7.0
MAX_EXCHANGES = 40
IDLE_S = 15 * 60.0
TIME_LIMIT_S = 30 * 60.0
"""As if `MAX_CALL_MINUTES` were 30."""


def add_call(draft: Draft, ending: Ending) -> Call:
    """Add a call that begins now and ends in this way."""
    session = draft.rows.session
    call = Call(
        id=draft.uuid(),
        session=session,
        worker=f"demo-host:{draft.dice.randint(301, 304)}:8123456",
        provider=DEFAULT_PROVIDER,
        model=draft.model,
        transcription_model=draft.transcription_model,
        first_position=draft.take_block(),
        login_at=session.created_at - timedelta(minutes=5),
        started_at=draft.clock,
        ending=ending,
    )
    draft.rows.calls.append(call)
    draft.wait(0.5, 1.5)
    _Speech(draft, call).add(ending)
    _end(draft, call, ending)
    return call


def _end(draft: Draft, call: Call, ending: Ending) -> None:
    if ending == Ending.IDLE:
        draft.clock += timedelta(seconds=IDLE_S)
    elif ending == Ending.TIME_LIMIT:
        draft.clock = max(draft.clock, call.started_at + timedelta(seconds=TIME_LIMIT_S))
    elif ending == Ending.PROVIDER_TIMEOUT:
        draft.wait(7, 8)
    else:
        draft.wait(0.1, 6)
    call.ended_at = draft.clock
    # A call of a dead worker ends at the last renewal of its lease.
    renewed_s = 0.0 if ending == Ending.INTERRUPTED else draft.dice.uniform(0, 5)
    last_renewal = draft.clock - timedelta(seconds=renewed_s)
    call.lease_until = max(last_renewal, call.started_at) + LEASE


class _Speech:
    """Adds the exchanges of one call."""

    def __init__(self, draft: Draft, call: Call) -> None:
        self._draft = draft
        self._call = call
        self._next_position = call.first_position
        self._characters_per_s = CHARACTERS_PER_S[draft.language]

    def add(self, ending: Ending) -> None:
        """Add a random number of exchanges; some endings cut off the last answer."""
        count = self._count(ending)
        for number in range(count):
            is_last = number == count - 1
            self._add_exchange(is_cut_off=is_last and ending in IN_MID_ANSWER)
            if ending == Ending.TIME_LIMIT:
                self._draft.clock += timedelta(seconds=TIME_LIMIT_S / count / 2)

    def _count(self, ending: Ending) -> int:
        if ending in NEVER_READY:
            return 0
        if ending == Ending.TIME_LIMIT:
            return MAX_EXCHANGES
        return min(1 + int(self._draft.dice.expovariate(1 / MEAN_EXCHANGES)), MAX_EXCHANGES)

    def _add_exchange(self, *, is_cut_off: bool) -> None:
        draft = self._draft
        if draft.decks.is_typed_in_call.draw():
            question, answer = draft.talk.written()
            self._add_message(question)
        else:
            question, answer = draft.talk.spoken(is_transcribed=draft.decks.is_transcribed.draw())
            self._add_question(question)
        self._add_answer(answer, is_cut_off=is_cut_off)

    def _add_message(self, text: str) -> None:
        """Add what the user types during the call."""
        draft = self._draft
        draft.wait(2, 12)
        draft.add_turn(
            self._call, Role.USER, Modality.TEXT, text,
            position=self._position(), started_at=draft.clock,
        )  # fmt: skip
        draft.context.add_text(bills.text_tokens(text, draft.language))

    def _add_question(self, text: str) -> None:
        """Add what the user says; "" if its transcription fails."""
        draft = self._draft
        draft.wait(0.3, 3)
        started_at = draft.clock
        seconds = 0.4 + (len(text) or draft.dice.randint(5, 40)) / self._characters_per_s
        draft.clock += timedelta(seconds=seconds)
        turn = draft.add_turn(
            self._call, Role.USER, Modality.VOICE, text,
            position=self._position(),
            started_at=started_at,
            status=TurnStatus.COMPLETED if text else TurnStatus.FAILED,
        )  # fmt: skip
        # The transcript comes while the answer is spoken already.
        transcribed_at = draft.clock + timedelta(seconds=draft.dice.uniform(0.2, 0.9))
        turn.completed_at = transcribed_at
        draft.context.add_speech(seconds)
        if text:
            self._bill_transcription(turn.item_id, seconds, transcribed_at)

    def _bill_transcription(self, item_id: str, seconds: float, at: datetime) -> None:
        model = self._draft.transcription_model
        is_by_tokens = catalogue.TRANSCRIPTION_MODELS[model].usd_per_minute is None
        bill = bills.transcription(item_id, seconds, is_by_tokens=is_by_tokens)
        self._draft.add_usage(bill, model, at, call=self._call)

    def _add_answer(self, text: str, *, is_cut_off: bool) -> None:
        """Add the spoken answer. The user interrupts some, and the call's end may cut it off."""
        draft = self._draft
        first_sound_ms = round(
            draft.dice.lognormvariate(log(MEDIAN_FIRST_SOUND_MS), FIRST_SOUND_SIGMA)
        )
        draft.clock += timedelta(milliseconds=first_sound_ms)
        started_at = draft.clock
        seconds = 0.3 + len(text) / self._characters_per_s
        is_heard_out = draft.decks.is_heard_out.draw() and not is_cut_off
        # One interrupted answer in ten is interrupted before any of it is heard.
        share = 1.0 if is_heard_out else max(draft.dice.uniform(-0.1, 0.85), 0.0)
        draft.clock += timedelta(seconds=seconds * share)
        turn = draft.add_turn(
            self._call, Role.ASSISTANT, Modality.VOICE, text,
            position=self._position(),
            started_at=started_at,
            status=TurnStatus.COMPLETED if is_heard_out else TurnStatus.INTERRUPTED,
        )  # fmt: skip
        turn.first_sound_ms = first_sound_ms
        if not is_heard_out:
            turn.heard_ms = round(seconds * share * 1000)
            turn.heard_text = cut_to_whole_word(text, int(share * len(text)))
        bill = draft.context.spoken_answer(draft.id("resp_"), seconds, is_estimated=is_cut_off)
        draft.add_usage(bill, draft.model, draft.clock, call=self._call, item_id=turn.item_id)

    def _position(self) -> int:
        position = self._next_position
        self._next_position += 1
        return position
