"""Which logs lie where: per format its files, sessions, days and bytes, without keeping a call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import field
from datetime import UTC, datetime
from pathlib import Path

from latprof.classes import dataclass
from latprof.formats import Format, Source, formats
from latprof.ingest.find import find, roots_of
from latprof.model import Call

__all__ = ["Holding", "survey"]


@dataclass(slots=True)
class Holding:
    """What was found of one format. `days` are UTC dates on which calls were sent."""

    format: Format
    places: list[Path] = field(default_factory=list)
    files: int = 0
    size_bytes: int = 0
    problems: int = 0
    _calls: set[str] = field(default_factory=set)
    _sessions: set[str] = field(default_factory=set)
    _days: set[str] = field(default_factory=set)

    @property
    def calls(self) -> int:
        """Calls, each once in however many copies."""
        return len(self._calls)

    @property
    def call_ids(self) -> frozenset[str]:
        """The ids of these calls."""
        return frozenset(self._calls)

    @property
    def sessions(self) -> int:
        """Sessions that these calls belong to."""
        return len(self._sessions)

    @property
    def days(self) -> tuple[str, ...]:
        """The dates of the calls, in order."""
        return tuple(sorted(self._days))

    def take(self, source: Source, size: int) -> None:
        """Count one file of this format."""
        self.files += 1
        self.size_bytes += size
        for item in self.format.read(source):
            if not isinstance(item, Call):
                self.problems += 1
                continue
            self._calls.add(item.call_id)
            self._sessions.add(item.session_id)
            at = item.sent_at if item.sent_at is not None else item.last_output_at
            if at is not None and "no_date" not in item.flags:
                self._days.add(datetime.fromtimestamp(at, UTC).date().isoformat())


def survey(
    paths: Sequence[str] = (),
    *,
    known: Sequence[Format] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Holding]:
    """Look through the given paths, or through the places of all agents; every format has an entry.

    Raises UsageError for a path that does not exist. No logs at all is no error.
    """
    known = formats() if known is None else known
    holdings = {item.name: Holding(item, [] if paths else roots_of(item)) for item in known}
    wanted = list(paths) or [str(place) for holding in holdings.values() for place in holding.places]
    if not wanted:
        return list(holdings.values())
    found = find(list(dict.fromkeys(wanted)), known)
    total, done = sum(found.sizes), 0
    for source, size in zip(found.sources, found.sizes, strict=True):
        holder = _claimed(source, known)
        if holder is not None:
            holdings[holder.name].take(source, size)
        done += size
        if progress is not None:
            progress(done, total)
    return list(holdings.values())


def _claimed(source: Source, known: Sequence[Format]) -> Format | None:
    try:
        head = source.head()
    except Exception:  # noqa: BLE001 - any decompressor may fail in its own way; reading will report it
        return None
    return next((item for item in known if item.sniff(source.path, head)), None)
