"""The live WebRTC calls, with peers that only record; `test_webrtc_peer` has real ones."""

from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest

from backend.simulator.engine.effects import Event
from backend.simulator.engine.engine import Engine, EngineOptions
from backend.simulator.engine.errors import ClientEventError
from backend.simulator.engine.mishaps import Kind, Mishap
from backend.simulator.server import webrtc_calls
from backend.simulator.server.call_records import CallRecords
from backend.simulator.server.http_errors import HttpError
from backend.simulator.server.webrtc_calls import Offer, WebRtcCalls, WebRtcCounts
from backend.simulator.sound.recogniser import NullRecogniser
from backend.simulator.sound.synthesiser import ToneSynthesiser
from tests.simulator.equipment import EchoPersona
from tests.simulator.server.test_webrtc_call import FakePeer, settle


class AnsweringPeer(FakePeer):
    """A peer that answers every offer except an empty one."""

    def __init__(self, *callbacks: object) -> None:
        super().__init__()

    async def answer(self, sdp: str) -> str:
        """Answer, or refuse."""
        if not sdp:
            raise ValueError("not an SDP offer with audio")
        return "the answer"


def new_engine(model: str, session: Event | None) -> Engine:
    ids = count(1)
    options = EngineOptions(pace=0, is_webrtc=True)
    return Engine(model, EchoPersona(), lambda prefix: f"{prefix}_{next(ids)}", options, session)


@pytest.fixture
def records() -> CallRecords:
    return CallRecords(1_000_000)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch, records: CallRecords) -> WebRtcCalls:
    module = SimpleNamespace(WebRtcPeer=AnsweringPeer)
    monkeypatch.setattr(webrtc_calls, "import_module", lambda name: module)
    return WebRtcCalls(
        new_engine, records, ToneSynthesiser(), NullRecogniser(), iter(range(1_000)).__next__
    )


def offer(sdp: str = "v=0", session: Any = None, *, is_ephemeral: bool = False) -> Offer:
    return Offer(sdp, "gpt-realtime", session, is_ephemeral, {"host": "x"})


async def test_a_call_is_found_and_counted_until_it_ends(
    calls: WebRtcCalls, records: CallRecords
) -> None:
    rtc_id, answer = await calls.open(offer(), [])
    own_id, _ = await calls.open(offer(is_ephemeral=True), [])
    assert answer == "the answer"
    assert rtc_id.startswith("rtc_")
    assert calls.counts() == WebRtcCounts(live=2, unwatched=1, ephemeral=1)
    call = calls.find(rtc_id)
    assert call is not None
    assert calls.find_for_sideband(rtc_id) is call
    assert calls.find(own_id) is not None
    assert calls.find_for_sideband(own_id) is None
    assert calls.find("rtc_unknown") is None
    call.end()
    await settle()
    assert calls.find(rtc_id) is None
    await calls.close()
    assert calls.counts() == WebRtcCounts(live=0, unwatched=0, ephemeral=0)
    assert [(each.api, each.close_code) for each in records] == [("calls", 1000), ("calls", 1001)]


async def test_a_call_that_cannot_be_opened_is_not_live(
    calls: WebRtcCalls, records: CallRecords
) -> None:
    with pytest.raises(HttpError) as refused:
        await calls.open(offer(""), [])
    assert refused.value.status == 400
    with pytest.raises(ClientEventError):
        await calls.open(offer(session={"type": "realtime", "voice": "ash"}), [])
    assert calls.counts().live == 0
    assert all(each.closed_at is not None for each in records)


async def test_without_aiortc_it_is_503(
    calls: WebRtcCalls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webrtc_calls, "find_spec", lambda name: None)
    with pytest.raises(HttpError) as refused:
        await calls.open(offer(), [])
    assert refused.value.status == 503


async def test_a_mishap_reaches_the_calls_that_it_names(calls: WebRtcCalls) -> None:
    rtc_id, _ = await calls.open(offer(), [])
    await settle()
    assert calls.inject(Mishap(Kind.RATE_LIMIT)) == 1
    assert calls.inject(Mishap(Kind.RATE_LIMIT, api="calls")) == 1
    assert calls.inject(Mishap(Kind.DROP, api="sideband")) == 0
    assert calls.inject(Mishap(Kind.DROP, api="responses")) == 0
    assert calls.find(rtc_id) is not None
    await calls.close()
