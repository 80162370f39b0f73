"""The two sides of a comparison, by name: a path, a span of days, or values of grouping keys."""

from __future__ import annotations

from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

from latprof.classes import dataclass
from latprof.cli.selection import Selection, moment
from latprof.errors import UsageError

if TYPE_CHECKING:
    from latprof.api import Loaded

__all__ = ["read_sides"]


@dataclass(frozen=True, slots=True)
class _Part:
    """A side that is a part of common logs: a span of time (epoch seconds) and values by grouping key."""

    since: float | None
    until: float | None
    values: tuple[tuple[str, str], ...]


def read_sides(texts: tuple[str, str], selection: Selection) -> tuple[Loaded, Loaded]:
    """Read both sides; common logs are read once.

    A text that is a path on this computer, also with tags before it (`ana=DIR`), is read as logs. Else it is a
    span such as `2026-03-01..2026-03-07` or `key=value` with a grouping key, several with commas, and takes calls of
    the selection's logs. Raises UsageError.
    """
    parts = [None if _is_path(text) else _part(text, selection) for text in texts]
    common = selection.read() if any(part is not None for part in parts) else None
    sides = []
    for text, part in zip(texts, parts, strict=True):
        if part is None or common is None:
            sides.append(replace(selection, paths=[text]).read())
        else:
            sides.append(_taken(common, part, selection))
    return sides[0], sides[1]


def _is_path(text: str) -> bool:
    """`engineer=ana` chooses by a key, also where there is a folder ana; `ana=DIR` is a path with its tags."""
    from latprof.ingest.tags import parted
    from latprof.stats import BY_KEYS

    tags, plain = parted(text)
    if tags.engineer in BY_KEYS and tags.host is None:
        return False
    return Path(plain).expanduser().exists() or (bool(set(plain) & {"*", "?", "/", "\\"}) and "=" not in plain)


def _part(text: str, selection: Selection) -> _Part:
    from latprof.stats import BY_KEYS

    since = until = None
    values: list[tuple[str, str]] = []
    for piece in text.split(","):
        key, equals, value = piece.strip().partition("=")
        first, dots, last = piece.strip().partition("..")
        if equals and key in BY_KEYS and value:
            values.append((key, value))
        elif dots:
            since = moment(first or None, selection.zone, whole_day=False)
            until = moment(last or None, selection.zone, whole_day=True)
        else:
            raise UsageError(
                f"{text} is no path that exists, no span of time such as 2026-03-01..2026-03-07, and no value such as "
                f"version=2.1.300 of {', '.join(BY_KEYS)}."
            )
    return _Part(since, until, tuple(values))


def _taken(common: Loaded, part: _Part, selection: Selection) -> Loaded:
    """The calls of a part. A call without a send time is in no span."""
    import numpy as np

    from latprof.stats import BY_KEYS

    trace = common.trace
    sent = trace.column("sent_at")
    mask = np.ones(len(trace), dtype=np.bool_)
    if part.since is not None:
        mask &= sent >= part.since
    if part.until is not None:
        mask &= sent < part.until
    for key, pattern in part.values:
        low = pattern.lower().replace("[", "[[]")
        found = BY_KEYS[key](trace, selection.zone)
        mask &= np.array([value is not None and fnmatchcase(value.lower(), low) for value in found], dtype=np.bool_)
    return replace(common, trace=trace.select(mask))
