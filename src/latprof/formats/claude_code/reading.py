"""The two stages of reading a transcript: bytes -> lines, lines -> calls and problems.

A line's facts depend on its bytes, its number and the file's name only, so that the lines of an unchanged beginning
can be kept and only what was appended be decoded; who follows whom is told anew from all lines.
"""

from __future__ import annotations

import io
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import field
from typing import IO, TYPE_CHECKING, Any, Final

import orjson

from latprof.classes import dataclass
from latprof.formats.base import Source
from latprof.model import Call, Problem

if TYPE_CHECKING:
    from latprof.formats.claude_code.lines import Line

# What compiled code keeps of a line, of its part and of its usage, in the order of their classes, and the last kind of
# line. Where it reads a file, none of these classes is needed, and to load them would take longer than that.
LAYOUT: Final = (
    (
        "number kind at uuid parent thread part tool_ids source_tool_id interrupted_id retry_s request_id max_tokens "
        "embedded truncates"
    ),
    (
        "message_id request_id session_id version project model requested_model stop_reason has_stop_details usage "
        "blocks tool_ids block_index duration_s request_ref effort"
    ),
    "input_tokens cache_read_tokens cache_write_tokens output_tokens thinking_tokens server_tools iterations speed",
    16,
)

try:
    from latprof.formats.claude_code import _native
except ImportError:  # not compiled on this machine: the Python code gives the same results
    _lines_of: Any = None
else:
    _lines_of = _native.Lines if _native.LAYOUT == LAYOUT else None

__all__ = [
    "LAYOUT",
    "UNANSWERED",
    "Decoded",
    "NoPlaceError",
    "calls_of",
    "can_be_entered",
    "decode_into",
    "decode_lines",
    "decode_stream",
    "is_compiled",
    "kept_of",
]

_AGENT_FILE: Final = re.compile(r"^agent-(?P<id>[^.]+)\.jsonl")
_CHUNK_BYTES: Final = 1 << 18
# So much for compiled code, so that it stays in a processor's second cache until it is looked at.
_READ_BYTES: Final = 1 << 17
_PAGE_BYTES: Final = 4096
# Above this length a line is skimmed first; below, the full decode costs no more.
_LONG_BYTES: Final = 1200
# How assistant lines go on; where it stands skimming would be in vain, and where it misleads nothing is lost.
_ASSISTANT_HINT: Final = b'"message":{"model":'
_HINT_BYTES: Final = 600
UNANSWERED: Final = "request_without_response"
_buffers: Final[list[bytearray]] = []


@dataclass(slots=True)
class Decoded:
    """What the bytes of one transcript say, line by line.

    `end` is the offset in bytes behind the last line that is complete, `count` the number of complete lines. What a
    last line without its end says is in `lines` or `problems` too, under the number `count` + 1.
    """

    path: str
    lines: list[Line] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    end: int = 0
    count: int = 0

    def complete(self) -> Decoded:
        """Only what complete lines say, which stays true when the file grows."""
        lines = [line for line in self.lines if line.number <= self.count]
        problems = [problem for problem in self.problems if (problem.line or 0) <= self.count]
        return Decoded(self.path, lines, problems, self.end, self.count)


def decode_lines(source: Source, *, after: Decoded | None = None, compiled: bool = True, skim: bool = True) -> Decoded:
    """The first stage: bytes -> lines, and problems with lines.

    With `after` only the bytes behind its complete lines are decoded and added to what they say; packed files are
    decoded whole. `compiled=False` does without the compiled extensions, `skim=False` without simdjson; both are slower
    and give the same.
    """
    decoded = Decoded(source.path) if after is None else after.complete()
    if compiled and _lines_of is not None:
        kept = kept_of(source.path)
        try:
            found = decode_into(source, decoded, kept, skim=skim)
        except NoPlaceError:
            decoded = Decoded(source.path) if after is None else after.complete()
        else:
            from latprof.formats.claude_code.rows import unpacked

            found.lines += unpacked(kept.rows())
            return found
    return decode_into(source, decoded, None, skim=skim)


def kept_of(path: str) -> Any:
    """What keeps the lines of a file in compiled code, none yet; None where there is no such code."""
    return None if _lines_of is None else _lines_of(_thread_of(path))


def decode_into(source: Source, decoded: Decoded, kept: Any, *, skim: bool = True) -> Decoded:
    """Decode what is behind the complete lines of `decoded`, the only ones that it may have.

    Where there is `kept`, lines go there and not into what is given back; problems go there in any case. Raises
    NoPlaceError for a line that has no place in what is kept.
    """
    try:
        with source.open() as stream:
            if can_be_entered(stream):
                stream.seek(decoded.end)
                decode_stream(stream, decoded, kept, skim=skim)
            else:
                decoded = Decoded(source.path)
                if kept is not None:
                    kept.clear()
                _Decoder(decoded, kept, skim=skim).take_lines(stream)
    except (OSError, EOFError, ValueError) as error:
        decoded.problems.append(Problem("unreadable", source.path, decoded.count or None, type(error).__name__))
    except Exception as error:
        # zstandard's own error; naming its class would load the library for every log
        if type(error).__name__ != "ZstdError":
            raise
        decoded.problems.append(Problem("unreadable", source.path, decoded.count or None, "ZstdError"))
    return decoded


def decode_stream(stream: IO[Any] | io.RawIOBase, decoded: Decoded, kept: Any, *, skim: bool = True) -> None:
    """Decode what is behind the complete lines of `decoded` in a stream that can be entered anywhere.

    Otherwise as `decode_into`. Raises OSError, too.
    """
    _Decoder(decoded, kept, skim=skim).take_chunks(stream)


def is_compiled() -> bool:
    """Whether the compiled extensions are there."""
    return _lines_of is not None


def calls_of(decoded: Decoded, *, compiled: bool = True) -> Iterator[Call | Problem]:
    """The second stage: problems of lines first, then calls in the order of their first lines.

    Leaves the lines as they are. `compiled` as for `decode_lines`.
    """
    if compiled and is_compiled():
        from latprof.formats.claude_code.table import told_of

        found = told_of(decoded)
        if found is not None:
            yield from found.items()
            return
    # Where the extensions do it none of these is needed.
    from latprof.formats.claude_code.calls import call_of
    from latprof.formats.claude_code.pairing import pair
    from latprof.formats.claude_code.transcript import Transcript

    yield from decoded.problems
    transcript = Transcript.of(decoded.lines)
    answered: set[str] = set(transcript.referenced)
    # A response, and what was tried before it, belong to one call.
    for response in sorted(transcript.responses.values(), key=lambda item: item.lines[0].number):
        pairing = pair(transcript, response)
        answered.update(pairing.lost_requests)
        yield call_of(transcript, response, pairing)
    for thread, requests in transcript.requests_of.items():
        last = transcript.last_number_of.get(thread, -1)
        for request in requests:
            if request.request_id not in answered and request.number < last:
                yield Problem(UNANSWERED, decoded.path, request.number)


def can_be_entered(stream: IO[bytes]) -> bool:
    """Whether the bytes are those of the file, so that offsets mean something."""
    return type(stream) is io.BytesIO or (type(stream) is io.BufferedReader and type(stream.raw) is io.FileIO)


def _thread_of(path: str) -> str | None:
    """The sub-agent whose lines a file of this name holds."""
    name = path.replace("\\", "/").rpartition("/")[2] if os.sep == "\\" else path.rpartition("/")[2]
    match = _AGENT_FILE.match(name)
    return match["id"] if match else None


@contextmanager
def _buffer() -> Iterator[bytearray]:
    """Memory to read into, used again and again: pages that are new cost as much as the reading."""
    try:
        buffer = _buffers.pop()
    except IndexError:  # none yet, or another thread has it
        buffer = bytearray(2 * _READ_BYTES + _PAGE_BYTES)
    try:
        yield buffer
    finally:
        _buffers.append(buffer)


def _home(buffer: bytearray) -> int:
    """Where a page begins in a buffer, with room for the rest of a chunk in front of it."""
    return _READ_BYTES + -(_native.address_of(buffer) + _READ_BYTES) % _PAGE_BYTES


class NoPlaceError(Exception):
    """A line that compiled code cannot keep, such as one with a number of more than 64 bits."""


class _Decoder:
    """Takes the lines of one file and adds what they say."""

    def __init__(self, decoded: Decoded, kept: Any, *, skim: bool) -> None:
        self._thread = _thread_of(decoded.path)
        self._kept = kept
        self._skim: Any = None
        self._long_bytes = _LONG_BYTES if skim else sys.maxsize
        self._decoded = decoded

    def take_lines(self, stream: IO[bytes]) -> None:
        """Line by line, so that of a damaged packed file all is used that can be unpacked."""
        for raw in stream:
            self._take(raw, ended=raw.endswith(b"\n"), skim=self._is_worth_skimming(raw))

    def take_chunks(self, stream: IO[Any] | io.RawIOBase) -> None:
        """Many lines at once, which costs less; a line longer than a chunk is put together."""
        if self._kept is not None:
            with _buffer() as buffer:
                self._take_compiled(stream, buffer)
            return
        begun: list[bytes] = []
        while chunk := stream.read(_CHUNK_BYTES):
            first_end = chunk.find(b"\n") + 1
            if not first_end:
                begun.append(chunk)
                continue
            if begun:
                self._take_whole_lines(b"".join([*begun, chunk[:first_end]]), 0)
                end = self._take_whole_lines(chunk, first_end)
            else:
                end = self._take_whole_lines(chunk, 0)
            begun = [chunk[end:]] if end < len(chunk) else []
        if begun:
            joined = b"".join(begun)
            self._take(joined, ended=False, skim=self._is_worth_skimming(joined))

    def _is_worth_skimming(self, raw: bytes) -> bool:
        return len(raw) >= self._long_bytes and raw.find(_ASSISTANT_HINT, 0, _HINT_BYTES) < 0

    def _take_whole_lines(self, chunk: bytes, start: int) -> int:
        """Take the lines that lie whole in the chunk; the offset where the last one ends."""
        from latprof.formats.claude_code.lines import line_of
        from latprof.formats.claude_code.skim import Doubt

        view, find, long_bytes = memoryview(chunk), chunk.find, self._long_bytes
        decoded, thread, skim = self._decoded, self._thread, self._skimmer()
        lines, loads = decoded.lines, orjson.loads
        number = decoded.count
        while end := find(b"\n", start) + 1:
            number += 1
            try:
                if end - start < long_bytes or find(_ASSISTANT_HINT, start, start + _HINT_BYTES) >= 0:
                    line = line_of(loads(view[start:end]), number, thread)
                else:
                    line = skim(view[start:end], number)
            except (ValueError, AttributeError, Doubt):
                # Another encoding, no object, something odd or nothing at all.
                self._take(chunk[start:end], ended=True)
            else:
                decoded.count = number
                decoded.end += end - start
                if line is not None:
                    lines.append(line)
                    if line.at is None and line.part is not None:
                        decoded.problems.append(Problem("no_time", decoded.path, number))
            start = end
        return start

    def _take_compiled(self, stream: IO[Any] | io.RawIOBase, buffer: bytearray) -> None:
        """The same by a compiled extension, without new memory for what is read.

        What is read goes to the start of a page, for copies to the first bytes behind it take some processors three
        times as long (the string moves of AMD's Zen 3), and the line begun before to the bytes in front of it.
        """
        raw_stream: Any = getattr(stream, "raw", stream)
        raw_stream.seek(self._decoded.end)
        home = _home(buffer)
        begun = at = home
        while count := raw_stream.readinto(memoryview(buffer)[at : at + _READ_BYTES]):
            filled = at + count
            end = buffer.rfind(b"\n", at, filled) + 1
            if end:
                self._take_lines(buffer, begun, end)
                begun, at = home - (filled - end), home
                buffer[begun:home] = buffer[end:filled]
                continue
            at = filled
            if at + _READ_BYTES > len(buffer):
                buffer = buffer + bytes(len(buffer))
        if begun < at:
            raw = bytes(memoryview(buffer)[begun:at])
            self._take(raw, ended=False, skim=self._is_worth_skimming(raw))

    def _take_lines(self, chunk: bytearray, start: int, end: int) -> None:
        """Take the lines that lie there; those that the extension leaves are decoded one by one."""
        decoded, take = self._decoded, self._kept.take
        while start < end:
            behind, decoded.count = take(chunk, start, end, decoded.count)
            decoded.end += behind - start
            start = behind
            if start < end:
                behind = chunk.find(b"\n", start) + 1
                raw = bytes(memoryview(chunk)[start:behind])
                self._take(raw, ended=True, skim=self._is_worth_skimming(raw))
                start = behind

    def _take(self, raw: bytes | memoryview, *, ended: bool, skim: bool = False) -> None:
        # What compiled code takes needs none of this.
        from latprof.formats.claude_code.lines import BadLine, full_record, line_of

        decoded = self._decoded
        number = decoded.count + 1
        if ended:
            decoded.count = number
            decoded.end += len(raw)
        try:
            line = self._skimmed(raw, number) if skim else line_of(full_record(raw), number, self._thread)
        except BadLine as error:
            if bytes(raw).strip():
                kind = "bad_line" if ended else "cut_line"
                decoded.problems.append(Problem(kind, decoded.path, number, str(error)))
            return
        if line is not None:
            self._add(line)
            if line.at is None and line.part is not None:
                decoded.problems.append(Problem("no_time", decoded.path, number))

    def _add(self, line: Line) -> None:
        if self._kept is None:
            self._decoded.lines.append(line)
            return
        from latprof.formats.claude_code.rows import packed

        try:
            self._kept.extend(packed([line]))
        except (OverflowError, ValueError) as error:
            raise NoPlaceError from error

    def _skimmer(self) -> Any:
        """What skims lines of this file; most files have none for it where the extensions are."""
        if self._skim is None:
            from latprof.formats.claude_code.skim import Skimmer

            self._skim = Skimmer(self._thread).line
        return self._skim

    def _skimmed(self, raw: bytes | memoryview, number: int) -> Line | None:
        from latprof.formats.claude_code.lines import full_record, line_of
        from latprof.formats.claude_code.skim import Doubt

        try:
            found: Line | None = self._skimmer()(raw, number)
        except Doubt:
            found = line_of(full_record(raw), number, self._thread)
        return found
