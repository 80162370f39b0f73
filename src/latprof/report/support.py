"""Documents about formats: what each can show, and what of them is on this computer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from latprof.formats import Format
from latprof.ingest.kept_history import Beside
from latprof.ingest.survey import Holding
from latprof.report.document import Cell, Column, Document, Grid, Note, Section, Table
from latprof.report.history import beside_data, beside_notes
from latprof.units import UNKNOWN, format_count, format_counted

__all__ = ["EVIDENCE", "SHOWN", "formats_document", "sources_document"]

# The metrics that decide what a log is good for, and their heads in a narrow table.
SHOWN: Final = {
    "ttft_s": "TTFT",
    "first_block_s": "TTFT at most",
    "decode_tps": "decode",
    "wall_s": "whole call",
    "output_tokens": "tokens",
}
EVIDENCE: Final = {
    "recorded": "the agent, recorded against a known truth",
    "real": "real files",
    "synthetic": "not checked on real files",
}
_UNITS: Final = ("B", "kB", "MB", "GB", "TB")


def formats_document(known: Sequence[Format]) -> Document:
    """A table of all formats, those of other packages included, and of those that are refused."""
    read = [item for item in known if not item.refusal]
    refused = [item for item in known if item.refusal]
    columns = (Column("name", "left"), Column("format", "left", 1), *_shown_columns(), Column("checked on", "left", 2))
    rows = tuple(
        (Cell(item.name), Cell(item.title), *_shown_cells(item), Cell(EVIDENCE[item.evidence], minor=True))
        for item in read
    )
    sections = [Section("Formats", (Table("Formats that are read", columns, rows), _legend()))]
    if refused:
        heads = (Column("name", "left"), Column("why", "left"))
        why = tuple((Cell(item.name), Cell(item.refusal)) for item in refused)
        sections.append(Section("Refused", (Table("Formats that are known and refused", heads, why),)))
    data = {"schema_version": 1, "formats": [_described(item) for item in known]}
    grid_columns = ("name", "title", "evidence", "refusal", *SHOWN)
    grid = tuple(
        (item.name, item.title, item.evidence, item.refusal or None, *(item.observes.get(key) for key in SHOWN))
        for item in known
    )
    title = f"latprof: {format_counted(len(read), 'format')} read, {len(refused)} refused"
    return Document(title, tuple(sections), data, Grid(grid_columns, grid))


def sources_document(holdings: Sequence[Holding], beside: Beside | None = None) -> Document:
    """What was found, and what it can tell; formats without a file are only named.

    `beside` is what the history has of deleted logs; None where it was not asked.
    """
    here = sorted((item for item in holdings if item.files), key=lambda item: (-item.calls, item.format.name))
    # Load generators, gateways and exports have no place of their own where they could be missed.
    absent = [
        item.format.title for item in holdings if not item.files and item.format.roots and not item.format.refusal
    ]
    heads = ("files", "sessions", "calls", "days", "size")
    columns = (Column("format", "left"), *(Column(head) for head in heads))
    table = Table("Logs found", columns, tuple(_holding_cells(item) for item in here))
    can_tell = Table(
        "What they can tell",
        (Column("format", "left"), *_shown_columns()),
        tuple((Cell(item.format.title), *_shown_cells(item.format)) for item in here),
    )
    items: list[Table | Note] = [table, can_tell, _legend()] if here else [Note("No agent logs were found.")]
    where = [
        Note(f"{item.format.title}: {', '.join(str(place) for place in item.places)}") for item in here if item.places
    ]
    items += map(Note, [] if beside is None else beside_notes(beside))
    items += [*where, *([Note(f"Not found: {'; '.join(absent)}.")] if absent else [])]
    data = {"schema_version": 1, "sources": [_held(item) for item in holdings], "history": beside_data(beside)}
    grid_columns = ("name", "files", "sessions", "calls", "days", "size_bytes", *SHOWN)
    grid = tuple(
        (
            item.format.name, item.files, item.sessions, item.calls, len(item.days), item.size_bytes,
            *(item.format.observes.get(key) for key in SHOWN),
        )
        for item in here
    )  # fmt: skip
    total = sum(item.files for item in here)
    title = f"latprof: {format_counted(len(here), 'format')} found, {format_counted(total, 'file')}"
    return Document(title, (Section("Sources", tuple(items)),), data, Grid(grid_columns, grid))


def _legend() -> Note:
    return Note(
        "exact: the log states it; bound: the true value is on one side of it; exact/bound: one or the other, from "
        "call to call; – : such a log can never show it. "
        "What each format rests on stands in docs/reference/formats.md."
    )


def _shown_columns(priority: int = 0) -> tuple[Column, ...]:
    return tuple(Column(head, "left", priority) for head in SHOWN.values())


def _shown_cells(item: Format) -> tuple[Cell, ...]:
    seen = (item.observes.get(key) for key in SHOWN)
    return tuple(Cell(UNKNOWN if how is None else how.replace(" or ", "/"), minor=how is None) for how in seen)


def _holding_cells(item: Holding) -> tuple[Cell, ...]:
    counts = (format_count(count) for count in (item.files, item.sessions, item.calls, len(item.days)))
    return (
        Cell(item.format.title),
        *(Cell(count) for count in counts),
        Cell(_size(item.size_bytes)),
    )


def _size(size_bytes: int) -> str:
    value, unit = float(size_bytes), 0
    while value >= 1000 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{value:.3g} {_UNITS[unit]}"


def _described(item: Format) -> dict[str, Any]:
    return {
        "name": item.name,
        "title": item.title,
        "agent": item.agent,
        "shape": item.shape,
        "evidence": item.evidence,
        "refusal": item.refusal or None,
        "roots": list(item.roots),
        "env_roots": dict(item.env_roots),
        "suffixes": list(item.suffixes),
        "observes": dict(item.observes),
        "since": dict(item.since),
    }


def _held(item: Holding) -> dict[str, Any]:
    days = item.days
    return {
        "name": item.format.name,
        "title": item.format.title,
        "places": [str(place) for place in item.places],
        "files": item.files,
        "sessions": item.sessions,
        "calls": item.calls,
        "problems": item.problems,
        "days": len(days),
        "first_day": days[0] if days else None,
        "last_day": days[-1] if days else None,
        "size_bytes": item.size_bytes,
        "observes": dict(item.format.observes),
        "refusal": item.format.refusal or None,
    }
