"""What one assistant line adds to its response: blocks, usage, durations.

A response is written as one line per content block, each stamped when the block ended; the
lines share the message id and the request id.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import orjson

from latprof.model import Block, BlockType

__all__ = ["Part", "Usage", "part_of"]

# More than this is damage: float columns hold whole numbers exactly up to 2^53.
_MOST_TOKENS: Final = 10**12
_TYPES: Final[dict[str, BlockType]] = {
    "thinking": "thinking",
    "redacted_thinking": "thinking",
    "text": "text",
    "tool_use": "tool_use",
    "server_tool_use": "tool_use",
    "mcp_tool_use": "tool_use",
}


@dataclass(slots=True)
class Usage:
    """Token counts of one line; None where the line has none."""

    input_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    output_tokens: int | None = None
    thinking_tokens: int | None = None
    server_tools: bool = False
    iterations: int = 0
    speed: str | None = None


@dataclass(slots=True)
class Part:
    """One assistant line of a response."""

    message_id: str
    request_id: str | None
    model: str | None
    requested_model: str | None
    stop_reason: str | None
    has_stop_details: bool
    usage: Usage
    blocks: tuple[Block, ...]
    tool_ids: tuple[str, ...]
    block_index: int | None
    has_duration: bool
    request_ref: str | None
    effort: str | None


def part_of(record: dict[str, Any], message: dict[str, Any], at: float | None) -> Part | None:
    """Read an assistant line's message; None without a message id."""
    message_id = message.get("id")
    if not isinstance(message_id, str) or not message_id:
        return None
    content = message.get("content")
    items = [item for item in content if isinstance(item, dict)] if isinstance(content, list) else []
    blocks = tuple(_block(item, at) for item in items)
    duration_s = _duration_s(record)
    if len(blocks) == 1 and duration_s is not None and at is not None:
        blocks[0].start_at = at - duration_s
    return Part(
        message_id=message_id,
        request_id=_text(record.get("requestId")),
        model=_text(message.get("model")),
        requested_model=_text(record.get("requestedModel")),
        stop_reason=_text(message.get("stop_reason")),
        has_stop_details="stop_details" in message,
        usage=_usage(message.get("usage")),
        blocks=blocks,
        tool_ids=tuple(str(item.get("id")) for item in items if _TYPES.get(str(item.get("type"))) == "tool_use"),
        block_index=_count(record.get("apiBlockIndex")),
        has_duration=duration_s is not None,
        request_ref=_text(record.get("requestRef")),
        effort=_text(record.get("effort")),
    )


def _duration_s(record: dict[str, Any]) -> float | None:
    """How long the block of this line was streamed, where the version writes it."""
    for key in ("thinkingDurationMs", "toolInputStreamMs"):
        value = record.get(key)
        if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0:
            return value / 1000
    return None


def _block(item: dict[str, Any], at: float | None) -> Block:
    kind = _TYPES.get(str(item.get("type")), "other")
    block = Block(type=kind, end_at=at)
    if kind == "thinking":
        # An empty text with a signature means hidden, not short.
        block.characters = len(item["thinking"]) if _text(item.get("thinking")) else None
        signature = _text(item.get("signature")) or _text(item.get("data"))
        block.signature_characters = len(signature) if signature else None
    elif kind == "text":
        text = item.get("text")
        block.characters = len(text) if isinstance(text, str) else None
    elif kind == "tool_use":
        block.name = _text(item.get("name"))
        block.characters = _json_characters(item.get("input"))
    return block


def _json_characters(value: object) -> int | None:
    """Characters of the value as compact JSON, which is about what the model wrote."""
    if value is None:
        return None
    try:
        encoded = orjson.dumps(value)
    except (TypeError, orjson.JSONEncodeError, RecursionError):
        return None
    return len(encoded) if encoded.isascii() else len(encoded.decode())


def _usage(record: object) -> Usage:
    if not isinstance(record, dict):
        return Usage()
    nested = record.get("cache_creation")
    parts = [_count(value) for value in nested.values()] if isinstance(nested, dict) else []
    flat = _count(record.get("cache_creation_input_tokens"))
    nested_sum = sum(value for value in parts if value is not None)
    details = record.get("output_tokens_details")
    tools = record.get("server_tool_use")
    iterations = record.get("iterations")
    return Usage(
        input_tokens=_count(record.get("input_tokens")),
        cache_read_tokens=_count(record.get("cache_read_input_tokens")),
        cache_write_tokens=max(flat or 0, nested_sum) if flat is not None or nested_sum else None,
        output_tokens=_count(record.get("output_tokens")),
        thinking_tokens=_count(details.get("thinking_tokens")) if isinstance(details, dict) else None,
        server_tools=isinstance(tools, dict) and any(_count(value) for value in tools.values()),
        iterations=len(iterations) if isinstance(iterations, list) else 0,
        speed=_text(record.get("speed")),
    )


def _count(value: object) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST_TOKENS:
        return value
    return None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
