"""Files of lines without text: JSON Lines, lines of JSON behind a stamp, pairs of key=value, plain text logs."""

from __future__ import annotations

import re
from typing import Final

from latprof.formats.records import loads_leniently
from latprof.share.documents import as_line, masked_spelling, masked_text, masked_value
from latprof.share.known import known_words, phrases
from latprof.share.masking import TIME, Masker

__all__ = ["masked_lines"]

_STAMPED: Final = re.compile(
    rb"(\s*[\[(]?(?:\d{10}(?:\.\d+)?|\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?)"
    rb"[\])]?[:\s]\s*)(?=\{)"
)
_PAIR: Final = re.compile(r'([^\s="]+)=("(?:[^"\\]|\\.)*"|\S*)')
_FIELD: Final = re.compile(r"(\s*(?:- )*)([\w.-]{1,80})(:)( .*)?")
_BLANK: Final = b" \t\r\n\x00"
_HEADING: Final = re.compile(r"(.{2,60}?) *(" + TIME.pattern + r")[ \t]*")


def masked_lines(data: bytes, masker: Masker) -> bytes:
    """Each line as another; one that is no JSON among lines of JSON stays a line that is none."""
    if _is_spread(data):
        return masked_spelling(data.decode("utf-8", "replace"), masker).encode("utf-8", "replace")
    lines = data.splitlines(keepends=True)
    has_json = any(_behind_stamp(raw)[1].startswith((b"{", b"[")) for raw in lines)
    return b"".join(_changed(raw, masker, has_json=has_json) for raw in lines)


def _is_spread(data: bytes) -> bool:
    """JSON values that are each spread over lines: several, or one that is cut off."""
    first = data.removeprefix(b"\xef\xbb\xbf").lstrip().partition(b"\n")[0].rstrip()
    return first in {b"{", b"["}


def _changed(raw: bytes, masker: Masker, *, has_json: bool) -> bytes:
    body = raw.rstrip(b"\r\n")
    if not raw.strip(_BLANK):
        return raw
    return (_json_line(body, masker) if has_json else _text_line(body, masker)) + raw[len(body) :]


def _behind_stamp(raw: bytes) -> tuple[bytes, bytes]:
    match = _STAMPED.match(raw)
    return (match[1], raw[match.end() :]) if match else (b"", raw.lstrip(b" \t\xef\xbb\xbf"))


def _json_line(raw: bytes, masker: Masker) -> bytes:
    stamp, record = _behind_stamp(raw)
    try:
        value = loads_leniently(record)
    except ValueError:
        if record.startswith((b"{", b"[")):
            return stamp + masked_spelling(record.decode("utf-8", "replace"), masker).encode("utf-8", "replace")
        return b"x" + masker.text(raw.decode("utf-8", "replace")).encode("utf-8", "replace")[1:]
    return stamp + as_line(masked_value(value, masker), record)


def _text_line(raw: bytes, masker: Masker) -> bytes:
    text = raw.decode("utf-8", "replace")
    return _masked_line(text, masker).encode("utf-8", "replace")


def _masked_line(text: str, masker: Masker) -> str:
    heading = _HEADING.fullmatch(text)
    if heading and (heading[1] in known_words() or phrases().fullmatch(heading[1])):
        return text
    pairs = list(_PAIR.finditer(text))
    if len(pairs) > 2:
        return _PAIR.sub(lambda pair: f"{masker.key(pair[1])}={_pair_value(pair[2], masker)}", _without_rest(pairs))
    field = _FIELD.fullmatch(text)
    if field and field[2] in known_words():
        return field[1] + field[2] + field[3] + (" " + masker.value(field[4][1:], public=True) if field[4] else "")
    return masker.text(text)


def _without_rest(pairs: list[re.Match[str]]) -> str:
    """The line with all that stands between the pairs made blank."""
    parts, end = [], 0
    for pair in pairs:
        parts += [" " * (pair.start() - end), pair.group()]
        end = pair.end()
    return "".join(parts)


def _pair_value(value: str, masker: Masker) -> str:
    quoted = value.startswith('"') and value.endswith('"') and len(value) > 1
    inner = value[1:-1] if quoted else value
    masked = masked_text(inner, masker, public=True)
    return f'"{masked}"' if quoted else masked
