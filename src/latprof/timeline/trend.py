"""Waiting by weekday and hour, by day with change points, and where another model served."""

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

__all__ = ["Day", "HeatMap", "Served", "Trend", "change_points", "heat_map", "served", "trends"]

Floats = NDArray[np.float64]
_MIN_CALLS: Final = 6
_MIN_DAYS: Final = 8
_SHORTEST_DAYS: Final = 3
_SHOWN_MODELS: Final = 3
# The usual penalty of a change of mean in n values is a multiple of log n times their variance
# (Yao, Statistics and Probability Letters 6, 1988, with 2); 3 is more careful with skewed medians.
_PENALTY: Final = 3.0
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

    `new_version` marks the first day of such a version, `change` a change point that begins here.
    """

    day: str
    n: int
    median: float | None
    version: str | None
    new_version: bool
    change: bool


@dataclass(frozen=True, slots=True)
class Trend:
    """The days of one model. `refused` says why change points were not looked for."""

    metric: Driven
    unit: str
    kind: Kind
    model: str | None
    days: tuple[Day, ...]
    refused: str = ""


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
    """Daily medians of the models with most days; models are kept apart, for their mixture changes too."""
    values, moments = measure(trace, metric), _moments(trace, tz)
    days: defaultdict[str | None, defaultdict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for row, moment in enumerate(moments):
        if moment is not None and not math.isnan(values.values[row]):
            days[trace.texts["model"][row]][moment.date().isoformat()].append(row)
    often = sorted(days, key=lambda model: -sum(len(rows) for rows in days[model].values()))
    return [_trend(trace, values, model, days[model]) for model in often[:_SHOWN_MODELS]]


def _trend(trace: Trace, values: Measure, model: str | None, rows_of: dict[str, list[int]]) -> Trend:
    names = sorted(rows_of)
    medians = [_median([float(values.values[row]) for row in rows_of[name]]) for name in names]
    known = [number for number, median in enumerate(medians) if median is not None]
    refused, changes = "", set[int]()
    if len(known) < _MIN_DAYS:
        refused = f"change points need {_MIN_DAYS} days with {_MIN_CALLS} calls, there are {len(known)}"
    else:
        found = change_points([medians[number] or math.nan for number in known])
        if found is None:
            refused = "change points need the package ruptures: pip install 'latprof[trend]'"
        changes = {known[number] for number in found or ()}
    days: list[Day] = []
    version: str | None = None
    for number, name in enumerate(names):
        most = _most([trace.texts["agent_version"][row] for row in rows_of[name]])
        new = most is not None and version is not None and most != version
        version = most or version
        days.append(Day(name, len(rows_of[name]), medians[number], most, new, number in changes))
    return Trend(values.metric, values.unit, values.kind, model, tuple(days), refused)


def _most(versions: Sequence[str | None]) -> str | None:
    counts = Counter(version for version in versions if version is not None)
    return counts.most_common(1)[0][0] if counts else None


def change_points(medians: Sequence[float]) -> list[int] | None:
    """Numbers of the values at which a new level begins; None where the package ruptures is missing.

    PELT (Killick, Fearnhead and Eckley, JASA 107, 2012) on the logarithms, with the noise taken from
    the differences of neighbours, which a change of level hardly touches.
    """
    try:
        import ruptures
    except ImportError:
        return None
    logs = np.log(np.maximum(np.asarray(medians, dtype=np.float64), 1e-9))
    steps = np.diff(logs)
    noise = 1.4826 * float(np.median(np.abs(steps - np.median(steps)))) / math.sqrt(2)
    if noise <= 0:
        noise = 1e-6
    search = ruptures.Pelt(model="l2", min_size=_SHORTEST_DAYS, jump=1).fit((logs / noise).reshape(-1, 1))
    ends: list[int] = search.predict(pen=_PENALTY * math.log(len(logs)))
    return [int(end) for end in ends[:-1]]


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
