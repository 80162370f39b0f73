"""Summaries -> a neutral document -> text in a chosen format."""

from __future__ import annotations

from latprof.report.build import build_document
from latprof.report.catalogue import (
    catalogue_check_document,
    catalogue_document,
    catalogue_entry_document,
    catalogue_sources_document,
)
from latprof.report.document import Analysis, Cell, Column, Document, Grid, Note, Section, Table
from latprof.report.export import EXPORT_FORMATS, export_calls
from latprof.report.renderers import RENDERERS, Renderer, renderer
from latprof.report.support import formats_document, sources_document

__all__ = [
    "EXPORT_FORMATS",
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
