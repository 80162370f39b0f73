"""Which calls to keep, and which group each belongs to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from fnmatch import fnmatchcase
from typing import Final

import numpy as np
from numpy.typing import NDArray

from latprof.classes import dataclass
from latprof.trace import Trace
from latprof.trace.pool import numbered

__all__ = [
    "BY_KEYS",
    "Filters",
    "group_numbers",
    "group_rows",
    "joint_groups",
    "keep",
    "of_agents",
    "passes",
    "traces_by",
]

_CONTEXT_EDGES: Final = (10_000, 25_000, 50_000, 100_000, 150_000, 200_000, 400_000)
_QUARTER_S: Final = 900.0
_WEEKDAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
GroupKey = tuple[str | None, ...]
Column = Callable[[Trace, tzinfo], list[str | None]]
_Match = Callable[[str, str], bool]


@dataclass(frozen=True, slots=True)
class Filters:
    """What to keep. Times are epoch seconds; texts match whole or, with `*` or `?`, as a pattern."""

    since: float | None = None
    until: float | None = None
    models: tuple[str, ...] = ()
    projects: tuple[str, ...] = ()
    triggers: tuple[str, ...] = ()
    agents: tuple[str, ...] = ()
    sessions: tuple[str, ...] = ()
    engineers: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()


def keep(trace: Trace, filters: Filters) -> Trace:
    """The calls that pass all filters; a call without a send time passes no time filter."""
    mask = np.ones(len(trace), dtype=np.bool_)
    if filters.since is not None:
        mask &= trace.column("sent_at") >= filters.since
    if filters.until is not None:
        mask &= trace.column("sent_at") < filters.until
    for column, patterns, matches in _patterns(filters):
        mask &= _matches(trace, column, patterns, matches)
    return trace if mask.all() else trace.select(mask, _after_others(trace, mask))


def of_agents(trace: Trace) -> Trace:
    """The calls of agents, without those of load generators, which a gateway may have logged as if they were others."""
    triggers, loads = trace.codes("trigger"), trace.codes("load")
    made = triggers.told(np.array([*(name == "synthetic" for name in triggers.categories), False]))
    made = made | loads.told(np.array([*map(bool, loads.categories), False]))
    return trace.select(~made) if made.any() else trace


def _after_others(trace: Trace, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Of the chosen calls, those before which the same agent made a call that was not chosen.

    Calls on the side of a session's work stand before nothing.
    """
    main = np.flatnonzero(~trace.flag("side_call"))
    names = ("agent_id", "session_id", "agent")
    keys = [trace.flag("sidechain")[main], *(np.asarray(trace.codes(name).codes)[main] for name in names)]
    order = np.lexsort(keys)  # which leaves calls of one thread in their order
    same = np.logical_and.reduce([key[order[1:]] == key[order[:-1]] for key in keys])
    found = np.zeros(len(trace), dtype=np.bool_)
    found[main[order[1:]]] = same & ~mask[main[order[:-1]]]
    return found[mask]


def passes(texts: Mapping[str, str | None], filters: Filters) -> bool:
    """Whether one call with these texts passes all filters but those of time; a text that is not there passes none."""
    return all(
        (value := texts.get(column)) is not None and any(matches(value, pattern) for pattern in patterns)
        for column, patterns, matches in _patterns(filters)
    )


def _patterns(filters: Filters) -> Iterator[tuple[str, tuple[str, ...], _Match]]:
    """Column, patterns and how they match, of each filter of texts that is given."""
    every: tuple[tuple[str, tuple[str, ...], _Match], ...] = (
        ("model", filters.models, _text_matches),
        ("trigger", filters.triggers, _text_matches),
        ("agent", filters.agents, _text_matches),
        ("session_id", filters.sessions, _text_matches),
        ("engineer", filters.engineers, _text_matches),
        ("host", filters.hosts, _text_matches),
        ("project", filters.projects, _project_matches),
    )
    return (item for item in every if item[1])


def _matches(trace: Trace, column: str, patterns: Sequence[str], matches: _Match) -> NDArray[np.bool_]:
    known: dict[str | None, bool] = {None: False}
    values = trace.texts[column]
    for value in values:
        if value not in known:
            known[value] = any(matches(value, pattern) for pattern in patterns)
    return np.fromiter((known[value] for value in values), dtype=np.bool_, count=len(trace))


def _text_matches(value: str, pattern: str) -> bool:
    """Whole match; only `*` and `?` are special, for names may hold brackets."""
    return fnmatchcase(value.lower(), pattern.lower().replace("[", "[[]"))


def _project_matches(value: str, pattern: str) -> bool:
    """A project is named by its whole path, its last folder, or a pattern of either."""
    last = value.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1]
    return _text_matches(value, pattern.rstrip("/") or pattern) or _text_matches(last, pattern)


def group_rows(trace: Trace, by: Sequence[str], tz: tzinfo = UTC) -> dict[GroupKey, NDArray[np.int64]]:
    """Row numbers of each group, groups in the order of their keys.

    Raises KeyError for a key that is not in `BY_KEYS`.
    """
    keys, place = group_numbers(trace, by, tz)
    rows = np.split(np.argsort(place, kind="stable"), np.cumsum(np.bincount(place))[:-1]) if len(trace) else []
    return dict(zip(keys, rows, strict=True))


def group_numbers(trace: Trace, by: Sequence[str], tz: tzinfo = UTC) -> tuple[list[GroupKey], NDArray[np.int64]]:
    """The groups' keys in their order, and the number of the group of each call.

    Raises KeyError for a key that is not in `BY_KEYS`.
    """
    joint, ((keys, number),) = joint_groups(trace, (by,), tz)
    return keys, number[joint]


def joint_groups(
    trace: Trace, groupings: Sequence[Sequence[str]], tz: tzinfo = UTC
) -> tuple[NDArray[np.int64], list[tuple[list[GroupKey], NDArray[np.int64]]]]:
    """Which calls are together in all groupings: a number for each call, and the groups of each grouping.

    Those are the groups' keys in their order, and the group that each of these numbers is in.

    Raises KeyError for a key that is not in `BY_KEYS`.
    """
    columns = {key: _coded(trace, BY_KEYS[key], tz) for by in groupings for key in by}
    joint, size = np.zeros(len(trace), dtype=np.int64), 1
    for codes, names in columns.values():
        joint = joint * len(names) + codes if size > 1 else codes
        size *= len(names)
    found, place = numbered(joint, size)
    own: dict[str, NDArray[np.int64]] = {}
    for key, (_, names) in reversed(columns.items()):
        found, own[key] = np.divmod(found, len(names))
    count = len(found)
    return place, [_groups([(own[key], columns[key][1]) for key in by], count) for by in groupings]


def _groups(
    columns: Sequence[tuple[NDArray[np.int64], tuple[str | None, ...]]], count: int
) -> tuple[list[GroupKey], NDArray[np.int64]]:
    """The keys of the groups by some columns in their order, and the group of each row."""
    group, size = np.zeros(count, dtype=np.int64), 1
    for codes, names in columns:
        group = group * len(names) + codes
        size *= len(names)
    found, place = numbered(group, size)
    keys: list[list[str | None]] = []
    for _, names in reversed(columns):
        found, last = np.divmod(found, len(names))
        keys.append([names[code] for code in last.tolist()])
    return list(zip(*reversed(keys), strict=True)) if keys else [()] * len(found), place


def _coded(trace: Trace, column: Column, tz: tzinfo) -> tuple[NDArray[np.int64], tuple[str | None, ...]]:
    """A number per call and what the numbers stand for, in the order of groups: None comes last."""
    if isinstance(column, _Text):
        codes, names = trace.codes(column.name)
        unknown = codes < 0
        return np.where(unknown, len(names), codes) if unknown.any() else codes, (*names, None)
    texts = column(trace, tz)
    known = tuple(sorted({text for text in texts if text is not None}))
    number: dict[str | None, int] = {text: code for code, text in enumerate(known)} | {None: len(known)}
    return np.fromiter((number[text] for text in texts), dtype=np.int64, count=len(texts)), (*known, None)


def traces_by(trace: Trace, key: str, tz: tzinfo = UTC) -> dict[str | None, Trace]:
    """The calls of each group of one key as a trace of their own, groups in the order of their keys.

    Raises KeyError for a key that is not in `BY_KEYS`.
    """
    parts: dict[str | None, Trace] = {}
    for (name,), rows in group_rows(trace, (key,), tz).items():
        mask = np.zeros(len(trace), dtype=np.bool_)
        mask[rows] = True
        parts[name] = trace.select(mask)
    return parts


@dataclass(frozen=True, slots=True)
class _Text:
    """A text column of the trace."""

    name: str

    def __call__(self, trace: Trace, _: tzinfo) -> list[str | None]:
        return list(trace.texts[self.name])


def _part(trace: Trace, _: tzinfo) -> list[str | None]:
    return ["sub-agent" if side else "main" for side in trace.flag("sidechain").tolist()]


def _context(trace: Trace, _: tzinfo) -> list[str | None]:
    return [_bucket(value) for value in trace.numbers["input_tokens"]]


def _bucket(tokens: float) -> str | None:
    """'050k-100k': padded so that the order of the text is the order of the size."""
    if np.isnan(tokens):
        return None
    low = 0
    for edge in _CONTEXT_EDGES:
        if tokens < edge:
            return f"{low // 1000:03d}k-{edge // 1000:03d}k"
        low = edge
    return f"{low // 1000:03d}k+"


def _clock(write: Callable[[datetime], str]) -> Callable[[Trace, tzinfo], list[str | None]]:
    def column(trace: Trace, tz: tzinfo) -> list[str | None]:
        # Clocks of all places change at quarters of an hour only.
        quarters, place = np.unique(trace.column("sent_at") // _QUARTER_S * _QUARTER_S, return_inverse=True)
        texts = [None if np.isnan(at) else write(datetime.fromtimestamp(at, tz)) for at in quarters.tolist()]
        return [texts[k] for k in place.tolist()]

    return column


BY_KEYS: Final[dict[str, Column]] = {
    "trigger": _Text("trigger"),
    "model": _Text("model"),
    "provider": _Text("provider"),
    "project": _Text("project"),
    "session": _Text("session_id"),
    "engineer": _Text("engineer"),
    "host": _Text("host"),
    "agent": _Text("agent"),
    "version": _Text("agent_version"),
    "effort": _Text("effort"),
    "speed": _Text("speed_mode"),
    "load": _Text("load"),
    "context": _context,
    "part": _part,
    "day": _clock(lambda at: at.strftime("%Y-%m-%d")),
    "hour": _clock(lambda at: at.strftime("%H")),
    "weekday": _clock(lambda at: f"{at.isoweekday()} {_WEEKDAYS[at.weekday()]}"),
}
