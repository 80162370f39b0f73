"""What happened between two pictures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from latprof.classes import dataclass
from latprof.live.watcher import Picture, Row

__all__ = ["Event", "EventKind", "events"]

EventKind = Literal["session", "state", "long", "call", "gone"]


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a thread, seen at the instant `at` (epoch s).

    `session`: the thread is seen for the first time; `state`: it does something else; `long`: what it does lasts
    longer than is usual; `call`: a call is complete; `gone`: its log is quiet or deleted.
    """

    kind: EventKind
    at: float
    row: Row


def events(before: Picture | None, after: Picture) -> Iterator[Event]:
    """The events in the order of the rows; with no earlier picture each row is a new session."""
    earlier = {row.key: row for row in before.rows} if before is not None else {}
    for row in after.rows:
        known = earlier.pop(row.key, None)
        if known is None:
            yield Event("session", after.at, row)
            continue
        if row.last is not None and (known.last is None or known.last.call_id != row.last.call_id):
            yield Event("call", after.at, row)
        if _doing(row) != _doing(known):
            yield Event("state", after.at, row)
        if row.is_long and not (known.is_long and _doing(row) == _doing(known)):
            yield Event("long", after.at, row)
    for row in earlier.values():
        yield Event("gone", after.at, row)


def _doing(row: Row) -> tuple[object, ...]:
    """An answer goes on through its blocks: only its begin is an event."""
    standing = row.standing
    since = None if standing.state == "answering" else standing.since
    return standing.state, since, standing.tools, standing.failed
