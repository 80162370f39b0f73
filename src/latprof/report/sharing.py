"""Documents about logs that were made fit to be shared."""

from __future__ import annotations

from latprof.report.document import Cell, Column, Document, Grid, Note, Section, Table
from latprof.share.folder import Scrubbed
from latprof.units import format_count, format_counted

__all__ = ["scrubbed_document"]


def scrubbed_document(result: Scrubbed) -> Document:
    """What was copied without text, and what was left out and why."""
    kept = tuple((Cell(name), Cell(format_count(count))) for name, count in sorted(result.formats.items()))
    items: list[Table | Note] = []
    if kept:
        items.append(Table("Copied without text", (Column("format", "left"), Column("logs")), kept))
    items.append(Note(_words(result)))
    if result.refused:
        heads = (Column("left out", "left"), Column("because", "left"))
        rows = tuple((Cell(path), Cell(reason)) for path, reason in result.refused)
        items.append(Table("Left out", heads, rows))
    data = {
        "schema_version": 1,
        "identical": result.identical,
        "files": result.files,
        "calls": result.calls,
        "other_files": result.others,
        "formats": dict(sorted(result.formats.items())),
        "refused": [{"path": path, "reason": reason} for path, reason in result.refused],
    }
    grid = Grid(("path", "reason"), tuple(result.refused))
    title = f"latprof: {format_counted(result.files, 'log')} without text, {format_count(len(result.refused))} left out"
    return Document(title, (Section("Scrubbed", tuple(items)),), data, grid)


def _words(result: Scrubbed) -> str:
    """What is the same in the copies, and what else was copied."""
    calls = f"{format_counted(result.calls, 'call')} (copies of a call counted)"
    if result.identical:
        first = f"All {calls} read the same from the new files, apart from ids and paths."
    elif result.refused:
        first = f"{calls} read the same from the new files, apart from ids and paths; those left out are not there."
    else:
        first = f"{calls} read the same file by file, but not what several files tell together."
    beside = f"{format_counted(result.others, 'file')} beside the logs were changed in the same way."
    return f"{first} {beside}" if result.others else first
