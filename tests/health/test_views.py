"""`/healthz` asks nothing; `/readyz` answers 200 if every check is `ok`, with each check's word."""

import json
from typing import Any

import pytest
from django.test import AsyncClient, AsyncRequestFactory, Client

from backend.health.views import readyz

CHECKS = ("database", "migrations", "recorder", "drain", "writes", "spool")


async def test_healthz_asks_no_database(async_client: AsyncClient) -> None:
    response = await async_client.get("/healthz")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})


def test_only_safe_methods_are_allowed(client: Client) -> None:
    assert {client.post(path).status_code for path in ("/healthz", "/readyz")} == {405}


@pytest.mark.django_db(transaction=True)
def test_readyz_answers_when_everything_is_ready(client: Client, settings: Any) -> None:
    settings.DEMO = True  # No model retires.
    response = client.get("/readyz")
    assert (response.status_code, response.json()) == (
        200,
        {"status": "ok", **dict.fromkeys(CHECKS, "ok")},
    )


@pytest.mark.parametrize(
    ("word", "status", "summary"), [("ok", 200, "ok"), ("draining", 503, "unavailable")]
)
async def test_readyz_names_each_check_and_one_that_fails_is_503(
    word: str, status: int, summary: str
) -> None:
    async def fine() -> str:
        return "ok"

    async def check() -> str:
        return word

    response = await readyz(lambda: {"first": fine, "second": check})(
        AsyncRequestFactory().get("/readyz")
    )
    assert (response.status_code, json.loads(response.content)) == (
        status,
        {"status": summary, "first": "ok", "second": word},
    )


@pytest.mark.django_db(transaction=True)
def test_a_model_that_retires_is_named_and_changes_no_status(client: Client, settings: Any) -> None:
    settings.DEMO, settings.REALTIME_MODEL = False, "gpt-realtime-mini"
    body = client.get("/readyz").json()
    (sentence,) = body["retiring"]
    assert body["status"] == "ok"
    assert sentence.startswith("gpt-realtime-mini retire")
    assert sentence.endswith("2027-01-20; gpt-realtime-2.1-mini is used from then on")
