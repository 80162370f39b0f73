"""Calls that `latprof export` wrote as Parquet."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

from latprof.formats.base import Format, Source
from latprof.formats.own_exports import OBSERVES, OWN_COLUMNS, calls_of
from latprof.formats.records import Record, whole_text
from latprof.model import Call, Problem

__all__ = ["FORMAT"]

_MAGIC: Final = b"PAR1"


def _sniff(_: str, head: bytes) -> bool:
    """Names of columns stand at the end of the file, which a source puts behind its first bytes."""
    return head.startswith(_MAGIC) and all(name.encode() in head for name in OWN_COLUMNS)


def _read(source: Source) -> Iterator[Call | Problem]:
    problems: list[Problem] = []
    yield from calls_of(_rows(source, problems), source, problems)


def _rows(source: Source, problems: list[Problem]) -> Iterator[tuple[int, Record]]:
    data = whole_text(source, problems)
    if not data:
        return
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq

        batches = pq.ParquetFile(pa.BufferReader(data)).iter_batches()
        rows = (row for batch in batches for row in batch.to_pylist())
        yield from ((number, _plain(row)) for number, row in enumerate(rows, start=1))
    except Exception as error:  # noqa: BLE001 - bytes that are damaged fail in many ways
        problems.append(Problem("unreadable", source.path, None, type(error).__name__))


def _plain(value: Any) -> Any:
    """Instants as epoch seconds, at any depth."""
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    return [_plain(part) for part in value] if isinstance(value, list) else value


FORMAT = Format(
    name="latprof-parquet",
    title="latprof export, Parquet",
    agent=None,
    roots=(),
    env_roots={},
    suffixes=(".parquet",),
    observes=OBSERVES,
    marks=(b"wall_kind",),
    sniff=_sniff,
    read=_read,
    shape="table",
    evidence="recorded",
)
