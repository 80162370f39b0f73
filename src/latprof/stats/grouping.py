"""Which calls to keep, and which group each belongs to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from fnmatch import fnmatchcase
from typing import Final

import numpy as np
from numpy.typing import NDArray

from latprof.trace import Trace

__all__ = ["BY_KEYS", "Filters", "group_rows", "keep", "traces_by"]

_CONTEXT_EDGES: Final = (10_000, 25_000, 50_000, 100_000, 150_000, 200_000, 400_000)
_WEEKDAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
GroupKey = tuple[str | None, ...]


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
    sent = trace.column("sent_at")
    if filters.since is not None:
        mask &= sent >= filters.since
    if filters.until is not None:
        mask &= sent < filters.until
    for column, patterns in (
        ("model", filters.models),
        ("trigger", filters.triggers),
        ("agent", filters.agents),
        ("session_id", filters.sessions),
        ("engineer", filters.engineers),
        ("host", filters.hosts),
    ):
        if patterns:
            mask &= _matches(trace, column, patterns, _text_matches)
    if filters.projects:
        mask &= _matches(trace, "project", filters.projects, _project_matches)
    return trace if mask.all() else trace.select(mask)


def _matches(
    trace: Trace, column: str, patterns: Sequence[str], matches: Callable[[str, str], bool]
) -> NDArray[np.bool_]:
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
    columns = [BY_KEYS[key](trace, tz) for key in by]
    rows: dict[GroupKey, list[int]] = {}
    for row, key in enumerate(zip(*columns, strict=True)) if columns else ((r, ()) for r in range(len(trace))):
        rows.setdefault(key, []).append(row)
    ordered = sorted(rows, key=lambda key: tuple((part is None, part or "") for part in key))
    return {key: np.array(rows[key], dtype=np.int64) for key in ordered}


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


def _column(name: str) -> Callable[[Trace, tzinfo], list[str | None]]:
    return lambda trace, _: list(trace.texts[name])


def _part(trace: Trace, _: tzinfo) -> list[str | None]:
    return ["sub-agent" if "sidechain" in flags else "main" for flags in trace.flags]


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
        return [None if np.isnan(at) else write(datetime.fromtimestamp(at, tz)) for at in trace.column("sent_at")]

    return column


BY_KEYS: Final[dict[str, Callable[[Trace, tzinfo], list[str | None]]]] = {
    "trigger": _column("trigger"),
    "model": _column("model"),
    "provider": _column("provider"),
    "project": _column("project"),
    "session": _column("session_id"),
    "engineer": _column("engineer"),
    "host": _column("host"),
    "agent": _column("agent"),
    "version": _column("agent_version"),
    "effort": _column("effort"),
    "speed": _column("speed_mode"),
    "load": _column("load"),
    "context": _context,
    "part": _part,
    "day": _clock(lambda at: at.strftime("%Y-%m-%d")),
    "hour": _clock(lambda at: at.strftime("%H")),
    "weekday": _clock(lambda at: f"{at.isoweekday()} {_WEEKDAYS[at.weekday()]}"),
}
