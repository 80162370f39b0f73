"""Limits on percentiles, held so that noise fails nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, tzinfo
from fnmatch import fnmatchcase
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from latprof.check.result import Outcome, Status
from latprof.config.schema import Budget
from latprof.metrics import Metric, metric
from latprof.model import Kind
from latprof.stats.grouping import BY_KEYS, group_rows
from latprof.stats.samples import Figure, Sample, best_kind, samples
from latprof.trace import Trace

__all__ = ["check_budgets", "percentile_name"]

_Ints = NDArray[np.int64]
_Verdict = tuple[Status, str]
_NO_CALLS: Final = "no calls of this selection"


def percentile_name(probability: float) -> str:
    """0.5 -> 'p50', 0.999 -> 'p99.9'."""
    return f"p{probability * 100:g}"


def check_budgets(trace: Trace, budgets: Sequence[Budget], units: _Ints, tz: tzinfo = UTC) -> list[Outcome]:
    """Each limit of each budget for each of its groups; `units` (calls) numbers what calls are alike in."""
    return [outcome for budget in budgets for outcome in _check(trace, budget, units, tz)]


def _check(trace: Trace, budget: Budget, units: _Ints, tz: tzinfo) -> Iterator[Outcome]:
    rows = _where(trace, budget, tz)
    groups = group_rows(trace, budget.by, tz)
    chosen = {key: np.intersect1d(members, rows) for key, members in groups.items()}
    chosen = {key: members for key, members in chosen.items() if len(members)}
    if not chosen:
        chosen = {(None,) * len(budget.by): np.array([], dtype=np.int64)}
    for key, members in chosen.items():
        group = dict(zip(budget.by, key, strict=True)) if len(members) else {}
        yield from _judge_group(trace, budget, units, members, group)


def _where(trace: Trace, budget: Budget, tz: tzinfo) -> _Ints:
    """Rows with the values that the budget asks for."""
    mask = np.ones(len(trace), dtype=np.bool_)
    for key, pattern in budget.where.items():
        low = pattern.lower().replace("[", "[[]")
        values = BY_KEYS[key](trace, tz)
        mask &= np.array([value is not None and fnmatchcase(value.lower(), low) for value in values], dtype=np.bool_)
    return np.flatnonzero(mask).astype(np.int64)


def _judge_group(
    trace: Trace, budget: Budget, units: _Ints, members: _Ints, group: dict[str, str | None]
) -> Iterator[Outcome]:
    declared = metric(budget.metric)
    probability = round(budget.percentile / 100, 8)
    found = samples(trace, declared, units, rows=members)
    kind = _kind(budget, found)
    sample = found.get(kind) if kind is not None else None
    figure = (
        Figure(probability, None, None, None, 0, 0, _missing(budget, len(members)))
        if sample is None
        else sample.percentile(probability, least=budget.min_n or 0)
    )
    limits: tuple[tuple[Literal["max", "min"], float | None], ...] = (("max", budget.max), ("min", budget.min))
    for side, limit in limits:
        if limit is not None:
            status, reason = _judge(figure, limit, side, budget, kind)
            name = budget.name or _name(budget, declared)
            yield Outcome(name, "budget", declared, kind, group, figure, status, reason, limit, side)


def _kind(budget: Budget, found: dict[Kind, Sample]) -> Kind | None:
    if budget.kind is None:
        return best_kind([found])
    return next((kind for kind in found if kind == budget.kind), None)


def _missing(budget: Budget, calls: int) -> str:
    if not calls:
        return _NO_CALLS
    return f"none of {calls} calls has {'such a value' if budget.kind is None else f'a value of kind {budget.kind}'}"


def _name(budget: Budget, declared: Metric) -> str:
    where = "".join(f", {key} {value}" for key, value in budget.where.items())
    return f"{percentile_name(budget.percentile / 100)} {declared.key}{where}"


def _judge(figure: Figure, limit: float, side: Literal["max", "min"], budget: Budget, kind: Kind | None) -> _Verdict:
    """Beyond the limit for certain, within it, or not to be known."""
    value = figure.value
    if value is None:
        return "unknown", figure.refused
    sign = 1 if side == "max" else -1
    if sign * (value - limit) <= 0:
        return _within(budget, kind, side)
    if budget.judge == "value":
        return "fail", "beyond the limit"
    if kind == "bound" and budget.kind is None and metric(budget.metric).side == _unsure_side(side):
        return "unknown", "only a bound is known; the true value may be within the limit"
    near = figure.low if side == "max" else figure.high
    if near is None:
        return "unknown", "beyond the limit, but no interval: too few sessions"
    if sign * (near - limit) > 0:
        return "fail", "the whole 95 % interval is beyond the limit"
    return "pass", "beyond the limit by no more than chance"


def _unsure_side(side: Literal["max", "min"]) -> str:
    """An upper bound above a maximum says nothing, nor does a lower bound below a minimum."""
    return "upper" if side == "max" else "lower"


def _within(budget: Budget, kind: Kind | None, side: Literal["max", "min"]) -> _Verdict:
    """A bound may lie within a limit that the true value breaks: a lower bound under a maximum."""
    declared = metric(budget.metric).side
    if kind == "bound" and budget.kind is None and declared is not None and declared != _unsure_side(side):
        return "unknown", "only a bound is known; the true value may be beyond the limit"
    return "pass", "within the limit"
