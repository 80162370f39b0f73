"""Did something change over time, when, by how much, and what else changed then?

Per model of an agent: waiting, speed, size of responses, tools, retries, interrupts. Times and speeds are
compared as ranks among calls of the same trigger and size of context, so that other work is not taken for
another speed. The scan and its false-alarm rate: `latprof.stats.changes`. What other displays show as a change
over time comes from here too, so that none contradicts another.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo
from typing import Final

import numpy as np
from numpy.typing import NDArray

from latprof.change.series import SeriesOfCalls, Units, series_of, units_of
from latprof.classes import dataclass
from latprof.stats.changes import FALSE_ALARMS, MIN_UNITS, Break, Family, Findings, enough, find_breaks
from latprof.stats.difference import CANNOT_TELL, Change, verdict
from latprof.stats.grouping import of_agents
from latprof.stats.quantiles import student_t_quantile
from latprof.stats.samples import samples
from latprof.trace import Trace

__all__ = ["Boundary", "Drift", "Level", "Seen", "Shift", "drift"]

_Ints = NDArray[np.int64]
_MIN_CALLS: Final = 40


@dataclass(frozen=True, slots=True)
class Level:
    """What a series amounted to in a stretch of time, with its 95 % interval; `n` calls in `sessions` sessions."""

    value: float | None
    low: float | None
    high: float | None
    n: int
    sessions: int


@dataclass(frozen=True, slots=True)
class Boundary:
    """A version or a model that was first used at an instant (epoch seconds)."""

    agent: str
    what: str
    name: str
    at: float


@dataclass(frozen=True, slots=True)
class Shift:
    """A change: of which series, when (epoch seconds, with the span in which it lies), from what to what.

    `chance` is how often so much evidence comes up in any series when nothing changes. `change` is there
    for metrics, whose levels are medians; other levels are means. `near` began within the span.
    """

    agent: str
    model: str
    series: SeriesOfCalls
    at: float
    earliest: float
    latest: float
    before: Level
    after: Level
    change: Change | None
    word: str
    evidence: float
    chance: float
    near: tuple[Boundary, ...]


@dataclass(frozen=True, slots=True)
class Seen:
    """A series that was scanned: its calls, units, strongest evidence and chance."""

    agent: str
    model: str
    series: SeriesOfCalls
    n: int
    units: int
    evidence: float
    chance: float


@dataclass(frozen=True, slots=True)
class Drift:
    """All changes, all that was scanned, what could not be, and when versions and models began.

    `unclear` are signs as strong as those of changes where the intervals of the levels do not tell which way, or
    there are none: no changes. `calls` were looked at, `left_out` are those of load generators.
    """

    shifts: tuple[Shift, ...]
    seen: tuple[Seen, ...]
    refused: tuple[str, ...]
    boundaries: tuple[Boundary, ...]
    calls: int
    false_alarms: float
    unclear: tuple[Shift, ...] = ()
    left_out: int = 0

    def shifts_of(self, agent: str, model: str | None, series: str) -> tuple[Shift, ...]:
        """The changes of one figure, in the order of time."""
        key = (*_names(agent, model), series)
        return tuple(item for item in self.shifts if (item.agent, item.model, item.series.name) == key)

    def seen_of(self, agent: str, model: str | None, series: str) -> Seen | None:
        """One figure's scan; None where it was not scanned."""
        key = (*_names(agent, model), series)
        return next((item for item in self.seen if (item.agent, item.model, item.series.name) == key), None)


@dataclass(frozen=True)
class _Scan:
    """One model's calls in the form that the scan takes."""

    agent: str
    model: str
    trace: Trace
    units: Units
    series: tuple[SeriesOfCalls, ...]

    @property
    def name(self) -> str:
        return f"{self.agent}\x00{self.model}"


def drift(trace: Trace, *, level: float = FALSE_ALARMS, tz: tzinfo = UTC) -> Drift:
    """Changes per model. Estimates, where they are wanted, must be made without effects of time.

    `level` is the chance of any false alarm in the whole result. Calls without a date are left out, and those of
    load generators: what they wait for follows the load that was offered.
    """
    given, trace = len(trace), of_agents(trace)
    left_out, dated = given - len(trace), ~np.isnan(trace.column("sent_at"))
    trace = trace if dated.all() else trace.select(dated)
    scans, refused = _scans(trace, tz)
    families = [Family(scan.name, tuple(item.sums(scan.units) for item in scan.series)) for scan in scans]
    findings = find_breaks(families, level=level)
    boundaries = tuple(_boundaries(trace))
    by_name = {scan.name: scan for scan in scans}
    shifts = [_shift(by_name[item.family], item, boundaries) for item in findings.breaks]
    shifts.sort(key=lambda item: (item.at, item.agent, item.model, item.series.name))
    unclear = tuple(item for item in shifts if item.word == CANNOT_TELL)
    return Drift(
        tuple(item for item in shifts if item.word != CANNOT_TELL), tuple(_seen(by_name, findings)), tuple(refused),
        boundaries, len(trace), level, unclear, left_out,
    )  # fmt: skip


def _names(agent: str | None, model: str | None) -> tuple[str, str]:
    """How an agent's model is called in the result."""
    return str(agent), str(model or "unknown")


def _scans(trace: Trace, tz: tzinfo) -> tuple[list[_Scan], list[str]]:
    """The models with enough sessions, and words about the others."""
    scans: list[_Scan] = []
    refused: list[str] = []
    for (agent, model), mask in sorted(_by_model(trace).items()):
        part = trace.select(mask)
        units = units_of(part, tz)
        if len(part) < _MIN_CALLS or len(units) < MIN_UNITS:
            refused.append(f"{model}: {len(part)} calls in {len(units)} days of sessions")
            continue
        known = tuple(item for item in series_of(part, tz) if enough(item.sums(units)))
        scans.append(_Scan(agent, model, part, units, known))
    return scans, refused


def _by_model(trace: Trace) -> dict[tuple[str, str], NDArray[np.bool_]]:
    """Which calls are of each agent's model; those without a name of one."""
    agents, models = trace.codes("agent"), trace.codes("model")
    width = len(models.categories) + 1
    pairs = (agents.codes + 1) * width + models.codes + 1
    found: dict[tuple[str, str], NDArray[np.bool_]] = {}
    for pair in np.unique(pairs).tolist():
        agent, model = divmod(pair, width)
        key = _names(_text(agents.categories, agent - 1), _text(models.categories, model - 1))
        mask = pairs == pair
        found[key] = found[key] | mask if key in found else mask
    return found


def _text(names: tuple[str, ...], code: int) -> str | None:
    return names[code] if code >= 0 else None


def _seen(scans: dict[str, _Scan], findings: Findings) -> Iterator[Seen]:
    for item in findings.scanned:
        scan = scans[item.family]
        series = next(one for one in scan.series if one.name == item.series)
        n = int((~np.isnan(series.values)).sum())
        yield Seen(scan.agent, scan.model, series, n, len(scan.units), item.evidence, item.chance)


def _shift(scan: _Scan, found: Break, boundaries: tuple[Boundary, ...]) -> Shift:
    series = next(item for item in scan.series if item.name == found.series)
    member = scan.units.member
    sides = (
        np.flatnonzero((member >= found.first) & (member < found.unit)),
        np.flatnonzero((member >= found.unit) & (member < found.last)),
    )
    before, after, change = _levels(scan, series, (sides[0].astype(np.int64), sides[1].astype(np.int64)))
    starts = scan.units.start
    earliest, latest = float(starts[found.earliest - 1]), float(starts[min(found.latest, len(starts) - 1)])
    near = tuple(item for item in boundaries if item.agent == scan.agent and earliest <= item.at <= latest)
    return Shift(
        scan.agent, scan.model, series, float(starts[found.unit]), earliest, latest, before, after, change,
        _word(series, before, after, change), found.evidence, found.chance, near,
    )  # fmt: skip


def _levels(scan: _Scan, series: SeriesOfCalls, sides: tuple[_Ints, _Ints]) -> tuple[Level, Level, Change | None]:
    """Medians of a metric with their change; else means."""
    if series.metric is None or series.kind is None:
        first, second = (_mean(series, scan.units, rows) for rows in sides)
        return first, second, None
    sessions = scan.units.member
    kinds = [samples(scan.trace, series.metric, sessions, rows=rows).get(series.kind) for rows in sides]
    figures = [None if item is None else item.percentile(0.5) for item in kinds]
    levels = [
        Level(None, None, None, 0, 0) if item is None else Level(item.value, item.low, item.high, item.n, item.sessions)
        for item in figures
    ]
    first_figure, second_figure = figures
    change = None if first_figure is None or second_figure is None else Change(first_figure, second_figure)
    return levels[0], levels[1], change


def _mean(series: SeriesOfCalls, units: Units, rows: _Ints) -> Level:
    """A mean over calls; variance of a ratio of sums over units (Cochran, Sampling Techniques, 1977, chapter 6)."""
    rows = rows[~np.isnan(series.values[rows])]
    if not len(rows):
        return Level(None, None, None, 0, 0)
    labels, member = np.unique(units.member[rows], return_inverse=True)
    values, n, count = series.values[rows], len(rows), len(labels)
    mean = float(values.mean())
    if count < 2:
        return Level(mean, None, None, n, count)
    residual = np.bincount(member, values - mean)
    reach = student_t_quantile(0.975, count - 1) * float(np.sqrt(count / (count - 1) * (residual @ residual))) / n
    return Level(mean, max(mean - reach, 0.0), mean + reach, n, count)


def _word(series: SeriesOfCalls, before: Level, after: Level, change: Change | None) -> str:
    if change is not None and series.metric is not None and series.kind is not None:
        return verdict(change, series.metric, series.kind)
    if before.value is None or after.value is None:
        return "changed"
    return "more" if after.value > before.value else "fewer"


def _boundaries(trace: Trace) -> Iterator[Boundary]:
    """First uses of versions and models, but for those that were there from the first day on."""
    found: list[Boundary] = []
    begin: dict[str, float] = {}
    for what, column in (("version", "agent_version"), ("model", "model")):
        for (agent, name), at in _first_uses(trace, column).items():
            begin[agent] = min(begin.get(agent, np.inf), at)
            if name is not None:
                found.append(Boundary(agent, what, name, at))
    for item in sorted(found, key=lambda item: (item.at, item.agent, item.what, item.name)):
        if datetime.fromtimestamp(item.at, UTC).date() != datetime.fromtimestamp(begin[item.agent], UTC).date():
            yield item


def _first_uses(trace: Trace, column: str) -> dict[tuple[str, str | None], float]:
    """When each agent's calls with each text of a column begin."""
    agents, names = trace.codes("agent"), trace.codes(column)
    width = len(names.categories) + 1
    first = np.full((len(agents.categories) + 1) * width, np.inf)
    np.minimum.at(first, (agents.codes + 1) * width + names.codes + 1, trace.column("sent_at"))
    found: dict[tuple[str, str | None], float] = {}
    for place in np.flatnonzero(first < np.inf).tolist():
        agent, name = divmod(place, width)
        found[str(_text(agents.categories, agent - 1)), _text(names.categories, name - 1)] = float(first[place])
    return found
