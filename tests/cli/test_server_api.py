"""Our server's API: what is sent, and what its refusals become."""

import pytest

from backend.cli.failures import ExitCode, Failure
from backend.cli.server_api import Cost, Login, ServerApi, is_private_connection
from tests.cli.http_server import answering
from tests.journeys.stack import free_port

SESSION = "0b0c0d0e-0000-4000-8000-000000000001"


def test_a_login_answers_with_a_token() -> None:
    answer = {"token": "t0ken", "user": {"username": "Anna"}}
    with answering({("POST", "/api/auth/login/"): (200, answer)}) as server:
        login = ServerApi(server.url + "/", "", "ja").log_in("anna", "pass")
    assert login == Login("Anna", "t0ken")
    request = server.requests[0]
    assert request.body == {"username": "anna", "password": "pass"}
    assert request.headers["Accept-Language"] == "ja"
    assert "Authorization" not in request.headers


def test_everything_else_is_sent_with_the_token() -> None:
    answers = {
        ("POST", "/api/sessions/"): (201, {"id": SESSION}),
        ("GET", f"/api/sessions/{SESSION}/"): (
            200,
            {
                "status": "open",
                "cost": "0.0012",
                "cost_estimated": True,
                "usage": {"text_in": 60, "text_out": 5, "audio_out": 20},
            },
        ),
        ("POST", "/api/realtime/tickets/"): (201, {"ticket": "once"}),
        ("POST", "/api/openai/realtime/session"): (200, {"success": True, "token": "ek_1"}),
        ("POST", "/api/auth/logout/"): (204, b""),
    }
    with answering(answers) as server:
        api = ServerApi(server.url, "t0ken", "en")
        assert api.new_session("en", "marin") == SESSION
        assert api.has_session(SESSION)
        assert api.cost(SESSION) == Cost("0.0012", True, tokens_out=25)
        assert api.ticket(SESSION) == "once"
        assert api.ephemeral_key("", "verse") == "ek_1"
        api.log_out()
    assert {each.headers["Authorization"] for each in server.requests} == {"Token t0ken"}
    assert [each.body for each in server.requests if each.body] == [
        {"language": "en", "voice": "marin"},
        {"session_id": SESSION},
        {"voice": "verse"},
    ]


@pytest.mark.parametrize(
    ("status", "body", "exit_code", "sentence", "message"),
    [
        (401, {"error": {"code": "x", "message": "Sign in."}}, 4, "not_logged_in", "Sign in."),
        (403, {"success": False, "error": "Off."}, 4, "forbidden", "Off."),
        (429, {"error": {"code": "throttled", "message": "Wait."}}, 4, "refused", "Wait."),
        (500, {"error": {"code": "internal", "message": "Oh."}}, 4, "refused", "Oh."),
        (502, b"<html>Bad gateway</html>", 5, "refused", ""),
        (200, b"<html>Some page</html>", 5, "server_unreachable", ""),
        (200, [], 5, "server_unreachable", ""),
        (200, {}, 5, "answer_unreadable", ""),
    ],
)
def test_a_refusal_has_the_servers_sentence(
    status: int, body: object, exit_code: int, sentence: str, message: str
) -> None:
    answers = {("POST", "/api/realtime/tickets/"): (status, body)}
    with answering(answers) as server, pytest.raises(Failure) as refused:
        ServerApi(server.url, "t0ken", "en").ticket(SESSION)
    failure = refused.value
    assert (failure.exit_code, failure.sentence, failure.message) == (exit_code, sentence, message)
    assert "t0ken" not in repr(failure) + repr(failure.values)


def test_a_session_that_is_closed_or_unknown_takes_no_call() -> None:
    with answering({("GET", f"/api/sessions/{SESSION}/"): (200, {"status": "closed"})}) as server:
        api = ServerApi(server.url, "t0ken", "en")
        assert not api.has_session(SESSION)
        assert not api.has_session("another")


def test_a_redirect_is_not_followed_with_the_token() -> None:
    with answering({("POST", "/stolen"): (200, {"ticket": "x"})}) as other:
        answers = {("POST", "/api/realtime/tickets/"): (302, f"{other.url}/stolen")}
        with answering(answers) as server, pytest.raises(Failure):
            ServerApi(server.url, "t0ken", "en").ticket(SESSION)
    assert other.requests == []


def test_a_server_that_is_not_there_is_unreachable() -> None:
    with pytest.raises(Failure) as failed:
        ServerApi(f"http://127.0.0.1:{free_port()}", "t0ken", "en").ticket(SESSION)
    assert failed.value.exit_code is ExitCode.UNREACHABLE


@pytest.mark.parametrize(
    "url", ["kaiwa.example.org", "ftp://x", "http://", "https://a:b@host", "https://host?token=1"]
)
def test_what_is_no_servers_address_is_refused_without_its_secrets(url: str) -> None:
    with pytest.raises(Failure) as refused:
        ServerApi(url, "", "en")
    assert refused.value.exit_code is ExitCode.USAGE
    assert "a:b" not in str(refused.value.values)


def test_the_address_of_the_websocket() -> None:
    path = f"/ws/realtime/{SESSION}/"
    assert ServerApi("https://host/kaiwa/", "", "en").websocket_url(SESSION) == (
        f"wss://host/kaiwa{path}"
    )
    assert (
        ServerApi("http://[::1]:8000", "", "en").websocket_url(SESSION) == f"ws://[::1]:8000{path}"
    )


@pytest.mark.parametrize(
    ("url", "is_private"),
    [
        ("https://host", True),
        ("wss://host", True),
        ("http://127.0.0.1:8000", True),
        ("ws://[::1]:8000", True),
        ("http://localhost", True),
        ("http://host", False),
        ("ws://127.0.0.1.example.org", False),
    ],
)
def test_what_others_could_read_on_the_way(url: str, is_private: bool) -> None:
    assert is_private_connection(url) is is_private
