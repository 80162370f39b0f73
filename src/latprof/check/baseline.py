"""Figures kept in a file, and the comparison of later calls with them.

A figure fails only when three things hold: it is worse by the ratio, worse by the floor, and so much worse
comes up by chance in fewer checks than `false_alarms` allows, all compared figures together (Holm). Most of
that chance is given to medians: they are known best, and what slows every call shows in them first.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, tzinfo
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from latprof.check.budgets import percentile_name
from latprof.check.result import Outcome, Status
from latprof.classes import dataclass
from latprof.config.schema import BaselineSettings
from latprof.errors import UsageError
from latprof.metrics import METRICS, Metric, metric
from latprof.model import KINDS, Kind
from latprof.stats.difference import Change, holm
from latprof.stats.grouping import BY_KEYS, group_rows
from latprof.stats.samples import Figure, Sample, samples
from latprof.trace import Trace

__all__ = ["BASELINE_VERSION", "Baseline", "Kept", "baseline_of", "compare", "parse_baseline", "write_baseline"]

_Ints = NDArray[np.int64]
BASELINE_VERSION: Final = 1
_DIGITS: Final = 6
_PREFERENCE: Final[tuple[Kind, ...]] = ("exact", "estimate", "bound")
_NEARLY_ALL: Final = 0.9
# Percentiles around the median get this many times the chance of a false alarm that others get.
_MIDDLE: Final = (0.25, 0.75)
_MIDDLE_WEIGHT: Final = 4.0


@dataclass(frozen=True, slots=True)
class Kept:
    """One figure of a baseline."""

    metric: str
    kind: Kind
    group: dict[str, str | None]
    figure: Figure


@dataclass(frozen=True, slots=True)
class Baseline:
    """The figures of a set of calls, and how they were grouped."""

    by: tuple[str, ...]
    calls: int
    sessions: int
    kept: tuple[Kept, ...]


def baseline_of(trace: Trace, settings: BaselineSettings, units: _Ints, tz: tzinfo = UTC) -> Baseline:
    """Percentiles of every group, metric and kind but as-logged, where there are calls enough."""
    kept = [
        Kept(declared.key, kind, dict(zip(settings.by, key, strict=True)), figure)
        for key, members in group_rows(trace, settings.by, tz).items()
        for declared in (metric(name) for name in settings.metrics)
        for kind, sample in samples(trace, declared, units, rows=members).items()
        for figure in (sample.percentile(round(p / 100, 8)) for p in settings.percentiles)
        if kind != "as_logged" and figure.value is not None
    ]
    return Baseline(tuple(settings.by), len(trace), len(np.unique(units)), tuple(kept))


def write_baseline(baseline: Baseline) -> bytes:
    """The baseline as JSON, the same bytes for the same figures."""
    data = {
        "latprof_baseline": BASELINE_VERSION,
        "by": list(baseline.by),
        "calls": baseline.calls,
        "sessions": baseline.sessions,
        "figures": [_written(item) for item in baseline.kept],
    }
    return (json.dumps(data, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()


def _written(item: Kept) -> dict[str, Any]:
    figure = item.figure
    return {
        "metric": item.metric,
        "unit": metric(item.metric).unit,
        "kind": item.kind,
        "group": item.group,
        "percentile": round(figure.of * 100, 6),
        "value": _rounded(figure.value),
        "low": _rounded(figure.low),
        "high": _rounded(figure.high),
        "n": figure.n,
        "sessions": figure.sessions,
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.{_DIGITS}g}")


def parse_baseline(data: bytes, name: str) -> Baseline:
    """Read what `write_baseline` wrote. Raises UsageError for anything else."""
    try:
        whole = json.loads(data)
        version = whole["latprof_baseline"]
        if version != BASELINE_VERSION:
            raise UsageError(f"{name} is a baseline of version {version}: write it anew with latprof baseline write.")
        kept = tuple(_kept(item) for item in whole["figures"])
        by = tuple(str(key) for key in whole["by"])
        _ = [BY_KEYS[key] for key in by]
        return Baseline(by, int(whole["calls"]), int(whole["sessions"]), kept)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UsageError(f"{name} is no baseline of latprof: write one with latprof baseline write.") from None


def _kept(item: dict[str, Any]) -> Kept:
    if item["kind"] not in KINDS or not any(known.key == item["metric"] for known in METRICS):
        raise KeyError(item["kind"])
    low, high = (None if item[end] is None else float(item[end]) for end in ("low", "high"))
    of = round(float(item["percentile"]) / 100, 8)
    figure = Figure(of, float(item["value"]), low, high, int(item["n"]), int(item["sessions"]))
    return Kept(str(item["metric"]), cast("Kind", item["kind"]), dict(item["group"]), figure)


@dataclass(frozen=True, slots=True)
class _Pair:
    """A kept figure and the same of now; `now` without a value says why."""

    kept: Kept
    now: Figure

    @property
    def change(self) -> Change:
        return Change(self.kept.figure, self.now)

    @property
    def metric(self) -> Metric:
        return metric(self.kept.metric)


def compare(
    trace: Trace, baseline: Baseline, settings: BaselineSettings, units: _Ints, tz: tzinfo = UTC
) -> tuple[list[Outcome], list[str]]:
    """Every figure of the baseline held against the calls, and notes about groups that it does not know."""
    groups = group_rows(trace, baseline.by, tz)
    pairs = list(_pairs(trace, baseline, groups, units, settings))
    judged = holm([_chance(pair) for pair in pairs], [_weight(pair) for pair in pairs])
    outcomes = [_outcome(pair, chance, settings) for pair, chance in zip(pairs, judged, strict=True)]
    known = {tuple(item.group.get(key) for key in baseline.by) for item in baseline.kept}
    fresh = [" ".join(part or "unknown" for part in key) for key in groups if key not in known]
    return outcomes, [f"Not in the baseline, so not compared: {', '.join(fresh)}."] if fresh and baseline.by else []


def _pairs(
    trace: Trace,
    baseline: Baseline,
    groups: dict[tuple[str | None, ...], _Ints],
    units: _Ints,
    settings: BaselineSettings,
) -> Iterator[_Pair]:
    """One pair for each percentile that has a direction, of the best kind that both sides have."""
    sets: dict[tuple[Any, ...], dict[Kind, list[Kept]]] = {}
    for item in baseline.kept:
        if metric(item.metric).lower_is_better is not None:
            key = (tuple(item.group.get(part) for part in baseline.by), item.metric)
            sets.setdefault(key, {}).setdefault(item.kind, []).append(item)
    for (group, name), kinds in sets.items():
        members = groups.get(group, np.array([], dtype=np.int64))
        found = samples(trace, metric(name), units, rows=members) if len(members) else {}
        kind = _common(kinds, found)
        for item in kinds[kind]:
            sample = found.get(kind)
            of = item.figure.of
            missing = "no calls of this group now" if not len(members) else f"no values of kind {kind} now"
            blank = Figure(of, None, None, None, 0, 0, missing)
            yield _Pair(item, blank if sample is None else sample.percentile(of, least=settings.min_n or 0))


def _common(kinds: dict[Kind, list[Kept]], found: dict[Kind, Sample]) -> Kind:
    """Exact only where it holds nearly all of what an estimate would hold, on both sides."""
    both = [kind for kind in _PREFERENCE if kind in kinds and kind in found]
    if both[:2] == ["exact", "estimate"]:
        kept = min(item.figure.n for item in kinds["exact"]) >= _NEARLY_ALL * max(
            item.figure.n for item in kinds["estimate"]
        )
        return "exact" if kept and len(found["exact"]) >= _NEARLY_ALL * len(found["estimate"]) else "estimate"
    return both[0] if both else next(kind for kind in _PREFERENCE if kind in kinds)


def _weight(pair: _Pair) -> float:
    low, high = _MIDDLE
    return _MIDDLE_WEIGHT if low <= pair.kept.figure.of <= high else 1.0


def _chance(pair: _Pair) -> float | None:
    change = pair.change
    return change.chance_of_rise if pair.metric.lower_is_better else change.chance_of_fall


def _outcome(pair: _Pair, chance: float | None, settings: BaselineSettings) -> Outcome:
    declared, before = pair.metric, pair.kept.figure
    status, reason = _judge(pair, chance, settings)
    return Outcome(
        name=f"{percentile_name(before.of)} {declared.key}",
        rule="baseline",
        metric=declared,
        kind=pair.kept.kind,
        group=pair.kept.group,
        figure=pair.now,
        status=status,
        reason=reason,
        limit=before.value,
        side="max" if declared.lower_is_better else "min",
        change=pair.change,
        chance=chance,
    )


def _judge(pair: _Pair, chance: float | None, settings: BaselineSettings) -> tuple[Status, str]:
    change, declared = pair.change, pair.metric
    if pair.now.value is None:
        return "unknown", pair.now.refused
    if change.ratio is None or change.difference is None:
        return "unknown", "no ratio: one of the two figures is zero"
    worse = change.ratio if declared.lower_is_better else 1 / change.ratio
    if worse < settings.ratio:
        return "pass", "not worse" if worse <= 1 else f"worse by less than {(settings.ratio - 1) * 100:.3g} %"
    floor = _floor(declared, settings)
    if abs(change.difference) < floor:
        return "pass", f"worse by less than {floor:g} {declared.unit}"
    if chance is None:
        return "unknown", "worse, but no interval: too few sessions before or now"
    if chance > settings.false_alarms:
        return "pass", "worse by no more than chance"
    return "fail", f"worse, and by chance in less than {settings.false_alarms * 100:.3g} % of checks"


def _floor(declared: Metric, settings: BaselineSettings) -> float:
    return {"s": settings.floor_s, "tok/s": settings.floor_tps}.get(declared.unit, 0.0)
