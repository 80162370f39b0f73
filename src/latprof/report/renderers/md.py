"""Markdown for a pull request, an issue or a wiki."""

from __future__ import annotations

from latprof.report.document import Document, Note, Table
from latprof.report.renderers.base import Renderer, Screen

__all__ = ["RENDERER"]

_ESCAPED = str.maketrans({char: "\\" + char for char in "\\`*_{}[]<>()#+-!|~$"})


def _render(document: Document, _: Screen) -> str:
    parts = [f"# {_escape(document.title)}"]
    for section in document.sections:
        parts.append(f"## {_escape(section.title)}")
        parts += [_escape(item.text) if isinstance(item, Note) else _table(item) for item in section.items]
    return "\n\n".join(parts) + "\n"


def _table(table: Table) -> str:
    head = "| " + " | ".join(_escape(column.title) for column in table.columns) + " |"
    rule = "|" + "|".join(" ---: " if column.align == "right" else " --- " for column in table.columns) + "|"
    rows = ["| " + " | ".join(_escape(cell.text) for cell in row) + " |" for row in table.rows]
    caption = [f"\n{_escape(table.caption)}"] if table.caption else []
    return "\n".join([f"**{_escape(table.title)}**\n", head, rule, *rows, *caption])


def _escape(text: str) -> str:
    """Names come from logs: nothing in them may act as markup or HTML, or end the line."""
    plain = "".join(char if char.isprintable() else "\ufffd" for char in text)
    return plain.translate(_ESCAPED)


RENDERER = Renderer(name="md", suffix=".md", render=_render)
