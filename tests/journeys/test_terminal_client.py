"""The terminal client against the real server and simulator, on a machine without sound."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import wave
from pathlib import Path
from typing import Any

import pytest

from backend.cli.audio_devices import level_of
from tests.journeys.admin_client import AdminClient, transcript_rows
from tests.journeys.person import Person
from tests.journeys.speech import QUESTION, speak
from tests.journeys.stack import ROOT, Stack
from tests.journeys.test_relay_journey import ended_session

# One server is enough: the client does not see which it is.
pytestmark = [pytest.mark.journey, pytest.mark.parametrize("stack", ["uvicorn"], indirect=True)]

ANSWER = "There are four of us on the order desk"


@pytest.fixture(scope="module")
def question(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A spoken question as WAV, in stereo and at another rate than the provider's."""
    path = tmp_path_factory.mktemp("question") / "question.wav"
    pcm = asyncio.run(speak(QUESTION))
    # Each sample twice and in both channels: 48 kHz, stereo.
    frames = b"".join(pcm[at : at + 2] * 4 for at in range(0, len(pcm), 2))
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(48_000)
        file.writeframes(frames)
    return path


def environ_of(folder: Path, stack: Stack, **more: str) -> dict[str, str]:
    inherited = {name: os.environ[name] for name in ("PATH",) if name in os.environ}
    return {
        **inherited, "HOME": str(folder), "KAIWA_SERVER": stack.url, "LANG": "C.UTF-8", **more
    }  # fmt: skip


def client(
    *arguments: str, environ: dict[str, str], stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run the terminal client."""
    return subprocess.run(
        [sys.executable, "-m", "backend.cli", *arguments],
        cwd=ROOT, env=environ, input=stdin, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def has_sound(path: Path) -> bool:
    with wave.open(str(path), "rb") as file:
        assert (file.getframerate(), file.getnchannels()) == (24_000, 1)
        pcm = file.readframes(file.getnframes())
    return len(pcm) > 48_000 and level_of(pcm) > 0.01


async def test_a_recorded_question_is_answered_in_a_file_and_is_in_the_admin(
    stack: Stack, question: Path, tmp_path: Path
) -> None:
    username, password = "terminal", "a-long-password-9"
    body = {"username": username, "password": password}
    token = Person(stack, username, "")
    assert (await token.api("POST", "auth/register/", body)).status == 201
    environ = environ_of(tmp_path, stack)
    login = client("login", "--username", username, environ=environ, stdin=password + "\n")
    assert login.returncode == 0, login.stderr
    answer = tmp_path / "answer.wav"

    talk = client(
        "talk", "--input", str(question), "--output", str(answer), "--expect", "four of us",
        environ=environ,
    )  # fmt: skip

    assert talk.returncode == 0, talk.stderr
    lines = talk.stdout.splitlines()
    assert lines[0] == f"You: {QUESTION}" and lines[1].startswith(f"AI: {ANSWER}")
    assert re.search(r"tokens in, \d+ out · this conversation so far: \$0\.\d+", talk.stderr)
    assert has_sound(answer)
    found = re.search(r"[0-9a-f-]{36}", talk.stderr)
    assert found is not None
    saved = json.loads((tmp_path / ".config/kaiwa/logins.json").read_text())
    owner = Person(stack, username, saved[stack.url]["token"])
    turns = await owner.turns(found[0])
    assert [turn["text"] for turn in turns] == [line.partition(": ")[2] for line in lines]
    assert [turn["status"] for turn in turns] == ["completed", "completed"]
    await ended_session(owner, found[0])
    admin = await asyncio.to_thread(AdminClient.sign_in, stack)
    page = await asyncio.to_thread(admin.read, f"/admin/conversations/session/{found[0]}/change/")
    assert transcript_rows(page) == [
        (username, "spoken", QUESTION),
        ("Assistant", "spoken", turns[1]["text"]),
    ]
    assert page.count('class="kaiwa-chapter') == 1 and "the user left" in page
    for secret in (password, owner.token):
        assert secret not in login.stdout + login.stderr + talk.stdout + talk.stderr


def test_a_smoke_test_for_operators(stack: Stack, person: Person, tmp_path: Path) -> None:
    environ = environ_of(tmp_path, stack, KAIWA_TOKEN=person.token)
    met = client("say", QUESTION, "--expect", "FOUR of us", "--json", environ=environ)
    assert met.returncode == 0, met.stderr
    printed: list[dict[str, Any]] = [json.loads(line) for line in met.stdout.splitlines()]
    assert [line["type"] for line in printed] == ["notice", "turn", "turn", "usage", "end"]
    assert printed[2]["modality"] == "text" and printed[3]["session_cost_usd"] is not None

    session = re.findall(r"[0-9a-f-]{36}", printed[0]["message"])[0]
    unmet = client("say", QUESTION, "--session", session, "--expect", "zebra", environ=environ)
    assert unmet.returncode == 1
    assert "does not contain “zebra”" in unmet.stderr


def test_a_wrong_token_is_refused_in_the_locales_language(stack: Stack, tmp_path: Path) -> None:
    environ = environ_of(tmp_path, stack, KAIWA_TOKEN="wrong-token", LANG="ja_JP.UTF-8")
    refused = client("say", "Hello", environ=environ)
    assert refused.returncode == 4 and re.search(r"[\u3040-\u30ff]", refused.stderr)
    assert "wrong-token" not in refused.stderr


def test_straight_to_the_provider(stack: Stack, tmp_path: Path) -> None:
    environ = environ_of(tmp_path, stack, OPENAI_API_KEY=stack.env["OPENAI_API_KEY"])
    url = stack.simulator_url.replace("http", "ws", 1) + "/v1/realtime"
    arguments = ("--direct", "--provider-url", url, "--expect", "four of us")
    direct = client("say", QUESTION, *arguments, environ=environ)
    assert direct.returncode == 0, direct.stderr
    assert direct.stdout.startswith(f"You: {QUESTION}\nAI: {ANSWER}")
    assert re.search(r"tokens in, \d+ out$", direct.stderr, flags=re.MULTILINE)
    assert environ["OPENAI_API_KEY"] not in direct.stdout + direct.stderr


def test_typed_lines_and_ctrl_c(stack: Stack, person: Person, tmp_path: Path) -> None:
    """Lines are answered while standard input stays open; Ctrl-C then ends it as `client_left`."""
    environ = environ_of(tmp_path, stack, KAIWA_TOKEN=person.token)
    with subprocess.Popen(
        [sys.executable, "-m", "backend.cli", "talk", "--audio", "none"],
        cwd=ROOT, env=environ, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(f"{QUESTION}\n")
        process.stdin.flush()
        assert process.stdout.readline() == f"You: {QUESTION}\n"
        assert process.stdout.readline().startswith(f"AI: {ANSWER}")
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
        assert process.stderr is not None and "Traceback" not in process.stderr.read()
