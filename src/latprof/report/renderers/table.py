"""Tables for a terminal or a pipe.

Most tables have room and only signs that take one place each: to set these in columns takes a few lines, and rich for
it a sixth of a run on logs that have grown a little, most of it to be loaded. All others are laid out by it, and where
both can, they give the same.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from latprof.report.document import Cell, Column, Document, Note, Plot, Table
from latprof.report.renderers.base import Renderer, Screen, caption_of

__all__ = ["RENDERER"]

_LEAST_WIDTH: Final = 40
_BOLD: Final = "\x1b[1m{}\x1b[0m"
_DIM: Final = "\x1b[2m{}\x1b[0m"
_WORD: Final = re.compile(r"\s*\S+\s*")
# Signs beyond ASCII that our own words use, and that take one place.
_ONE_PLACE: Final = dict.fromkeys(map(ord, "…–—≤≥·×±°µ"), "-")


def _render(document: Document, screen: Screen) -> str:
    screen = replace(screen, width=max(screen.width, _LEAST_WIDTH))
    lines = _paragraph(document.title, screen, bold=True)
    for section in document.sections:
        for item in section.items:
            lines.append("")
            # A plot is its table: a terminal has no room for the picture.
            shown = item.table if isinstance(item, Plot) else item
            lines += _paragraph(shown.text, screen) if isinstance(shown, Note) else _table(shown, screen)
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _paragraph(text: str, screen: Screen, *, bold: bool = False) -> list[str]:
    """A text in lines that have room."""
    lines = _wrapped(text, screen.width) if _is_plain(text) else None
    if lines is None:
        from latprof.report.folding import folded_text

        return folded_text(text, screen, bold=bold)
    return [_BOLD.format(line) if bold and screen.colour and line else line for line in lines]


def _wrapped(text: str, width: int) -> list[str] | None:
    """A text of signs of one place, broken between words; None where a word has no room."""
    if len(text) <= width:
        return [text]
    lines = [""]
    for word in _WORD.findall(text):
        size = len(word.rstrip())
        if size > width:
            return None
        if len(lines[-1]) + size > width:
            lines.append("")
        lines[-1] += word
    return [line.rstrip() for line in lines]


def _table(table: Table, screen: Screen) -> list[str]:
    """A table with title and caption, which have the screen's width, not the table's, which may be narrow."""
    body, caption = _set(table, screen) or _folded(table, screen)
    return [
        *_paragraph(table.title, screen, bold=True),
        *body,
        *(_paragraph(caption, screen) if caption else ()),
    ]


def _folded(table: Table, screen: Screen) -> tuple[list[str], str]:
    from latprof.report.folding import folded_table

    return folded_table(table, screen)


def _set(table: Table, screen: Screen) -> tuple[list[str], str] | None:
    """The lines of the table in columns, and its caption; None where these are not enough.

    The whole table if there is room; else without its least important columns, one level at a time.
    """
    every = [[column.title for column in table.columns], *([cell.text for cell in row] for row in table.rows)]
    if not table.columns or not all(_is_plain(text) and text == text.strip() for texts in every for text in texts):
        return None
    widths = [max(map(len, column)) for column in zip(*every, strict=True)]
    if not all(widths):  # the library has its own way with columns of nothing
        return None
    for level in sorted({column.priority for column in table.columns}, reverse=True):
        kept = [place for place, column in enumerate(table.columns) if column.priority <= level]
        if sum(widths[place] + 2 for place in kept) <= screen.width:
            columns = [(place, table.columns[place], widths[place]) for place in kept]
            return _drawn(table, columns, colour=screen.colour), caption_of(table, level)
    return None


def _drawn(table: Table, columns: Sequence[tuple[int, Column, int]], *, colour: bool) -> list[str]:
    heading = [_placed(column.title, column, width, _BOLD if colour else None) for _, column, width in columns]
    rule = "─" * (sum(width + 2 for _, _, width in columns) - 2)
    rows = [[_cell(row[place], column, width, colour=colour) for place, column, width in columns] for row in table.rows]
    return ["", *(f" {'  '.join(row)}" for row in (heading, [rule], *rows)), ""]


def _cell(cell: Cell, column: Column, width: int, *, colour: bool) -> str:
    return _placed(cell.text, column, width, _DIM if colour and cell.minor else None)


def _placed(text: str, column: Column, width: int, style: str | None) -> str:
    """A text on its side of a column; spaces have no style."""
    spaces = " " * (width - len(text))
    shown = style.format(text) if style and text else text
    return shown + spaces if column.align == "left" else spaces + shown


def _is_plain(text: str) -> bool:
    """Whether each sign can be shown and is known to take one place."""
    return (text.isascii() or text.translate(_ONE_PLACE).isascii()) and text.isprintable()


RENDERER = Renderer(name="table", suffix=".txt", render=_render)
