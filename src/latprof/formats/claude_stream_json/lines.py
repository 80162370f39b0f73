"""Lines of a capture, with the time of arrival where whoever captured them put one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from latprof.classes import dataclass
from latprof.formats.base import Source
from latprof.formats.records import Record, loads_leniently, seconds_of
from latprof.model import Problem

__all__ = ["Line", "read_lines", "without_stamp"]

_BOM: Final = b"\xef\xbb\xbf"
# Seconds since 1970 or ISO 8601, in brackets or not, as `ts` and similar tools write them.
_STAMP: Final = re.compile(
    rb"\s*[\[(]?(\d{10}(?:\.\d+)?|\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?)"
    rb"[\])]?[:\s]\s*(?=\{)"
)
_ARRIVAL_KEYS: Final = ("received_at", "arrived_at", "captured_at")


@dataclass(slots=True)
class Line:
    """A message; `arrived_at` is when it was captured, `stamped_at` what the agent itself says."""

    number: int
    record: Record
    arrived_at: float | None
    stamped_at: float | None


def without_stamp(raw: bytes) -> tuple[bytes | None, bytes]:
    """The time before a line, if there is one, and the rest."""
    match = _STAMP.match(raw)
    return (None, raw) if match is None else (match.group(1), raw[match.end() :])


def read_lines(source: Source, problems: list[Problem]) -> Iterator[Line]:
    """Each message; what is no JSON object becomes a problem."""
    number = 0
    try:
        with source.open() as stream:
            for number, raw in enumerate(stream, start=1):
                text = raw.removeprefix(_BOM) if number == 1 else raw
                if text.strip(b" \t\r\n\x00"):
                    line = _line(text, number, source.path, problems)
                    if line is not None:
                        yield line
    except Exception as error:  # noqa: BLE001 - any decompressor may fail in its own way on bad bytes
        problems.append(Problem("unreadable", source.path, number or None, type(error).__name__))


def _line(raw: bytes, number: int, path: str, problems: list[Problem]) -> Line | None:
    stamp, text = without_stamp(raw)
    try:
        record = loads_leniently(text)
    except ValueError:
        kind = "bad_line" if raw.endswith(b"\n") else "cut_line"
        problems.append(Problem(kind, path, number, "not JSON"))
        return None
    if not isinstance(record, dict):
        problems.append(Problem("bad_line", path, number, "not a JSON object"))
        return None
    return Line(number, record, _arrival(stamp, record), seconds_of(record.get("timestamp")))


def _arrival(stamp: bytes | None, record: Record) -> float | None:
    if stamp is not None:
        return seconds_of(stamp.decode().replace(",", "."))
    return next((at for key in _ARRIVAL_KEYS if (at := seconds_of(record.get(key))) is not None), None)
