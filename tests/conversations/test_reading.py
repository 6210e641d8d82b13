"""A transcript for people: names, heard and unheard text, beginnings of calls."""

from typing import Any

import pytest
from django.contrib.auth.models import User

from backend.conversations.models import Session, Turn
from backend.conversations.reading import is_untranscribed, read_transcript, split_at_heard
from tests.conversations.equipment import kept_turn, new_session


@pytest.fixture
def session(owner: User) -> Session:
    return new_session(owner)


@pytest.mark.django_db
def test_it_names_the_speakers_in_spoken_order(session: Session) -> None:
    kept_turn(session, item_id="b", position=1, role="assistant")
    kept_turn(session, item_id="a", position=0)
    kept_turn(session, item_id="c", position=2, role="tool")
    read = [(each.who, each.side) for each in read_transcript(session)]
    assert read == [("owner", "user"), ("Assistant", "assistant"), ("Tool", "tool")]


@pytest.mark.parametrize(
    "fields, expected",
    [
        ({"status": "failed"}, True),
        ({"status": "interrupted"}, True),
        ({"status": "in_progress"}, False),
        ({"status": "failed", "text": "Hel"}, False),
        ({"status": "interrupted", "modality": "text"}, False),
        ({"status": "interrupted", "role": "assistant"}, False),
    ],
)
def test_speech_whose_text_never_came_is_not_transcribed(
    fields: dict[str, str], expected: bool
) -> None:
    speech = {"role": "user", "modality": "voice", "text": ""}
    assert is_untranscribed(Turn(**speech | fields)) is expected


@pytest.mark.django_db
def test_it_splits_an_interrupted_turn(session: Session) -> None:
    kept_turn(session, role="assistant", text="One two", heard_text="One", heard_ms=840)
    kept_turn(session, item_id="item_2", position=1, role="assistant")
    cut, whole = read_transcript(session)
    assert (cut.heard, cut.unheard, cut.heard_s) == ("One", " two", "0.8")
    assert (whole.heard, whole.unheard, whole.heard_s) == ("Hello there.", "", None)


@pytest.mark.django_db
def test_a_long_transcript_takes_one_query(
    session: Session, django_assert_num_queries: Any
) -> None:
    for number in range(20):
        kept_turn(session, item_id=str(number), position=number)
    with django_assert_num_queries(1):
        assert len(read_transcript(session)) == 20


@pytest.mark.parametrize(
    ("text", "heard", "split"),
    [
        ("One two", None, ("One two", "")),
        ("One two", "One", ("One", " two")),
        ("One two", "", ("", "One two")),
        ("One two", "One two", ("One two", "")),
        ("One two", "Uno", ("Uno", "One two")),
    ],
)
def test_a_text_is_split_where_it_was_cut_off(
    text: str, heard: str | None, split: tuple[str, str]
) -> None:
    assert split_at_heard(text, heard) == split
