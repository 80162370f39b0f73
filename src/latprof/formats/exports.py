"""Records of gateways and tracers, which people export as JSON, JSON lines or CSV.

The same record comes alone, in a list, in an answer of an API or as a row of a table; a reader
gets plain records, whatever they were wrapped in.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final

from latprof.formats.base import Source
from latprof.formats.records import (
    Record,
    json_lines,
    json_stream,
    loads_leniently,
    table_rows,
    whole_text,
)
from latprof.model import FLAGS, LONG_GAP_S, Problem

__all__ = ["arrived_whole", "exported", "first_chunk_source", "gap_flags", "in_order", "shapes"]

_BOM: Final = b"\xef\xbb\xbf"
_TOKENS: Final = re.compile(rb'"(?P<text>(?:[^"\\]|\\.)*)"(?P<key>\s*:)?|[\[\]{}]', re.DOTALL)
# Where a record may stand: alone, in a list, in the list or the object of an answer, in a part of one of these.
_PLACES: Final = ("{", "[{", "{[{", "{{", "[{[{", "{[{[{", "{{[{")
_WRAPPINGS: Final = 3
# An answer of more tokens than this whose stream took less than this share of the call was streamed from a whole body.
_WHOLE_TOKENS: Final = 50
_WHOLE_SHARE: Final = 0.02


def exported(
    source: Source, problems: list[Problem], *, wrappers: tuple[str, ...] = ("data",)
) -> Iterator[tuple[int | None, Record]]:
    """Each record with its line, if it has one; `wrappers` are the keys under which an answer holds records."""
    for line, value in _values(source, problems, wrappers):
        for record in _unwrapped(value, wrappers, _WRAPPINGS):
            if isinstance(record, dict):
                yield line, {name: _opened(part) for name, part in record.items()}
            else:
                problems.append(Problem("bad_record", source.path, line, "not a JSON object"))


def shapes(head: bytes) -> list[set[str]]:
    """The names that a record in this head may have, one set for each place where one may stand."""
    text = head.removeprefix(_BOM).lstrip()
    if not text.startswith((b"{", b"[")):
        header = text.split(b"\n", 1)[0].decode("utf-8", "replace")
        return [{name.strip().strip('"') for name in header.split(",")}]
    names: dict[str, set[str]] = {}
    stack = ""
    for token in _TOKENS.finditer(text):
        sign = token.group()
        if sign in {b"{", b"["}:
            stack += sign.decode()
        elif sign in {b"}", b"]"}:
            stack = stack[:-1]
        elif token["key"]:
            names.setdefault(stack, set()).add(token["text"].decode("utf-8", "replace"))
    return [names[place] for place in _PLACES if place in names]


def arrived_whole(sent_at: float, first_at: float, last_at: float, tokens: int | None) -> bool:
    """Whether a stream was most likely made from a finished answer: far too fast to be decoding."""
    return (tokens or 0) > _WHOLE_TOKENS and last_at - first_at < _WHOLE_SHARE * (last_at - sent_at)


def first_chunk_source(first_at: float | None, reasoning: int | None) -> str | None:
    """What a first chunk is: behind hidden thinking, which only the count of tokens shows, it is no first token."""
    if first_at is None:
        return None
    return "first_visible" if reasoning else "first_chunk"


def gap_flags(sent_at: float | None, last_at: float | None) -> set[str]:
    """What a difference that cannot be a call's duration says: the clock was set back, or the computer slept."""
    if sent_at is None or last_at is None:
        return set()
    if last_at < sent_at:
        return {"clock_step"}
    return {"suspended"} if last_at - sent_at > LONG_GAP_S else set()


def in_order(flags: set[str]) -> tuple[str, ...]:
    """Flags in the order of the model."""
    return tuple(flag for flag in FLAGS if flag in flags)


def _values(source: Source, problems: list[Problem], wrappers: tuple[str, ...]) -> Iterator[tuple[int | None, Any]]:
    try:
        head = source.head().removeprefix(_BOM).lstrip(b"\x00 \t\r\n")
    except Exception as error:  # noqa: BLE001 - any decompressor may fail in its own way on bad bytes
        problems.append(Problem("unreadable", source.path, None, type(error).__name__))
        return
    if not head:
        return
    if not head.startswith((b"{", b"[")):
        yield from _cells(source, problems)
    elif head.startswith(b"{") and _starts_a_line(head, b"{"):
        yield from json_lines(source, problems)
    elif head.startswith(b"[") and _starts_a_line(head.partition(b"\n")[2], b"["):
        yield from json_stream(source, problems)
    else:
        yield from _document(source, problems, wrappers)


def _document(source: Source, problems: list[Problem], wrappers: tuple[str, ...]) -> Iterator[tuple[int | None, Any]]:
    """The one value of a file; of a list of records that is cut off the complete ones."""
    data = whole_text(source, problems).removeprefix(_BOM)
    try:
        yield None, loads_leniently(data)
    except ValueError:
        # The first line alone may be longer than a head.
        if data.lstrip().startswith(b"{") and _starts_a_line(data, b"{"):
            yield from json_lines(source, problems)
            return
        records = _complete(data.decode("utf-8", "replace"), wrappers)
        problems.append(Problem("cut_document" if records else "unreadable", source.path, None, "not JSON"))
        yield None, records


def _complete(text: str, wrappers: tuple[str, ...]) -> list[Any]:
    opening = re.compile(rf'\A\s*\[|"(?:{"|".join(wrappers)})"\s*:\s*\[').search(text)
    records: list[Any] = []
    decoder = json.JSONDecoder(strict=False)
    at = opening.end() if opening else len(text)
    while at < len(text):
        if text[at].isspace() or text[at] == ",":
            at += 1
            continue
        try:
            record, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            break
        records.append(record)
    return records


def _starts_a_line(text: bytes, sign: bytes) -> bool:
    """Whether a complete line that begins so is one JSON value: then it is one of many lines."""
    return any(line.startswith(sign) and _is_json(line) for line in text.splitlines())


def _is_json(line: bytes) -> bool:
    try:
        loads_leniently(line)
    except ValueError:
        return False
    return True


def _unwrapped(value: Any, wrappers: tuple[str, ...], depth: int) -> Iterator[Any]:
    if isinstance(value, list):
        for element in value:
            yield from _unwrapped(element, wrappers, depth)
        return
    inner = next((value[key] for key in wrappers if isinstance(value, dict) and key in value), None)
    if depth and isinstance(inner, list | dict):
        yield from _unwrapped(inner, wrappers, depth - 1)
    elif value is not None:
        yield value


def _cells(source: Source, problems: list[Problem]) -> Iterator[tuple[int, dict[str, str]]]:
    """Rows of a table; a last row that is cut off is left out."""
    rows = table_rows(source, problems)
    row = next(rows, None)
    while row is not None:
        following = next(rows, None)
        line, cells = row
        if following is None and _is_cut(source, cells):
            problems.append(Problem("cut_line", source.path, line, "not a row"))
            return
        yield line, cells
        row = following


def _is_cut(source: Source, cells: dict[str, str]) -> bool:
    text = whole_text(source, [])
    if text.endswith(b"\n"):
        return False
    closers = {"{": "}", "[": "]"}
    open_json = any(cell[:1] in closers and not cell.endswith(closers[cell[:1]]) for cell in cells.values())
    return open_json or text.count(b'"') % 2 == 1


def _opened(value: Any) -> Any:
    """JSON that was put into a text, as tables and some databases do."""
    if not isinstance(value, str) or not value.startswith(("{", "[")):
        return value
    try:
        return loads_leniently(value.encode("utf-8", "replace"))
    except ValueError:
        return value
