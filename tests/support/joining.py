"""Calls joined as they are after reading: each of one reader merged, then the readers' records together."""

from __future__ import annotations

from collections.abc import Iterable

from latprof.ingest.join import join
from latprof.ingest.merge import Merger
from latprof.model import Call

__all__ = ["joined"]


def joined(*readers: Iterable[Call]) -> list[Call]:
    """The calls of several readers; those that one reader tells from several kinds of records too."""
    merger = Merger()
    for number, calls in enumerate(readers):
        for call in calls:
            merger.add(call, f"reader-{number}")
    return join(merger.records()).calls
