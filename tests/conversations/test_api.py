"""The user's sessions over HTTP: the JSON that clients rely on; no access to other users' data."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from backend import catalogue
from backend.accounts import tickets, tokens
from backend.accounts.models import Ticket
from backend.conversations import deleting
from backend.conversations.api import SessionChange
from backend.conversations.lifecycle import end_call, provider_of, renew_leases
from backend.conversations.models import Call, Session, Turn, Usage
from backend.protocol.endings import Ending
from backend.wording import SENTENCES, sentence
from tests.azure import configure_azure
from tests.cast import client_of
from tests.conversations.equipment import kept_turn, kept_usage, new_call, new_session

pytestmark = pytest.mark.django_db

NOTHING_USED = {
    "text_in": 0, "text_in_cached": 0, "audio_in": 0, "audio_in_cached": 0, "image_in": 0,
    "image_in_cached": 0, "text_out": 0, "audio_out": 0, "seconds": 0,
}  # fmt: skip


@pytest.fixture
def session(owner: User) -> Session:
    return new_session(owner, title="Bread")


def create(client: APIClient, **fields: object) -> Any:
    return client.post("/api/sessions/", fields, format="json")


def change(client: APIClient, session: Session, **changes: object) -> Any:
    return client.patch(f"/api/sessions/{session.id}/", changes, format="json")


def test_a_new_session_has_a_default_for_everything(as_owner: APIClient, owner: User) -> None:
    response = create(as_owner)
    assert response.status_code == 201
    session = Session.objects.get()
    assert session.user == owner
    assert response.json() == {
        "id": str(session.id),
        "title": "",
        "realtime_mode": False,
        "status": "open",
        "provider": "openai",
        "turn_count": 0,
        "call_count": 0,
        "model": catalogue.resolve("gpt-realtime", timezone.now().date()),
        "voice": "marin",
        "language": "en",
        "created_at": response.json()["created_at"],
        "updated_at": response.json()["updated_at"],
        "usage": NOTHING_USED,
        "cost": "0.0000",
        "cost_estimated": False,
    }


def test_a_new_session_has_the_fields_of_the_request(as_owner: APIClient) -> None:
    answer = create(as_owner, title="Bread", voice="cedar", language="ja").json()
    assert (answer["title"], answer["voice"], answer["language"]) == ("Bread", "cedar", "ja")


def test_a_new_session_has_the_language_of_the_request(owner: User) -> None:
    assert create(client_of(owner, "ja,en;q=0.5")).json()["language"] == "ja"
    assert create(client_of(owner, "fr")).json()["language"] == "en"


def test_a_body_is_not_needed_for_a_new_session(as_owner: APIClient) -> None:
    assert as_owner.post("/api/sessions/").status_code == 201


@pytest.mark.parametrize(
    "fields",
    [
        {"voice": "nobody"},
        {"language": "fr"},
        {"title": "x" * 201},
        {"title": "a\0b"},
        {"title": None},
        {"model": "gpt-realtime"},
        {"provider": "azure"},
        {"provider": None},
        {"realtime_mode": True},
        {"instructions": "be rude"},
        {"status": "closed"},
        {"id": "acf8c389-416c-42bf-a100-a9260070ba5b"},
    ],
    ids=str,
)
def test_invalid_fields_of_a_new_session_are_named(
    as_owner: APIClient, fields: dict[str, Any]
) -> None:
    response = create(as_owner, **fields)
    assert response.status_code == 400
    assert response.json()["error"]["code"] == "invalid"
    assert list(response.json()["error"]["detail"]) == list(fields)
    assert not Session.objects.exists()


def test_the_list_holds_the_users_sessions_newest_first(
    as_owner: APIClient, owner: User, stranger: User
) -> None:
    now = timezone.now()
    for minutes, title in ((3, "oldest"), (1, "newest"), (2, "middle")):
        new_session(owner, title=title, updated_at=now - timedelta(minutes=minutes))
    new_session(stranger, title="not yours")
    page = as_owner.get("/api/sessions/").json()
    assert [answer["title"] for answer in page["results"]] == ["newest", "middle", "oldest"]
    assert (page["count"], page["next"], page["previous"]) == (3, None, None)


def test_lists_come_in_pages(as_owner: APIClient, owner: User) -> None:
    for _ in range(5):
        new_session(owner)
    first = as_owner.get("/api/sessions/?page_size=3").json()
    second = as_owner.get(first["next"]).json()
    assert (len(first["results"]), len(second["results"]), second["next"]) == (3, 2, None)
    ids = {answer["id"] for answer in first["results"] + second["results"]}
    assert len(ids) == 5


def test_a_page_has_at_most_two_hundred_rows(as_owner: APIClient, session: Session) -> None:
    rows = [
        Turn(session=session, item_id=str(number), position=number, role="user", modality="text")
        for number in range(205)
    ]
    Turn.objects.bulk_create([_completed(row) for row in rows])
    page = as_owner.get(f"/api/sessions/{session.id}/turns/?page_size=1000").json()
    assert (page["count"], len(page["results"])) == (205, 200)


def _completed(turn: Turn) -> Turn:
    turn.status = "completed"
    return turn


@pytest.mark.parametrize("page", ["0", "99", "nonsense"])
def test_a_page_that_is_not_there_is_a_404(as_owner: APIClient, page: str) -> None:
    response = as_owner.get(f"/api/sessions/?page={page}")
    assert response.status_code == 404
    assert response.json()["error"]["code"] == "not_found"


def test_a_sessions_detail_has_its_calls(as_owner: APIClient, session: Session) -> None:
    first, second = new_call(session), new_call(session)
    answer = as_owner.get(f"/api/sessions/{session.id}/").json()
    assert answer["title"] == "Bread"
    assert [call["id"] for call in answer["calls"]] == [str(first.call_id), str(second.call_id)]
    ended, live = answer["calls"]
    assert set(ended) == {"id", "started_at", "ended_at", "ending"}
    assert ended["ending"] == "taken_over"
    assert ended["ended_at"] >= ended["started_at"]
    assert (live["ending"], live["ended_at"]) == (None, None)


def test_a_session_is_live_while_a_call_is(as_owner: APIClient, session: Session) -> None:
    def status() -> list[str]:
        alone = as_owner.get(f"/api/sessions/{session.id}/").json()["status"]
        listed = as_owner.get("/api/sessions/").json()["results"][0]["status"]
        return [alone, listed]

    assert status() == ["open", "open"]
    call = new_call(session)
    assert status() == ["live", "live"]
    Call.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert status() == ["open", "open"]
    end_call(call.call_id, Ending.CLIENT_LEFT)
    Session.objects.update(closed_at=timezone.now())
    assert status() == ["closed", "closed"]


def test_a_session_says_how_many_turns_and_calls_it_has(
    as_owner: APIClient, owner: User, session: Session
) -> None:
    first, _ = new_call(session), new_call(session)
    for number in range(3):
        kept_turn(session, first, item_id=str(number))
    new_session(owner)
    listed = as_owner.get("/api/sessions/").json()["results"]
    alone = as_owner.get(f"/api/sessions/{session.id}/").json()
    counts = {each["id"]: (each["turn_count"], each["call_count"]) for each in listed}
    assert counts.pop(alone["id"]) == (alone["turn_count"], alone["call_count"]) == (3, 2)
    assert list(counts.values()) == [(0, 0)]


def test_turns_are_listed_in_spoken_order(as_owner: APIClient, session: Session) -> None:
    call = new_call(session)
    kept_turn(session, call, item_id="b", position=2, text="Second.")
    first = kept_turn(
        session, call, item_id="a", position=1, role="assistant", status="interrupted",
        text="First, and more.", heard_text="First,", heard_ms=480,
    )  # fmt: skip
    page = as_owner.get(f"/api/sessions/{session.id}/turns/").json()
    assert [answer["item_id"] for answer in page["results"]] == ["a", "b"]
    assert page["results"][0] == {
        "id": first.pk,
        "item_id": "a",
        "role": "assistant",
        "modality": "voice",
        "text": "First, and more.",
        "heard_text": "First,",
        "heard_ms": 480,
        "status": "interrupted",
        "position": 1,
        "started_at": "2026-01-02T12:00:00Z",
        "completed_at": "2026-01-02T12:00:00Z",
        "first_sound_ms": None,
        "is_reported": False,
    }
    assert (page["results"][1]["heard_text"], page["results"][1]["heard_ms"]) == (None, None)


def test_usage_is_summed_and_priced(as_owner: APIClient, session: Session) -> None:
    kept_usage(session, "resp_1", "gpt-realtime", audio_in=1_000_000, audio_in_cached=500_000)
    kept_usage(session, "resp_2", "gpt-realtime", audio_out=250_000, text_out=1_000)
    kept_usage(session, "item_1", "gpt-transcribe", kind="transcription", seconds=60.0)
    answer = as_owner.get(f"/api/sessions/{session.id}/").json()
    assert answer["usage"] == NOTHING_USED | {
        "audio_in": 1_000_000, "audio_in_cached": 500_000, "audio_out": 250_000,
        "text_out": 1_000, "seconds": 60.0,
    }  # fmt: skip
    # 0.5 M at 32, 0.5 M cached at 0.40, 0.25 M at 64, 1,000 at 16 a million; a minute at 0.0045.
    assert answer["cost"] == "32.2205"


def test_an_estimated_cost_is_marked(as_owner: APIClient, session: Session) -> None:
    kept_usage(session, "resp_1", "gpt-realtime", text_out=1_000_000)
    kept_usage(session, "resp_2", "gpt-realtime", text_out=1_000_000, is_estimated=True)
    answer = as_owner.get(f"/api/sessions/{session.id}/").json()
    assert (answer["cost"], answer["cost_estimated"]) == ("32.0000", True)


def test_an_unknown_price_is_not_zero(as_owner: APIClient, session: Session) -> None:
    kept_usage(session, "resp_1", "gpt-realtime", text_out=5)
    kept_usage(session, "resp_2", "somebody-elses", text_out=5)
    answer = as_owner.get(f"/api/sessions/{session.id}/").json()
    assert (answer["cost"], answer["usage"]["text_out"]) == (None, 10)


def test_a_session_has_the_provider_of_the_request(as_owner: APIClient, settings: Settings) -> None:
    configure_azure(settings)
    answer = create(as_owner, provider="azure").json()
    assert (answer["provider"], answer["model"]) == ("azure", "voice-eu")
    assert as_owner.get("/api/config/").json()["providers"] == ["openai", "azure"]
    unknown = create(as_owner, provider="nobody").json()["error"]
    assert unknown["detail"]["provider"] == [sentence("provider_unknown", "en")]


def test_a_provider_that_is_changed_during_a_call_is_the_next_calls(
    as_owner: APIClient, session: Session, settings: Settings
) -> None:
    configure_azure(settings)
    running = new_call(session)
    answer = change(as_owner, session, provider="azure").json()
    assert (answer["provider"], answer["model"]) == ("azure", "voice-eu")
    assert running.provider == "openai"
    assert provider_of(session.id, session.user_id) == "azure"


def test_the_owner_changes_title_voice_and_language(as_owner: APIClient, session: Session) -> None:
    answer = change(as_owner, session, title="Cheese", voice="cedar", language="ja").json()
    assert (answer["title"], answer["voice"], answer["language"]) == ("Cheese", "cedar", "ja")
    session.refresh_from_db()
    assert (session.title, session.voice, session.language) == ("Cheese", "cedar", "ja")


def test_a_session_without_a_chosen_voice_follows_the_setting(
    as_owner: APIClient, settings: Settings
) -> None:
    create(as_owner)
    session = Session.objects.get()
    for voice in ("cedar", "sage"):
        settings.REALTIME_VOICE = voice
        assert as_owner.get(f"/api/sessions/{session.id}/").json()["voice"] == voice
    change(as_owner, session, voice="verse")
    assert as_owner.get("/api/sessions/").json()["results"][0]["voice"] == "verse"


def test_a_voice_that_is_changed_during_a_call_is_the_next_calls(
    as_owner: APIClient, session: Session
) -> None:
    running = new_call(session)
    assert change(as_owner, session, voice="cedar").json()["voice"] == "cedar"
    assert (running.voice, new_call(session).voice) == ("marin", "cedar")


@pytest.mark.parametrize("exchanges", [0, 1, 2])
def test_the_detail_says_from_where_on_a_model_remembers(
    as_owner: APIClient, session: Session, settings: Settings, exchanges: int
) -> None:
    settings.HISTORY_TOKENS = 1
    for number in range(exchanges):
        kept_turn(session, item_id=f"q{number}", position=number * 10)
        kept_turn(session, item_id=f"a{number}", position=number * 10 + 1, role="assistant")
    answer = as_owner.get(f"/api/sessions/{session.id}/").json()
    assert answer["remembered_from"] == (10 if exchanges == 2 else None)
    assert "remembered_from" not in as_owner.get("/api/sessions/").json()["results"][0]


def test_a_session_is_closed_and_opened_again(as_owner: APIClient, session: Session) -> None:
    assert change(as_owner, session, status="closed").json()["status"] == "closed"
    session.refresh_from_db()
    closed_at = session.closed_at
    assert closed_at is not None
    change(as_owner, session, status="closed")
    session.refresh_from_db()
    assert session.closed_at == closed_at
    assert change(as_owner, session, status="open").json()["status"] == "open"


def test_closing_a_session_ends_its_call(as_owner: APIClient, session: Session) -> None:
    call = new_call(session)
    change(as_owner, session, status="closed")
    assert renew_leases([call.call_id]) == {call.call_id: Ending.COMPLETED}


def test_an_empty_change_changes_nothing(as_owner: APIClient, session: Session) -> None:
    assert change(as_owner, session).json()["title"] == "Bread"


@pytest.mark.parametrize(
    "changes",
    [
        {"realtime_mode": True},
        {"status": "live"},
        {"voice": "x"},
        {"user": 1},
        {"titel": "x"},
        {"provider": "nobody"},
    ],
    ids=str,
)
def test_invalid_fields_of_a_change_are_named(
    as_owner: APIClient, session: Session, changes: dict[str, Any]
) -> None:
    response = change(as_owner, session, **changes)
    assert response.status_code == 400
    assert list(response.json()["error"]["detail"]) == list(changes)


def test_a_session_that_is_deleted_while_it_is_changed_is_not_found(
    as_owner: APIClient, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_valid = SessionChange.is_valid

    def deleted_meanwhile(change: SessionChange, **options: Any) -> bool:
        Session.objects.all().delete()
        return is_valid(change, **options)

    monkeypatch.setattr(SessionChange, "is_valid", deleted_meanwhile)
    assert change(as_owner, session, title="Cheese").status_code == 404


def test_a_deleted_session_takes_all_but_its_ledger_with_it(
    as_owner: APIClient, session: Session
) -> None:
    call = new_call(session)
    kept_turn(session, call)
    Usage.objects.create(session=session, call_id=call.call_id, source_id="r", kind="response")
    assert as_owner.delete(f"/api/sessions/{session.id}/").status_code == 204
    assert not Session.objects.exists()
    deleting.purge(hidden_for=timedelta())
    assert not any(model.objects.exists() for model in (Session, Call, Turn))
    assert Usage.objects.get(session=None, call=None).source_id == "r"


def request_all(client: APIClient, session_id: object) -> list[Any]:
    """The responses of every endpoint that takes a session's id."""
    url = f"/api/sessions/{session_id}/"
    body = {"session_id": str(session_id)}
    return [
        client.get(url),
        client.patch(url, {"title": "x"}, format="json"),
        client.delete(url),
        client.post(f"{url}restore/"),
        client.get(f"{url}turns/"),
        client.post("/api/realtime/tickets/", body, format="json"),
    ]


@pytest.mark.parametrize("who", ["a stranger", "staff", "nobody's session"])
def test_another_users_session_is_a_404(
    session: Session, stranger: User, staff: User, owner: User, who: str
) -> None:
    user = {"a stranger": stranger, "staff": staff}.get(who, owner)
    session_id = uuid4() if who == "nobody's session" else session.id
    answers = request_all(client_of(user), session_id)
    assert [answer.status_code for answer in answers] == [404] * 6
    assert {answer.json()["error"]["code"] for answer in answers} == {"not_found"}
    session.refresh_from_db()
    assert session.title == "Bread"


@pytest.mark.parametrize(
    "session_id",
    ["1", "nonsense", "0" * 32, "d8c905bd-ad54-4ad1-8a3a-4f5e516c739ex", "%00", "../me"],
)
def test_a_malformed_id_is_a_404(as_owner: APIClient, session_id: str) -> None:
    for answer in request_all(as_owner, session_id)[:5]:
        assert answer.status_code == 404
        assert answer.json()["error"] == {
            "code": "not_found",
            "message": SENTENCES["not_found"]["en"],
        }


def test_without_a_login_everything_is_a_401(as_nobody: APIClient, session: Session) -> None:
    answers = [
        *request_all(as_nobody, session.id),
        as_nobody.get("/api/sessions/"),
        create(as_nobody),
    ]
    assert {answer.status_code for answer in answers} == {401}


def test_a_long_list_takes_no_more_queries_than_a_short_one(
    as_owner: APIClient, owner: User, django_assert_num_queries: Any
) -> None:
    for _ in range(20):
        session = new_session(owner)
        new_call(session)
        Usage.objects.create(session=session, source_id="r", kind="response", model="gpt-realtime")
    # The login, the count, the page with its facts, the usage.
    with django_assert_num_queries(4):
        assert len(as_owner.get("/api/sessions/").json()["results"]) == 20


def test_a_long_transcript_takes_no_more_queries_than_a_short_one(
    as_owner: APIClient, session: Session, django_assert_num_queries: Any
) -> None:
    call = new_call(session)
    for number in range(30):
        kept_turn(session, call, item_id=str(number), position=number)
    with django_assert_num_queries(4):
        page = as_owner.get(f"/api/sessions/{session.id}/turns/").json()
    assert len(page["results"]) == 30


def post_ticket(client: APIClient, **body: object) -> Any:
    return client.post("/api/realtime/tickets/", body, format="json")


def test_a_ticket_is_valid_for_the_users_session(as_owner: APIClient, session: Session) -> None:
    response = post_ticket(as_owner, session_id=str(session.id))
    assert response.status_code == 201
    answer = response.json()
    assert set(answer) == {"ticket", "expires_at", "url"}
    assert answer["url"] == f"ws://testserver/ws/realtime/{session.id}/"
    expires_at = parse_datetime(answer["expires_at"])
    assert expires_at is not None
    assert expires_at > timezone.now()
    assert tickets.take(answer["ticket"], session.id) == session.user_id


def test_behind_tls_the_ticket_is_for_a_secure_socket(owner: User, session: Session) -> None:
    client = client_of(owner)
    body = {"session_id": str(session.id)}
    response = client.post("/api/realtime/tickets/", body, format="json", secure=True)
    assert response.json()["url"].startswith("wss://testserver/")


@pytest.mark.parametrize(
    "body", [{}, {"session_id": "nonsense"}, {"session_id": None}, {"id": "x"}]
)
def test_an_invalid_request_for_a_ticket_is_a_400(
    as_owner: APIClient, body: dict[str, Any]
) -> None:
    response = post_ticket(as_owner, **body)
    assert response.status_code == 400
    assert response.json()["error"]["code"] == "invalid"
    assert not Ticket.objects.exists()


def test_a_closed_session_gives_no_tickets(as_owner: APIClient, session: Session) -> None:
    change(as_owner, session, status="closed")
    response = post_ticket(as_owner, session_id=str(session.id))
    assert (response.status_code, response.json()["error"]["code"]) == (409, "session_closed")


def test_a_logged_out_user_gets_no_tickets(as_owner: APIClient, session: Session) -> None:
    tokens.revoke(session.user_id)
    assert post_ticket(as_owner, session_id=str(session.id)).status_code == 401


@pytest.mark.parametrize("demo", [True, False])
def test_the_configuration_needs_no_login(as_nobody: APIClient, settings: Any, demo: bool) -> None:
    settings.DEMO = demo
    settings.REGISTRATION_OPEN = not demo
    settings.REVIEW_NOTICE = demo
    answer = as_nobody.get("/api/config/").json()
    assert answer["review_notice"] is demo
    assert (answer["demo"], answer["registration_open"]) == (demo, not demo)
    assert answer["voices"][0] == "marin"
    assert answer["providers"] == ["openai"]
    assert answer["languages"] == ["en", "ja"]
    assert set(answer["suggestions"]) == ({"en", "ja"} if demo else set())
    assert answer["limits"] == {"title_length": 200, "page_size": 200, "ticket_seconds": 30}


def test_the_configuration_ignores_an_invalid_token(as_nobody: APIClient) -> None:
    as_nobody.credentials(HTTP_AUTHORIZATION="Token nonsense")
    assert as_nobody.get("/api/config/").status_code == 200


def test_a_change_does_not_undo_what_the_recorder_wrote(
    as_owner: APIClient, session: Session
) -> None:
    stale = Session.objects.get(pk=session.pk)
    Session.objects.update(realtime_mode=True)
    change(as_owner, stale, title="Cheese")
    session.refresh_from_db()
    assert (session.title, session.realtime_mode) == ("Cheese", True)


def test_ids_cannot_be_guessed(as_owner: APIClient) -> None:
    assert {UUID(create(as_owner).json()["id"]).version for _ in range(3)} == {4}
