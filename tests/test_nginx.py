"""nginx's configuration: it is accepted, says what the API says, and bad certificates are named."""

import os
import re
import subprocess
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest

from backend.chat.api import MAX_BODY_BYTES as MAX_MESSAGE_BODY_BYTES
from backend.chat.dictation_api import MAX_BODY_BYTES as MAX_CLIP_BODY_BYTES
from backend.relay.limits import DEFAULT_LIMITS
from backend.relay.rotation import DEFAULT_ROTATION_LIMITS
from backend.static_release import DIGEST_LENGTH
from backend.wording import SENTENCES
from tests.full_stack import NGINX, lay_out_nginx, unprivileged_user
from tests.journeys.stack import free_port, wait_until_answers
from tests.name_server import answer

TEMPLATE = (NGINX / "default.conf.template").read_text(encoding="utf-8")
MEGABYTE = 1024 * 1024
QUERY = bytes.fromhex("abcd 0100 0001 0000 0000 0000") + b"\x03web\x00" + bytes.fromhex("0001 0001")


def environment(folder: Path, **changed: str) -> dict[str, str]:
    """The variables for an nginx laid out in `folder`."""
    return {
        "PATH": f"{os.environ['PATH']}:/usr/sbin",
        "NGINX_CONF_DIR": str(folder),
        "NGINX_RUN_DIR": str(folder / "run"),
        "NGINX_HTTP_LISTEN": "127.0.0.1:8080",
        "NGINX_HTTPS_LISTEN": "127.0.0.1:8443",
        "NGINX_PUBLIC_HTTPS_PORT": "443",
        "NGINX_CERTIFICATE": str(folder / "tls" / "server.crt"),
        "NGINX_CERTIFICATE_KEY": str(folder / "tls" / "server.key"),
        "NGINX_WEB": "web:8000",
        "NGINX_CALLS": "calls:8000",
        "NGINX_RESOLVER": "127.0.0.11",
        **changed,
    }


def run(*command: object, folder: Path, **changed: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(part) for part in command],
        env=environment(folder, **changed), capture_output=True, text=True, check=False,
    )  # fmt: skip


def certificate(folder: Path, **changed: str) -> subprocess.CompletedProcess[str]:
    """Run the certificate's script."""
    return run("sh", NGINX / "docker-entrypoint.d" / "10-certificate.sh", folder=folder, **changed)


def names_in(path: Path) -> str:
    shown = ["openssl", "x509", "-noout", "-ext", "subjectAltName", "-in", str(path)]
    return subprocess.run(shown, check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a self-signed certificate in `tls`."""
    folder = tmp_path_factory.mktemp("nginx")
    assert certificate(folder, NGINX_CERTIFICATE_NAMES="voice.example.com").returncode == 0
    yield folder


@pytest.mark.slow
def test_nginx_accepts_the_configuration_as_either_entry_point_renders_it(
    tmp_path: Path, made: Path
) -> None:
    lay_out_nginx(tmp_path)
    rendered = tmp_path / "conf.d" / "default.conf"
    tls = {
        "NGINX_CERTIFICATE": str(made / "tls" / "server.crt"),
        "NGINX_CERTIFICATE_KEY": str(made / "tls" / "server.key"),
    }
    # The command that the entry point ends with, replaced by one that prints the rendered files.
    script = (NGINX / "entrypoint.sh").read_text().replace('exec $command -g "$directives"', "")
    done = run("sh", "-c", script, folder=tmp_path, **tls)
    assert (done.returncode, done.stderr) == (0, "")

    # The official image's way: envsubst with the list of the defined variables.
    variables = environment(tmp_path, **tls)
    names = " ".join(f"${{{name}}}" for name in variables)
    official = subprocess.run(
        ["envsubst", names],
        input=TEMPLATE,
        env=variables,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert rendered.read_text() == official
    assert "${" not in official


@pytest.mark.slow
def test_a_configuration_that_nginx_refuses_ends_the_start_with_the_reason(
    tmp_path: Path,
) -> None:
    lay_out_nginx(tmp_path)
    done = run(
        "sh", tmp_path / "entrypoint.sh", folder=tmp_path, NGINX_HTTPS_LISTEN="no-such-host:1"
    )
    assert done.returncode == 1
    assert "nginx cannot start. Its configuration is not right" in done.stderr
    assert "no-such-host" in done.stderr


LIMITED = """
daemon off; master_process off; pid {folder}/pid; error_log {folder}/log;
events {{}}
http {{
  access_log off; default_type text/plain; root {folder}; {paths}
  set_real_ip_from 127.0.0.1; real_ip_header X-Address;
  {network}
  limit_req_zone $client_network zone=one:1m rate=1r/m; limit_req_status 429;
  server {{ listen 127.0.0.1:{port}; location / {{ limit_req zone=one; }} location =/up {{ }} }}
}}
"""


@pytest.mark.slow
def test_its_limits_count_ipv6_clients_by_their_network(tmp_path: Path) -> None:
    port = free_port()
    network = re.search(r"^map \$binary_remote_addr .*?^}", TEMPLATE, re.DOTALL | re.MULTILINE)
    assert network
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    paths = " ".join(f"{kind}_temp_path {tmp_path}/{kind};" for kind in kinds)
    (tmp_path / "nginx.conf").write_text(
        LIMITED.format(folder=tmp_path, port=port, paths=paths, network=network[0])
    )
    for name in ("page", "up"):
        (tmp_path / name).touch()
    path = f"{os.environ['PATH']}:/usr/sbin"
    command = ["nginx", "-e", str(tmp_path / "log"), "-c", str(tmp_path / "nginx.conf")]
    process = subprocess.Popen(command, env={"PATH": path})
    try:
        wait_until_answers(f"http://127.0.0.1:{port}/up", process)
        answers = {}
        for address in (
            "2001:db8::1", "2001:db8::2", "2001:db8:0:1::1", "2001:db8:0a0a::1", "2001:db8:0a0a::2",
            "192.0.2.10", "192.0.2.11", "::ffff:192.0.2.10", "::ffff:192.0.2.12",
        ):  # fmt: skip
            client = HTTPConnection("127.0.0.1", port)
            client.request("GET", "/page", headers={"X-Address": address})
            answers[address] = client.getresponse().status
            client.close()
    finally:
        process.terminate()
        process.wait()
    assert [address for address, status in answers.items() if status == 429] == [
        "2001:db8::2", "2001:db8:0a0a::2", "::ffff:192.0.2.10",
    ]  # fmt: skip
    assert set(answers.values()) == {200, 429}


def test_its_errors_have_the_sentences_of_the_api() -> None:
    said = dict(re.findall(r'"code":"(\w+)","message":"\$(\w+)"', TEMPLATE))
    assert said == {code: code for code in said}
    assert set(said) == {"throttled", "unavailable", "too_large", "not_authenticated", "not_found"}
    for code in said:
        block = re.search(rf"map \$error_language \${code} {{([^}}]+)}}", TEMPLATE)
        assert block
        words = dict(re.findall(r'(default|ja) "([^"]+)";', block[1]))
        assert words == {"default": SENTENCES[code]["en"], "ja": SENTENCES[code]["ja"]}


def test_its_bounds_are_not_below_those_of_the_replicas() -> None:
    bounds = dict(
        re.findall(r"location ~ (\S+) {\s*client_max_body_size (\d+)[km];", TEMPLATE, re.DOTALL)
    )
    (messages,) = (int(size) for path, size in bounds.items() if "messages" in path)
    (clips,) = (int(size) for path, size in bounds.items() if "transcriptions" in path)
    assert messages * 1024 >= MAX_MESSAGE_BODY_BYTES
    assert clips * MEGABYTE >= MAX_CLIP_BODY_BYTES
    assert f"/static/[0-9a-f]{{{DIGEST_LENGTH}}}/" in TEMPLATE
    shutdown = re.search(r"worker_shutdown_timeout (\d+)m;", (NGINX / "nginx.conf").read_text())
    assert shutdown
    longest_s = DEFAULT_ROTATION_LIMITS.provider_cap_s + DEFAULT_LIMITS.longest_call_s
    assert int(shutdown[1]) * 60 >= longest_s


def test_only_websockets_go_to_the_replicas_for_calls() -> None:
    locations = dict(re.findall(r"location ([^{\n]+) {([^}]*\$calls;[^}]*)}", TEMPLATE))
    assert list(locations) == ["~ ^/(ws|v1)/"]


def test_a_call_over_webrtc_has_the_limit_of_a_ticket() -> None:
    bodies = [
        re.search(rf"location = /api/realtime/{name}/ {{([^}}]*)}}", TEMPLATE)
        for name in ("tickets", "calls")
    ]
    tickets, calls = (body[1] for body in bodies if body)
    assert tickets == calls
    assert "limit_req zone=tickets" in calls


def test_every_proxying_location_sets_the_headers() -> None:
    # A location with a `proxy_set_header` of its own inherits none: each includes the whole file.
    locations = re.findall(r"location (?:~ \"[^\"]*\"|[^{\n\"]*) {([^}]*)}", TEMPLATE)
    proxying = [body for body in locations if "proxy_pass " in body]
    assert len(proxying) == TEMPLATE.count("proxy_pass http")
    assert all("include proxy-headers.conf;" in body for body in proxying)


def test_every_variable_is_documented_with_its_default() -> None:
    readme = (NGINX / "README.md").read_text(encoding="utf-8")
    entrypoint = (NGINX / "entrypoint.sh").read_text(encoding="utf-8")
    used = set(re.findall(r"\${(\w+)}", TEMPLATE))
    defaults = dict(re.findall(r'export (\w+)="\${\w+:-(\S+)}"', entrypoint))
    assert used <= set(defaults)
    for name, default in defaults.items():
        assert f"`{name}`" in readme
        assert default in readme or default.endswith("server.key")


@pytest.mark.slow
def test_a_self_signed_certificate_has_the_names_of_the_hosts(tmp_path: Path) -> None:
    hosts = "voice.example.com,.example.org,192.0.2.7,[2001:db8::7],*"
    done = certificate(tmp_path, NGINX_CERTIFICATE_NAMES=hosts)
    assert done.returncode == 0
    names = names_in(tmp_path / "tls" / "server.crt")
    for name in ("voice.example.com", "example.org", "*.example.org", "localhost"):
        assert f"DNS:{name}" in names
    assert "192.0.2.7" in names and "2001:DB8:0:0:0:0:0:7" in names and "127.0.0.1" in names
    assert (tmp_path / "tls" / "server.key").stat().st_mode & 0o077 == 0


@pytest.mark.slow
def test_a_certificate_that_exists_is_left_alone(made: Path) -> None:
    before = (made / "tls" / "server.crt").read_bytes()
    done = certificate(made, NGINX_CERTIFICATE_NAMES="other.example.com")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (made / "tls" / "server.crt").read_bytes() == before


def given_certificate(folder: Path, days: int, issuer: str) -> None:
    (folder / "tls").mkdir()
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
        + ["-noenc", "-days", str(days), "-subj", f"/O={issuer}", "-keyout", "server.key"]
        + ["-out", "server.crt"],
        cwd=folder / "tls", check=True, capture_output=True,
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(
    ("issuer", "is_renewed"), [("Kaiwa self-signed", True), ("Somebody else", False)]
)
def test_only_our_own_certificate_is_renewed_before_it_expires(
    tmp_path: Path, issuer: str, is_renewed: bool
) -> None:
    given_certificate(tmp_path, 20, issuer)
    before = (tmp_path / "tls" / "server.crt").read_bytes()
    assert certificate(tmp_path).returncode == 0
    assert ((tmp_path / "tls" / "server.crt").read_bytes() != before) == is_renewed


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "content", "named"),
    [
        ("server.key", None, "NGINX_CERTIFICATE_KEY"),
        ("server.crt", None, "NGINX_CERTIFICATE"),
        ("server.crt", "rubbish", "NGINX_CERTIFICATE"),
        ("server.key", "rubbish", "NGINX_CERTIFICATE_KEY"),
        ("server.key", "another", "NGINX_CERTIFICATE_KEY"),
    ],
)
def test_a_certificate_that_cannot_be_used_is_named(
    tmp_path: Path, made: Path, file: str, content: str | None, named: str
) -> None:
    given_certificate(tmp_path, 400, "Somebody")
    path = tmp_path / "tls" / file
    path.unlink()
    if content is not None:
        path.write_text((made / "tls" / file).read_text() if content == "another" else content)
    done = certificate(tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith(f"nginx cannot start. {named}: {path} ")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.slow
@pytest.mark.skipif(unprivileged_user() is None, reason="root can be somebody else")
def test_a_folder_that_is_not_writable_is_named() -> None:
    done = subprocess.run(
        ["sh", str(NGINX / "docker-entrypoint.d" / "10-certificate.sh")],
        env={"PATH": os.environ["PATH"], "NGINX_CERTIFICATE": "/etc/kaiwa-tls/server.crt"}
        | {"NGINX_CERTIFICATE_KEY": "/etc/kaiwa-tls/server.key"},
        user="nobody", group="nogroup", extra_groups=[], cwd="/",
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "Make the folder writable for nobody" in done.stderr


def test_the_name_server_has_all_addresses_of_a_name() -> None:
    got = answer(QUERY, ["127.0.0.2", "127.0.0.3"])
    assert got[:8] == bytes.fromhex("abcd 8180 0001 0002")
    assert got[12 : 12 + 9] == QUERY[12:21]
    assert got.endswith(bytes.fromhex("c00c 0001 0001 0000 0000 0004 7f00 0003"))


def test_the_name_server_has_no_ipv6_addresses() -> None:
    got = answer(QUERY[:-4] + bytes.fromhex("001c 0001"), ["127.0.0.2"])
    assert got[6:8] == b"\0\0"
