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
from tests.journeys.stack import Stack, running_stack

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


async def talk(stack: Stack, key: str) -> tuple[dict[str, Any], str]:
    """Say hello over the stock SDK's WebSocket. Returns the session and the words of the answer."""
    async with (
        openai.AsyncOpenAI(api_key=key, base_url=f"{stack.simulator_url}/v1") as client,
        client.realtime.connect(model="gpt-realtime") as connection,
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
