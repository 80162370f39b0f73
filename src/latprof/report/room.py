"""Which columns of a table a screen has room for, and how wide they are there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from latprof.report.document import Table

__all__ = ["LEAST_TEXT", "room_for"]

# A column of texts gives up what it has beyond this before any column is left out: a long name may break into more
# lines, but a figure without its number of calls and its interval says too little.
LEAST_TEXT: Final = 24


def room_for(table: Table, widths: Sequence[int], width: int) -> tuple[int, list[int]] | None:
    """The level of columns that a screen of this width has room for, and the width of each of the table's columns.

    All columns if they have room, with texts broken where need be; else without the least important ones, one level at
    a time; None where even the most important ones have none. `widths` are those of the widest cells.
    """
    for level in sorted({column.priority for column in table.columns}, reverse=True):
        kept = [place for place, column in enumerate(table.columns) if column.priority <= level]
        found = _narrowed(table, widths, kept, width - 2 * len(kept))
        if found is not None:
            return level, found
    return None


def _narrowed(table: Table, widths: Sequence[int], kept: Sequence[int], room: int) -> list[int] | None:
    """The widths with the widest texts made as narrow as they must be, all of these alike; None without room."""
    for most in range(max(room, LEAST_TEXT), LEAST_TEXT - 1, -1):
        found = [
            min(width, most) if column.align == "left" and not column.whole else width
            for column, width in zip(table.columns, widths, strict=True)
        ]
        if sum(found[place] for place in kept) <= room:
            return found
    return None
