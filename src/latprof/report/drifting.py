"""Changes over time: a table, a sentence for each, and what else was looked at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any, Final

from latprof.change import Boundary, Drift, Level, Seen, Shift
from latprof.report.differing import signed_percent
from latprof.report.document import Cell, Column, Document, Grid, Note, Section, Table
from latprof.units import UNKNOWN, format_count, format_counted, format_instant, format_share, format_value

__all__ = ["chance_text", "drift_document"]

_DIGITS: Final = 6
_SHOWN_BOUNDARIES: Final = 12


def drift_document(drift: Drift, tz: tzinfo = UTC) -> Document:
    """Arrange what `latprof.change.drift` found."""
    sections = []
    if drift.shifts:
        notes = tuple(Note(_sentence(item, tz)) for item in drift.shifts)
        sections.append(Section("Changes", (_changes(drift.shifts, tz), *notes)))
    if drift.unclear:
        sections.append(Section("Unclear signs", tuple(Note(_unclear(item, tz)) for item in drift.unclear)))
    if drift.seen:
        sections.append(Section("Scanned", (_scanned(drift.seen),)))
    if drift.boundaries:
        sections.append(Section("First uses", (_boundaries(drift.boundaries, tz),)))
    sections.append(Section("In words", tuple(Note(text) for text in _words(drift))))
    return Document(_title(drift), tuple(sections), _data(drift, tz), _grid(drift, tz))


def _title(drift: Drift) -> str:
    if drift.left_out and not drift.calls:
        return f"latprof drift: nothing to search, {format_counted(drift.left_out, 'call')} of load generators"
    models = len({(item.agent, item.model) for item in drift.seen})
    found = format_counted(len(drift.shifts), "change") if drift.shifts else "no change"
    scanned = f"{format_counted(len(drift.seen), 'figure')} of {format_counted(models, 'model')}"
    return f"latprof drift: {found} found in {scanned} ({format_counted(drift.calls, 'call')})"


def _day(at: float, tz: tzinfo) -> str:
    return datetime.fromtimestamp(at, tz).strftime("%Y-%m-%d")


def _minute(at: float, tz: tzinfo) -> str:
    return datetime.fromtimestamp(at, tz).strftime("%Y-%m-%d %H:%M")


def _changes(shifts: Sequence[Shift], tz: tzinfo) -> Table:
    columns = (
        Column("model", "left"),
        Column("figure", "left"),
        Column("kind", "left"),
        Column("since", "left"),
        Column("before"),
        Column("after"),
        Column("change"),
        Column("t", priority=2),
        Column("chance"),
    )
    rows = tuple(
        (
            Cell(item.model),
            Cell(_name(item)),
            Cell(_kind(item)),
            Cell(_day(item.at, tz)),
            Cell(_level(item, item.before)),
            Cell(_level(item, item.after)),
            Cell(_amount(item)),
            Cell(f"{item.evidence:.1f}"),
            Cell(chance_text(item.chance)),
        )
        for item in shifts
    )
    return Table("Changes over time", columns, rows)


def _name(item: Shift) -> str:
    series = item.series
    if series.metric is not None:
        return f"p50 {series.name}"
    return f"{series.name} /1,000" if series.per_thousand else series.name


def _kind(item: Shift | Seen) -> str:
    return item.series.kind or "exact"


def _level(item: Shift, level: Level) -> str:
    return _written(item, level.value)


def _written(item: Shift, value: float | None) -> str:
    series = item.series
    if value is None:
        return UNKNOWN
    if series.metric is not None:
        return format_value(value, series.unit)
    return format_value(value * 1000, "s") if series.per_thousand else format_share(value)


def _amount(item: Shift) -> str:
    if item.change is not None:
        return signed_percent(item.change.ratio)
    first, second = item.before.value, item.after.value
    return signed_percent(second / first) if first and second is not None else UNKNOWN


def chance_text(chance: float) -> str:
    """'0.025 %', '72 %'."""
    return f"{chance * 100:.2g} %" if chance < 0.1 else format_share(chance)


def _sentence(item: Shift, tz: tzinfo) -> str:
    series = item.series
    noun = "median" if series.metric is not None else "mean"
    unit = "" if series.unit in {"share", "1"} else f" {series.unit}"
    sides = " before, ".join(
        f"{noun} {_written(item, level.value)}{unit}{_interval(item, level)} in {format_counted(level.n, 'call')}"
        for level in (item.before, item.after)
    )
    ratio = ""
    if item.change is not None and item.change.low is not None and item.change.high is not None:
        ends = f"{signed_percent(item.change.low)} to {signed_percent(item.change.high)}"
        ratio = f"; change {signed_percent(item.change.ratio)}, 95 % interval {ends}"
    near = (
        f" In that span: {_listed(item.near, tz)}."
        if item.near
        else " No version or model was first used in that span."
    )
    return (
        f"{series.name} of {item.model} ({_kind(item)}): {item.word} since {_minute(item.at, tz)} (between "
        f"{_minute(item.earliest, tz)} and {_minute(item.latest, tz)}): {sides} after{ratio}. Evidence: t = "
        f"{item.evidence:.1f}; so much comes up in any figure in {chance_text(item.chance)} of histories without a "
        f"change.{near}"
    )


def _unclear(item: Shift, tz: tzinfo) -> str:
    """A sign that the scan takes for a change and the levels do not show: in which way it changed is not known."""
    sides = " before, ".join(
        f"{_written(item, level.value)}{_interval(item, level)} in {format_counted(level.n, 'call')}"
        for level in (item.before, item.after)
    )
    return (
        f"{item.series.name} of {item.model} ({_kind(item)}): no change is claimed. Ranks of calls of like work differ "
        f"from {_minute(item.at, tz)} on (t = {item.evidence:.1f}, {chance_text(item.chance)} of histories without a "
        f"change show as much), but the medians' intervals do not tell which way: {sides} after."
    )


def _interval(item: Shift, level: Level) -> str:
    if level.low is None or level.high is None:
        return ""
    return f" ({_written(item, level.low)} to {_written(item, level.high)})"


def _listed(boundaries: Sequence[Boundary], tz: tzinfo) -> str:
    return ", ".join(f"{item.what} {item.name} first used {_minute(item.at, tz)}" for item in boundaries)


def _scanned(seen: Sequence[Seen]) -> Table:
    columns = (
        Column("model", "left"),
        Column("figure", "left"),
        Column("kind", "left"),
        Column("n"),
        Column("session days"),
        Column("largest t"),
        Column("chance"),
    )
    rows = tuple(
        (
            Cell(item.model if place == 0 or seen[place - 1].model != item.model else ""),
            Cell(item.series.name),
            Cell(_kind(item)),
            Cell(format_count(item.n)),
            Cell(format_count(item.units)),
            Cell(f"{item.evidence:.1f}"),
            Cell(chance_text(item.chance)),
        )
        for place, item in enumerate(seen)
    )
    return Table("What was scanned, with its strongest sign of a change", columns, rows)


def _boundaries(boundaries: Sequence[Boundary], tz: tzinfo) -> Table:
    shown = boundaries[-_SHOWN_BOUNDARIES:]
    columns = (Column("first used", "left"), Column("agent", "left"), Column("what", "left"), Column("name", "left"))
    rows = tuple((Cell(_minute(item.at, tz)), Cell(item.agent), Cell(item.what), Cell(item.name)) for item in shown)
    rest = len(boundaries) - len(shown)
    return Table("Versions and models first used", columns, rows, f"and {rest} earlier" if rest else "")


def _words(drift: Drift) -> Iterator[str]:
    if drift.left_out:
        yield (
            f"Left out: {format_counted(drift.left_out, 'call')} of load generators: their waiting follows the load "
            "that was offered. Compare load tests with latprof diff A B, or see them with latprof analyze --by load."
        )
    if not drift.calls:
        return
    yield (
        f"False alarms: where nothing changed, at most {drift.false_alarms * 100:g} % of such runs show any change, "
        "all figures of all models together; chance is that of so much evidence in any figure. Compared are "
        "sessions, split by day, in the order of time: calls of one session are alike."
    )
    yield (
        "Times and speeds are compared among calls of the same trigger and size of context; the medians of before and "
        "after are of all calls, and lean a little to a larger change, for the moment was chosen where it is largest."
    )
    if any(item.series.kind == "estimate" for item in drift.seen):
        yield "Estimates are fitted to all calls of a model at once, so a change in them is shown smaller than it is."
    if drift.refused:
        yield f"Too little for a scan (40 calls and 8 days of sessions are needed): {'; '.join(drift.refused)}."


def _data(drift: Drift, tz: tzinfo) -> dict[str, Any]:
    return {
        "schema_version": 1,
        "calls": drift.calls,
        "false_alarms": drift.false_alarms,
        "left_out": drift.left_out,
        "changes": [_shift(item, tz) for item in drift.shifts],
        "unclear": [_shift(item, tz) for item in drift.unclear],
        "scanned": [
            {
                "agent": item.agent, "model": item.model, "series": item.series.name, "unit": item.series.unit,
                "kind": _kind(item), "n": item.n, "session_days": item.units, "t": _rounded(item.evidence),
                "chance": _rounded(item.chance),
            }
            for item in drift.seen
        ],
        "first_uses": [
            {"agent": item.agent, "what": item.what, "name": item.name, "at": format_instant(item.at, tz)}
            for item in drift.boundaries
        ],
        "refused": list(drift.refused),
    }  # fmt: skip


def _shift(item: Shift, tz: tzinfo) -> dict[str, Any]:
    scale = 1000 if item.series.per_thousand else 1
    return {
        "agent": item.agent,
        "model": item.model,
        "series": item.series.name,
        "unit": item.series.unit,
        "kind": _kind(item),
        "says": item.word,
        "statistic": "median" if item.series.metric is not None else "mean",
        "at": format_instant(item.at, tz),
        "earliest": format_instant(item.earliest, tz),
        "latest": format_instant(item.latest, tz),
        "before": _plain(item.before, scale),
        "after": _plain(item.after, scale),
        "ratio": _rounded(item.change.ratio) if item.change else None,
        "ratio_low": _rounded(item.change.low) if item.change else None,
        "ratio_high": _rounded(item.change.high) if item.change else None,
        "t": _rounded(item.evidence),
        "chance": _rounded(item.chance),
        "first_used_near": [f"{one.what} {one.name}" for one in item.near],
    }


def _plain(level: Level, scale: int) -> dict[str, Any]:
    values = {name: getattr(level, name) for name in ("value", "low", "high")}
    scaled = {name: None if value is None else _rounded(value * scale) for name, value in values.items()}
    return scaled | {"n": level.n, "sessions": level.sessions}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, _DIGITS)


def _grid(drift: Drift, tz: tzinfo) -> Grid:
    columns = (
        "agent",
        "model",
        "series",
        "unit",
        "kind",
        "says",
        "at",
        "earliest",
        "latest",
        "before",
        "after",
        "t",
        "chance",
    )
    rows = []
    for item in drift.shifts:
        data = _shift(item, tz)
        rows.append(
            (
                *(data[name] for name in columns[:9]),
                data["before"]["value"],
                data["after"]["value"],
                data["t"],
                data["chance"],
            )
        )
    return Grid(columns, tuple(rows))
