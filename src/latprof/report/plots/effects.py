"""What goes with long waits, as differences with their intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from latprof.report.document import Cell, Column, Plot, Table
from latprof.report.figures import Axis, Interval, Intervals
from latprof.timeline import Driven, Effect
from latprof.units import UNKNOWN, format_count, format_value

__all__ = ["effects_plot"]

_METRICS: Final[dict[Driven, tuple[str, str]]] = {
    "ttft_s": ("time to first token", "later"),
    "decode_tps": ("decode speed", "faster"),
}
_MOST: Final = 16


def effects_plot(effects: Sequence[Effect], metric: Driven, agent: str) -> Plot | None:
    """Each comparison with an interval as a dot with whiskers, the largest first; None without any."""
    mine = [item for item in effects if item.metric == metric and item.difference is not None and item.interval]
    if not mine:
        return None
    mine.sort(key=lambda item: (not item.clear, -abs(item.difference or 0.0)))
    shown = mine[:_MOST]
    name, more = _METRICS[metric]
    unit = shown[0].unit
    figure = Intervals(
        Axis(f"difference of the medians, {unit} (right of 0: {more})", unit),
        tuple(
            Interval(f"{item.level} against {item.against}", item.difference or 0.0, *item.interval, item.n, item.clear)
            for item in shown
            if item.interval is not None
        ),
    )
    clear = sum(item.clear for item in shown)
    summary = (
        f"{agent}: how much the median {name} ({shown[0].kind}) differs between calls that are alike in the rest, with "
        f"95 % intervals. {clear} of {len(shown)} differences are clear: their interval leaves out 0. A difference "
        "goes together with something; it does not prove the cause."
    )
    key = f"differences-{name.replace(' ', '-')}"
    return Plot(key, f"What goes with {name}: {agent}", summary, figure, _table(name, unit, mine))


def _table(name: str, unit: str, effects: Sequence[Effect]) -> Table:
    columns = (
        Column("calls", "left"), Column("against", "left"), Column("difference"), Column("95 %"),
        Column("median there"), Column("n"), Column("n against"),
    )  # fmt: skip
    rows = tuple(
        (
            Cell(item.level), Cell(item.against), Cell(_signed(item.difference, unit)),
            Cell(" … ".join(_signed(end, unit) for end in item.interval or ())), Cell(format_value(item.base, unit)),
            Cell(format_count(item.n)), Cell(format_count(item.n_against)),
        )
        for item in effects
    )  # fmt: skip
    return Table(f"Differences of the median {name}, {unit}", columns, rows)


def _signed(value: float | None, unit: str) -> str:
    if value is None:
        return UNKNOWN
    return ("+" if value >= 0 else "−") + format_value(abs(value), unit)
