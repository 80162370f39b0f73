"""What the size of the input does to waiting and speed."""

from __future__ import annotations

from typing import Final

from latprof.metrics import metric
from latprof.report.document import Cell, Column, Plot, Table
from latprof.report.figures import Axis, Line, Lines
from latprof.report.plots.subject import Subject, interval_text, kind_words, slug, value_text
from latprof.stats import MetricRow, summarize
from latprof.stats.distributions import Choice, best_choice
from latprof.units import format_count, format_value

__all__ = ["context_plots"]

_LEAST_SIZES: Final = 2
_TAIL: Final = 0.9


def context_plots(subject: Subject) -> tuple[Plot, ...]:
    """Waiting by size of the input, and decode speed where it is known."""
    choices = [("waiting", subject.choice), ("speed", best_choice(subject.trace, "decode_tps"))]
    return tuple(
        plot for word, choice in choices if choice is not None and (plot := _plot(subject, word, choice)) is not None
    )


def _plot(subject: Subject, word: str, choice: Choice) -> Plot | None:
    chosen = metric(choice.metric)
    summary = summarize(subject.trace, ("context",), quantiles=(0.5, _TAIL), metrics=(chosen,))
    rows = [row for row in summary.rows if row.kind == choice.kind and row.group["context"] is not None]
    shown = [row for row in rows if row.quantiles[0.5] is not None]
    if len(shown) < _LEAST_SIZES:
        return None
    words = f"{chosen.label} ({kind_words(choice)})"
    tail = () if word == "speed" else (_line("90th percentile", "tail", shown, _TAIL),)
    figure = Lines(
        "size of the input, thousands of tokens",
        tuple(_size(row) for row in shown),
        tuple(float(place) for place in range(len(shown))),
        Axis(words, chosen.unit),
        (_line("median, whiskers: its 95 % interval", "middle", shown, 0.5), *tail),
    )
    unit = "seconds" if chosen.unit == "s" else "tokens per second"
    return Plot(
        f"input-size-{word}-{slug(subject.agent)}",
        f"Size of the input and {chosen.label}: {subject.agent}",
        f"{subject.agent}: {words} by size of the input (cached parts included), in {unit}. {_compared(shown)}",
        figure,
        _table(words, rows, choice),
    )


def _line(name: str, role: str, rows: list[MetricRow], probability: float) -> Line:
    ends = tuple(row.intervals[probability] for row in rows) if role == "middle" else ()
    return Line(name, role, tuple(row.quantiles[probability] for row in rows), ends, tuple(row.n for row in rows))


def _size(row: MetricRow) -> str:
    """'050k-100k' -> '50–100', '400k+' -> '400+'."""
    low, dash, high = str(row.group["context"]).replace("k", "").partition("-")
    return f"{int(low)}–{int(high)}" if dash else f"{int(low.rstrip('+'))}+"


def _compared(rows: list[MetricRow]) -> str:
    """The smallest size against the largest; apart only where their intervals are."""
    first, last = rows[0], rows[-1]
    low, high = first.quantiles[0.5] or 0.0, last.quantiles[0.5] or 0.0
    unit = first.unit
    said = (
        f"The median goes from {format_value(low, unit)} {unit} at {_size(first)} thousand tokens (n "
        f"{format_count(first.n)}) to {format_value(high, unit)} {unit} at {_size(last)} (n {format_count(last.n)})"
    )
    (first_low, first_high), (last_low, last_high) = first.intervals[0.5], last.intervals[0.5]
    if None in {first_low, first_high, last_low, last_high}:
        return f"{said}; at least one of both has too few sessions for an interval."
    apart = (first_high or 0.0) < (last_low or 0.0) or (last_high or 0.0) < (first_low or 0.0)
    return f"{said}; their 95 % intervals {'do not overlap' if apart else 'overlap, so this may be chance'}."


def _table(words: str, rows: list[MetricRow], choice: Choice) -> Table:
    heads = (
        Column("input, thousand tokens", "left"), Column("n"), Column("sessions"), Column("median"),
        Column("median 95 %"), Column("p90"),
    )  # fmt: skip
    cells = tuple(
        (
            Cell(_size(row)), Cell(format_count(row.n)), Cell(format_count(row.sessions)),
            Cell(_value(row, 0.5, choice)), Cell(interval_text(row.intervals[0.5], row.unit), minor=True),
            Cell(_value(row, _TAIL, choice)),
        )
        for row in rows
    )  # fmt: skip
    return Table(f"{words} by size of the input, {metric(choice.metric).unit}", heads, cells)


def _value(row: MetricRow, probability: float, choice: Choice) -> str:
    value = row.quantiles[probability]
    return "too few" if value is None else value_text(value, row.metric, choice.kind)
