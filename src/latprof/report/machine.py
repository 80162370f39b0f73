"""An analysis for programs: the JSON of `latprof.schema.AnalyzeResult`, and rows for a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from latprof.metrics import metric
from latprof.report.document import Analysis, Grid
from latprof.stats import MetricRow
from latprof.units import format_instant

__all__ = ["analysis_data", "analysis_grid"]

_ALL: Final = "(all)"
_UNKNOWN: Final = "(unknown)"
_DIGITS: Final = 6


def analysis_data(analysis: Analysis) -> dict[str, Any]:
    """What `analyze --json` prints."""
    return {
        "schema_version": 1,
        "files": analysis.files,
        "sessions": analysis.sessions,
        "calls": analysis.calls,
        "problems": analysis.problems,
        "since": format_instant(analysis.since, analysis.tz),
        "until": format_instant(analysis.until, analysis.tz),
        "metrics": [_metric(row) for summary in analysis.summaries for row in summary.rows],
        "notes": list(analysis.notes),
    }


def _metric(row: MetricRow) -> dict[str, Any]:
    return {
        "metric": row.metric,
        "unit": row.unit,
        "group": row.group,
        "kind": row.kind,
        "side": metric(row.metric).side if row.kind == "bound" else None,
        "n": row.n,
        "borrowed": _rounded(row.borrowed),
        "coverage": round(row.coverage, _DIGITS),
        "sessions": row.sessions,
        "quantiles": {f"{q:g}": _rounded(value) for q, value in row.quantiles.items()},
        "intervals": {f"{q:g}": [_rounded(end) for end in ends] for q, ends in row.intervals.items()},
        "refused": {f"{q:g}": why for q, why in row.refused.items()},
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, _DIGITS)


def analysis_grid(analysis: Analysis) -> Grid:
    """One row per metric, kind and group, all grouping keys as columns."""
    keys = list(dict.fromkeys(key for summary in analysis.summaries for key in summary.by))
    names = [f"p{q * 100:g}" for q in analysis.quantiles]
    ends = [f"{name}_{end}" for name in names for end in ("low", "high")]
    columns = ("metric", "unit", *keys, "kind", "n", "coverage", "sessions", *names, *ends)
    rows = (_row(row, keys, analysis.quantiles) for summary in analysis.summaries for row in summary.rows)
    return Grid(columns, tuple(rows))


def _row(row: MetricRow, keys: Sequence[str], quantiles: Sequence[float]) -> tuple[str | int | float | None, ...]:
    groups = [(row.group[key] or _UNKNOWN) if key in row.group else _ALL for key in keys]
    values = [_rounded(row.quantiles[q]) for q in quantiles]
    ends = [_rounded(end) for q in quantiles for end in row.intervals[q]]
    return (row.metric, row.unit, *groups, row.kind, row.n, float(f"{row.coverage:.6g}"), row.sessions, *values, *ends)
