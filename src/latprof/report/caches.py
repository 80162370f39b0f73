"""What the cache holds, as a document."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from latprof.report.document import Cell, Column, Document, Grid, Note, Section, Table
from latprof.units import format_count

if TYPE_CHECKING:
    from latprof.store.cache import Contents

__all__ = ["cache_document"]

# Kinds of values in the words of those who did not write the program.
_WORDS: Final = {
    "file": "calls of one log each",
    "snapshot": "lists of the logs of a run",
    "columns": "calls of all logs of a run",
    "step": "steps of the estimator",
    "result": "finished results",
}


def cache_document(path: Path, contents: Sequence[Contents], most_bytes: int, trouble: str) -> Document:
    """Path, size and limit, then a row per kind of value; `trouble` says why the cache cannot be used."""
    size = sum(item.size_bytes for item in contents)
    state = f"It cannot be used: {trouble}." if trouble else f"It holds {_mb(size)} of at most {_mb(most_bytes)}."
    columns = (Column("what", "left"), Column("number"), Column("size, MB"))
    rows = tuple(
        (
            Cell(_WORDS.get(item.kind, item.kind)),
            Cell(format_count(item.entries)),
            Cell(f"{item.size_bytes / 1e6:,.1f}"),
        )
        for item in contents
    )
    table = (Table("In the cache", columns, rows),) if rows else ()
    words = Note(
        f"The cache is {path}, with large values in a folder beside it. {state} Times, sizes, ids and names of calls "
        "are in it, no text of logs. It can be deleted at any time."
    )
    data = {
        "schema_version": 1,
        "path": str(path),
        "size_bytes": size,
        "most_bytes": most_bytes,
        "usable": not trouble,
        "contents": [{"kind": item.kind, "entries": item.entries, "size_bytes": item.size_bytes} for item in contents],
    }
    grid = Grid(
        ("kind", "entries", "size_bytes"), tuple((item.kind, item.entries, item.size_bytes) for item in contents)
    )
    return Document("latprof: cache", (Section("Cache", (words, *table)),), data, grid)


def _mb(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:,.1f} MB"
