"""An analysis for programs: the JSON of `latprof.schema.AnalyzeResult`, and rows for a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from latprof.metrics import metric
from latprof.report.document import Analysis, Grid
from latprof.stats import MetricRow
from latprof.units import format_instant

__all__ = ["Rounded", "analysis_data", "analysis_grid", "rounded"]

_ALL: Final = "(all)"
_UNKNOWN: Final = "(unknown)"
_DIGITS: Final = 6


class Rounded(NamedTuple):
    """A row of an analysis with its percentiles and the ends of their intervals as programs get them."""

    row: MetricRow
    quantiles: dict[float, float | None]
    ends: dict[float, list[float | None]]


def rounded(analysis: Analysis) -> list[Rounded]:
    """All rows of an analysis: rounding takes longer than all else that is done to them, and is done once.

    Raises ValueError for an analysis that is not whole.
    """
    if not analysis.whole:
        raise ValueError("this analysis was made for people to read and lacks figures that programs get")
    return [
        Rounded(
            row,
            {q: None if value is None else round(value, _DIGITS) for q, value in row.quantiles.items()},
            {q: [None if end is None else round(end, _DIGITS) for end in ends] for q, ends in row.intervals.items()},
        )
        for summary in analysis.summaries
        for row in summary.rows
    ]


def analysis_data(analysis: Analysis, rows: Sequence[Rounded] | None = None) -> dict[str, Any]:
    """What `analyze --json` prints; `rows` are those that `rounded` gives."""
    names = {q: f"{q:g}" for q in analysis.quantiles}
    return {
        "schema_version": 1,
        "files": analysis.files,
        "sessions": analysis.sessions,
        "calls": analysis.calls,
        "problems": analysis.problems,
        "since": format_instant(analysis.since, analysis.tz),
        "until": format_instant(analysis.until, analysis.tz),
        "metrics": [_metric(item, names) for item in (rounded(analysis) if rows is None else rows)],
        "notes": list(analysis.notes),
    }


def _metric(item: Rounded, names: Mapping[float, str]) -> dict[str, Any]:
    row = item.row
    return {
        "metric": row.metric,
        "unit": row.unit,
        "group": row.group,
        "kind": row.kind,
        "side": metric(row.metric).side if row.kind == "bound" else None,
        "n": row.n,
        "borrowed": None if row.borrowed is None else round(row.borrowed, _DIGITS),
        "coverage": round(row.coverage, _DIGITS),
        "sessions": row.sessions,
        "quantiles": {names[q]: value for q, value in item.quantiles.items()},
        "intervals": {names[q]: ends for q, ends in item.ends.items()},
        "refused": {names[q]: why for q, why in row.refused.items()},
    }


def analysis_grid(analysis: Analysis, rows: Sequence[Rounded] | None = None) -> Grid:
    """One row per metric, kind and group, all grouping keys as columns; `rows` are those that `rounded` gives."""
    keys = list(dict.fromkeys(key for summary in analysis.summaries for key in summary.by))
    names = [f"p{q * 100:g}" for q in analysis.quantiles]
    ends = [f"{name}_{end}" for name in names for end in ("low", "high")]
    columns = ("metric", "unit", *keys, "kind", "n", "coverage", "sessions", *names, *ends)
    every = rounded(analysis) if rows is None else rows
    return Grid(columns, tuple(_row(item, keys, analysis.quantiles) for item in every))


def _row(item: Rounded, keys: Sequence[str], quantiles: Sequence[float]) -> tuple[str | int | float | None, ...]:
    row = item.row
    groups = [(row.group[key] or _UNKNOWN) if key in row.group else _ALL for key in keys]
    values = [item.quantiles[q] for q in quantiles]
    ends = [end for q in quantiles for end in item.ends[q]]
    return (row.metric, row.unit, *groups, row.kind, row.n, float(f"{row.coverage:.6g}"), row.sessions, *values, *ends)
