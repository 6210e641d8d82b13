"""The logins that `make run` has printed do not work on a server without `DEBUG`."""

import json
from pathlib import Path

import pytest

from tests.journeys.stack import http, running_stack

pytestmark = pytest.mark.journey

CREATE_DEMO_USERS = (
    "import json; from backend.accounts.demo import ensure_demo_users;"
    "print(json.dumps([login._asdict() for login in ensure_demo_users()]))"
)


def test_the_demo_logins_are_disabled_before_a_server_without_debug_listens(tmp_path: Path) -> None:
    with running_stack(tmp_path, DEBUG="on") as stack:
        logins = json.loads(stack.manage("shell", "--verbosity", "0", "-c", CREATE_DEMO_USERS))
        login_url, me_url = f"{stack.url}/api/auth/login/", f"{stack.url}/api/auth/me/"
        signed_in = [http("POST", login_url, login).json for login in logins]
        assert [each["user"]["username"] for each in signed_in] == ["demo", "demo-admin"]

        stack.stop("server")
        stack.env["DEBUG"] = "off"
        stack.start_server()
        assert "demo.retired count=2" in stack.log()
        for login, before in zip(logins, signed_in, strict=True):
            assert http("POST", login_url, login).status == 401
            assert http("GET", me_url, token=before["token"]).status == 401

        stack.manage("shell", "--verbosity", "0", "-c", CREATE_DEMO_USERS, DEBUG="on")
        stack.stop("server")
        stack.start_server()
        assert stack.log().count("demo.retired count=2") == 2
