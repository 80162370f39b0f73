"""Tables and texts that are set here look as if the library had laid them out."""

from __future__ import annotations

import io
import re
from collections import Counter

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from latprof.report import folding
from latprof.report.breaking import broken
from latprof.report.document import Cell, Column, Document, Grid, Note, Section, Table
from latprof.report.renderers import table as renderer
from latprof.report.renderers.base import Screen, caption_of
from latprof.report.room import LEAST_TEXT
from latprof.units import printable

pytestmark = pytest.mark.property

# Letters, figures, signs of two places, of none, and what must not reach a terminal.
TEXTS = st.text(alphabet="ab 09.,–—é漢字한😀\u0301\u200b\t\n\x1b", max_size=14)
# Signs of one place, most of them in words, now and then in one that is too long for a line.
PLAIN_SIGNS = "abc 019.,()[]/-_'\"<>%:;=+*…–—≤≥·×±°µ"
PLAIN = st.text(alphabet=PLAIN_SIGNS, max_size=14)
# Names and sentences that are longer than a text has to be before it may break.
LONG = PLAIN | st.text(alphabet=PLAIN_SIGNS.replace(" ", ""), max_size=90) | st.lists(PLAIN, max_size=9).map(" ".join)
WORDS = st.lists(st.text(alphabet=PLAIN_SIGNS, max_size=9) | st.text(alphabet="xy ", max_size=70), max_size=40).map(
    " ".join
)
CODES = re.compile("\x1b\\[[0-9;]*m")


@st.composite
def tables(draw: st.DrawFn, texts: st.SearchStrategy[str] = TEXTS) -> Table:
    count = draw(st.integers(1, 6))
    columns = [
        Column(
            draw(texts),
            align=draw(st.sampled_from(["left", "right"])),
            priority=draw(st.integers(0, 2)),
            whole=draw(st.booleans()),
        )
        for _ in range(count)
    ]
    cells = st.builds(Cell, texts, minor=st.booleans())
    rows = draw(st.lists(st.lists(cells, min_size=count, max_size=count).map(tuple), max_size=5))
    return Table(title=draw(texts), columns=tuple(columns), rows=tuple(rows), caption=draw(texts))


def printed(console: Console, item: object) -> str:
    console.print(item)
    stream = console.file
    assert isinstance(stream, io.StringIO)
    return stream.getvalue()


def console_of(width: int) -> Console:
    return Console(file=io.StringIO(), width=width, highlight=False, markup=False, emoji=False, legacy_windows=False)


@given(tables(), st.integers(10, 120))
@example(Table(title="", columns=(Column("a"),), rows=(), caption=""), 10)
def test_widths_are_those_that_the_library_finds(table: Table, width: int) -> None:
    """Of every level of columns: how wide it is, and how it is drawn where it fits."""
    widths = folding._widths(table)
    for level in {column.priority for column in table.columns}:
        alone = folding._draw(table, level, None)
        room = console_of(width).options.update(width=10_000)
        total = console_of(10_000).measure(alone, options=room).maximum
        assert folding._total(table, widths, level) == total
        if total <= width:
            given_widths = folding._draw(table, level, widths)
            assert printed(console_of(width), given_widths) == printed(console_of(width), alone)


@given(tables(PLAIN), st.integers(10, 120))
@example(Table(title="", columns=(Column("a"),), rows=(), caption=""), 10)
def test_a_plain_table_with_room_is_that_of_the_library(table: Table, width: int) -> None:
    """The same lines, the same columns left out, the same caption."""
    screen = Screen(width=width)
    found = renderer._set(table, screen)
    lines, caption = folding.folded_table(table, screen)
    if found is None:
        level, widths = min(column.priority for column in table.columns), folding._widths(table)
        texts = [column.title for column in table.columns] + [cell.text for row in table.rows for cell in row]
        is_odd = not all(widths) or any(text != text.strip() for text in texts)
        assert is_odd or folding._total(table, widths, level) > width
    else:
        assert ([line.rstrip() for line in found[0]], found[1]) == (lines, caption)


@given(tables(LONG.map(str.strip).filter(bool)), st.integers(40, 200))
def test_texts_break_before_a_column_is_left_out(table: Table, width: int) -> None:
    """As the library draws them, inside the screen, without losing a sign; columns go only where this is not enough."""
    found = renderer._set(table, Screen(width=width))
    widths = folding._widths(table)
    least = [
        min(size, LEAST_TEXT) if column.align == "left" and not column.whole else size
        for column, size in zip(table.columns, widths, strict=True)
    ]
    fitting = [level for level in {c.priority for c in table.columns} if folding._total(table, least, level) <= width]
    assert (found is not None) == bool(fitting)
    if found is not None:
        lines, caption = found
        assert caption == caption_of(table, max(fitting))
        assert max(map(len, lines)) <= width
        assert ([line.rstrip() for line in lines], caption) == folding.folded_table(table, Screen(width=width))
        shown = [
            text
            for place, column in enumerate(table.columns)
            if column.priority <= max(fitting)
            for text in (column.title, *(row[place].text for row in table.rows))
        ]
        assert signs("".join(lines).replace("─", "")) == signs("".join(shown).replace("─", ""))


@given(LONG | TEXTS, st.integers(2, 40))
def test_lines_of_a_broken_text_have_room_and_lose_nothing(text: str, room: int) -> None:
    """Whatever the signs, also of two places and of none."""
    lines = broken(printable(text), room, cell_len)
    assert all(cell_len(line) <= room for line in lines)
    assert "".join("".join(lines).split()) == "".join(printable(text).split())


def signs(text: str) -> Counter[str]:
    return Counter("".join(text.split()))


@given(WORDS | PLAIN, st.integers(40, 120))
def test_a_plain_text_is_broken_where_the_library_breaks_it(text: str, width: int) -> None:
    """Between words; a word without room is left to the library."""
    found = renderer._wrapped(text, width)
    if found is None:
        assert max(map(len, text.split())) > width
    else:
        assert [line.rstrip() for line in found] == folding.folded_text(text, Screen(width=width))


@given(st.lists(tables(PLAIN | TEXTS) | st.builds(Note, PLAIN | TEXTS), max_size=3), st.integers(40, 120))
def test_colours_change_nothing_but_how_signs_look(items: list[Table | Note], width: int) -> None:
    """Titles are bold, minor cells faint, and each line has the same signs."""
    document = Document("title", (Section("s", tuple(items)),), {}, Grid((), ()))
    plain = renderer.RENDERER.render(document, Screen(width=width))
    coloured = renderer.RENDERER.render(document, Screen(width=width, colour=True))
    assert coloured.startswith("\x1b[1mtitle\x1b[0m\n")
    assert [CODES.sub("", line).rstrip() for line in coloured.splitlines()] == plain.splitlines()


@given(tables(PLAIN.map(str.strip).filter(bool)))
def test_only_minor_cells_are_faint(table: Table) -> None:
    """Of a table with room."""
    coloured = "\n".join(renderer._table(table, Screen(width=1_000, colour=True)))
    faint = [cell.text for row in table.rows for cell in row if cell.minor]
    assert re.findall("\x1b\\[2m(.*?)\x1b\\[0m", coloured) == faint
