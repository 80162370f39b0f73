"""Documents about formats: what each can show, and what of them is on this computer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from latprof.formats import Format
from latprof.ingest.kept_history import Beside
from latprof.ingest.survey import Holding, Survey
from latprof.model import KINDS
from latprof.report.document import Cell, Column, Document, Grid, Note, Section, Table
from latprof.report.history import beside_data, beside_notes
from latprof.units import UNKNOWN, format_count, format_counted, format_share

__all__ = ["EVIDENCE", "SHOWN", "closed_note", "formats_document", "seen_counts", "seen_words", "sources_document"]

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
_SEEN: Final = (
    "exact: the log states it; bound: the true value is on one side of it; – : no call shows it; `latprof analyze` "
    "estimates what bounds of many calls tell. `latprof formats` says what each format can show, "
    "docs/reference/formats.md what that rests on."
)
# So many paths without permission are named on a page, all of them for programs.
_CLOSED_SHOWN: Final = 5
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


def sources_document(found: Survey, beside: Beside | None = None) -> Document:
    """What was found, and what it can tell; formats without a file are only named.

    `beside` is what the history has of deleted logs; None where it was not asked.
    """
    here = sorted(found.here, key=lambda item: (-item.calls, item.format.name))
    # Load generators, gateways and exports have no place of their own where they could be missed.
    absent = [
        item.format.title
        for item in found.holdings
        if not (item.files or item.format.refusal or _is_closed(item, found.closed)) and item.format.roots
    ]
    heads = ("files", "sessions", "calls", "days", "size")
    columns = (Column("format", "left"), *(Column(head) for head in heads))
    table = Table("Logs found", columns, tuple(_holding_cells(item) for item in here))
    told = Table(
        "What they tell, and of which share of the calls",
        (Column("format", "left"), *_shown_columns()),
        tuple((Cell(item.format.title), *_seen_cells(item)) for item in here),
    )
    nothing = "No agent logs could be read." if found.closed else "No agent logs were found."
    items: list[Table | Note] = [table, told, Note(_SEEN)] if here else [Note(nothing)]
    items += map(Note, closed_note(found))
    where = [
        Note(f"{item.format.title}: {', '.join(str(place) for place in item.places)}") for item in here if item.places
    ]
    items += map(Note, [] if beside is None else beside_notes(beside))
    items += [*where, *([Note(f"Not found: {'; '.join(absent)}.")] if absent else [])]
    data = {"schema_version": 1, "sources": [_held(item) for item in found.holdings], "history": beside_data(beside)}
    data["no_permission"] = list(found.closed)
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


def closed_note(found: Survey) -> list[str]:
    """A sentence on what may not be looked at, whose place it is, and what to do; none where there is nothing."""
    named: list[str] = []
    for path in found.closed[:_CLOSED_SHOWN]:
        owners = [item.format.title for item in found.holdings if _is_closed(item, [path])]
        named.append(f"{path} ({', '.join(owners)})" if owners else path)
    if len(found.closed) > _CLOSED_SHOWN:
        named.append(f"{format_count(len(found.closed) - _CLOSED_SHOWN)} more")
    return [f"No permission to look at {'; '.join(named)}: check the permissions."] if named else []


def _is_closed(item: Holding, closed: Sequence[str]) -> bool:
    """Whether any of this lies in one of the format's places."""
    return any(Path(path).is_relative_to(place) for place in item.places for path in closed)


def seen_counts(item: Holding) -> dict[str, dict[str, int]]:
    """Per metric that decides what a log is good for: calls by the kind of their value."""
    return {
        key: {kind: count for kind in KINDS if (count := item.seen[key, kind])} for key in SHOWN if item.format.observes
    }


def seen_words(item: Holding, key: str) -> str | None:
    """'exact 12 %, bound 88 %' of the calls; None where none shows the metric."""
    shares = (
        f"{kind} {format_share(count / item.calls)}" for kind, count in seen_counts(item).get(key, {}).items() if count
    )
    return ", ".join(shares) or None


def _seen_cells(item: Holding) -> tuple[Cell, ...]:
    words = (seen_words(item, key) for key in SHOWN)
    return tuple(Cell(UNKNOWN if text is None else text, minor=text is None) for text in words)


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
        "seen": seen_counts(item),
        "refusal": item.format.refusal or None,
    }
