"""A plot -> SVG: for a page that brings the style, or as a file that stands alone."""

from __future__ import annotations

from typing import assert_never

from latprof.report.document import Plot
from latprof.report.figures import Bars, Curves, Heat, Intervals, Lines
from latprof.report.svg.canvas import Canvas
from latprof.report.svg.shapes import draw_bars, draw_curves, draw_heat, draw_intervals, draw_lines
from latprof.report.svg.style import PLOT_CSS, THEMES, filled, theme_css

__all__ = ["NARROW", "PLOT_CSS", "THEMES", "WIDE", "filled", "standalone_svg", "svg", "theme_css"]

WIDE = 760
NARROW = 340
_MARGIN = 16


def svg(plot: Plot, width: int = WIDE) -> str:
    """The drawing for a page, `width` pixels wide; the page brings `PLOT_CSS` and the colours."""
    canvas = Canvas(width, f"{plot.key}-{width}")
    canvas.describe(plot.title, plot.summary)
    return canvas.svg(_draw(canvas, plot))


def standalone_svg(plot: Plot, theme: str = "light") -> str:
    """The drawing as a file: its own colours, paper and title."""
    canvas = Canvas(WIDE, plot.key)
    canvas.describe(plot.title, plot.summary)
    height = _draw(canvas, plot)
    return canvas.framed(height, _MARGIN, plot.title, filled(PLOT_CSS, theme))


def _draw(canvas: Canvas, plot: Plot) -> float:
    figure = plot.figure
    match figure:
        case Curves():
            return draw_curves(canvas, figure)
        case Bars():
            return draw_bars(canvas, figure)
        case Heat():
            return draw_heat(canvas, figure)
        case Intervals():
            return draw_intervals(canvas, figure)
        case Lines():
            return draw_lines(canvas, figure)
    assert_never(figure)
