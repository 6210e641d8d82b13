"""The response: chunk by chunk under ASGI, whole for a synchronous client."""

import threading
from collections.abc import Iterator
from typing import Any, cast

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.db import connections
from django.test import AsyncClient

from backend.accounts.tokens import key_for
from backend.conversations.exports.export_session import Export
from backend.conversations.exports.response import ExportResponse
from tests.conversations.equipment import kept_turn, new_session


def export(made: Iterator[bytes]) -> Export:
    return Export("パン.txt", "bread.txt", "text/plain", made)


async def test_a_chunk_is_made_when_the_one_before_was_sent_and_off_the_event_loop() -> None:
    made: list[threading.Thread] = []

    def chunks() -> Iterator[bytes]:
        for number in range(3):
            made.append(threading.current_thread())
            yield b"%d" % number

    sent = []
    async for chunk in ExportResponse(export(chunks())):
        sent.append(chunk)
        assert len(made) == len(sent)
    assert sent == [b"0", b"1", b"2"]
    assert threading.current_thread() not in made


async def test_an_error_is_not_taken_for_the_end() -> None:
    def chunks() -> Iterator[bytes]:
        yield b"half"
        raise RuntimeError

    sent = []
    with pytest.raises(RuntimeError):
        async for chunk in ExportResponse(export(chunks())):
            sent.append(chunk)
    assert sent == [b"half"]


def test_its_headers_name_the_file_and_forbid_a_cache() -> None:
    response = ExportResponse(export(iter([b"a", b"b"])))
    assert response["Content-Disposition"] == (
        "attachment; filename=\"bread.txt\"; filename*=UTF-8''%E3%83%91%E3%83%B3.txt"
    )
    assert response["Cache-Control"] == "no-store"
    assert response.getvalue() == b"ab"


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
async def test_an_export_goes_through_djangos_asgi_handler(owner: User) -> None:
    session = await sync_to_async(new_session)(owner)
    await sync_to_async(kept_turn)(session, text="パンをください。")
    key = await sync_to_async(key_for)(owner)
    response = await AsyncClient().get(
        f"/api/sessions/{session.pk}/export/?format=txt", headers={"authorization": f"Token {key}"}
    )
    assert response.status_code == 200
    sent = b"".join([chunk async for chunk in cast(Any, response)])
    assert "パンをください。" in sent.decode()
    # That of asgiref's thread, which would outlive the test's database.
    await sync_to_async(connections.close_all)()
