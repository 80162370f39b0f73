"""The figures as JSON; its schema is `latprof.schema.AnalyzeResult`."""

from __future__ import annotations

from typing import Any

import orjson

from latprof.metrics import metric
from latprof.report.document import Document
from latprof.report.renderers.base import Renderer, Screen
from latprof.stats import MetricRow
from latprof.units import format_instant

__all__ = ["RENDERER"]

_DIGITS = 6


def _render(document: Document, _: Screen) -> str:
    analysis = document.analysis
    data = {
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
    return orjson.dumps(data, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS).decode() + "\n"


def _metric(row: MetricRow) -> dict[str, Any]:
    return {
        "metric": row.metric,
        "unit": row.unit,
        "group": row.group,
        "kind": row.kind,
        "side": metric(row.metric).side if row.kind == "bound" else None,
        "n": row.n,
        "coverage": round(row.coverage, _DIGITS),
        "sessions": row.sessions,
        "quantiles": {f"{q:g}": _rounded(value) for q, value in row.quantiles.items()},
        "intervals": {f"{q:g}": [_rounded(end) for end in ends] for q, ends in row.intervals.items()},
        "refused": {f"{q:g}": why for q, why in row.refused.items()},
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, _DIGITS)


RENDERER = Renderer(name="json", suffix=".json", render=_render)
