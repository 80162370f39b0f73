"""Lines that compiled code keeps -> columns of their calls."""

from __future__ import annotations

from typing import Any, Final

from latprof.formats.claude_code._native_calls import Calls
from latprof.trace.blocks import BlockStore
from latprof.trace.columns import Columns
from latprof.trace.ids import Ids
from latprof.trace.pool import code_type

__all__ = ["columns_of"]

# So many calls at a time, as ingest takes them from other readers.
_BATCH: Final = 4096


def columns_of(kept: Any, reader: str) -> tuple[Columns, list[int]]:
    """The calls of the lines in the order of their first lines, and the numbers of lines of unanswered requests."""
    calls = Calls(kept)
    count = len(calls)
    parts = [_batch(calls, start, min(start + _BATCH, count), reader) for start in range(0, count, _BATCH)]
    return Columns.concat(parts), calls.unanswered()


def _batch(calls: Calls, start: int, end: int, reader: str) -> Columns:
    pool, codes, numbers, ids, keys, counts, words, of_blocks = calls.columns(start, end, reader)
    kind = code_type(len(pool) + 1)
    return Columns(
        pool,
        codes.astype(kind),
        dict(numbers),
        {name: Ids(data, lengths) for name, (data, lengths) in ids.items()},
        keys,
        BlockStore(counts, words.astype(kind), dict(of_blocks)),
    )
