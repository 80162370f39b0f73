"""A response and what led to it -> the public `Call`."""

from __future__ import annotations

from itertools import compress
from typing import Final

from latprof.formats.claude_code.pairing import Pairing
from latprof.formats.claude_code.parts import Usage
from latprof.formats.claude_code.responses import Response
from latprof.formats.claude_code.transcript import Transcript
from latprof.model import Block, Call

__all__ = ["call_of"]

_CLOCK_TOLERANCE_S: Final = 0.05
# In the order in which a call bears them.
_FLAGS: Final = (
    "interrupted", "retried", "non_streamed", "burst", "server_tools", "multi_iteration", "sidechain", "embedded",
    "timestamp_unreliable", "clock_step", "suspended", "fast",
)  # fmt: skip
_PROVIDER_OF_ID: Final = {"msg_bdrk_": "aws.bedrock", "msg_vrtx_": "gcp.vertex_ai"}


def call_of(transcript: Transcript, response: Response, pairing: Pairing) -> Call:
    """Make the call record; never raises, unknown parts stay None."""
    part = response.parts[0]
    usage = response.usage()
    non_streamed = response.whole or pairing.fell_back
    blocks, stepped = response.blocks(pairing.sent_at)
    habit = transcript.habit_of(response)
    broken = response.cut or response.broken_off(habit, non_streamed=non_streamed)
    source = response.final_source(habit, interrupted=broken)
    call = Call(
        agent="claude-code",
        session_id=part.session_id or "",
        message_id=part.message_id,
        request_id=part.request_id,
        agent_version=part.version,
        agent_id=response.thread or None,
        provider=_provider(part.message_id, part.request_id, part.model),
        model=part.model,
        requested_model=part.requested_model,
        project=part.project,
        effort=part.effort,
        speed_mode=usage.speed,
        trigger=pairing.trigger,
        trigger_at=pairing.trigger_at,
        stop_reason=response.stop_reason,
        attempts=pairing.attempts,
    )
    _set_tokens(call, usage, source)
    if non_streamed:
        for block in blocks:
            block.start_at = None
    _set_results(transcript, response, blocks)
    _set_thoughts(blocks, usage, final=source is not None)
    call.blocks = tuple(blocks)
    call.flags = _flags(response, pairing, usage, broken=broken, non_streamed=non_streamed, stepped=stepped)
    _set_instants(call, response, pairing, non_streamed=non_streamed)
    return call


def _provider(message_id: str, request_id: str | None, model: str | None) -> str | None:
    """Who answered, as far as the shape of the ids tells."""
    for prefix, provider in _PROVIDER_OF_ID.items():
        if message_id.startswith(prefix):
            return provider
    claude = (model or "").startswith("claude-")
    return "anthropic" if claude and (request_id or "").startswith("req_") else None


def _set_tokens(call: Call, usage: Usage, source: str | None) -> None:
    total = (usage.input_tokens or 0) + (usage.cache_read_tokens or 0) + (usage.cache_write_tokens or 0)
    call.input_tokens = total or None
    call.cache_read_tokens = usage.cache_read_tokens
    call.cache_write_tokens = usage.cache_write_tokens
    call.output_tokens_source = source
    if source is not None:
        call.output_tokens = usage.output_tokens
        call.reasoning_tokens = usage.thinking_tokens


def _set_results(transcript: Transcript, response: Response, blocks: list[Block]) -> None:
    """When the tools that the response called had answered."""
    tool_ids = [tool_id for part in response.parts for tool_id in part.tool_ids]
    if not tool_ids:
        return
    tools = [block for block in blocks if block.type == "tool_use"]
    for block, tool_id in zip(tools, tool_ids, strict=True):
        result = transcript.result_of(tool_id)
        block.result_at = result.at if result is not None else None


def _set_thoughts(blocks: list[Block], usage: Usage, *, final: bool) -> None:
    """The tokens of thinking, where they are those of one block."""
    if final and usage.thinking_tokens:
        thoughts = [block for block in blocks if block.type == "thinking"]
        if len(thoughts) == 1:
            thoughts[0].tokens = usage.thinking_tokens


def _flags(
    response: Response, pairing: Pairing, usage: Usage, *, broken: bool, non_streamed: bool, stepped: bool
) -> tuple[str, ...]:
    first = response.first
    late = pairing.trigger_at is not None and first.at is not None and pairing.trigger_at > first.at
    raised = (
        broken,
        pairing.attempts > 1,
        non_streamed,
        not non_streamed and response.is_burst(),
        usage.server_tools,
        usage.iterations > 1,
        response.thread is not None,
        first.embedded,
        response.shared_stamp,
        stepped or late or response.steps_back() or _ends_before_sent(response, pairing),
        pairing.attempts == 1 and not non_streamed and response.sleeps(pairing.sent_at),
        usage.speed == "fast",
    )
    return tuple(compress(_FLAGS, raised)) if any(raised) else ()


def _ends_before_sent(response: Response, pairing: Pairing) -> bool:
    """A block that ended before its request was sent shows a clock step."""
    end = response.first.at
    return pairing.sent_at is not None and end is not None and end < pairing.sent_at - _CLOCK_TOLERANCE_S


def _set_instants(call: Call, response: Response, pairing: Pairing, *, non_streamed: bool) -> None:
    call.sent_at, call.sent_source = pairing.sent_at, pairing.sent_source
    ends = response.ends
    if ends:
        call.last_output_at, call.last_output_source = max(ends), "last_block_end"
    if non_streamed:
        return
    part = response.parts[0]
    if part.block_index == 0 and len(part.blocks) == 1 and call.blocks[0].start_at is not None:
        call.first_output_at, call.first_output_source = call.blocks[0].start_at, "block_start"
