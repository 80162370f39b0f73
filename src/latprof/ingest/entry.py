"""What one file gave together with what was looked at for it, as one value that can be sent or kept.

Bytes of an entry: the lengths of its three parts as 32-bit little-endian numbers; the looks as JSON (null where the
file changed while it was read); the chunk; of a file that grows what its reader needs to go on where it stopped: the
reader's name, the number of bytes it has read and their digest as JSON in a line, then what it packed.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from dataclasses import field
from pathlib import Path
from typing import Any, Final

from latprof.classes import dataclass
from latprof.formats import Format, Source
from latprof.ingest.chunk import Chunk
from latprof.ingest.one_file import Begun, read_source
from latprof.model import Problem
from latprof.store.looks import Beginning, Look, Looks, watched
from latprof.store.plain import packed, unpacked

__all__ = ["Entry", "look_from", "looks_from", "read_entry", "read_grown", "settled_entry"]

_PREFIX: Final = struct.Struct("<III")
# Failures of reading that are the content's fault, and come again as long as it is the same.
_LASTING: Final = frozenset({"BadGzipFile", "DatabaseError", "EOFError", "ValueError", "ZstdError", "error"})
_PASSING: Final = frozenset({"busy_database", "no_permission", "unreadable"})


@dataclass(slots=True)
class Entry:
    """A chunk; `looks` are None where it must not be kept. `begun` lets a reader go on when the file has grown."""

    chunk: Chunk
    looks: tuple[Look, ...] | None = None
    begun: bytes = b""
    _data: bytes | None = field(default=None, repr=False)

    def to_bytes(self) -> bytes:
        """The entry as the bytes that the module's docstring describes."""
        if self._data is None:
            parts = (packed(self.looks), self.chunk.to_bytes(), self.begun)
            self._data = _PREFIX.pack(*map(len, parts)) + b"".join(parts)
        return self._data

    @classmethod
    def from_bytes(cls, data: bytes) -> Entry:
        """The entry of these bytes. Raises ValueError when they are damaged or of another version."""
        if len(data) < _PREFIX.size:
            raise ValueError("an entry is cut off")
        sizes = _PREFIX.unpack_from(data)
        first, second = _PREFIX.size + sizes[0], _PREFIX.size + sizes[0] + sizes[1]
        looks = unpacked(data[_PREFIX.size : first])
        chunk = Chunk.from_bytes(data[first:second])
        return cls(chunk, None if looks is None else looks_from(looks), data[second:], data)


def looks_from(listed: Sequence[Sequence[Any]]) -> tuple[Look, ...]:
    """Looks as JSON gives them back."""
    return tuple(map(look_from, listed))


def look_from(listed: Sequence[Any]) -> Look:
    """One of them."""
    path, identity, digest, is_folder = listed
    return Look(path, None if identity is None else tuple(identity), digest, is_folder)


def read_entry(path: str, known: Sequence[Format], *, watching: bool) -> Entry:
    """Read a file; only when `watching` it is noted what was looked at."""
    if not watching:
        return Entry(read_source(Source.of_file(path), known))
    looks = Looks()
    return settled_entry(read_source(watched(Path(path), looks), known), looks)


def settled_entry(chunk: Chunk, looks: Looks | None) -> Entry:
    """The entry of a file that was just read, with what was looked at, if that is wanted."""
    return Entry(chunk, looks.settled() if looks is not None and _is_lasting(chunk) else None)


def read_grown(path: str, known: Sequence[Format], before: Entry) -> Entry:
    """Read a file that was shorter when the entry was made; what its reader packed then is used if it still holds."""
    header, _, data = before.begun.partition(b"\n")
    reader, end, known_digest = json.loads(header) if header else ("", 0, None)
    beginning = Beginning(str(Path(path).absolute()), end)
    looks = Looks(beginning=beginning)
    source = watched(Path(path), looks)
    begun = Begun(reader, end, data) if header and beginning.taken() == known_digest else Begun()
    # Whose log it was it still is, most likely, and no other format's code needs to be loaded to find out.
    chunk = read_source(source, sorted(known, key=lambda item: item.name != before.chunk.reader), begun)
    beginning.end = begun.end
    settled = looks.settled() if _is_lasting(chunk) else None
    digest = beginning.taken() if begun.end else None
    if settled is None or digest is None:
        return Entry(chunk, settled)
    return Entry(chunk, settled, json.dumps([begun.reader, begun.end, digest]).encode() + b"\n" + begun.data)


def _is_lasting(chunk: Chunk) -> bool:
    """Whether the same file would give the same chunk again."""
    return chunk.state != "closed" and not any(_may_pass(problem) for problem in chunk.problems)


def _may_pass(problem: Problem) -> bool:
    return problem.kind in _PASSING and problem.detail not in _LASTING
