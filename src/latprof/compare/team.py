"""Who asks: how many people, when they work, what they pay."""

from __future__ import annotations

from datetime import UTC, tzinfo
from typing import Final

from latprof.classes import dataclass
from latprof.errors import UsageError

__all__ = ["WEEKS_PER_MONTH", "Team"]

WEEKS_PER_MONTH: Final = 365.25 / 7 / 12


@dataclass(frozen=True, slots=True)
class Team:
    """`engineers` share what is compared; the logs are those of `logs_of` people, None: as many as they name.

    `named_in_logs` says that the logs gave the number of engineers, `hours_given` that the working hours are the
    team's own, not the defaults. `zone` is where a day begins; `paid_to` names who is paid for subscriptions.

    `subscription_usd` is one engineer's for a month, `budget_usd` the whole team's. Bought hardware lives for
    `life_months` and pays `usd_per_kwh`; rent is paid for `rent_hours` of a month. Raises UsageError for a number
    out of range.
    """

    engineers: int = 1
    logs_of: int | None = None
    days_per_week: float = 5.0
    hours_per_day: float = 9.0
    subscription_usd: float | None = None
    budget_usd: float | None = None
    rent_hours: float = 730.0
    life_months: float = 36.0
    usd_per_kwh: float = 0.30
    named_in_logs: bool = False
    name: str | None = None
    paid_to: tuple[str, ...] = ()
    hours_given: bool = False
    zone: tzinfo = UTC

    def __post_init__(self) -> None:
        for name, value, least, most in (
            ("--engineers", self.engineers, 1, 100_000),
            ("--logs-of", 1 if self.logs_of is None else self.logs_of, 1, 100_000),
            ("working days of a week", self.days_per_week, 0.1, 7),
            ("working hours of a day", self.hours_per_day, 0.1, 24),
            ("--subscription", self.subscription_usd or 0.0, 0, 1e6),
            ("--budget", self.budget_usd or 0.0, 0, 1e9),
            ("--rent-hours", self.rent_hours, 1, 744),
            ("--life", self.life_months, 1, 600),
            ("--kwh", self.usd_per_kwh, 0, 100),
        ):
            if not least <= value <= most:
                raise UsageError(f"{name} {value:g} is out of range: give {least:g} to {most:g}.")

    @property
    def working_hours_per_month(self) -> float:
        """Hours of a month in which the team works."""
        return self.days_per_week * self.hours_per_day * WEEKS_PER_MONTH
