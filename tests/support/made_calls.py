"""Calls made by hand, for tests of what happens after reading."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from latprof.model import Block, Call
from latprof.trace import Trace

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC).timestamp()


def made(number: int = 1, *, at: float = NOON, wall: float = 4.0, **fields: Any) -> Call:
    """An exact call: sent `at`, first token after 1 s, first block after 2 s, end after `wall`; 91 tokens."""
    call = Call(
        agent="claude-code",
        session_id="s1",
        message_id=f"m{number}",
        request_id=f"r{number}",
        model="model-a",
        trigger="user",
        trigger_at=at - 0.5,
        sent_at=at,
        sent_source="api_request_line",
        first_output_at=at + 1,
        first_output_source="block_start",
        last_output_at=at + wall,
        last_output_source="last_block_end",
        output_tokens=91,
        output_tokens_source="stop_reason",
        input_tokens=1000,
        cache_read_tokens=800,
        cache_write_tokens=150,
        blocks=(Block("thinking", start_at=at + 1, end_at=at + 2), Block("text", end_at=at + wall)),
    )
    return replace(call, **fields)


def trace_of(*calls: Call) -> Trace:
    return Trace.from_calls(calls)
