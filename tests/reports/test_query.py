"""A query is read from the address; nonsense counts as the default."""

import pytest

from backend.reports.query import DEFAULT_DAYS, PERIODS, Group, Query


@pytest.mark.parametrize("days", PERIODS)
@pytest.mark.parametrize("group", Group)
def test_each_choice_has_an_address(days: int, group: Group) -> None:
    query = Query(days, group)
    assert query.address == f"?days={days}&group={group.value}"
    assert Query.of({"days": str(days), "group": group.value}) == query


@pytest.mark.parametrize(
    "days", ["", "abc", "0", "-7", "31", "7.0", "٧", "9" * 5000, "\x00", "7 OR 1=1"]
)
def test_other_days_are_the_default(days: str) -> None:
    assert Query.of({"days": days}).days == DEFAULT_DAYS


@pytest.mark.parametrize("group", ["", "nonsense", "USER", "user ", "_of", "\x00"])
def test_other_groups_are_the_default(group: str) -> None:
    assert Query.of({"group": group}).group is Group.MODEL


def test_nothing_asked_is_the_default() -> None:
    assert Query.of({}) == Query()
