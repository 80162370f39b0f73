"""One source -> the chunk of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Final

import numpy as np

from latprof.classes import dataclass
from latprof.formats import Format, Source
from latprof.formats.base import SNIFF_BYTES, SQLITE_MAGIC, Told
from latprof.ingest.chunk import Chunk
from latprof.model import Call, Problem
from latprof.trace import Columns

__all__ = ["Begun", "claimed_by", "joined_source", "likely_first", "read_source"]

_RECKONED: Final = ("sent_at", "first_output_at", "last_output_at")
_DIGITS: Final = 6
# So many calls of one file are objects at a time.
_BATCH: Final = 4096
# UTF-32 with its low byte first begins like UTF-16.
_WIDE_MARKS: Final = (b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")
_LOOKED_AT_BYTES: Final = 256
# Fifty formats that look for their words in a head take a quarter of a millisecond.
_COMMON: Final = frozenset({"claude-code", "codex"})


@dataclass(slots=True)
class Begun:
    """What a reader packed when it read the file's first `end` bytes, and a reader of which name; b"" for nothing.

    Reading puts what it packs itself in its place.
    """

    reader: str = ""
    end: int = 0
    data: bytes = b""


def read_source(source: Source, known: Sequence[Format], begun: Begun | None = None) -> Chunk:
    """What the first of the known formats that claims the source reads in it.

    With `begun` a reader that can goes on where it stopped, and notes where it stops now. The problem of an empty or
    unknown file is in the chunk, too; whether it is worth a word is decided later.
    """
    try:
        head = source.head()
    except Exception as error:  # noqa: BLE001 - any decompressor may fail in its own way on bad bytes
        kind = "no_permission" if isinstance(error, PermissionError) else "unreadable"
        problem = Problem(kind, source.path, None, type(error).__name__)
        return Chunk(source.path, "closed", Columns.none(), [problem])
    if not head.strip():
        return Chunk(source.path, "empty", Columns.none(), [Problem("empty_file", source.path)])
    claimed = claimed_by(source, head, known)
    if claimed is None:
        return Chunk(source.path, "unknown", Columns.none(), [_unknown(source, head)])
    return _read(source, claimed, begun)


def claimed_by(source: Source, head: bytes, known: Sequence[Format]) -> Format | None:
    """The format of a file, of which the head was read already; None where it is of none of these.

    A first line may be longer than a head: a log that begins with one is told by the lines behind it.
    """
    path = source.path
    found = next((item for item in likely_first(path, known) if item.sniff(path, head)), None)
    if found is not None or len(head) < SNIFF_BYTES or head.startswith(SQLITE_MAGIC):
        return found
    lines = source.short_lines()
    return next((item for item in likely_first(path, known) if item.sniff(path, lines)), None)


def likely_first(path: str, known: Sequence[Format]) -> Iterator[Format]:
    """All formats, those first whose logs lie in a folder as the path has one, so that few look at a head in vain.

    Then what most files are, wherever they were copied to. The order decides nothing but the time: one format claims a
    file.
    """
    places = path.replace("\\", "/")
    likely: list[Format] = []
    for item in known:
        for folder in _folders(item.roots):
            if folder in places:
                likely.append(item)
                yield item
                break
    rest = [item for item in known if item not in likely]
    yield from (item for item in rest if item.name in _COMMON)
    yield from (item for item in rest if item.name not in _COMMON)


@cache
def _folders(roots: tuple[str, ...]) -> tuple[str, ...]:
    """The folders of these places, below whatever home, as far as they are plain names."""
    return tuple(root[1:] + "/" for root in roots if root.startswith("~/.") and "*" not in root)


def joined_source(source: Source, claimed: Format, parts: Iterable[bytes]) -> Chunk | None:
    """What `read_source` gives, from all parts that the format read; None where they do not fit together."""
    whole = None if claimed.in_parts is None else claimed.in_parts.joined(source, parts)
    return None if whole is None else _chunk(source, claimed, whole.told or _collected(whole.items, claimed.name))


def _read(source: Source, claimed: Format, begun: Begun | None) -> Chunk:
    return _chunk(source, claimed, _told(source, claimed, begun))


def _chunk(source: Source, claimed: Format, told: Told) -> Chunk:
    _round_instants(told.columns)
    return Chunk(source.path, "log", told.columns, [*told.problems, *told.last], claimed.name)


def _told(source: Source, claimed: Format, begun: Begun | None) -> Told:
    if begun is not None and claimed.resume is not None:
        grown = claimed.resume(source, begun.data if begun.reader == claimed.name else b"")
        begun.reader, begun.end, begun.data = claimed.name, grown.end, grown.begun()
        return grown.told or _collected(grown.items, claimed.name)
    told = None if claimed.columns is None else claimed.columns(source)
    return told or _collected(claimed.read(source), claimed.name)


def _collected(items: Iterable[Call | Problem], reader: str) -> Told:
    """Calls as columns, not all of them objects at a time."""
    parts: list[Columns] = []
    calls: list[Call] = []
    problems: list[Problem] = []
    for item in items:
        if isinstance(item, Call):
            calls.append(item)
            if len(calls) == _BATCH:
                parts.append(Columns.of(calls, reader))
                calls = []
        else:
            problems.append(item)
    return Told(Columns.concat([*parts, Columns.of(calls, reader)]), problems, [])


def _round_instants(columns: Columns) -> None:
    """To whole microseconds: an instant that was reckoned has more digits than an export can hold."""
    for name in _RECKONED:
        column = columns.numbers.get(name)
        if column is None:
            continue
        unknown = np.isnan(column)
        if unknown.any():
            known = ~unknown
            column[known] = column[known].round(_DIGITS)
        else:
            column.round(_DIGITS, out=column)


def _unknown(source: Source, head: bytes) -> Problem:
    """What no format claims: a database that cannot be read, text in two or four bytes per sign, or all else."""
    if head == SQLITE_MAGIC:  # without a schema: it is damaged, or it has no table yet
        from latprof.formats.database import trouble_of

        return trouble_of(source) or Problem("unknown_format", source.path)
    marked = head.startswith(_WIDE_MARKS)
    start = head[:_LOOKED_AT_BYTES]
    wide = start.count(0) * 3 >= len(start) and head.lstrip(b"\x00")[:1] in {b"{", b"["}
    if marked or wide:
        return Problem("unsupported_encoding", source.path, None, "UTF-16 or UTF-32: save it as UTF-8")
    return Problem("unknown_format", source.path)
