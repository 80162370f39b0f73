"""Summaries -> a neutral document -> text in a chosen format.

The names below are loaded when they are first used: a command needs few of them.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from latprof.report.build import build_document
    from latprof.report.catalogue import (
        catalogue_check_document,
        catalogue_document,
        catalogue_entry_document,
        catalogue_sources_document,
    )
    from latprof.report.document import Analysis, Cell, Column, Document, Grid, Note, Section, Table
    from latprof.report.export import EXPORT_FORMATS, export_calls
    from latprof.report.renderers import FOR_PROGRAMS, RENDERERS, Renderer, renderer
    from latprof.report.support import formats_document, sources_document

__all__ = [
    "EXPORT_FORMATS",
    "FOR_PROGRAMS",
    "RENDERERS",
    "Analysis",
    "Cell",
    "Column",
    "Document",
    "Grid",
    "Note",
    "Renderer",
    "Section",
    "Table",
    "build_document",
    "catalogue_check_document",
    "catalogue_document",
    "catalogue_entry_document",
    "catalogue_sources_document",
    "export_calls",
    "formats_document",
    "renderer",
    "sources_document",
]

_HOMES: Final = {
    "EXPORT_FORMATS": "latprof.report.export",
    "FOR_PROGRAMS": "latprof.report.renderers",
    "RENDERERS": "latprof.report.renderers",
    "Analysis": "latprof.report.document",
    "Cell": "latprof.report.document",
    "Column": "latprof.report.document",
    "Document": "latprof.report.document",
    "Grid": "latprof.report.document",
    "Note": "latprof.report.document",
    "Renderer": "latprof.report.renderers",
    "Section": "latprof.report.document",
    "Table": "latprof.report.document",
    "build_document": "latprof.report.build",
    "catalogue_check_document": "latprof.report.catalogue",
    "catalogue_document": "latprof.report.catalogue",
    "catalogue_entry_document": "latprof.report.catalogue",
    "catalogue_sources_document": "latprof.report.catalogue",
    "export_calls": "latprof.report.export",
    "formats_document": "latprof.report.support",
    "renderer": "latprof.report.renderers",
    "sources_document": "latprof.report.support",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'latprof.report' has no attribute {name!r}")
    return getattr(importlib.import_module(home), name)
