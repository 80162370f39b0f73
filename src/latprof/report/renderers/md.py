"""Markdown for a pull request, an issue or a wiki."""

from __future__ import annotations

from latprof.report.document import Document, Note, Plot, Table
from latprof.report.renderers.base import Renderer, Screen
from latprof.units import printable

__all__ = ["RENDERER"]

_ESCAPED = str.maketrans({char: "\\" + char for char in "\\`*_{}[]<>()#+-!|~$"})


def _render(document: Document, screen: Screen) -> str:
    parts = [f"# {_escape(document.title)}"]
    for section in document.sections:
        parts.append(f"## {_escape(section.title)}")
        parts += [_item(item, screen.images) for item in section.items]
    return "\n\n".join(parts) + "\n"


def _item(item: Table | Note | Plot, images: str) -> str:
    if isinstance(item, Note):
        return _escape(item.text)
    return _plot(item, images) if isinstance(item, Plot) else _table(item)


def _plot(plot: Plot, images: str) -> str:
    """Words, the picture where its file is there, and the figures folded up."""
    image = [f"![{_escape(plot.title)}](<{images}/{plot.key}.svg>)"] if images else []
    folded = f"<details><summary>The figures as a table</summary>\n\n{_table(plot.table)}\n\n</details>"
    return "\n\n".join([f"### {_escape(plot.title)}", _escape(plot.summary), *image, folded])


def _table(table: Table) -> str:
    head = "| " + " | ".join(_escape(column.title) for column in table.columns) + " |"
    rule = "|" + "|".join(" ---: " if column.align == "right" else " --- " for column in table.columns) + "|"
    rows = ["| " + " | ".join(_cell(cell.text) for cell in row) + " |" for row in table.rows]
    caption = [f"\n{_escape(table.caption)}"] if table.caption else []
    return "\n".join([f"**{_escape(table.title)}**\n", head, rule, *rows, *caption])


def _cell(text: str) -> str:
    """Spaces at the begin say that a row is part of one above; only those that do not break are drawn."""
    rest = text.lstrip(" ")
    return "\u00a0" * (len(text) - len(rest)) + _escape(rest)


def _escape(text: str) -> str:
    """Names come from logs: nothing in them may act as markup or HTML, or end the line."""
    return printable(text).translate(_ESCAPED)


RENDERER = Renderer(name="md", suffix=".md", render=_render)
