"""What a line of one-cell signs cannot show, laid out by rich: tables without room, wide signs, signs of no width."""

from __future__ import annotations

import io
from collections.abc import Sequence

from rich import box
from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.table import Table as RichTable
from rich.text import Text

from latprof.report.breaking import broken
from latprof.report.document import Cell, Column, Table
from latprof.report.renderers.base import Screen, caption_of
from latprof.report.room import room_for
from latprof.units import printable

__all__ = ["folded_table", "folded_text"]


def folded_text(text: str, screen: Screen, *, bold: bool = False) -> list[str]:
    """A paragraph in lines that have room."""
    return _lines(Text(printable(text), style="bold" if bold else ""), screen)


def folded_table(table: Table, screen: Screen) -> tuple[list[str], str]:
    """The lines of a table and its caption.

    As `room_for` finds it; where even the most important columns have no room, they are folded by the library.
    """
    found = room_for(table, _widths(table), screen.width)
    # The library measures each cell several times; where all of them have room it need not.
    level, widths = found or (min(column.priority for column in table.columns), None)
    return _lines(_draw(table, level, widths), screen), caption_of(table, level)


def _lines(item: RenderableType, screen: Screen) -> list[str]:
    stream = io.StringIO()
    console = Console(
        file=stream,
        width=screen.width,
        force_terminal=screen.colour,
        color_system="standard" if screen.colour else None,
        no_color=not screen.colour,
        highlight=False,
        markup=False,
        emoji=False,
        legacy_windows=False,
    )
    console.print(item)
    return [line.rstrip() for line in stream.getvalue().splitlines()]


def _widths(table: Table) -> list[int]:
    """Of each column's widest cell, its title included."""
    columns = zip(*([column.title for column in table.columns], *map(_texts, table.rows)), strict=True)
    return [max(cell_len(printable(text)) for text in column) for column in columns]


def _texts(row: Sequence[Cell]) -> list[str]:
    return [cell.text for cell in row]


def _total(table: Table, widths: list[int], level: int) -> int:
    """The width of the table with its columns of that level: two places between columns, one at each end."""
    return sum(width + 2 for column, width in zip(table.columns, widths, strict=True) if column.priority <= level)


def _draw(table: Table, level: int, widths: list[int] | None) -> RichTable:
    kept = [index for index, column in enumerate(table.columns) if column.priority <= level]
    drawn = RichTable(
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    for index in kept:
        _add_column(drawn, table.columns[index], None if widths is None else widths[index])
    for row in table.rows:
        drawn.add_row(*(_text(row[index], None if widths is None else widths[index]) for index in kept))
    return drawn


def _add_column(drawn: RichTable, column: Column, width: int | None) -> None:
    left, title = column.align == "left", Text(_set(column.title, width), style="bold")
    drawn.add_column(title, justify=column.align, no_wrap=not left, overflow="fold", width=width)


def _text(cell: Cell, width: int | None) -> Text:
    return Text(_set(cell.text, width), style="dim" if cell.minor else "")


def _set(text: str, width: int | None) -> str:
    """In lines where the width is known."""
    shown = printable(text)
    return shown if width is None else "\n".join(broken(shown, width, cell_len))
