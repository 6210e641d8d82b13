"""A temporary PostgreSQL for the tests: in a temporary folder, on a free port of 127.0.0.1.

    python -m tests.postgres -- COMMAND [ARGUMENT ...]

runs the command with `DATABASE_URL` set, removes the server and exits with the command's code.
PostgreSQL refuses to run as root, so root starts it as `postgres` or, if there is no such user, as
`nobody`.
"""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

START_TRIES = 3

# The data does not outlive the tests, so it need not survive a power failure.
_SETTINGS = (
    "fsync=off", "synchronous_commit=off", "full_page_writes=off",
    "shared_buffers=32MB", "max_connections=60",
)  # fmt: skip


class PostgresMissing(Exception):
    """There is no `initdb` on this machine."""


def binaries() -> Path:
    """Return the folder of the newest `initdb`. Raises PostgresMissing."""
    if on_path := shutil.which("initdb"):
        return Path(on_path).resolve().parent
    found = list(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        raise PostgresMissing("Please install PostgreSQL: apt-get install postgresql")
    return max(found, key=lambda path: float(path.parts[-3])).parent


@contextmanager
def running_postgres() -> Iterator[str]:
    """Run a cluster with an empty database `kaiwa`; yields its `DATABASE_URL`."""
    bin_folder = binaries()
    with tempfile.TemporaryDirectory(prefix="kaiwa-postgres-") as folder:
        user = _unprivileged_user()
        if user is not None:
            os.chown(folder, user.pw_uid, user.pw_gid)
        cluster = Path(folder) / "cluster"
        _run(
            user, bin_folder / "initdb", "-D", cluster,
            "-U", "kaiwa", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync",
        )  # fmt: skip
        port = _start(user, bin_folder, cluster, Path(folder))
        try:
            url = f"postgres://kaiwa@127.0.0.1:{port}"
            _run(
                user, bin_folder / "createdb", "-h", "127.0.0.1", "-p", port, "-U", "kaiwa", "kaiwa"
            )
            yield f"{url}/kaiwa"
        finally:
            _run(user, bin_folder / "pg_ctl", "-D", cluster, "-m", "immediate", "-w", "stop")


@contextmanager
def stopped_postgres(data_folder: str) -> Iterator[None]:
    """Stop a server with SIGSTOP: its kernel accepts connections and data, and nothing answers.

    `data_folder` is what `SHOW data_directory` answers.
    """
    postmaster = int((Path(data_folder) / "postmaster.pid").read_text().split()[0])
    # The postmaster first, so that it starts no others.
    _signal(postmaster, signal.SIGSTOP)
    children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
    try:
        for child in map(int, children):
            _signal(child, signal.SIGSTOP)
        yield
    finally:
        for pid in (*map(int, children), postmaster):
            _signal(pid, signal.SIGCONT)


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def pg_ctl(cluster: Path, *arguments: str) -> None:
    """Run `pg_ctl` on a cluster. `restart` uses the options of its start, also after a crash."""
    log = cluster.parent / "log"
    _run(_unprivileged_user(), binaries() / "pg_ctl", "-D", cluster, "-w", "-l", log, *arguments)


def _start(user: pwd.struct_passwd | None, bin_folder: Path, cluster: Path, folder: Path) -> int:
    """Start the cluster and return its port. Retries if another program takes the port first."""
    for last_try in (*[False] * (START_TRIES - 1), True):
        port = _free_port()
        options = (
            f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories={folder} "
        )
        options += " ".join(f"-c {setting}" for setting in _SETTINGS)
        with suppress(*() if last_try else (subprocess.CalledProcessError,)):
            _run(
                user, bin_folder / "pg_ctl", "-D", cluster, "-l", folder / "log",
                "-w", "-o", options, "start",
            )  # fmt: skip
            return port
    raise AssertionError("the last try returns or raises")


def _unprivileged_user() -> pwd.struct_passwd | None:
    """Return the user as whom root starts the server; None if this process is not root."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")


def _run(user: pwd.struct_passwd | None, *command: object) -> None:
    subprocess.run(
        [str(part) for part in command],
        check=True,
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        user=user.pw_uid if user else None,
        group=user.pw_gid if user else None,
        extra_groups=[] if user else None,
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def main(arguments: Sequence[str]) -> int:
    if arguments[:1] != ["--"] or len(arguments) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    # SIGTERM raises SystemExit, so that the cluster is stopped as well.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        with running_postgres() as url:
            return subprocess.run(arguments[1:], env=os.environ | {"DATABASE_URL": url}).returncode
    except PostgresMissing as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
