"""What the electricity of generating costs. Money is in whatever currency the price of a kWh is in."""

from __future__ import annotations

from typing import Final

from latprof.sizing.checks import at_least_zero, positive

__all__ = [
    "HOURS_PER_MONTH",
    "break_even_rate_per_kwh",
    "electricity_per_mtok",
    "kwh_per_mtok",
    "power_cost_per_month",
    "system_watts",
]

# 365 x 24 / 12.
HOURS_PER_MONTH: Final = 730.0


def kwh_per_mtok(watts: float, tps: float) -> float:
    """Kilowatt-hours per million tokens at full use: watts / 1000 x 1e6 / (tps x 3600). Raises ValueError."""
    positive(watts=watts, tokens_per_second=tps)
    return watts / 1000 * 1e6 / (tps * 3600)


def electricity_per_mtok(watts: float, tps: float, rate_per_kwh: float) -> float:
    """Electricity per million tokens. For a computer that runs anyway, `watts` is load minus idle.

    Raises ValueError.
    """
    at_least_zero(price_of_a_kWh=rate_per_kwh)
    return kwh_per_mtok(watts, tps) * rate_per_kwh


def power_cost_per_month(watts: float, rate_per_kwh: float, hours_per_month: float = HOURS_PER_MONTH) -> float:
    """Electricity of a month at this draw: watts / 1000 x hours x rate. Raises ValueError."""
    at_least_zero(watts=watts, price_of_a_kWh=rate_per_kwh, hours_per_month=hours_per_month)
    return watts / 1000 * hours_per_month * rate_per_kwh


def break_even_rate_per_kwh(watts: float, tps: float, api_per_mtok: float) -> float:
    """The price of a kWh at which electricity alone costs as much as the API. Raises ValueError."""
    at_least_zero(price_of_the_API=api_per_mtok)
    return api_per_mtok / kwh_per_mtok(watts, tps)


def system_watts(tdp_watts: float, load_share: float, rest_watts: float) -> float:
    """Draw of a computer that generates: share of the card's TDP plus the rest of the system.

    The article takes 0.65 and 120 W for desktops, 1.0 and 200 W for servers. Raises ValueError.
    """
    positive(tdp_watts=tdp_watts, share_of_the_TDP=load_share)
    at_least_zero(rest_watts=rest_watts)
    return tdp_watts * load_share + rest_watts
