"""Calls that `latprof export` wrote as CSV, also with columns left out or in another order."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import Final

from latprof.formats.base import Format, Source
from latprof.formats.own_exports import OBSERVES, OWN_COLUMNS, calls_of
from latprof.formats.records import Record, table_rows
from latprof.model import Call, Problem

__all__ = ["FORMAT"]

_FORMULA_STARTS: Final = ("=", "+", "-", "@")


def _sniff(_: str, head: bytes) -> bool:
    first = head.removeprefix(b"\xef\xbb\xbf").partition(b"\n")[0]
    if b"wall_kind" not in first:
        return False
    try:
        header = next(csv.reader([first.decode("utf-8", "replace").replace("\x00", "")]), [])
    except csv.Error:
        return False
    return set(OWN_COLUMNS) <= {name.strip() for name in header}


def _read(source: Source) -> Iterator[Call | Problem]:
    problems: list[Problem] = []
    yield from calls_of(_rows(source, problems), source, problems)


def _rows(source: Source, problems: list[Problem]) -> Iterator[tuple[int, Record]]:
    for number, row in table_rows(source, problems):
        # Exports that were put together have a header in the middle.
        if any(value != name for name, value in row.items()):
            yield number, {name: _unguarded(value) for name, value in row.items()}


def _unguarded(cell: str) -> str:
    """The text without the apostrophe that keeps a spreadsheet from running it."""
    return cell[1:] if cell.startswith("'") and cell[1:].lstrip().startswith(_FORMULA_STARTS) else cell


FORMAT = Format(
    name="latprof-csv",
    title="latprof export, CSV",
    agent=None,
    roots=(),
    env_roots={},
    suffixes=(".csv",),
    observes=OBSERVES,
    marks=(b"wall_kind",),
    sniff=_sniff,
    read=_read,
    shape="table",
    evidence="recorded",
)
