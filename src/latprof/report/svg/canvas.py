"""An SVG drawing under construction: shapes with classes, no colours, every text safe."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final
from xml.etree import ElementTree as ET

from latprof.report.breaking import broken
from latprof.units import printable

__all__ = ["LINE_HEIGHT", "Canvas", "fitted", "number", "text_width", "wrapped"]

LINE_HEIGHT: Final = 15.0
_SWATCH: Final = 26.0
# Enough for two names of the longest that were seen; what a log can say has no end.
_MOST_LINES: Final = 6


def number(value: float) -> str:
    """A coordinate with one decimal, as short as it can be written."""
    return f"{value:.1f}".removesuffix(".0")


def text_width(text: str, size: float = 12) -> float:
    """About how wide a text is, in pixels; wide scripts count double."""
    return sum(1.0 if ord(char) > 0x2E80 else 0.57 for char in text) * size


def fitted(text: str, width: float, size: float = 12) -> str:
    """The text, cut with a dot-dot-dot where it is wider than `width` pixels."""
    if text_width(text, size) <= width:
        return text
    left, kept = width - text_width("…", size), 0
    for char in text:
        left -= text_width(char, size)
        if left < 0:
            break
        kept += 1
    return text[:kept] + "…"


def wrapped(text: str, width: float, size: float = 12) -> list[str]:
    """The text in lines of at most `width` pixels; one that would take very many is cut with a dot-dot-dot."""
    short = fitted(text, (_MOST_LINES + 1) * width, size)
    lines = broken(short, width, lambda part: text_width(part, size))
    if len(lines) <= _MOST_LINES:
        return lines
    return [*lines[: _MOST_LINES - 1], fitted(f"{lines[_MOST_LINES - 1]}…", width, size)]


class Canvas:
    """Shapes in a box of `width` pixels; the height is what was drawn.

    `prefix` keeps ids apart where several drawings stand in one page.
    """

    def __init__(self, width: float, prefix: str) -> None:
        self.width = width
        self.height = 0.0
        self._prefix = prefix
        self._root = ET.Element("svg", {"class": "plot", "role": "img", "xmlns": "http://www.w3.org/2000/svg"})
        self._into = self._root

    def describe(self, title: str, description: str) -> None:
        """The names that readers of the screen hear."""
        for tag, text in (("title", title), ("desc", description)):
            element = ET.SubElement(self._root, tag, {"id": f"{self._prefix}-{tag}"})
            element.text = printable(text)
        self._root.set("aria-labelledby", f"{self._prefix}-title {self._prefix}-desc")

    def group(self, tip: str) -> None:
        """What is drawn until `end_group` says `tip` under the pointer."""
        self._into = ET.SubElement(self._root, "g", {"class": "tip"})
        ET.SubElement(self._into, "title").text = printable(tip)

    def end_group(self) -> None:
        """Back to the drawing itself."""
        self._into = self._root

    def rect(self, x: float, y: float, width: float, height: float, kind: str) -> None:
        """A rectangle of a class."""
        self._add("rect", kind, x=x, y=y, width=max(width, 0.0), height=max(height, 0.0))

    def line(self, x1: float, y1: float, x2: float, y2: float, kind: str) -> None:
        """A straight line of a class."""
        self._add("line", kind, x1=x1, y1=y1, x2=x2, y2=y2)

    def dot(self, x: float, y: float, radius: float, kind: str) -> None:
        """A circle of a class."""
        self._add("circle", kind, cx=x, cy=y, r=radius)

    def path(self, points: Iterable[tuple[float, float]], kind: str, *, closed: bool = False) -> None:
        """Straight pieces through points; with `closed` an area."""
        steps = " ".join(f"{number(x)},{number(y)}" for x, y in points)
        element = ET.SubElement(self._into, "polygon" if closed else "polyline", {"class": kind})
        element.set("points", steps)

    def text(self, x: float, y: float, text: str, kind: str = "") -> None:
        """A text whose baseline is at `y`."""
        element = ET.SubElement(self._into, "text", {"x": number(x), "y": number(y)})
        if kind:
            element.set("class", kind)
        element.text = printable(text)

    def lines(self, x: float, y: float, lines: Sequence[str], kind: str = "") -> float:
        """Texts below each other, the first with its baseline at `y`; returns how much they take beyond one line."""
        for place, line in enumerate(lines):
            self.text(x, y + place * LINE_HEIGHT, line, kind)
        return (len(lines) - 1) * LINE_HEIGHT

    def legend(self, top: float, items: Sequence[tuple[str, str, str]]) -> float:
        """Swatches (shape, class, text) in as many rows as they need; returns where the next thing may begin.

        A text of several lines stands alone. A shape is 'line', 'dot' or 'box'.
        """
        x, y = 0.0, top
        for shape, kind, whole in items:
            lines = wrapped(whole, self.width - _SWATCH)
            needed = _SWATCH + max(map(text_width, lines)) + 14
            alone = len(lines) > 1
            if x and (alone or x + needed > self.width):
                x, y = 0.0, y + 18
            self._swatch(x, y, shape, kind)
            y += self.lines(x + _SWATCH, y + 12, lines)
            x += self.width if alone else needed
        return y + 24

    def _swatch(self, x: float, y: float, shape: str, kind: str) -> None:
        if shape == "box":
            self.rect(x + 4, y + 2, 14, 12, kind)
            return
        self.line(x, y + 8, x + 20, y + 8, f"stroke {kind}")
        if shape == "dot":
            self.dot(x + 10, y + 8, 3.2, f"dot {kind}")

    def svg(self, height: float) -> str:
        """The drawing as text."""
        self.height = height
        self._root.set("viewBox", f"0 0 {number(self.width)} {number(height)}")
        self._root.set("width", number(self.width))
        self._root.set("height", number(height))
        return ET.tostring(self._root, encoding="unicode")

    def framed(self, height: float, margin: float, title: str, css: str) -> str:
        """The drawing as a file of its own: on paper, with a margin, its title above and its style inside."""
        head = 26.0
        width, whole = self.width + 2 * margin, height + head + 2 * margin
        x, y = number(-margin), number(-margin - head)
        box = {"x": x, "y": y, "width": number(width), "height": number(whole), "class": "paper"}
        first = len(self._root.findall("title")) + len(self._root.findall("desc"))
        style = ET.Element("style")
        style.text = css
        name = ET.Element("text", {"x": "0", "y": "-12", "class": "name"})
        name.text = printable(title)
        for place, element in enumerate((style, ET.Element("rect", box), name)):
            self._root.insert(first + place, element)
        self._root.set("viewBox", f"{x} {y} {number(width)} {number(whole)}")
        self._root.set("width", number(width))
        self._root.set("height", number(whole))
        return ET.tostring(self._root, encoding="unicode")

    def _add(self, tag: str, kind: str, **places: float) -> None:
        attributes = {name: number(value) for name, value in places.items()}
        ET.SubElement(self._into, tag, {"class": kind} | attributes)
