"""Where the time of sessions went, as bars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from latprof.report.document import Cell, Column, Plot, Table
from latprof.report.figures import Bar, Bars
from latprof.timeline import Activity, Share
from latprof.units import format_duration, format_share

__all__ = ["budget_plot", "people_plot"]

_PARTS: Final[dict[str, tuple[Activity, ...]]] = {
    "waiting for the first token": ("first_token",),
    "decoding": ("decode",),
    "model, not told apart": ("model",),
    "tools": ("tool",),
    "retries and back-off": ("retry",),
    "compaction": ("compaction",),
    "hooks and the agent itself": ("hook", "agent"),
    "unknown": ("unknown",),
    "person away or asked": ("away", "asking"),
}
_PERSON: Final = "person away or asked"
_BARS: Final = 6
_PEOPLE: Final = 12


def budget_plot(whole: Sequence[Share], by_project: Mapping[str | None, Sequence[Share]]) -> Plot | None:
    """All sessions with and without the person's time, then the projects with the most time; None without time."""
    total = _lengths(whole)
    if sum(total) <= 0:
        return None
    bars = [Bar("all sessions", total), *_working("all sessions, without the person", total)]
    order = sorted(by_project, key=lambda name: -sum(_without_person(_lengths(by_project[name]))))
    if len(order) > 1:
        for name in order[:_BARS]:
            bars += _working(f"{_short(name)}, without the person", _lengths(by_project[name]))
    return Plot("time-budget", "Where the time went", _summary(total), Bars(tuple(_PARTS), tuple(bars)), _table(bars))


def people_plot(by_engineer: Mapping[str | None, Sequence[Share]]) -> Plot | None:
    """The time of each engineer's sessions without the person's, longest first; None without time."""
    order = sorted(by_engineer, key=lambda name: -sum(_without_person(_lengths(by_engineer[name]))))
    bars = [bar for name in order for bar in _working(name or "unknown engineer", _lengths(by_engineer[name]))]
    if not bars:
        return None
    longest = sum(bars[0].lengths)
    words = (
        f"{bars[0].label} has the longest time without the person's own, {format_duration(longest)}. Every instant of "
        "a session counts once, sessions that run side by side each count; each bar is divided by shares of its own "
        "time."
    )
    shown = bars[:_PEOPLE]
    return Plot("engineers", "Where each engineer's time went", words, Bars(tuple(_PARTS), tuple(shown)), _table(bars))


def _lengths(shares: Sequence[Share]) -> tuple[float, ...]:
    return tuple(
        sum(share.seconds for share in shares if share.activity in activities) for activities in _PARTS.values()
    )


def _without_person(lengths: Sequence[float]) -> tuple[float, ...]:
    return tuple(0.0 if part == _PERSON else value for part, value in zip(_PARTS, lengths, strict=True))


def _working(label: str, lengths: Sequence[float]) -> list[Bar]:
    left = _without_person(lengths)
    return [Bar(label, left)] if sum(left) > 0 else []


def _short(name: str | None) -> str:
    """A project by its last two folders."""
    parts = (name or "unknown project").replace("\\", "/").rstrip("/").split("/")
    return "/".join(parts[-2:])


def _summary(total: Sequence[float]) -> str:
    busy = _without_person(total)
    parts = sorted(zip(_PARTS, busy, strict=True), key=lambda item: -item[1])
    said = ", ".join(f"{part} {format_share(value / sum(busy))}" for part, value in parts if value > 0)
    return (
        f"Of {format_duration(sum(total))} in all sessions, {format_duration(sum(busy))} remain without the time in "
        f"which a person was away or asked: {said}. Every instant counts once; each bar is divided by "
        "shares of its own time."
    )


def _table(bars: Sequence[Bar]) -> Table:
    heads = (Column("bar", "left"), Column("time"), *(Column(part) for part in _PARTS))
    rows = []
    for bar in bars:
        whole = sum(bar.lengths)
        shares = (Cell(format_share(value / whole) if value else "–", minor=not value) for value in bar.lengths)
        rows.append((Cell(bar.label), Cell(format_duration(whole)), *shares))
    return Table("Where the time went, shares of each bar's time", heads, tuple(rows))
