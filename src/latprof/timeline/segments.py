"""What a stretch of a session's time was spent on, and how stretches that overlap become one line."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from itertools import pairwise
from typing import Final, Literal

from latprof.classes import dataclass
from latprof.model import Kind

__all__ = ["ACTIVITIES", "WAITING_FOR_MODEL", "Activity", "Segment", "clip", "paint"]

Activity = Literal[
    "first_token", "decode", "model", "tool", "asking", "hook", "retry", "compaction", "agent", "away", "unknown"
]
# In the order in which tables show them.
ACTIVITIES: Final[dict[Activity, str]] = {
    "first_token": "waiting for the first token",
    "decode": "decoding",
    "model": "model, first token not told apart from decoding",
    "tool": "tools",
    "asking": "questions and permissions that a person answers",
    "hook": "hooks",
    "retry": "failed attempts and back-off",
    "compaction": "compaction",
    "agent": "the agent's own work before sending",
    "away": "person away or reading",
    "unknown": "unknown",
}
WAITING_FOR_MODEL: Final[tuple[Activity, ...]] = ("first_token", "decode", "model")


@dataclass(frozen=True, slots=True)
class Segment:
    """From `start_at` to `end_at` (epoch s) one activity.

    `name` is the tool's name, `row` the call's row in the trace that the time belongs to, `agent_id`
    the sub-agent whose time it is. `kind` says how well both ends are known.
    """

    start_at: float
    end_at: float
    activity: Activity
    kind: Kind = "bound"
    name: str | None = None
    row: int | None = None
    agent_id: str | None = None

    @property
    def duration_s(self) -> float:
        """Its length, s."""
        return self.end_at - self.start_at


def clip(segment: Segment, start_at: float, end_at: float) -> Segment | None:
    """The part of a segment inside these instants; None where there is none."""
    start, end = max(segment.start_at, start_at), min(segment.end_at, end_at)
    return _between(segment, start, end) if end > start else None


def _between(segment: Segment, start: float, end: float) -> Segment:
    """The segment with other ends; itself where they are the same, for there are very many."""
    if start == segment.start_at and end == segment.end_at:
        return segment
    return Segment(start, end, segment.activity, segment.kind, segment.name, segment.row, segment.agent_id)


def paint(candidates: Iterable[tuple[int, Segment]]) -> list[Segment]:
    """Lay segments over each other: a lower number hides a higher one, then the one that ends last.

    The result is in order, without overlaps, and covers every instant that a candidate covers.
    """
    waiting = sorted(((s.start_at, rank, s) for rank, s in candidates if s.end_at > s.start_at), key=lambda c: c[:2])
    edges = sorted({edge for _, _, s in waiting for edge in (s.start_at, s.end_at)})
    active: list[tuple[int, float, int, Segment]] = []
    painted: list[Segment] = []
    place = 0
    for start, end in pairwise(edges):
        while place < len(waiting) and waiting[place][0] <= start:
            _, rank, segment = waiting[place]
            heapq.heappush(active, (rank, -segment.end_at, place, segment))
            place += 1
        while active and active[0][3].end_at <= start:
            heapq.heappop(active)
        if active:
            _extend(painted, active[0][3], start, end)
    return painted


def _extend(painted: list[Segment], segment: Segment, start: float, end: float) -> None:
    """Add a piece; pieces of one segment that touch become one again."""
    last = painted[-1] if painted else None
    if last is not None and last.end_at == start and _alike(last, segment):
        painted[-1] = _between(last, last.start_at, end)
    else:
        painted.append(_between(segment, start, end))


def _alike(one: Segment, other: Segment) -> bool:
    return (one.activity, one.kind, one.name, one.row, one.agent_id) == (
        other.activity, other.kind, other.name, other.row, other.agent_id,
    )  # fmt: skip
