"""The metric rows as CSV, one line per metric, kind and group."""

from __future__ import annotations

import csv
import io

from latprof.report.cells import spreadsheet_safe
from latprof.report.document import Document
from latprof.report.renderers.base import Renderer, Screen
from latprof.stats import MetricRow

__all__ = ["RENDERER"]

_ALL = "(all)"
_UNKNOWN = "(unknown)"


def _render(document: Document, _: Screen) -> str:
    analysis = document.analysis
    keys = list(dict.fromkeys(key for summary in analysis.summaries for key in summary.by))
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    names = [f"p{q * 100:g}" for q in analysis.quantiles]
    ends = [f"{name}_{end}" for name in names for end in ("low", "high")]
    writer.writerow(["metric", "unit", *keys, "kind", "n", "coverage", "sessions", *names, *ends])
    for summary in analysis.summaries:
        for row in summary.rows:
            writer.writerow(_cells(row, keys, analysis.quantiles))
    return stream.getvalue()


def _cells(row: MetricRow, keys: list[str], quantiles: tuple[float, ...]) -> list[str]:
    groups = [spreadsheet_safe(row.group[key] or _UNKNOWN) if key in row.group else _ALL for key in keys]
    values = [_number(row.quantiles[q]) for q in quantiles]
    ends = [_number(end) for q in quantiles for end in row.intervals[q]]
    return [
        row.metric, row.unit, *groups, row.kind, str(row.n), f"{row.coverage:.6g}", str(row.sessions), *values, *ends
    ]  # fmt: skip


def _number(value: float | None) -> str:
    return "" if value is None else f"{round(value, 6):.15g}"


RENDERER = Renderer(name="csv", suffix=".csv", render=_render)
