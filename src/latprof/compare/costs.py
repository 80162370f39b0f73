"""What a month of the team's own tokens costs: at list price, by subscription, on rented or bought cards."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from latprof.catalogue import Catalogue, Entry, Fact
from latprof.catalogue.facts import Kind
from latprof.classes import dataclass
from latprof.compare.speeds import weakest
from latprof.compare.team import WEEKS_PER_MONTH, Team
from latprof.compare.usage import Usage
from latprof.errors import UsageError
from latprof.sizing import HOURS_PER_MONTH, OwnedMachine, rent_per_month

__all__ = ["Cost", "calls_per_month", "costs_of", "list_price_usd", "list_prices"]

Floats = NDArray[np.float64]
Way = Literal["list price", "subscription", "rent", "bought"]
_PRICES: Final = ("input_usd_per_mtok", "cache_read_usd_per_mtok", "cache_write_usd_per_mtok", "output_usd_per_mtok")


@dataclass(frozen=True, slots=True)
class Cost:
    """Money of a month for the whole team, USD; how it comes about, from which places, of which kind.

    `utilisation` is the part of the paid time in which the hardware works at its full throughput (0 to 1, above 1:
    it is too little), `usd_per_mtok_output` what that makes of a token; None where nothing is known.
    """

    way: Way
    usd_per_month: float
    kind: Kind
    source: str
    old: bool
    remark: str = ""
    utilisation: float | None = None
    usd_per_mtok_output: float | None = None


def calls_per_month(usage: Usage, team: Team) -> float | None:
    """Calls of the whole team in a month; None where the logs hold no dates."""
    return None if usage.calls_per_week is None else usage.calls_per_week * WEEKS_PER_MONTH * team.engineers


def costs_of(entry: Entry, catalogue: Catalogue, usage: Usage, team: Team) -> tuple[Cost, ...]:
    """All ways to pay for an entry of which the catalogue knows the price; empty where it knows none."""
    calls = calls_per_month(usage, team)
    if entry.type == "hosted":
        listed = () if calls is None else tuple(_hosted(entry, usage, calls))
        return (*listed, *_plans(entry, catalogue, team))
    output = None if calls is None else calls * float(usage.output_tokens.mean())
    return tuple(_owned(entry, catalogue, team, output))


def _hosted(entry: Entry, usage: Usage, calls: float) -> Iterator[Cost]:
    prices = list_prices(entry)
    paid = list_price_usd(entry, usage)
    if paid is None:
        return
    facts = [fact for fact in prices.values() if fact is not None]
    missing = "" if prices["cache_read_usd_per_mtok"] else "no cache price known: cached input at the full price"
    kind = weakest(*(fact.kind for fact in facts)) or "claimed"
    source = " ".join(dict.fromkeys(str(fact.at[0]) for fact in facts))
    yield Cost("list price", calls * float(paid.mean()), kind, source, any(fact.old for fact in facts), missing)


def _plans(entry: Entry, catalogue: Catalogue, team: Team) -> Iterator[Cost]:
    """Subscriptions of the provider, one for each engineer."""
    for plan in catalogue.of_type("plan"):
        if plan.provider is None or plan.provider != entry.provider:
            continue
        price = next((fact for fact in plan.of("usd_per_month") if fact.amount), None)
        if price is not None and price.middle is not None:
            month = price.middle * team.engineers
            remark = f"{plan.name}; whether its limits hold these calls is not known"
            yield Cost("subscription", month, price.kind, str(price.at[0]), price.old, remark)


def list_prices(entry: Entry) -> dict[str, Fact | None]:
    """The preferred price of each kind of token, without conditions."""
    return {name: next((f for f in entry.of(name) if f.amount and not f.conditions), None) for name in _PRICES}


def list_price_usd(entry: Entry, usage: Usage) -> Floats | None:
    """What each call would cost, USD; None where input or output has no price.

    Cached input costs the cache's price, else the full one; input that is written to the cache likewise. Calls
    above a length from which a higher price holds pay that.
    """
    prices = {name: None if fact is None else fact.middle for name, fact in list_prices(entry).items()}
    if prices["input_usd_per_mtok"] is None or prices["output_usd_per_mtok"] is None:
        return None
    paid = _paid(prices, usage)
    for limit in sorted(_limits(entry)):
        long = {
            name: next((f.middle for f in entry.of(name) if f.conditions.get("input_tokens") == f">{limit}"), None)
            for name in _PRICES
        }
        merged = {name: prices[name] if long[name] is None else long[name] for name in _PRICES}
        paid = np.where(usage.input_tokens > limit, _paid(merged, usage), paid)
    return paid


def _paid(prices: dict[str, float | None], usage: Usage) -> Floats:
    full = prices["input_usd_per_mtok"] or 0.0
    read = prices["cache_read_usd_per_mtok"]
    write = prices["cache_write_usd_per_mtok"]
    plain = np.maximum(usage.input_tokens - usage.cached_tokens - usage.written_tokens, 0.0)
    total = (
        plain * full
        + usage.cached_tokens * (full if read is None else read)
        + usage.written_tokens * (full if write is None else write)
        + usage.output_tokens * (prices["output_usd_per_mtok"] or 0.0)
    )
    return np.asarray(total / 1e6)


def _limits(entry: Entry) -> set[int]:
    texts = {str(f.conditions.get("input_tokens", "")) for f in entry.facts if f.quantity in _PRICES}
    return {int(text[1:]) for text in texts if text.startswith(">") and text[1:].isdigit()}


def _owned(entry: Entry, catalogue: Catalogue, team: Team, output: float | None) -> Iterator[Cost]:
    """Rent, and purchase with power, of the entry's cards."""
    try:
        card = catalogue.find(entry.hardware or "", "gpu", "cpu", "machine")
    except UsageError:
        return
    count, tps = entry.count or 1, _throughput(entry)
    rate = _rate(entry, card, catalogue)
    if rate is not None and rate.middle is not None:
        month = rent_per_month(count, rate.middle, team.rent_hours)
        remark = f"{count} × {rate.middle:g} USD/h × {team.rent_hours:g} h"
        yield _with_use(Cost("rent", month, rate.kind, str(rate.at[0]), rate.old, remark), tps, output, team.rent_hours)
    price = next((f for f in card.of("price_usd") if f.amount and not f.conditions), None)
    watts = card.number("tdp_watts")
    if price is not None and price.middle and watts:
        use = None if not tps or not output else min(output / (tps * 3600 * HOURS_PER_MONTH), 1.0)
        # Who does not know what cards draw when they rest takes them never to rest, as `latprof cost own` does.
        idle = card.number("idle_watts")
        machine = OwnedMachine(
            price.middle * count, tps or 1.0, watts * count, team.usd_per_kwh,
            idle_watts=count * (watts if idle is None else min(idle, watts)), life_months=team.life_months,
        )  # fmt: skip
        remark = (
            f"{count} × {price.middle:,.0f} USD over {team.life_months:g} months, the cards alone; power at "
            f"{team.usd_per_kwh:g} USD/kWh{', as under load at all hours' if idle is None else ''}"
        )
        month = machine.per_month(1.0 if use is None else use)
        yield _with_use(
            Cost("bought", month, price.kind, str(price.at[0]), price.old, remark), tps, output, HOURS_PER_MONTH
        )


def _rate(entry: Entry, card: Entry, catalogue: Catalogue) -> Fact | None:
    """Rent of a card for an hour: of the deployment itself, else of the card, else of a cluster of such cards."""
    clusters = [item for item in catalogue.of_type("cluster") if item.hardware == card.id]
    clusters.sort(key=lambda item: item.count != entry.count)
    return next(
        (
            fact
            for place in (entry, card, *clusters)
            for fact in place.of("rent_usd_per_hour")
            if fact.amount and fact.conditions.get("hardware") in {None, card.id}
        ),
        None,
    )


def _throughput(entry: Entry) -> float | None:
    """The largest stated sum over all streams, tok/s."""
    sums = [f.middle for f in entry.facts if f.scope == "aggregate" and f.unit == "tok/s" and f.middle]
    each = [
        f.middle * float(f.conditions["concurrency"])
        for f in entry.of("decode_tps", "per_user_at_n")
        if f.middle and "concurrency" in f.conditions
    ]
    return max([*sums, *each], default=None)


def _with_use(cost: Cost, tps: float | None, output: float | None, hours: float) -> Cost:
    use = None if not tps or not output else output / (tps * 3600 * hours)
    per_token = None if not output else cost.usd_per_month / output * 1e6
    return Cost(cost.way, cost.usd_per_month, cost.kind, cost.source, cost.old, cost.remark, use, per_token)
