"""Each session's wall time divided without overlap; sums over sessions.

The main agent's line is followed; where it waits for sub-agents, the one that ends last is followed
instead (the critical path), and so on inside it. Everything is on the clock of the logs' machine.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Final

import numpy as np

from latprof.classes import dataclass
from latprof.model import Kind
from latprof.stats.grouping import of_agents
from latprof.timeline.segments import ACTIVITIES, Activity, Segment, clip
from latprof.timeline.threads import Instants, Thread, build_thread, instants_of
from latprof.trace import Trace

__all__ = [
    "BUDGET_KEYS", "Budget", "Share", "budgets", "by_days", "dated_sessions", "of_sessions", "shown_keys", "total",
    "total_by",
]  # fmt: skip

# Tools that start other agents, and the wait for what runs in the background.
_STARTS_AGENTS: Final = re.compile(r"agent|task|delegate|workflow|background|^wait", re.IGNORECASE)
_KEEPS_LISTS: Final = re.compile(r"^Task(Create|Update|List|Get|Stop)$")
BUDGET_KEYS: Final = ("project", "day", "week", "model", "engineer", "host")
_ALWAYS: Final = ("project", "day", "model")


@dataclass(frozen=True, slots=True)
class Budget:
    """A session's wall time, from the first instant that a call shows to the last of a call or tool.

    `segments` are in order, touch, and cover it whole. Without `dated` their instants count from an
    arbitrary zero. Before `gaps` calls filters left out others, whose time is unknown.
    """

    agent: str
    session_id: str
    project: str | None
    calls: int
    agents: tuple[str, ...]
    segments: tuple[Segment, ...]
    dated: bool = True
    engineer: str | None = None
    host: str | None = None
    gaps: int = 0

    @property
    def start_at(self) -> float:
        """First instant, epoch s."""
        return self.segments[0].start_at

    @property
    def end_at(self) -> float:
        """Last instant, epoch s."""
        return self.segments[-1].end_at

    @property
    def wall_s(self) -> float:
        """The time between both."""
        return self.end_at - self.start_at


@dataclass(frozen=True, slots=True)
class Share:
    """Seconds of one activity (and tool), by how well they are known; `segments` counts its pieces."""

    activity: Activity
    name: str | None
    seconds: float
    by_kind: dict[Kind, float]
    segments: int
    sessions: int


def dated_sessions(trace: Trace) -> Trace:
    """The calls whose time can be summed with others': dated, and of a named session, not of a load test.

    Instants of calls without a date count from a zero of their own: beside dated calls of the same
    session they would make decades, and no day is theirs. Calls whose log names no session are not
    one session.
    """
    real = of_agents(trace)
    return real.select((real.texts["session_id"] != "") & ~real.flag("no_date"))


def of_sessions(trace: Trace, fits: Callable[[str], bool]) -> Trace:
    """The calls of sessions whose ids fit."""
    codes, names = trace.codes("session_id")
    return trace.select(np.array([*map(fits, names), False], dtype=np.bool_)[codes])


def budgets(trace: Trace) -> list[Budget]:
    """The budget of every session with a known instant, in the order of their starts.

    First tokens that the logs do not state are taken from the trace's estimates where it has them. Of a
    session with both, only calls with a date count: the others have another zero.
    """
    sessions: defaultdict[tuple[str, str], list[Instants]] = defaultdict(list)
    for call in instants_of(trace):
        sessions[trace.texts["agent"][call.row], trace.texts["session_id"][call.row]].append(call)
    found = [_budget(trace, key, calls) for key, calls in sessions.items()]
    return sorted((item for item in found if item is not None), key=lambda item: (item.start_at, item.session_id))


def _budget(trace: Trace, key: tuple[str, str], calls: list[Instants]) -> Budget | None:
    with_date = [call for call in calls if "no_date" not in call.flags]
    groups: defaultdict[str | None, list[Instants]] = defaultdict(list)
    for call in with_date or calls:
        groups[None if call.compacts else call.agent_id].append(call)
    threads = [thread for name, members in groups.items() if (thread := build_thread(name, members)) is not None]
    if not threads:
        return None
    return Budget(
        agent=key[0],
        session_id=key[1],
        project=_first(trace, "project", calls),
        calls=len(calls),
        agents=tuple(sorted(name for name in groups if name is not None)),
        segments=tuple(_follow(threads)),
        dated=bool(with_date),
        engineer=_first(trace, "engineer", calls),
        host=_first(trace, "host", calls),
        gaps=sum(call.after_others for call in calls),
    )


def _first(trace: Trace, column: str, calls: Sequence[Instants]) -> str | None:
    """What the first call says that says anything."""
    return next((text for call in calls if (text := trace.texts[column][call.row])), None)


def shown_keys(items: Iterable[Budget]) -> tuple[str, ...]:
    """The keys that are summed by unasked: engineer and host where any session has one."""
    items = list(items)
    owners = {"engineer": any(item.engineer for item in items), "host": any(item.host for item in items)}
    return (*_ALWAYS, *(key for key, named in owners.items() if named))


def _follow(threads: list[Thread]) -> list[Segment]:
    """One line through all agents of a session."""
    start, end = min(t.start_at for t in threads), max(t.end_at for t in threads)
    main = [thread for thread in threads if thread.agent_id is None]
    others = sorted((t for t in threads if t.agent_id is not None), key=lambda t: t.end_at, reverse=True)
    return list(_fill(Segment(start, end, "unknown"), main or others, others if main else ()))


def _fill(hole: Segment, inner: Sequence[Thread], below: Sequence[Thread]) -> Iterator[Segment]:
    """The hole with these agents' time in it, the one that ends last first; what is left stays as it is."""
    mine = next((thread for thread in inner if thread.start_at < hole.end_at and thread.end_at > hole.start_at), None)
    if mine is None:
        if below:
            yield from _fill(hole, below, ())
        else:
            yield hole
        return
    rest = [thread for thread in inner if thread is not mine]
    under = below or rest
    if (left := clip(hole, hole.start_at, mine.start_at)) is not None:
        yield from _fill(left, rest, below)
    for segment in mine.segments:
        piece = clip(segment, hole.start_at, hole.end_at)
        if piece is None:
            continue
        if _waits_for_agents(piece):
            yield from _fill(piece, under, ())
        else:
            yield piece
    if (right := clip(hole, mine.end_at, hole.end_at)) is not None:
        yield from _fill(right, rest, below)


def _waits_for_agents(segment: Segment) -> bool:
    if segment.activity == "unknown":
        return True
    name = segment.name or ""
    return segment.activity == "tool" and bool(_STARTS_AGENTS.search(name)) and not _KEEPS_LISTS.match(name)


def total(items: Iterable[Budget]) -> list[Share]:
    """Seconds per activity and tool over all sessions, longest tools first."""
    return _shares((number, segment) for number, item in enumerate(items) for segment in item.segments)


def total_by(items: Sequence[Budget], trace: Trace, key: str, tz: tzinfo = UTC) -> dict[str | None, list[Share]]:
    """The same per one of `BUDGET_KEYS`.

    A day begins at midnight of `tz`, a week (2026-W09, ISO 8601) on Monday; time of a person or without a call has no
    model (None). Raises KeyError for another key.
    """
    if key not in BUDGET_KEYS:
        raise KeyError(key)
    groups: defaultdict[str | None, list[tuple[int, Segment]]] = defaultdict(list)
    for number, item in enumerate(items):
        for segment in item.segments:
            for name, piece in _keyed(item, segment, trace, key, tz):
                groups[name].append((number, piece))
    ordered = sorted(groups, key=lambda name: (name is None, name or ""))
    return {name: _shares(groups[name]) for name in ordered}


def _keyed(item: Budget, segment: Segment, trace: Trace, key: str, tz: tzinfo) -> Iterator[tuple[str | None, Segment]]:
    if key in {"project", "engineer", "host"}:
        yield getattr(item, key), segment
    elif key == "model":
        yield (None if segment.row is None else trace.texts["model"][segment.row]), segment
    else:
        for day, piece in by_days(segment, tz):
            yield (day.isoformat() if key == "day" else f"{day:%G-W%V}"), piece


def by_days(segment: Segment, tz: tzinfo) -> Iterator[tuple[date, Segment]]:
    """A segment cut at the midnights of `tz`."""
    start = segment.start_at
    while start < segment.end_at:
        day = datetime.fromtimestamp(start, tz).date()
        midnight = datetime.combine(day + timedelta(days=1), datetime.min.time(), tz).timestamp()
        piece = clip(segment, start, max(midnight, start + 1.0))
        if piece is None:
            return
        yield day, piece
        start = piece.end_at


def _shares(pieces: Iterable[tuple[int, Segment]]) -> list[Share]:
    seconds: defaultdict[tuple[Activity, str | None], defaultdict[Kind, float]] = defaultdict(
        lambda: defaultdict(float)
    )
    counts: defaultdict[tuple[Activity, str | None], int] = defaultdict(int)
    seen: defaultdict[tuple[Activity, str | None], set[int]] = defaultdict(set)
    for number, segment in pieces:
        key = segment.activity, segment.name
        seconds[key][segment.kind] += segment.duration_s
        counts[key] += 1
        seen[key].add(number)
    order = list(ACTIVITIES)
    found = [
        Share(key[0], key[1], sum(kinds.values()), dict(kinds), counts[key], len(seen[key]))
        for key, kinds in seconds.items()
    ]
    return sorted(found, key=lambda share: (order.index(share.activity), -share.seconds))
