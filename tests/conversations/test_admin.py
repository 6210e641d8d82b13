"""The admin of sessions: a readable transcript in spoken order; turns and usage are read-only."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone

from backend.conversations.admin import duration
from backend.conversations.lifecycle import OpenedCall, end_call
from backend.conversations.models import Call, Session, Turn
from backend.protocol.endings import Ending
from tests.cast import person
from tests.conversations.equipment import NOON, kept_turn, kept_usage, new_call, new_session

pytestmark = pytest.mark.django_db

LIST = "/admin/conversations/session/"


@pytest.fixture
def reviewer(client: Client, staff: User) -> Client:
    client.force_login(staff)
    return client


@pytest.fixture
def session(owner: User) -> Session:
    return new_session(owner, title="Bread")


@pytest.fixture
def call(session: Session) -> OpenedCall:
    return new_call(session)


def page_of(session: Session) -> str:
    return f"{LIST}{session.pk}/change/"


def read(client: Client, path: str, **query: str) -> str:
    response = client.get(path, query)
    assert response.status_code == 200
    return response.content.decode()


def plain(html: str) -> str:
    """The text of a page, without markup."""
    return " ".join(re.sub(r"<[^>]*>", " ", html).split())


def titles(html: str) -> list[str]:
    return re.findall(r'class="field-name"><a [^>]*>([^<]*)</a>', html)


def test_the_list_shows_each_session_in_one_line(reviewer: Client, session: Session) -> None:
    Session.objects.update(realtime_mode=True, created_at=NOON, language="ja")
    for _ in range(2):
        call = new_call(session)
    for number in range(3):
        kept_turn(session, call, item_id=str(number))
    row = plain(read(reviewer, LIST).partition("<tbody>")[2].partition("</tbody>")[0])
    assert row == "Bread owner voice live 3 2 日本語 2026-01-02 12:00"


def test_a_session_without_a_title_can_be_opened(reviewer: Client, session: Session) -> None:
    Session.objects.update(title="")
    assert titles(read(reviewer, LIST)) == ["(untitled)"]


def test_a_long_list_takes_no_more_queries_than_a_short_one(
    reviewer: Client, owner: User, django_assert_num_queries: Any
) -> None:
    def fill(rows: int) -> None:
        for _ in range(rows):
            session = new_session(owner)
            kept_turn(session, new_call(session))

    fill(1)
    with django_assert_num_queries(5) as short:
        read(reviewer, LIST)
    fill(20)
    with django_assert_num_queries(len(short)):
        assert len(titles(read(reviewer, LIST))) == 21


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"realtime_mode__exact": "1"}, ["spoken"]),
        ({"realtime_mode__exact": "0"}, ["typed"]),
        ({"language__exact": "ja"}, ["spoken"]),
        ({"ending": "idle"}, ["typed"]),
        ({"ending": "live"}, ["spoken"]),
        ({"ending": "client_left"}, []),
        ({"created_at__lt": "2026-02-01 00:00:00+00:00"}, ["typed"]),
        ({"q": "OWNER"}, ["spoken", "typed"]),
        ({"q": "spok"}, ["spoken"]),
        ({"q": "rye loaf"}, ["typed"]),
        ({"q": "くださ"}, ["spoken"]),
        ({"q": "loaf ください"}, []),
        ({"q": "nothing like it"}, []),
    ],
    ids=str,
)
def test_sessions_are_found_by_filters_and_search(
    reviewer: Client, owner: User, query: dict[str, str], found: list[str]
) -> None:
    spoken = new_session(owner, title="spoken", realtime_mode=True, language="ja")
    typed = new_session(owner, title="typed", created_at=NOON)
    kept_turn(spoken, new_call(spoken), text="パンをください。")
    call = new_call(typed)
    kept_turn(typed, call, text="One loaf of rye, please.")
    kept_turn(typed, call, item_id="item_2", text="Another loaf of rye.")
    end_call(call.call_id, Ending.IDLE)
    assert sorted(titles(read(reviewer, LIST, **query))) == found


def test_a_transcript_is_shown_in_spoken_order(
    reviewer: Client, session: Session, call: OpenedCall
) -> None:
    kept_turn(session, call, item_id="c", position=2, text="Rye, please.", modality="text")
    kept_turn(session, call, item_id="a", position=0, text="Do you have bread?")
    kept_turn(
        session, call, item_id="b", position=1, role="assistant", status="interrupted",
        text="Of course. Which one would you like?", heard_text="Of course.", heard_ms=840,
    )  # fmt: skip
    text = plain(read(reviewer, page_of(session)))
    assert "owner 12:00:00 spoken Do you have bread?" in text
    assert "Assistant 12:00:00 spoken interrupted Of course. Which one would you like?" in text
    assert "Heard: the first 0.8 s; the greyed words were not (an estimate)." in text
    assert "owner 12:00:00 typed Rye, please." in text
    places = [text.index(words) for words in ("have bread?", "Of course.", "Rye, please.")]
    assert places == sorted(places)


@pytest.mark.parametrize("status", ["failed", "interrupted"])
def test_speech_without_a_text_is_shown_as_not_transcribed(
    reviewer: Client, session: Session, call: OpenedCall, status: str
) -> None:
    kept_turn(session, call, text="", status=status)
    shown = f"owner 12:00:00 spoken {status} (not transcribed)"
    assert shown in plain(read(reviewer, page_of(session)))


def test_unheard_text_is_marked(reviewer: Client, session: Session, call: OpenedCall) -> None:
    kept_turn(session, call, role="assistant", text="One two", heard_text="One", heard_ms=1)
    assert '>One<span class="kaiwa-unheard"> two</span></p>' in read(reviewer, page_of(session))


def test_calls_and_their_endings_are_listed_after_the_transcript(
    reviewer: Client, session: Session, call: OpenedCall
) -> None:
    kept_turn(session, call, text="Do you have bread?")
    end_call(call.call_id, Ending.PROVIDER_FAILED)
    started_at = timezone.now() - timedelta(hours=1)
    Call.objects.update(started_at=started_at, ended_at=started_at + timedelta(seconds=65))
    new_call(session)
    text = plain(read(reviewer, page_of(session)))
    assert "1:05 provider_failed gpt-realtime here" in text
    assert "– live gpt-realtime here" in text
    assert text.index("Do you have bread?") < text.index("provider_failed")


def test_the_beginnings_of_calls_are_marked(
    reviewer: Client, session: Session, call: OpenedCall
) -> None:
    kept_turn(session, call, item_id="a", position=0, text="First.")
    kept_turn(session, call, item_id="b", position=1, text="Second.")
    kept_turn(session, new_call(session), item_id="c", position=2, text="Third.")
    text = plain(read(reviewer, page_of(session)))
    assert "UTC owner 12:00:00 spoken First." in text
    assert "UTC owner 12:00:00 spoken Third." in text
    assert text.count("Call of ") == 2


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0:00"), (9.4, "0:09"), (65, "1:05"), (754, "12:34"), (3725, "1:02:05")],
)
def test_a_duration_is_shown_in_minutes_and_seconds(seconds: float, text: str) -> None:
    call = Call(started_at=NOON, ended_at=NOON + timedelta(seconds=seconds))
    assert duration(call) == text


def test_the_cost_is_shown_or_said_to_be_unknown(
    reviewer: Client, session: Session, call: OpenedCall
) -> None:
    kept_usage(session, "a", "gpt-realtime", call_id=call.call_id, audio_out=10_000)
    assert "0.6400 USD" in plain(read(reviewer, page_of(session)))
    kept_usage(session, "b", "somebody-elses", call_id=call.call_id, audio_out=1)
    text = plain(read(reviewer, page_of(session)))
    assert "Unknown: a model that was used has no price" in text
    assert "USD" not in text.partition("Unknown:")[2]


def test_an_empty_session_says_so(reviewer: Client, session: Session) -> None:
    text = plain(read(reviewer, page_of(session)))
    assert "Nothing was said yet." in text
    assert "There was no call yet." in text


def test_hostile_text_is_escaped(reviewer: Client, session: Session, call: OpenedCall) -> None:
    hostile = "<script>alert(1)</script><img src=x onerror=alert(2)>"
    Session.objects.update(title=hostile[:200])
    kept_turn(session, call, text=hostile, heard_text="<b>", heard_ms=1)
    for path in (page_of(session), LIST):
        html = read(reviewer, path)
        assert "<script>alert" not in html
        assert "<img src=x" not in html


def test_the_pages_obey_the_content_security_policy(
    reviewer: Client, session: Session, call: OpenedCall
) -> None:
    kept_turn(session, call)
    for path in (page_of(session), LIST):
        response = reviewer.get(path)
        assert "'unsafe" not in response["Content-Security-Policy"]
        html = response.content.decode()
        assert not re.findall(r"<style|\sstyle=|\son\w+=|<script(?![^>]* src=)(?![^>]*json)", html)
        assert "admin.css" in html


def test_only_the_title_can_be_changed(reviewer: Client, session: Session, owner: User) -> None:
    form = {"title": "Cheese", "language": "ja", "user": "1", "realtime_mode": "on", "model": "x"}
    response = reviewer.post(page_of(session), form)
    assert response.status_code == 302
    session.refresh_from_db()
    assert (session.title, session.language, session.user) == ("Cheese", "en", owner)
    assert (session.realtime_mode, session.model) == (False, "gpt-realtime")
    fields = re.findall(
        r'<(?:input|select|textarea)[^>]* name="(\w+)"', read(reviewer, page_of(session))
    )
    assert {name for name in fields if not name.startswith(("_", "csrf"))} == {"title"}


@pytest.mark.parametrize("ending", ["%00", "never", ""])
def test_an_unknown_ending_filters_nothing(reviewer: Client, session: Session, ending: str) -> None:
    assert str(session.pk) in read(reviewer, f"{LIST}?ending={ending}")


def test_nothing_can_be_added(reviewer: Client) -> None:
    assert reviewer.get(f"{LIST}add/").status_code == 403


def test_a_superuser_deletes_a_session_with_everything_in_it(
    reviewer: Client, session: Session, call: OpenedCall
) -> None:
    kept_turn(session, call)
    assert reviewer.post(f"{LIST}{session.pk}/delete/", {"post": "yes"}).status_code == 302
    assert not Turn.objects.exists()


def test_a_superuser_deletes_several_at_once(
    reviewer: Client, session: Session, call: OpenedCall, owner: User
) -> None:
    kept_turn(session, call)
    marked = [session.pk, new_session(owner).pk]
    wish = {"action": "delete_selected", "_selected_action": marked, "post": "yes"}
    assert reviewer.post(LIST, wish).status_code == 302
    assert not (Session.objects.exists() or Turn.objects.exists())


def test_staff_with_permission_to_view_reads_and_no_more(client: Client, session: Session) -> None:
    colleague = person("colleague")
    User.objects.filter(pk=colleague.pk).update(is_staff=True)
    colleague.user_permissions.set(
        Permission.objects.filter(codename__in=("view_session", "delete_session"))
    )
    client.force_login(User.objects.get(pk=colleague.pk))
    assert 'name="title"' not in read(client, page_of(session))
    assert client.post(page_of(session), {"title": "x"}).status_code == 403
    assert client.post(f"{LIST}{session.pk}/delete/", {"post": "yes"}).status_code == 403


def test_staff_without_permission_sees_nothing(client: Client, session: Session) -> None:
    colleague = person("colleague")
    User.objects.filter(pk=colleague.pk).update(is_staff=True)
    client.force_login(User.objects.get(pk=colleague.pk))
    assert {client.get(path).status_code for path in (LIST, page_of(session))} == {403}


def test_a_long_transcript_takes_no_more_queries_than_a_short_one(
    reviewer: Client, session: Session, call: OpenedCall, django_assert_max_num_queries: Any
) -> None:
    for number in range(40):
        kept_turn(session, call, item_id=str(number), position=number)
    with django_assert_max_num_queries(10):
        read(reviewer, page_of(session))
