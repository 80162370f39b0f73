"""A large transcript in parts: what the lines say that begin in a span of bytes, and all of it together.

A line's facts depend on its bytes and the file's name only, so that parts may be decoded side by side; numbers of
lines are put right when they are joined, and only then it is told who follows whom.
"""

from __future__ import annotations

import io
import marshal
from collections.abc import Iterable
from typing import Any, Final

from latprof.formats.base import Source
from latprof.formats.claude_code.reading import Decoded, NoPlaceError, can_be_entered, decode_stream, kept_of
from latprof.model import Problem

__all__ = ["joined", "part_of"]

_LOOKED_AT_BYTES: Final = 1 << 16


class _Span(io.RawIOBase):
    """Some bytes of a file as a file of their own."""

    def __init__(self, file: Any, start: int, stop: int) -> None:
        super().__init__()
        self._file, self._start, self._stop = file, start, stop
        file.seek(start)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """From the start of the span only."""
        if whence != io.SEEK_SET:
            raise io.UnsupportedOperation("seek")
        return int(self._file.seek(self._start + offset)) - self._start

    def readinto(self, buffer: Any, /) -> int:
        room = memoryview(buffer).cast("B")
        left = max(self._stop - self._file.tell(), 0)
        return int(self._file.readinto(room[: min(len(room), left)]))


def part_of(source: Source, begin: int, end: int | None) -> bytes | None:
    """What the lines say that begin from one offset on and before another, or up to the file's end.

    None for a file that can only be read whole, as packed ones, and where compiled code has no place for a line.
    Without such code it does not pay: to send the lines as objects takes nearly as long as to decode them.
    """
    decoded, kept = Decoded(source.path), kept_of(source.path)
    if kept is None:
        return None
    try:
        with source.open() as stream:
            if not can_be_entered(stream):
                return None
            size = stream.seek(0, io.SEEK_END)
            start = _line_start(stream, begin, size)
            stop = size if end is None else _line_start(stream, end, size)
            decode_stream(_Span(getattr(stream, "raw", stream), start, stop), decoded, kept)
    except (OSError, NoPlaceError):
        return None
    problems = [(item.kind, item.line, item.detail) for item in decoded.problems]
    found: Any = (start, stop, start + decoded.end, decoded.count, kept.state(), problems)
    return marshal.dumps(found)


def _line_start(stream: Any, offset: int, size: int) -> int:
    """Where the first line begins that begins at an offset or behind it."""
    if not offset:
        return 0
    place = offset - 1
    stream.seek(place)
    while piece := stream.read(_LOOKED_AT_BYTES):
        end = piece.find(b"\n")
        if end >= 0:
            return min(place + int(end) + 1, size)
        place += len(piece)
    return size


def joined(path: str, parts: Iterable[bytes]) -> tuple[Decoded, Any] | None:
    """What all parts of a file say, in their order, and what keeps its lines.

    None for parts that do not fit together, as those of a file that changed while they were read.
    """
    decoded, kept, behind = Decoded(path), kept_of(path), 0
    for part in parts:
        start, stop, end, count, lines, problems = marshal.loads(part)  # noqa: S302 - made by a process of ours
        # Behind a line without its end nothing can be but the end of the file.
        if start != behind or decoded.end < start < stop:
            return None
        behind = stop
        kept.join(lines, decoded.count)
        decoded.problems += [Problem(kind, path, line + decoded.count, text) for kind, line, text in problems]
        decoded.count += count
        decoded.end = end if count else decoded.end
    return decoded, kept
