"""One response as its messages build it up, and the call that it makes."""

from __future__ import annotations

from dataclasses import field
from itertools import pairwise
from typing import Final

from latprof.classes import dataclass
from latprof.formats.records import Record, count_of, dict_of, text_of
from latprof.model import FLAGS, LONG_GAP_S, Block, Call, Trigger

__all__ = ["Response", "Setup"]

_CLOCK_TOLERANCE_S: Final = 0.05


@dataclass(slots=True)
class Setup:
    """What the first message says about the agent."""

    session_id: str = ""
    version: str | None = None
    project: str | None = None


@dataclass(slots=True)
class Response:
    """A response under way. `ended` is None where the capture has no events of the stream."""

    message_id: str
    thread: str | None
    trigger: Trigger = "unknown"
    trigger_at: float | None = None
    retries: int = 0
    request_id: str | None = None
    model: str | None = None
    usage: Record = field(default_factory=dict)
    final: Record = field(default_factory=dict)
    stop_reason: str | None = None
    blocks: list[Block] = field(default_factory=list)
    requesting_at: float | None = None
    opened_at: float | None = None
    opening_s: float | None = None
    block_starts: list[float] = field(default_factory=list)
    started: bool = False
    ended: bool | None = None
    sent_at: float | None = None
    sent_source: str | None = None
    first_at: float | None = None
    cut: bool = False

    def call(self, setup: Setup) -> Call | None:
        """The call, None when no line of it has a time."""
        self.blocks.sort(key=lambda block: block.end_at if block.end_at is not None else float("inf"))
        ends = [block.end_at for block in self.blocks if block.end_at is not None]
        if not ends:
            return None
        sent_at, sent_source = self._sent()
        first_at = self._first_output()
        call = Call(
            agent="claude-code",
            session_id=setup.session_id,
            message_id=self.message_id,
            request_id=self.request_id,
            agent_version=setup.version,
            agent_id=self.thread,
            provider="anthropic" if (self.request_id or "").startswith("req_") else None,
            model=self.model,
            requested_model=self.model,
            project=setup.project,
            speed_mode=text_of(self.final, "speed") or text_of(self.usage, "speed"),
            trigger=self.trigger,
            trigger_at=self.trigger_at,
            sent_at=sent_at,
            sent_source=sent_source,
            first_output_at=first_at,
            first_output_source=None if first_at is None else "block_start",
            last_output_at=ends[-1],
            last_output_source="last_block_end",
            attempts=self.retries + 1,
            stop_reason=self.stop_reason,
            blocks=tuple(self.blocks),
        )
        self._give_tokens(call)
        call.flags = self._flags(call)
        if "interrupted" in call.flags:
            call.output_tokens = call.output_tokens_source = call.reasoning_tokens = None
        return call

    def _sent(self) -> tuple[float | None, str | None]:
        if self.sent_at is not None:
            return self.sent_at, self.sent_source
        if self.opened_at is not None and self.opening_s is not None:
            return self.opened_at - self.opening_s, "duration"
        if self.requesting_at is not None:
            return self.requesting_at, "request_log"
        return self.trigger_at, None if self.trigger_at is None else "trigger_line"

    def _first_output(self) -> float | None:
        """Start of the first block: as captured, as the end of the turn says, or by its duration."""
        if self.block_starts:
            return min(self.block_starts)
        if self.first_at is not None:
            return self.first_at
        first = self.blocks[0]
        return None if self.non_streamed else first.start_at

    @property
    def non_streamed(self) -> bool:
        """Whether other responses came as streams and this one did not."""
        return self.ended is not None and not self.started

    def _give_tokens(self, call: Call) -> None:
        parts = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
        counts = [count_of(self.usage, key) for key in parts]
        known = [count for count in counts if count is not None]
        call.input_tokens = sum(known) if known else None
        call.cache_read_tokens, call.cache_write_tokens = counts[1], counts[2]
        output, source = count_of(self.final, "output_tokens"), "usage"
        if output is None and self.stop_reason is not None:
            output, source = count_of(self.usage, "output_tokens"), "stop_reason"
        call.output_tokens, call.output_tokens_source = (output, source) if output else (None, None)
        thoughts = count_of(dict_of(self.final, "output_tokens_details"), "thinking_tokens")
        call.reasoning_tokens = thoughts if thoughts is not None and thoughts <= (output or 0) else None

    def _flags(self, call: Call) -> tuple[str, ...]:
        known = [at for at in (call.sent_at, call.first_output_at) if at is not None]
        instants = [*known, *(block.end_at for block in self.blocks if block.end_at is not None)]
        raised = {
            "interrupted": self.cut or (self.started and self.ended is False),
            "retried": self.retries > 0,
            "non_streamed": self.non_streamed,
            "sidechain": self.thread is not None,
            "clock_step": any(after < before - _CLOCK_TOLERANCE_S for before, after in pairwise(instants)),
            "suspended": any(after - before > LONG_GAP_S for before, after in pairwise(instants)),
            "fast": call.speed_mode == "fast",
        }
        return tuple(name for name in FLAGS if raised.get(name))
