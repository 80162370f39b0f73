"""Drawings: what they hold, that they stay inside their box, and that they can be read in every theme."""

from __future__ import annotations

import re
from itertools import pairwise
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
from latprof.report.svg.canvas import Canvas, fitted, number, text_width, wrapped
from latprof.report.svg.scale import Scale, round_ticks
from latprof.report.svg.shapes import heat_step
from latprof.report.svg.style import HEAT_STEPS, PART_COLOURS
from latprof.units import printable

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
    assert printable("a\x1bb\u202ec\n") == "a\ufffdb\ufffdc\ufffd"
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


MODELS = "claude-opus-4-5-20251101 against claude-opus-4-1-20250805"
INPUTS = "uncached input over 1,255 tokens against up to 511 tokens"
HASH_NAME = "meta/llama-2-13b-chat:f4e2de70d66816a838a89eeeb621910adffb0dd0baba3976c96980970978018d"
PLACED = re.compile(r'<text x="([\d.]+)" y="([\d.]+)"([^>]*)>([^<]*)</text>')


def said(drawing: str) -> str:
    """All texts after each other, without the spaces at which they may be broken."""
    return "".join("".join(texts(drawing)).split())


def ends(drawing: str) -> list[float]:
    """Where the texts end that begin at their place."""
    return [
        float(x) + text_width(text) for x, _, kind, text in PLACED.findall(drawing) if not re.search("mid|end", kind)
    ]


@pytest.mark.parametrize("width", [WIDE, NARROW])
@pytest.mark.parametrize("label", [MODELS, INPUTS, f"{HASH_NAME} against {HASH_NAME[::-1]}"])
def test_what_is_compared_is_said_in_full(width: int, label: str) -> None:
    """A label without room for one line has more of them, beside the interval or above it, and none runs into it."""
    rows = tuple(Interval(text, 1.0, 0.5, 2.5, 12, clear=True) for text in (label, "short", label))
    drawing = svg(plot(Intervals(Axis("difference", "s"), rows)), width)
    assert said(drawing).count("".join(label.split())) == 2
    assert max(ends(drawing)) <= (WIDE * 0.44 if width == WIDE else NARROW)
    lines = [float(y) for _, y, kind, _ in PLACED.findall(drawing) if not kind]
    assert all(below - above >= 15 for above, below in pairwise(lines))
    first, second, _ = (float(dot.get("cy", "0")) for dot in parsed(drawing).iter(f"{SVG}circle"))
    own = len(lines) // 2
    if width == WIDE:
        assert lines[0] - 4 <= first <= lines[own - 1]
        assert first == pytest.approx(sum(lines[:own]) / own - 4, abs=1)
        assert lines[own] - 5 <= second <= lines[own]
    else:
        assert lines[own - 1] + 8 <= first <= lines[own] - 16
        assert lines[own] + 8 <= second <= lines[own + 1] - 16


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_a_legend_keeps_its_unit_and_its_number_of_calls(width: int) -> None:
    """Also where one line has no room for them; a number is not parted from its unit."""
    curve = Curve("obvious formula (as-logged)", "logged", 6319, (10.0, 200.0, 900.0), (0.0, 1.0, 0.0), 200.0)
    label = "Tokens per second after the first token, logarithmic scale (tok/s)"
    drawing = svg(plot(Curves(Axis(label, "tok/s", log=True), (Panel(HASH_NAME, (curve, curve)),))), width)
    assert said(drawing).count("obviousformula(as-logged):median200tok/s,n6,319") == 2
    assert HASH_NAME in said(drawing)
    assert "".join(label.split()) in said(drawing)
    assert max(ends(drawing)) <= width
    assert not any(text.endswith((" 200", " n")) for text in texts(drawing))


def test_a_bar_says_all_of_its_name_beside_its_time() -> None:
    """That the person's time is left out is the end of the name."""
    bar = Bar("repository/project-828804, without the person", (30.0, 70.0))
    drawing = svg(plot(Bars(("one", "rest"), (bar, bar))), NARROW)
    assert said(drawing).count("repository/project-828804,withouttheperson") == 2
    assert max(ends(drawing)) <= NARROW - 70


def test_a_text_of_several_lines_stands_alone_in_a_legend() -> None:
    """Nothing is drawn beside it, and what follows begins below its last line."""
    canvas = Canvas(200, "key")
    bottom = canvas.legend(0, [("box", "one", "short"), ("box", "two", "a text " * 7), ("box", "three", "short")])
    places = [(float(x), float(y)) for x, y in re.findall(r'<text x="([\d.]+)" y="([\d.]+)"', canvas.svg(bottom))]
    assert {x for x, _ in places} == {26.0}
    assert [y for _, y in places] == [12, 30, 45, 63]
    assert bottom == 63 + 12


def test_a_text_without_end_is_cut_after_some_lines() -> None:
    """A log can say anything; a million letters take no longer than those that are shown."""
    for text in ("m" * 1_000_000, "好 " * 500_000, "a-b " * 250_000):
        lines = wrapped(text, 100)
        assert len(lines) == 6
        assert lines[-1].endswith("…")
        assert all(text_width(line) <= 100 for line in lines)


def test_a_very_long_name_is_cut_in_one_go() -> None:
    """As much as fits, and no more; a million letters take no longer than the letters that fit and one look at all."""
    for text in ("m" * 1_000_000, "好" * 1_000_000, "short"):
        shown = fitted(text, 100, 12)
        assert text_width(shown, 12) <= 100
        assert shown == text or text_width(shown[:-1] + text[0] + "…", 12) > 100


def test_a_band_covers_only_neighbours_with_intervals_and_one_alone_is_an_upright() -> None:
    """Over a place without an interval nothing is drawn, and the only place with one is not left out."""
    count = 20
    ends = [(None, None) if i in {2, 3, 5, 6} else (0.5, 1.5) for i in range(count)]
    line = Line("median", "middle", (1.0,) * count, tuple(ends), (8,) * count)
    names = tuple(f"day {i}" for i in range(count))
    drawing = parsed(svg(plot(Lines("day", names, tuple(map(float, range(count))), Axis("wait", "s"), (line,))), WIDE))
    areas = [len(item.attrib["points"].split()) for item in drawing.iter(f"{SVG}polygon")]
    # Days 0 and 1, day 4 alone, days 7 to 19; each day of a band has two corners.
    assert areas == [4, 26]
    uprights = [item for item in drawing.iter(f"{SVG}line") if item.attrib["class"] == "stroke middle"]
    heights = [abs(float(item.attrib["y1"]) - float(item.attrib["y2"])) for item in uprights]
    assert sum(height > 0 for height in heights) == 1
