"""REST: register, log in, log out, me; for the user and for everybody else."""

from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from rest_framework.authtoken.models import Token
from rest_framework.test import APIClient

from backend.accounts import api, tickets
from backend.accounts.models import Ticket
from backend.accounts.password_queue import PasswordQueue
from backend.wording import SENTENCES
from tests.cast import PASSWORD, client_of, person

pytestmark = pytest.mark.django_db

GOOD = {"username": "aoi", "password": "kawara-soba-8"}


@pytest.fixture(autouse=True)
def _open_registration(settings: Any) -> None:
    settings.REGISTRATION_OPEN = True


def post(client: APIClient, path: str, body: Any) -> Any:
    return client.post(f"/api/auth/{path}/", body, format="json")


def test_a_stranger_registers_and_is_signed_in(as_nobody: APIClient) -> None:
    response = post(as_nobody, "register", GOOD)
    assert response.status_code == 201
    user = User.objects.get()
    assert response.json() == {
        "token": Token.objects.get(user=user).key,
        "user": {"id": user.pk, "username": "aoi", "is_staff": False},
    }
    assert user.check_password("kawara-soba-8")


def test_registration_can_be_closed(as_nobody: APIClient, settings: Any) -> None:
    settings.REGISTRATION_OPEN = False
    response = post(as_nobody, "register", GOOD)
    assert response.status_code == 403
    assert response.json()["error"]["code"] == "registration_closed"
    assert not User.objects.exists()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"username": "aoi"}, "password"),
        ({"password": "kawara-soba-8"}, "username"),
        (GOOD | {"password": "12345678"}, "password"),
        (GOOD | {"password": "password"}, "password"),
        (GOOD | {"password": "short"}, "password"),
        (GOOD | {"username": "kawara-soba", "password": "kawara-soba"}, "password"),
        (GOOD | {"password": "x" * 129}, "password"),
        (GOOD | {"username": "a b"}, "username"),
        (GOOD | {"username": "a\0b"}, "username"),
        (GOOD | {"username": ""}, "username"),
        (GOOD | {"username": "x" * 151}, "username"),
        (GOOD | {"username": "ﬃ" * 51}, "username"),
        (GOOD | {"username": ["aoi"]}, "username"),
        (GOOD | {"is_staff": True}, "is_staff"),
    ],
)
def test_an_invalid_registration_has_errors_by_field(
    as_nobody: APIClient, body: dict[str, Any], field: str
) -> None:
    response = post(as_nobody, "register", body)
    assert response.status_code == 400
    error = response.json()["error"]
    assert error["code"] == "invalid"
    assert list(error["detail"]) == list(error["codes"]) == [field]
    assert not User.objects.exists()


@pytest.mark.parametrize("username", ["owner", "OWNER", "ｏｗｎｅｒ"])
def test_a_username_is_taken_however_it_is_written(
    as_nobody: APIClient, owner: User, username: str
) -> None:
    response = post(as_nobody, "register", GOOD | {"username": username})
    assert response.status_code == 400
    taken = [SENTENCES["username_taken"]["en"]]
    assert response.json()["error"]["detail"] == {"username": taken}
    assert response.json()["error"]["codes"] == {"username": ["username_taken"]}


def test_the_codes_say_what_is_wrong_with_a_password(as_nobody: APIClient, db: None) -> None:
    response = post(as_nobody, "register", GOOD | {"password": "12345"})
    error = response.json()["error"]
    codes = ["password_too_short", "password_too_common", "password_entirely_numeric"]
    assert error["codes"] == {"password": codes}
    assert len(error["detail"]["password"]) == len(codes)


@pytest.mark.postgres
@pytest.mark.parametrize("username", ["Ｔａｒｏ", "ﾀﾛｳ", "太郎", " taro\u3000", "ﬃ" * 50])
def test_a_user_logs_in_with_the_name_as_typed_at_registration(
    as_nobody: APIClient, username: str
) -> None:
    body = GOOD | {"username": username}
    registered, signed_in = (post(as_nobody, path, body) for path in ("register", "login"))
    assert (registered.status_code, signed_in.status_code) == (201, 200)
    assert registered.json() == signed_in.json()


def test_errors_are_in_the_users_language(db: None) -> None:
    response = post(client_of(None, "ja"), "register", {"username": "aoi", "password": "short"})
    error = response.json()["error"]
    assert error["message"] == SENTENCES["invalid"]["ja"]
    assert "このパスワードは短すぎます" in error["detail"]["password"][0]


def test_a_login_answers_with_the_token(as_nobody: APIClient, owner: User) -> None:
    body = {"username": "owner", "password": PASSWORD}
    response = post(as_nobody, "login", body)
    assert response.status_code == 200
    assert response.json()["user"]["username"] == "owner"
    assert response.json()["token"] == Token.objects.get(user=owner).key


def test_a_second_login_keeps_the_first_device_signed_in(as_nobody: APIClient, owner: User) -> None:
    body = {"username": "owner", "password": PASSWORD}
    first, second = (post(as_nobody, "login", body).json()["token"] for _ in range(2))
    assert first == second


@pytest.mark.parametrize(
    "body",
    [
        {"username": "owner", "password": "wrong"},
        {"username": "nobody", "password": PASSWORD},
        {"username": "owner", "password": f" {PASSWORD}"},
    ],
)
def test_a_wrong_name_and_a_wrong_password_give_the_same_error(
    as_nobody: APIClient, owner: User, body: dict[str, str]
) -> None:
    response = post(as_nobody, "login", body)
    assert response.status_code == 401
    assert response.json()["error"] == {
        "code": "bad_credentials",
        "message": SENTENCES["bad_credentials"]["en"],
    }


def test_a_disabled_user_gets_the_error_of_a_wrong_password(
    as_nobody: APIClient, owner: User
) -> None:
    User.objects.update(is_active=False)
    response = post(as_nobody, "login", {"username": "owner", "password": PASSWORD})
    assert response.json()["error"]["code"] == "bad_credentials"


def test_an_unknown_user_costs_one_password_hash_as_well(
    as_nobody: APIClient, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[str] = []
    monkeypatch.setattr(User, "set_password", lambda user, password: hashed.append(password))
    post(as_nobody, "login", {"username": "nobody", "password": "some password"})
    assert hashed == ["some password"]


@pytest.mark.parametrize("path", ["register", "login"])
def test_unknown_fields_are_refused(as_nobody: APIClient, path: str) -> None:
    response = post(as_nobody, path, GOOD | {"remember": True})
    assert response.status_code == 400
    assert response.json()["error"]["detail"] == {"remember": [SENTENCES["unknown_field"]["en"]]}


def test_login_attempts_are_rate_limited_per_user(owner: User, stranger: User) -> None:
    client = client_of(None)
    body = {"username": "owner", "password": "wrong"}
    answers = [post(client, "login", body).status_code for _ in range(11)]
    assert answers == [401] * 10 + [429]
    response = post(client, "login", body | {"password": PASSWORD, "username": "OWNER "})
    assert response.json()["error"]["code"] == "throttled"
    assert int(response["Retry-After"]) > 0
    other = post(client, "login", {"username": "stranger", "password": PASSWORD})
    assert other.status_code == 200


def test_an_address_with_a_full_password_queue_is_told_when_to_come_back(
    owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "password_queue", PasswordQueue(max_waiting=0))
    for name in ("login", "register"):
        body = {"username": f"owner-{name}", "password": PASSWORD}
        response = post(client_of(None), name, body)
        assert (response.status_code, response["Retry-After"]) == (429, "2")
        assert response.json()["error"]["code"] == "throttled"


def test_a_password_queue_that_is_full_in_all_says_when_to_come_back(
    owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "password_queue", PasswordQueue(max_in_all=0))
    for name in ("login", "register"):
        body = {"username": f"owner-{name}", "password": PASSWORD}
        response = post(client_of(None), name, body)
        assert (response.status_code, response["Retry-After"]) == (503, "10")
        assert response.json()["error"]["code"] == "unavailable"


def test_me_returns_the_user(as_owner: APIClient, owner: User) -> None:
    response = as_owner.get("/api/auth/me/")
    assert response.json() == {"id": owner.pk, "username": "owner", "is_staff": False}


def test_me_needs_a_login(as_nobody: APIClient) -> None:
    response = as_nobody.get("/api/auth/me/")
    assert response.status_code == 401
    assert response.json()["error"]["code"] == "not_authenticated"


def test_logging_out_ends_the_login_on_every_device(as_owner: APIClient, owner: User) -> None:
    other_device = client_of(owner)
    tickets.issue(owner.pk, owner_session_id())
    assert post(as_owner, "logout", None).status_code == 204
    assert other_device.get("/api/auth/me/").status_code == 401
    assert not Ticket.objects.exists()


def owner_session_id() -> UUID:
    return UUID("00000000-0000-4000-8000-000000000000")


def test_logging_out_affects_no_other_user(as_owner: APIClient) -> None:
    other = client_of(person("somebody"))
    post(as_owner, "logout", {})
    assert other.get("/api/auth/me/").status_code == 200


def test_logging_out_takes_no_fields(as_owner: APIClient) -> None:
    assert post(as_owner, "logout", {"everywhere": True}).status_code == 400


def test_the_admins_session_cookie_does_not_authenticate(staff: User) -> None:
    client = APIClient()
    client.force_login(staff)
    assert client.get("/api/auth/me/").status_code == 401
