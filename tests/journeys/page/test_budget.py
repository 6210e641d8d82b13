"""A person runs into a budget, and an admin raises it meanwhile.

Each change of the budget holds at the next heartbeat, 5 s later at most.
"""

import re
from decimal import Decimal

import pytest
from playwright.sync_api import Browser, expect

from tests.journeys.admin_client import AdminClient
from tests.journeys.page.conftest import SECOND_QUESTION
from tests.journeys.page.visitor import Visitor, register, visiting
from tests.journeys.stack import Stack, http

pytestmark = [pytest.mark.page, pytest.mark.untimed_audio]

BUDGETS = "/admin/spending/budget/"
PLENTY = Decimal(1000)


class BudgetDesk:
    """An admin who gives one user a budget of money, and changes it."""

    def __init__(self, stack: Stack, user_id: int) -> None:
        self._admin = AdminClient.sign_in(stack)
        self._user_id = user_id
        self._give("add", PLENTY)
        found = re.search(rf"{BUDGETS}(\d+)/change/", self._admin.read(BUDGETS))
        assert found
        self._row = found[1]

    def give(self, usd: Decimal) -> None:
        self._give(f"{self._row}/change", usd)

    def used(self) -> Decimal:
        """What the list of budgets says that the user has spent, in USD."""
        found = re.search(r"money this month \(USD\): ([\d.]+) /", self._admin.read(BUDGETS))
        assert found
        return Decimal(found[1])

    def _give(self, path: str, usd: Decimal) -> None:
        form = {"scope": "user", "user": str(self._user_id), "usd_per_month": f"{usd:.4f}"}
        empty = dict.fromkeys(("group", "minutes_per_day", "calls_at_once", "calls_per_hour"), "")
        token = {"csrfmiddlewaretoken": self._admin.cookies["csrftoken"]}
        answer = self._admin.read(f"{BUDGETS}{path}/", form | empty | token)
        assert "errornote" not in answer


def talk_once(visitor: Visitor) -> None:
    visitor.open_muted_call()
    visitor.type_and_wait(SECOND_QUESTION)
    visitor.await_stored(2)


def test_a_budget_warns_and_ends_a_call_and_a_raised_one_lets_it_go_on(
    browser: Browser, stack: Stack
) -> None:
    login = register(stack)
    user_id = http("GET", f"{stack.url}/api/auth/me/", token=login.token).json["id"]
    desk = BudgetDesk(stack, user_id)
    with visiting(browser, stack, login=login, is_new=True) as visitor:
        line = visitor.page.locator("#budget")
        expect(line).to_be_hidden()
        talk_once(visitor)
        used = desk.used()
        assert used > 0

        desk.give(used / Decimal("0.9"))
        expect(line).to_contain_text("More than 80% of this month’s budget is used.")
        desk.give(PLENTY)
        expect(line).to_be_hidden()
        visitor.await_state("listening")

        desk.give(used / 2)
        card = visitor.help_card("budget_spent")
        expect(card).to_contain_text("You can go on from")
        expect(line).to_be_hidden()
        visitor.allow("402")
        visitor.type("And what about my message?")
        failed = visitor.lines.last
        expect(failed).to_contain_text("And what about my message?")
        expect(failed).to_contain_text("Your budget is used up. You can go on from")

        desk.give(PLENTY)
        card.get_by_role("button").click()
        visitor.await_state("listening")
        visitor.page.get_by_role("button", name="Try again").click()
        expect(visitor.answers).to_have_count(2)
        expect(visitor.answers.last).to_have_attribute("data-status", "completed")
