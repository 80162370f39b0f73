"""What a plot shows, before it is drawn: values with their labels, no colours and no pixels.

Values are in the unit that the axis names; None is a place without a value.
"""

from __future__ import annotations

from latprof.classes import dataclass

__all__ = [
    "Axis",
    "Bar",
    "Bars",
    "Curve",
    "Curves",
    "Figure",
    "Heat",
    "Interval",
    "Intervals",
    "Line",
    "Lines",
    "Mark",
    "Panel",
]


@dataclass(frozen=True, slots=True)
class Axis:
    """A scale: what it measures, its unit as `latprof.units.format_value` knows it, and its kind."""

    label: str
    unit: str
    log: bool = False


@dataclass(frozen=True, slots=True)
class Curve:
    """How values spread: heights over places on the axis, and the median of `n` values.

    `role` is 'true' for what is to be believed, 'bound' for what is only a bound of it, and 'logged' for what the
    obvious formula says.
    """

    name: str
    role: str
    n: int
    x: tuple[float, ...]
    heights: tuple[float, ...]
    median: float


@dataclass(frozen=True, slots=True)
class Panel:
    """Curves that are drawn over each other."""

    label: str
    curves: tuple[Curve, ...]


@dataclass(frozen=True, slots=True)
class Curves:
    """Panels below each other over one axis."""

    axis: Axis
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: a length per part, in the order of the figure's parts."""

    label: str
    lengths: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Bars:
    """Bars of parts, each drawn as shares of its own sum; `note` stands at a bar's end."""

    parts: tuple[str, ...]
    bars: tuple[Bar, ...]
    unit: str = "s"


@dataclass(frozen=True, slots=True)
class Heat:
    """A field per row and column: its value, None where it is refused, and the calls behind it."""

    label: str
    unit: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    values: tuple[tuple[float | None, ...], ...]
    counts: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Interval:
    """A value from `low` to `high` that rests on `n` calls; `clear` where the interval leaves out zero."""

    label: str
    value: float
    low: float
    high: float
    n: int
    clear: bool


@dataclass(frozen=True, slots=True)
class Intervals:
    """Values with their intervals below each other, around zero."""

    axis: Axis
    rows: tuple[Interval, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """A row of values over the places of a figure, with the ends of their intervals where known.

    `role` is 'middle' (drawn with its band) or 'tail' (drawn faintly).
    """

    name: str
    role: str
    values: tuple[float | None, ...]
    ends: tuple[tuple[float | None, float | None], ...] = ()
    counts: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened at a place; what is `strong` is drawn before others."""

    at: float
    label: str
    strong: bool = False


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines over places in order: `labels` name them, `at` says where they lie, `heading` what they are."""

    heading: str
    labels: tuple[str, ...]
    at: tuple[float, ...]
    axis: Axis
    lines: tuple[Line, ...]
    marks: tuple[Mark, ...] = ()


Figure = Curves | Bars | Heat | Intervals | Lines
