"""`frontend/shared-facts.js` equals the server's tables: endings, limits, error codes, paths."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.password_validation import MinimumLengthValidator
from django.urls import URLPattern

from backend.accounts.api import LONGEST_PASSWORD, LONGEST_USERNAME
from backend.conversations.models import TITLE_LENGTH, Session
from backend.gateway.handshake import SUBPROTOCOL, TICKET_PREFIX
from backend.gateway.routing import router
from backend.protocol.audio import BYTES_PER_MS
from backend.protocol.endings import ENDINGS
from backend.protocol.provider_errors import PROVIDER_ERRORS
from backend.relay.client_policy import MAX_MESSAGE_CHARACTERS
from backend.relay.limits import DEFAULT_LIMITS
from backend.runtime import Runtime

SOURCE = Path(__file__).resolve().parent.parent / "frontend" / "shared-facts.js"
WRITTEN = dict(
    re.findall(
        r"^export const (\w+) = (.*?);$",
        SOURCE.read_text(encoding="utf-8"),
        re.MULTILINE | re.DOTALL,
    )
)

FACTS: dict[str, Any] = {
    "AUDIO": {"bytesPerMs": BYTES_PER_MS, "earlyMs": int(DEFAULT_LIMITS.held_audio_ms)},
    "ENDINGS": {
        str(ending): {"closeCode": row.close_code, "retryable": row.is_retryable}
        for ending, row in ENDINGS.items()
    },
    "LANGUAGES": sorted(Session.Language.values),
    "LIMITS": {
        "messageCharacters": MAX_MESSAGE_CHARACTERS,
        "passwordCharacters": LONGEST_PASSWORD,
        "passwordLeastCharacters": MinimumLengthValidator().min_length,
        "silentClientMs": int(DEFAULT_LIMITS.silent_client_s * 1000),
        "titleCharacters": TITLE_LENGTH,
        "usernameCharacters": LONGEST_USERNAME,
    },
    "PROVIDER_ERRORS": {
        "notShown": sorted(name for name, row in PROVIDER_ERRORS.items() if not row.is_shown)
    },
    "WEBSOCKET": {
        "path": "/ws/realtime/{session_id}/",
        "subprotocol": SUBPROTOCOL,
        "ticketSubprotocolPrefix": TICKET_PREFIX,
    },
}


def test_the_page_has_every_fact_and_no_other() -> None:
    assert set(WRITTEN) == set(FACTS)


@pytest.mark.parametrize("name", FACTS)
def test_a_fact_of_the_page_is_the_servers(name: str) -> None:
    assert WRITTEN[name] == json.dumps(FACTS[name], indent=2, sort_keys=True)


def test_the_path_of_a_call_is_routed_to_the_consumer() -> None:
    session_id = "11111111-1111-4111-8111-111111111111"
    path = FACTS["WEBSOCKET"]["path"].replace("{session_id}", session_id).lstrip("/")
    route = router(Runtime).routes[0]
    assert isinstance(route, URLPattern)
    assert route.pattern.match(path) is not None
