"""The ids of log lines go to the tasks that work for a request, and to no other."""

import asyncio

from backend.telemetry.log_context import CALL_ID, process_context, with_ids
from backend.telemetry.request_ids import remember_request_id


async def ids_in_a_task() -> dict[str, object]:
    return with_ids({})


async def test_a_task_inherits_the_ids_and_one_of_the_process_does_not() -> None:
    remember_request_id("request-1")
    CALL_ID.set("call-1")
    inherited = await asyncio.create_task(ids_in_a_task())
    apart = await asyncio.create_task(ids_in_a_task(), context=process_context())
    assert inherited == {"request_id": "request-1", "call_id": "call-1"}
    assert apart == {}


async def test_a_field_of_the_same_name_wins_and_the_ids_come_last() -> None:
    CALL_ID.set("call-1")
    assert with_ids({"call_id": "call-2"}) == {"call_id": "call-2"}
    assert list(with_ids({"code": "x"})) == ["code", "call_id"]
