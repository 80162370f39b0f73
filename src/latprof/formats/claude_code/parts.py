"""What one assistant line adds to its response: blocks, usage, durations.

A response is written as one line per content block, each stamped when the block ended; the
lines share the message id and the request id.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import orjson

from latprof.classes import dataclass
from latprof.model import BlockType

__all__ = ["NO_USAGE", "BlockFacts", "Part", "Usage", "json_characters", "part_of"]

# More than this is damage: float columns hold whole numbers exactly up to 2^53.
_MOST_TOKENS: Final = 10**12
_DURATION_KEYS: Final = ("thinkingDurationMs", "toolInputStreamMs")
# Keys that only some versions write.
_RARE: Final = frozenset({*_DURATION_KEYS, "apiBlockIndex", "effort", "requestRef", "requestedModel"})
_TYPES: Final[dict[str, BlockType]] = {
    "thinking": "thinking",
    "redacted_thinking": "thinking",
    "text": "text",
    "tool_use": "tool_use",
    "server_tool_use": "tool_use",
    "mcp_tool_use": "tool_use",
}
# A block without its texts: its type, and as far as they apply characters, signature's characters, tool's name.
BlockFacts = tuple[BlockType, int | None, int | None, str | None]


class Usage(NamedTuple):
    """Token counts of one line; None where the line has none."""

    input_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    output_tokens: int | None = None
    thinking_tokens: int | None = None
    server_tools: bool = False
    iterations: int = 0
    speed: str | None = None


NO_USAGE: Final = Usage()
# What the class itself calls; without its keywords it takes half the time.
_new_usage: Final = tuple.__new__


@dataclass(slots=True)
class Part:
    """One assistant line of a response."""

    message_id: str
    request_id: str | None
    session_id: str | None
    version: str | None
    project: str | None
    model: str | None
    requested_model: str | None
    stop_reason: str | None
    has_stop_details: bool
    usage: Usage
    blocks: tuple[BlockFacts, ...]
    tool_ids: tuple[str, ...]
    block_index: int | None
    duration_s: float | None
    request_ref: str | None
    effort: str | None


def part_of(record: dict[str, Any], message: dict[str, Any]) -> Part | None:
    """Read an assistant line's message; None without a message id."""
    look, told = record.get, message.get
    message_id, content = told("id"), told("content")
    if type(message_id) is not str or not message_id:
        return None
    blocks, tool_ids = _blocks(content) if type(content) is list else ((), ())
    rare = not _RARE.isdisjoint(record)
    return Part(
        message_id,
        _text(look("requestId")),
        _text(look("sessionId")) or _text(look("session_id")),
        _text(look("version")),
        _text(look("cwd")),
        _text(told("model")),
        _text(look("requestedModel")) if rare else None,
        _text(told("stop_reason")),
        "stop_details" in message,
        _usage(told("usage")),
        blocks,
        tool_ids,
        _count(look("apiBlockIndex")) if rare else None,
        _duration_s(record) if rare else None,
        _text(look("requestRef")) if rare else None,
        _text(look("effort")) if rare else None,
    )


def _blocks(content: list[Any]) -> tuple[tuple[BlockFacts, ...], tuple[str, ...]]:
    """The blocks of a message without their texts, and the ids of the tools that it calls."""
    blocks: list[BlockFacts] = []
    tool_ids: list[str] = []
    for item in content:
        if type(item) is dict:
            block = _block(item)
            blocks.append(block)
            if block[0] == "tool_use":
                tool_ids.append(str(item.get("id")))
    return tuple(blocks), tuple(tool_ids)


def _duration_s(record: dict[str, Any]) -> float | None:
    """How long the block of this line was streamed, where the version writes it."""
    if record.keys().isdisjoint(_DURATION_KEYS):
        return None
    for key in _DURATION_KEYS:
        value = record.get(key)
        if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0:
            return value / 1000
    return None


def _block(item: dict[str, Any]) -> BlockFacts:
    stated = item.get("type")
    kind = _TYPES.get(stated, "other") if type(stated) is str else "other"
    if kind == "tool_use":
        return kind, json_characters(item.get("input")), None, _text(item.get("name"))
    if kind == "text":
        text = item.get("text")
        return kind, len(text) if type(text) is str else None, None, None
    if kind == "thinking":
        # An empty text with a signature means hidden, not short.
        thought = _text(item.get("thinking"))
        signature = _text(item.get("signature")) or _text(item.get("data"))
        return kind, len(thought) if thought else None, len(signature) if signature else None, None
    return kind, None, None, None


def json_characters(value: object) -> int | None:
    """Characters of the value as compact JSON, which is about what the model wrote."""
    if value is None:
        return None
    try:
        encoded = orjson.dumps(value)
    except (TypeError, orjson.JSONEncodeError, RecursionError):
        return None
    return len(encoded) if encoded.isascii() else len(encoded.decode())


def _usage(record: object) -> Usage:
    if type(record) is not dict:
        return NO_USAGE
    look = record.get
    details, tools, iterations = look("output_tokens_details"), look("server_tool_use"), look("iterations")
    return _new_usage(
        Usage,
        (
            _count(look("input_tokens")),
            _count(look("cache_read_input_tokens")),
            _written(look("cache_creation_input_tokens"), look("cache_creation")),
            _count(look("output_tokens")),
            _count(details.get("thinking_tokens")) if type(details) is dict else None,
            type(tools) is dict and any(map(_count, tools.values())),
            len(iterations) if type(iterations) is list else 0,
            _text(look("speed")),
        ),
    )


def _written(total: object, by_lifetime: object) -> int | None:
    """Tokens written to the cache: the total, or the sum over lifetimes where that is more."""
    flat = _count(total)
    nested = 0
    if type(by_lifetime) is dict:
        for value in by_lifetime.values():
            nested += _count(value) or 0
    if flat is None:
        return nested or None
    return max(flat, nested)


def _count(value: object) -> int | None:
    # True and false are no numbers, though Python counts with them.
    return value if type(value) is int and 0 <= value <= _MOST_TOKENS else None


def _text(value: object) -> str | None:
    # Decoded JSON has no subclasses, and the plain comparison is the cheaper one.
    return value if type(value) is str and value else None
