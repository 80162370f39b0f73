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

from latprof.report.breaking import broken
from latprof.report.document import Column, Document, Note, Plot, Table
from latprof.report.renderers.base import Renderer, Screen, caption_of
from latprof.report.room import room_for

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
    """The lines of the table in columns, and its caption; None where these are not enough."""
    every = [[column.title for column in table.columns], *([cell.text for cell in row] for row in table.rows)]
    if not table.columns or not all(_is_plain(text) and text == text.strip() for texts in every for text in texts):
        return None
    widths = [max(map(len, column)) for column in zip(*every, strict=True)]
    if not all(widths):  # the library has its own way with columns of nothing
        return None
    found = room_for(table, widths, screen.width)
    if found is None:
        return None
    level, given = found
    columns = [(place, column, given[place]) for place, column in enumerate(table.columns) if column.priority <= level]
    return _drawn(table, columns, colour=screen.colour), caption_of(table, level)


def _drawn(table: Table, columns: Sequence[tuple[int, Column, int]], *, colour: bool) -> list[str]:
    bold, dim = (_BOLD, _DIM) if colour else ("", "")
    lines = _row([(column.title, column, width, bold) for _, column, width in columns], low=True)
    lines.append("─" * (sum(width + 2 for _, _, width in columns) - 2))
    for row in table.rows:
        cells = [(row[place], column, width) for place, column, width in columns]
        lines += _row([(cell.text, column, width, dim if cell.minor else "") for cell, column, width in cells])
    return ["", *(f" {line}" for line in lines), ""]


def _row(cells: Sequence[tuple[str, Column, int, str]], *, low: bool = False) -> list[str]:
    """The lines of a row of cells: text, column, width and style; headings stand `low`, on the rule."""
    texts = [broken(text, width, len) for text, _, width, _ in cells]
    height = max(map(len, texts))
    drawn = []
    for lines, (_, column, width, style) in zip(texts, cells, strict=True):
        none = [""] * (height - len(lines))
        whole = none + lines if low else lines + none
        drawn.append([_placed(line, column, width, style) for line in whole])
    return ["  ".join(line) for line in zip(*drawn, strict=True)]


def _placed(text: str, column: Column, width: int, style: str) -> str:
    """A text on its side of a column; spaces have no style."""
    spaces = " " * (width - len(text))
    shown = style.format(text) if style and text else text
    return shown + spaces if column.align == "left" else spaces + shown


def _is_plain(text: str) -> bool:
    """Whether each sign can be shown and is known to take one place."""
    return (text.isascii() or text.translate(_ONE_PLACE).isascii()) and text.isprintable()


RENDERER = Renderer(name="table", suffix=".txt", render=_render)
