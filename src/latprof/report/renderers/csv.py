"""The document's grid as CSV; texts are safe in a spreadsheet, what is not known is an empty cell."""

from __future__ import annotations

import csv
import io

from latprof.report.cells import spreadsheet_safe
from latprof.report.document import NO_DATA, Document
from latprof.report.renderers.base import Renderer, Screen

__all__ = ["RENDERER"]


def _render(document: Document, _: Screen) -> str:
    if document.data is NO_DATA:
        raise ValueError("this document was made for people to read and has no figures for programs")
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(document.grid.columns)
    for row in document.grid.rows:
        writer.writerow([_cell(value) for value in row])
    return stream.getvalue()


def _cell(value: str | float | None) -> str:
    if value is None:
        return ""
    return spreadsheet_safe(value) if isinstance(value, str) else f"{value:.15g}"


RENDERER = Renderer(name="csv", suffix=".csv", render=_render)
