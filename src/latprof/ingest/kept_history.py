"""What the history holds, what of it is in no log any more, and forgetting the old part of it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from pathlib import PurePosixPath
from typing import Final

import numpy as np

from latprof.classes import dataclass
from latprof.errors import NothingReadable
from latprof.formats import formats
from latprof.ingest.chunk import Chunk
from latprof.ingest.find import Found, find
from latprof.ingest.lost import dated_at, span_of
from latprof.ingest.remember import Memory, Remembered, home_of, path_of
from latprof.ingest.survey import Holding
from latprof.store.history import Change, Entry, History, HistoryError, Parts
from latprof.trace import Columns
from latprof.trace.columns import keys_of

__all__ = ["Beside", "HistoryFacts", "KeptLogs", "Pruned", "beside", "facts_of", "prune"]

# A place is named by so many folders of its logs' paths: `~/.claude/projects`, `~/.codex/sessions`.
_PLACE_PARTS: Final = 3


@dataclass(frozen=True, slots=True)
class KeptLogs:
    """What is kept of the logs below one place: how many there are, how many of them are deleted, their calls.

    `lost_calls` were in logs that are still there. `first_at` and `last_at` (epoch s) are of the calls with a date.
    """

    place: str
    logs: int = 0
    deleted: int = 0
    calls: int = 0
    deleted_calls: int = 0
    lost_calls: int = 0
    first_at: float | None = None
    last_at: float | None = None


@dataclass(frozen=True, slots=True)
class HistoryFacts:
    """The history as a whole; `trouble` says why it cannot be used, `floor` (epoch s) what was pruned."""

    path: str
    size_bytes: int
    places: tuple[KeptLogs, ...]
    floor: float | None = None
    trouble: str | None = None


@dataclass(frozen=True, slots=True)
class Pruned:
    """How many calls were forgotten, and of how many deleted logs nothing is left."""

    calls: int
    logs: int


@dataclass(frozen=True, slots=True)
class Beside:
    """Calls that the history has and no log: of how many deleted logs and of how many that were shortened.

    `formats` counts the calls by the name of the format that told them, `since` (epoch s) is the first one's time.
    """

    calls: int = 0
    deleted: int = 0
    shortened: int = 0
    since: float | None = None
    formats: Mapping[str, int] = field(default_factory=dict)
    trouble: str | None = None


def beside(history: History, paths: Sequence[str], holdings: Sequence[Holding]) -> Beside:
    """What an analysis of these paths, or of the agents' own places, takes from the history beside the logs there.

    Nothing is kept anew. Raises UsageError for a path that does not exist.
    """
    memory = Memory(history, formats(), paths)
    if not memory.has_any():
        return Beside(trouble=memory.trouble)
    try:
        memory.look(find(paths, formats()))
    except NothingReadable:
        memory.look(Found())
    recalled = memory.recall()
    found = Remembered.of(recalled, keys_of([name for item in holdings for name in item.call_ids]))
    if not len(found.keys):
        return Beside(trouble=memory.trouble)
    _, deleted, shortened = found.among(found.keys)
    columns = Columns.concat([item.columns for item in recalled])
    place = np.unique(columns.keys, return_index=True)
    first = place[1][np.isin(place[0], found.keys)]
    readers = [columns.texts("reader")[row] or "" for row in first.tolist()]
    sent = columns.number("sent_at")[first]
    since = None if np.isnan(sent).all() else float(np.nanmin(sent))
    counts = dict(sorted(Counter(readers).items()))
    return Beside(len(found.keys), deleted, shortened, since, counts, memory.trouble)


def facts_of(history: History) -> HistoryFacts:
    """What the history holds, by the places of the logs."""
    try:
        size = history.path.stat().st_size
    except OSError:
        size = 0
    try:
        entries, floor = history.entries(), history.floor()
    except HistoryError as error:
        return HistoryFacts(str(history.path), size, (), None, str(error))
    home = home_of(history)
    found: dict[str, KeptLogs] = {}
    for entry in entries.values():
        place = _place(entry.key)
        found[place] = _with(found.get(place, KeptLogs(place)), entry, os.path.lexists(path_of(entry.key, home)))
    return HistoryFacts(str(history.path), size, tuple(found[place] for place in sorted(found)), floor)


def _place(key: str) -> str:
    """The first folders of a path, from the home folder on where it is below it."""
    here = PurePosixPath(os.path.realpath(os.path.expanduser("~")).replace(os.sep, "/"))  # noqa: PTH111 - may be unknown
    path = PurePosixPath(key).parent
    path = PurePosixPath("~") / path.relative_to(here) if path.is_relative_to(here) else path
    return str(PurePosixPath(*path.parts[:_PLACE_PARTS]))


def _with(kept: KeptLogs, entry: Entry, is_there: bool) -> KeptLogs:  # noqa: FBT001
    first = [at for at in (kept.first_at, entry.first_at) if at is not None]
    last = [at for at in (kept.last_at, entry.last_at) if at is not None]
    return replace(
        kept,
        logs=kept.logs + 1,
        deleted=kept.deleted + (not is_there),
        calls=kept.calls + entry.calls + entry.lost_calls,
        deleted_calls=kept.deleted_calls + (0 if is_there else entry.calls + entry.lost_calls),
        lost_calls=kept.lost_calls + (entry.lost_calls if is_there else 0),
        first_at=min(first, default=None),
        last_at=max(last, default=None),
    )


def prune(history: History, before: float) -> Pruned:
    """Forget the calls sent before a moment (epoch s), for good: they are not kept again. Logs are not touched.

    Raises HistoryError.
    """
    entries = history.entries()
    old = [key for key, entry in entries.items() if entry.first_at is not None and entry.first_at < before]
    changes: list[Change] = []
    gone: list[str] = []
    calls, home = 0, home_of(history)
    for key, parts in history.parts(old):
        change, forgotten = _pruned(entries[key], parts, before)
        calls += forgotten
        is_left = change.entry.calls + change.entry.lost_calls > 0
        if is_left or os.path.lexists(path_of(key, home)):
            changes.append(change)
        else:
            gone.append(key)
    history.write(changes, floor=before, gone=gone)
    history.compact()
    return Pruned(calls, len(gone))


def _pruned(entry: Entry, parts: Parts, before: float) -> tuple[Change, int]:
    """What is left of an entry, and how many calls are not."""
    chunk, lost = (_after(data, before) for data in (parts.chunk, parts.lost))
    spans = [span_of(columns) for columns in (chunk, lost)]
    left = replace(
        entry,
        digest=b"",  # the log is looked at again, and its calls after the moment are kept
        calls=len(chunk),
        lost_calls=len(lost),
        first_at=min((first for first, _ in spans if first is not None), default=None),
        last_at=max((last for _, last in spans if last is not None), default=None),
    )
    data = [Chunk(entry.key, "log", columns).to_bytes() for columns in (chunk, lost)]
    parts = Parts(data[0], data[1] if len(lost) else None)
    return Change(left, parts, entry.turn), entry.calls + entry.lost_calls - len(chunk) - len(lost)


def _after(data: bytes | None, before: float) -> Columns:
    """The calls of a part from the moment on, and those without a date; none of a damaged part."""
    try:
        columns = Columns.none() if data is None else Chunk.from_bytes(data).columns
    except (ValueError, KeyError):
        columns = Columns.none()
    return columns.take(np.flatnonzero(~(dated_at(columns) < before)))
