"""The table of settings: each variable with its default, meaning and check.

A test compares `.env.example` and the README's table with `SETTINGS`. A secret may come from a
file: `NAME_FILE` holds its path (Docker secrets). The `.env` file in the project's root supplies
variables that the environment does not set. A wrong value ends the start with the setting's name
and a hint.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from io import StringIO
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

import dj_database_url
from dotenv.parser import parse_stream


class SettingError(Exception):
    """A setting is missing or wrong. `name` is the variable, `hint` is what to write."""

    def __init__(self, name: str, problem: str, hint: str) -> None:
        super().__init__(f"{name}: {problem}. {hint}")
        self.name = name
        self.hint = hint


class SettingsMissing(Exception):
    """Settings that are required are missing; `errors` has one error for each."""

    def __init__(self, errors: Iterable[SettingError]) -> None:
        self.errors = tuple(errors)
        super().__init__(" ".join(map(str, self.errors)))


def _text(raw: str) -> str:
    return raw


def _flag(raw: str) -> bool:
    words = {"1": True, "true": True, "yes": True, "on": True, "": False}
    words |= {"0": False, "false": False, "no": False, "off": False}
    return words[raw.lower()]


def _flag_as_debug(raw: str) -> bool | None:
    """None: as `DEBUG` (`read` fills it in)."""
    return _flag(raw) if raw else None


def _words(raw: str) -> list[str]:
    return [word.strip() for word in raw.split(",") if word.strip()]


def _between(low: float, high: float, kind: Callable[[str], float]) -> Callable[[str], float]:
    def check(raw: str) -> float:
        # `int` and `float` also read 8_000 and the digits of other scripts.
        if not raw.isascii() or "_" in raw:
            raise ValueError
        number = kind(raw)
        if not low <= number <= high:
            raise ValueError
        return number

    return check


def _dollars(raw: str) -> Decimal:
    # Four decimal places, as a budget's column has.
    if not re.fullmatch(r"[0-9]{1,7}(\.[0-9]{1,4})?", raw, re.ASCII):
        raise ValueError
    dollars = Decimal(raw)
    if dollars > 1_000_000:
        raise ValueError
    return dollars


def _one_of(*choices: str) -> Callable[[str], str]:
    def check(raw: str) -> str:
        if raw not in choices:
            raise ValueError
        return raw

    return check


def _truncation(raw: str) -> str | float:
    return raw if raw in ("auto", "disabled") else _between(0, 1, float)(raw)


def _word(raw: str) -> str:
    # The value becomes a header or a part of a URL. A space, a line break or a non-ASCII letter is
    # a copying mistake that would make every call fail.
    if not (raw.isascii() and raw.isprintable()) or " " in raw:
        raise ValueError
    return raw


def _model(raw: str) -> str:
    # The length of the databases' columns.
    if len(raw) > 100:
        raise ValueError
    return _word(raw)


def _models(raw: str) -> dict[str, str]:
    """`deployment=model` pairs."""
    pairs = [[part.strip() for part in pair.split("=")] for pair in _words(raw)]
    if any(len(pair) != 2 or not all(pair) for pair in pairs):
        raise ValueError
    return {_model(name): _model(model) for name, model in pairs}


def _http_parts(raw: str) -> SplitResult:
    parts = urlsplit(_word(raw))
    # `urlsplit` checks the port only when it is read.
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
        raise ValueError
    if "?" in raw or "#" in raw:
        raise ValueError
    return parts


def _base_url(raw: str) -> str:
    if _http_parts(raw).username is not None:
        raise ValueError
    return raw.rstrip("/")


def _base_url_or_none(raw: str) -> str:
    return _base_url(raw) if raw else raw


def _proxy_url(raw: str) -> str:
    if not raw:
        return raw
    parts = _http_parts(raw)
    is_half_a_login = parts.username is not None and parts.password is None
    if parts.path not in ("", "/") or is_half_a_login:
        raise ValueError
    return raw.rstrip("/")


_IMPLIED_PORTS = (("http", 80), ("https", 443))
_HOST = re.compile(
    r"[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?|\[[0-9a-f:.]+\]",
    # Without ASCII, IGNORECASE also matches U+017F (a long s) and U+212A (the kelvin sign).
    re.IGNORECASE | re.ASCII,
)


def _hosts(raw: str) -> list[str]:
    hosts = _words(raw)
    for host in hosts:
        # Django's wildcards: `*` is every host, `.example.com` a domain and its subdomains.
        if host != "*" and not _HOST.fullmatch(host.removeprefix(".")):
            raise ValueError
    return hosts


def _origins(raw: str) -> list[str]:
    origins = _words(raw)
    for origin in origins:
        parts = _http_parts(origin)
        # The value is compared with what browsers send: lower case, without the scheme's own port.
        if origin != f"{parts.scheme}://{parts.netloc.lower()}" or "*" in origin:
            raise ValueError
        if parts.username is not None or (parts.scheme, parts.port) in _IMPLIED_PORTS:
            raise ValueError
    return origins


Network = IPv4Network | IPv6Network


def _networks(raw: str) -> list[Network]:
    # An address is a network of one. `ip_network` refuses an address inside of a network.
    networks = [ip_network(word) for word in _words(raw)]
    if any(network.prefixlen == 0 for network in networks):
        raise ValueError  # It would be everybody.
    return networks


def _address(raw: str) -> str:
    raw.encode("idna")
    return raw


def _database_url(raw: str) -> str:
    if not raw:
        return raw
    # `dj_database_url` silently drops everything after a raw `#`.
    if not raw.startswith(("postgres://", "postgresql://", "sqlite://")) or "#" in raw:
        raise ValueError
    name = dj_database_url.parse(raw)["NAME"]
    if raw.startswith("postgres") and (not name or "/" in name):
        raise ValueError
    return raw


def _redis_url(raw: str) -> str:
    if not raw:
        return raw
    parts = urlsplit(_word(raw))
    if parts.scheme not in ("redis", "rediss") or not parts.hostname or parts.port == 0:
        raise ValueError
    # redis-py drops a path that is no number and takes unknown options from a query: the mistake
    # would be seen at the first login.
    if not re.fullmatch(r"/?|/[0-9]{1,4}", parts.path) or "?" in raw or "#" in raw:
        raise ValueError
    return raw


PROVIDERS = ("openai", "azure")
"""The choices of `REALTIME_PROVIDER`: a test compares them with `backend.upstream.providers`."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One variable. `default` is the text as written in `.env`; `hint` says what to write."""

    name: str
    default: str
    meaning: str
    read: Callable[[str], Any]
    hint: str
    secret: bool = False


SETTINGS: tuple[Setting, ...] = (
    Setting(
        "OPENAI_API_KEY",
        "",
        "OpenAI's key. Without it `make run` starts the simulator and says so on the page.",
        _word,
        "Write the key, or OPENAI_API_KEY_FILE with the path of a file that holds it.",
        secret=True,
    ),
    Setting(
        "OPENAI_BASE_URL",
        "https://api.openai.com/v1",
        "OpenAI's HTTP base; the WebSocket URL is the same with `ws(s)`.",
        _base_url,
        "Write a URL such as https://api.openai.com/v1, without a login, ? or #.",
    ),
    Setting(
        "AZURE_OPENAI_API_KEY",
        "",
        "The key of an Azure OpenAI resource. With it and the URL, Azure is a provider to choose.",
        _word,
        "Write the key, or AZURE_OPENAI_API_KEY_FILE with the path of a file that holds it.",
        secret=True,
    ),
    Setting(
        "AZURE_OPENAI_BASE_URL",
        "",
        "The resource's HTTP base, as `https://NAME.openai.azure.com/openai/v1`. Required for"
        " `REALTIME_PROVIDER=azure`.",
        _base_url_or_none,
        "Write a URL such as https://NAME.openai.azure.com/openai/v1, without a login, ? or #.",
    ),
    Setting(
        "AZURE_REALTIME_MODEL",
        "gpt-realtime",
        "The resource's deployment that talks. A deployment does not change by itself.",
        _model,
        "Write the name of a deployment, such as gpt-realtime.",
    ),
    Setting(
        "AZURE_TRANSCRIPTION_MODEL",
        "gpt-transcribe",
        "Its deployment that transcribes the user's speech.",
        _model,
        "Write the name of a deployment, such as gpt-transcribe.",
    ),
    Setting(
        "AZURE_CHAT_MODEL",
        "gpt-5.6-luna",
        "Its deployment that answers typed messages outside a call.",
        _model,
        "Write the name of a deployment, such as gpt-5.6-luna.",
    ),
    Setting(
        "AZURE_DEPLOYMENTS",
        "",
        "Which model of the catalogue a deployment is, for its price, where its name does not say"
        " so: `voice=gpt-realtime-2.1, words=gpt-transcribe`. The realtime ones are on offer.",
        _models,
        "Write deployment=model, with commas, such as voice=gpt-realtime-2.1.",
    ),
    Setting(
        "UPSTREAM_PROXY",
        "",
        "A proxy for the connection to the provider. Empty: none, and the machine's proxy variables"
        " are ignored.",
        _proxy_url,
        "Write a URL such as http://proxy.example:3128 or http://user:password@proxy.example:3128,"
        " in plain ASCII and without a path, or leave it empty.",
        secret=True,
    ),
    Setting(
        "REALTIME_PROVIDER",
        "openai",
        "Who answers in a session that does not choose: `openai`, or whatever speaks its GA"
        " Realtime API at `OPENAI_BASE_URL`; or `azure`.",
        _one_of(*PROVIDERS),
        "Write openai or azure.",
    ),
    Setting(
        "REALTIME_MODEL",
        "gpt-realtime",
        "OpenAI's model; from its retirement date on the catalogue's successor is used.",
        _model,
        "Write a model of the catalogue, such as gpt-realtime.",
    ),
    Setting(
        "TRANSCRIPTION_MODEL",
        "gpt-transcribe",
        "The model that transcribes the user's speech.",
        _model,
        "Write a transcription model, such as gpt-transcribe.",
    ),
    Setting(
        "CHAT_MODEL",
        "gpt-5.6-luna",
        "The model that answers typed messages outside a call.",
        _model,
        "Write a text model of the catalogue, such as gpt-5.6-luna.",
    ),
    Setting(
        "REALTIME_VOICE",
        "marin",
        "The voice of a session that does not choose one.",
        _text,
        "Write a voice of the catalogue, such as marin.",
    ),
    Setting(
        "INSTRUCTIONS",
        "",
        "The model's instructions. Empty: a friendly assistant, in the session's language.",
        _text,
        "Write a sentence or two in the second person.",
    ),
    Setting(
        "TURN_DETECTION",
        "server_vad",
        "How the provider detects the end of the user's turn: `server_vad` or `semantic_vad`.",
        _one_of("server_vad", "semantic_vad"),
        "Write server_vad or semantic_vad.",
    ),
    Setting(
        "VAD_THRESHOLD",
        "0.5",
        "How loud speech has to be, 0 to 1 (`server_vad`).",
        _between(0, 1, float),
        "Write a number from 0 to 1.",
    ),
    Setting(
        "VAD_SILENCE_MS",
        "500",
        "How long a silence ends a turn, in milliseconds (`server_vad`).",
        _between(100, 10_000, int),
        "Write whole milliseconds from 100 to 10000.",
    ),
    Setting(
        "VAD_PREFIX_MS",
        "300",
        "How much audio before the start of speech is included, in milliseconds (`server_vad`).",
        _between(0, 5_000, int),
        "Write whole milliseconds from 0 to 5000.",
    ),
    Setting(
        "TRUNCATION",
        "auto",
        "What a call does when its context is full: `auto`, `disabled`, or the part to keep, such"
        " as 0.8.",
        _truncation,
        "Write auto, disabled, or a number from 0 to 1, such as 0.8.",
    ),
    Setting(
        "HISTORY_TOKENS",
        "12000",
        "The most tokens of the earlier conversation, estimated, that a model is given with a typed"
        " message or a new call; the newest exchange is always given.",
        _between(0, 1_000_000, int),
        "Write whole tokens from 0 to 1000000.",
    ),
    Setting(
        "MAX_CALL_MINUTES",
        "0",
        "How long a call may last, in minutes; its last answer may still end. 0: as long as it"
        " likes, since a call outlives the provider's own limit of 60 minutes.",
        _between(0, 1440, int),
        "Write whole minutes from 0 to 1440.",
    ),
    Setting(
        "SECRET_KEY",
        "",
        "Django's secret. Required without `DEBUG`.",
        _text,
        "Write 50 random characters: python3 -c 'import secrets; print(secrets.token_urlsafe(50))'",
        secret=True,
    ),
    Setting(
        "DEBUG",
        "off",
        "For development only; `make run` turns it on for itself and binds 127.0.0.1.",
        _flag,
        "Write on or off.",
    ),
    Setting(
        "DEMO",
        "off",
        "The page says that a simulator is answering; `make run` sets it when there is no key.",
        _flag,
        "Write on or off.",
    ),
    Setting(
        "ALLOWED_HOSTS",
        "",
        "The host names to serve, separated by commas. Required without `DEBUG`.",
        _hosts,
        "Write the names people type, such as voice.example.com, with commas, without https:// and"
        " without a port.",
    ),
    Setting(
        "ALLOWED_ORIGINS",
        "",
        "Further origins that may open a socket or send an admin form, besides the request's own.",
        _origins,
        "Write origins such as https://voice.example.com, with commas, as browsers send them: in"
        " small letters, without a path and without :443 or :80.",
    ),
    Setting(
        "TRUSTED_PROXIES",
        "",
        "The addresses or networks of the proxies in front whose `X-Forwarded-For`,"
        " `X-Forwarded-Proto` and `X-Request-ID` are trusted. Empty: nobody's.",
        _networks,
        "Write addresses or networks such as 127.0.0.1 or 172.16.0.0/12, with commas, or leave it"
        " empty.",
    ),
    Setting(
        "DATABASE_URL",
        "",
        "PostgreSQL, as `postgres://user:password@host:5432/name`. Empty: SQLite in `var/`.",
        _database_url,
        "Write postgres://user:password@host:5432/name, with # ? / @ % in the password as"
        " %23 %3F %2F %40 %25, or leave it empty for SQLite.",
        secret=True,
    ),
    Setting(
        "REDIS_URL",
        "",
        "Redis, as `redis://:password@host:6379/0` (`rediss://` with TLS), for several server"
        " processes. Empty: none.",
        _redis_url,
        "Write redis://:password@host:6379/0, with # ? / @ % in the password as"
        " %23 %3F %2F %40 %25, or leave it empty for one server process.",
        secret=True,
    ),
    Setting(
        "LOG_FORMAT",
        "text",
        "How a log line is written: `text`, or `json` for a log collector.",
        _one_of("text", "json"),
        "Write text or json.",
    ),
    Setting(
        "METRICS_TOKEN",
        "",
        "The bearer token that `/metrics` requires. Empty: it answers only direct clients of"
        " loopback and private addresses.",
        _word,
        "Write 32 or more random characters without spaces, or leave it empty.",
        secret=True,
    ),
    Setting(
        "TAPE_DIR",
        "",
        "A folder for tapes of whole calls, to replay a bug; they hold sound and words."
        " Empty: none.",
        _text,
        "Write the path of a folder that only the server may read, or leave it empty.",
    ),
    Setting(
        "KEEP_DAYS",
        "0",
        "Conversations are deleted this many days after their last change. The admin has other"
        " times for groups. 0: they are kept.",
        _between(0, 36_500, int),
        "Write a number of days from 1 to 36500, or 0.",
    ),
    Setting(
        "MAX_CALLS_PER_USER",
        "3",
        "The most calls of one user at the same time, staff included. 0: no limit.",
        _between(0, 1_000_000, int),
        "Write a whole number, or 0 for no limit.",
    ),
    Setting(
        "MAX_CALLS",
        "0",
        "The most calls of all users at the same time, over all server processes. 0: no limit.",
        _between(0, 1_000_000, int),
        "Write a whole number, or 0 for no limit.",
    ),
    Setting(
        "CALLS_PER_HOUR",
        "60",
        "The most calls that one user opens in an hour. A reconnect within three minutes does not"
        " count, but all calls together are limited to ten times as many. 0: no limit.",
        _between(0, 1_000_000, int),
        "Write a whole number, or 0 for no limit.",
    ),
    Setting(
        "SESSIONS_PER_HOUR",
        "120",
        "The most sessions that one user creates in an hour. 0: no limit.",
        _between(0, 1_000_000, int),
        "Write a whole number, or 0 for no limit.",
    ),
    Setting(
        "BUDGET_USD_PER_MONTH",
        "0",
        "What each user may spend in a month, in USD; budgets in the admin can be tighter. A call,"
        " a typed answer and a clip of a model of unknown price are then refused. 0: no limit.",
        _dollars,
        "Write dollars from 0 to 1000000, such as 20 or 7.50, or 0 for no limit.",
    ),
    Setting(
        "BUDGET_MINUTES_PER_DAY",
        "0",
        "How many minutes each user may talk in a day; budgets in the admin can be tighter."
        " 0: no limit.",
        _between(0, 1_000_000, int),
        "Write whole minutes, or 0 for no limit.",
    ),
    Setting(
        "SPOOL_DIR",
        "var/spool",
        "A folder for what the database has not taken yet, which only the server may read; a"
        " relative path is below Kaiwa's own folder.",
        _text,
        "Write the path of a folder that the server may write to.",
    ),
    Setting(
        "REGISTRATION_OPEN",
        "",
        "Whether anybody may register. Empty: as `DEBUG`.",
        _flag_as_debug,
        "Write on or off.",
    ),
    Setting(
        "REVIEW_NOTICE",
        "off",
        "The page says, before the first word, that the people who run it may read conversations to"
        " review them.",
        _flag,
        "Write on or off.",
    ),
    Setting(
        "DIRECT_SESSIONS",
        "",
        "Browsers may talk to the provider directly, with a key of their own that nobody can limit"
        " or take back. Empty: as `DEBUG`.",
        _flag_as_debug,
        "Write on or off, or leave it empty.",
    ),
    Setting(
        "DIRECT_KEY_SECONDS",
        "600",
        "For how many seconds such a key opens sessions; one that is open outlives it.",
        _between(10, 7200, int),
        "Write whole seconds from 10 to 7200.",
    ),
    Setting(
        "WEBRTC_CALLS",
        "",
        "The page may send its audio to the provider by WebRTC, while the server watches the call."
        " Empty: as `DEBUG`.",
        _flag_as_debug,
        "Write on or off, or leave it empty.",
    ),
    Setting(
        "ADMIN_USERNAME",
        "admin",
        "The name of the first admin, whom `manage.py ensure_admin` creates.",
        _text,
        "Write a username, such as admin.",
    ),
    Setting(
        "ADMIN_PASSWORD",
        "",
        "The first admin's password; later changes are made in the admin. Empty: no admin is"
        " created.",
        _text,
        "Write a password of 8 characters or more, or ADMIN_PASSWORD_FILE with the path of a file.",
        secret=True,
    ),
    Setting(
        "HOST",
        "127.0.0.1",
        "The address to listen on.",
        _address,
        "Write an address, such as 127.0.0.1 or 0.0.0.0.",
    ),
    Setting(
        "PORT",
        "8000",
        "The port to listen on.",
        _between(1, 65_535, int),
        "Write a port from 1 to 65535.",
    ),
    Setting(
        "SERVER",
        "uvicorn",
        "`uvicorn`, or `daphne` for the plain choice.",
        _one_of("uvicorn", "daphne"),
        "Write uvicorn or daphne.",
    ),
    Setting(
        "WORKERS",
        "1",
        "How many processes listen on the port; each uses a core (uvicorn only).",
        _between(1, 64, int),
        "Write a whole number from 1 to 64.",
    ),
)


def read_dotenv(path: Path) -> dict[str, str]:
    """The variables of a `.env` file, as python-dotenv reads them; {} if there is no file.

    Quotes, escapes and `# comments` are understood; `$NAME` and `${NAME}` are not replaced, because
    passwords hold such characters. A line without `=` is ignored. Raises SettingError when the file
    cannot be read or one of its lines is not understood.
    """
    if not path.is_file():
        return {}
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(path.name, "the file cannot be read", "Write it in UTF-8.") from error
    found: dict[str, str] = {}
    # `dotenv_values` only logs a line that it does not understand, and starts without it.
    for binding in parse_stream(StringIO(text)):
        if binding.error:
            raise SettingError(
                path.name,
                f"line {binding.original.line} is not understood",
                "Write NAME=value, with both quotes or none.",
            )
        if binding.key is not None and binding.value is not None:
            found[binding.key] = binding.value
    return found


def combined(environ: Mapping[str, str], file: Mapping[str, str]) -> dict[str, str]:
    """Merge both; the environment wins.

    A `NAME` in the environment also hides a `NAME_FILE` in the file, so that a key set for one run
    is the key that is used.
    """
    hidden = {f"{name}_FILE" for name in environ}
    return {name: value for name, value in file.items() if name not in hidden} | dict(environ)


def _raw(setting: Setting, environ: Mapping[str, str]) -> str:
    if setting.secret and (path := environ.get(f"{setting.name}_FILE")):
        try:
            return Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingError(
                f"{setting.name}_FILE",
                "the file cannot be read",
                "Write the path of a readable text file.",
            ) from error
    # Compose files pass a variable that is not set as an empty value.
    return environ.get(setting.name) or setting.default


_REQUIRED = ("SECRET_KEY", "ALLOWED_HOSTS")


def read(environ: Mapping[str, str], settings: Iterable[Setting] = SETTINGS) -> dict[str, Any]:
    """Return every setting's value by name.

    Raises SettingError for the first that is wrong, or SettingsMissing for all that are missing:
    without `DEBUG`, `SECRET_KEY` and `ALLOWED_HOSTS` are required, and with the provider Azure its
    URL.
    """
    values: dict[str, Any] = {}
    for setting in settings:
        try:
            raw = _raw(setting, environ).strip()
            # Bytes that are not UTF-8 arrive as lone surrogates, which cannot be encoded again.
            raw.encode()
            values[setting.name] = setting.read(raw)
        except (ValueError, KeyError) as error:
            raise SettingError(setting.name, "the value is not understood", setting.hint) from error
    if values["REALTIME_PROVIDER"] == "azure" and not values["AZURE_OPENAI_BASE_URL"]:
        (url,) = (one for one in settings if one.name == "AZURE_OPENAI_BASE_URL")
        raise SettingsMissing(
            [SettingError(url.name, "it is missing, and REALTIME_PROVIDER is azure", url.hint)]
        )
    if not values["DEBUG"]:
        missing = [one for one in settings if one.name in _REQUIRED and not values[one.name]]
        if missing:
            raise SettingsMissing(
                SettingError(one.name, "it is missing, and DEBUG is off", one.hint)
                for one in missing
            )
    for one in SETTINGS:
        if one.read is _flag_as_debug and values[one.name] is None:
            values[one.name] = values["DEBUG"]
    return values
