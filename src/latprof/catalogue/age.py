"""Which figures are past their age."""

from __future__ import annotations

from datetime import date
from typing import Final

from latprof.catalogue.facts import Fact
from latprof.catalogue.vocabulary import QUANTITIES

__all__ = ["AGE_LIMITS_DAYS", "is_old"]

AGE_LIMITS_DAYS: Final = {name: item.perishes_days for name, item in QUANTITIES.items() if item.perishes_days}


def is_old(fact: Fact, today: date) -> bool:
    """Whether a price, a speed or a rating is older than its limit, or has no date at all.

    The age counts from the day the figure is of, not from the day it was copied. Figures that do not perish
    (memory, layers) are never old.
    """
    limit = AGE_LIMITS_DAYS.get(fact.quantity)
    if limit is None:
        return False
    return fact.as_of is None or (today - fact.as_of).days > limit
