"""WebRTC calls with a real database and a provider in memory: how each begins, and how it ends."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest
from django.contrib.auth.models import User
from pytest_django.fixtures import Settings

from backend.conversations.models import Call, Session, Turn, Usage
from backend.direct import provider_calls, watched_calls
from backend.direct.models import ProviderCall
from backend.direct.watched_calls import WatchedCalls
from backend.protocol.endings import Ending
from backend.protocol.errors import (
    AdmissionRefused,
    BudgetSpent,
    UpstreamError,
    UpstreamFailed,
    UpstreamRefused,
)
from backend.runtime import Runtime
from backend.spending.models import Budget
from backend.upstream.sideband import SidebandLimits
from tests.azure import AZURE_KEY, AZURE_URL, configure_azure
from tests.conversations.equipment import new_session
from tests.direct.far_end import ANSWER, OFFER, FarEnd, SidebandSocket
from tests.relay.equipment import frame, item_event, response_created, response_done, words

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


class Harness:
    def __init__(self, settings: Settings) -> None:
        settings.OPENAI_API_KEY = "sk-test"
        settings.OPENAI_BASE_URL = "http://provider.test/v1"
        self.far_end = FarEnd()
        self.runtime = Runtime()
        self.calls = WatchedCalls(
            self.runtime,
            transport=self.far_end.transport,
            join=self.far_end.join,
            limits=SidebandLimits(join_within_s=0.3, rejoin_within_s=0.3, pauses_s=(0.05,)),
        )

    async def open(self, session: Session) -> Call:
        answer = await self.calls.open(session.id, session.user_id, OFFER)
        assert answer.sdp == ANSWER
        return await Call.objects.aget(pk=answer.call_id)

    @property
    def sideband(self) -> SidebandSocket:
        return self.far_end.sidebands[-1]

    async def ended(self, call: Call) -> Call:
        async with asyncio.timeout(8):
            while True:
                await call.arefresh_from_db()
                if call.ended_at is not None and not self.calls.of_this_process(call.pk):
                    return call
                await asyncio.sleep(0.01)


async def soon(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(8):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def stored(model: Any, **fields: Any) -> None:
    """Wait until such a row is stored."""
    async with asyncio.timeout(8):
        while not await model.objects.filter(**fields).aexists():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


@pytest.fixture
def session(owner: User) -> Session:
    return new_session(owner)


@pytest.fixture
async def harness(settings: Settings, tmp_path: Any) -> AsyncIterator[Harness]:
    settings.SPOOL_DIR = str(tmp_path)
    made = Harness(settings)
    yield made
    await made.runtime.drain(0)
    await made.calls.close()
    await made.runtime.stop(2)
    assert made.far_end.live == set(), "a call was left unwatched"


def answer_of(text: str, *, begins: bool = True) -> list[str]:
    """The events of a spoken question and its answer, as a sideband gets them."""
    spoken = [
        frame(type="input_audio_buffer.speech_started", item_id="item_q", audio_start_ms=0),
        frame(type="input_audio_buffer.speech_stopped", item_id="item_q", audio_end_ms=1000),
        frame(type="input_audio_buffer.committed", item_id="item_q", previous_item_id=None),
        item_event("added", "item_q", status="completed", content=[{"type": "input_audio"}]),
        response_created(),
        frame(type="response.output_item.added", response_id="resp_1", item={"id": "item_a"}),
        item_event("added", "item_a", "item_q", role="assistant", status="in_progress"),
        frame(
            type="response.content_part.added",
            response_id="resp_1",
            item_id="item_a",
            content_index=0,
            part={"type": "audio"},
        ),
        frame(
            type="conversation.item.input_audio_transcription.completed",
            item_id="item_q",
            content_index=0,
            transcript="How are you?",
        ),
        words("item_a", text),
    ]
    started = frame(type="output_audio_buffer.started", response_id="resp_1")
    return [*spoken, started] if begins else spoken


def end_of(text: str) -> list[str]:
    content = [{"type": "output_audio", "transcript": text}]
    usage = {
        "input_token_details": {"audio_tokens": 10, "text_tokens": 20},
        "output_token_details": {"audio_tokens": 30, "text_tokens": 5},
    }
    return [
        item_event("done", "item_a", "item_q", "assistant", status="completed", content=content),
        response_done(usage=usage),
        frame(type="output_audio_buffer.stopped", response_id="resp_1"),
    ]


async def test_a_call_is_made_and_hung_up_at_the_provider_of_its_session(
    harness: Harness, session: Session, settings: Settings
) -> None:
    configure_azure(settings)
    await Session.objects.aupdate(provider="azure")
    call = await harness.open(session)
    assert (call.provider, call.model) == ("azure", "voice-eu")
    (offer,) = harness.far_end.offers
    assert str(offer.url) == "https://azure.test/openai/v1/realtime/calls"
    assert offer.headers["api-key"] == AZURE_KEY
    assert "Authorization" not in offer.headers
    assert harness.far_end.session_of()["model"] == "voice-eu"
    (target,) = harness.far_end.targets
    assert (target.base_url, target.api_key) == (AZURE_URL, AZURE_KEY)
    assert (await ProviderCall.objects.aget()).provider == "azure"
    harness.runtime.live.hang_up(str(call.pk), Ending.COMPLETED)
    await harness.ended(call)
    assert harness.far_end.hung_up == ["rtc_1"]


async def test_a_call_of_a_session_whose_provider_has_no_settings_is_refused(
    harness: Harness, session: Session
) -> None:
    await Session.objects.aupdate(provider="azure")
    with pytest.raises(UpstreamRefused, match="api_key_missing"):
        await harness.open(session)
    assert harness.far_end.offers == []
    call = await harness.ended(await Call.objects.aget())
    assert (call.provider, call.ending) == ("azure", "provider_refused")


async def test_a_call_is_made_watched_recorded_and_hung_up(
    harness: Harness, session: Session
) -> None:
    call = await harness.open(session)
    assert (call.transport, call.ending) == ("webrtc", "")
    (target,) = harness.far_end.targets
    assert target.call_id == "rtc_1"
    (offer,) = harness.far_end.offers
    assert offer.headers["Authorization"] == "Bearer sk-test"
    assert offer.headers["OpenAI-Safety-Identifier"] == target.safety_identifier
    assert f"\r\nContent-Type: application/sdp\r\n\r\n{OFFER}\r\n" in offer.content.decode()
    given = harness.far_end.session_of()
    update = json.loads(harness.sideband.received[0])["session"]
    assert (given["model"], "model" in update) == (call.model, False)
    assert (given["audio"]["output"], "output" in update["audio"]) == ({"voice": "marin"}, False)
    assert given["instructions"] == update["instructions"]
    assert (await ProviderCall.objects.aget()).provider_call_id == "rtc_1"

    harness.sideband.say(*answer_of("Very well."), *end_of("Very well."))
    await stored(Usage, session=session)
    harness.far_end.end("rtc_1")
    assert (await harness.ended(call)).ending == "client_left"
    turns = [turn async for turn in Turn.objects.filter(session=session)]
    assert [(turn.role, turn.modality, turn.text, turn.status) for turn in turns] == [
        ("user", "voice", "How are you?", "completed"),
        ("assistant", "voice", "Very well.", "completed"),
    ]
    assert turns[1].first_sound_ms is not None
    assert harness.far_end.hung_up == ["rtc_1"]
    assert not await ProviderCall.objects.aexists()


async def test_what_is_heard_of_an_answer_ends_with_the_call(
    harness: Harness, session: Session
) -> None:
    call = await harness.open(session)
    text = "One two three four five six seven eight nine ten."
    harness.sideband.say(*answer_of(text))
    await stored(Turn, session=session, role="assistant")
    harness.runtime.live.hang_up(str(call.pk), Ending.CLIENT_LEFT)
    await harness.ended(call)
    turn = await Turn.objects.aget(session=session, role="assistant")
    assert turn.status == "interrupted"
    assert turn.heard_ms is not None
    assert 0 <= turn.heard_ms < 3000
    assert len(turn.heard_text or "") < len(text)
    usage = await Usage.objects.aget(session=session, kind="response")
    assert usage.is_estimated
    assert usage.audio_out > 0


@pytest.mark.parametrize(
    ("refusal", "code"),
    [
        (httpx2.Response(401), "invalid_api_key"),
        (httpx2.Response(500), "server_error"),
        (httpx2.ConnectError("no"), "unreachable"),
        (httpx2.Response(201, text=ANSWER), "connection_broken"),
        (httpx2.Response(201, text="<html>", headers={"Location": "/rtc_1"}), "connection_broken"),
    ],
)
async def test_a_provider_that_makes_no_call_ends_it(
    harness: Harness, session: Session, refusal: Any, code: str
) -> None:
    harness.far_end.refusal = refusal
    with pytest.raises(UpstreamError) as error:
        await harness.calls.open(session.id, session.user_id, OFFER)
    assert error.value.code == code
    call = await harness.ended(await Call.objects.aget())
    assert call.ending == error.value.ending


async def test_a_call_whose_sideband_cannot_join_is_hung_up(
    harness: Harness, session: Session
) -> None:
    harness.far_end.join_error = UpstreamFailed("first_event_unexpected")
    harness.far_end.join_error.code = "invalid_api_key"
    with pytest.raises(UpstreamError):
        await harness.calls.open(session.id, session.user_id, OFFER)
    call = await harness.ended(await Call.objects.aget())
    assert (call.ending, harness.far_end.hung_up) == ("provider_failed", ["rtc_1"])


async def test_a_sideband_that_is_lost_joins_again_and_restores_the_session(
    harness: Harness, session: Session
) -> None:
    call = await harness.open(session)
    harness.sideband.fail(UpstreamFailed("connection_lost"))
    await soon(lambda: len(harness.far_end.sidebands) == 2 and harness.sideband.received)
    assert harness.sideband.types() == ["session.update"]
    harness.sideband.say(*answer_of("Still here."), *end_of("Still here."))
    await stored(Turn, session=session, text="Still here.")
    await call.arefresh_from_db()
    assert call.ending == ""


async def test_a_client_that_keeps_changing_the_session_is_hung_up(
    harness: Harness, session: Session
) -> None:
    call = await harness.open(session)
    ours = json.loads(harness.sideband.received[0])["session"]
    for number in range(4):
        changed = ours | {"instructions": f"Be rude, {number}."}
        harness.sideband.say(frame(type="session.updated", session=changed))
    assert (await harness.ended(call)).ending == "bad_frames"
    assert harness.sideband.types() == ["session.update"] * 4
    assert harness.far_end.hung_up == ["rtc_1"]


async def test_a_newer_call_takes_over_and_the_older_is_hung_up(
    harness: Harness, session: Session
) -> None:
    older = await harness.open(session)
    newer = await harness.open(session)
    assert (await harness.ended(older)).ending == "taken_over"
    assert harness.far_end.live == {"rtc_2"}
    await newer.arefresh_from_db()
    assert newer.ending == ""


async def test_a_login_that_ends_hangs_the_call_up(harness: Harness, session: Session) -> None:
    call = await harness.open(session)
    await session.user.auth_token.adelete()
    await harness.runtime.heartbeat()
    assert (await harness.ended(call)).ending == "revoked"


async def test_a_spent_budget_is_told_and_ends_the_call_after_the_answer(
    harness: Harness, session: Session
) -> None:
    call = await harness.open(session)
    harness.sideband.say(*answer_of("Yes."))
    watched = harness.calls.of_this_process(call.pk)
    assert watched is not None
    await stored(Turn, session=session, role="assistant")
    await Budget.objects.acreate(
        scope="user", user=session.user, minutes_per_day=0, usd_per_month=None
    )
    await harness.runtime.update_budgets()
    await soon(lambda: "minutes" in watched.budgets)
    assert watched.budgets["minutes"]["level"] == "spent"
    await call.arefresh_from_db()
    assert call.ending == ""
    harness.sideband.say(*end_of("Yes."))
    assert (await harness.ended(call)).ending == "budget_spent"


async def test_a_drain_in_the_middle_of_an_offer_leaves_nothing_behind(
    harness: Harness, session: Session
) -> None:
    harness.far_end.may_accept.clear()
    opening = asyncio.create_task(harness.calls.open(session.id, session.user_id, OFFER))
    await stored(Call)
    draining = asyncio.create_task(harness.runtime.drain(0))
    await asyncio.sleep(0)
    harness.far_end.may_accept.set()
    with pytest.raises(AdmissionRefused) as refused:
        await opening
    assert refused.value.code == "draining"
    await draining
    assert harness.far_end.hung_up == ["rtc_1"]


async def test_a_budget_that_is_used_up_during_an_offer_refuses_it(
    harness: Harness, session: Session
) -> None:
    harness.far_end.may_accept.clear()
    opening = asyncio.create_task(harness.calls.open(session.id, session.user_id, OFFER))
    await stored(Call)
    call = await Call.objects.aget()
    watched = harness.calls.of_this_process(call.pk)
    assert watched is not None
    watched.budgets["money"] = {"kind": "money", "level": "spent"}
    harness.runtime.live.hang_up(str(call.pk), Ending.BUDGET_SPENT)
    harness.far_end.may_accept.set()
    with pytest.raises(BudgetSpent) as spent:
        await opening
    assert spent.value.kind == "money"


async def test_a_request_that_is_cancelled_ends_its_call(
    harness: Harness, session: Session
) -> None:
    harness.far_end.may_accept.clear()
    opening = asyncio.create_task(harness.calls.open(session.id, session.user_id, OFFER))
    await stored(Call)
    opening.cancel()
    harness.far_end.may_accept.set()
    with pytest.raises(asyncio.CancelledError):
        await opening
    call = await harness.ended(await Call.objects.aget())
    assert call.ending == "client_left"


async def test_a_call_that_could_not_be_hung_up_is_by_a_later_heartbeat(
    harness: Harness, session: Session
) -> None:
    call = await harness.open(session)
    harness.far_end.hang_up_status = 503
    harness.runtime.live.hang_up(str(call.pk), Ending.COMPLETED)
    await harness.ended(call)
    assert harness.far_end.live == {"rtc_1"}
    harness.far_end.hang_up_status = 200
    await harness.calls.hang_up_orphans()
    assert harness.far_end.hung_up == ["rtc_1"]
    assert not await ProviderCall.objects.aexists()


async def test_the_calls_of_dead_processes_are_hung_up_at_once_but_not_all(
    harness: Harness, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        await ProviderCall.objects.acreate(
            call_id=uuid4(), provider="openai", provider_call_id=f"rtc_{number}"
        )
    monkeypatch.setattr(watched_calls, "HANG_UPS_AT_ONCE", 3)
    asked: list[str] = []
    may_answer = asyncio.Event()

    async def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(request.url.path)
        await may_answer.wait()
        return httpx2.Response(200)

    calls = WatchedCalls(harness.runtime, transport=httpx2.MockTransport(answer))
    hanging_up = asyncio.create_task(calls.hang_up_orphans())
    await soon(lambda: len(asked) == 3)
    may_answer.set()
    await hanging_up
    assert len(asked) == 4
    assert not await ProviderCall.objects.aexists()
    await calls.close()


async def test_a_hang_up_never_raises_so_that_its_call_is_recorded(
    harness: Harness,
    session: Session,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(_: UUID) -> None:
        raise RuntimeError("unforeseen")

    call = await harness.open(session)
    with monkeypatch.context() as broken:
        broken.setattr(provider_calls, "forget", fail)
        harness.runtime.live.hang_up(str(call.pk), Ending.COMPLETED)
        assert (await harness.ended(call)).ending == "completed"
    assert "webrtc.hang_up_failed" in caplog.messages
    assert await ProviderCall.objects.aexists(), "a later heartbeat tries again"
    await harness.calls.hang_up_orphans()
    assert not await ProviderCall.objects.aexists()
