"""The REST requests of the Realtime API over a real socket, as the official SDK sends them."""

import json

import openai
import pytest
from httpx2 import AsyncClient
from openai import AsyncOpenAI
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from backend.simulator.engine.mishaps import Kind, Mishap
from backend.simulator.server import webrtc_calls, webrtc_peer
from backend.simulator.server.server import Running, Simulator
from tests.simulator.server.client import CHEAP, call, http, send, until

pytestmark = pytest.mark.slow

assert webrtc_peer  # The server imports it at the first call, which takes a second.


def client_of(running: Running, key: str = "any") -> AsyncOpenAI:
    """The official client, without retries."""
    return AsyncOpenAI(api_key=key, base_url=running.base_url, max_retries=0, timeout=20)


def form(**parts: str) -> str:
    """The body of a form with the boundary `b`."""
    written = [
        f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in parts.items()
    ]
    return "".join(written) + "--b--\r\n"


async def test_a_client_secret_opens_sessions_from_a_browser() -> None:
    async with Simulator(CHEAP).serve() as running, client_of(running) as client:
        made = await client.realtime.client_secrets.create(
            expires_after={"anchor": "created_at", "seconds": 60},
            session={
                "type": "realtime",
                "model": "gpt-realtime-2.1",
                "audio": {"output": {"voice": "verse"}},
            },
        )
        url = running.base_url.replace("http", "ws") + "/realtime"
        offered = [Subprotocol("realtime"), Subprotocol(f"openai-insecure-api-key.{made.value}")]
        for query, model in (("", "gpt-realtime-2.1"), ("?model=other", "other")):
            async with connect(url + query, subprotocols=offered) as socket:
                assert socket.subprotocol == "realtime"
                (created,) = await until(socket, "session.created")
                assert created["session"]["model"] == model
                assert created["session"]["audio"]["output"]["voice"] == "verse"
        records = list(running.records)
        assert [record.api for record in records] == ["client_secrets", "realtime", "realtime"]
        assert made.value not in json.dumps([record.as_json() for record in records])


async def test_it_plays_azure_at_azures_path_with_azures_header() -> None:
    async with Simulator(CHEAP).serve() as running, AsyncClient() as client:
        base_url = running.base_url.replace("/v1", "/openai/v1")
        key, session = {"api-key": "azure-key"}, {"session": {"type": "realtime", "model": "mine"}}
        made = await client.post(f"{base_url}/realtime/client_secrets", headers=key, json=session)
        assert made.status_code == 200
        for refused in ({}, {"api-key": made.json()["value"]}):
            answer = await client.post(f"{base_url}/realtime/client_secrets", headers=refused)
            assert answer.status_code == 401
        typed = {"model": "gpt-eu", "input": "Hello."}
        answer = await client.post(f"{base_url}/responses", headers=key, json=typed)
        assert (answer.status_code, answer.json()["model"]) == (200, "gpt-eu")
        url = base_url.replace("http", "ws") + "/realtime?model=mine"
        browser = [
            Subprotocol("realtime"),
            Subprotocol(f"openai-insecure-api-key.{made.json()['value']}"),
        ]
        for options in ({"additional_headers": key}, {"subprotocols": browser}):
            async with connect(url, **options) as socket:
                (created,) = await until(socket, "session.created")
                assert created["session"]["model"] == "mine"
        with pytest.raises(InvalidStatus):
            await connect(url)
        assert "azure-key" not in json.dumps([record.as_json() for record in running.records])


async def test_a_session_outlives_its_ephemeral_key() -> None:
    async with Simulator(CHEAP).serve() as running, client_of(running) as client:
        made = await client.realtime.client_secrets.create()
        async with call(running, Authorization=f"Bearer {made.value}") as socket:
            await until(socket, "session.created")
            assert (await http(running, "DELETE", "/simulator/client-secrets"))[0] == 204
            await send(socket, "session.update", session={"type": "realtime"})
            await until(socket, "session.updated")
            with pytest.raises(InvalidStatus) as refused:
                async with call(running, Authorization=f"Bearer {made.value}"):
                    pass
            assert refused.value.response.status_code == 401


async def test_an_unknown_ephemeral_key_is_refused_at_the_upgrade() -> None:
    async with Simulator(CHEAP).serve() as running:
        url = running.base_url.replace("http", "ws") + "/realtime?model=gpt-realtime"
        offered = [Subprotocol("realtime"), Subprotocol("openai-insecure-api-key.ek_unknown")]
        with pytest.raises(InvalidStatus) as refused:
            async with connect(url, subprotocols=offered):
                pass
        assert refused.value.response.status_code == 401
        body = json.loads(refused.value.response.body or b"")
        assert body["error"]["code"] == "invalid_api_key"


async def test_a_client_secret_cannot_make_another_one() -> None:
    async with Simulator(CHEAP).serve() as running, client_of(running) as client:
        made = await client.realtime.client_secrets.create()
        async with client_of(running, made.value) as browser:
            with pytest.raises(openai.AuthenticationError):
                await browser.realtime.client_secrets.create()
        with pytest.raises(openai.BadRequestError) as refused:
            await client.realtime.client_secrets.create(
                expires_after={"anchor": "created_at", "seconds": 1}
            )
        assert refused.value.param == "expires_after.seconds"


async def test_only_a_mishap_that_names_client_secrets_applies_to_them() -> None:
    async with Simulator(CHEAP).serve() as running, client_of(running) as client:
        running.inject(Mishap(Kind.REFUSE, status=503))
        await client.realtime.client_secrets.create()
        running.inject(Mishap(Kind.REFUSE, api="client_secrets", status=429))
        with pytest.raises(openai.RateLimitError):
            await client.realtime.client_secrets.create()


# ── WebRTC calls: what can be refused ─────────────────────────────────────────────────────────────


async def test_a_page_may_open_calls_and_read_the_answer() -> None:
    async with Simulator(CHEAP).serve() as running, AsyncClient(timeout=20) as client:
        url = running.base_url + "/realtime/calls"
        asked = await client.options(url)
        assert asked.status_code == 204
        assert asked.headers["access-control-allow-origin"] == "*"
        assert "Authorization, Content-Type" in asked.headers["access-control-allow-headers"]
        refused = await client.post(url, content="v=0")
        assert refused.status_code == 401
        assert refused.headers["access-control-allow-origin"] == "*"
        assert "Location" in refused.headers["access-control-expose-headers"]
        running.inject(Mishap(Kind.REFUSE, api="calls", status=429))
        refused = await client.post(url, content="v=0", headers={"Authorization": "Bearer any"})
        assert refused.status_code == 429
        assert refused.headers["access-control-allow-origin"] == "*"
        url = running.base_url + "/realtime/client_secrets"
        assert (await client.options(url)).status_code == 405


@pytest.mark.parametrize(
    ("content_type", "body", "param"),
    [
        ("application/sdp", "", "sdp"),
        ("application/sdp", "v=0\r\nnonsense", "sdp"),
        ("application/json", "{}", None),
        ("multipart/form-data; boundary=b", "--b\r\n", None),
        ("multipart/form-data; boundary=b", form(session="{}"), "sdp"),
        ("multipart/form-data; boundary=b", form(sdp="v=0", session="{"), None),
        ("multipart/form-data; boundary=b", form(sdp="v=0", session="[]"), "session"),
        ("multipart/form-data; boundary=b", form(sdp="v=0", session="{}"), "session.type"),
        (
            "multipart/form-data; boundary=b",
            form(sdp="v=0", session='{"type": "realtime", "model": ""}'),
            "sdp",
        ),
    ],
)
async def test_an_invalid_call_is_refused(content_type: str, body: str, param: str | None) -> None:
    async with Simulator(CHEAP).serve() as running, AsyncClient(timeout=20) as client:
        headers = {"Authorization": "Bearer any", "Content-Type": content_type}
        url = running.base_url + "/realtime/calls"
        refused = await client.post(url, content=body, headers=headers)
        assert refused.status_code == 400
        assert refused.json()["error"]["param"] == param
        _, counts = await http(running, "GET", "/simulator/calls")
        assert json.loads(counts)["webrtc"]["live"] == 0


async def test_without_aiortc_a_call_is_503_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webrtc_calls, "find_spec", lambda name: None)
    async with Simulator(CHEAP).serve() as running, AsyncClient(timeout=20) as client:
        headers = {"Authorization": "Bearer any", "Content-Type": "application/sdp"}
        url = running.base_url + "/realtime/calls"
        refused = await client.post(url, content="v=0", headers=headers)
        assert refused.status_code == 503
        assert "aiortc is not installed" in refused.json()["error"]["message"]


async def test_a_hang_up_of_an_unknown_call_is_404() -> None:
    async with Simulator(CHEAP).serve() as running, client_of(running) as client:
        with pytest.raises(openai.NotFoundError) as refused:
            await client.realtime.calls.hangup("rtc_unknown")
        assert refused.value.code == "call_id_not_found"
        running.inject(Mishap(Kind.REFUSE, api="hangup", status=500))
        with pytest.raises(openai.InternalServerError):
            await client.realtime.calls.hangup("rtc_unknown")
