"""What is watched over time: one value per call, summed per session and day."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo
from typing import Final

import numpy as np
from numpy.typing import NDArray

from latprof.classes import dataclass
from latprof.metrics import Metric, metric
from latprof.model import BLOCK_TYPES, Kind
from latprof.stats.changes import Series, normal_scores
from latprof.stats.grouping import BY_KEYS
from latprof.stats.samples import best_kind, samples
from latprof.trace import Trace

__all__ = ["SeriesOfCalls", "Units", "series_of", "units_of"]

_Floats = NDArray[np.float64]
_Ints = NDArray[np.int64]

_TIMES: Final = ("ttft_s", "first_block_s", "decode_tps", "wall_s")
_SIZES: Final = ("output_tokens", "reasoning_tokens")
_MOST_TOOLS: Final = 4
_CELL_CALLS: Final = 10
_NO_VARIANCE: Final = 1e-12
_BLOCK_CALLS: Final = 50_000
# A series needs values for this share of the model's calls, lest it shows who has them rather than what they are.
_LEAST_SHARE: Final = 0.2


@dataclass(frozen=True)
class Units:
    """Sessions split by day, in the order of their first calls.

    `member` (calls) is the unit's number of each call, `start` (units) when the unit's first call was sent.
    """

    member: _Ints
    start: _Floats

    def __len__(self) -> int:
        return len(self.start)


@dataclass(frozen=True)
class SeriesOfCalls:
    """A quantity per call: `values` as they are, `scores` as they are compared; NaN where unknown.

    A metric has a kind; other quantities have neither and are exact. `per_thousand` quantities are
    occurrences, written per thousand calls.
    """

    name: str
    unit: str
    values: _Floats
    scores: _Floats
    metric: Metric | None = None
    kind: Kind | None = None
    per_thousand: bool = False

    def sums(self, units: Units) -> Series:
        """Each unit's mean score, counted by how well it is known."""
        known = ~np.isnan(self.scores)
        member, scores = units.member[known], self.scores[known]
        calls = np.bincount(member, minlength=len(units)).astype(np.float64)
        means = np.bincount(member, scores, minlength=len(units)) / np.maximum(calls, 1)
        weights = _weights(scores - means[member], means, calls)
        return Series(self.name, means * weights, weights)


def _weights(within: _Floats, means: _Floats, calls: _Floats) -> _Floats:
    """One over the standard error of each unit's mean; 0 for units without calls.

    So all units vary alike where nothing changes, whether of 2 calls or of 200, and orders may be shuffled
    although later days have more calls. Calls of a unit are alike: the squared error is the variance between units
    plus that within over the calls, both by the analysis of variance with unequal numbers (Searle, Casella and
    McCulloch, Variance Components, 1992, chapter 3).
    """
    some = calls > 0
    n, units, squares = float(calls.sum()), int(some.sum()), float(within @ within)
    if units < 2:
        return some.astype(np.float64)
    inside = squares / (n - units) if n > units else 0.0
    off = means[some] - float(means @ calls) / n
    per_unit = (n - float(calls @ calls) / n) / (units - 1)
    between = max((float(calls[some] @ off**2) / (units - 1) - inside) / per_unit, 0.0)
    if between + inside <= _NO_VARIANCE:
        return some.astype(np.float64)
    weights = np.zeros(len(calls))
    weights[some] = 1 / np.sqrt(between + inside / calls[some])
    return weights


def units_of(trace: Trace, tz: tzinfo = UTC) -> Units:
    """The units of a trace whose calls all have a date."""
    sent = trace.column("sent_at")
    days = [datetime.fromtimestamp(at, tz).toordinal() for at in sent]
    keys = list(zip(trace.texts["session_id"], days, strict=True))
    start: dict[tuple[str, int], float] = {}
    for key, at in zip(keys, sent, strict=True):
        start[key] = min(start.get(key, np.inf), float(at))
    ordered = sorted(start, key=lambda key: (start[key], key))
    place = {key: number for number, key in enumerate(ordered)}
    return Units(
        np.array([place[key] for key in keys], dtype=np.int64),
        np.array([start[key] for key in ordered], dtype=np.float64),
    )


def series_of(trace: Trace, tz: tzinfo = UTC) -> Iterator[SeriesOfCalls]:
    """Everything that is watched in one model's calls."""
    cells = _cells(trace, tz)
    answered = False
    for key in _TIMES:
        if key == "first_block_s" and answered:
            continue
        item = _of_metric(trace, metric(key), cells)
        if item is not None:
            answered = answered or key == "ttft_s"
            yield item
    for key in _SIZES:
        item = _of_metric(trace, metric(key), None)
        if item is not None:
            yield item
    yield _occurrence("retries", trace.flag("retried") | (trace.numbers["attempts"] > 1))
    yield _occurrence("interrupts", trace.flag("interrupted"))
    yield from _tools(trace)


def _of_metric(trace: Trace, declared: Metric, cells: _Ints | None) -> SeriesOfCalls | None:
    """The metric's best kind, as ranks; within cells of like work where given."""
    found = samples(trace, declared, np.zeros(len(trace), dtype=np.int64))
    kind = best_kind([found])
    if kind is None or len(found[kind]) < _LEAST_SHARE * len(trace):
        return None
    values = declared.values(trace)[kind]
    return SeriesOfCalls(declared.key, declared.unit, values, normal_scores(values, cells), declared, kind)


def _cells(trace: Trace, tz: tzinfo) -> _Ints:
    """Trigger and size of context of each call as a number; rare ones together."""
    keys = list(zip(BY_KEYS["trigger"](trace, tz), BY_KEYS["context"](trace, tz), strict=True))
    counts: dict[tuple[str | None, str | None], int] = {}
    for key in keys:
        counts[key] = counts.get(key, 0) + 1
    numbers = {key: number for number, key in enumerate((k for k, n in counts.items() if n >= _CELL_CALLS), 1)}
    return np.array([numbers.get(key, 0) for key in keys], dtype=np.int64)


def _occurrence(name: str, mask: NDArray[np.bool_]) -> SeriesOfCalls:
    values = mask.astype(np.float64)
    return SeriesOfCalls(name, "per 1,000 calls", values, values, per_thousand=True)


def _tools(trace: Trace) -> Iterator[SeriesOfCalls]:
    """For the most used tools: which share of a call's tool uses it is; calls without tools say nothing."""
    uses, names = _uses(trace)
    total = uses.sum(axis=0)
    often = sorted(np.flatnonzero(total).tolist(), key=lambda tool: (-total[tool], names[tool]))[:_MOST_TOOLS]
    every = uses.sum(axis=1)
    for tool in often:
        values = np.divide(uses[:, tool], every, out=np.full(len(every), np.nan), where=every > 0)
        yield SeriesOfCalls(f"tool {names[tool]}", "share", values, values)


def _uses(trace: Trace) -> tuple[_Floats, list[str]]:
    """How often each call (calls, tools) uses each tool, and the tools' names; some calls' blocks at a time."""
    use = BLOCK_TYPES.index("tool_use")
    places: dict[str, int] = {}
    parts: list[tuple[_Ints, _Ints]] = []
    for begin in range(0, len(trace), _BLOCK_CALLS):
        rows = np.arange(begin, min(begin + _BLOCK_CALLS, len(trace)))
        blocks = trace.blocks_of(rows)
        chosen = blocks.type == use
        # The last place is that of the code -1: a tool without a name.
        table = np.array([places.setdefault(name, len(places)) for name in (*blocks.tool.categories, "unknown")])
        parts.append((np.repeat(rows, np.diff(blocks.offsets))[chosen], table[blocks.tool.codes[chosen]]))
    found = np.zeros((len(trace), len(places)))
    for owner, tool in parts:
        np.add.at(found, (owner, tool), 1.0)
    return found, list(places)
