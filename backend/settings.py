"""Django's settings: the environment first (`settings_table.py`), then plain assignments."""

import os
import sys
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import Any

import dj_database_url
from django.conf import global_settings

from backend import __version__
from backend.settings_table import (
    Network,
    SettingError,
    SettingsMissing,
    combined,
    read,
    read_dotenv,
)
from backend.static_release import DIGEST_LENGTH, release_of

ROOT = Path(__file__).resolve().parent.parent

try:
    ENV = read(combined(os.environ, read_dotenv(ROOT / ".env")))
except (SettingError, SettingsMissing) as error:
    sys.exit(f"Kaiwa cannot start. {error}")

DEBUG: bool = ENV["DEBUG"]
# Without DEBUG, `read` requires a SECRET_KEY, so the fallback is for development only.
SECRET_KEY: str = ENV["SECRET_KEY"] or "debug-only-key-that-never-leaves-this-machine-0123456789"
ALLOWED_HOSTS: list[str] = ENV["ALLOWED_HOSTS"] or ["127.0.0.1", "localhost", "[::1]"]
ALLOWED_ORIGINS: list[str] = ENV["ALLOWED_ORIGINS"]
TRUSTED_PROXIES: list[Network] = ENV["TRUSTED_PROXIES"]
REGISTRATION_OPEN: bool = ENV["REGISTRATION_OPEN"]
REVIEW_NOTICE: bool = ENV["REVIEW_NOTICE"]

ADMIN_USERNAME: str = ENV["ADMIN_USERNAME"]
ADMIN_PASSWORD: str = ENV["ADMIN_PASSWORD"]
HOST: str = ENV["HOST"]
PORT: int = ENV["PORT"]
SERVER: str = ENV["SERVER"]
WORKERS: int = ENV["WORKERS"]

# The providers (`backend.configured_providers`)
OPENAI_API_KEY: str = ENV["OPENAI_API_KEY"]
OPENAI_BASE_URL: str = ENV["OPENAI_BASE_URL"]
AZURE_OPENAI_API_KEY: str = ENV["AZURE_OPENAI_API_KEY"]
AZURE_OPENAI_BASE_URL: str = ENV["AZURE_OPENAI_BASE_URL"]
AZURE_REALTIME_MODEL: str = ENV["AZURE_REALTIME_MODEL"]
AZURE_TRANSCRIPTION_MODEL: str = ENV["AZURE_TRANSCRIPTION_MODEL"]
AZURE_CHAT_MODEL: str = ENV["AZURE_CHAT_MODEL"]
AZURE_DEPLOYMENTS: dict[str, str] = ENV["AZURE_DEPLOYMENTS"]
UPSTREAM_PROXY: str = ENV["UPSTREAM_PROXY"]
REALTIME_PROVIDER: str = ENV["REALTIME_PROVIDER"]
REALTIME_MODEL: str = ENV["REALTIME_MODEL"]
REALTIME_VOICE: str = ENV["REALTIME_VOICE"]
TRANSCRIPTION_MODEL: str = ENV["TRANSCRIPTION_MODEL"]
CHAT_MODEL: str = ENV["CHAT_MODEL"]
INSTRUCTIONS: str = ENV["INSTRUCTIONS"]
TURN_DETECTION: str = ENV["TURN_DETECTION"]
VAD_THRESHOLD: float = ENV["VAD_THRESHOLD"]
VAD_SILENCE_MS: int = ENV["VAD_SILENCE_MS"]
VAD_PREFIX_MS: int = ENV["VAD_PREFIX_MS"]
TRUNCATION: str | float = ENV["TRUNCATION"]
HISTORY_TOKENS: int = ENV["HISTORY_TOKENS"]
MAX_CALL_MINUTES: int = ENV["MAX_CALL_MINUTES"]
DEMO: bool = ENV["DEMO"]
TAPE_DIR: str = ENV["TAPE_DIR"]
KEEP_DAYS: int = ENV["KEEP_DAYS"]
SPOOL_DIR: str = str(ROOT / ENV["SPOOL_DIR"])

# Browsers that talk to the provider directly (`backend.direct`)
DIRECT_SESSIONS: bool = ENV["DIRECT_SESSIONS"]
DIRECT_KEY_SECONDS: int = ENV["DIRECT_KEY_SECONDS"]
WEBRTC_CALLS: bool = ENV["WEBRTC_CALLS"]

# Limits of each user's calls, sessions, money and minutes (`backend.spending`); 0 is none
MAX_CALLS_PER_USER: int = ENV["MAX_CALLS_PER_USER"]
MAX_CALLS: int = ENV["MAX_CALLS"]
CALLS_PER_HOUR: int = ENV["CALLS_PER_HOUR"]
SESSIONS_PER_HOUR: int = ENV["SESSIONS_PER_HOUR"]
BUDGET_USD_PER_MONTH: Decimal = ENV["BUDGET_USD_PER_MONTH"]
BUDGET_MINUTES_PER_DAY: int = ENV["BUDGET_MINUTES_PER_DAY"]

# For operators
LOG_FORMAT: str = ENV["LOG_FORMAT"]
METRICS_TOKEN: str = ENV["METRICS_TOKEN"]

INSTALLED_APPS = [
    # Daphne installs a Twisted reactor at import and replaces `runserver`, so it is optional.
    *(["daphne"] if SERVER == "daphne" else []),
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "channels",
    "rest_framework",
    "rest_framework.authtoken",
    "drf_spectacular",
    "csp",
    "django_tasks",
    "backend.background_jobs.BackgroundJobsConfig",
    "backend.accounts",
    "backend.conversations",
    "backend.audit",
    "backend.spending",
    "backend.direct",
    "backend.live_desk",
    "backend.reports",
    "backend.health",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "backend.middleware.https_and_permissions",
    "csp.middleware.CSPMiddleware",
    "backend.middleware.StaticGZipMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "backend.middleware.in_one_thread",
]

ROOT_URLCONF = "backend.urls"
ASGI_APPLICATION = "backend.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "backend" / "templates", ROOT / "frontend"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]


def _database(url: str) -> dict[str, Any]:
    """Return Django's configuration of the database: SQLite by default, PostgreSQL by URL.

    Both have time limits, because a thread that waits for a database cannot be cancelled. SQLite:
    with WAL alone 363 of 600 concurrent writes failed; with WAL, IMMEDIATE transactions and a
    timeout none did, and the longest took 0.19 s. PostgreSQL: connections are pooled, and every
    statement and every wait for an answer has a limit (`backend.bounded_connection`).
    """
    if not url:
        (ROOT / "var").mkdir(exist_ok=True)
    database: dict[str, Any] = dict(
        dj_database_url.parse(url or f"sqlite:///{ROOT}/var/kaiwa.sqlite3")
    )
    if database["ENGINE"].endswith("sqlite3"):
        database["OPTIONS"] = {
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
            "transaction_mode": "IMMEDIATE",
            "timeout": 10,
        }
        return database
    # Imported here, so that SQLite needs no psycopg.
    bounded: Any = import_module("backend.bounded_connection")
    database["OPTIONS"] = {
        **database.get("OPTIONS", {}),
        "connect_timeout": 3,
        "tcp_user_timeout": 5000,
        # A host that is gone is found also where nothing is sent.
        "keepalives_idle": 10,
        "keepalives_interval": 3,
        "keepalives_count": 3,
        "options": "-c statement_timeout=5000 -c lock_timeout=2000"
        " -c idle_in_transaction_session_timeout=10000",
        # By default the pool's backoff grows: after 40 s without a database it waited 20 s more.
        "pool": {
            "min_size": 1,
            "max_size": 8,
            "timeout": 3,
            "reconnect_timeout": 3,
            "connection_class": bounded.BoundedConnection,
        },
    }
    # Without this, each connection that was idle when the database restarted causes one 503.
    database["CONN_HEALTH_CHECKS"] = True
    return database


def _databases(url: str) -> dict[str, dict[str, Any]]:
    """Return the database, on PostgreSQL under two aliases with a pool each (`backend.database`).

    A server process has up to 8 connections for requests, and 2 for the recorder and heartbeat.
    """
    database = _database(url)
    if database["ENGINE"].endswith("sqlite3"):
        return {"default": database}
    options = database["OPTIONS"]
    recorder = {**database, "OPTIONS": {**options, "pool": {**options["pool"], "max_size": 2}}}
    return {"default": database, "recorder": recorder}


DATABASES = _databases(ENV["DATABASE_URL"])
DATABASE_ROUTERS = ["backend.database.ThreadRouter"]

_PROCESS_CACHE = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "process"}
REDIS_URL: str = ENV["REDIS_URL"]
# Both aliases always exist. Rate limits count in `default`: with Redis for all server processes.
CACHES: dict[str, dict[str, Any]] = {
    "default": {
        "BACKEND": "backend.redis_client.SharedCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "kaiwa",
    }
    if REDIS_URL
    else _PROCESS_CACHE,
    "process": _PROCESS_CACHE,
}
# Background jobs are rows of this database, run by `backend.worker`.
TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend"}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Django's first is PBKDF2 too; the others are for hashes that came with users from elsewhere.
PASSWORD_HASHERS = [
    "backend.accounts.password_hasher.BackgroundPBKDF2PasswordHasher",
    *global_settings.PASSWORD_HASHERS[1:],
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.TokenAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["backend.api_errors.BoundedJSONParser"],
    "DEFAULT_PAGINATION_CLASS": "rest_framework.pagination.PageNumberPagination",
    "PAGE_SIZE": 50,
    "EXCEPTION_HANDLER": "backend.api_errors.exception_handler",
    # `login` counts per user and address; `address` counts all logins and registrations of one.
    # `transcription` counts one user's dictated clips. `ephemeral_key` counts one user's keys;
    # a page takes one for each connect, and connects up to four times in seven seconds.
    # `webrtc_call` counts one user's new calls over WebRTC.
    "DEFAULT_THROTTLE_RATES": {
        "login": "10/min",
        "address": "60/min",
        "transcription": "20/min",
        "voice_sample": "10/min",
        "ephemeral_key": "12/min",
        "webrtc_call": "30/min",
        "reported_turns": "60/min",
    },
    # The connection's address: `backend.trusted_proxies` has put the client's there.
    "NUM_PROXIES": 0,
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
}

SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "Kaiwa",
    "DESCRIPTION": "A self-hosted realtime voice relay. docs/api.md has the WebSocket.",
    "VERSION": __version__,
    # What follows the prefix is an operation's tag: `auth`, `sessions`, `realtime`.
    "SCHEMA_PATH_PREFIX": "/api",
    "SERVE_INCLUDE_SCHEMA": False,
    "COMPONENT_SPLIT_PATCH": False,
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    # Two kinds of `status` are sent: a session's, and a reported turn's.
    "ENUM_NAME_OVERRIDES": {"StatusEnum": ("open", "closed")},
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "backend.api_schema.add_components",
    ],
}

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("ja", "日本語")]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

STATIC_URL = "/static/"
STATIC_ROOT = ROOT / "var" / "static"
# The page loads its files from `/static/<release>/`, which browsers may keep for ever. The plain
# paths (`/static/realtime-client.js`, the admin's files) are the same files, revalidated each time.
RELEASE = release_of(ROOT / "frontend")
STATICFILES_DIRS: list[Path | tuple[str, str | Path]] = [
    ROOT / "frontend",
    # A string: the finder keeps one prefix for each distinct folder, and would collect only one.
    (RELEASE, str(ROOT / "frontend")),
]
WHITENOISE_USE_FINDERS = DEBUG
WHITENOISE_AUTOREFRESH = DEBUG
WHITENOISE_MAX_AGE = 0
# Any release: `collectstatic` keeps those it collected before, for pages that are still open. With
# DEBUG none, because a file may change while the server runs, and its release does not.
WHITENOISE_IMMUTABLE_FILE_TEST = r"(?!)" if DEBUG else rf"^/static/[0-9a-f]{{{DIGEST_LENGTH}}}/"

_SELF = "'self'"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": [_SELF],
        "style-src": [_SELF],
        "img-src": [_SELF, "data:"],
        "font-src": [_SELF],
        "connect-src": [_SELF],
        "media-src": [_SELF, "blob:"],
        "worker-src": [_SELF],
        "manifest-src": [_SELF],
        "form-action": [_SELF],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
    }
}
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_HTTPONLY = True
# Sent over https only, which a trusted proxy states (`backend.trusted_proxies`). For this host
# alone: its subdomains may be other people's, and a preload list is hard to leave.
SECURE_HSTS_SECONDS = 0 if DEBUG else 31_536_000
PERMISSIONS_POLICY = "microphone=(self), camera=(), geolocation=(), payment=(), usb=()"
SILENCED_SYSTEM_CHECKS = [
    "security.W005",  # HSTS without subdomains
    "security.W008",  # SECURE_SSL_REDIRECT: `backend.middleware` redirects
    "security.W021",  # HSTS without preload
]
# Behind a TLS proxy whose X-Forwarded-Proto is not trusted, Django sees http and would refuse the
# page's own https origin.
CSRF_TRUSTED_ORIGINS = ALLOWED_ORIGINS
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not DEBUG

LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"mask": {"()": "backend.telemetry.logs.Mask"}},
    "formatters": {
        "text": {"()": "backend.telemetry.logs.LineFormatter"},
        "json": {"()": "backend.telemetry.json_lines.JsonFormatter"},
    },
    "handlers": {
        "stderr": {"class": "logging.StreamHandler", "filters": ["mask"], "formatter": LOG_FORMAT}
    },
    "root": {"handlers": ["stderr"], "level": "INFO"},
    "loggers": {
        # Django's own handlers are removed: with DEBUG its console would repeat all lines unmasked.
        "django": {"handlers": [], "level": "INFO"},
        "django.server": {"handlers": ["stderr"], "level": "WARNING", "propagate": False},
        "uvicorn.access": {"level": "WARNING"},
        "websockets": {"level": "WARNING"},
        "httpx2": {"level": "WARNING"},
    },
}
