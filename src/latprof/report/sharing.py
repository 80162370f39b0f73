"""Documents about logs that were made fit to be shared."""

from __future__ import annotations

from latprof.report.document import Cell, Column, Document, Grid, Note, Section, Table
from latprof.share.folder import Scrubbed
from latprof.units import format_count, format_counted

__all__ = ["scrubbed_document"]


def scrubbed_document(result: Scrubbed) -> Document:
    """What was copied without text, and what was left out and why."""
    kept = tuple((Cell(name), Cell(format_count(count))) for name, count in sorted(result.formats.items()))
    items: list[Table | Note] = [
        Table("Copied without text", (Column("format", "left"), Column("logs")), kept),
        Note(
            f"{format_counted(result.calls, 'call')} (copies counted) read the same from the copies, apart from ids "
            f"and paths; {format_counted(result.others, 'file')} beside them were copied in the same way."
        ),
    ]
    if result.refused:
        heads = (Column("left out", "left"), Column("because", "left"))
        rows = tuple((Cell(path), Cell(reason)) for path, reason in result.refused)
        items.append(Table("Left out", heads, rows))
    data = {
        "schema_version": 1,
        "files": result.files,
        "calls": result.calls,
        "other_files": result.others,
        "formats": dict(sorted(result.formats.items())),
        "refused": [{"path": path, "reason": reason} for path, reason in result.refused],
    }
    grid = Grid(("path", "reason"), tuple(result.refused))
    title = f"latprof: {format_counted(result.files, 'log')} without text, {format_count(len(result.refused))} left out"
    return Document(title, (Section("Scrubbed", tuple(items)),), data, grid)
