"""One function per kind of figure: draws it on a canvas and returns the height that it took."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final

from latprof.report.figures import Axis, Bars, Curve, Curves, Heat, Interval, Intervals, Line, Lines, Panel
from latprof.report.svg.canvas import LINE_HEIGHT, Canvas, text_width, wrapped
from latprof.report.svg.scale import Scale
from latprof.report.svg.style import HEAT_STEPS, PART_COLOURS
from latprof.units import format_count, format_duration, format_share, format_value

__all__ = ["draw_bars", "draw_curves", "draw_heat", "draw_intervals", "draw_lines", "heat_step"]

_NARROW: Final = 500
_PANEL_HEIGHT: Final = 74.0
_LINES_HEIGHT: Final = 210.0
_FEW_PLACES: Final = 14
# Bold letters of 12 pixels are as wide as plain ones of this size.
_BOLD_SIZE: Final = 13.2
_UNITS: Final = {"1": "", "share": ""}


def _with_unit(value: float | None, unit: str) -> str:
    return f"{format_value(value, unit)} {_UNITS.get(unit, unit)}".rstrip()


def _tick(value: float, unit: str) -> str:
    """A round value as short as it is: 0.5, 20, 1,500."""
    return format_value(value, unit) if unit == "share" else f"{value:,.10g}"


def draw_curves(canvas: Canvas, figure: Curves) -> float:
    """Panels below each other over one axis; each curve's area is the same."""
    places = [x for panel in figure.panels for curve in panel.curves for x in curve.x]
    scale = Scale(min(places), max(places), 4, canvas.width - 4, figure.axis.log)
    ticks = scale.ticks(44)
    top = 0.0
    for panel in figure.panels:
        top = _panel(canvas, panel, scale, ticks, figure.axis, top)
    return _x_axis(canvas, scale, ticks, figure.axis, top)


def _panel(canvas: Canvas, panel: Panel, scale: Scale, ticks: Sequence[float], axis: Axis, top: float) -> float:
    top += canvas.lines(0, top + 13, wrapped(panel.label, canvas.width, _BOLD_SIZE), "name")
    legend = [("line", curve.role, _curve_words(curve, axis)) for curve in panel.curves]
    top = canvas.legend(top + 18, legend)
    base = top + _PANEL_HEIGHT
    for tick in ticks:
        canvas.line(scale(tick), top, scale(tick), base, "grid")
    highest = max(height for curve in panel.curves for height in curve.heights) or 1.0
    for curve in panel.curves:
        rise = Scale(0.0, highest, base, top + 4)
        outline = [(scale(x), rise(height)) for x, height in zip(curve.x, curve.heights, strict=True)]
        canvas.group(_curve_words(curve, axis))
        ends = [(outline[0][0], base), *outline, (outline[-1][0], base)]
        canvas.path(ends, f"area {curve.role}", closed=True)
        canvas.path(outline, f"stroke {curve.role}")
        canvas.line(scale(curve.median), top + 2, scale(curve.median), base, f"stroke {curve.role}")
        canvas.end_group()
    canvas.line(0, base, canvas.width, base, "base")
    return base + 12


def _curve_words(curve: Curve, axis: Axis) -> str:
    return f"{curve.name}: median {_with_unit(curve.median, axis.unit)}, n {format_count(curve.n)}"


def _x_axis(canvas: Canvas, scale: Scale, ticks: Sequence[float], axis: Axis, top: float) -> float:
    for tick in ticks:
        text = _tick(tick, axis.unit)
        half = text_width(text, 11) / 2
        canvas.text(min(max(scale(tick), half), canvas.width - half), top + 4, text, "tick mid")
    more = canvas.lines(canvas.width / 2, top + 21, wrapped(axis.label, canvas.width, 11), "tick mid")
    return top + 30 + more


def draw_bars(canvas: Canvas, figure: Bars) -> float:
    """Bars of full width, each divided by the shares of its parts."""
    shown = [i for i in range(len(figure.parts)) if any(bar.lengths[i] > 0 for bar in figure.bars)]
    legend = [("box", _part(i), figure.parts[i]) for i in shown]
    top = canvas.legend(0, legend) + 4
    for bar in figure.bars:
        total = sum(bar.lengths)
        canvas.text(canvas.width, top + 12, format_duration(total), "tick end")
        top += canvas.lines(0, top + 12, wrapped(bar.label, canvas.width - 80, _BOLD_SIZE), "name")
        x = 0.0
        for index in shown:
            if total <= 0 or bar.lengths[index] <= 0:
                continue
            share = bar.lengths[index] / total
            tip = f"{bar.label}: {figure.parts[index]} {format_duration(bar.lengths[index])}, {format_share(share)}"
            _segment(canvas, (x, top + 18, share * canvas.width), index, share, tip)
            x += share * canvas.width
        top += 52
    return top - 4


def _part(index: int) -> str:
    return f"part{index % PART_COLOURS}"


def _segment(canvas: Canvas, place: tuple[float, float, float], index: int, share: float, tip: str) -> None:
    x, y, width = place
    canvas.group(tip)
    canvas.rect(x, y, width, 24, f"{_part(index)} gap")
    text = format_share(share)
    if text_width(text, 11) + 8 < width:
        canvas.text(x + width / 2, y + 16, text, "onpart mid")
    canvas.end_group()


def draw_heat(canvas: Canvas, figure: Heat) -> float:
    """Fields with their figures; a narrow drawing lies on its side."""
    if canvas.width < _NARROW and len(figure.columns) > len(figure.rows):
        figure = _turned(figure)
    known = [value for row in figure.values for value in row if value is not None]
    low, high = (min(known), max(known)) if known else (1.0, 1.0)
    left = max(text_width(label, 11) for label in figure.rows) + 12
    width = (canvas.width - left) / len(figure.columns)
    for column, label in enumerate(figure.columns):
        canvas.text(left + (column + 0.5) * width, 12, label, "tick mid")
    for row, label in enumerate(figure.rows):
        y = 18 + row * 26.0
        canvas.text(left - 6, y + 17, label, "tick end")
        for column, value in enumerate(figure.values[row]):
            _field(canvas, figure, (row, column), (left + column * width, y, width), value, (low, high))
    return _heat_legend(canvas, figure.unit, low, high, 18 + len(figure.rows) * 26.0 + 10) if known else canvas.height


def _field(
    canvas: Canvas,
    figure: Heat,
    cell: tuple[int, int],
    place: tuple[float, float, float],
    value: float | None,
    ends: tuple[float, float],
) -> None:
    row, column = cell
    x, y, width = place
    count = figure.counts[row][column]
    where = f"{figure.rows[row]}, {figure.columns[column]}"
    if value is None:
        if count:
            canvas.group(f"{where}: too few calls (n {format_count(count)})")
            canvas.rect(x, y, width - 1.5, 24.5, "few")
            canvas.text(x + width / 2 - 0.7, y + 16, "·", "tick mid")
            canvas.end_group()
        return
    step = heat_step(value, *ends)
    canvas.group(f"{where}: {_with_unit(value, figure.unit)}, n {format_count(count)}")
    canvas.rect(x, y, width - 1.5, 24.5, f"heat{step}")
    text = format_value(value, figure.unit)
    if text_width(text, 10.5) < width - 1:
        canvas.text(x + width / 2 - 0.7, y + 16, text, f"mid on{step}")
    canvas.end_group()


def heat_step(value: float, low: float, high: float) -> int:
    """Which of the equal steps between the logarithms of `low` and `high` holds the value."""
    if not high > low > 0:
        return 0
    share = math.log(value / low) / math.log(high / low)
    return min(int(share * HEAT_STEPS), HEAT_STEPS - 1)


def _turned(figure: Heat) -> Heat:
    return Heat(
        figure.label,
        figure.unit,
        figure.columns,
        figure.rows,
        tuple(zip(*figure.values, strict=True)),
        tuple(zip(*figure.counts, strict=True)),
    )


def _heat_legend(canvas: Canvas, unit: str, low: float, high: float, top: float) -> float:
    width = min(40.0, (canvas.width - 130) / HEAT_STEPS)
    left_text, right_text = _with_unit(low, unit), _with_unit(high, unit)
    x = text_width(left_text, 11) + 6
    canvas.text(0, top + 11, left_text, "tick")
    for step in range(HEAT_STEPS):
        canvas.rect(x + step * width, top, width - 1, 13, f"heat{step}")
    canvas.text(x + HEAT_STEPS * width + 5, top + 11, right_text, "tick")
    canvas.text(0, top + 30, "· too few calls", "tick")
    return top + 36


def draw_intervals(canvas: Canvas, figure: Intervals) -> float:
    """A dot with whiskers per row, filled where the interval leaves out zero; names above in a narrow drawing."""
    beside = canvas.width >= _NARROW
    left = canvas.width * 0.44 if beside else 4.0
    ends = [end for row in figure.rows for end in (row.low, row.high)]
    scale = Scale(min(0.0, *ends), max(0.0, *ends), left + 6, canvas.width - 8)
    ticks = scale.ticks(52)
    top = 8.0
    for row in figure.rows:
        lines = wrapped(row.label, left - 8 if beside else canvas.width)
        height = len(lines) * LINE_HEIGHT + (9 if beside else 23)
        middle, reach = (top + height / 2, height / 2) if beside else (top + height - 9, 8.0)
        for tick in ticks:
            canvas.line(scale(tick), middle - reach, scale(tick), middle + reach, "grid")
        canvas.line(scale(0.0), middle - reach, scale(0.0), middle + reach, "base")
        canvas.lines(0, top + (16.5 if beside else 16), lines)
        _whiskers(canvas, figure.axis, row, scale, middle)
        top += height
    return _x_axis(canvas, scale, ticks, figure.axis, top + 12)


def _whiskers(canvas: Canvas, axis: Axis, row: Interval, scale: Scale, y: float) -> None:
    kind = "middle" if row.clear else "faint"
    low, high = format_value(row.low, axis.unit), _with_unit(row.high, axis.unit)
    said = f"{row.label}: {_with_unit(row.value, axis.unit)} (95 % {low} to {high}), n {format_count(row.n)}"
    canvas.group(said)
    canvas.line(scale(row.low), y, scale(row.high), y, f"stroke {kind}")
    for end in (row.low, row.high):
        canvas.line(scale(end), y - 4, scale(end), y + 4, f"stroke {kind}")
    canvas.dot(scale(row.value), y, 4, f"dot {kind}")
    canvas.end_group()


def draw_lines(canvas: Canvas, figure: Lines) -> float:
    """Lines over places, with bands or whiskers for intervals and dashed uprights for what happened."""
    bars = len(figure.at) <= _FEW_PLACES
    top = canvas.legend(0, [("dot", line.role, line.name) for line in figure.lines])
    marks = 18.0 if figure.marks else 4.0
    known = [value for line in figure.lines for value in line.values if value is not None]
    y = Scale(0.0, max(known) * 1.08, top + marks + _LINES_HEIGHT, top + marks)
    ticks = y.ticks(40)
    left = max(text_width(_tick(tick, figure.axis.unit), 11) for tick in ticks) + 10
    inset = 24.0 if bars else 6.0
    x = Scale(min(figure.at), max(figure.at), left + inset, canvas.width - inset)
    for tick in ticks:
        canvas.line(left, y(tick), canvas.width, y(tick), "grid")
        canvas.text(left - 6, y(tick) + 4, _tick(tick, figure.axis.unit), "tick end")
    _draw_marks(canvas, figure, x, (top, y.start))
    for line in figure.lines:
        _draw_line(canvas, figure, line, x, y, bars=bars)
    canvas.line(left, y.start, canvas.width, y.start, "base")
    bottom = _places(canvas, figure, x, y.start + 16)
    canvas.text((left + canvas.width) / 2, bottom + 16, figure.heading, "tick mid")
    return bottom + 24


def _draw_marks(canvas: Canvas, figure: Lines, x: Scale, ends: tuple[float, float]) -> None:
    """Uprights with their names, as far as there is room; the others are short strokes at the top."""
    free = 0.0
    for mark in (mark for mark in figure.marks if mark.strong):
        canvas.group(mark.label)
        canvas.line(x(mark.at), ends[0] + 14, x(mark.at), ends[1], "level")
        room = canvas.width - text_width(mark.label, 10.5) - 4
        canvas.text(min(x(mark.at) + 4, room), ends[0] + 26, mark.label, "small")
        canvas.end_group()
    for mark in (mark for mark in figure.marks if not mark.strong):
        at, width = x(mark.at), text_width(mark.label, 10.5)
        start = min(at - 2, canvas.width - width)
        named = start >= max(free, 0.0)
        canvas.group(mark.label)
        canvas.line(at, ends[0] + 14, at, ends[1] if named else ends[0] + 22, "mark")
        if named:
            canvas.text(start, ends[0] + 10, mark.label, "tick small")
            free = start + width + 8
        canvas.end_group()


def _draw_line(canvas: Canvas, figure: Lines, line: Line, x: Scale, y: Scale, *, bars: bool) -> None:
    bands = [] if bars else list(_runs([None not in ends for ends in line.ends]))
    for band in bands:
        upper = [(x(figure.at[i]), y(line.ends[i][1] or 0.0)) for i in band]
        lower = [(x(figure.at[i]), y(line.ends[i][0] or 0.0)) for i in reversed(band)]
        if len(band) > 1:
            canvas.path(upper + lower, f"area {line.role}", closed=True)
    for run in _runs([value is not None for value in line.values]):
        if len(run) > 1:
            canvas.path(((x(figure.at[i]), y(line.values[i] or 0.0)) for i in run), f"stroke {line.role}")
    # A band needs two places: an interval with none beside it is an upright.
    alone = {band[0] for band in bands if len(band) == 1}
    for index, value in enumerate(line.values):
        if value is not None:
            spot = (x(figure.at[index]), index)
            _point(canvas, figure, line, spot, y, 3.4 if bars else 2.4, whiskers=bars or index in alone)


def _runs(known: Sequence[bool]) -> Iterator[list[int]]:
    """Neighbouring places of which something is known."""
    run: list[int] = []
    for index, is_known in enumerate(known):
        if is_known:
            run.append(index)
        elif run:
            yield run
            run = []
    if run:
        yield run


def _point(
    canvas: Canvas, figure: Lines, line: Line, place: tuple[float, int], y: Scale, radius: float, *, whiskers: bool
) -> None:
    at, index = place
    value = line.values[index] or 0.0
    low, high = line.ends[index] if line.ends else (None, None)
    interval = ""
    if low is not None and high is not None:
        unit = figure.axis.unit
        interval = f" (95 % {format_value(low, unit)} to {_with_unit(high, unit)})"
    count = f", n {format_count(line.counts[index])}" if line.counts else ""
    canvas.group(f"{figure.labels[index]}: {line.name} {_with_unit(value, figure.axis.unit)}{interval}{count}")
    if whiskers and low is not None and high is not None:
        canvas.line(at, y(low), at, y(high), f"stroke {line.role}")
    canvas.dot(at, y(value), radius, f"dot {line.role}")
    canvas.end_group()


def _places(canvas: Canvas, figure: Lines, x: Scale, top: float) -> float:
    """Names of the places, as many as there is room for, on a second row where they are close."""
    free = -1e9
    for label, at in zip(figure.labels, figure.at, strict=True):
        half = text_width(label, 11) / 2
        centre = min(max(x(at), half), canvas.width - half)
        if label and centre - half >= free:
            canvas.text(centre, top, label, "tick mid")
            free = centre + half + 8
    return top
