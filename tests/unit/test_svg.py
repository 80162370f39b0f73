"""Drawings: what they hold, that they stay inside their box, and that they can be read in every theme."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latprof.report.document import Cell, Column, Plot, Table
from latprof.report.figures import (
    Axis,
    Bar,
    Bars,
    Curve,
    Curves,
    Figure,
    Heat,
    Interval,
    Intervals,
    Line,
    Lines,
    Mark,
    Panel,
)
from latprof.report.svg import NARROW, THEMES, WIDE, standalone_svg, svg
from latprof.report.svg.canvas import fitted, number, plain, text_width
from latprof.report.svg.scale import Scale, round_ticks
from latprof.report.svg.shapes import heat_step
from latprof.report.svg.style import HEAT_STEPS, PART_COLOURS

SVG = "{http://www.w3.org/2000/svg}"
EVIL = "<script>alert(1)</script>\x1b[31m[bold]red[/bold]=1+1"
HOURS = tuple(f"{hour:02d}" for hour in range(24))
TABLE = Table("t", (Column("a", "left"),), ((Cell("1"),),))


def figures(label: str = "label") -> dict[str, Figure]:
    """One of each kind."""
    curve = Curve(label, "true", 40, (0.1, 1.0, 10.0), (0.0, 1.0, 0.0), 1.0)
    return {
        "curves": Curves(Axis(label, "s", log=True), (Panel(label, (curve,)),)),
        "bars": Bars((label, "rest"), (Bar(label, (30.0, 70.0)),)),
        "heat": Heat(
            label, "s", ("Mon", "Tue"), HOURS, ((2.0, None, *[None] * 22), (4.0, *[None] * 23)),
            ((9, 3, *[0] * 22), (9, *[0] * 23)),
        ),
        "intervals": Intervals(Axis(label, "s"), (Interval(label, 1.0, -0.5, 2.5, 12, clear=False),)),
        "lines": Lines(
            label, ("one", "two", "three"), (0.0, 1.0, 2.0), Axis(label, "s"),
            (Line(label, "middle", (1.0, None, 3.0), ((0.5, 1.5), (None, None), (2.0, 4.0)), (8, 2, 9)),),
            (Mark(1.0, label), Mark(2.0, label, strong=True)),
        ),
    }  # fmt: skip


def plot(figure: Figure, title: str = "title") -> Plot:
    return Plot("key", title, f"about {title}", figure, TABLE)


def parsed(drawing: str) -> ET.Element:
    return ET.fromstring(drawing)  # noqa: S314 - our own drawing


def texts(drawing: str) -> list[str]:
    return [element.text or "" for element in parsed(drawing).iter(f"{SVG}text")]


@pytest.mark.parametrize("kind", figures())
@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_a_drawing_is_named_and_stays_in_its_box(kind: str, width: int) -> None:
    """Well-formed XML with a title and a description; every shape lies inside the view box."""
    root = parsed(svg(plot(figures()[kind]), width))
    found = {name: element.text for element in root if (name := element.get("id")) is not None}
    assert found == {f"key-{width}-title": "title", f"key-{width}-desc": "about title"}
    assert root.get("aria-labelledby") == " ".join(found)
    _, _, wide, high = map(float, (root.get("viewBox") or "").split())
    assert wide == width
    for element in root.iter():
        for name in ("x", "x1", "x2", "cx"):
            assert -1 <= float(element.get(name, "0")) <= wide + 1
        for name in ("y", "y1", "y2", "cy"):
            assert -1 <= float(element.get(name, "0")) <= high + 1


@pytest.mark.parametrize("kind", figures())
def test_names_from_logs_are_only_text(kind: str) -> None:
    """A script stays a text, a control character becomes a mark; nothing else appears in the drawing."""
    for drawing in (svg(plot(figures(EVIL)[kind], EVIL), WIDE), standalone_svg(plot(figures(EVIL)[kind], EVIL))):
        assert "\x1b" not in drawing
        assert "<script" not in drawing
        tags = {element.tag.removeprefix(SVG) for element in parsed(drawing).iter()}
        assert tags <= {
            "svg", "title", "desc", "style", "g", "rect", "line", "circle", "polyline", "polygon", "text",
        }  # fmt: skip


def test_a_file_of_its_own_brings_its_colours() -> None:
    """No property of a page is left in it, and its title is drawn."""
    drawing = standalone_svg(plot(figures()["bars"]))
    assert "var(--" not in drawing
    assert THEMES["light"]["paper"] in drawing
    assert "title" in texts(drawing)
    assert not re.search(r"(?:href|url\(|@import|src=)", drawing)


def test_a_bar_is_divided_by_shares() -> None:
    """30 and 70 s are 30 % and 70 % of the width."""
    root = parsed(svg(plot(figures()["bars"]), WIDE))
    widths = [float(item.get("width", "0")) for item in root.iter(f"{SVG}rect") if "gap" in item.get("class", "")]
    assert widths == [0.3 * WIDE, 0.7 * WIDE]
    assert {"30 %", "70 %"} <= set(texts(svg(plot(figures()["bars"]), WIDE)))


def test_a_heat_map_shows_known_refused_and_empty_fields() -> None:
    """Two medians, one field with too few calls, and nothing where there was no call."""
    root = parsed(svg(plot(figures()["heat"]), WIDE))
    fields = [g for g in root.iter(f"{SVG}g") if g.get("class") == "tip"]
    assert [field[0].text for field in fields] == [
        "Mon, 00: 2.00 s, n 9", "Mon, 01: too few calls (n 3)", "Tue, 00: 4.00 s, n 9",
    ]  # fmt: skip


def test_a_narrow_heat_map_lies_on_its_side() -> None:
    """Hours become rows."""
    fields = [g[0].text for g in parsed(svg(plot(figures()["heat"]), NARROW)).iter(f"{SVG}g")]
    assert fields[0] == "00, Mon: 2.00 s, n 9"


def test_a_line_breaks_where_a_value_is_missing() -> None:
    """One value, a gap, one value: two dots and no stroke through the gap."""
    root = parsed(svg(plot(figures()["lines"]), WIDE))
    assert len(list(root.iter(f"{SVG}circle"))) == 3  # the third is the legend's
    assert not list(root.iter(f"{SVG}polyline"))


@pytest.mark.parametrize(("value", "step"), [(1, 0), (1.9, 2), (8, 6), (4, 4)])
def test_heat_steps_are_equal_on_a_logarithmic_scale(value: float, step: int) -> None:
    """From 1 to 8 in seven steps: log(1.9)/log(8) is 0.309, the third step."""
    assert heat_step(value, 1, 8) == step
    assert heat_step(value, 1, 1) == 0


@pytest.mark.property
@given(st.floats(1e-3, 1e3), st.floats(1.01, 1e4), st.floats(30, 120))
def test_ticks_lie_in_range_and_apart(low: float, ratio: float, room: float) -> None:
    """On a logarithmic scale of any length no two ticks are closer than asked, where more than one power fits."""
    scale = Scale(low, low * ratio, 0, 700, log=True)
    ticks = scale.ticks(room)
    assert list(ticks) == sorted(ticks)
    assert all(low * 0.99 <= tick <= low * ratio * 1.01 for tick in ticks)


def test_round_ticks() -> None:
    """Steps of 1, 2, 2.5 or 5 times a power of ten."""
    assert round_ticks(0, 10, 5) == (0, 2, 4, 6, 8, 10)
    assert round_ticks(0, 0.9, 4) == (0, 0.25, 0.5, 0.75)
    assert round_ticks(3, 3, 4) == (3,)


def test_values_outside_a_scale_go_to_its_edge() -> None:
    """Nothing is drawn outside."""
    scale = Scale(1, 100, 0, 200, log=True)
    assert [scale(value) for value in (0.1, 1, 10, 100, 1e9)] == pytest.approx([0, 0, 100, 200, 200])


def test_texts_are_plain_and_fit() -> None:
    """What cannot be printed becomes a mark, what is too long ends in dots, wide scripts count double."""
    assert plain("a\x1bb\u202ec\n") == "a\ufffdb\ufffdc\ufffd"
    assert fitted("short", 100) == "short"
    assert fitted("x" * 100, 80).endswith("…")
    assert text_width(fitted("x" * 100, 80)) <= 80
    assert text_width("好") > 1.5 * text_width("x")
    assert (number(1.0), number(1.25), number(-0.5)) == ("1", "1.2", "-0.5")


def contrast(one: str, other: str) -> float:
    """WCAG 2.2, relative luminance and contrast ratio."""

    def light(colour: str) -> float:
        parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        red, green, blue = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    high, low = sorted((light(one), light(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", THEMES)
def test_colours_can_be_told_apart_and_read(theme: str) -> None:
    """Text 4.5 to 1 on what is behind it (1.4.3), what a plot is read by 3 to 1 on the paper (1.4.11)."""
    colours = THEMES[theme]
    for ground in ("paper", "panel"):
        for ink in ("ink", "muted", "accent"):
            assert contrast(colours[ink], colours[ground]) >= 4.5, (ink, ground)
    for part in ("true", "logged", *(f"p{place}" for place in range(PART_COLOURS))):
        assert contrast(colours[part], colours["paper"]) >= 3, part
    for place in range(PART_COLOURS):
        assert contrast(colours["on-part"], colours[f"p{place}"]) >= 4.5, place
    for step in range(HEAT_STEPS):
        assert contrast(colours[f"t{step}"], colours[f"h{step}"]) >= 4.5, step


def test_both_themes_name_the_same_colours() -> None:
    """Nothing is left without a colour in the dark."""
    assert THEMES["light"].keys() == THEMES["dark"].keys()
