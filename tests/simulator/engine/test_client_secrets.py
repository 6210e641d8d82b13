"""Ephemeral keys: their requests, their expiry, and the session that they hold."""

from typing import Any

import pytest
from openai.types.realtime import ClientSecretCreateResponse

from backend.simulator.engine import client_secrets
from backend.simulator.engine.client_secrets import ClientSecrets
from backend.simulator.engine.errors import ClientEventError

NOW = 1_000.5


def created(secrets: ClientSecrets, value: str = "ek_1", at: float = NOW, **body: Any) -> Any:
    return secrets.create(body, value, "sess_1", at)


def seconds(value: object) -> dict[str, object]:
    return {"anchor": "created_at", "seconds": value}


def test_the_answer_is_what_the_official_sdk_expects() -> None:
    session = {
        "type": "realtime",
        "model": "gpt-realtime-2.1",
        "instructions": "Be brief.",
        "audio": {"output": {"voice": "verse"}},
    }
    answer = created(ClientSecrets(), session=session, expires_after=seconds(60))
    parsed = ClientSecretCreateResponse.model_validate(answer, strict=True)
    assert (parsed.value, parsed.expires_at) == ("ek_1", 1_060)
    assert parsed.session.type == "realtime"
    assert parsed.session.model == "gpt-realtime-2.1"
    assert parsed.session.instructions == "Be brief."
    assert answer["session"]["audio"]["output"]["voice"] == "verse"
    assert answer["session"]["audio"]["input"]["turn_detection"]["type"] == "server_vad"


def test_without_a_session_it_has_the_default_one() -> None:
    secrets = ClientSecrets()
    answer = created(secrets)
    assert (answer["expires_at"], answer["session"]["model"]) == (1_600, "gpt-realtime")
    secret = secrets.find("ek_1", NOW)
    assert secret is not None
    assert (secret.session, secret.model) == (None, "gpt-realtime")


def test_a_secret_is_valid_until_it_expires() -> None:
    secrets = ClientSecrets()
    created(secrets, expires_after=seconds(10))
    assert secrets.find("ek_1", 1_009.9) is not None
    assert secrets.find("ek_1", 1_010.0) is None
    assert secrets.find("ek_2", NOW) is None


def test_expired_secrets_are_dropped() -> None:
    secrets = ClientSecrets()
    created(secrets, expires_after=seconds(10))
    created(secrets, "ek_2", at=1_020)
    assert secrets.find("ek_1", NOW) is None  # Even at a time when it was valid.


def test_the_oldest_secrets_beyond_the_limit_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_secrets, "MAX_SECRETS", 2)
    secrets = ClientSecrets()
    for value in ("ek_1", "ek_2", "ek_3"):
        created(secrets, value)
    assert [secrets.find(value, NOW) is None for value in ("ek_1", "ek_2", "ek_3")] == [
        True,
        False,
        False,
    ]


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ([], "invalid_type", ""),
        ({"model": "gpt-realtime"}, "unknown_parameter", "model"),
        ({"expires_after": seconds(9)}, "invalid_value", "expires_after.seconds"),
        ({"expires_after": seconds(7_201)}, "invalid_value", "expires_after.seconds"),
        ({"expires_after": seconds("60")}, "invalid_type", "expires_after.seconds"),
        ({"expires_after": {"anchor": "now"}}, "invalid_value", "expires_after.anchor"),
        ({"session": {}}, "missing_required_parameter", "session.type"),
        ({"session": {"type": "realtime", "model": 5}}, "invalid_type", "session.model"),
        ({"session": {"type": "realtime", "voice": "ash"}}, "unknown_parameter", "session.voice"),
    ],
)
def test_an_invalid_request_is_refused(body: Any, code: str, param: str) -> None:
    secrets = ClientSecrets()
    with pytest.raises(ClientEventError) as caught:
        secrets.create(body, "ek_1", "sess_1", NOW)
    assert (caught.value.code, caught.value.param) == (code, param)
    assert secrets.find("ek_1", NOW) is None
