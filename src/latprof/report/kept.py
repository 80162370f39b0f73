"""A document as bytes and back, to be kept between runs: plain JSON, nothing that could run.

The rows of its grid stand in a line of their own. Numbers in `data` that are not finite come back as None, as which
JSON shows them anyway.
"""

from __future__ import annotations

from typing import Any

from latprof.report.document import NO_DATA, Cell, Column, Document, Grid, Note, Plot, Section, Table
from latprof.store.plain import packed, unpacked

__all__ = ["document_bytes", "document_from"]


def document_bytes(document: Document) -> bytes | None:
    """The document as JSON; None where it holds what JSON cannot give back: plots, and data of other types."""
    if any(isinstance(item, Plot) for section in document.sections for item in section.items):
        return None
    sections = [[section.title, [_item(item) for item in section.items]] for section in document.sections]
    data = None if document.data is NO_DATA else document.data
    try:
        body = packed([document.title, sections, data, document.grid.columns])
        rows = packed(document.grid.rows, unknown=sum(row.count(None) for row in document.grid.rows))
    except (TypeError, ValueError):
        return None
    return body + b"\n" + rows


def document_from(data: bytes) -> Document:
    """The document of these bytes."""
    body, _, rows = data.partition(b"\n")
    title, sections, machine, columns = unpacked(body)
    return Document(
        title,
        tuple(Section(name, tuple(map(_restored, items))) for name, items in sections),
        NO_DATA if machine is None else machine,
        Grid(tuple(columns), tuple(map(tuple, unpacked(rows)))),
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
