"""What sets of captured agent calls have in common: calls that a proxy timed, without text and without dates.

A call is known by its session, thread, start and sizes, so that the same call in a trace file
and in a table of it is one.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from latprof.classes import dataclass
from latprof.formats.base import Observed
from latprof.model import FLAGS, Call, Trigger

__all__ = ["AGENT", "OBSERVES", "Captured"]

# The captures do not say which agent made a call.
AGENT: Final = "proxy"
OBSERVES: Final[dict[str, Observed]] = {
    "ttft_s": "exact",
    "wall_s": "exact",
    "wall_tps": "exact",
    "decode_tps": "exact",
    "input_tokens": "exact",
    "output_tokens": "exact",
}


@dataclass(frozen=True, slots=True)
class Captured:
    """One call as a proxy noted it; `sent_at` counts from the start of the session."""

    session_id: str
    agent_id: str | None
    is_first: bool
    sent_at: float
    model: str | None
    input_tokens: int | None
    output_tokens: int | None
    wall_s: float | None
    ttft_s: float | None
    stop_reason: str | None
    input_types: Collection[str]
    cache_read_tokens: int | None = None
    non_streamed: bool = False

    def call(self) -> Call:
        """The call, with the instants that its durations lead to."""
        wall = self.wall_s if self.wall_s is not None and self.wall_s > 0 else None
        ttft = self.ttft_s if self.ttft_s is not None and 0 < self.ttft_s <= (wall or self.ttft_s) else None
        cached = self.cache_read_tokens
        return Call(
            agent=AGENT,
            session_id=self.session_id,
            message_id=self._id(),
            agent_id=self.agent_id,
            model=self.model,
            trigger=self._trigger(),
            sent_at=self.sent_at,
            sent_source="record_start",
            first_output_at=None if ttft is None else self.sent_at + ttft,
            first_output_source=None if ttft is None else "first_chunk",
            last_output_at=None if wall is None else self.sent_at + wall,
            last_output_source=None if wall is None else "record_end",
            input_tokens=self.input_tokens,
            cache_read_tokens=cached if (cached or 0) <= (self.input_tokens or 0) else None,
            output_tokens=self.output_tokens or None,
            output_tokens_source="usage" if self.output_tokens else None,
            attempts=None,
            stop_reason=self.stop_reason,
            flags=self._flags(),
        )

    def _id(self) -> str:
        sizes = "-".join("" if size is None else str(size) for size in (self.input_tokens, self.output_tokens))
        return f"{self.session_id}:{self.agent_id or 'main'}:{self.sent_at:.3f}:{sizes}"

    def _trigger(self) -> Trigger:
        if self.agent_id is not None and self.is_first:
            return "subagent"
        # With parts of an answer among them, the new messages are a history, and its last one is not known.
        if {"thinking", "tool_use"}.intersection(self.input_types):
            return "unknown"
        if "tool_result" in self.input_types:
            return "tool_result"
        return "user" if "text" in self.input_types else "unknown"

    def _flags(self) -> tuple[str, ...]:
        raised = {"no_date"}
        if self.agent_id is not None:
            raised.add("sidechain")
        if self.non_streamed and self.ttft_s is None:
            raised.add("non_streamed")
        return tuple(flag for flag in FLAGS if flag in raised)
