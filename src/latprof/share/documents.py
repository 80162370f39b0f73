"""JSON without text: records, documents, streams of values and JSON inside texts."""

from __future__ import annotations

import json
import re
from dataclasses import field
from typing import Any, Final

from latprof.classes import dataclass
from latprof.formats.records import loads_leniently
from latprof.share.masking import Masker

__all__ = ["as_document", "as_line", "masked_spelling", "masked_text", "masked_value", "parsed"]

# Below these names stands what people and models wrote; nothing of it stays but what readers look for.
_CONTENT: Final = frozenset(
    {
        "arguments", "args", "body", "completion", "content", "contents", "description", "input", "lastPrompt",
        "output", "parameters", "prompt", "query", "reasoning", "response_text", "result", "stderr", "stdout",
        "summary", "text", "thinking", "thought", "title", "toolUseResult",
    }
)  # fmt: skip
# What stands below these is content at any depth.
_DEEP: Final = frozenset({"arguments", "args", "input", "parameters", "toolUseResult"})
_EVENT: Final = re.compile(r"^(data: ?)(\{.*\}|\[DONE\])", re.MULTILINE)
_PART: Final = re.compile(
    r'(?P<text>"(?:[^"\\\n]|\\.)*")(?P<colon>\s*:)?'
    r'|(?P<cut>"[^\n]*)'
    r"|(?P<plain>-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?|true|false|null|NaN|-?Infinity|[\s,:]+)"
    r"|(?P<open>[{\[])|(?P<close>[}\]])|(?P<other>.)",
    re.DOTALL,
)
_RECORD: Final = re.compile(r'\s*\{\s*"')
_SPACINGS: Final = ((",", ":"), (", ", ": "))


def parsed(data: bytes) -> Any:
    """An object or a list. Raises ValueError for all else."""
    value = loads_leniently(data)
    if not isinstance(value, dict | list):
        raise ValueError("neither an object nor a list")  # noqa: TRY004 - handled as what is no JSON
    return value


def as_line(value: Any, like: bytes) -> bytes:
    """One line of JSON with the spacing of another: readers know some files by their first bytes."""
    separators = (", ", ": ") if b'": ' in like[:400] else (",", ":")
    return json.dumps(value, separators=separators, ensure_ascii=like.isascii()).encode("utf-8", "replace")


def masked_value(value: Any, masker: Masker, key: str = "", *, public: bool = True) -> Any:
    """A value of a record, at any depth; `public` where no content may stand."""
    if isinstance(value, dict):
        inside = _below_is_public(key, public) or "role" in value
        return {masker.key(name): masked_value(item, masker, name, public=inside) for name, item in value.items()}
    if isinstance(value, list):
        return [masked_value(item, masker, key, public=public) for item in value]
    if isinstance(value, str):
        return masked_text(value, masker, key, public=public)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return value if public or not is_number else masker.number(value)


def _below_is_public(key: str, public: bool) -> bool:  # noqa: FBT001 - handed down
    """Objects of content are parts with a type; what lies in arguments and results of tools is not."""
    return public and key not in _DEEP


def _value_is_public(key: str, public: bool) -> bool:  # noqa: FBT001 - handed down
    """Whether a text under this name is none that people or models wrote."""
    return public and key not in _CONTENT


def masked_text(value: str, masker: Masker, key: str = "", *, public: bool) -> str:
    """One text of a record, which may be JSON again: then what it says counts, not where it stands."""
    if value[:1] in {"{", "["} and value[-1:] in {"}", "]"}:
        inner = _json_inside(value, masker, public=public and key not in _DEEP)
        if inner is not None:
            return inner
    if public and key not in _DEEP and _RECORD.match(value):
        return masked_spelling(value, masker)
    if _EVENT.search(value):
        return "".join(_event(line, masker) for line in value.splitlines(keepends=True))
    return masker.value(value, public=_value_is_public(key, public))


def _event(line: str, masker: Masker) -> str:
    """One line of a stream of server-sent events."""
    match = _EVENT.match(line)
    if match is None:
        return masker.text(line)
    return match[1] + masked_text(match[2], masker, public=True) + line[match.end() :]


def _json_inside(value: str, masker: Masker, *, public: bool) -> str | None:
    """A text that is JSON itself, with its own spacing; None where that cannot be written again."""
    try:
        inner = parsed(value.encode("utf-8", "replace"))
    except ValueError:
        return None
    styles: list[dict[str, Any]] = [
        {"separators": separators, "ensure_ascii": escaped} for separators in _SPACINGS for escaped in (False, True)
    ]
    style = next((style for style in styles if json.dumps(inner, **style) == value), None)
    if style is None and not public:
        return None
    return json.dumps(masked_value(inner, masker, public=public), **(style or {}))


def as_document(value: Any, like: bytes) -> bytes:
    """A whole document with the indentation that it had."""
    end = b"\n" if like.endswith(b"\n") else b""
    if b"\n" not in like.strip():
        return as_line(value, like) + end
    return _indented(value, like).encode("utf-8", "replace") + end


def _indented(value: Any, like: bytes) -> str:
    """A value over several lines."""
    second = like.lstrip().partition(b"\n")[2]
    spaces = len(second) - len(second.lstrip(b" "))
    return json.dumps(value, indent=spaces, ensure_ascii=like.isascii())


@dataclass(slots=True)
class _Place:
    """Where in the value we are: the field's name and whether content may stand there, outer ones below."""

    key: str = ""
    public: bool = True
    outer: list[tuple[str, bool]] = field(default_factory=list)

    def enter(self, sign: str) -> None:
        self.outer.append((self.key, self.public))
        self.public = self.public if sign == "[" else _below_is_public(self.key, self.public)

    def leave(self) -> None:
        if self.outer:
            self.key, self.public = self.outer.pop()


def masked_spelling(text: str, masker: Masker) -> str:
    """The same signs outside of texts, other texts inside; what is no JSON becomes x."""
    place = _Place()
    is_ascii = text.isascii()
    return "".join(_part(match, place, masker, is_ascii=is_ascii) for match in _PART.finditer(text))


def _part(match: re.Match[str], place: _Place, masker: Masker, *, is_ascii: bool) -> str:
    kind, part = match.lastgroup, match.group()
    if kind == "open":
        place.enter(part)
    elif kind == "close":
        place.leave()
    elif kind == "plain" and not place.public:
        return re.sub(r"\d", "1", part)
    elif kind == "cut":
        return '"' + "x" * (len(part) - 1)
    elif kind == "other":
        return "x" if part.isascii() else part if part == "\ufeff" else masker.text(part)
    elif kind in {"text", "colon"}:
        return _text(match["text"], match["colon"] or "", place, masker, is_ascii=is_ascii)
    return part


def _text(part: str, colon: str, place: _Place, masker: Masker, *, is_ascii: bool) -> str:
    try:
        value = json.loads(part, strict=False)
    except ValueError:
        return '"' + "x" * (len(part) - 2) + '"' + colon
    if colon:
        place.key = value
        changed = masker.key(value)
    else:
        changed = masked_text(value, masker, place.key, public=place.public)
    return json.dumps(changed, ensure_ascii=is_ascii) + colon
