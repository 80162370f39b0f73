"""Both stages of reading by compiled code: bytes -> lines that are kept as structs -> columns of calls.

No object is made for a line or a call on the way. Where there is no compiled code, or a line has no place in what it
keeps, everything here gives None, and reading.py does the same with objects.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from latprof.formats.base import Source, Told
from latprof.formats.claude_code.reading import UNANSWERED, Decoded, NoPlaceError, decode_into, kept_of
from latprof.model import Problem
from latprof.trace.blocks import BlockStore
from latprof.trace.columns import Columns
from latprof.trace.ids import Ids
from latprof.trace.pool import code_type

if TYPE_CHECKING:
    from latprof.formats.claude_code.rows import Row

try:
    from latprof.formats.claude_code import _native_calls
except ImportError:  # not compiled on this machine
    _calls_of: Any = None
else:
    _calls_of = _native_calls.Calls

__all__ = ["decoded_and_kept", "told", "told_of"]

# So many calls at a time, as ingest takes them from other readers.
_BATCH: Final = 4096


def decoded_and_kept(source: Source, begun: Decoded, lines: bytes | Sequence[Row]) -> tuple[Decoded, Any] | None:
    """The lines of a file behind those that it began with, and all of them as they are kept.

    `lines` are those of what it began with, as `packed` gives them or as such code keeps them.
    """
    kept = None if _calls_of is None else kept_of(source.path)
    if kept is None:
        return None
    try:
        if isinstance(lines, bytes):
            kept.restore(lines)
        else:
            kept.extend(lines)
        return decode_into(source, begun.complete(), kept), kept
    except (NoPlaceError, OverflowError, ValueError):
        return None


def told_of(decoded: Decoded, kept: Any = None, reader: str = "") -> Told | None:
    """What lines say, as calls in the order of their first lines; without `kept` the lines of `decoded`."""
    if kept is None:
        kept = None if _calls_of is None else kept_of(decoded.path)
        if kept is None:
            return None
        from latprof.formats.claude_code.rows import packed

        try:
            kept.extend(packed(decoded.lines))
        except (OverflowError, ValueError):
            return None
    calls = _calls_of(kept)
    count = len(calls)
    parts = [_columns(calls, start, min(start + _BATCH, count), reader) for start in range(0, count, _BATCH)]
    last = [Problem(UNANSWERED, decoded.path, number) for number in calls.unanswered()]
    return Told(Columns.concat(parts), decoded.problems, last)


def told(source: Source, reader: str) -> Told | None:
    """What a file says."""
    found = decoded_and_kept(source, Decoded(source.path), ())
    return None if found is None else told_of(*found, reader)


def _columns(calls: Any, start: int, end: int, reader: str) -> Columns:
    pool, codes, numbers, ids, keys, counts, words, of_blocks = calls.columns(start, end, reader)
    kind = code_type(len(pool) + 1)
    return Columns(
        pool,
        codes.astype(kind),
        numbers,
        {name: Ids(data, lengths) for name, (data, lengths) in ids.items()},
        keys,
        BlockStore(counts, words.astype(kind), of_blocks),
    )
