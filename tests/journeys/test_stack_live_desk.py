"""The live desk and the metrics of several replicas: a call is seen and ended wherever it runs."""

import asyncio
import re
from typing import Any

import pytest

from tests.full_stack import REPLICAS, FullStack
from tests.journeys.admin_client import AdminClient
from tests.journeys.person import Person
from tests.journeys.stack import http
from tests.journeys.stack_client import until

pytestmark = pytest.mark.stack

LIST = "/admin/live_desk/livecall/"


def scraped(stack: FullStack, sample: str) -> list[float]:
    """The value of a sample at each replica, scraped by its address as Prometheus does; 0 if it is
    not there.
    """
    values = []
    for number in range(1, REPLICAS + 1):
        answer = http("GET", f"http://{stack.replica_address(number)}:{stack.web_port}/metrics")
        assert answer.status == 200, answer.text
        found = re.search(rf"(?m)^{re.escape(sample)} (\S+)$", answer.text)
        values.append(float(found[1]) if found else 0.0)
    return values


def end_from_the_admin(admin: AdminClient, call_id: str) -> None:
    """Confirm the end of this call."""
    path = f"{LIST}{call_id}/end/"
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', admin.read(path))
    assert token is not None
    admin.read(path, {"csrfmiddlewaretoken": token[1]})


async def test_an_operator_sees_and_ends_a_call_wherever_it_runs(full_stack: FullStack) -> None:
    def in_state_ready() -> float:
        return sum(scraped(full_stack, 'kaiwa_calls{state="ready"}'))

    def completed() -> float:
        return sum(scraped(full_stack, 'kaiwa_calls_ended_total{ending="completed"}'))

    admin = await asyncio.to_thread(AdminClient.sign_in, full_stack)
    person = await Person.register(full_stack)
    session_id = await person.new_session()
    before = await asyncio.to_thread(in_state_ready)
    completed_before = await asyncio.to_thread(completed)
    async with person.call(session_id) as live:
        (ready,) = live.of_type("relay.ready")
        assert await asyncio.to_thread(in_state_ready) == before + 1
        assert person.username in await asyncio.to_thread(admin.read, LIST)
        await asyncio.to_thread(end_from_the_admin, admin, ready["call_id"])
        closing: dict[str, Any] = live.events[await live.until_type("relay.closing")]
    assert (closing["reason"], closing["retryable"]) == ("completed", False)
    # Its last words are stored before its ending is.
    await asyncio.to_thread(until, lambda: person.username not in admin.read(LIST))
    audit = await asyncio.to_thread(admin.read, "/admin/audit/auditentry/")
    assert ready["call_id"] in audit
    assert await asyncio.to_thread(completed) == completed_before + 1
