"""What the compose file starts, as processes of this machine, without root and without Docker.

    python -m tests.full_stack [--server uvicorn|daphne]        (`make stack`)

nginx with its own entry point and templates, PostgreSQL, Redis, two web processes, a worker for
background jobs and the simulator, on free ports of 127.0.0.1. It prints the https address and a
login, and stops everything at Ctrl-C or SIGTERM. The replicas are 127.0.0.2, 127.0.0.3, …: nginx
finds them by the name `web`, as it does in Docker.
"""

import argparse
import contextlib
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.journeys.stack import NO_LIMITS, ROOT, Stack, free_port, http, wait_until_answers
from tests.name_server import NameServer, running_name_server
from tests.postgres import PostgresMissing, running_postgres
from tests.redis import RedisMissing, RedisServer, running_redis

NGINX = ROOT / "nginx"
REPLICAS = 2
MOST_REPLICAS = 6
LOGIN = ("aoi", "kawara-soba-8")


@dataclass(slots=True, kw_only=True)
class FullStack(Stack):
    """A running stack. `url` is nginx's https address; `port` is its port.

    The processes are `nginx`, `web-1`, `web-2`, `worker` and `simulator`; each has a log of its
    name in `folder`, nginx in `nginx_folder`, which a user without rights can write to.
    """

    http_port: int
    web_port: int
    nginx_folder: Path
    names: NameServer
    redis: RedisServer

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    @property
    def certificate(self) -> Path:
        return self.nginx_folder / "tls" / "server.crt"

    def log(self) -> str:
        return Stack.log(self) + self.nginx_log()

    def nginx_log(self) -> str:
        return (self.nginx_folder / "nginx.log").read_text(errors="replace")

    def log_of(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def replica_address(self, number: int) -> str:
        return f"127.0.0.{number + 1}"

    def spawn_replica(self, number: int, *, server: str = "") -> None:
        """Start the web process `web-{number}`, without waiting for it."""
        self._spawn(
            f"web-{number}", "backend.serve",
            HOST=self.replica_address(number), SERVER=server or self.server,
        )  # fmt: skip

    def await_replica(self, number: int) -> None:
        """Wait until the replica answers."""
        url = f"http://{self.replica_address(number)}:{self.web_port}/healthz"
        wait_until_answers(url, self.processes[f"web-{number}"])

    def start_replicas(self, *numbers: int, server: str = "") -> None:
        """Start these replicas at once; return when all of them answer and have their names."""
        for number in numbers:
            self.spawn_replica(number, server=server)
        for number in numbers:
            self.await_replica(number)
        self.publish_replicas(*numbers)

    def publish_replicas(self, *numbers: int) -> None:
        """From now on the name `web` has the addresses of these replicas."""
        self.names.addresses = tuple(map(self.replica_address, numbers))

    def prepare(self) -> None:
        """Do what the service `migrate` of docker-compose.yml does."""
        subprocess.run(
            [sys.executable, "-m", "backend.prepare"],
            cwd=ROOT, env=self.env, check=True, capture_output=True,
        )  # fmt: skip

    def start_worker(self) -> None:
        with (self.folder / "worker.log").open("ab") as log:
            self.processes["worker"] = subprocess.Popen(
                [sys.executable, "-m", "backend.worker"],
                cwd=ROOT, env=self.env, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
            )  # fmt: skip

    def start_nginx(self) -> None:
        """Start nginx with its entry point and wait until it passes a request on."""
        user = unprivileged_user()
        with (self.nginx_folder / "nginx.log").open("ab") as log:
            self.processes["nginx"] = subprocess.Popen(
                ["sh", str(self.nginx_folder / "entrypoint.sh")],
                cwd="/", env=self.nginx_env(), stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                user=user.pw_uid if user else None, group=user.pw_gid if user else None,
                extra_groups=[] if user else None,
            )  # fmt: skip
        wait_until_answers(f"{self.url}/healthz", self.processes["nginx"])

    def nginx_env(self) -> dict[str, str]:
        """The variables of nginx/README.md."""
        folder = self.nginx_folder
        return {
            "PATH": f"{os.environ['PATH']}:/usr/sbin",
            "NGINX_CONF_DIR": str(folder),
            "NGINX_RUN_DIR": str(folder / "run"),
            "NGINX_HTTP_LISTEN": f"127.0.0.1:{self.http_port}",
            "NGINX_HTTPS_LISTEN": f"127.0.0.1:{self.port}",
            "NGINX_PUBLIC_HTTPS_PORT": str(self.port),
            "NGINX_CERTIFICATE": str(self.certificate),
            "NGINX_CERTIFICATE_KEY": str(folder / "tls" / "server.key"),
            "NGINX_CERTIFICATE_NAMES": "127.0.0.1,kaiwa.example",
            "NGINX_WEB": f"web:{self.web_port}",
            "NGINX_CALLS": f"web:{self.web_port}",
            # The name server's own TTL instead of 5 s, so that a test need not wait for so long.
            "NGINX_RESOLVER": f"{self.names.address} valid=0s",
        }

    def stop_all(self) -> None:
        """Signal all processes, then wait for each: the drains run side by side."""
        for process in self.processes.values():
            # A process that a test has stopped with SIGSTOP would not see the signal.
            process.send_signal(signal.SIGCONT)
            process.send_signal(signal.SIGTERM)
        Stack.stop_all(self)


def unprivileged_user() -> pwd.struct_passwd | None:
    """Return the user as whom root starts nginx; None if this process is not root."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else None


def children_of(pid: int) -> set[int]:
    """Return the process ids of a process's children, such as nginx's workers."""
    return {
        int(number)
        for path in Path(f"/proc/{pid}/task").glob("*/children")
        for number in path.read_text().split()
    }


def lay_out_nginx(folder: Path) -> None:
    """Copy the configuration into `folder`, laid out as in the image, for `unprivileged_user`."""
    for name in ("nginx.conf", "proxy-headers.conf", "security-headers.conf", "entrypoint.sh"):
        shutil.copy(NGINX / name, folder)
    shutil.copytree(NGINX / "docker-entrypoint.d", folder / "docker-entrypoint.d")
    for name in ("templates", "conf.d", "run", "tls"):
        (folder / name).mkdir()
    shutil.copy(NGINX / "default.conf.template", folder / "templates")
    (folder / "nginx.log").touch()
    if user := unprivileged_user():
        for path in (folder, *folder.rglob("*")):
            os.chown(path, user.pw_uid, user.pw_gid)


@contextlib.contextmanager
def running_full_stack(
    folder: Path, *, server: str = "uvicorn", simulator: tuple[str, ...] = (), **env: str
) -> Iterator[FullStack]:
    """Start everything, and stop it at the end.

    Until then `SSL_CERT_FILE` names nginx's self-signed certificate, so that the clients of this
    process check it and trust it.
    """
    with (
        running_postgres() as database_url,
        running_redis() as redis,
        running_name_server() as names,
        tempfile.TemporaryDirectory(prefix="kaiwa-nginx-") as nginx_folder,
    ):
        lay_out_nginx(Path(nginx_folder))
        stack = _new_stack(folder, server, database_url, redis, names, Path(nginx_folder), env)
        try:
            with trusting(stack.certificate):
                _at_once(
                    stack.prepare,
                    lambda: stack.manage("collectstatic", "--no-input", "--verbosity", "0"),
                    lambda: stack.start_simulator(*simulator),
                )
                _at_once(
                    stack.start_worker,
                    lambda: stack.start_replicas(*range(1, REPLICAS + 1)),
                    stack.start_nginx,
                )
                yield stack
        finally:
            stack.stop_all()


def _at_once(*steps: Callable[[], object]) -> None:
    """Run the steps side by side. Raises what the first one that fails raises."""
    with ThreadPoolExecutor(len(steps)) as executor:
        for done in [executor.submit(step) for step in steps]:
            done.result()


def _new_stack(
    folder: Path,
    server: str,
    database_url: str,
    redis: RedisServer,
    names: NameServer,
    nginx_folder: Path,
    env: dict[str, str],
) -> FullStack:
    port, http_port, web_port, simulator_port = (free_port() for _ in range(4))
    inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    replicas = (f"127.0.0.{number}" for number in range(1, MOST_REPLICAS + 2))
    return FullStack(
        folder=folder,
        server=server,
        port=port,
        http_port=http_port,
        web_port=web_port,
        simulator_port=simulator_port,
        nginx_folder=nginx_folder,
        names=names,
        redis=redis,
        env={
            **inherited,
            "DATABASE_URL": database_url,
            "REDIS_URL": redis.url,
            "SECRET_KEY": secrets.token_urlsafe(50),
            "ALLOWED_HOSTS": ",".join(replicas),
            "TRUSTED_PROXIES": "127.0.0.1",
            "REGISTRATION_OPEN": "on",
            **NO_LIMITS,
            "OPENAI_API_KEY": "sk-journey-" + secrets.token_hex(16),
            "OPENAI_BASE_URL": f"http://127.0.0.1:{simulator_port}/v1",
            "SPOOL_DIR": str(folder / "spool"),
            "PORT": str(web_port),
            "SERVER": server,
            "DJANGO_SETTINGS_MODULE": "tests.journeys.collected_settings",
            "TEST_STATIC_ROOT": str(folder / "static"),
            **env,
        },
    )


@contextlib.contextmanager
def trusting(certificate: Path) -> Iterator[None]:
    """Let OpenSSL trust this certificate too, in this process."""
    earlier = os.environ.get("SSL_CERT_FILE")
    os.environ["SSL_CERT_FILE"] = str(certificate)
    try:
        yield
    finally:
        if earlier is None:
            del os.environ["SSL_CERT_FILE"]
        else:
            os.environ["SSL_CERT_FILE"] = earlier


def main(arguments: Sequence[str]) -> int:
    """Run the stack until Ctrl-C or SIGTERM. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="make stack", description="Run the whole stack.")
    parser.add_argument("--server", choices=("uvicorn", "daphne"), default="uvicorn")
    options = parser.parse_args(arguments)
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    try:
        with (
            tempfile.TemporaryDirectory(prefix="kaiwa-stack-") as folder,
            running_full_stack(
                Path(folder), server=options.server, simulator=("--pace", "1"), DEMO="on"
            ) as stack,
        ):
            username, password = LOGIN
            body = {"username": username, "password": password}
            http("POST", f"{stack.url}/api/auth/register/", body)
            print(f"Kaiwa runs at {stack.url}  (sign in as {username} / {password})")
            print(f"logs: {folder} and {stack.nginx_folder}; Ctrl-C stops everything", flush=True)
            while not stopped.wait(0.5):
                if any(process.poll() is not None for process in stack.processes.values()):
                    break
            _report_ended(stack)
    except (PostgresMissing, RedisMissing) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _report_ended(stack: FullStack) -> None:
    for name, process in stack.processes.items():
        if (code := process.poll()) is not None:
            print(f"{name} has ended with {code}:", file=sys.stderr)
            log = stack.nginx_log() if name == "nginx" else stack.log_of(name)
            print("\n".join(log.splitlines()[-5:]), file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
