"""Single lines of a response: blocks of items and events, and the time inside an id."""

from __future__ import annotations

import re
from typing import Final

from latprof.formats.records import Record, list_of, text_of
from latprof.model import Block, BlockType

__all__ = ["block_of", "is_item", "item_block", "uuid_seconds"]

_TYPES: Final[dict[str, BlockType]] = {
    "custom_tool_call": "tool_use",
    "function_call": "tool_use",
    "image_generation_call": "other",
    "local_shell_call": "tool_use",
    "message": "text",
    "reasoning": "thinking",
    "tool_search_call": "tool_use",
    "web_search_call": "other",
}
_UUID7: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)


def is_item(payload: Record) -> bool:
    """Whether the model made it; results and messages of others are no items."""
    kind = text_of(payload, "type")
    return kind in _TYPES and (kind != "message" or text_of(payload, "role") == "assistant")


def item_block(payload: Record) -> Block:
    """The block of an item, without a time."""
    kind = text_of(payload, "type") or ""
    block = Block(_TYPES.get(kind, "other"))
    if block.type == "text":
        block.characters = _length(payload, "content")
    elif block.type == "thinking":
        # A summary is not what was thought.
        block.characters = _length(payload, "content") or None
    else:
        block.name = text_of(payload, "name") or kind.removesuffix("_call")
        block.characters = _written(payload)
    return block


def block_of(kind: BlockType, payload: Record, at: float) -> Block:
    """The block of an event, which ends as the event is written."""
    text = text_of(payload, "message")
    return Block(kind, end_at=at, characters=len(text) if kind == "text" and text else None)


def uuid_seconds(name: str | None) -> float | None:
    """When an id of version 7 was made; None for other ids."""
    if name is None or not _UUID7.fullmatch(name):
        return None
    return int(name[:8] + name[9:13], 16) / 1000


def _length(payload: Record, key: str) -> int:
    return sum(len(text_of(part, "text") or "") for part in list_of(payload, key))


def _written(payload: Record) -> int | None:
    text = text_of(payload, "arguments") or text_of(payload, "input")
    return len(text) if text else None
