"""Which logs lie where: per format its files, sessions, days and bytes, without keeping a call."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import field
from datetime import UTC, datetime
from pathlib import Path

from latprof.classes import dataclass
from latprof.formats import Format, Source, formats
from latprof.ingest.find import find, roots_of
from latprof.ingest.one_file import claimed_by
from latprof.model import Call, Problem

__all__ = ["Holding", "Survey", "survey"]


@dataclass(slots=True)
class Holding:
    """What was found of one format. `days` are UTC dates on which calls were sent.

    `seen` counts the calls that show a metric as a value of a kind, by (metric, kind).
    """

    format: Format
    places: list[Path] = field(default_factory=list)
    files: int = 0
    size_bytes: int = 0
    problems: int = 0
    seen: Counter[tuple[str, str]] = field(default_factory=Counter)
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
        fresh: dict[str, Call] = {}
        for item in self.format.read(source):
            if not isinstance(item, Call):
                self.problems += 1
                continue
            if item.call_id not in self._calls:
                fresh[item.call_id] = item
            self._sessions.add(item.session_id)
            at = item.sent_at if item.sent_at is not None else item.last_output_at
            if at is not None and "no_date" not in item.flags:
                self._days.add(datetime.fromtimestamp(at, UTC).date().isoformat())
        self._calls |= fresh.keys()
        self.seen.update(_seen_in(list(fresh.values())))


def _seen_in(calls: list[Call]) -> Counter[tuple[str, str]]:
    """How many of the calls have a value, per metric and kind."""
    from latprof.metrics import METRICS
    from latprof.trace import Trace

    found: Counter[tuple[str, str]] = Counter()
    trace = Trace.from_calls(calls)
    for metric in METRICS if calls else ():
        for kind, values in metric.values(trace).items():
            found[metric.key, kind] += sum(not math.isnan(value) for value in values.tolist())
    return +found


@dataclass(frozen=True, slots=True)
class Survey:
    """What was found: an entry for every format, and the paths of what may not be looked at, for want of permission."""

    holdings: Sequence[Holding]
    closed: Sequence[str] = ()

    @property
    def here(self) -> list[Holding]:
        """The entries of formats that have logs."""
        return [item for item in self.holdings if item.files]


def survey(
    paths: Sequence[str] = (),
    *,
    known: Sequence[Format] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Survey:
    """Look through the given paths, or through the places of all agents.

    Raises UsageError for a path that does not exist. No logs at all is no error.
    """
    known = formats() if known is None else known
    holdings = {item.name: Holding(item, [] if paths else roots_of(item)) for item in known}
    wanted = list(paths) or [str(place) for holding in holdings.values() for place in holding.places]
    if not wanted:
        return Survey(list(holdings.values()))
    found = find(list(dict.fromkeys(wanted)), known)
    total, done = sum(found.sizes), 0
    problems = list(found.problems)
    for source, size in zip(found.sources, found.sizes, strict=True):
        holder = _claimed(source, known, problems)
        if holder is not None:
            holdings[holder.name].take(source, size)
        done += size
        if progress is not None:
            progress(done, total)
    closed = [problem.path for problem in problems if problem.kind == "no_permission"]
    return Survey(list(holdings.values()), closed)


def _claimed(source: Source, known: Sequence[Format], problems: list[Problem]) -> Format | None:
    try:
        head = source.head()
    except PermissionError as error:
        problems.append(Problem("no_permission", source.path, None, type(error).__name__))
        return None
    except Exception:  # noqa: BLE001 - any decompressor may fail in its own way; reading will report it
        return None
    return claimed_by(source, head, known)
