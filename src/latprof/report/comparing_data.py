"""A comparison for programs: JSON, and rows for a spreadsheet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from latprof.compare import Comparison, Cost, Row, WhatIf
from latprof.compare.costs import calls_per_month
from latprof.compare.result import Hours
from latprof.compare.steps import Difference, Percentile
from latprof.report.document import Grid

__all__ = ["comparison_data", "comparison_grid"]

_DIGITS: Final = 6
_COLUMNS: Final = (
    "alternative", "family", "trigger", "kind", "source", "scope", "streams", "old", "conflicts", "refused", "n",
    "step_p50_s", "step_p50_low_s", "step_p50_high_s", "step_p90_s", "step_p90_low_s", "step_p90_high_s", "step_p99_s",
    "step_p99_low_s", "step_p99_high_s", "waiting_hours_per_week", "change_hours_per_week", "change_low_hours",
    "change_high_hours", "usd_per_month", "usd_way", "usd_kind", "usd_source", "utilisation_share", "unfit_share",
    "quality", "quality_unit", "quality_kind", "quality_source",
)  # fmt: skip


def comparison_data(found: Comparison, what_ifs: Sequence[WhatIf]) -> dict[str, Any]:
    """What `compare --json` prints."""
    usage, team, today = found.usage, found.team, found.today
    return {
        "schema_version": 1,
        "calls": usage.total,
        "compared_calls": len(usage),
        "sessions": usage.sessions,
        "active_days": usage.active_days,
        "person_days": usage.person_days,
        "calls_per_engineer_week": _rounded(usage.calls_per_week),
        "streams": _rounded(found.streams),
        "team": {
            "name": team.name,
            "engineers": team.engineers,
            "logs_of": usage.people,
            "days_per_week": team.days_per_week,
            "hours_per_day": team.hours_per_day,
            "subscription_usd_per_month": team.subscription_usd,
            "budget_usd_per_month": team.budget_usd,
            "rent_hours_per_month": team.rent_hours,
            "life_months": team.life_months,
            "usd_per_kwh": team.usd_per_kwh,
        },
        "today": {
            "kind": today.kind,
            "exact_share": _rounded(usage.wall_exact_share),
            "first_token_share": _rounded(usage.first_share),
            "first_token_exact_share": _rounded(usage.first_exact_share),
            "steps_s": _steps(today.steps),
            "waiting_hours_per_week": _hours(today.waiting),
            "usd_per_month": _rounded(today.cost_usd),
            "usd_how": today.cost_how,
        },
        "alternatives": [_row(row) for row in found.rows],
        "conflicts": [
            {"id": item.id, "says": item.says}
            for item in found.catalogue.conflicts
            if any(item.id in row.profile.conflicts for row in found.rows)
        ],
        "what_if": [_what_if(item, found) for item in what_ifs],
    }


def _row(row: Row) -> dict[str, Any]:
    profile = row.profile
    return {
        "id": row.entry.id,
        "name": row.entry.name,
        "family": row.family,
        "kind": profile.kind,
        "scope": profile.scope,
        "source": [str(item) for item in profile.at],
        "old": profile.old,
        "conflicts": list(profile.conflicts),
        "refused": profile.refused or None,
        "stated": profile.figure or None,
        "remarks": list(profile.remarks),
        "ttft_s": _rounded(profile.ttft_s),
        "ttft_at_uncached_tokens": profile.ttft_at_tokens,
        "ttft_s_per_uncached_token": profile.s_per_token,
        "ttft_spread_known": profile.ttft_spread is not None,
        "decode_tps": _rounded(profile.decode_tps),
        "streams": profile.streams,
        "steps_s": _steps(row.steps),
        "waiting_hours_per_week": _rounded(row.waiting.value),
        "change_hours_per_week": _hours(row.change),
        "change_per_call_s": _difference(row.per_call),
        "costs": [_cost(item) for item in row.costs],
        "unfit_share": _rounded(row.unfit_share),
        "context_tokens": None if row.window is None else row.window.middle,
        "context_source": None if row.window is None else str(row.window.at[0]),
        "quality": _quality(row),
    }


def _quality(row: Row) -> dict[str, Any] | None:
    fact = row.quality
    if fact is None:
        return None
    return {
        "quantity": fact.quantity,
        "value": fact.text if fact.text is not None else fact.middle,
        "unit": fact.unit or None,
        "kind": fact.kind,
        "source": str(fact.at[0]),
        "old": fact.old,
    }


def _steps(steps: dict[str, tuple[Percentile, ...]]) -> dict[str, Any]:
    return {
        trigger: {
            "n": found[0].n,
            "quantiles": {f"{item.probability:g}": _rounded(item.value) for item in found},
            "intervals": {f"{item.probability:g}": [_rounded(item.low), _rounded(item.high)] for item in found},
        }
        for trigger, found in steps.items()
    }


def _hours(hours: Hours) -> dict[str, float | None]:
    return {"value": _rounded(hours.value), "low": _rounded(hours.low), "high": _rounded(hours.high)}


def _difference(item: Difference | None) -> dict[str, float | None] | None:
    if item is None:
        return None
    return {"mean": _rounded(item.mean_s), "low": _rounded(item.low_s), "high": _rounded(item.high_s)}


def _cost(cost: Cost) -> dict[str, Any]:
    return {
        "way": cost.way,
        "usd_per_month": _rounded(cost.usd_per_month),
        "kind": cost.kind,
        "source": cost.source.split(" "),
        "old": cost.old,
        "remark": cost.remark or None,
        "utilisation_share": _rounded(cost.utilisation),
        "usd_per_mtok_output": _rounded(cost.usd_per_mtok_output),
    }


def _what_if(item: WhatIf, found: Comparison) -> dict[str, Any]:
    weekly, monthly = found.usage.calls_per_week, calls_per_month(found.usage, found.team)
    return {
        "name": item.name,
        "kind": "estimate",
        "assumption": item.assumption,
        "rests_on": item.source or None,
        "refused": item.refused or None,
        "touched_calls": item.touched,
        "change_per_call_s": _difference(item.time),
        "change_per_call_usd": _difference(item.money),
        "change_hours_per_week": None
        if item.time is None or weekly is None
        else _rounded(item.time.mean_s * weekly / 3600),
        "change_usd_per_month": None
        if item.money is None or monthly is None
        else _rounded(item.money.mean_s * monthly),
    }


def comparison_grid(found: Comparison) -> Grid:
    """One row per alternative, source and trigger; refused ones have one row. Today comes first."""
    return Grid(_COLUMNS, (*_today_rows(found), *(line for row in found.rows for line in _rows(row))))


def _today_rows(found: Comparison) -> Iterator[tuple[str | int | float | None, ...]]:
    today = found.today
    for trigger, steps in today.steps.items():
        whole = trigger == "all"
        yield (
            "today", "today", trigger, today.kind, "these logs", None, None, None, None, None, steps[0].n,
            *_ends(steps), today.waiting.value if whole else None, None, None, None,
            today.cost_usd if whole else None, today.cost_how if whole else None, *(None,) * 8,
        )  # fmt: skip


def _rows(row: Row) -> Iterator[tuple[str | int | float | None, ...]]:
    profile = row.profile
    head = (profile.kind, profile.source or None, profile.scope, profile.streams, int(profile.old))
    conflicts = " ".join(profile.conflicts) or None
    tail = (*_cost_cells(row.cost), row.unfit_share, *_quality_cells(row))
    if not row.steps:
        yield (row.entry.id, row.family, None, *head, conflicts, profile.refused, None, *(None,) * 13, *tail)
    for trigger, steps in row.steps.items():
        hours = (
            (row.waiting.value, row.change.value, row.change.low, row.change.high) if trigger == "all" else (None,) * 4
        )
        yield (row.entry.id, row.family, trigger, *head, conflicts, None, steps[0].n, *_ends(steps), *hours, *tail)


def _cost_cells(cost: Cost | None) -> tuple[str | float | None, ...]:
    if cost is None:
        return (None,) * 5
    return cost.usd_per_month, cost.way, cost.kind, cost.source, cost.utilisation


def _quality_cells(row: Row) -> tuple[str | float | None, ...]:
    fact = row.quality
    if fact is None:
        return (None,) * 4
    return fact.text if fact.text is not None else fact.middle, fact.unit or None, fact.kind, str(fact.at[0])


def _ends(steps: Sequence[Percentile]) -> Iterator[float | None]:
    for item in steps:
        yield from (_rounded(item.value), _rounded(item.low), _rounded(item.high))


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, _DIGITS)
