"""Titles that the model writes: once, after the first exchange, and never over a person's own."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx2
import openai
import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_tasks_db.models import DBTaskResult
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from backend import configured_providers
from backend.conversations import deleting, titles
from backend.conversations.listeners import RecordListener
from backend.conversations.models import Session, Usage
from backend.conversations.titles import (
    RETRY_AFTER,
    TitleListener,
    enqueue_title,
    first_exchange,
    suggest_title,
)
from backend.conversations.writing import TurnWrite, write
from backend.protocol.endings import Ending
from backend.protocol.transcript import turns
from backend.protocol.transcript.turns import Modality, Role, TurnStatus
from backend.protocol.usage import TextUsage
from backend.upstream.rest import rest_client
from backend.upstream.whole_answer import WholeAnswer
from tests.azure import AZURE_KEY, configure_azure
from tests.conversations.equipment import kept_turn, new_session, turn

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

Source = Session.TitleSource


class FakeProvider:
    """Answers each request with the next of `responses`, and keeps the requests' bodies."""

    def __init__(self) -> None:
        self.responses: list[httpx2.Response] = []
        self.bodies: list[dict[str, Any]] = []
        self.requests: list[httpx2.Request] = []

    def says(self, text: str) -> None:
        message = {"type": "message", "content": [{"type": "output_text", "text": text}]}
        usage = {"input_tokens": 1_000, "output_tokens": 100}
        body = {"id": "resp_t", "model": "gpt-5.6-luna", "output": [message], "usage": usage}
        self.responses.append(httpx2.Response(200, json=body))

    def refuses(self, status: int, **headers: str) -> None:
        self.responses.append(httpx2.Response(status, json={}, headers=headers))

    def handle(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        self.bodies.append(json.loads(request.content))
        return self.responses.pop(0)


@pytest.fixture
def provider(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> FakeProvider:
    provider = FakeProvider()
    settings.OPENAI_API_KEY = "sk-test"
    settings.CHAT_MODEL = "gpt-5.6-luna"
    transport = httpx2.MockTransport(provider.handle)

    def client(*of: Any, **more: Any) -> openai.AsyncOpenAI:
        return rest_client(*of, **{**more, "transport": transport})

    monkeypatch.setattr(configured_providers, "rest_client", client)
    return provider


@pytest.fixture
def session(owner: User) -> Session:
    return new_session(owner, language="ja")


def exchange(session: Session) -> None:
    """A question and its answer, stored as the recorder does."""
    said = (
        turn("q", "Do you have bread?"),
        turn("a", "We do.", role=Role.ASSISTANT, position=1),
    )
    write([TurnWrite(session.pk, None, 0, each) for each in said])


def named(session: Session) -> tuple[str, str]:
    session.refresh_from_db()
    return session.title, session.title_source


def jobs() -> list[list[Any]]:
    """The arguments of the jobs that wait."""
    return [row.args_kwargs["args"] for row in DBTaskResult.objects.order_by("enqueued_at")]


def requested(session: Session) -> None:
    exchange(session)
    assert enqueue_title(session.pk)


def test_after_the_first_exchange_the_model_is_asked_once(session: Session) -> None:
    listener: RecordListener = TitleListener()
    question, answer = turn("q"), turn("a", role=Role.ASSISTANT, position=1)
    kept_turn(session, item_id="q", text="Do you have bread?")
    listener.on_turns_kept(session.pk, [question])
    assert jobs() == []
    kept_turn(session, item_id="a", role="assistant", text="We do.", position=1)
    for _ in range(3):
        listener.on_turns_kept(session.pk, [answer])
    assert jobs() == [[str(session.pk)]]


def test_a_question_that_is_transcribed_after_its_answer_is_not_too_late(session: Session) -> None:
    kept_turn(session, item_id="a", role="assistant", text="We do.", position=1)
    TitleListener().on_turns_kept(session.pk, [turn("a", role=Role.ASSISTANT, position=1)])
    assert jobs() == []
    kept_turn(session, item_id="q", text="Do you have bread?")
    TitleListener().on_turns_kept(session.pk, [turn("q")])
    assert len(jobs()) == 1


@pytest.mark.parametrize(
    "unfinished",
    [turn(status=TurnStatus.IN_PROGRESS), turn(status=TurnStatus.FAILED), turn(text=" ")],
    ids=lambda each: f"{each.status} {each.text!r}",
)
def test_a_turn_that_is_not_whole_asks_for_nothing(unfinished: turns.Turn) -> None:
    assert not TitleListener().wants_turns([unfinished], is_untitled=True)


def test_a_typed_question_waits_for_its_answer() -> None:
    typed = turn(modality=Modality.TEXT)
    assert not TitleListener().wants_turns([typed], is_untitled=True)
    assert TitleListener().wants_turns([typed, turn("a", role=Role.ASSISTANT)], is_untitled=True)


def test_turns_of_a_session_with_a_title_ask_for_nothing(session: Session) -> None:
    answer = turn("a", role=Role.ASSISTANT, position=1)
    for source in Source:
        Session.objects.filter(pk=session.pk).update(title_source=source)
        written = write([TurnWrite(session.pk, None, 0, answer)])
        is_untitled = session.pk in written.untitled
        assert is_untitled == (source == Source.WORDS)
        assert TitleListener().wants_turns([answer], is_untitled=is_untitled) == is_untitled


def test_the_end_of_a_call_asks_for_nothing(session: Session) -> None:
    exchange(session)
    TitleListener().on_call_ended(session.pk, Ending.COMPLETED)
    assert jobs() == []


def test_the_first_whole_exchange_counts(session: Session) -> None:
    for position, (role, status, text) in enumerate(
        [
            ("assistant", "completed", "Good morning."),
            ("user", "completed", ""),
            ("user", "completed", "Do you have bread?"),
            ("assistant", "interrupted", "We have"),
            ("assistant", "completed", ""),
        ]
    ):
        kept_turn(
            session, item_id=str(position), role=role, status=status, text=text, position=position
        )
    assert first_exchange(session.pk) is None
    assert not enqueue_title(session.pk)
    kept_turn(session, item_id="9", role="assistant", text="Yes.", position=9)
    assert first_exchange(session.pk) == titles.Exchange("Do you have bread?", "Yes.")
    assert enqueue_title(session.pk)


@pytest.mark.parametrize(
    ("role", "session_of"), [("assistant", "another"), ("user", "this"), ("tool", "this")]
)
def test_only_an_answer_in_the_session_makes_an_exchange(
    session: Session, owner: User, role: str, session_of: str
) -> None:
    kept_turn(session, item_id="q", text="Do you have bread?")
    where = session if session_of == "this" else new_session(owner)
    kept_turn(where, item_id="a", role=role, text="We do.", position=1)
    assert first_exchange(session.pk) is None
    assert not enqueue_title(session.pk)


def test_the_request_of_a_title_takes_one_statement_and_the_job_another(
    session: Session,
) -> None:
    exchange(session)
    for expected, statements in ((True, 2), (False, 1)):
        with CaptureQueriesContext(connection) as queries:
            assert enqueue_title(session.pk) == expected
        sql = [each["sql"] for each in queries if "SAVEPOINT" not in each["sql"]]
        assert len(sql) == statements, sql


def test_without_a_worker_the_title_is_the_first_words(session: Session) -> None:
    requested(session)
    assert named(session) == ("Do you have bread?", Source.REQUESTED)


def test_the_job_stores_the_models_title_and_what_it_cost(
    session: Session, provider: FakeProvider
) -> None:
    requested(session)
    updated_at = Session.objects.get().updated_at
    provider.says("「パンの在庫」")
    suggest_title.call(str(session.pk))
    assert named(session) == ("パンの在庫", Source.MODEL)
    assert session.updated_at == updated_at
    (body,) = provider.bodies
    assert body["model"] == "gpt-5.6-luna"
    assert body["input"] == "User: Do you have bread?\nAssistant: We do."
    usage = Usage.objects.get()
    assert (usage.model, usage.text_in, usage.text_out) == ("gpt-5.6-luna", 1_000, 100)
    # 1,000 at 0.20 and 100 at 1.20 a million.
    assert usage.cost_usd is not None
    assert float(usage.cost_usd) == pytest.approx(0.00032)


def test_a_job_that_is_run_again_asks_no_more(session: Session, provider: FakeProvider) -> None:
    requested(session)
    provider.says("Bread")
    for _ in range(2):
        suggest_title.call(str(session.pk))
    assert len(provider.bodies) == 1
    assert not enqueue_title(session.pk)


def rename(client: APIClient, session: Session, title: str) -> None:
    response = client.patch(f"/api/sessions/{session.pk}/", {"title": title}, format="json")
    assert response.status_code == 200


def in_the_admin(client: Client, staff: User, session: Session) -> None:
    client.force_login(staff)
    path = f"/admin/conversations/session/{session.pk}/change/"
    assert client.post(path, {"title": "Mine"}).status_code == 302


def test_a_title_that_a_person_gave_is_never_replaced(
    session: Session, owner: User, as_owner: APIClient, staff: User
) -> None:
    created = as_owner.post("/api/sessions/", {"title": "Mine"}, format="json").json()["id"]
    at_the_start = Session.objects.get(pk=created)
    renamed, edited = new_session(owner), new_session(owner)
    rename(as_owner, renamed, "Mine")
    in_the_admin(Client(), staff, edited)
    for each in (at_the_start, renamed, edited):
        exchange(each)
        assert not enqueue_title(each.pk)
        assert named(each) == ("Mine", Source.USER)


@pytest.mark.parametrize("when", ["before the job", "during the job"])
def test_a_person_who_renames_meanwhile_wins(
    session: Session, as_owner: APIClient, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    requested(session)
    asked = []

    def answer(_: object, request: object) -> WholeAnswer:
        asked.append(request)
        rename(as_owner, session, "Mine")
        return WholeAnswer("Bread", None, TextUsage("resp_t", "response", text_out=3))

    monkeypatch.setattr(titles, "answer_to", answer)
    if when == "before the job":
        rename(as_owner, session, "Mine")
    suggest_title.call(str(session.pk))
    assert named(session) == ("Mine", Source.USER)
    assert len(asked) == Usage.objects.count() == (0 if when == "before the job" else 1)


def test_a_title_that_was_cleared_is_made_again(
    session: Session, as_owner: APIClient, provider: FakeProvider
) -> None:
    rename(as_owner, session, "Mine")
    rename(as_owner, session, "")
    requested(session)
    assert named(session)[0] == "Do you have bread?"
    provider.says("Bread")
    suggest_title.call(str(session.pk))
    assert named(session) == ("Bread", Source.MODEL)


@pytest.mark.parametrize(
    "delete", [Session.delete, lambda each: deleting.hide(each.pk, each.user_id)]
)
def test_a_session_that_is_deleted_meanwhile_is_left_alone(
    session: Session, provider: FakeProvider, delete: Callable[[Session], Any]
) -> None:
    requested(session)
    session_id = session.pk
    delete(session)
    suggest_title.call(str(session_id))
    assert not enqueue_title(session_id)
    assert provider.bodies == []


@pytest.mark.parametrize("answer", ["", "\n", '""'])
def test_an_answer_without_a_title_leaves_the_first_words(
    session: Session, provider: FakeProvider, answer: str
) -> None:
    requested(session)
    provider.says(answer)
    suggest_title.call(str(session.pk))
    assert named(session)[0] == "Do you have bread?"


def waiting_after_the_first() -> list[Any]:
    return list(DBTaskResult.objects.order_by("enqueued_at"))[1:]


@pytest.mark.parametrize(
    ("headers", "at_least"), [({}, RETRY_AFTER), ({"Retry-After": "600"}, timedelta(minutes=10))]
)
def test_a_provider_that_is_away_is_asked_once_more_later(
    session: Session,
    provider: FakeProvider,
    caplog: pytest.LogCaptureFixture,
    headers: dict[str, str],
    at_least: timedelta,
) -> None:
    requested(session)
    began = timezone.now()
    for _ in range(2):
        provider.refuses(503, **headers)
    suggest_title.call(str(session.pk))
    (again,) = waiting_after_the_first()
    assert again.run_after - began >= at_least
    suggest_title.call(*again.args_kwargs["args"], **again.args_kwargs["kwargs"])
    assert len(waiting_after_the_first()) == 1
    assert named(session)[0] == "Do you have bread?"
    assert "title.failed" in caplog.text
    assert "bread" not in caplog.text


@pytest.mark.parametrize("has_key", [True, False])
def test_a_provider_that_refuses_is_not_asked_again(
    session: Session, provider: FakeProvider, settings: Settings, has_key: bool
) -> None:
    settings.OPENAI_API_KEY = "sk-test" if has_key else ""
    requested(session)
    provider.refuses(401)
    suggest_title.call(str(session.pk))
    assert waiting_after_the_first() == []
    assert named(session)[0] == "Do you have bread?"


def test_the_provider_of_the_session_is_asked(
    session: Session, provider: FakeProvider, settings: Settings
) -> None:
    configure_azure(settings)
    Session.objects.update(provider="azure")
    requested(session)
    provider.says("Bread")
    suggest_title.call(str(session.pk))
    assert [body["model"] for body in provider.bodies] == ["chat-eu"]
    (request,) = provider.requests
    assert (request.url.host, request.headers["api-key"]) == ("azure.test", AZURE_KEY)


def test_a_provider_without_settings_is_not_asked(session: Session, provider: FakeProvider) -> None:
    Session.objects.update(provider="azure")
    requested(session)
    suggest_title.call(str(session.pk))
    assert provider.requests == []
    assert waiting_after_the_first() == []
