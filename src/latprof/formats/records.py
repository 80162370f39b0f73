"""Bytes -> records: lines of JSON, documents of JSON, tables; and typed looks into a record.

What cannot be used becomes a counted problem with file and line, the rest is still read. The
looks give None for a value that is missing, of the wrong type or not plausible, never 0.
"""

from __future__ import annotations

import io
import json
import math
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from latprof.classes import dataclass
from latprof.formats.base import Source
from latprof.model import Problem

__all__ = [
    "Record",
    "count_of",
    "dict_of",
    "finite_or_none",
    "json_document",
    "json_lines",
    "json_stream",
    "list_of",
    "loads_leniently",
    "number_of",
    "salvaged",
    "seconds_of",
    "table_rows",
    "text_of",
    "whole_or_none",
    "whole_text",
]

Record = dict[str, Any]

# Stamps outside these years are damage, not time.
_EARLIEST_S: Final = datetime(2020, 1, 1, tzinfo=UTC).timestamp()
_LATEST_S: Final = datetime(2100, 1, 1, tzinfo=UTC).timestamp()
_LARGEST_COUNT: Final = 1_000_000_000
# Floats end at 1.8e308.
_MOST_DIGITS: Final = 308
_BOM: Final = b"\xef\xbb\xbf"
# An escaped sign is one mark of two signs, so that an escaped quote never ends a text.
_MARKS: Final = re.compile(r'\\.|["\[\]{},]', re.DOTALL)


def json_lines(source: Source, problems: list[Problem]) -> Iterator[tuple[int, Record]]:
    """Each JSON object with its line number; other lines become problems."""
    number = 0
    try:
        with source.open() as stream:
            for number, raw in enumerate(stream, start=1):
                text = raw.removeprefix(_BOM) if number == 1 else raw
                if not text.strip(b" \t\r\n\x00"):
                    continue
                try:
                    record = loads_leniently(text)
                except ValueError:
                    kind = "bad_line" if raw.endswith(b"\n") else "cut_line"
                    problems.append(Problem(kind, source.path, number, "not JSON"))
                    continue
                if isinstance(record, dict):
                    yield number, record
                else:
                    problems.append(Problem("bad_line", source.path, number, "not a JSON object"))
    except Exception as error:  # noqa: BLE001 - any decompressor may fail in its own way on bad bytes
        problems.append(Problem("unreadable", source.path, number or None, type(error).__name__))


def whole_text(source: Source, problems: list[Problem]) -> bytes:
    """All bytes of the source, or as many as could be read."""
    parts: list[bytes] = []
    try:
        with source.open() as stream:
            while part := stream.read(1 << 20):
                parts.append(part)
    except Exception as error:  # noqa: BLE001 - any decompressor may fail in its own way on bad bytes
        problems.append(Problem("unreadable", source.path, None, type(error).__name__))
    return b"".join(parts)


def json_document(source: Source, problems: list[Problem]) -> Any:
    """The one JSON value of a file; of a document that is cut off what was complete, else None."""
    data = whole_text(source, problems).removeprefix(_BOM)
    if not data.strip():
        return None
    try:
        return loads_leniently(data)
    except ValueError:
        document = salvaged(data)
        kind = "unreadable" if document is None else "cut_document"
        problems.append(Problem(kind, source.path, None, "not JSON"))
        return document


def json_stream(source: Source, problems: list[Problem]) -> Iterator[tuple[int, Any]]:
    """Each of several JSON values one after the other, however they are spread over lines.

    With the number of the line where it begins. Text between the values is skipped to the next
    line and counted once.
    """
    text = whole_text(source, problems).decode("utf-8-sig", errors="replace")
    decoder = json.JSONDecoder(strict=False)
    at, line, seen = 0, 1, 0
    while at < len(text):
        if text[at].isspace() or text[at] in ",\x1e\x00":
            at += 1
            continue
        line += text.count("\n", seen, at)
        seen = at
        try:
            value, at = decoder.raw_decode(text, at)
            yield line, value
        except (ValueError, RecursionError):
            end = text.find("\n", at)
            problems.append(Problem("cut_line" if end < 0 else "bad_line", source.path, line, "not JSON"))
            at = len(text) if end < 0 else end + 1


def table_rows(
    source: Source, problems: list[Problem], *, delimiter: str = ","
) -> Iterator[tuple[int, dict[str, str]]]:
    """Each row of a table with a header, with its line; rows of another length are problems."""
    import csv  # few logs are tables

    text = whole_text(source, problems).decode("utf-8-sig", errors="replace")
    reader = csv.reader(io.StringIO(text.replace("\x00", "")), delimiter=delimiter)
    header: list[str] | None = None
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error:
            problems.append(Problem("bad_line", source.path, reader.line_num, "not a row"))
            continue
        if header is None:
            header = [name.strip() for name in row]
        elif len(row) == len(header):
            yield reader.line_num, dict(zip(header, row, strict=True))
        elif row:
            problems.append(Problem("bad_line", source.path, reader.line_num, "another number of cells"))


def loads_leniently(raw: bytes) -> Any:
    """Parse JSON; lone surrogates and wrong bytes become replacement marks. Raises ValueError.

    NaN and Infinity, which some programs write, become texts; numbers that are too large for a float None.
    """
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        pass
    text = raw.decode("utf-8-sig", errors="replace")
    try:
        record = json.loads(text, strict=False, parse_constant=str, parse_float=finite_or_none, parse_int=whole_or_none)
        return orjson.loads(json.dumps(record, ensure_ascii=False).encode("utf-8", "replace"))
    except (ValueError, RecursionError):
        raise ValueError("not JSON") from None


def finite_or_none(digits: str) -> float | None:
    """The number of a JSON text; None when it is beyond all floats, as 1e400 is."""
    number = float(digits)
    return number if math.isfinite(number) else None


def whole_or_none(digits: str) -> int | None:
    """The whole number of a JSON text; None when it is beyond all floats."""
    return int(digits) if len(digits) <= _MOST_DIGITS else None


def salvaged(data: bytes) -> Any:
    """What is complete in a JSON document that is cut off, None when nothing is.

    The outermost list that was open at the cut and has a complete element keeps its complete
    elements; no element is ever given in part, for it would look like another record.
    """
    text = data.decode("utf-8", errors="replace")
    open_parts = _open_at_end(text)
    lists = [depth for depth, part in enumerate(open_parts) if part.closer == "]"]
    if not lists:
        return None
    depth = next((depth for depth in lists if open_parts[depth].complete), lists[0])
    closers = "".join(part.closer for part in reversed(open_parts[: depth + 1]))
    try:
        return loads_leniently((text[: open_parts[depth].complete or open_parts[depth].start] + closers).encode())
    except ValueError:
        return None


@dataclass(slots=True)
class _Open:
    """A list or object that is not closed: where its content starts, where its last whole element ends."""

    closer: str
    start: int
    complete: int = 0


def _open_at_end(text: str) -> list[_Open]:
    parts: list[_Open] = []
    inside = False
    for match in _MARKS.finditer(text):
        sign = match.group()
        if inside:
            inside = sign != '"'
        elif sign == '"':
            inside = True
        elif sign in "[{":
            parts.append(_Open("]" if sign == "[" else "}", match.end()))
        elif sign in "]}":
            if not parts or parts.pop().closer != sign:
                return []
        elif sign == "," and parts:
            parts[-1].complete = match.start()
    return parts


def text_of(record: object, *keys: str) -> str | None:
    """The text at a path of keys; None when it is missing, empty or no text."""
    value = _at(record, keys)
    return value if isinstance(value, str) and value else None


def dict_of(record: object, *keys: str) -> Record:
    """The object at a path of keys; empty when it is missing or no object."""
    value = _at(record, keys)
    return value if isinstance(value, dict) else {}


def list_of(record: object, *keys: str) -> list[Any]:
    """The list at a path of keys; empty when it is missing or no list."""
    value = _at(record, keys)
    return value if isinstance(value, list) else []


def count_of(record: object, *keys: str) -> int | None:
    """The whole number at a path of keys, 0 or more; a number in a text counts."""
    value = number_of(record, *keys)
    return int(value) if value is not None and 0 <= value <= _LARGEST_COUNT and value == int(value) else None


def number_of(record: object, *keys: str) -> float | None:
    """The finite number at a path of keys; a number in a text counts, true and false do not."""
    value = _at(record, keys)
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def seconds_of(stamp: object, *, unit: float | None = None) -> float | None:
    """A time stamp -> epoch seconds; None when it is no plausible time.

    Texts are ISO 8601, UTC where no offset is given. For numbers `unit` is the length of one in
    seconds, such as 0.001; without it the size tells seconds, milli-, micro- and nanoseconds apart.
    """
    if isinstance(stamp, bool):
        return None
    if isinstance(stamp, int | float):
        return _number_seconds(float(stamp), unit)
    if not isinstance(stamp, str) or not stamp:
        return None
    try:
        moment = datetime.fromisoformat(_six_digits(stamp))
    except ValueError:
        number = number_of({"": stamp}, "")
        return None if number is None else _number_seconds(number, unit)
    try:
        return _plausible((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
    except (OverflowError, ValueError, OSError):
        return None


def _six_digits(stamp: str) -> str:
    """ISO 8601 with at most six digits of a second, which is all that a datetime holds."""
    head, point, rest = stamp.partition(".")
    if not point:
        return stamp
    digits = len(rest) - len(rest.lstrip("0123456789"))
    return f"{head}.{rest[: min(digits, 6)]}{rest[digits:]}"


def _number_seconds(number: float, unit: float | None) -> float | None:
    if unit is not None:
        return _plausible(number * unit)
    for scale in (1.0, 1e3, 1e6, 1e9):
        if number / scale <= _LATEST_S:
            return _plausible(number / scale)
    return None


def _plausible(seconds: float) -> float | None:
    return seconds if _EARLIEST_S <= seconds <= _LATEST_S else None


def _at(record: object, keys: tuple[str, ...]) -> object:
    value = record
    for key in keys:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value
