"""Every failure of an answer has a code, a sentence and a status."""

from typing import get_args

import pytest

from backend.chat.errors import STATUSES, code_of
from backend.conversations.replies import RefusalCode
from backend.protocol.errors import (
    UpstreamError,
    UpstreamFailed,
    UpstreamRefused,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from backend.wording import SENTENCES


@pytest.mark.parametrize(
    ("error", "code", "status"),
    [
        (UpstreamRefused("invalid_api_key"), "chat_refused", 502),
        (UpstreamRefused("model_not_found"), "chat_model_unknown", 502),
        (UpstreamUnavailable("unreachable"), "chat_unavailable", 503),
        (UpstreamTimeout("stalled"), "chat_timeout", 504),
        (UpstreamFailed("connection_lost"), "chat_failed", 502),
    ],
)
def test_a_provider_error_has_its_code(error: UpstreamError, code: str, status: int) -> None:
    assert code_of(error) == code
    assert STATUSES[code] == status


def test_every_code_has_its_sentence_and_every_refusal_its_status() -> None:
    assert set(STATUSES) <= set(SENTENCES)
    assert set(get_args(RefusalCode)) <= set(STATUSES)
