"""The demo as a process: what it prints, and that no child outlives it."""

import asyncio
import contextlib
import os
import re
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from backend.demo import DATABASE, DemoPlan, Login, banner, demo_settings
from backend.serving.listener import listen
from backend.settings_table import combined, read

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent
USER, ADMIN = Login("demo", "p-user"), Login("admin", "p-admin")


def plan(*, has_simulator: bool) -> DemoPlan:
    return DemoPlan(
        port=8001,
        server=(),
        simulator=("simulator",) if has_simulator else None,
        prepare=lambda: (USER, ADMIN),
        provider="gpt-realtime at https://api.openai.com/v1",
    )


def test_the_banner_has_the_address_the_logins_and_how_to_stop() -> None:
    text = banner(plan(has_simulator=True), USER, ADMIN, has_colour=False)
    assert "http://127.0.0.1:8001/" in text
    assert "demo / p-user" in text
    assert "admin / p-admin at http://127.0.0.1:8001/admin/" in text
    assert "a simulator is answering" in text
    assert "Ctrl-C" in text
    assert "\033" not in text


def test_the_banner_names_the_provider_if_there_is_a_key() -> None:
    text = banner(plan(has_simulator=False), USER, ADMIN, has_colour=True)
    assert "simulator" not in text
    assert "gpt-realtime at https://api.openai.com/v1" in text
    assert "\033[1m" in text


@pytest.fixture
def free_port() -> Iterator[int]:
    with listen("127.0.0.1", 0) as listener:
        port: int = listener.getsockname()[1]
    yield port


class Demo:
    """A running demo, and the output of it and its children."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.output = ""

    async def wait_for(self, words: str, within_s: float = 15.0) -> str:
        assert self.process.stdout is not None
        async with asyncio.timeout(within_s):
            while words not in self.output:
                line = await self.process.stdout.readline()
                assert line, self.output
                self.output += line.decode()
        return self.output

    async def ends(self, within_s: float = 8.0) -> int:
        assert self.process.stdout is not None
        async with asyncio.timeout(within_s):
            self.output += (await self.process.stdout.read()).decode()
            return await self.process.wait()

    def child(self, name: str) -> int:
        found = re.search(rf"^{name} (\d+)$", self.output, re.MULTILINE)
        assert found, self.output
        return int(found.group(1))


def is_alive(pid: int) -> bool:
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


async def until_gone(*pids: int) -> None:
    for _ in range(300):
        if not any(is_alive(pid) for pid in pids):
            return
        await asyncio.sleep(0.01)
    raise AssertionError("a child is still alive")


@contextlib.asynccontextmanager
async def demo(port: int, *options: str, module: str = "tests.demo_app") -> AsyncIterator[Demo]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module, str(port), *options),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        yield Demo(process)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_a_signal_stops_the_children_the_server_first(
    free_port: int, number: signal.Signals
) -> None:
    async with demo(free_port) as running:
        await running.wait_for("Ctrl-C")
        running.process.send_signal(number)
        assert await running.ends() == 0
        assert running.output.index("server interrupted") < running.output.rindex(
            "KeyboardInterrupt"
        )
        assert not is_alive(running.child("server"))
        assert not is_alive(running.child("simulator"))
        listen("127.0.0.1", free_port).close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_stops_the_worker_too(free_port: int, number: signal.Signals) -> None:
    async with demo(free_port) as running:
        await running.wait_for("worker ")
        running.process.send_signal(number)
        assert await running.ends() == 0
        assert not is_alive(running.child("worker"))
        assert "ended by itself" not in running.output


async def test_a_worker_that_dies_is_replaced_and_stops_nothing(free_port: int) -> None:
    async with demo(free_port) as running:
        await running.wait_for("worker ")
        os.kill(running.child("worker"), signal.SIGKILL)
        await running.wait_for("The worker for background jobs ended by itself (-9)")
        running.output = ""
        await running.wait_for("worker ")
        assert is_alive(running.child("worker"))
        running.process.send_signal(signal.SIGINT)
        assert await running.ends() == 0


async def test_ctrl_c_during_the_start_stops_it(free_port: int) -> None:
    async with demo(free_port, "--prepare-s", "1") as running:
        await running.wait_for("simulator ")
        running.process.send_signal(signal.SIGINT)
        assert await running.ends() == 0
        assert not is_alive(running.child("simulator"))
        assert "Kaiwa is ready" not in running.output


async def test_sigkill_leaves_no_orphan(free_port: int) -> None:
    async with demo(free_port) as running:
        await running.wait_for("Ctrl-C")
        running.process.kill()
        await until_gone(running.child("server"), running.child("simulator"))


async def test_the_server_gets_the_url_of_the_simulator(free_port: int) -> None:
    async with demo(free_port) as running:
        await running.wait_for("Ctrl-C")
        assert "environ http://127.0.0.1:9/v1 simulator on" in running.output


async def test_with_a_key_no_simulator_is_started(free_port: int) -> None:
    async with demo(free_port, "--with-key") as running:
        await running.wait_for("Ctrl-C")
        assert not re.search(r"^simulator \d", running.output, re.MULTILINE)


@pytest.mark.parametrize("name", ["simulator", "server"])
async def test_a_child_that_dies_is_reported_and_stops_the_rest(free_port: int, name: str) -> None:
    async with demo(free_port) as running:
        await running.wait_for("Ctrl-C")
        os.kill(running.child(name), signal.SIGKILL)
        assert await running.ends() == 1
        assert f"The {name} ended by itself (-9): stopping." in running.output
        assert not is_alive(running.child("server"))
        assert not is_alive(running.child("simulator"))


@pytest.mark.parametrize("name", ["simulator", "server"])
async def test_a_child_that_does_not_start_is_reported(free_port: int, name: str) -> None:
    broken = "import sys; sys.exit('its own words')"
    async with demo(free_port, f"--{name}", broken) as running:
        assert await running.ends() == 1
        assert "its own words" in running.output
        assert f"The {name} did not start; its own message is above." in running.output


async def test_a_child_that_ignores_the_signal_is_killed(free_port: int) -> None:
    ignoring = (
        "import os, signal, sys, time; signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "print('simulator', os.getpid(), file=sys.stderr, flush=True)\n"
        "print('simulator listening on http://127.0.0.1:9/v1', flush=True); time.sleep(60)\n"
    )
    async with demo(free_port, "--simulator", ignoring) as running:
        await running.wait_for("Ctrl-C")
        began = time.monotonic()
        running.process.send_signal(signal.SIGINT)
        assert await running.ends() == 0
        assert time.monotonic() - began < 4
        assert not is_alive(running.child("simulator"))


@pytest.mark.parametrize(
    "file",
    [
        {},
        {"DATABASE_URL": "postgres://kaiwa:secret@db/kaiwa"},
        {"DATABASE_URL_FILE": "/run/secrets/database"},
        {"DEBUG": "off", "HOST": "0.0.0.0", "ALLOWED_HOSTS": "voice.example.com"},
    ],
    ids=str,
)
def test_the_demo_ignores_the_deployments_settings_in_the_dotenv_file(
    file: dict[str, str],
) -> None:
    values = read(combined(demo_settings({}), file))
    assert values["DATABASE_URL"] == f"sqlite:///{DATABASE}"
    assert (values["DEBUG"], values["HOST"]) == (True, "127.0.0.1")
    assert "voice.example.com" not in values["ALLOWED_HOSTS"]


@pytest.mark.parametrize("name", ["DATABASE_URL", "DATABASE_URL_FILE"])
def test_a_database_named_in_the_environment_is_used(name: str) -> None:
    assert "DATABASE_URL" not in demo_settings({name: "named"})
    assert "DATABASE_URL" in demo_settings({name: ""})


async def test_a_missing_database_is_reported_in_one_sentence(
    free_port: int, tmp_path: Path
) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "backend.demo"),
        cwd=ROOT,
        env={
            **os.environ,
            "PORT": str(free_port),
            "OPENAI_API_KEY": "sk-only-for-this-test",
            "DATABASE_URL": f"sqlite:///{tmp_path}/nowhere/kaiwa.sqlite3",
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 1
    assert output.decode().splitlines()[1:] == [
        "The database cannot be used (OperationalError): it is not running, or it is not Kaiwa's. "
        "Check DATABASE_URL."
    ]


async def test_a_port_in_use_is_reported_in_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "backend.demo"),
            cwd=ROOT,
            env={**os.environ, "PORT": str(port), "OPENAI_API_KEY": ""},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 1
    assert output.decode() == (
        f"Kaiwa cannot start: port {port} is in use. "
        f"Stop what uses it, or choose another: PORT={port + 1} make run\n"
    )
