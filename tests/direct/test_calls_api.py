"""Calls over WebRTC over HTTP: what a request is answered, and who may ask."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any, cast, get_args
from uuid import UUID, uuid4

import httpx2
import pytest
from asgiref.sync import ThreadSensitiveContext
from django.contrib.auth.models import User
from django.test import AsyncClient
from django.utils import timezone
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from backend.accounts.tokens import key_for
from backend.api_errors import ApiErrorCode
from backend.conversations.database_executor import DatabaseSlow
from backend.conversations.models import Call, Session
from backend.direct import calls_api
from backend.direct.watched_call import Answer, WatchedCall
from backend.protocol.endings import Ending
from backend.protocol.errors import (
    AdmissionRefused,
    BudgetSpent,
    UpstreamRefused,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from backend.wording import SENTENCES
from tests.cast import client_of
from tests.conversations.equipment import new_call, new_session
from tests.direct.far_end import ANSWER, OFFER
from tests.direct.test_watched_calls import Harness

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner_client(owner: User) -> APIClient:
    return client_of(owner)


@pytest.fixture
def session(owner: User) -> Session:
    return new_session(owner)


def webrtc_call(session: Session) -> UUID:
    return new_call(session, transport=Call.Transport.WEBRTC).call_id


class Calls:
    """In place of `watched_calls()`: `result` is what an offer comes to."""

    def __init__(self) -> None:
        self.result: Answer | Exception = Answer(ANSWER, str(uuid4()))
        self.offers: list[tuple[UUID, int, str]] = []
        self.watched: WatchedCall | None = None

    async def open(self, session_id: UUID, user_id: int, sdp: str) -> Answer:
        self.offers.append((session_id, user_id, sdp))
        if isinstance(self.result, Exception):
            raise self.result
        return self.result

    def of_this_process(self, call_id: UUID) -> WatchedCall | None:
        return self.watched


@pytest.fixture
def calls(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Calls:
    settings.WEBRTC_CALLS = True
    made = Calls()
    monkeypatch.setattr(calls_api, "watched_calls", lambda: made)
    return made


def post(client: APIClient, **body: Any) -> Any:
    return client.post("/api/realtime/calls/", body, format="json")


def test_an_offer_is_answered(owner_client: APIClient, session: Session, calls: Calls) -> None:
    answer = post(owner_client, session_id=str(session.pk), sdp=OFFER)
    assert answer.status_code == 201
    assert answer.json() == {"sdp": ANSWER, "call_id": cast(Answer, calls.result).call_id}
    assert calls.offers == [(session.pk, session.user_id, OFFER)]


def test_it_is_off_without_the_setting(
    owner_client: APIClient, session: Session, calls: Calls, settings: Settings
) -> None:
    settings.WEBRTC_CALLS = False
    answer = post(owner_client, session_id=str(session.pk), sdp=OFFER)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "webrtc_off")
    assert calls.offers == []
    assert owner_client.get("/api/config/").json()["transports"] == ["relay"]
    settings.WEBRTC_CALLS = True
    assert owner_client.get("/api/config/").json()["transports"] == ["relay", "webrtc"]


@pytest.mark.parametrize(
    ("sdp", "status"),
    [
        ("", 400),
        (7, 400),
        ("o=- 1 2", 400),
        ("v=0" + " " * 64 * 1024, 400),
        ("v=0" + "\r\n" * 31 * 1024, 201),
        ("v=0" + "\r\n" * 128 * 1024, 413),
    ],
)
def test_what_is_no_offer_is_refused(
    owner_client: APIClient, session: Session, calls: Calls, sdp: Any, status: int
) -> None:
    assert post(owner_client, session_id=str(session.pk), sdp=sdp).status_code == status
    assert bool(calls.offers) == (status == 201)


def test_without_a_login_there_is_no_call(calls: Calls) -> None:
    anonymous_client = client_of(None)
    path = f"/api/realtime/calls/{uuid4()}/"
    assert post(anonymous_client, session_id=str(uuid4()), sdp=OFFER).status_code == 401
    assert anonymous_client.get(path).status_code == 401
    assert anonymous_client.delete(path).status_code == 401


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (AdmissionRefused("session_unknown", Ending.FORBIDDEN), 404, "not_found"),
        (AdmissionRefused("session_closed", Ending.FORBIDDEN), 409, "session_closed"),
        (AdmissionRefused("calls_not_allowed", Ending.FORBIDDEN), 403, "calls_not_allowed"),
        (AdmissionRefused("price_unknown", Ending.FORBIDDEN), 403, "price_unknown"),
        (AdmissionRefused(Ending.TOO_MANY_CALLS, Ending.TOO_MANY_CALLS), 429, "too_many_calls"),
        (AdmissionRefused(Ending.HOURLY_LIMIT, Ending.HOURLY_LIMIT, 60), 429, "hourly_limit"),
        (AdmissionRefused(Ending.SERVER_FULL, Ending.SERVER_FULL, 30), 429, "server_full"),
        (AdmissionRefused(Ending.DRAINING, Ending.DRAINING), 503, "draining"),
        (AdmissionRefused(Ending.TAKEN_OVER, Ending.TAKEN_OVER), 409, "taken_over"),
        (AdmissionRefused(Ending.REVOKED, Ending.REVOKED), 401, "token_invalid"),
        (AdmissionRefused(Ending.COMPLETED, Ending.COMPLETED), 409, "session_closed"),
        (AdmissionRefused(Ending.CLIENT_LEFT, Ending.CLIENT_LEFT), 502, "provider_failed"),
        (AdmissionRefused(Ending.INTERNAL, Ending.INTERNAL), 500, "internal"),
        (BudgetSpent("money"), 402, "budget_spent"),
        (BudgetSpent("minutes", 60), 429, "budget_spent"),
        (UpstreamRefused("invalid_api_key"), 502, "provider_refused"),
        (UpstreamUnavailable("unreachable", retry_after_s=7), 503, "provider_unavailable"),
        (UpstreamTimeout("timed_out"), 504, "provider_timeout"),
        (DatabaseSlow(), 503, "unavailable"),
    ],
)
def test_what_refuses_a_call_has_a_status_and_a_code(
    owner_client: APIClient,
    session: Session,
    calls: Calls,
    error: Exception,
    status: int,
    code: str,
) -> None:
    calls.result = error
    answer = post(owner_client, session_id=str(session.pk), sdp=OFFER)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    wait_s = getattr(error, "retry_after_s", None)
    assert answer.headers.get("Retry-After") == (None if wait_s is None else str(wait_s))


def test_a_user_begins_some_calls_a_minute(
    owner_client: APIClient,
    stranger: User,
    session: Session,
    calls: Calls,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(calls_api.CallThrottle, "THROTTLE_RATES", {"webrtc_call": "2/min"})
    offer = {"session_id": str(session.pk), "sdp": OFFER}
    assert [post(owner_client, **offer).status_code for _ in range(2)] == [201, 201]
    answer = post(owner_client, **offer)
    assert (answer.status_code, answer.json()["error"]["code"]) == (429, "throttled")
    assert 0 < int(answer["Retry-After"]) <= 60
    assert post(client_of(stranger), **offer).status_code == 201
    assert len(calls.offers) == 3


def test_a_request_that_waits_holds_no_connection_of_the_database(
    owner_client: APIClient, session: Session, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []

    async def open_call(*_: object) -> Answer:
        steps.append("open")
        return cast(Answer, calls.result)

    async def end_call(_: UUID) -> None:
        steps.append("end")

    monkeypatch.setattr(calls_api, "_open", open_call)
    monkeypatch.setattr(calls_api, "_end", end_call)
    monkeypatch.setattr(calls_api, "release_connection", lambda: steps.append("release"))
    assert post(owner_client, session_id=str(session.pk), sdp=OFFER).status_code == 201
    path = f"/api/realtime/calls/{webrtc_call(session)}/"
    assert owner_client.delete(path).status_code == 204
    assert steps == ["release", "open", "release", "end"]


def test_every_code_of_a_refusal_has_a_sentence() -> None:
    assert set(calls_api.STATUSES) <= set(get_args(ApiErrorCode)) & set(SENTENCES)


def test_a_page_can_read_the_state_of_its_call(
    owner_client: APIClient,
    stranger: User,
    session: Session,
    calls: Calls,
) -> None:
    stranger_client = client_of(stranger)
    call_id = webrtc_call(session)
    path = f"/api/realtime/calls/{call_id}/"
    live = {"state": "live", "ending": None, "budget": None, "draining": False}
    assert owner_client.get(path).json() == live
    Call.objects.filter(pk=call_id).update(ended_at=timezone.now(), ending="time_limit")
    ended = live | {"state": "ended", "ending": "time_limit"}
    assert owner_client.get(path).json() == ended
    assert stranger_client.get(path).status_code == 404
    assert stranger_client.delete(path).status_code == 404
    assert owner_client.delete(path).status_code == 204
    relayed = new_call(session).call_id
    assert owner_client.get(f"/api/realtime/calls/{relayed}/").status_code == 404


@pytest.mark.slow
class TestWithARuntime:
    """Over ASGI, with a runtime and a provider in memory."""

    pytestmark = pytest.mark.django_db(transaction=True)

    @pytest.fixture
    async def harness(
        self, settings: Settings, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
    ) -> AsyncIterator[Harness]:
        settings.WEBRTC_CALLS = True
        settings.SPOOL_DIR = str(tmp_path)
        made = Harness(settings)
        monkeypatch.setattr(calls_api, "watched_calls", lambda: made.calls)
        monkeypatch.setattr(calls_api, "runtime", lambda: made.runtime)
        yield made
        await made.runtime.drain(0)
        await made.calls.close()
        await made.runtime.stop(2)
        assert made.far_end.live == set()

    @pytest.fixture
    def token(self, owner: User) -> str:
        return key_for(owner)

    async def request(self, token: str, method: str, path: str, body: Any = None) -> Any:
        async with ThreadSensitiveContext():
            return await AsyncClient().generic(
                method,
                path,
                json.dumps(body),
                content_type="application/json",
                headers={"Authorization": f"Token {token}"},
            )

    async def test_a_call_begins_warns_and_is_hung_up(
        self, harness: Harness, session: Session, token: str
    ) -> None:
        offer = {"session_id": str(session.pk), "sdp": OFFER}
        answer = await self.request(token, "POST", "/api/realtime/calls/", offer)
        assert answer.status_code == 201
        call_id = answer.json()["call_id"]
        path = f"/api/realtime/calls/{call_id}/"
        watched = harness.calls.of_this_process(UUID(call_id))
        assert watched is not None
        await watched.send(
            '{"type":"relay.budget","event_id":"relay_9","kind":"money","level":"warning",'
            '"used":0.9,"left":1.0,"limit":10.0}'
        )
        await watched.send('{"type":"relay.draining","event_id":"relay_10"}')
        state = (await self.request(token, "GET", path)).json()
        assert state == {
            "state": "live",
            "ending": None,
            "budget": {
                "kind": "money",
                "level": "warning",
                "used": 0.9,
                "left": 1.0,
                "limit": 10.0,
            },
            "draining": True,
        }
        assert (await self.request(token, "DELETE", path)).status_code == 204
        call = await Call.objects.aget(pk=call_id)
        assert call.ending == "client_left"
        assert harness.far_end.hung_up == ["rtc_1"]

    async def test_a_provider_that_refuses_is_a_502(
        self, harness: Harness, session: Session, token: str
    ) -> None:
        harness.far_end.refusal = httpx2.Response(401)
        offer = {"session_id": str(session.pk), "sdp": OFFER}
        answer = await self.request(token, "POST", "/api/realtime/calls/", offer)
        assert (answer.status_code, answer.json()["error"]["code"]) == (502, "provider_refused")
        async with asyncio.timeout(5):
            while not await Call.objects.filter(ending="provider_refused").aexists():  # noqa: ASYNC110
                await asyncio.sleep(0.01)
