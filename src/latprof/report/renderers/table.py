"""Tables for a terminal or a pipe."""

from __future__ import annotations

import io
from collections.abc import Sequence

from rich import box
from rich.cells import cell_len
from rich.console import Console, Group
from rich.padding import Padding
from rich.table import Table as RichTable
from rich.text import Text

from latprof.report.document import Cell, Column, Document, Note, Plot, Table
from latprof.report.renderers.base import Renderer, Screen

__all__ = ["RENDERER"]


def _render(document: Document, screen: Screen) -> str:
    stream = io.StringIO()
    console = Console(
        file=stream,
        width=max(screen.width, 40),
        force_terminal=screen.colour,
        color_system="standard" if screen.colour else None,
        no_color=not screen.colour,
        highlight=False,
        markup=False,
        emoji=False,
        legacy_windows=False,
    )
    console.print(Text(_safe(document.title), style="bold"))
    for section in document.sections:
        for item in section.items:
            console.print()
            console.print(_drawn(item, console))
    lines = (line.rstrip() for line in stream.getvalue().splitlines())
    return "\n".join(lines) + "\n"


def _drawn(item: Table | Note | Plot, console: Console) -> Padding | Group:
    """A plot is its table: a terminal has no room for the picture."""
    if isinstance(item, Note):
        return Padding(Text(_safe(item.text)), 0)
    return _table(item.table if isinstance(item, Plot) else item, console)


def _table(table: Table, console: Console) -> Group:
    """The whole table if there is room; else without its least important columns, one level at a time.

    Title and caption have the screen's width, not the table's, which may be narrow.
    """
    widths = _widths(table)
    levels = sorted({column.priority for column in table.columns}, reverse=True)
    fitting = (level for level in levels if _total(table, widths, level) <= console.width)
    level = next(fitting, None)
    # The library measures each cell several times; where all of them have room it need not.
    drawn = _draw(table, levels[-1], None) if level is None else _draw(table, level, widths)
    caption = _safe(_caption(table, levels[-1] if level is None else level))
    return Group(Text(_safe(table.title), style="bold"), drawn, *((Text(caption),) if caption else ()))


def _widths(table: Table) -> list[int]:
    """Of each column's widest cell, its title included."""
    columns = zip(*([column.title for column in table.columns], *map(_texts, table.rows)), strict=True)
    return [max(cell_len(_safe(text)) for text in column) for column in columns]


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
        drawn.add_row(*(_text(row[index]) for index in kept))
    return drawn


def _caption(table: Table, level: int) -> str:
    """The table's own caption, and the names of columns that found no room."""
    gone = [column.title for column in table.columns if column.priority > level]
    missing = f"No room for: {', '.join(gone)}." if gone else ""
    return " ".join(part for part in (table.caption, missing) if part)


def _add_column(drawn: RichTable, column: Column, width: int | None) -> None:
    left, title = column.align == "left", Text(_safe(column.title), style="bold")
    drawn.add_column(title, justify=column.align, no_wrap=not left, overflow="fold", width=width)


def _text(cell: Cell) -> Text:
    return Text(_safe(cell.text), style="dim" if cell.minor else "")


def _safe(text: str) -> str:
    """Names come from logs: control characters must not reach a terminal."""
    return "".join(char if char.isprintable() else "\ufffd" for char in text)


RENDERER = Renderer(name="table", suffix=".txt", render=_render)
