"""Generated requests, valid and invalid: no 5xx, and no answer that docs/openapi.yaml lacks.

Schemathesis generates them from the document, operation by operation. They go through Django's
WSGI application in this thread, so that all of them see the test's transaction. What asks the
provider is replaced: those answers have tests of their own (`chat`).
"""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import schemathesis
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.core.cache import cache
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from django.utils import timezone
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pytest_django.fixtures import Settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from backend.accounts.tokens import key_for
from backend.chat import api, dictation_api
from backend.chat.reply import Ended
from backend.conversations.lifecycle import end_call
from backend.conversations.models import Session, Turn
from backend.conversations.replies import (
    ANSWER,
    OpenedReply,
    ask_to_stop,
    end_reply,
    open_reply,
)
from backend.direct import ephemeral_keys_api
from backend.protocol.endings import Ending
from backend.protocol.transcript.turns import TurnStatus
from backend.upstream.client_secrets import ClientSecret
from backend.upstream.transcription import Transcribed
from tests.cast import PASSWORD
from tests.conversations.equipment import kept_turn, kept_usage, new_call, new_session
from tests.direct.equipment import EXPIRES_AT, SECRET, allow_direct_sessions

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

EXAMPLES = 7
"""For each operation, valid and invalid: about ten seconds of processor time for all of them."""

GENERATION = settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    # Without shrinking, which takes minutes: a failure has its request as a command.
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "openapi.yaml"
MESSAGE_ID = "m1"


@pytest.fixture(autouse=True)
def _one_connection() -> Iterator[None]:
    """Keep the test's transaction open after a request, as Django's test client does."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture(autouse=True)
def _registration_is_open(settings: Settings) -> None:
    settings.REGISTRATION_OPEN = True
    settings.SESSIONS_PER_HOUR = 0


@pytest.fixture(autouse=True)
def _owner_may_connect_directly(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, owner: User
) -> None:
    """The provider makes a key for every request."""
    settings.DIRECT_SESSIONS, settings.OPENAI_API_KEY = True, "sk-test-0123456789abcdef"
    allow_direct_sessions(owner)
    secret = ClientSecret(SECRET, EXPIRES_AT)
    monkeypatch.setattr(ephemeral_keys_api, "_made", lambda *_: secret)


@pytest.fixture(autouse=True)
def _answers_without_a_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every question gets its answer, and every clip its words, at once and in this thread."""

    async def answered(opened: OpenedReply, user_id: int, message: str) -> Ended:
        return Ended(await sync_to_async(_stored_answer)(opened))

    async def stop(session_id: UUID, user_id: int, message_id: str) -> None:
        await sync_to_async(ask_to_stop)(session_id, user_id, message_id)

    async def transcribed(*_: Any) -> Transcribed:
        return Transcribed("Hello.", {})

    monkeypatch.setattr(api, "_open", sync_to_async(open_reply))
    monkeypatch.setattr(api, "answered", answered)
    monkeypatch.setattr(api, "_stop", stop)
    monkeypatch.setattr(dictation_api, "_ask", transcribed)


def _stored_answer(opened: OpenedReply) -> Turn | None:
    Turn.objects.create(
        session_id=opened.exchange.session_id,
        item_id=f"{opened.message_id}_reply",
        role="assistant",
        modality="text",
        text="Yes.",
        status="completed",
        position=opened.exchange.first_position + ANSWER,
    )
    return end_reply(opened.reply_id, opened.attempt, TurnStatus.COMPLETED)


@pytest.fixture
def session(owner: User) -> Session:
    """A session that has a row of each kind, but no live call."""
    session = new_session(owner, title="Bread")
    call = new_call(session)
    end_call(call.call_id, Ending.CLIENT_LEFT)
    kept_turn(session, call, heard_text="Hello", heard_ms=300)
    kept_usage(session, "resp_1", "gpt-realtime", call_id=call.call_id, audio_out=1)
    opened = open_reply(session.pk, owner.pk, MESSAGE_ID)
    assert isinstance(opened, OpenedReply)
    _stored_answer(opened)
    return session


def application() -> Any:
    """Django's WSGI application. It closes each response, which also closes the uploaded files."""
    django = get_wsgi_application()

    def app(environ: Any, start_response: Any) -> list[bytes]:
        with closing(django(environ, start_response)) as response:
            return [b"".join(response)]

    return app


def _with(known: dict[str, str], generated: dict[str, Any]) -> dict[str, Any]:
    """The generated values, but the known ones in fields of their names."""
    return {name: known.get(name, value) for name, value in generated.items()}


def _operations(mode: GenerationMode) -> list[Any]:
    """The document's operations. Without a parameter and a body no request can be invalid."""
    # Untyped: a part of the document that is invalid has no `ok`, and the test fails there.
    results: Iterator[Any] = schemathesis.openapi.from_path(DOCUMENT).get_all_operations()
    every = [each.ok() for each in results]
    if mode is GenerationMode.POSITIVE:
        return every
    return [each for each in every if each.path_parameters or each.query or each.body]


@pytest.mark.parametrize("mode", GenerationMode)
def test_every_answer_is_described(
    session: Session, owner: User, mode: GenerationMode, subtests: pytest.Subtests
) -> None:
    app = application()
    own = {
        "session_id": str(session.pk),
        "message_id": MESSAGE_ID,
        "username": owner.username,
        "password": PASSWORD,
    }

    def check(case: Any, is_own: bool, is_logged_in: bool, is_closed: bool) -> None:
        cache.clear()
        closed_at = timezone.now() if is_closed else None
        Session.with_deleted.update(deleted_at=None, closed_at=closed_at)
        if is_own:
            case.path_parameters = _with(own, case.path_parameters)
            if mode is GenerationMode.POSITIVE and isinstance(case.body, dict):
                case.body = _with(own, case.body)
        headers = {"Authorization": f"Token {key_for(owner)}"} if is_logged_in else {}
        case.validate_response(case.call(headers=headers, app=app), checks=CHECKS)

    for operation in _operations(mode):
        generated = given(
            case=operation.as_strategy(generation_mode=mode),
            is_own=st.sampled_from([True, True, False]),
            is_logged_in=st.sampled_from([True, True, True, False]),
            is_closed=st.sampled_from([False, False, True]),
        )
        with subtests.test(operation.label):
            GENERATION(generated(check))()
