"""The ids of log lines go to the tasks that work for a request, and to no other."""

import asyncio

from backend.telemetry.log_context import CALL_ID, REQUEST_ID, context_ids, process_context


async def ids_in_a_task() -> dict[str, object]:
    return context_ids()


async def test_a_task_inherits_the_ids_and_one_of_the_process_does_not() -> None:
    REQUEST_ID.set("request-1")
    CALL_ID.set("call-1")
    inherited = await asyncio.create_task(ids_in_a_task())
    apart = await asyncio.create_task(ids_in_a_task(), context=process_context())
    assert inherited == {"request_id": "request-1", "call_id": "call-1"}
    assert apart == {}
