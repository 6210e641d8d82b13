"""The connector against the real simulator, which refuses as the provider does."""

import asyncio
import http.client
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from backend.protocol.errors import UpstreamError
from backend.upstream.connector import connect
from backend.upstream.target import Target
from tests.upstream.equipment import OPENAI

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(scope="module")
def simulator() -> Iterator[str]:
    """The base URL of a simulator process of this module's own."""
    with subprocess.Popen(
        [sys.executable, "-m", "backend.simulator", "--port", "0"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().split()[-1]
        finally:
            process.terminate()


def target_at(base_url: str) -> Target:
    return Target(base_url, "sk-any", "gpt-realtime", "a1b2c3")


def control(base_url: str, method: str, mishap: object = None) -> None:
    """One request to the simulator's control API."""
    connection = http.client.HTTPConnection(urlsplit(base_url).netloc, timeout=5)
    body = json.dumps(mishap) if mishap else None
    connection.request(method, "/simulator/mishaps", body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    assert answer.status < 300


def clear(base_url: str) -> None:
    """Remove every mishap."""
    control(base_url, "DELETE")


def ask_for(base_url: str, mishap: dict[str, object]) -> None:
    """Make every call go wrong like this, and in no other way."""
    clear(base_url)
    control(base_url, "POST", {**mishap, "times": 0})


async def test_a_connection_to_the_simulator_opens_speaks_and_closes(simulator: str) -> None:
    await asyncio.to_thread(clear, simulator)
    connection = await connect(OPENAI, target_at(simulator))
    assert json.loads(connection.created_text)["type"] == "session.created"
    await connection.send(json.dumps({"type": "session.update", "session": {"type": "realtime"}}))
    assert json.loads(await connection.receive())["type"] == "session.updated"
    began = time.monotonic()
    await connection.close()
    assert time.monotonic() - began < 1


@pytest.mark.parametrize(
    ("mishap", "ending", "code", "retry_after_s"),
    [
        ({"kind": "refuse", "status": 401}, "provider_refused", "invalid_api_key", None),
        ({"kind": "refuse", "status": 403}, "provider_refused", "access_denied", None),
        ({"kind": "refuse", "status": 404}, "provider_refused", "model_not_found", None),
        (
            {"kind": "refuse", "status": 429, "retry_after_s": 7},
            "provider_unavailable",
            "rate_limit_exceeded",
            7.0,
        ),
        ({"kind": "refuse", "status": 503}, "provider_unavailable", "server_error", None),
        ({"kind": "hang"}, "provider_timeout", "timed_out", None),
        ({"kind": "silent"}, "provider_timeout", "timed_out", None),
        ({"kind": "redirect"}, "provider_refused", "redirected", None),
        ({"kind": "invalid_key"}, "provider_refused", "invalid_api_key", None),
    ],
)
async def test_each_refusal_of_the_simulator_has_its_ending(
    simulator: str, mishap: dict[str, object], ending: str, code: str, retry_after_s: float | None
) -> None:
    await asyncio.to_thread(ask_for, simulator, mishap)
    with pytest.raises(UpstreamError) as caught:
        await connect(OPENAI, target_at(simulator), open_timeout_s=0.8, chance=lambda: 0.0)
    error = caught.value
    assert (error.ending, error.code, error.retry_after_s) == (ending, code, retry_after_s)
