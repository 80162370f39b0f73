"""A table whose cells are measured here looks as if the library had measured them."""

from __future__ import annotations

import io

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.console import Console

from latprof.report.document import Cell, Column, Table
from latprof.report.renderers import table as renderer

pytestmark = pytest.mark.property

# Letters, figures, signs of two places, of none, and what must not reach a terminal.
TEXTS = st.text(alphabet="ab 09.,–—é漢字한😀\u0301\u200b\t\n\x1b", max_size=14)
CELLS = st.builds(Cell, TEXTS, minor=st.booleans())


@st.composite
def tables(draw: st.DrawFn) -> Table:
    count = draw(st.integers(1, 6))
    columns = [
        Column(draw(TEXTS), align=draw(st.sampled_from(["left", "right"])), priority=draw(st.integers(0, 2)))
        for _ in range(count)
    ]
    rows = draw(st.lists(st.lists(CELLS, min_size=count, max_size=count).map(tuple), max_size=5))
    return Table(title=draw(TEXTS), columns=tuple(columns), rows=tuple(rows), caption=draw(TEXTS))


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
    widths = renderer._widths(table)
    for level in {column.priority for column in table.columns}:
        alone = renderer._draw(table, level, None)
        room = console_of(width).options.update(width=10_000)
        total = console_of(10_000).measure(alone, options=room).maximum
        assert renderer._total(table, widths, level) == total
        if total <= width:
            given_widths = renderer._draw(table, level, widths)
            assert printed(console_of(width), given_widths) == printed(console_of(width), alone)
