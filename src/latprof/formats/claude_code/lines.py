"""One line of a Claude Code transcript -> a small value without its texts.

Only what timing needs is kept: ids, time stamps, sizes, token counts, names. A text is looked
at to see what kind of line it is and how long it is, then dropped.
"""

from __future__ import annotations

import json
from typing import Any, Final

import orjson

from latprof.classes import dataclass
from latprof.formats.claude_code.parts import Part, part_of
from latprof.formats.claude_code.stamps import seconds_of

__all__ = ["USER_KINDS", "BadLine", "Line", "LineKind", "full_record", "line_of"]

_LONGEST_WAIT_MS: Final = 86_400_000
_INTERRUPT: Final = "[Request interrupted by user"
_INTERRUPT_TOOL: Final = "[Request interrupted by user for tool use"
_CUT_NOTE: Final = "Your response above was cut off mid-stream"
_STOP_HOOK: Final = "Stop hook feedback"
_NOTICES: Final = ("<task-notification", "<teammate-message")
# A tuple, for a damaged type may be a list, which no set takes.
_EMBEDDED: Final = ("assistant", "user")


class LineKind:
    """What a line is to the pairing rules; plain numbers, which are written and compared fastest."""

    PROMPT: Final = 1
    TOOL_RESULT: Final = 2
    META: Final = 3
    COMPACT_SUMMARY: Final = 4
    NOTICE: Final = 5
    INTERRUPT: Final = 6
    INTERRUPT_TOOL: Final = 7
    CUT_NOTE: Final = 8
    STOP_HOOK: Final = 9
    RESPONSE: Final = 10
    SYNTHETIC: Final = 11
    API_ERROR: Final = 12
    HOOK: Final = 13
    QUEUED: Final = 14
    REQUEST: Final = 15
    PASSING: Final = 16  # in the chain, without a meaning of its own


USER_KINDS: Final = frozenset(range(LineKind.PROMPT, LineKind.RESPONSE))


class BadLine(ValueError):
    """A line that is not a JSON object, or an assistant line without what makes it one."""


@dataclass(slots=True)
class Line:
    """A transcript line as the pairing rules need it; `at` is epoch seconds."""

    number: int
    kind: int
    at: float | None
    uuid: str | None
    parent: str | None
    thread: str | None  # None: the main thread, else the sub-agent's id
    part: Part | None = None
    tool_ids: tuple[str, ...] = ()
    source_tool_id: str | None = None
    interrupted_id: str | None = None
    retry_s: float | None = None
    request_id: str | None = None
    max_tokens: int | None = None
    embedded: bool = False
    truncates: bool = False


def full_record(raw: bytes | memoryview) -> dict[str, Any]:
    """Decode a whole line. Raises BadLine."""
    try:
        record = orjson.loads(raw)
    except orjson.JSONDecodeError:
        record = _decode_leniently(bytes(raw))
    if not isinstance(record, dict):
        raise BadLine("not a JSON object")
    return record


def _decode_leniently(raw: bytes) -> Any:
    """A second try: lone surrogates and wrong bytes become replacement marks, numbers beyond all floats None."""
    from latprof.formats.records import finite_or_none, whole_or_none  # few logs have such a line

    text = raw.decode("utf-8-sig", errors="replace")
    try:
        record = json.loads(text, strict=False, parse_float=finite_or_none, parse_int=whole_or_none)
        return orjson.loads(json.dumps(record, ensure_ascii=False).encode("utf-8", "replace"))
    except (ValueError, RecursionError):
        raise BadLine("not JSON") from None


def line_of(record: dict[str, Any], number: int, default_thread: str | None) -> Line | None:
    """The line of a record; None when its type has no part in timing.

    Raises BadLine.
    """
    kind = record.get("type")
    read = _READERS.get(kind) if isinstance(kind, str) else None
    if read is not None:
        return read(record, number, default_thread)
    # A type that is not known may still stand in the chain.
    return _base(record, number, LineKind.PASSING, default_thread) if _text(record.get("uuid")) else None


def _base(record: dict[str, Any], number: int, kind: int, default_thread: str | None) -> Line:
    look = record.get
    agent_id, uuid, parent = look("agentId"), look("uuid"), look("parentUuid")
    if agent_id and type(agent_id) is str:
        thread: str | None = agent_id
    else:
        thread = default_thread or ("" if look("isSidechain") is True else None)
    return Line(
        number,
        kind,
        seconds_of(look("timestamp")),
        uuid if type(uuid) is str and uuid else None,
        parent if type(parent) is str and parent else None,
        thread,
    )


def _assistant(record: dict[str, Any], number: int, default_thread: str | None) -> Line:
    message = record.get("message")
    if not isinstance(message, dict):
        raise BadLine("assistant line without a message")
    line = _base(record, number, LineKind.RESPONSE, default_thread)
    if message.get("model") == "<synthetic>" or record.get("isApiErrorMessage") is True:
        line.kind = LineKind.SYNTHETIC
        line.truncates = bool(record.get("truncatedAfterOutput"))
        return line
    line.part = part_of(record, message)
    if line.part is None:
        raise BadLine("assistant line without a message id")
    return line


def _user(record: dict[str, Any], number: int, default_thread: str | None) -> Line:
    line = _base(record, number, LineKind.PROMPT, default_thread)
    message = record.get("message")
    content = message.get("content") if isinstance(message, dict) else None
    text = content if isinstance(content, str) else ""
    if isinstance(content, list):
        line.tool_ids = tuple(
            str(block.get("tool_use_id"))
            for block in content
            if isinstance(block, dict) and block.get("type") == "tool_result"
        )
        text = next((t for t in map(_text_of_block, content) if t), "")
    line.kind = _user_kind(record, text, has_results=bool(line.tool_ids))
    line.source_tool_id = _text(record.get("sourceToolUseID"))
    line.interrupted_id = _text(record.get("interruptedMessageId"))
    return line


def _text_of_block(block: object) -> str:
    if isinstance(block, dict) and block.get("type") == "text":
        return _text(block.get("text")) or ""
    return ""


def _user_kind(record: dict[str, Any], text: str, *, has_results: bool) -> int:
    origin = record.get("origin")
    origin_kind = origin.get("kind") if isinstance(origin, dict) else None
    if text.startswith(_CUT_NOTE) or (record.get("turnCompanion") is True and record.get("isMeta") is True):
        return LineKind.CUT_NOTE
    if has_results:
        return LineKind.TOOL_RESULT
    if record.get("isCompactSummary") is True:
        return LineKind.COMPACT_SUMMARY
    if text.startswith(_INTERRUPT_TOOL):
        return LineKind.INTERRUPT_TOOL
    if text.startswith(_INTERRUPT):
        return LineKind.INTERRUPT
    if text.startswith(_NOTICES) or origin_kind == "task-notification":
        return LineKind.NOTICE
    if record.get("isMeta") is True:
        return LineKind.STOP_HOOK if text.startswith(_STOP_HOOK) else LineKind.META
    return LineKind.PROMPT


def _progress(record: dict[str, Any], number: int, default_thread: str | None) -> Line:
    data = record.get("data")
    kind = data.get("type") if isinstance(data, dict) else None
    if kind == "agent_progress" and isinstance(data, dict):
        embedded = _embedded(record, data, number)
        if embedded is not None:
            return embedded
    return _base(record, number, LineKind.HOOK if kind == "hook_progress" else LineKind.PASSING, default_thread)


def _embedded(record: dict[str, Any], data: dict[str, Any], number: int) -> Line | None:
    """A sub-agent's line inside a progress line of its parent; its own time stamp counts."""
    inner = data.get("message")
    agent_id = _text(data.get("agentId"))
    if not isinstance(inner, dict) or not agent_id or inner.get("type") not in _EMBEDDED:
        return None
    outer = {key: record.get(key) for key in ("sessionId", "version", "cwd")}
    try:
        line = line_of(outer | inner | {"agentId": agent_id}, number, agent_id)
    except BadLine:
        return None
    if line is not None:
        line.embedded = True
    return line


def _system(record: dict[str, Any], number: int, default_thread: str | None) -> Line:
    subtype = record.get("subtype")
    line = _base(record, number, LineKind.PASSING, default_thread)
    if subtype == "api_error":
        line.kind = LineKind.API_ERROR
        wait_ms = record.get("retryInMs")
        known = isinstance(wait_ms, int | float) and 0 <= wait_ms <= _LONGEST_WAIT_MS
        line.retry_s = float(wait_ms or 0) / 1000 if known else 0.0
    return line


def _attachment(record: dict[str, Any], number: int, default_thread: str | None) -> Line:
    attachment = record.get("attachment")
    kind = str(attachment.get("type")) if isinstance(attachment, dict) else ""
    line = _base(record, number, LineKind.PASSING, default_thread)
    if kind.startswith("hook_"):
        line.kind = LineKind.HOOK
    elif kind == "queued_command":
        line.kind = LineKind.QUEUED
    return line


def _request(record: dict[str, Any], number: int, default_thread: str | None) -> Line | None:
    line = _base(record, number, LineKind.REQUEST, default_thread)
    params = record.get("params")
    limit = params.get("max_tokens") if isinstance(params, dict) else None
    line.max_tokens = limit if isinstance(limit, int) else None
    line.request_id = _text(record.get("id"))
    return line if line.request_id and line.at is not None else None


def _text(value: object) -> str | None:
    return value if type(value) is str and value else None


_READERS: Final = {
    "api-request": _request,
    "assistant": _assistant,
    "attachment": _attachment,
    "progress": _progress,
    "system": _system,
    "user": _user,
}
