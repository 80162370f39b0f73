"""What the history gave to an analysis, and documents about the history itself."""

from __future__ import annotations

from datetime import UTC, tzinfo
from typing import TYPE_CHECKING, Any

import numpy as np

from latprof.report.document import Cell, Column, Document, Grid, Note, Section, Table
from latprof.units import UNKNOWN, format_count, format_counted, format_instant

if TYPE_CHECKING:
    from latprof.ingest.kept_history import Beside, HistoryFacts, KeptLogs, Pruned
    from latprof.ingest.remember import Remembered
    from latprof.trace import Trace

__all__ = ["beside_data", "beside_notes", "history_document", "history_notes", "pruned_document"]


def history_notes(trace: Trace, remembered: Remembered, tz: tzinfo = UTC) -> tuple[str, ...]:
    """How many of these calls come from the history, of how many logs, since when; and whether some may be missing."""
    notes: list[str] = []
    found, deleted, cut = remembered.among(trace.keys)
    calls = int(found.sum())
    if calls:
        at = trace.column("sent_at")[found]
        day = None if np.isnan(at).all() else format_instant(float(np.nanmin(at)), tz)
        since = f", since {day[:10]}" if day else ""
        notes.append(
            f"{format_count(calls)} of these calls are in no log any more: the history has them, of "
            f"{_logs(deleted, cut)}{since} (--no-history leaves them out)."
        )
    if remembered.trouble and remembered.matters:
        notes.append(f"The history {remembered.trouble}: calls of deleted logs may be missing.")
    return tuple(notes)


def _logs(deleted: int, shortened: int) -> str:
    """As '12 deleted logs and 1 shortened log'."""
    parts = [format_counted(deleted, "deleted log")] if deleted else []
    parts += [format_counted(shortened, "shortened log")] if shortened else []
    return " and ".join(parts)


def beside_notes(beside: Beside) -> list[str]:
    """What the history has beside the logs that are there, for pages that show only these."""
    notes: list[str] = []
    if beside.calls:
        day = f", since {(format_instant(beside.since) or '')[:10]}" if beside.since is not None else ""
        of = "; ".join(f"{name} {format_count(count)}" for name, count in beside.formats.items())
        verb = "is" if beside.calls == 1 else "are"
        notes.append(
            f"{format_counted(beside.calls, 'more call')} of {_logs(beside.deleted, beside.shortened)} {verb} in the "
            f"history{day} ({of}). Other commands count them, too; --no-history leaves them out."
        )
    if beside.trouble:
        notes.append(f"The history {beside.trouble}: what it has of deleted logs is not known.")
    return notes


def beside_data(beside: Beside | None) -> dict[str, Any] | None:
    """The same for programs; None where the history was not asked."""
    if beside is None:
        return None
    return {
        "calls": beside.calls,
        "deleted_logs": beside.deleted,
        "shortened_logs": beside.shortened,
        "since": format_instant(beside.since),
        "formats": dict(beside.formats),
        "trouble": beside.trouble,
    }


def history_document(facts: HistoryFacts, tz: tzinfo = UTC) -> Document:
    """Where the history is, what it holds, and what of that is in no log any more."""
    calls = sum(item.calls for item in facts.places)
    logs = sum(item.logs for item in facts.places)
    title = f"latprof: history of {format_counted(calls, 'call')} in {format_counted(logs, 'log')}"
    items: list[Table | Note] = []
    if facts.places:
        heads = ("logs", "deleted", "calls", "of deleted", "of shortened", "first call", "last call")
        columns = (Column("place", "left"), *map(Column, heads))
        items.append(Table("What is kept", columns, tuple(_cells(item, tz) for item in facts.places)))
    return Document(title, (Section("History", (*items, *map(Note, _words(facts, tz)))),), _data(facts), _grid(facts))


def _cells(item: KeptLogs, tz: tzinfo) -> tuple[Cell, ...]:
    counts = (item.logs, item.deleted, item.calls, item.deleted_calls, item.lost_calls)
    days = [(format_instant(at, tz) or UNKNOWN)[:10] for at in (item.first_at, item.last_at)]
    return (Cell(item.place), *(Cell(format_count(count)) for count in counts), *map(Cell, days))


def _words(facts: HistoryFacts, tz: tzinfo) -> list[str]:
    if facts.trouble:
        return [f"The history in {facts.path} {facts.trouble}. {_what_then(facts.trouble)}"]
    if not facts.size_bytes:
        return [f"Nothing is kept yet. The history will be in {facts.path}."]
    pruned = format_instant(facts.floor, tz)
    size = f"{facts.size_bytes / 1e6:,.1f} MB"
    held = "times, counts, ids, and names of models, tools, agents and project folders; no text of a conversation"
    words = [f"It is in {facts.path} ({size}): {held}."]
    if pruned:
        words.append(f"Calls before {pruned[:10]} were pruned, and are not kept again.")
    words.append("A call that several logs hold is counted in each of them here, and once in every analysis.")
    return words


def _what_then(trouble: str) -> str:
    from latprof.store.history import EMPTY

    return (
        "A new one begins with the next log."
        if trouble == EMPTY
        else "latprof works without it, and leaves it as it is."
    )


def _data(facts: HistoryFacts) -> dict[str, Any]:
    return {
        "schema_version": 1,
        "path": facts.path,
        "size_bytes": facts.size_bytes,
        "trouble": facts.trouble,
        "pruned_before": format_instant(facts.floor),
        "places": [
            {
                "place": item.place,
                "logs": item.logs,
                "deleted_logs": item.deleted,
                "calls": item.calls,
                "deleted_calls": item.deleted_calls,
                "lost_calls": item.lost_calls,
                "since": format_instant(item.first_at),
                "until": format_instant(item.last_at),
            }
            for item in facts.places
        ],
    }


def _grid(facts: HistoryFacts) -> Grid:
    data = _data(facts)["places"]
    names = ("place", "logs", "deleted_logs", "calls", "deleted_calls", "lost_calls", "since", "until")
    return Grid(names, tuple(tuple(item[name] for name in names) for item in data))


def pruned_document(path: str, pruned: Pruned, day: str) -> Document:
    """What was forgotten."""
    calls, logs = format_counted(pruned.calls, "call"), format_counted(pruned.logs, "deleted log")
    text = (
        f"{calls} before {day} forgotten; of {logs} nothing is left. Calls before this moment are not kept again; the "
        "logs that are there were not touched."
    )
    data = {"schema_version": 1, "path": path, "before": day, "calls": pruned.calls, "logs": pruned.logs}
    grid = Grid(("before", "calls", "logs"), ((day, pruned.calls, pruned.logs),))
    return Document(f"latprof: history pruned before {day}", (Section("Pruned", (Note(text),)),), data, grid)
