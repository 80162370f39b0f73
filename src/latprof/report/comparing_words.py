"""The verdict of a comparison in plain words: what it says, what it assumes, what would change it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from latprof.compare import Comparison, Row
from latprof.compare.steps import Difference
from latprof.units import format_count, format_counted, format_share

__all__ = ["change_text", "conflict_words", "hours_text", "legend_words", "verdict_words"]

_FITS: Final = 0.05
_KINDS: Final = {"measured": "measured", "claimed": "claimed", "estimated": "estimated", "simulated": "simulated"}


def hours_text(value: float) -> str:
    """2.4, 0.03 or <0.01 hours: some waiting never reads as none."""
    if value <= 0 or value >= 0.05:
        return f"{value:.1f}"
    return f"{value:.2f}" if value >= 0.005 else "<0.01"


def change_text(value: float) -> str:
    """-0.6 or +0.03 hours, and 0.00 for less than a hundredth either way."""
    if abs(value) >= 0.05:
        return f"{value:+.1f}"
    return f"{value:+.2f}" if abs(value) >= 0.005 else "0.00"


def verdict_words(found: Comparison, shown: Sequence[Row]) -> Iterator[str]:
    """Today, the fastest and the cheapest that hold the calls, what the budget allows, what would change it."""
    yield _today(found)
    able = [row for row in found.felt if _holds(row)]
    surely = [row for row in able if row.per_call and row.per_call.high_s is not None and row.per_call.high_s < 0]
    if not surely:
        yield _nothing_faster(able)
    else:
        yield _fastest(found, surely)
    if found.team.budget_usd is not None:
        yield _budget(found)
    if plans := _plans(found):
        yield plans
    yield _assumed(found)
    if shown:
        yield _would_change(found, surely)


def _today(found: Comparison) -> str:
    usage, today = found.usage, found.today
    if today.waiting.value is None:
        return (
            "Today: the logs hold no dates, so hours per week and costs per month cannot be told; "
            "--calls-per-week gives what is missing."
        )
    waits = hours_text(today.waiting.value)
    sign = "at most " if today.kind == "bound" and not waits.startswith("<") else ""
    low, high = today.waiting.low, today.waiting.high
    ends = f" (95 %: {hours_text(low)} to {hours_text(high)})" if low is not None and high is not None else ""
    part = ""
    if usage.first_share is not None:
        kind = "exact" if usage.first_exact_share == 1 else "estimate"
        part = f"; {format_share(usage.first_share)} of it before the first token ({kind})"
    money = ""
    if today.cost_usd is not None:
        paid_to = found.team.paid_to if today.cost_how == "subscriptions" else ()
        how = f"{today.cost_how} of {', '.join(paid_to)}" if paid_to else today.cost_how
        money = f" It costs {today.cost_usd:,.0f} USD a month ({how})."
    hours = f"{waits} hours a week for the model{_of_work(found)}"
    return f"Today an engineer waits {sign}{hours}{ends}{part}.{money}"


def _of_work(found: Comparison) -> str:
    """The waiting as a share of the team's own working hours."""
    team, waiting = found.team, found.today.waiting.value
    if not team.hours_given or waiting is None:
        return ""
    week = team.days_per_week * team.hours_per_day
    return f", {format_share(waiting / week)} of {week:g} working hours"


def _fastest(found: Comparison, rows: Sequence[Row]) -> str:
    best = rows[0]
    cheap = min((row for row in rows if row.cost), key=lambda row: row.cost.usd_per_month, default=None)  # type: ignore[union-attr]
    text = (
        f"Verdict: of what holds at least 95 % of the calls, {_named(best)} is fastest: {_hours(best)}{_price(best)}."
    )
    if cheap is not None and cheap.entry.id != best.entry.id:
        text += f" The cheapest that is faster than today is {_named(cheap)}: {_hours(cheap)}{_price(cheap)}."
    if best.profile.remarks:
        text += f" (Note on that source: {'; '.join(best.profile.remarks).rstrip('.')}.)"
    rivals = [row for row in found.felt if row.entry.id == best.entry.id and row is not best]
    slower = [row for row in rivals if row.per_call is not None and row.per_call.mean_s >= 0]
    if slower:
        text += f" But by {slower[0].profile.source} the same system is slower than today: {_hours(slower[0])}."
    return text


def _holds(row: Row) -> bool:
    return row.unfit_share is not None and row.unfit_share <= _FITS


def _nothing_faster(able: Sequence[Row]) -> str:
    if not able:
        return "Verdict: no alternative with a known speed is known to hold at least 95 % of these calls."
    return (
        "Verdict: nothing that holds at least 95 % of the calls is certainly faster than today. "
        f"Nearest is {_named(able[0])}: {_hours(able[0])}{_price(able[0])}."
    )


def _named(row: Row) -> str:
    return f"{row.entry.id} ({_KINDS.get(row.profile.kind or '', 'unknown')}, {row.profile.source})"


def _hours(row: Row) -> str:
    change = row.change
    if row.waiting.value is None or change.value is None:
        return "" if row.per_call is None else _per_call(row.per_call)
    ends = (
        f", 95 %: {change_text(change.low)} to {change_text(change.high)}"
        if change.low is not None and change.high is not None
        else ""
    )
    return f"{hours_text(row.waiting.value)} hours a week ({change_text(change.value)}{ends})"


def _per_call(change: Difference) -> str:
    ends = ""
    if change.low_s is not None and change.high_s is not None:
        ends = f" (95 %: {change.low_s:+.1f} to {change.high_s:+.1f})"
    return f"{change.mean_s:+.1f} s per call{ends}"


def _price(row: Row) -> str:
    cost = row.cost
    return "" if cost is None else f", for {cost.usd_per_month:,.0f} USD a month ({cost.way}, {cost.kind})"


def _budget(found: Comparison) -> str:
    budget = found.team.budget_usd or 0.0
    inside = [row for row in found.felt if row.cost and row.cost.usd_per_month <= budget and _holds(row)]
    names = ", ".join(dict.fromkeys(row.entry.id for row in inside)) or "none of those with a known speed"
    return f"Within the budget of {budget:,.0f} USD a month, of what holds at least 95 % of the calls: {names}."


def _assumed(found: Comparison) -> str:
    usage, team = found.usage, found.team
    parts = ["the same calls, tokens and cache hits"]
    if usage.calls_given:
        parts.append(f"{usage.calls_per_week:,.0f} calls of an engineer in a week (as given)")
    elif usage.calls_per_week is not None:
        parts.append(_counted(found))
    if team.named_in_logs:
        parts.append(f"a team of {format_counted(team.engineers, 'engineer')}, as many as the logs name")
    left = usage.total - len(usage)
    if left:
        parts.append(f"the {format_count(left)} without time or final tokens are like the others")
    if usage.cache_unknown:
        parts.append(f"nothing cached in {format_count(usage.cache_unknown)} calls whose log does not say")
    if any(row.family == "self-hosted" for row in found.rows):
        parts.append(
            f"cards are paid {team.rent_hours:g} h a month; about {found.streams:.1f} calls under way when all "
            f"{team.engineers} work"
        )
    return f"Assumed: {'; '.join(parts)}."


def _counted(found: Comparison) -> str:
    """How many calls, on whose days."""
    usage, calls = found.usage, format_count(found.usage.total)
    week = f"{found.team.days_per_week:g} such days a week"
    if usage.people_named:
        days = format_count(usage.person_days)
        people = "one engineer that the logs name"
        if usage.people_named > 1:
            people = f"each of the {usage.people_named} engineers that the logs name"
        if usage.people > usage.people_named:
            people += " and, as one more, for calls that name nobody"
        return f"{calls} calls on {days} working days, counted for {people}, {week}"
    people = f"{usage.people} {'person' if usage.people == 1 else 'people'} (--logs-of)"
    return f"{calls} calls on {format_count(usage.active_days)} working days of {people}, {week}"


def _would_change(found: Comparison, faster: Sequence[Row]) -> str:
    parts = ["a source that is wrong or old"]
    if faster and faster[0].per_call is not None:
        mean = float(np.mean(found.usage.today_s))
        more = mean / (mean + faster[0].per_call.mean_s) - 1
        parts.append(
            f"a model that needs over {format_share(more)} more calls for the same work eats the gain of the fastest"
        )
    parts.append("a colder cache costs time and money")
    if any(row.family == "self-hosted" for row in found.rows):
        parts.append("bursts of many calls make own cards slower: `latprof simulate` replays them")
    return f"What would change it: {'; '.join(parts)}. Quality stands beside and is not in any figure."


def conflict_words(shown: Sequence[Row]) -> Iterator[str]:
    """Which systems the sources contradict each other about; all their rows stay."""
    names = dict.fromkeys(row.entry.id for row in shown if row.profile.conflicts)
    if names:
        yield (
            f"! Sources contradict each other about {', '.join(names)}: all rows stay, none is averaged. What each "
            "states is in --json and in `latprof catalogue show NAME`."
        )


def _plans(found: Comparison) -> str:
    """Subscriptions that the catalogue knows of the providers compared."""
    plans = {
        item.remark.partition(";")[0]: f"{item.usd_per_month / found.team.engineers:,.0f} ({item.source})"
        for row in found.rows
        for item in row.costs
        if item.way == "subscription"
    }
    if not plans:
        return ""
    said = ", ".join(f"{name} {usd}" for name, usd in plans.items())
    return f"Subscriptions instead, USD per engineer and month, claimed: {said}; their limits are not known."


def legend_words(found: Comparison, shown: Sequence[Row]) -> str:
    """How to read the marks."""
    parts = [
        "m measured, c claimed, e estimated, s simulated, then document:line (`latprof catalogue sources`)",
        "@4: felt by each of 4 streams; * past its age; ! contradicted",
        "± is over sessions; the sources' own errors are not in it",
    ]
    flat = [row for row in shown if row.profile.ttft_spread is None]
    if flat:
        which = "all" if len(flat) == len(shown) else format_count(len(flat))
        parts.append(f"{which} rows know only a middle of the first token: their p90 and p99 vary with tokens alone")
    if found.today.kind == "bound":
        parts.append("≤: today's time is an upper bound, so a gain is too")
    parts.append("?: no context window known")
    return f"How to read it: {'; '.join(parts)}. All triggers, intervals and ways to pay are in --json."
