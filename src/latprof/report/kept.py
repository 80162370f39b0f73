"""A document as bytes and back, to be kept between runs: plain JSON, nothing that could run."""

from __future__ import annotations

import json
from typing import Any

from latprof.report.document import Cell, Column, Document, Grid, Note, Plot, Section, Table

__all__ = ["document_bytes", "document_from"]


def document_bytes(document: Document) -> bytes | None:
    """The document as JSON; None where it holds what JSON cannot give back: plots, and data of other types."""
    if any(isinstance(item, Plot) for section in document.sections for item in section.items):
        return None
    grid = {"columns": document.grid.columns, "rows": document.grid.rows}
    sections = [[section.title, [_item(item) for item in section.items]] for section in document.sections]
    try:
        return json.dumps([document.title, sections, document.data, grid], separators=(",", ":")).encode()
    except (TypeError, ValueError):
        return None


def document_from(data: bytes) -> Document:
    """The document of these bytes."""
    title, sections, machine, grid = json.loads(data)
    return Document(
        title,
        tuple(Section(name, tuple(map(_restored, items))) for name, items in sections),
        machine,
        Grid(tuple(grid["columns"]), tuple(map(tuple, grid["rows"]))),
    )


def _item(item: Table | Note | Plot) -> Any:
    if isinstance(item, Note):
        return item.text
    if isinstance(item, Plot):
        raise TypeError("a plot is drawn anew")
    columns = [[column.title, column.align, column.priority] for column in item.columns]
    return [item.title, columns, [[[cell.text, cell.minor] for cell in row] for row in item.rows], item.caption]


def _restored(item: Any) -> Table | Note:
    if isinstance(item, str):
        return Note(item)
    title, columns, rows, caption = item
    cells = tuple(tuple(Cell(text, minor) for text, minor in row) for row in rows)
    return Table(title, tuple(Column(*column) for column in columns), cells, caption)
