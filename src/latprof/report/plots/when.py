"""When it is slow: hours of the week, and days."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime, tzinfo
from typing import Final

from latprof.change import Drift, Shift
from latprof.metrics import metric
from latprof.report.document import Cell, Column, Plot, Table
from latprof.report.drifting import chance_text
from latprof.report.figures import Axis, Heat, Line, Lines, Mark
from latprof.report.plots.subject import Subject, interval_text, slug, value_text
from latprof.stats import MetricRow, summarize
from latprof.units import format_count, format_value

__all__ = ["heat_plot", "trend_plot"]

_DAYS: Final = ("1 Mon", "2 Tue", "3 Wed", "4 Thu", "5 Fri", "6 Sat", "7 Sun")
_HOURS: Final = tuple(f"{hour:02d}" for hour in range(24))
_LEAST_FIELDS: Final = 4
_LEAST_DAYS: Final = 3
_GAP_DAYS: Final = 7
_TAIL: Final = 0.9
_LEVELS: Final = " Another level begins, as latprof drift finds it (drawn through): {}."
_NO_LEVEL: Final = (
    " No change of level was found: a sign as strong as the strongest comes up in {} of histories without a change."
)
_ALARMS: Final = " Where nothing changes, at most {:g} % of such histories show any change, all figures together."
_CHANGES: Final = (
    " Dotted uprights and strokes at the top: from that day on most calls came from another version of the agent; all "
    "versions stand in the table."
)


def heat_plot(subject: Subject, tz: tzinfo) -> Plot | None:
    """The median per hour and weekday; None where too few hours have calls enough."""
    found = {
        (day, hour): row
        for row in _rows(subject, ("weekday", "hour"), tz)
        if (day := row.group["weekday"]) is not None and (hour := row.group["hour"]) is not None
    }
    known = [row for row in found.values() if row.quantiles[0.5] is not None]
    if len(known) < _LEAST_FIELDS:
        return None
    unit = metric(subject.choice.metric).unit
    values = tuple(tuple(_median(found.get((day, hour))) for hour in _HOURS) for day in _DAYS)
    counts = tuple(tuple(_count(found.get((day, hour))) for hour in _HOURS) for day in _DAYS)
    figure = Heat(subject.words, unit, tuple(day[2:] for day in _DAYS), _HOURS, values, counts)
    slow, fast = max(known, key=_middle), min(known, key=_middle)
    zone = datetime(2026, 1, 1, tzinfo=tz).tzname() or "local time"
    summary = (
        f"{subject.agent}: median {subject.words} per hour and weekday, in seconds; hours are {zone}. Slowest "
        f"{_when(slow)} with {_words(slow)}, fastest {_when(fast)} with {_words(fast)}. "
        f"Single fields rest on few calls: look for whole rows and columns. The range of each is in the table."
    )
    return Plot(
        f"hours-{slug(subject.agent)}",
        f"Hour and weekday: {subject.agent}",
        summary,
        figure,
        _heat_table(subject, found),
    )


def _rows(subject: Subject, by: tuple[str, ...], tz: tzinfo, quantiles: tuple[float, ...] = (0.5,)) -> list[MetricRow]:
    chosen = metric(subject.choice.metric)
    summary = summarize(subject.trace, by, quantiles=quantiles, metrics=(chosen,), tz=tz)
    return [row for row in summary.rows if row.kind == subject.choice.kind]


def _median(row: MetricRow | None) -> float | None:
    return None if row is None else row.quantiles[0.5]


def _middle(row: MetricRow) -> float:
    return row.quantiles[0.5] or 0.0


def _count(row: MetricRow | None) -> int:
    return 0 if row is None else row.n


def _when(row: MetricRow) -> str:
    return f"{(row.group['weekday'] or '')[2:]} {row.group['hour']}:00"


def _words(row: MetricRow) -> str:
    return f"{format_value(row.quantiles[0.5], row.unit)} {row.unit} (n {format_count(row.n)})"


def _heat_table(subject: Subject, found: dict[tuple[str, str], MetricRow]) -> Table:
    heads = (Column("weekday", "left"), Column("hour", "left"), Column("n"), Column("median"), Column("median 95 %"))
    chosen = subject.choice
    rows = tuple(
        (
            Cell(day[2:]), Cell(f"{hour}:00"), Cell(format_count(row.n)),
            Cell(_value(row, 0.5, chosen.kind)), Cell(interval_text(row.intervals[0.5], row.unit), minor=True),
        )
        for (day, hour), row in sorted(found.items(), key=lambda item: item[0])
    )  # fmt: skip
    return Table(f"{subject.words} per hour and weekday, {metric(chosen.metric).unit}", heads, rows)


def _value(row: MetricRow, probability: float, kind: str) -> str:
    value = row.quantiles[probability]
    return "too few" if value is None else value_text(value, row.metric, kind)


def trend_plot(subject: Subject, tz: tzinfo, drift: Drift | None = None) -> Plot | None:
    """Median with its interval and the slow tail per day, new versions of most calls, and levels of `drift`."""
    rows = [row for row in _rows(subject, ("day",), tz, (0.5, _TAIL)) if row.group["day"] is not None]
    shown = [row for row in rows if row.quantiles[0.5] is not None]
    if len(shown) < _LEAST_DAYS:
        return None
    versions = _versions(subject, tz)
    days = [date.fromisoformat(str(row.group["day"])) for row in shown]
    changes, levels, places = _changes(versions, days), _levels(subject, days, tz, drift), _with_gaps(days)
    by_day = dict(zip(days, shown, strict=True))
    picked = [by_day.get(day) for day in places]
    unit = metric(subject.choice.metric).unit
    bounded = any(None not in row.intervals[0.5] for row in shown)
    lines = (
        Line(
            "median with its 95 % interval" if bounded else "median", "middle", tuple(_median(row) for row in picked),
            tuple((None, None) if row is None else row.intervals[0.5] for row in picked),
            tuple(_count(row) for row in picked),
        ),
        Line(
            "90th percentile", "tail", tuple(None if row is None else row.quantiles[_TAIL] for row in picked),
            counts=tuple(_count(row) for row in picked),
        ),
    )  # fmt: skip
    figure = Lines(
        "day",
        tuple(day.isoformat() for day in places),
        tuple(float(day.toordinal()) for day in places),
        Axis(subject.words, unit),
        lines,
        (
            *(Mark(float(day.toordinal()), f"new level: {shift.word}", strong=True) for day, shift in levels),
            *(Mark(float(day.toordinal()), name) for day, name in changes),
        ),
    )
    slow, fast = max(shown, key=_middle), min(shown, key=_middle)
    summary = (
        f"{subject.name}: {subject.words} per day, in seconds, over {format_count(len(shown))} days with calls enough. "
        f"The median lay between {_words(fast)} on {fast.group['day']} and {_words(slow)} on {slow.group['day']}."
        f"{_level_words(subject, levels, drift)}"
        f"{_CHANGES if changes else ''}"
    )
    return Plot(
        f"trend-{slug(subject.name)}", f"Day by day: {subject.name}", summary, figure,
        _trend_table(subject, rows, versions),
    )  # fmt: skip


def _with_gaps(days: list[date]) -> list[date]:
    """The days, and after each from which the next is more than a week away the day after it, empty."""
    places: list[date] = []
    for day in days:
        if places and (day - places[-1]).days > _GAP_DAYS:
            places.append(date.fromordinal(places[-1].toordinal() + 1))
        places.append(day)
    return places


def _versions(subject: Subject, tz: tzinfo) -> dict[str, str]:
    """The version that most calls of each day came from."""
    counts: dict[str, Counter[str]] = {}
    versions = subject.trace.texts["agent_version"]
    for at, version in zip(subject.trace.column("sent_at"), versions, strict=True):
        if at == at and version is not None:  # noqa: PLR0124 - NaN is not itself
            counts.setdefault(datetime.fromtimestamp(at, tz).date().isoformat(), Counter())[version] += 1
    return {day: max(sorted(found), key=lambda name: found[name]) for day, found in counts.items()}


def _changes(versions: dict[str, str], days: list[date]) -> list[tuple[date, str]]:
    found: list[tuple[date, str]] = []
    before: str | None = None
    for day in days:
        version = versions.get(day.isoformat())
        if version is not None and version != before:
            if before is not None:
                found.append((day, version))
            before = version
    return found


def _levels(subject: Subject, days: list[date], tz: tzinfo, drift: Drift | None) -> list[tuple[date, Shift]]:
    """On which of the days another level begins: the first from the moment of a change on."""
    if drift is None:
        return []
    found = []
    for shift in drift.shifts_of(subject.agent, subject.model, subject.choice.metric):
        day = next((day for day in days if day >= datetime.fromtimestamp(shift.at, tz).date()), None)
        found += [] if day is None else [(day, shift)]
    return found


def _level_words(subject: Subject, levels: list[tuple[date, Shift]], drift: Drift | None) -> str:
    """What the search for changes says of this figure, and how sure it is; nothing where it was not searched."""
    seen = None if drift is None else drift.seen_of(subject.agent, subject.model, subject.choice.metric)
    if drift is None or seen is None:
        return ""
    each = (f"{shift.word} from {day.isoformat()} on (chance {chance_text(shift.chance)})" for day, shift in levels)
    said = _LEVELS.format(", ".join(each)) if levels else _NO_LEVEL.format(chance_text(seen.chance))
    return said + _ALARMS.format(drift.false_alarms * 100)


def _trend_table(subject: Subject, rows: list[MetricRow], versions: dict[str, str]) -> Table:
    heads = (
        Column("day", "left"), Column("n"), Column("median"), Column("median 95 %"), Column("p90"),
        Column("version of most calls", "left"),
    )  # fmt: skip
    kind = subject.choice.kind
    cells = tuple(
        (
            Cell(str(row.group["day"])), Cell(format_count(row.n)), Cell(_value(row, 0.5, kind)),
            Cell(interval_text(row.intervals[0.5], row.unit), minor=True), Cell(_value(row, _TAIL, kind)),
            Cell(versions.get(str(row.group["day"]), "unknown")),
        )
        for row in rows
    )  # fmt: skip
    return Table(f"{subject.words} per day, {metric(subject.choice.metric).unit}", heads, cells)
