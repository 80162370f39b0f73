"""Which rows answer a question: those of one kind, or for each figure the best kind that there is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final, Literal

from latprof.metrics import Metric
from latprof.model import Kind
from latprof.stats.summary import MetricRow, Summary

__all__ = ["METHODS", "Method", "best_rows", "is_of_method", "of_method"]

Method = Literal["best", "exact", "bound", "as-logged", "estimate"]
METHODS: Final[tuple[Method, ...]] = ("best", "exact", "bound", "as-logged", "estimate")

_TIMED_UNITS: Final = frozenset({"s", "tok/s"})
# An exact figure stands alone when it rests on nearly all calls that an estimate would rest on:
# the calls with a stated first token are no random choice.
_NEARLY_ALL: Final = 0.9
# Below this coverage of an estimate the bound, which covers more, is shown beside it.
_MOST: Final = 0.5
_BOUND_OF: Final = {"first_block_s": "ttft_s"}


def of_method(summary: Summary, method: Method) -> Summary:
    """Only times and speeds of that kind; everything for 'best', where each row says its kind."""
    if method == "best":
        return summary
    kind = method.replace("-", "_")
    return replace(summary, rows=tuple(row for row in summary.rows if row.unit not in _TIMED_UNITS or row.kind == kind))


def is_of_method(metric: Metric, kind: Kind, method: Method) -> bool:
    """Whether `of_method` and, for 'best', `best_rows` may leave rows of that kind."""
    if method == "best":
        return kind != "as_logged"
    return metric.unit not in _TIMED_UNITS or kind == method.replace("-", "_")


def best_rows(rows: Sequence[MetricRow]) -> list[MetricRow]:
    """Exact where there, else estimate, else bound; no as-logged rows."""
    groups: dict[tuple[str | None, ...], list[MetricRow]] = {}
    for row in rows:
        groups.setdefault(tuple(row.group.values()), []).append(row)
    chosen = {id(row) for members in groups.values() for row in _best_of_group(members)}
    return [row for row in rows if id(row) in chosen]


def _best_of_group(rows: Sequence[MetricRow]) -> Iterable[MetricRow]:
    found = {(row.metric, row.kind): row for row in rows}
    for row in rows:
        exact, estimate = found.get((row.metric, "exact")), found.get((row.metric, "estimate"))
        if row.kind == "as_logged":
            continue
        if exact is not None and estimate is not None and row in (exact, estimate):
            better = exact if exact.n >= _NEARLY_ALL * estimate.n else estimate
            if row is not better:
                continue
        if row.kind == "bound" and row.metric in _BOUND_OF and _answered(found, _BOUND_OF[row.metric]):
            continue
        yield row


def _answered(found: Mapping[tuple[str, Kind], MetricRow], metric: str) -> bool:
    """Whether most calls of the group have the figure itself."""
    rows = (found.get((metric, "exact")), found.get((metric, "estimate")))
    return any(row is not None and row.coverage >= _MOST and _has_median(row) for row in rows)


def _has_median(row: MetricRow) -> bool:
    return any(value is not None for value in row.quantiles.values())
