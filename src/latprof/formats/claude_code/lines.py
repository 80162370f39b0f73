"""One line of a Claude Code transcript -> a small value without its texts.

Only what timing needs is kept: ids, time stamps, sizes, token counts, names. A text is looked
at to see what kind of line it is and how long it is, then dropped.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum
from typing import Any, Final

import orjson

from latprof.formats.claude_code.parts import Part, part_of

__all__ = ["USER_KINDS", "BadLine", "Line", "LineKind", "decode", "seconds_of"]

# Stamps outside these years are damage, not time.
_EARLIEST_S: Final = datetime(2020, 1, 1, tzinfo=UTC).timestamp()
_LATEST_S: Final = datetime(2100, 1, 1, tzinfo=UTC).timestamp()

_LONGEST_WAIT_MS: Final = 86_400_000
_INTERRUPT: Final = "[Request interrupted by user"
_INTERRUPT_TOOL: Final = "[Request interrupted by user for tool use"
_CUT_NOTE: Final = "Your response above was cut off mid-stream"
_STOP_HOOK: Final = "Stop hook feedback"
_NOTICES: Final = ("<task-notification", "<teammate-message")


class LineKind(IntEnum):
    """What a line is to the pairing rules."""

    PROMPT = 1
    TOOL_RESULT = 2
    META = 3
    COMPACT_SUMMARY = 4
    NOTICE = 5
    INTERRUPT = 6
    INTERRUPT_TOOL = 7
    CUT_NOTE = 8
    STOP_HOOK = 9
    RESPONSE = 10
    SYNTHETIC = 11
    API_ERROR = 12
    HOOK = 13
    QUEUED = 14
    REQUEST = 15
    PASSING = 16  # in the chain, without a meaning of its own


USER_KINDS: Final = frozenset(range(LineKind.PROMPT, LineKind.RESPONSE))


class BadLine(ValueError):
    """A line that is not a JSON object, or an assistant line without what makes it one."""


@dataclass(slots=True)
class Line:
    """A transcript line as the pairing rules need it; `at` is epoch seconds."""

    number: int
    kind: LineKind
    at: float | None
    uuid: str | None = None
    parent: str | None = None
    thread: str | None = None  # None: the main thread, else the sub-agent's id
    session_id: str | None = None
    version: str | None = None
    project: str | None = None
    part: Part | None = None
    tool_ids: tuple[str, ...] = ()
    source_tool_id: str | None = None
    interrupted_id: str | None = None
    retry_s: float | None = None
    request_id: str | None = None
    max_tokens: int | None = None
    embedded: bool = False
    truncates: bool = False
    logical_parent: str | None = None


def decode(raw: bytes, number: int, default_thread: str | None) -> Line | None:
    """Read one line; None when its type has no part in timing.

    Raises BadLine.
    """
    try:
        record = orjson.loads(raw)
    except orjson.JSONDecodeError:
        record = _decode_leniently(raw)
    if not isinstance(record, dict):
        raise BadLine("not a JSON object")
    return _line_of(record, number, default_thread)


def _decode_leniently(raw: bytes) -> Any:
    """A second try for other encodings: lone surrogates and wrong bytes become replacement marks."""
    text = raw.decode("utf-8-sig", errors="replace")
    try:
        record = json.loads(text, strict=False)
        return orjson.loads(json.dumps(record, ensure_ascii=False).encode("utf-8", "replace"))
    except (ValueError, RecursionError):
        raise BadLine("not JSON") from None


def _line_of(record: dict[str, Any], number: int, default_thread: str | None) -> Line | None:
    kind = record.get("type")
    if kind == "assistant":
        return _assistant(record, number, default_thread)
    if kind == "user":
        return _user(record, number, default_thread)
    if kind == "progress":
        return _progress(record, number, default_thread)
    if kind == "system":
        return _system(record, number, default_thread)
    if kind == "attachment":
        return _attachment(record, number, default_thread)
    if kind == "api-request":
        return _request(record, number, default_thread)
    # A type that is not known may still stand in the chain.
    return _base(record, number, LineKind.PASSING, default_thread) if _text(record.get("uuid")) else None


def _base(record: dict[str, Any], number: int, kind: LineKind, default_thread: str | None) -> Line:
    return Line(
        number=number,
        kind=kind,
        at=seconds_of(record.get("timestamp")),
        uuid=_text(record.get("uuid")),
        parent=_text(record.get("parentUuid")),
        thread=_thread_of(record, default_thread),
        session_id=_text(record.get("sessionId")) or _text(record.get("session_id")),
        version=_text(record.get("version")),
        project=_text(record.get("cwd")),
    )


def _thread_of(record: dict[str, Any], default_thread: str | None) -> str | None:
    agent_id = _text(record.get("agentId"))
    if agent_id:
        return agent_id
    if default_thread:
        return default_thread
    return "" if record.get("isSidechain") is True else None


def _assistant(record: dict[str, Any], number: int, default_thread: str | None) -> Line:
    message = record.get("message")
    if not isinstance(message, dict):
        raise BadLine("assistant line without a message")
    line = _base(record, number, LineKind.RESPONSE, default_thread)
    if message.get("model") == "<synthetic>" or record.get("isApiErrorMessage") is True:
        line.kind = LineKind.SYNTHETIC
        line.truncates = bool(record.get("truncatedAfterOutput"))
        return line
    line.part = part_of(record, message, line.at)
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


def _user_kind(record: dict[str, Any], text: str, *, has_results: bool) -> LineKind:
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
    if not isinstance(inner, dict) or not agent_id or inner.get("type") not in {"assistant", "user"}:
        return None
    outer = {key: record.get(key) for key in ("sessionId", "version", "cwd")}
    try:
        line = _line_of(outer | inner | {"agentId": agent_id}, number, agent_id)
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
    elif subtype == "compact_boundary":
        line.logical_parent = _text(record.get("logicalParentUuid"))
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


def seconds_of(stamp: object) -> float | None:
    """ISO 8601 -> epoch seconds; None when it is no plausible time. No offset means UTC."""
    if not isinstance(stamp, str):
        return None
    try:
        moment = datetime.fromisoformat(stamp)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    try:
        seconds = moment.timestamp()
    except (OverflowError, ValueError, OSError):
        return None
    return seconds if _EARLIEST_S <= seconds <= _LATEST_S else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
