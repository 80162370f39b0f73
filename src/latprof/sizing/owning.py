"""What own or rented hardware costs per token, and when it pays. All money is in one currency."""

from __future__ import annotations

import math

from latprof.classes import dataclass
from latprof.sizing.checks import at_least_zero, positive, share
from latprof.sizing.power import HOURS_PER_MONTH, power_cost_per_month

__all__ = [
    "OwnedMachine",
    "amortised_per_month",
    "annual_loss_share",
    "break_even_months",
    "cost_per_mtok",
    "rent_per_month",
    "tokens_per_month",
    "value_after",
]


def tokens_per_month(tps: float, utilisation: float = 1.0, hours_per_month: float = HOURS_PER_MONTH) -> float:
    """Tokens generated in a month by hardware that is busy for this share of it. Raises ValueError."""
    positive(tokens_per_second=tps, hours_per_month=hours_per_month)
    share(utilisation=utilisation)
    return tps * 3600 * hours_per_month * utilisation


def amortised_per_month(price: float, life_months: float, residual: float = 0.0) -> float:
    """The purchase spread evenly over its life: (price - residual) / months. Raises ValueError."""
    at_least_zero(price=price, residual_value=residual)
    positive(life_in_months=life_months)
    if residual > price:
        raise ValueError("the residual value must not be above the price")
    return (price - residual) / life_months


def rent_per_month(cards: int, price_per_hour: float, hours_per_month: float = HOURS_PER_MONTH) -> float:
    """Rent of cards: cards x price per card and hour x hours. Raises ValueError."""
    positive(cards=cards, hours_per_month=hours_per_month)
    at_least_zero(price_per_hour=price_per_hour)
    return cards * price_per_hour * hours_per_month


def cost_per_mtok(cost: float, tokens: float) -> float:
    """Cost per million tokens of a month's, an hour's or a job's cost and tokens. Raises ValueError."""
    at_least_zero(cost=cost)
    positive(tokens=tokens)
    return cost / tokens * 1e6


def value_after(price: float, years: float, annual_loss: float) -> float:
    """Resale value when each year takes the same share of what is left: price x (1 - loss) ^ years.

    Raises ValueError.
    """
    at_least_zero(price=price, years=years)
    if not 0 <= annual_loss < 1:
        raise ValueError(f"the yearly loss must be from 0 to below 1, not {annual_loss:g}")
    return price * math.pow(1 - annual_loss, years)


def annual_loss_share(price: float, value: float, years: float) -> float:
    """The yearly loss that leads from `price` to `value` in `years`: 1 - (value / price) ^ (1 / years).

    Raises ValueError.
    """
    positive(price=price, value=value, years=years)
    return 1 - math.pow(value / price, 1 / years)


def break_even_months(upfront: float, api_per_month: float, running_per_month: float) -> float | None:
    """Months until the money saved each month has paid the purchase; None where nothing is saved.

    `running_per_month` is power and upkeep only: amortisation is the purchase itself and must not be counted a
    second time. Raises ValueError.
    """
    at_least_zero(upfront=upfront, API_cost_per_month=api_per_month, running_cost_per_month=running_per_month)
    saved = api_per_month - running_per_month
    return upfront / saved if saved > 0 else None


@dataclass(frozen=True, slots=True)
class OwnedMachine:
    """A machine that was bought: its price, its life, its draw and its speed with the model it serves.

    `tps` is the speed at which it is billed: one stream's, or the sum over all streams when it is batched.
    The purchase, upkeep and the idle draw cost the same at any use; only the draw above idle follows it.
    """

    price: float
    tps: float
    load_watts: float
    rate_per_kwh: float
    idle_watts: float = 0.0
    life_months: float = 36.0
    residual: float = 0.0
    upkeep_per_month: float = 0.0
    hours_per_month: float = HOURS_PER_MONTH

    def __post_init__(self) -> None:
        positive(tokens_per_second=self.tps)
        at_least_zero(upkeep_per_month=self.upkeep_per_month, idle_watts=self.idle_watts)
        if self.load_watts < self.idle_watts:
            raise ValueError("the draw under load must not be below the draw when idle")

    @property
    def amortised_per_month(self) -> float:
        """The purchase, spread over its life."""
        return amortised_per_month(self.price, self.life_months, self.residual)

    def power_per_month(self, utilisation: float = 1.0) -> float:
        """Electricity of a month, idle hours included. Raises ValueError."""
        share(utilisation=utilisation)
        watts = self.idle_watts + (self.load_watts - self.idle_watts) * utilisation
        return power_cost_per_month(watts, self.rate_per_kwh, self.hours_per_month)

    def per_month(self, utilisation: float = 1.0) -> float:
        """All costs of a month. Raises ValueError."""
        return self.amortised_per_month + self.upkeep_per_month + self.power_per_month(utilisation)

    def tokens_per_month(self, utilisation: float = 1.0) -> float:
        """Tokens generated in a month. Raises ValueError."""
        return tokens_per_month(self.tps, utilisation, self.hours_per_month)

    def per_mtok(self, utilisation: float = 1.0) -> float:
        """Cost per million tokens. Raises ValueError."""
        return cost_per_mtok(self.per_month(utilisation), self.tokens_per_month(utilisation))

    def utilisation_at(self, monthly_tokens: float) -> float:
        """Which share of the month is busy with this volume; above 1 it is too much. Raises ValueError."""
        positive(tokens_per_month=monthly_tokens)
        return monthly_tokens / self.tokens_per_month()

    def break_even_tokens(self, api_per_mtok: float) -> float | None:
        """The volume per month above which the machine is cheaper than the API, in tokens.

        Fixed costs / (API price - the electricity of a token). None where a token's electricity alone costs as
        much as the API, or where the volume is more than the machine can generate. Raises ValueError.
        """
        positive(price_of_the_API=api_per_mtok)
        idle = power_cost_per_month(self.idle_watts, self.rate_per_kwh, self.hours_per_month)
        fixed = self.amortised_per_month + self.upkeep_per_month + idle
        marginal = (self.per_month() - fixed) / self.tokens_per_month() * 1e6
        if api_per_mtok <= marginal:
            return None
        volume = fixed / (api_per_mtok - marginal) * 1e6
        # The last digit of a machine that breaks even exactly at full use must not decide.
        return volume if volume <= self.tokens_per_month() * (1 + 1e-12) else None

    def break_even_utilisation(self, api_per_mtok: float) -> float | None:
        """The utilisation above which it is cheaper than the API; None where it never is. Raises ValueError."""
        volume = self.break_even_tokens(api_per_mtok)
        return None if volume is None else self.utilisation_at(volume) if volume else 0.0

    def break_even_months(self, api_per_month: float, utilisation: float = 1.0) -> float | None:
        """Months until the purchase is paid by what the API no longer costs; None where it never is.

        The resale value is not counted. Raises ValueError.
        """
        running = self.upkeep_per_month + self.power_per_month(utilisation)
        return break_even_months(self.price, api_per_month, running)
