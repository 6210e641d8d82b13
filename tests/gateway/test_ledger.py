"""The ledger against the simulator's bill, over real sockets: every call is paid, and once.

The prices are written out here, so that neither our reading of a usage nor our catalogue is its own
proof: USD per million tokens of gpt-realtime, and per minute of gpt-transcribe.
"""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
from django.db.models import Sum
from pytest_django.fixtures import Settings
from websockets.asyncio.client import ClientConnection

from backend.conversations.models import Session, Usage
from backend.relay.limits import Limits
from backend.simulator.engine.mishaps import Kind, Mishap
from backend.simulator.server.server import Running, Simulator, SimulatorOptions
from backend.simulator.sound.recogniser import NullRecogniser
from tests.gateway.test_live import GatewayWithSimulator, served, session, typed

__all__ = ["session"]

pytestmark = [pytest.mark.journey, pytest.mark.django_db(transaction=True)]

TEXT, AUDIO = ("4", "0.40", "16"), ("32", "0.40", "64")
MINUTE = Decimal("0.0045")
PLACES = Decimal("0.0000000001")


def cost_of(line: dict[str, Any]) -> Decimal:
    """What a line of the simulator's bill costs, in USD."""
    usage = line["usage"]
    if line["kind"] == "transcription":
        assert line["model"] == "gpt-transcribe"
        return (Decimal(str(usage["seconds"])) / 60 * MINUTE).quantize(PLACES)
    assert line["model"] == "gpt-realtime"
    given, produced = usage["input_token_details"], usage["output_token_details"]
    total = Decimal(0)
    for name, prices in (("text_tokens", TEXT), ("audio_tokens", AUDIO)):
        full, cached, out = map(Decimal, prices)
        hits = given["cached_tokens_details"][name]
        total += (given[name] - hits) * full + hits * cached + produced[name] * out
    return (total / 1_000_000).quantize(PLACES)


def bill(simulator: Running) -> dict[str, Decimal]:
    lines = [line for record in simulator.records for line in record.bill.values()]
    return {line["source_id"]: cost_of(line) for line in lines}


async def ledger(setup: GatewayWithSimulator) -> dict[str, Usage]:
    await setup.gateway.wait_until_no_call(5)
    await setup.wait_until_upstream_closed(5)
    await setup.gateway.runtime.flush_session(setup.gateway.session.pk)
    rows = await setup.gateway.database.run(lambda: list(Usage.objects.all()))
    assert {row.user_id for row in rows} <= {setup.gateway.session.user_id}
    return {row.source_id: row for row in rows}


async def recognise(_: NullRecogniser, pcm: bytes) -> str:
    return "How much does it cost?"


@pytest.fixture
async def setup(
    session: Session, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[GatewayWithSimulator]:
    settings.REALTIME_MODEL = "gpt-realtime"
    settings.TRANSCRIPTION_MODEL = "gpt-transcribe"
    monkeypatch.setattr(NullRecogniser, "recognise", recognise)
    options = SimulatorOptions(pace=15.0, is_cheap=True)
    async with Simulator(options).serve() as running:
        settings.OPENAI_BASE_URL = running.base_url
        async with served(session, Limits(tick_s=0.05)) as gateway:
            yield GatewayWithSimulator(gateway, running)


async def until(socket: ClientConnection, kind: str) -> dict[str, Any]:
    async with asyncio.timeout(10):
        while True:
            event: dict[str, Any] = json.loads(await socket.recv())
            if event["type"] == kind:
                return event


async def ask(socket: ClientConnection, text: str = "How much does it cost?") -> None:
    await socket.send(typed(text))
    await socket.send('{"type":"response.create"}')


async def speak(socket: ClientConnection) -> None:
    """Two seconds of a loud tone, then silence until the answer begins."""
    loud = base64.b64encode((b"\x00\x40\x00\xc0" * 12) * 40).decode()
    quiet = base64.b64encode(bytes(1920)).decode()
    for audio in (*[loud] * 50, *[quiet] * 30):
        await socket.send(json.dumps({"type": "input_audio_buffer.append", "audio": audio}))


async def test_the_ledger_is_the_providers_bill(setup: GatewayWithSimulator) -> None:
    simulator = setup.simulator
    async with setup.gateway.client() as socket:
        await until(socket, "relay.ready")
        for _ in range(2):  # The second reads what is cached.
            await ask(socket, "Tell me about your products, please. " * 20)
            await until(socket, "response.done")
        await speak(socket)
        await until(socket, "response.done")
        # Interrupted.
        await ask(socket)
        await until(socket, "response.output_audio.delta")
        await socket.send('{"type":"response.cancel"}')
        assert (await until(socket, "response.done"))["response"]["status"] == "cancelled"
        # Failed.
        simulator.inject(Mishap(Kind.RATE_LIMIT, calls="running"))
        await ask(socket)
        assert (await until(socket, "response.done"))["response"]["status"] == "failed"
        # Every event twice, and so `response.done`.
        simulator.inject(Mishap(Kind.DUPLICATE, calls="running"))
        await ask(socket)
        await until(socket, "response.done")
        await until(socket, "response.done")
        # The connection to the provider is lost.
        simulator.inject(Mishap(Kind.DROP, calls="running"))
        await until(socket, "relay.rotated")
        await ask(socket)
        await until(socket, "response.done")
    # The client connects again, and leaves in mid-answer: the usage comes after it has gone.
    async with setup.gateway.client() as socket:
        await until(socket, "relay.ready")
        await ask(socket)
        await until(socket, "response.output_audio.delta")
    rows, billed = await ledger(setup), bill(simulator)
    assert {source: row.cost_usd for source, row in rows.items()} == billed
    assert not any(row.is_estimated for row in rows.values())
    assert any(row.text_in_cached for row in rows.values())
    kinds = [row.kind for row in rows.values()]
    assert (kinds.count("response"), kinds.count("transcription")) == (7, 1)
    total = await setup.gateway.database.run(
        lambda: Usage.objects.aggregate(cost=Sum("cost_usd"))["cost"]
    )
    assert total == sum(billed.values()) > 0


@pytest.mark.parametrize("attack", ["leave before the end", "lose the provider"])
async def test_nobody_talks_for_free(setup: GatewayWithSimulator, attack: str) -> None:
    """What is produced without its `response.done` is estimated, and marked as such."""
    async with setup.gateway.client() as socket:
        await until(socket, "relay.ready")
        await ask(socket)
        await until(socket, "response.done")
        end = Kind.DROP if attack == "lose the provider" else Kind.LEAVE_OUT
        after = "response.output_audio.done" if end is Kind.DROP else None
        setup.simulator.inject(Mishap(end, calls="running", after=after))
        await ask(socket, "And to Osaka?")
        await until(socket, "relay.rotating" if end is Kind.DROP else "response.output_audio.done")
    rows, billed = await ledger(setup), bill(setup.simulator)
    assert rows.keys() == billed.keys()
    (guess,) = [row for row in rows.values() if row.is_estimated]
    assert guess.audio_out > 0 and guess.text_in > 0
    assert float(guess.cost_usd or 0) == pytest.approx(float(billed[guess.source_id]), rel=0.25)
    confirmed = [row for row in rows.values() if not row.is_estimated]
    assert all(row.cost_usd == billed[row.source_id] for row in confirmed)
