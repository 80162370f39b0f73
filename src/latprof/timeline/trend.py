"""Waiting by weekday and hour, by day, and where another model served.

Changes of level over days are found in one place only: `latprof.change.drift`.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo
from typing import Final

import numpy as np
from numpy.typing import NDArray

from latprof.classes import dataclass
from latprof.model import Kind
from latprof.timeline.measures import Driven, Measure, measure
from latprof.trace import Trace

__all__ = ["Day", "HeatMap", "Served", "Trend", "heat_map", "served", "trends"]

Floats = NDArray[np.float64]
_MIN_CALLS: Final = 6
_SHOWN_MODELS: Final = 3
_DATED: Final = re.compile(r"[-@]?\d{8}$|[-:]latest$|\[1m\]$")


@dataclass(frozen=True, slots=True)
class HeatMap:
    """Medians by weekday (0 is Monday) and hour of the zone; None below six calls, `counts` beside them."""

    metric: Driven
    unit: str
    kind: Kind
    n: int
    medians: tuple[tuple[float | None, ...], ...]
    counts: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Day:
    """One day: `median` is None below six calls; `version` names what most calls were made with.

    `new_version` marks the first day of such a version; `last_at` is when the day's last call was sent.
    """

    day: str
    n: int
    median: float | None
    version: str | None
    new_version: bool
    last_at: float


@dataclass(frozen=True, slots=True)
class Trend:
    """The days of one agent's model."""

    metric: Driven
    unit: str
    kind: Kind
    agent: str
    model: str | None
    days: tuple[Day, ...]


@dataclass(frozen=True, slots=True)
class Served:
    """`n` of `calls` calls that asked for `requested` were answered by `served`."""

    requested: str
    served: str
    n: int
    calls: int


def _moments(trace: Trace, tz: tzinfo) -> list[datetime | None]:
    return [None if math.isnan(at) else datetime.fromtimestamp(at, tz) for at in trace.column("sent_at").tolist()]


def heat_map(trace: Trace, metric: Driven, tz: tzinfo = UTC) -> HeatMap:
    """When waiting is long: 7 rows of 24 hours."""
    values = measure(trace, metric)
    cells: defaultdict[tuple[int, int], list[float]] = defaultdict(list)
    for value, moment in zip(values.values.tolist(), _moments(trace, tz), strict=True):
        if moment is not None and not math.isnan(value):
            cells[moment.weekday(), moment.hour].append(value)
    counts = tuple(tuple(len(cells[day, hour]) for hour in range(24)) for day in range(7))
    medians = tuple(tuple(_median(cells[day, hour]) for hour in range(24)) for day in range(7))
    return HeatMap(metric, values.unit, values.kind, sum(map(sum, counts)), medians, counts)


def _median(values: Sequence[float]) -> float | None:
    return float(np.median(values)) if len(values) >= _MIN_CALLS else None


def trends(trace: Trace, metric: Driven, tz: tzinfo = UTC) -> list[Trend]:
    """Daily medians of the models with most calls; agents and models are kept apart, for their mixture changes too."""
    values, moments = measure(trace, metric), _moments(trace, tz)
    days: defaultdict[tuple[str, str | None], defaultdict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for row, moment in enumerate(moments):
        if moment is not None and not math.isnan(values.values[row]):
            key = (str(trace.texts["agent"][row]), trace.texts["model"][row])
            days[key][moment.date().isoformat()].append(row)
    often = sorted(days, key=lambda key: -sum(len(rows) for rows in days[key].values()))
    return [_trend(trace, values, key, days[key]) for key in often[:_SHOWN_MODELS]]


def _trend(trace: Trace, values: Measure, key: tuple[str, str | None], rows_of: dict[str, list[int]]) -> Trend:
    days: list[Day] = []
    version: str | None = None
    for name, rows in sorted(rows_of.items()):
        most = _most([trace.texts["agent_version"][row] for row in rows])
        new = most is not None and version is not None and most != version
        version = most or version
        median = _median([float(values.values[row]) for row in rows])
        last = float(trace.column("sent_at")[rows].max())
        days.append(Day(name, len(rows), median, most, new, last))
    return Trend(values.metric, values.unit, values.kind, *key, tuple(days))


def _most(versions: Sequence[str | None]) -> str | None:
    counts = Counter(version for version in versions if version is not None)
    return counts.most_common(1)[0][0] if counts else None


def served(trace: Trace) -> list[Served]:
    """Where another model answered than was asked for; dates and context marks in a name do not count."""
    pairs: Counter[tuple[str, str]] = Counter()
    asked: Counter[str] = Counter()
    for requested, model in zip(trace.texts["requested_model"], trace.texts["model"], strict=True):
        if requested is None or model is None:
            continue
        asked[requested] += 1
        if _plain(requested) != _plain(model):
            pairs[requested, model] += 1
    return [Served(one, other, n, asked[one]) for (one, other), n in pairs.most_common()]


def _plain(name: str) -> str:
    """'anthropic/Claude-Opus-4.5-20251101[1m]' -> 'claude-opus-4-5'."""
    last = name.lower().rsplit("/", 1)[-1].removeprefix("openrouter-").replace(".", "-").replace("_", "-")
    while (shorter := _DATED.sub("", last)) != last:
        last = shorter
    return last
