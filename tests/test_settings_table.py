"""Settings from the environment: types, defaults, and errors that say what to write."""

from contextlib import suppress
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.proxy import parse_proxy
from websockets.uri import parse_uri

from backend.settings_table import (
    SETTINGS,
    SettingError,
    SettingsMissing,
    combined,
    read,
    read_dotenv,
)
from backend.upstream.providers.openai import OpenAI
from backend.upstream.target import Target

URLS = st.lists(
    st.sampled_from(
        ["http://", "https://", "host", ".", "/", ":", "@", "?", "#", "[", "]", "::1", "80"]
        + ["ø", " ", "%", "%41", "\t", "\\", "&", "*", "\u2100"]
    ),
    max_size=6,
).map(lambda parts: "http://" + "".join(parts))
GIVEN = {"SECRET_KEY": "s" * 50, "ALLOWED_HOSTS": "voice.example.com"}


def value(name: str, raw: str) -> Any:
    return read(GIVEN | {name: raw})[name]


def test_everything_but_the_secret_and_the_hosts_has_a_default() -> None:
    values = read(GIVEN)
    assert set(values) == {setting.name for setting in SETTINGS}
    assert (values["DEBUG"], values["DEMO"], values["PORT"]) == (False, False, 8000)
    assert (values["VAD_THRESHOLD"], values["VAD_SILENCE_MS"]) == (0.5, 500)
    assert values["ALLOWED_ORIGINS"] == []


def test_with_debug_nothing_is_needed() -> None:
    assert read({"DEBUG": "on"})["SECRET_KEY"] == ""


@pytest.mark.parametrize("missing", ["SECRET_KEY", "ALLOWED_HOSTS"])
def test_without_debug_a_missing_one_is_named_with_what_to_write(missing: str) -> None:
    with pytest.raises(SettingsMissing) as raised:
        read({name: given for name, given in GIVEN.items() if name != missing})
    assert [error.name for error in raised.value.errors] == [missing]
    assert str(raised.value).startswith(f"{missing}: it is missing, and DEBUG is off. Write ")


def test_all_that_are_missing_are_named_at_once() -> None:
    with pytest.raises(SettingsMissing, match="SECRET_KEY: .* ALLOWED_HOSTS: "):
        read({})


@pytest.mark.parametrize(
    ("name", "raw", "expected"),
    [
        ("DEBUG", "on", True),
        ("DEBUG", " YES ", True),
        ("DEBUG", "0", False),
        ("DEBUG", "off", False),
        ("PORT", "65535", 65535),
        ("TRUSTED_PROXIES", "", []),
        (
            "TRUSTED_PROXIES",
            "127.0.0.1, 172.16.0.0/12,fd00::/8",
            [ip_network("127.0.0.1/32"), ip_network("172.16.0.0/12"), ip_network("fd00::/8")],
        ),
        ("VAD_THRESHOLD", "1", 1.0),
        ("TRUNCATION", "disabled", "disabled"),
        ("TRUNCATION", "0.8", 0.8),
        ("HISTORY_TOKENS", "0", 0),
        ("MAX_CALL_MINUTES", "1440", 1440),
        ("VAD_PREFIX_MS", "0", 0),
        ("ALLOWED_HOSTS", " a.example , b.example,", ["a.example", "b.example"]),
        ("ALLOWED_ORIGINS", "https://a.example,http://b.example:8080",
         ["https://a.example", "http://b.example:8080"]),
        ("ALLOWED_HOSTS", "*", ["*"]),
        ("ALLOWED_HOSTS", ".example.com,[::1],127.0.0.1,my_host",
         [".example.com", "[::1]", "127.0.0.1", "my_host"]),
        ("ALLOWED_ORIGINS", "http://[::1]:8000", ["http://[::1]:8000"]),
        ("OPENAI_BASE_URL", "http://127.0.0.1:9000/v1/", "http://127.0.0.1:9000/v1"),
        ("AZURE_OPENAI_BASE_URL", "", ""),
        ("AZURE_OPENAI_BASE_URL", "https://x.example/openai/v1/", "https://x.example/openai/v1"),
        ("AZURE_DEPLOYMENTS", "", {}),
        ("AZURE_DEPLOYMENTS", " a=gpt-realtime, b = c ,", {"a": "gpt-realtime", "b": "c"}),
        ("UPSTREAM_PROXY", "http://proxy.example:3128", "http://proxy.example:3128"),
        ("UPSTREAM_PROXY", "http://user:p%40ss@proxy.example", "http://user:p%40ss@proxy.example"),
        ("DATABASE_URL", "postgres://u:p@db:5432/kaiwa", "postgres://u:p@db:5432/kaiwa"),
        ("DATABASE_URL", "postgres://u:p%23@db/kaiwa", "postgres://u:p%23@db/kaiwa"),
        ("DATABASE_URL", "postgresql:///kaiwa", "postgresql:///kaiwa"),
        ("DATABASE_URL", "sqlite://:memory:", "sqlite://:memory:"),
        ("DATABASE_URL", "sqlite:////data/kaiwa.sqlite3", "sqlite:////data/kaiwa.sqlite3"),
        ("REDIS_URL", "redis://:p%40ss@redis:6379/0", "redis://:p%40ss@redis:6379/0"),
        ("REDIS_URL", "rediss://user:pass@redis.example", "rediss://user:pass@redis.example"),
        ("SERVER", "daphne", "daphne"),
        ("WORKERS", "2", 2),
        ("TURN_DETECTION", "semantic_vad", "semantic_vad"),
        ("REGISTRATION_OPEN", "on", True),
    ],
)  # fmt: skip
def test_a_good_value_is_read(name: str, raw: str, expected: Any) -> None:
    assert value(name, raw) == expected


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("DEBUG", "maybe"),
        ("DEMO", "2"),
        ("REGISTRATION_OPEN", "perhaps"),
        ("PORT", "0"),
        ("PORT", "65536"),
        ("PORT", "eight"),
        ("PORT", "80.5"),
        ("PORT", "8_000"),
        ("PORT", "８０００"),
        ("VAD_THRESHOLD", "٠"),
        ("VAD_THRESHOLD", "0_0.5"),
        ("VAD_THRESHOLD", "1.1"),
        ("TRUNCATION", "1.1"),
        ("TRUNCATION", "never"),
        ("HISTORY_TOKENS", "-1"),
        ("HISTORY_TOKENS", "1.5"),
        ("MAX_CALL_MINUTES", "-1"),
        ("MAX_CALL_MINUTES", "1441"),
        ("VAD_THRESHOLD", "nan"),
        ("VAD_SILENCE_MS", "99"),
        ("VAD_PREFIX_MS", "-1"),
        ("TURN_DETECTION", "none"),
        ("SERVER", "gunicorn"),
        ("WORKERS", "0"),
        ("WORKERS", "auto"),
        ("OPENAI_BASE_URL", "api.openai.com/v1"),
        ("REALTIME_PROVIDER", "nobody"),
        ("AZURE_OPENAI_BASE_URL", "x.openai.azure.com"),
        ("AZURE_DEPLOYMENTS", "voice"),
        ("AZURE_DEPLOYMENTS", "a="),
        ("AZURE_DEPLOYMENTS", "=gpt-realtime"),
        ("AZURE_DEPLOYMENTS", "a=b=c"),
        ("AZURE_DEPLOYMENTS", "a b=gpt-realtime"),
        ("AZURE_DEPLOYMENTS", "a=" + "x" * 101),
        ("OPENAI_BASE_URL", "wss://api.openai.com/v1"),
        ("OPENAI_BASE_URL", "https://api.openai.com:99999/v1"),
        ("OPENAI_BASE_URL", "https:///v1"),
        ("OPENAI_BASE_URL", "http://[::1/v1"),
        ("OPENAI_BASE_URL", "https://api.openai.com/v1?beta=1"),
        ("OPENAI_BASE_URL", "https://api.openai.com/v1?"),
        ("OPENAI_BASE_URL", "https://api.openai.com/v1#"),
        ("OPENAI_BASE_URL", "https://user:password@api.openai.com/v1"),
        ("OPENAI_BASE_URL", "https://@api.openai.com/v1"),
        ("OPENAI_BASE_URL", "https://api.öpenai.com/v1"),
        ("OPENAI_BASE_URL", "https://api.openai.com/v1 x"),
        ("UPSTREAM_PROXY", "proxy.example"),
        ("UPSTREAM_PROXY", "http://prøxy:1"),
        ("UPSTREAM_PROXY", "http://proxy.example/path"),
        ("UPSTREAM_PROXY", "http://proxy.example?x"),
        ("UPSTREAM_PROXY", "http://user@proxy.example"),
        ("REALTIME_MODEL", "gpt-réaltime"),
        ("REALTIME_MODEL", "gpt-realtime mini"),
        ("REALTIME_MODEL", "m" * 101),
        ("TRANSCRIPTION_MODEL", "gpt\ttranscribe"),
        ("INSTRUCTIONS", "Be kind\udcff"),
        ("HOST", "0..0"),
        ("ALLOWED_HOSTS", "https://voice.example.com"),
        ("ALLOWED_HOSTS", "voice.example.com:8000"),
        ("ALLOWED_HOSTS", "voice.example.com/"),
        ("ALLOWED_HOSTS", "voice.example.com;b.example.com"),
        ("ALLOWED_HOSTS", "a.example b.example"),
        ("ALLOWED_HOSTS", "*.example.com"),
        ("ALLOWED_HOSTS", "::1"),
        ("ALLOWED_HOSTS", "会話.example"),
        ("ALLOWED_HOSTS", "ſite.example"),
        ("ALLOWED_HOSTS", "\u212aaiwa.example"),
        ("ALLOWED_ORIGINS", "https://Voice.example.com"),
        ("ALLOWED_ORIGINS", "https://voice.example.com:443"),
        ("ALLOWED_ORIGINS", "https://*.example.com"),
        ("ALLOWED_ORIGINS", "voice.example.com"),
        ("ALLOWED_ORIGINS", "https://voice.example.com/"),
        ("ALLOWED_ORIGINS", "https://voice.example.com?x"),
        ("ALLOWED_ORIGINS", "https://user@voice.example.com"),
        ("ALLOWED_ORIGINS", "https://a.example,*"),
        ("TRUSTED_PROXIES", "nginx"),
        ("TRUSTED_PROXIES", "*"),
        ("TRUSTED_PROXIES", "0.0.0.0/0"),
        ("TRUSTED_PROXIES", "10.0.0.1/8"),
        ("TRUSTED_PROXIES", "127.0.0.1:80"),
        ("DATABASE_URL", "mysql://u:p@db/kaiwa"),
        ("DATABASE_URL", "db.example"),
        ("DATABASE_URL", "postgres:kaiwa"),
        ("DATABASE_URL", "postgres://u:p@h:notaport/db"),
        ("DATABASE_URL", "postgres://u:p@h:99999/db"),
        ("DATABASE_URL", "postgres://u:p#w@h/db"),
        ("DATABASE_URL", "postgres://u:p?w@h/db"),
        ("DATABASE_URL", "postgres://u:p/w@h/db"),
        ("DATABASE_URL", "postgres://u:p@[h/db"),
        ("DATABASE_URL", "postgres://u:p@h"),
        ("DATABASE_URL", "postgres://u:p@h/"),
        ("DATABASE_URL", "postgres://u:p@h/db/"),
        ("DATABASE_URL", "sqlite:////data/kaiwa#1.sqlite3"),
        ("REDIS_URL", "redis:6379"),
        ("REDIS_URL", "http://redis:6379"),
        ("REDIS_URL", "redis://"),
        ("REDIS_URL", "redis://:p@redis:0/0"),
        ("REDIS_URL", "redis://:p@redis:notaport/0"),
        ("REDIS_URL", "redis://:p@redis:6379/kaiwa"),
        ("REDIS_URL", "redis://:p#w@redis:6379/0"),
        ("REDIS_URL", "redis://:p@redis:6379/0?db=1"),
        ("REDIS_URL", "redis://:p@redis:6379/0 x"),
        ("OPENAI_API_KEY", "sk-one\nsk-two"),
        ("OPENAI_API_KEY", "sk-ｗｉｄｅ"),
        ("OPENAI_API_KEY", "sk one"),
    ],
)
def test_a_wrong_value_is_named_with_what_to_write_and_not_quoted(name: str, raw: str) -> None:
    with pytest.raises(SettingError) as error:
        read(GIVEN | {name: raw})
    assert error.value.name == name
    assert error.value.hint.startswith("Write ")
    assert raw not in str(error.value).partition(". ")[0]


@given(base_url=URLS, proxy=URLS, model=URLS | st.text(max_size=9))
def test_every_accepted_value_makes_a_target_that_can_be_called(
    base_url: str, proxy: str, model: str
) -> None:
    written = {"OPENAI_BASE_URL": base_url, "UPSTREAM_PROXY": proxy, "REALTIME_MODEL": model}
    for name, raw in written.items():
        with suppress(SettingError):
            values = read(GIVEN | {name: raw})
            target = Target(
                base_url=values["OPENAI_BASE_URL"],
                api_key="key",
                model=values["REALTIME_MODEL"],
                safety_identifier="somebody",
                proxy=values["UPSTREAM_PROXY"] or None,
            )
            parse_uri(OpenAI().websocket_url(target))
            if target.proxy:
                parse_proxy(target.proxy)


def test_an_empty_value_counts_as_not_set() -> None:
    empty = {setting.name: "" for setting in SETTINGS} | GIVEN
    assert read(empty) == read(GIVEN)


@pytest.mark.parametrize("debug", ["on", "off"])
def test_registration_is_open_as_debug_unless_set(debug: str) -> None:
    values = read(GIVEN | {"DEBUG": debug})
    assert values["REGISTRATION_OPEN"] is values["DEBUG"]


def test_a_secret_may_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("sk-from-file\n")
    assert read(GIVEN | {"OPENAI_API_KEY_FILE": str(file)})["OPENAI_API_KEY"] == "sk-from-file"


def test_only_secrets_come_from_files(tmp_path: Path) -> None:
    file = tmp_path / "port"
    file.write_text("9000")
    assert read(GIVEN | {"PORT_FILE": str(file)})["PORT"] == 8000


@pytest.mark.parametrize("content", [None, b"\xff\xfe"], ids=["missing", "not text"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "key"
    if content:
        file.write_bytes(content)
    with pytest.raises(SettingError) as error:
        read(GIVEN | {"OPENAI_API_KEY_FILE": str(file)})
    assert error.value.name == "OPENAI_API_KEY_FILE"


def test_azure_as_the_default_provider_needs_its_url() -> None:
    with pytest.raises(SettingsMissing) as error:
        read(GIVEN | {"REALTIME_PROVIDER": "azure"})
    assert [each.name for each in error.value.errors] == ["AZURE_OPENAI_BASE_URL"]
    url = {"AZURE_OPENAI_BASE_URL": "https://x.openai.azure.com/openai/v1"}
    assert read(GIVEN | url | {"REALTIME_PROVIDER": "azure"})["REALTIME_PROVIDER"] == "azure"


def test_a_dotenv_file_is_read_line_by_line(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text(
        "\ufeff# A comment\n\nPORT=9000\n  DEBUG = on \nINSTRUCTIONS=\"Say 'hi'\"\n"
        "SECRET_KEY='a=b'\nexport DEMO=on\n# HOST=0.0.0.0\nnonsense\nEMPTY=\n",
        encoding="utf-8",
    )
    assert read_dotenv(file) == {
        "PORT": "9000",
        "DEBUG": "on",
        "INSTRUCTIONS": "Say 'hi'",
        "SECRET_KEY": "a=b",
        "DEMO": "on",
        "EMPTY": "",
    }


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("NAME=x # a note", "x"),
        ("NAME=x#y", "x#y"),
        ("NAME='x # y' # a note", "x # y"),
        ('NAME="a\\nb"', "a\nb"),
        ("NAME='a\\nb'", "a\\nb"),
        ("NAME=p$HOME${HOME}", "p$HOME${HOME}"),
        ("NAME='$HOME'", "$HOME"),
        # One line for an editor and for Docker, and two for `str.splitlines`.
        ("NAME=a\u2028HOST=b", "a\u2028HOST=b"),
        ("NAME=a\x0cHOST=b", "a\x0cHOST=b"),
        ("NAME=1\nNAME=2", "2"),
    ],
)
def test_a_dotenv_value_is_what_python_dotenv_reads(tmp_path: Path, line: str, value: str) -> None:
    file = tmp_path / ".env"
    file.write_text(f"{line}\n", encoding="utf-8")
    assert read_dotenv(file) == {"NAME": value}


@pytest.mark.parametrize("line", ['QUOTE="', "QUOTE='a\nPORT=9000", 'QUOTE="a"b', "PORT: 9000 = x"])
def test_a_dotenv_line_that_is_not_understood_is_named(tmp_path: Path, line: str) -> None:
    file = tmp_path / ".env"
    file.write_text(f"DEBUG=on\n{line}\n", encoding="utf-8")
    with pytest.raises(SettingError, match=r"^\.env: line 2 is not understood\. Write "):
        read_dotenv(file)


def test_a_dotenv_file_that_is_not_text_is_named(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(SettingError, match=r"^\.env: the file cannot be read\. Write "):
        read_dotenv(file)


def test_no_dotenv_file_is_no_settings(tmp_path: Path) -> None:
    assert read_dotenv(tmp_path / ".env") == {}


def test_the_environment_wins_over_the_file() -> None:
    assert combined({"PORT": "1"}, {"PORT": "2", "HOST": "h"}) == {"PORT": "1", "HOST": "h"}


def test_a_key_in_the_environment_wins_over_a_keys_file_in_the_file() -> None:
    file = {"OPENAI_API_KEY_FILE": "/run/secrets/key", "PORT": "9000"}
    environ = {"OPENAI_API_KEY": "for this run"}
    assert combined(environ, file) == environ | {"PORT": "9000"}


def test_names_are_unique_and_every_default_is_good() -> None:
    names = [setting.name for setting in SETTINGS]
    assert len(names) == len(set(names))
    for setting in SETTINGS:
        setting.read(setting.default)
        assert setting.meaning.endswith(".")
        assert setting.hint
