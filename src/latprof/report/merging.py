"""The document of `latprof merge`: what was read, what was the same call, what was written."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from typing import Any, Final

import numpy as np

from latprof.ingest import Reading
from latprof.model import PROBLEMS
from latprof.report.document import Cell, Column, Document, Grid, Note, Section, Table
from latprof.report.several import several_notes
from latprof.stats import group_rows
from latprof.trace import Trace
from latprof.units import UNKNOWN, format_count, format_counted

__all__ = ["merged_document"]

_KEYS: Final = ("engineer", "host")
_COLUMNS: Final = (*_KEYS, "calls", "sessions", "first_day", "last_day")
_Row = tuple[str | int | None, ...]


def merged_document(trace: Trace, reading: Reading, output: str, *, tz: tzinfo = UTC) -> Document:
    """Counts of calls from the files to the output, and what of it is whose."""
    rows = _rows(trace, tz)
    steps = _steps(trace, reading)
    sections = [
        Section("From files to output", (_step_table(steps), *map(Note, _words(trace, reading)))),
        Section("Written", (_owner_table(rows),)),
    ]
    problems = reading.problem_counts()
    if problems:
        named = "; ".join(f"{PROBLEMS.get(kind, kind)}: {format_count(count)}" for kind, count in problems.items())
        sections.append(Section("Problems", (Note(f"{named}. `latprof analyze --problems` lists them."),)))
    data = {
        "schema_version": 1,
        "output": output,
        "files": reading.files,
        "formats": dict(sorted(reading.formats.items())),
        **{key: count for key, _, count in steps},
        "calls_of_several_engineers": reading.of_several.calls,
        "sessions_of_several_engineers": reading.of_several.sessions,
        "written": [dict(zip(_COLUMNS, row, strict=True)) for row in rows],
        "problems": problems,
    }
    title = f"latprof: {format_counted(len(trace), 'call')} written to {output}"
    return Document(title, tuple(sections), data, Grid(_COLUMNS, rows))


def _steps(trace: Trace, reading: Reading) -> tuple[tuple[str, str, int], ...]:
    left_out = reading.records - reading.copies - reading.joined - len(trace)
    return (
        ("calls_in", f"calls in {format_counted(reading.files, 'file')}", reading.records),
        ("copies", "copies of a call, dropped", reading.copies),
        ("joined", "other records of a call, joined with it", reading.joined),
        ("left_out", "left out by filters", left_out),
        ("calls_out", "calls written", len(trace)),
    )


def _step_table(steps: tuple[tuple[str, str, int], ...]) -> Table:
    rows = tuple(
        (Cell(said), Cell(format_count(count)))
        for key, said, count in steps
        if count or key in {"calls_in", "copies", "calls_out"}
    )
    return Table("From files to output, in calls", (Column("step", "left"), Column("calls")), rows)


def _rows(trace: Trace, tz: tzinfo) -> tuple[_Row, ...]:
    """Per engineer and host: calls, sessions, first and last day."""
    sent, sessions = trace.column("sent_at"), trace.column("session_id")
    found: list[_Row] = []
    for (engineer, host), rows in group_rows(trace, _KEYS, tz).items():
        known = sent[rows][~np.isnan(sent[rows])]
        days = [_day(float(at), tz) for at in (known.min(), known.max())] if len(known) else [None, None]
        found.append((engineer, host, len(rows), len(set(sessions[rows])), *days))
    return tuple(found)


def _day(at: float, tz: tzinfo) -> str:
    return datetime.fromtimestamp(at, tz).strftime("%Y-%m-%d")


def _owner_table(rows: tuple[_Row, ...]) -> Table:
    columns = (
        Column("engineer", "left"), Column("host", "left"), Column("calls"), Column("sessions"),
        Column("first day", "left"), Column("last day", "left"),
    )  # fmt: skip
    return Table("Written, in calls", columns, tuple(tuple(Cell(_text(value)) for value in row) for row in rows))


def _text(value: Any) -> str:
    if value is None:
        return UNKNOWN
    return format_count(value) if isinstance(value, int) else str(value)


def _words(trace: Trace, reading: Reading) -> list[str]:
    said = []
    nameless = sum(name is None for name in trace.column("engineer"))
    if nameless:
        said.append(
            f"Nobody said whose {format_counted(nameless, 'call')} are: write NAME=PATH, or give --engineer NAME."
            if nameless > 1
            else "Nobody said whose one call is: write NAME=PATH, or give --engineer NAME."
        )
    said += several_notes(reading)
    if reading.formats["latprof-csv"]:
        said.append(
            "CSV holds no blocks: estimates of first token and speed cannot be made anew for these calls and will "
            "differ. Exact figures and bounds stay."
        )
    return said
