"""What latprof wrote into the spans of its own export, which the conventions have no names for."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from latprof.formats.otlp.telemetry import Span
from latprof.formats.records import Record, count_of, number_of, text_of
from latprof.model import (
    FIRST_OUTPUT_SOURCES,
    FLAGS,
    LAST_OUTPUT_SOURCES,
    OUTPUT_TOKENS_SOURCES,
    SENT_SOURCES,
    TRIGGERS,
    Block,
    BlockType,
    Call,
)

__all__ = ["give_own"]

_BLOCKS: Final[dict[str, BlockType]] = {
    "latprof.block.thinking": "thinking",
    "latprof.block.text": "text",
    "latprof.block.tool_use": "tool_use",
    "latprof.block.other": "other",
}


def give_own(span: Span, call: Call) -> None:
    """Where the span is an export of latprof, make the call what it was before."""
    stated = text_of(span.attributes, "latprof.call_id")
    if stated is None:
        return
    call.stated_id = stated
    call.message_id = text_of(span.attributes, "gen_ai.response.id")
    call.request_id = text_of(span.attributes, "request_id")
    call.requested_model = text_of(span.attributes, "latprof.requested_model")
    call.agent_id = text_of(span.attributes, "latprof.agent_id")
    call.project = text_of(span.attributes, "latprof.project")
    call.host = text_of(span.resource, "host.name")
    call.engineer = text_of(span.resource, "user.name")
    call.effort = text_of(span.attributes, "latprof.effort")
    call.speed_mode = text_of(span.attributes, "latprof.speed_mode")
    call.attempts = count_of(span.attributes, "latprof.attempts")
    call.output_tokens_source = _known(span, "latprof.output_tokens_source", OUTPUT_TOKENS_SOURCES)
    call.trigger = next((name for name in TRIGGERS if name == text_of(span.attributes, "latprof.trigger")), "unknown")
    call.tool_s = number_of(span.attributes, "latprof.tool_s")
    call.trigger_at = number_of(span.attributes, "latprof.trigger_at")
    flags = span.attributes.get("latprof.flags")
    call.flags = tuple(name for name in FLAGS if isinstance(flags, list) and name in flags)
    call.blocks = tuple(_block(name, at, values) for name, at, values in span.marks if name in _BLOCKS)
    _give_instants(span, call)


def _block(name: str, at: float, values: Record) -> Block:
    return Block(
        _BLOCKS[name],
        end_at=at,
        start_at=number_of(values, "latprof.block.start_at"),
        characters=count_of(values, "latprof.block.characters"),
        tokens=count_of(values, "latprof.block.tokens"),
        signature_characters=count_of(values, "latprof.block.signature_characters"),
    )


def _give_instants(span: Span, call: Call) -> None:
    call.sent_at, call.sent_source = span.start, _known(span, "latprof.sent_source", SENT_SOURCES)
    call.last_output_at = span.end
    call.last_output_source = _known(span, "latprof.last_output_source", LAST_OUTPUT_SOURCES)
    call.headers_at = number_of(span.attributes, "latprof.headers_at")
    call.first_output_at = number_of(span.attributes, "latprof.first_output_at")
    call.first_output_source = _known(span, "latprof.first_output_source", FIRST_OUTPUT_SOURCES)


def _known(span: Span, key: str, names: Collection[str]) -> str | None:
    value = text_of(span.attributes, key)
    return value if value in names else None
