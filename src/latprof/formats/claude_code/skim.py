"""A long line -> what the pairing rules need of it, without building its record.

simdjson checks every byte of the line, as the full decode does, but makes objects only of what is asked for; the
texts of tool results, most of a transcript, are never built. What it does not vouch for is left to the full decode:
lines that it refuses, keys that occur twice in an object that is looked into, and kinds of lines that are rare.
"""

from __future__ import annotations

from typing import Any, Final

from latprof.formats.claude_code.lines import Line, LineKind, line_of
from latprof.formats.claude_code.stamps import seconds_of
from latprof.formats.records import Record

try:
    import simdjson
except ImportError:  # no wheel for this machine: the full decode gives the same results
    _simdjson: Any = None
else:
    _simdjson = simdjson

__all__ = ["Doubt", "Skimmer"]

_COMMON: Final = frozenset(
    {"type", "timestamp", "uuid", "parentUuid", "agentId", "isSidechain", "sessionId", "session_id", "version", "cwd"}
)
# Keys that make a user line more than a tool result, or another kind of line.
_SPECIAL: Final = frozenset({"origin", "turnCompanion", "isCompactSummary", "sourceToolUseID", "interruptedMessageId"})
_RESULT_USED: Final = ("type", "message", "timestamp", "uuid", "parentUuid", "isSidechain")
_USED: Final = {
    "user": _COMMON | _SPECIAL | {"message", "isMeta"},
    "system": _COMMON | {"subtype", "retryInMs"},
    "attachment": _COMMON | {"attachment"},
}
_NESTED_USED: Final = {
    "message": frozenset({"content"}),
    "origin": frozenset({"kind"}),
    "attachment": frozenset({"type"}),
}
_BLOCK_USED: Final = {"tool_result": frozenset({"type", "tool_use_id"}), "text": frozenset({"type", "text"})}
_TYPE: Final = frozenset({"type"})
# Looked into too deeply, or too rare, for a second way of reading them.
_WHOLE: Final = frozenset({"assistant", "progress", "api-request"})
_MOST_SHAPES: Final = 4096
_OBJECT: Final = _simdjson.Object if _simdjson is not None else None
_ARRAY: Final = _simdjson.Array if _simdjson is not None else None
_BRACE: Final = ord("{")


class Doubt(Exception):
    """A line that has to be decoded in full."""


class Skimmer:
    """Skims lines of one file, one after the other; `default_thread` as for `line_of`."""

    def __init__(self, default_thread: str | None) -> None:
        self._thread = default_thread
        self._parse = _simdjson.Parser().parse if _simdjson is not None else _refuse
        self._once: dict[tuple[str, ...], bool] = {}
        self._simple: dict[tuple[str, ...], bool] = {}

    def line(self, raw: bytes | memoryview, number: int) -> Line | None:
        """As `line_of` of the whole record. Raises Doubt."""
        # The parser would skip a byte order mark, which the full decode refuses at first.
        if raw[0] != _BRACE:
            raise Doubt
        try:
            view = self._parse(raw)
            keys = tuple(view)
            simple = self._simple.get(keys)
            if simple is None:
                simple = self._is_simple(keys)
            if simple and view["type"] == "user":
                tool_ids = self._results(view["message"])
                if tool_ids:
                    return self._result_line(view, number, tool_ids)
            return line_of(self._record(view, keys), number, self._thread)
        except (ValueError, RuntimeError, KeyError):
            raise Doubt from None

    def _is_simple(self, keys: tuple[str, ...]) -> bool:
        """Whether a user line with these keys is a tool result when its blocks are."""
        once = self._are_once(keys)
        simple = once and _SPECIAL.isdisjoint(keys) and "agentId" not in keys and set(keys).issuperset(_RESULT_USED)
        if len(self._simple) >= _MOST_SHAPES:
            self._simple.clear()
        self._simple[keys] = simple
        return simple

    def _results(self, message: Any) -> tuple[str, ...] | None:
        """Ids of the tools whose results are all that a message has; None when there is anything else."""
        if type(message) is not _OBJECT or not self._are_once(tuple(message)):
            return None
        content = message["content"]
        if type(content) is not _ARRAY:
            return None
        tool_ids: list[str] = []
        for block in content:
            if type(block) is not _OBJECT or not self._are_once(tuple(block)) or block["type"] != "tool_result":
                return None
            tool_id = block["tool_use_id"]
            if type(tool_id) is not str:
                return None
            tool_ids.append(tool_id)
        return tuple(tool_ids)

    def _result_line(self, view: Any, number: int, tool_ids: tuple[str, ...]) -> Line:
        thread = self._thread or ("" if view["isSidechain"] is True else None)
        uuid, parent = view["uuid"], view["parentUuid"]
        return Line(
            number,
            LineKind.TOOL_RESULT,
            seconds_of(view["timestamp"]),
            uuid if type(uuid) is str and uuid else None,
            parent if type(parent) is str and parent else None,
            thread,
            None,
            tool_ids,
        )

    def _record(self, line: Any, keys: tuple[str, ...]) -> Record:
        """The used part of the line's record."""
        kind = line["type"]
        if kind in _WHOLE:
            raise Doubt
        record = self._values(line, keys, _USED.get(kind, _COMMON))
        for key, value in record.items():
            if type(value) is _OBJECT and key in _NESTED_USED:
                inside = record[key] = self._values(value, tuple(value), _NESTED_USED[key])
                if type(inside.get("content")) is _ARRAY:
                    inside["content"] = self._blocks(inside["content"])
                _no_views(inside)
        _no_views(record)
        return record

    def _blocks(self, content: Any) -> list[Record]:
        """The objects of a list of content blocks, without their contents."""
        blocks = [item for item in content if type(item) is _OBJECT]
        records = [self._values(block, tuple(block), _BLOCK_USED.get(block["type"], _TYPE)) for block in blocks]
        for record in records:
            _no_views(record)
        return records

    def _values(self, view: Any, keys: tuple[str, ...], used: frozenset[str]) -> Record:
        """The used keys of an object with their values. Raises Doubt when any of its keys occurs twice."""
        if not self._are_once(keys):
            raise Doubt
        return {key: view[key] for key in keys if key in used}

    def _are_once(self, keys: tuple[str, ...]) -> bool:
        """Whether no key occurs twice; asked for the same keys again and again, so the answer is kept."""
        once = self._once.get(keys)
        if once is None:
            if len(self._once) >= _MOST_SHAPES:
                self._once.clear()
            once = self._once[keys] = len(set(keys)) == len(keys)
        return once


def _refuse(_: bytes | memoryview) -> Any:
    raise Doubt


def _no_views(record: Record) -> None:
    """Where a plain value is expected, an object or a list is odd. Raises Doubt."""
    for value in record.values():
        if type(value) is _OBJECT or type(value) is _ARRAY:
            raise Doubt
