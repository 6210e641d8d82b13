"""The image without Docker: only the files that it gets, an unprivileged user, nothing writable.

The tree is made as backend/Dockerfile makes it, and the commands are those of the compose file. A
database file stands in for PostgreSQL.
"""

import http.client
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from backend.static_release import release_of
from tests.deployment import compose
from tests.deployment.build_context import context_files
from tests.deployment.compose import ROOT
from tests.journeys.stack import free_port

pytestmark = pytest.mark.slow

USER = 10001
COPIED = ("manage.py", "backend/", "frontend/")


def unprivileged() -> list[str]:
    """Return the start of a command that runs as the image's user, if this process is root.

    Root's Python may be in root's own folder, so that the user keeps the capability to read any
    file, where root has it (not in a container). With it nothing can be changed.
    """
    if os.geteuid() != 0:
        return []
    status = Path("/proc/self/status").read_text(encoding="ascii")
    can_read = int(re.findall(r"^CapEff:\s*(\w+)", status, flags=re.MULTILINE)[0], 16) & 1 << 2
    kept = "-all,+dac_read_search" if can_read else "-all"
    return [
        *("setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "--no-new-privs"),
        *(f"--inh-caps={kept}", f"--ambient-caps={kept}"),
    ]


@dataclass(frozen=True, slots=True)
class Container:
    """A copy of the image's files, a folder that may be written, and how to run a command."""

    app: Path
    data: Path
    environ: Mapping[str, str]

    def start(self, command: Sequence[str]) -> subprocess.Popen[str]:
        assert command[0] == "python"
        return subprocess.Popen(
            [*unprivileged(), sys.executable, *command[1:]], cwd=self.app, env=self.environ,
            text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def run(self, command: Sequence[str]) -> tuple[int, str]:
        """Run a command to its end. Returns the exit code and the output."""
        process = self.start(command)
        out, _ = process.communicate(timeout=60)
        return process.returncode, out

    def files(self) -> dict[str, int]:
        """Return every file of the application with the time of its last change."""
        return {str(path): path.stat().st_mtime_ns for path in self.app.rglob("*")}


@pytest.fixture
def container(container_environ: dict[str, str]) -> Iterator[Container]:
    with tempfile.TemporaryDirectory(prefix="kaiwa-image-") as folder:
        app, data = Path(folder) / "app", Path(folder) / "data"
        for path in context_files():
            if path.startswith(COPIED):
                (app / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / path, app / path)
        subprocess.run(
            [sys.executable, "manage.py", "collectstatic", "--no-input", "--verbosity", "0"],
            cwd=app, env={"DEBUG": "on", "PYTHONDONTWRITEBYTECODE": "1"}, check=True,
        )  # fmt: skip
        data.mkdir()
        for made in (Path(folder), app, *app.rglob("*")):
            made.chmod(0o755 if made.is_dir() else 0o444)
        if os.geteuid() == 0:
            os.chown(data, USER, USER)
        environ = {
            **container_environ,
            "PORT": str(free_port()),
            "DATABASE_URL": f"sqlite:///{data}/kaiwa.sqlite3",
        }
        yield Container(app, data, environ)


def wait_until_it_says(process: subprocess.Popen[str], text: str) -> None:
    assert process.stdout is not None
    output = []
    for line in process.stdout:
        output.append(line)
        if text in line:
            return
    raise AssertionError("".join(output))


def wait_until_listening(container: Container, server: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 60
    while server.poll() is None and time.monotonic() < deadline:
        with suppress(OSError):
            get(container, "/healthz")
            return
        time.sleep(0.05)
    raise AssertionError(server.communicate()[0])


def get(container: Container, path: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", int(container.environ["PORT"]), timeout=20)
    try:
        connection.request("GET", path, headers={"Host": "voice.example.com"})
        return connection.getresponse().status
    finally:
        connection.close()


def test_the_image_runs_unprivileged_and_writes_nothing_of_its_own(container: Container) -> None:
    services = compose.stack()["services"]
    before = container.files()
    assert not [path for path in before if path.endswith((".sqlite3", ".env", ".pyc"))]

    _, output = container.run(["python", "manage.py", "check", "--deploy"])
    assert set(re.findall(r"\((\w+\.[EW]\d+)\)", output)) <= {"kaiwa.W003"}, output

    code, output = container.run(services["migrate"]["command"])
    assert (code, "Created the admin “admin”." in output) == (0, True), output

    worker = container.start(services["worker"]["command"])
    server = container.start(services["web"]["command"])
    try:
        wait_until_listening(container, server)
        wait_until_it_says(worker, "worker.starting")
        assert container.run(services["web"]["healthcheck"]["test"][1:]) == (0, "")
        assert get(container, "/") == 200
        assert get(container, f"/static/{release_of(ROOT / 'frontend')}/app-realtime.js") == 200
    finally:
        for process in (server, worker):
            process.terminate()
        outputs = [process.communicate(timeout=40)[0] for process in (server, worker)]
    assert [process.returncode for process in (server, worker)] == [0, 0], outputs
    # W007 would mean that the static files of this release are missing.
    assert "kaiwa.W007" not in outputs[0]
    outputs.append(output)
    assert not any("Traceback" in each for each in outputs), outputs
    secrets = [
        container.environ[name] for name in ("SECRET_KEY", "OPENAI_API_KEY", "ADMIN_PASSWORD")
    ]
    assert not any(secret in each for secret in secrets for each in outputs)
    assert container.files() == before
    assert {path.name.partition(".")[0] for path in container.data.iterdir()} == {"kaiwa"}
