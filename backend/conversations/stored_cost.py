"""The cost of a usage as it is stored: computed once, with the date of the prices."""

from datetime import date
from decimal import Decimal

from backend import catalogue
from backend.configured_providers import priced_as
from backend.conversations.models import COST_DIGITS, COST_PLACES

_STEP_USD = Decimal(1).scaleb(-COST_PLACES)
_LIMIT_USD = Decimal(1).scaleb(COST_DIGITS - COST_PLACES)


def stored_cost(usage: catalogue.Billed, model: str) -> tuple[Decimal | None, date | None]:
    """The cost of this usage of `model` in USD and the date of the prices.

    (None, None) if a price is unknown. Also if the cost does not fit the column: a provider's event
    may claim any number of seconds, and such a row must not fail to be written.
    """
    cost = catalogue.cost_usd(usage, priced_as(model))
    if cost is None or cost >= _LIMIT_USD - _STEP_USD:
        return None, None
    return cost.quantize(_STEP_USD), catalogue.AS_OF
