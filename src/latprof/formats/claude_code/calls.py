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
_PREFIXES: Final = tuple(_PROVIDER_OF_ID)
_PREFIX_LENGTH: Final = 9


def call_of(transcript: Transcript, response: Response, pairing: Pairing) -> Call:
    """Make the call record; never raises, unknown parts stay None."""
    part, thread, sent_at = response.parts[0], response.thread, pairing.sent_at
    usage, stop_reason = response.usage(), response.stop_reason
    non_streamed = pairing.fell_back or response.whole
    blocks, stepped = response.blocks(sent_at, transcript.result_of)
    habit = transcript.habit_of(response)
    broken = response.cut or response.broken_off(habit, stop_reason, non_streamed=non_streamed)
    source = response.final_source(habit, usage, stop_reason, interrupted=broken)
    if non_streamed:
        for block in blocks:
            block.start_at = None
    if source is not None and usage.thinking_tokens:
        _set_thoughts(blocks, usage.thinking_tokens)
    # What was cached is no total where the rest is not known; logs without a cache do not say that it was 0.
    fresh, cached = usage.input_tokens, (usage.cache_read_tokens or 0) + (usage.cache_write_tokens or 0)
    total = None if fresh is None else fresh + cached
    end = response.end
    starts = part.block_index == 0 and not non_streamed and len(part.blocks) == 1
    first_output_at = blocks[0].start_at if starts else None
    return Call(
        agent="claude-code",
        session_id=part.session_id or "",
        message_id=part.message_id,
        request_id=part.request_id,
        agent_version=part.version,
        agent_id=thread or None,
        provider=_provider(part.message_id, part.request_id, part.model),
        model=part.model,
        requested_model=part.requested_model,
        project=part.project,
        effort=part.effort,
        speed_mode=usage.speed,
        trigger=pairing.trigger,
        trigger_at=pairing.trigger_at,
        sent_at=sent_at,
        sent_source=pairing.sent_source,
        first_output_at=first_output_at,
        first_output_source=None if first_output_at is None else "block_start",
        last_output_at=end,
        last_output_source=None if end is None else "last_block_end",
        input_tokens=total or None,
        cache_read_tokens=usage.cache_read_tokens,
        cache_write_tokens=usage.cache_write_tokens,
        output_tokens=usage.output_tokens if source is not None else None,
        output_tokens_source=source,
        reasoning_tokens=usage.thinking_tokens if source is not None else None,
        attempts=pairing.attempts,
        stop_reason=stop_reason,
        flags=_flags(response, pairing, usage, broken=broken, non_streamed=non_streamed, stepped=stepped),
        blocks=tuple(blocks),
    )


def _provider(message_id: str, request_id: str | None, model: str | None) -> str | None:
    """Who answered, as far as the shape of the ids tells."""
    if message_id.startswith(_PREFIXES):
        return _PROVIDER_OF_ID[message_id[:_PREFIX_LENGTH]]
    if model is None or request_id is None:
        return None
    return "anthropic" if model.startswith("claude-") and request_id.startswith("req_") else None


def _set_thoughts(blocks: list[Block], tokens: int) -> None:
    """The tokens of thinking, where they are those of one block."""
    thoughts = [block for block in blocks if block.type == "thinking"]
    if len(thoughts) == 1:
        thoughts[0].tokens = tokens


def _flags(
    response: Response, pairing: Pairing, usage: Usage, *, broken: bool, non_streamed: bool, stepped: bool
) -> tuple[str, ...]:
    thread, end, sent_at = response.thread, response.lines[0].at, pairing.sent_at
    # A block that ended before its request was sent, or before what led to it, shows a clock step.
    early = end is not None and (
        (pairing.trigger_at is not None and pairing.trigger_at > end)
        or (sent_at is not None and end < sent_at - _CLOCK_TOLERANCE_S)
    )
    bursts, back, sleeps = response.rhythm(sent_at)
    raised = (
        broken,
        pairing.attempts > 1,
        non_streamed,
        not non_streamed and bursts,
        usage.server_tools,
        usage.iterations > 1,
        thread is not None,
        response.lines[0].embedded,
        response.shared_stamp,
        stepped or early or back,
        pairing.attempts == 1 and not non_streamed and sleeps,
        usage.speed == "fast",
    )
    return tuple(compress(_FLAGS, raised)) if True in raised else ()
