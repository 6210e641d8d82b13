"""The id of the request that is being served."""

import asyncio

import pytest

from backend.telemetry.request_ids import (
    current_request_id,
    forget_request_id,
    is_request_id,
    remember_request_id,
)


@pytest.mark.parametrize("text", ["a", "0f3c" * 8, "req_1-A", "x" * 64])
def test_an_id_is_letters_digits_and_two_signs(text: str) -> None:
    assert is_request_id(text)


@pytest.mark.parametrize("text", ["", "x" * 65, "a b", "a\n", 'a"', "a,b", "あ", "a=b"])
def test_nothing_else_may_stand_in_a_log_line(text: str) -> None:
    assert not is_request_id(text)


async def test_an_id_is_inherited_by_tasks_and_not_seen_by_others() -> None:
    async def request(request_id: str) -> tuple[str | None, str | None, str | None]:
        remember_request_id(request_id)
        await asyncio.sleep(0)
        child = await asyncio.create_task(read())
        thread = await asyncio.to_thread(current_request_id)
        return current_request_id(), child, thread

    async def read() -> str | None:
        return current_request_id()

    first, second = await asyncio.gather(request("one"), request("two"))
    assert first == ("one",) * 3
    assert second == ("two",) * 3
    assert current_request_id() is None


async def test_a_task_that_outlives_the_request_forgets_its_id() -> None:
    async def background() -> str | None:
        forget_request_id()
        return current_request_id()

    async def request() -> tuple[str | None, str | None]:
        remember_request_id("one")
        return await asyncio.create_task(background()), current_request_id()

    assert await asyncio.create_task(request()) == (None, "one")
