"""The plain types that every layer shares: a call, its blocks, a problem met while reading.

Times are float seconds since 1970 (UTC) as the log's machine saw them; durations are float
seconds; a value that is not known is None, never 0.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

__all__ = [
    "EXACT_FIRST_OUTPUT_SOURCES",
    "EXACT_SENT_SOURCES",
    "FLAGS",
    "KINDS",
    "LONG_GAP_S",
    "SENT_SOURCES",
    "TRIGGERS",
    "Block",
    "BlockType",
    "Call",
    "Kind",
    "Problem",
    "Trigger",
]

Trigger = Literal["user", "tool_result", "subagent", "compaction", "notification", "retry", "synthetic", "unknown"]
TRIGGERS: Final[tuple[Trigger, ...]] = (
    "user", "tool_result", "subagent", "compaction", "notification", "retry", "synthetic", "unknown",
)  # fmt: skip

Kind = Literal["exact", "bound", "estimate", "as_logged"]
KINDS: Final[tuple[Kind, ...]] = ("exact", "bound", "estimate", "as_logged")

BlockType = Literal["thinking", "text", "tool_use", "other"]

# How the send time was seen, best first.
SENT_SOURCES: Final = (
    "otel_attempt",
    "api_request_line",
    "request_sent_wall",
    "retry_adjusted",
    "hook_adjusted",
    "trigger_line",
)
EXACT_SENT_SOURCES: Final = frozenset({"otel_attempt", "api_request_line"})
EXACT_FIRST_OUTPUT_SOURCES: Final = frozenset({"otel_first_content", "block_start"})

FLAGS: Final[dict[str, str]] = {
    "interrupted": "the response was cut off by the user, an error or a lost connection",
    "retried": "at least one attempt failed before the one that answered",
    "non_streamed": "the response arrived whole; it has no first token",
    "burst": "blocks arrived together; the time between them says nothing about speed",
    "server_tools": "tools ran on the server inside the call",
    "multi_iteration": "the server sampled more than once inside the call",
    "sidechain": "made by a sub-agent",
    "embedded": "known only from a progress line in the parent's log",
    "timestamp_unreliable": "several responses share one time stamp",
    "clock_step": "the clock moved backwards inside the call",
    "suspended": "a gap of more than ten minutes inside the call, most likely sleep",
    "fast": "fast mode of the provider",
}

LONG_GAP_S: Final = 600.0
_NO_DURATION: Final = frozenset({"clock_step", "suspended", "timestamp_unreliable"})
_NO_RATE: Final = frozenset({"interrupted", "retried", "non_streamed", "server_tools", "multi_iteration"})


@dataclass(slots=True)
class Block:
    """One content block of a response.

    `characters` is None for a block whose text the log hides; `tokens` is None unless the log
    states it. `start_at` and `end_at` are None unless observed. `result_at` is when the result
    of a tool call was written, `name` the tool's name.
    """

    type: BlockType
    end_at: float | None = None
    start_at: float | None = None
    characters: int | None = None
    tokens: int | None = None
    name: str | None = None
    result_at: float | None = None
    signature_characters: int | None = None


@dataclass(slots=True)
class Call:
    """One request to a model until its last byte, as one log tells it."""

    agent: str
    session_id: str
    message_id: str | None = None
    request_id: str | None = None
    agent_version: str | None = None
    agent_id: str | None = None
    provider: str | None = None
    model: str | None = None
    requested_model: str | None = None
    project: str | None = None
    effort: str | None = None
    speed_mode: str | None = None
    trigger: Trigger = "unknown"
    trigger_at: float | None = None
    sent_at: float | None = None
    sent_source: str | None = None
    first_output_at: float | None = None
    first_output_source: str | None = None
    last_output_at: float | None = None
    last_output_source: str | None = None
    input_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    output_tokens: int | None = None
    output_tokens_source: str | None = None
    reasoning_tokens: int | None = None
    attempts: int | None = 1
    stop_reason: str | None = None
    flags: tuple[str, ...] = ()
    blocks: tuple[Block, ...] = field(default=())

    @property
    def call_id(self) -> str:
        """An id that stays the same in every copy of the call.

        Message ids of hosted services are unique by themselves; others may repeat, so without
        a request id the model and the first block's end are added.
        """
        message = self.message_id or ""
        if self.request_id:
            return f"{self.agent}/{message}/{self.request_id}"
        first = self.first_block_at
        stamp = "" if first is None else str(round(first * 1000))
        return f"{self.agent}/{message}/{self.model or ''}/{stamp}"

    @property
    def output_tokens_kind(self) -> Literal["final", "unknown"]:
        """Whether the log's count of output tokens is the final one."""
        return "unknown" if self.output_tokens is None else "final"

    @property
    def first_block_at(self) -> float | None:
        """When the first block was complete."""
        return self.blocks[0].end_at if self.blocks else None

    @property
    def durations_usable(self) -> bool:
        """False where clock steps, sleep or shared stamps make differences meaningless."""
        return _NO_DURATION.isdisjoint(self.flags)

    @property
    def rates_usable(self) -> bool:
        """Whether the call counts for token rates: a plain, complete, streamed response."""
        return self.durations_usable and _NO_RATE.isdisjoint(self.flags)


@dataclass(frozen=True, slots=True)
class Problem:
    """Something in an input that could not be used, without its text."""

    kind: str
    path: str
    line: int | None = None
    detail: str = ""
