"""Direct sessions on the real servers, with clients that know nothing of us: curl, OpenAI's SDK."""

import asyncio
import json
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.journeys.person import Person
from tests.journeys.stack import AZURE, Stack, http, running_stack
from tests.journeys.test_relay_journey import ended_session

pytestmark = pytest.mark.journey

PERMIT = """
from django.contrib.auth.models import Permission, User
permission = Permission.objects.get(codename="use_direct_sessions")
permission.user_set.set(User.objects.all())
"""


def curl(stack: Stack, token: str, *arguments: str) -> tuple[int, dict[str, Any]]:
    """Ask for a key as an operator does by hand. Returns the status and the JSON."""
    done = subprocess.run(
        [
            "curl", "--silent", "--max-time", "20", "--request", "POST",
            "--write-out", "\\n%{http_code}", "--header", f"Authorization: Token {token}",
            *arguments, f"{stack.url}/api/openai/realtime/session",
        ],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    body, _, status = done.stdout.rpartition("\n")
    return int(status), json.loads(body)


async def talk(
    stack: Stack, key: str, path: str = "/v1", model: str = "gpt-realtime"
) -> tuple[dict[str, Any], str]:
    """Say hello over the stock SDK's WebSocket. Returns the session and the words of the answer."""
    async with (
        openai.AsyncOpenAI(api_key=key, base_url=stack.simulator_url + path) as client,
        client.realtime.connect(model=model) as connection,
    ):
        created: Any = await connection.recv()
        await connection.conversation.item.create(
            item={
                "type": "message",
                "role": "user",
                "content": [{"type": "input_text", "text": "Hello."}],
            }
        )
        await connection.response.create()
        words = ""
        async for event in connection:
            if event.type == "response.output_audio_transcript.done":
                words = event.transcript
            if event.type == "response.done":
                break
        return created.session.model_dump(), words


async def test_a_key_from_curl_opens_a_session_in_the_stock_sdk(tmp_path: Path) -> None:
    with running_stack(tmp_path, simulator=("--pace", "0"), DIRECT_SESSIONS="on") as stack:
        person = await Person.register(stack)
        assert curl(stack, person.token) == (
            403,
            {
                "success": False,
                "error": "You may not connect to the voice service directly."
                " Ask the administrator for the permission.",
            },
        )
        stack.manage("shell", "--verbosity", "0", "-c", PERMIT)

        status, answer = curl(stack, person.token)
        assert (status, set(answer)) == (200, {"success", "token", "expireTime"})
        left = datetime.strptime(answer["expireTime"], "%Y-%m-%dT%H:%M:%S%z") - datetime.now(UTC)
        assert timedelta(seconds=540) < left <= timedelta(seconds=601)

        session, words = await asyncio.wait_for(talk(stack, answer["token"]), 60)
        assert session["audio"]["output"]["voice"] == "verse"
        assert words

        session_id = await person.new_session()
        turn = {"item_id": "a", "role": "assistant", "modality": "voice", "status": "completed"}
        reported = await person.api(
            "POST", f"sessions/{session_id}/reported-turns/", {"turns": [{**turn, "text": words}]}
        )
        assert reported.json["turns"] == await person.turns(session_id)
        exported = await person.api("GET", f"sessions/{session_id}/export/?format=txt")
        assert f"Assistant (told by the browser, not verified): {words}" in exported.text

        stack.stop("simulator")
        status, answer = curl(stack, person.token)
        assert (status, answer["success"]) == (500, False)
        assert "ek_" not in stack.log()


def asked(stack: Stack) -> list[tuple[str, str]]:
    """The API and the model of every request that the simulator got, in their order."""
    calls = http("GET", f"{stack.simulator_url}/simulator/calls").json["calls"]
    return [(call["api"], call["model"]) for call in calls]


async def test_each_provider_gives_its_keys_and_answers_its_sessions(tmp_path: Path) -> None:
    with running_stack(tmp_path, simulator=("--pace", "0"), DIRECT_SESSIONS="on", **AZURE) as stack:
        person = await Person.register(stack)
        stack.manage("shell", "--verbosity", "0", "-c", PERMIT)
        config = (await person.api("GET", "config/")).json
        assert config["providers"] == ["openai", "azure"]
        offered = {each["provider"]: each for each in config["direct"]["providers"]}
        assert offered["azure"]["models"] == ["voice-eu", "mini-eu"]

        body = ("--header", "Content-Type: application/json", "--data")
        status, refused = curl(stack, person.token, *body, '{"provider": "nobody"}')
        assert (status, refused["success"]) == (400, False)
        for name, path in (("openai", "/v1"), ("azure", "/openai/v1")):
            status, answer = curl(stack, person.token, *body, json.dumps({"provider": name}))
            assert status == 200, answer
            model = offered[name]["model"]
            assert offered[name]["websocket_url"].endswith(f"{path}/realtime")
            session, words = await asyncio.wait_for(talk(stack, answer["token"], path, model), 60)
            assert session["model"] == model
            assert words
        assert asked(stack) == [
            ("client_secrets", "gpt-realtime"), ("realtime", "gpt-realtime"),
            ("client_secrets", "voice-eu"), ("realtime", "voice-eu"),
        ]  # fmt: skip

        session_id = await person.new_session(provider="azure")
        async with person.call(session_id) as live:
            await live.type("Hello.")
            await live.until_type("response.done")
        path = f"sessions/{session_id}/"
        await ended_session(person, session_id)
        typed = await person.api("POST", f"{path}messages/", {"text": "Goodbye."})
        assert typed.status == 201, typed.text
        assert asked(stack)[4:6] == [("realtime", "voice-eu"), ("responses", "gpt-chat-eu")]
        stored = (await person.api("GET", path)).json
        assert (stored["provider"], stored["model"]) == ("azure", "voice-eu")
        assert float(stored["cost"]) > 0, "a deployment costs what its model does"

        changed = await person.api("PATCH", path, {"provider": "openai"})
        assert changed.json["provider"] == "openai"
        typed = await person.api("POST", f"{path}messages/", {"text": "Hello again."})
        assert typed.status == 201, typed.text
        assert asked(stack)[-1] == ("responses", "gpt-5.6-luna")
        for secret in (stack.env["AZURE_OPENAI_API_KEY"], stack.env["OPENAI_API_KEY"], "ek_"):
            assert secret not in stack.log()
