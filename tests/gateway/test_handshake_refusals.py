"""Refusals before and after the WebSocket is accepted: the answer, the log line, the count."""

import json
import logging
from typing import Any

import pytest

from backend.gateway.handshake import stated_addresses
from backend.gateway.handshake_refusals import NotFound, refuse_call, refuse_upgrade
from backend.gateway.socket import ClientSocket
from backend.protocol.endings import Ending
from backend.protocol.errors import AdmissionCode, AdmissionRefused
from backend.telemetry.counters import ProcessCounters
from backend.wording import sentence
from tests.gateway.equipment import SESSION, scope


class SentMessages(list[Any]):
    """An ASGI `send` that keeps its messages."""

    async def send(self, message: Any) -> None:
        self.append(message)


async def receive_connect() -> Any:
    return {"type": "websocket.connect"}


async def test_before_the_accept_the_refusal_is_an_http_error_body() -> None:
    sent = SentMessages()
    request_scope = scope(extensions={"websocket.http.response": {}}, accept_language="ja")
    await refuse_upgrade(request_scope, sent.send, 403, "origin_foreign")
    start, body = sent
    assert (start["type"], start["status"]) == ("websocket.http.response.start", 403)
    error = {"code": "origin_foreign", "message": sentence("origin_foreign", "ja")}
    assert json.loads(body["body"]) == {"error": error}
    assert (b"content-length", b"%d" % len(body["body"])) in start["headers"]


async def test_the_addresses_that_do_not_match_are_in_the_body_and_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    sent = SentMessages()
    request_scope = scope(
        host="voice.example.com",
        origin="https://voice.example.com:8443",
        extensions={"websocket.http.response": {}},
    )
    addresses = stated_addresses(request_scope)
    with caplog.at_level(logging.WARNING):
        await refuse_upgrade(request_scope, sent.send, 403, "origin_foreign", addresses)
    detail = {"origin": "https://voice.example.com:8443", "host": "voice.example.com"}
    assert json.loads(sent[1]["body"])["error"]["detail"] == detail
    (record,) = caplog.records
    assert vars(record)["fields"].items() >= detail.items()


async def test_a_server_without_http_bodies_closes_the_handshake() -> None:
    sent = SentMessages()
    await refuse_upgrade(scope(), sent.send, 403, "origin_foreign")
    assert sent == [{"type": "websocket.close"}]


async def test_after_the_accept_two_events_and_the_close_code_say_why(
    caplog: pytest.LogCaptureFixture,
) -> None:
    sent = SentMessages()
    request_scope = scope(offers=("realtime", "relay.ticket.a-secret"), accept_language="ja")
    with caplog.at_level(logging.WARNING):
        await refuse_call(
            request_scope,
            ClientSocket(receive_connect, sent.send),
            AdmissionRefused("ticket_invalid", Ending.UNAUTHENTICATED),
        )
    error, closing = (json.loads(message["text"]) for message in sent[:2])
    assert (error["type"], error["code"]) == ("relay.error", "ticket_invalid")
    assert error["message"] == sentence("ticket_invalid", "ja")
    assert (closing["type"], closing["code"]) == ("relay.closing", 4401)
    assert sent[2] == {"type": "websocket.close", "code": 4401, "reason": "unauthenticated"}
    (record,) = caplog.records
    fields = vars(record)["fields"]
    assert fields == {"code": "ticket_invalid", "status": 4401, "session_id": SESSION}


@pytest.mark.parametrize(
    ("code", "ending", "is_retryable"),
    [
        ("ticket_invalid", Ending.UNAUTHENTICATED, False),
        ("session_unknown", Ending.FORBIDDEN, False),
        ("draining", Ending.DRAINING, True),
        ("internal", Ending.INTERNAL, True),
        ("unavailable", Ending.INTERNAL, True),
    ],
)
async def test_both_events_carry_the_same_retryable(
    code: AdmissionCode | Ending, ending: Ending, is_retryable: bool
) -> None:
    sent = SentMessages()
    client = ClientSocket(receive_connect, sent.send)
    await refuse_call(scope(), client, AdmissionRefused(code, ending))
    values = [json.loads(message["text"])["retryable"] for message in sent[:2]]
    assert values == [is_retryable, is_retryable]


async def test_a_limit_says_when_to_come_back() -> None:
    sent = SentMessages()
    refused = AdmissionRefused(Ending.HOURLY_LIMIT, Ending.HOURLY_LIMIT, retry_after_s=90.2)
    await refuse_call(scope(), ClientSocket(receive_connect, sent.send), refused)
    error, closing = (json.loads(message["text"]) for message in sent[:2])
    assert (error["code"], error["retry_after"], error["retryable"]) == ("hourly_limit", 91, False)
    assert (closing["reason"], closing["retry_after"]) == ("hourly_limit", 91)
    assert sent[2] == {"type": "websocket.close", "code": 4429, "reason": "hourly_limit"}


async def test_any_other_path_is_not_found() -> None:
    sent = SentMessages()
    await NotFound()(scope(extensions={"websocket.http.response": {}}), receive_connect, sent.send)
    assert sent[0]["status"] == 404


async def test_a_refusal_is_counted_by_its_code(monkeypatch: pytest.MonkeyPatch) -> None:
    counters = ProcessCounters()
    monkeypatch.setattr("backend.gateway.handshake_refusals.COUNTERS", counters)
    await refuse_upgrade(scope(), SentMessages().send, 403, "origin_foreign")
    refused = AdmissionRefused("ticket_invalid", Ending.UNAUTHENTICATED)
    await refuse_call(scope(), ClientSocket(receive_connect, SentMessages().send), refused)
    assert counters.calls_refused == {"origin_foreign": 1, "ticket_invalid": 1}
