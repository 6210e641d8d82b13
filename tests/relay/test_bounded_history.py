"""The earlier turns that a model is given: what was heard, bounded in whole exchanges."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.conversations.models import Turn
from backend.protocol.transcript.turns import Role
from backend.relay.bounded_history import Past, bounded_past
from backend.relay.client_policy import MAX_MESSAGE_CHARACTERS
from backend.relay.plan import PastItem
from backend.relay.token_estimate import message_tokens

PLENTY = 100_000
COST = message_tokens("word")
"""The estimated tokens of each turn that `exchange` makes."""


def new_turn(item_id: str, text: str = "word", **fields: Any) -> Turn:
    defaults: dict[str, Any] = {"role": "user", "status": "completed", "position": 0}
    return Turn(item_id=item_id, text=text, **defaults | fields)


def exchange(number: int, answers: int = 1) -> list[Turn]:
    """A question `q…` and its answers `a…`, at the positions from 10 times `number` on."""
    question = new_turn(f"q{number}", position=number * 10)
    return [
        question,
        *(
            new_turn(f"a{number}.{each}", role="assistant", position=number * 10 + 1 + each)
            for each in range(answers)
        ),
    ]


def ids(past: Past) -> list[str]:
    return [item.item_id for item in past.items]


def test_it_returns_both_sides_in_order() -> None:
    turns = [new_turn("a", "Hello."), new_turn("b", "Hi!", role="assistant")]
    assert bounded_past(turns, PLENTY) == Past(
        (PastItem("a", Role.USER, "Hello."), PastItem("b", Role.ASSISTANT, "Hi!"))
    )


def test_of_an_interrupted_reply_only_the_heard_part_counts() -> None:
    cut = new_turn("b", "Hi there, friend!", role="assistant", heard_text="Hi there,", heard_ms=600)
    assert bounded_past([cut], PLENTY).items == (PastItem("b", Role.ASSISTANT, "Hi there,"),)


@pytest.mark.parametrize(
    "fields", [{"heard_text": ""}, {"text": ""}, {"text": " \n"}, {"status": "failed"}]
)
def test_unheard_empty_and_failed_turns_are_left_out(fields: dict[str, str]) -> None:
    assert bounded_past([new_turn("b", **{"text": "Hi!"} | fields)], PLENTY) == Past()


def test_a_reply_whose_connection_was_lost_counts_so_far() -> None:
    cut = new_turn("b", "Hi there,", role="assistant", status="interrupted")
    assert bounded_past([cut], PLENTY).items == (PastItem("b", Role.ASSISTANT, "Hi there,"),)


def test_content_parts_are_joined_to_one_item() -> None:
    parts = [new_turn("a", "One."), new_turn("a", "Two.", content_index=1)]
    assert bounded_past(parts, PLENTY).items == (PastItem("a", Role.USER, "One. Two."),)


def test_the_oldest_are_left_out_in_whole_exchanges() -> None:
    turns = [*exchange(1), *exchange(2, answers=2), *exchange(3)]
    two, all_three = ["q2", "a2.0", "a2.1", "q3", "a3.0"], 7 * COST
    assert bounded_past(turns, all_three).remembered_from is None
    for most_tokens in (all_three - 1, 5 * COST):
        past = bounded_past(turns, most_tokens)
        assert (ids(past), past.remembered_from) == (two, 20)
    past = bounded_past(turns, 5 * COST - 1)
    assert (ids(past), past.remembered_from) == (["q3", "a3.0"], 30)


def test_an_older_exchange_that_would_fit_is_not_put_before_a_gap() -> None:
    turns = [*exchange(1), new_turn("q2", "long " * 100, position=20), *exchange(3)]
    past = bounded_past(turns, 10 * COST)
    assert (ids(past), past.remembered_from) == (["q3", "a3.0"], 30)


@pytest.mark.parametrize("character", ["x", "あ"])
def test_the_newest_exchange_is_kept_even_if_it_alone_is_too_long(character: str) -> None:
    long = new_turn("q2", character * MAX_MESSAGE_CHARACTERS, position=20)
    answer = new_turn("a2", role="assistant", position=21)
    past = bounded_past([*exchange(1), long, answer], 1000)
    assert (ids(past), past.remembered_from) == (["q2", "a2"], 20)
    assert ids(bounded_past([long, answer], 0)) == ["q2", "a2"]


def test_a_newest_exchange_without_a_word_does_not_count_as_one() -> None:
    lost = new_turn("q2", "", position=20)
    assert ids(bounded_past([*exchange(1), lost], 0)) == ["q1", "a1.0"]


def test_an_answer_to_speech_that_was_not_transcribed_belongs_to_it() -> None:
    lost = new_turn("q2", "", position=20, status="failed")
    answer = new_turn("a2", role="assistant", position=21)
    past = bounded_past([*exchange(1), lost, answer, *exchange(3)], 3 * COST)
    assert (ids(past), past.remembered_from) == (["a2", "q3", "a3.0"], 21)


def test_a_greeting_before_the_first_question_is_an_exchange() -> None:
    greeting = new_turn("a0", role="assistant", position=1)
    turns = [greeting, *exchange(1)]
    assert bounded_past(turns, 3 * COST).remembered_from is None
    assert bounded_past(turns, 3 * COST - 1).remembered_from == 10


def test_an_exchange_whose_beginning_was_not_read_is_left_out() -> None:
    answer = new_turn("a0", role="assistant", position=1)
    past = bounded_past([answer, *exchange(1)], PLENTY, is_cut=True)
    assert (ids(past), past.remembered_from) == (["q1", "a1.0"], 10)
    past = bounded_past([answer], PLENTY, is_cut=True)
    assert (ids(past), past.remembered_from) == (["a0"], 1)


@given(
    roles=st.lists(st.sampled_from(["user", "assistant"]), max_size=30),
    sizes=st.lists(st.integers(0, 60), min_size=30, max_size=30),
    most_tokens=st.integers(0, 200),
)
def test_it_is_always_a_bounded_end_of_the_session_that_begins_at_a_question(
    roles: list[str], sizes: list[int], most_tokens: int
) -> None:
    turns = [
        new_turn(str(number), "x" * sizes[number], role=role, position=number)
        for number, role in enumerate(roles)
    ]
    spoken = [turn for turn in turns if turn.text]
    past = bounded_past(turns, most_tokens)
    assert ids(past) == [turn.item_id for turn in spoken][len(spoken) - len(past.items) :]
    assert bool(past.items) == bool(spoken)
    if len(past.items) == len(spoken):
        assert past.remembered_from is None
        return
    first = int(past.items[0].item_id)
    assert past.remembered_from == first
    question = max(number for number in range(first + 1) if roles[number] == "user")
    assert not any(turn.text for turn in turns[question:first])
    tokens = sum(message_tokens(item.text) for item in past.items)
    questions = sum(item.role is Role.USER for item in past.items)
    assert tokens <= most_tokens or questions <= 1
