"""The target: its WebSocket base, and which values are refused."""

import pytest

from backend.upstream.target import Target


def target(**changed: str) -> Target:
    fields: dict[str, str] = {
        "base_url": "https://api.openai.com/v1",
        "api_key": "sk-secret",
        "model": "gpt-realtime",
        "safety_identifier": "a1b2",
        **changed,
    }
    return Target(**fields)


@pytest.mark.parametrize(
    ("base_url", "expected"),
    [
        ("https://api.openai.com/v1", "wss://api.openai.com/v1"),
        ("https://api.openai.com/v1/", "wss://api.openai.com/v1"),
        ("http://127.0.0.1:9000/v1", "ws://127.0.0.1:9000/v1"),
        ("HTTPS://api.openai.com", "wss://api.openai.com"),
    ],
)
def test_the_websocket_base_is_the_base_with_another_scheme(base_url: str, expected: str) -> None:
    assert target(base_url=base_url).websocket_base_url == expected


def test_neither_key_nor_proxy_is_in_the_repr() -> None:
    shown = repr(target(proxy="http://user:hunter2@proxy:3128"))
    assert "sk-secret" not in shown
    assert "hunter2" not in shown


BREAKOUTS = ["\r\nX-Evil: 1", "\n", "\0", "\x7f", "\x85", "é", " "]


@pytest.mark.parametrize("field", ["base_url", "api_key", "model", "safety_identifier", "proxy"])
@pytest.mark.parametrize("breakout", BREAKOUTS)
def test_a_value_that_could_break_out_of_a_header_is_refused_and_not_quoted(
    field: str, breakout: str
) -> None:
    with pytest.raises(ValueError, match=f"^{field} contains") as refused:
        target(**{field: f"https://quoted/{breakout}"})
    assert "quoted" not in str(refused.value)


@pytest.mark.parametrize(
    "base_url",
    ["", "api.openai.com", "ftp://x/v1", "https://", "https://x/v1?a=b", "https://u:p@x/v1"],
)
def test_a_base_that_is_not_a_plain_http_url_is_refused(base_url: str) -> None:
    with pytest.raises(ValueError, match="base_url"):
        target(base_url=base_url)


@pytest.mark.parametrize(
    ("base_url", "proxy", "expected"),
    [
        ("https://api.openai.com/v1", "", ("api.openai.com", 443)),
        ("http://127.0.0.1:8100/v1", "", ("127.0.0.1", 8100)),
        ("https://api.openai.com/v1", "http://me:secret@proxy.test:3128", ("proxy.test", 3128)),
        ("https://api.openai.com/v1", "http://proxy.test", ("proxy.test", 80)),
        ("https://api.openai.com/v1", "http://proxy.test:abc", ("proxy.test", None)),
    ],
)
def test_it_connects_to_the_proxy_if_there_is_one(
    base_url: str, proxy: str, expected: tuple[str, int | None]
) -> None:
    assert target(base_url=base_url, proxy=proxy).connects_to == expected
