"""What a reader of the numbers asks for: how many days, divided by what. PURE."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

PERIODS = (7, 30, 90)
"""The days that can be shown, today included."""
DEFAULT_DAYS = 30


class Group(StrEnum):
    """What the numbers of a day are divided by."""

    ALL = "all"
    MODEL = "model"
    USER = "user"


@dataclass(frozen=True, slots=True)
class Query:
    """The last `days` days, divided by `group`."""

    days: int = DEFAULT_DAYS
    group: Group = Group.MODEL

    @classmethod
    def of(cls, parameters: Mapping[str, str]) -> "Query":
        """Read `days` and `group`. What is not among the choices counts as the default: an
        address from an old bookmark, or with a mistake, shows numbers all the same.
        """
        days = {str(number): number for number in PERIODS}.get(parameters.get("days", ""))
        groups = {group.value: group for group in Group}
        return cls(days or DEFAULT_DAYS, groups.get(parameters.get("group", ""), Group.MODEL))

    @property
    def address(self) -> str:
        """The query string of this query."""
        return f"?days={self.days}&group={self.group}"
