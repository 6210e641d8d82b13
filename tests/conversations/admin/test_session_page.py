"""The admin's page of a session: a transcript in spoken order; turns and usage are read-only."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone

from backend.conversations.lifecycle import OpenedCall, end_call
from backend.conversations.models import Call, Session, Turn
from backend.protocol.endings import Ending
from tests.cast import person
from tests.conversations.admin.equipment import LIST, page_of, plain, read
from tests.conversations.equipment import kept_turn, kept_usage, new_call

pytestmark = [pytest.mark.django_db, pytest.mark.slow]


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
    assert "first call 1:05 the voice service broke off gpt-realtime here" in text
    assert "reopened later – live gpt-realtime here" in text
    assert text.index("Do you have bread?") < text.rindex("the voice service broke off")


def test_the_beginnings_of_calls_are_marked(
    reviewer: Client, session: Session, call: OpenedCall
) -> None:
    kept_turn(session, call, item_id="a", position=0, text="First.")
    kept_turn(session, call, item_id="b", position=1, text="Second.")
    kept_turn(session, new_call(session), item_id="c", position=2, text="Third.")
    text = plain(read(reviewer, page_of(session)))
    ended, live = "gpt-realtime went on in another tab or device", "gpt-realtime live"
    assert re.search(
        rf"Call 1 first call \S+ \S+ UTC 0:00 {ended} owner 12:00:00 spoken First", text
    )
    assert re.search(
        rf"Call 2 continues the call before \S+ \S+ UTC {live} owner 12:00:00 spoken Third", text
    )
    assert len(re.findall(r"Call \d", text)) == 2


def test_the_cost_is_shown_or_said_to_be_unknown(
    reviewer: Client, session: Session, call: OpenedCall
) -> None:
    kept_usage(session, "a", "gpt-realtime", call_id=call.call_id, audio_out=10_000)
    assert "0.6400 USD" in (text := plain(read(reviewer, page_of(session))))
    assert "estimate" not in text
    kept_usage(session, "c", "gpt-realtime", call_id=call.call_id, is_estimated=True)
    assert plain(read(reviewer, page_of(session))).count("estimate") == 2
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
    html = read(reviewer, page_of(session))
    own_form = html.partition('id="session_form"')[2].partition("</form>")[0]
    fields = re.findall(r'<(?:input|select|textarea)[^>]* name="(\w+)"', own_form)
    assert {name for name in fields if not name.startswith(("_", "csrf"))} == {"title"}


def test_nothing_can_be_added(reviewer: Client) -> None:
    assert reviewer.get(f"{LIST}add/").status_code == 403


def test_a_superuser_deletes_a_session_with_everything_in_it(
    reviewer: Client, session: Session, call: OpenedCall
) -> None:
    kept_turn(session, call)
    assert reviewer.post(f"{LIST}{session.pk}/delete/", {"post": "yes"}).status_code == 302
    assert not Turn.objects.exists()


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


def test_the_first_sound_of_an_answer_is_shown(
    reviewer: Client, session: Session, call: OpenedCall
) -> None:
    kept_turn(session, call, role="assistant", text="Yes.", first_sound_ms=640)
    kept_turn(session, call, item_id="item_2", role="assistant", text="No.", first_sound_ms=0)
    text = plain(read(reviewer, page_of(session)))
    assert "Assistant 12:00:00 spoken first sound after 640 ms Yes." in text
    assert "Assistant 12:00:00 spoken first sound after 0 ms No." in text


def test_what_only_the_browser_saw_has_a_badge(reviewer: Client, session: Session) -> None:
    kept_turn(session, text="Bread?", is_reported=True)
    kept_turn(session, item_id="item_2", position=100_000, modality="text", text="Rye.")
    text = plain(read(reviewer, page_of(session)))
    assert "Talked with the provider directly, outside a call" in text
    assert "12:00:00 spoken told by the browser, not verified Bread?" in text
    assert text.count("not verified") == 1
    assert "Typed, outside a call" in text


def test_each_answer_has_its_cost_on_demand(
    reviewer: Client, session: Session, call: OpenedCall
) -> None:
    kept_turn(session, call, item_id="u", text="Do you have bread?")
    kept_turn(session, call, item_id="a", position=1, role="assistant", text="Yes.")
    kept_turn(session, call, item_id="free", position=2, text="Thank you.")
    kept_usage(session, "u", "gpt-transcribe", kind="transcription", seconds=2.5)
    kept_usage(session, "r1", "gpt-realtime", item_id="a", call_id=call.call_id, audio_in=200,
               audio_in_cached=100, text_in=7, audio_out=10)  # fmt: skip
    kept_usage(session, "r2", "somebody-elses", item_id="a", text_out=3, is_estimated=True)
    html = read(reviewer, page_of(session)).partition("kaiwa-transcript")[2]
    costs = [plain(each) for each in re.findall(r"(?s)<details.*?</details>", html)]
    assert costs == [
        "Cost 0.000188 USD · gpt-transcribe · 2.5 s transcribed",
        "Cost 0.003908 USD · gpt-realtime · Audio in 200 (cached 100) · Audio out 10 · Text in 7"
        " unknown (estimated) · somebody-elses · Text out 3",
    ]


def test_a_live_call_and_what_was_typed_between_calls_are_marked(
    reviewer: Client, session: Session, call: OpenedCall
) -> None:
    end_call(call.call_id, Ending.IDLE)
    kept_turn(session, item_id="typed", modality="text", position=1, text="Hello?")
    new_call(session)
    html = read(reviewer, page_of(session))
    text = plain(html)
    first, typed, live = (text.index(words) for words in ("Call 1", "Typed, outside", "Call 2"))
    assert first < typed < text.index("Hello?") < live
    assert text.count("Nothing was said in this call.") == 2
    assert html.count("kaiwa-chapter kaiwa-live") == 1


def test_a_call_over_webrtc_says_so(reviewer: Client, session: Session, call: OpenedCall) -> None:
    assert "WebRTC" not in plain(read(reviewer, page_of(session)))
    Call.objects.update(transport=Call.Transport.WEBRTC)
    for language in ("en", "ja"):
        html = reviewer.get(page_of(session), headers={"Accept-Language": language}).content
        assert "gpt-realtime WebRTC" in plain(html.decode())


def test_a_long_session_takes_no_more_queries_than_a_short_one(
    reviewer: Client, session: Session, django_assert_num_queries: Any
) -> None:
    def fill(calls: range) -> None:
        for number in calls:
            call = new_call(session)
            position = call.first_position
            kept_turn(session, call, item_id=f"{number}", position=position)
            kept_usage(session, f"{number}", "gpt-realtime", item_id=f"{number}")

    fill(range(2))
    with django_assert_num_queries(10, exact=False) as short:
        read(reviewer, page_of(session))
    fill(range(2, 30))
    with django_assert_num_queries(len(short)):
        read(reviewer, page_of(session))
