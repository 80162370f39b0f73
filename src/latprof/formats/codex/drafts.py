"""A call while its lines are being read, and the call that comes of it."""

from __future__ import annotations

from dataclasses import field
from itertools import pairwise
from typing import Final

from latprof.classes import dataclass
from latprof.formats.records import Record, count_of
from latprof.model import FLAGS, LONG_GAP_S, Block, Call, Trigger

__all__ = ["Draft", "Owner"]

# A dropped stream is tried again without a word; a pause like this between two items looks like it.
_RETRY_GAP_S: Final = 30.0
# Items that end within this time of each other were written together.
_BURST_S: Final = 0.05
_CLOCK_STEP_S: Final = 0.05
# The turn's first output may be stamped a little after the end of the item that it is.
_LATE_S: Final = 0.05


@dataclass(slots=True)
class Owner:
    """What all calls of a thread have in common."""

    session_id: str = ""
    agent_id: str | None = None
    agent_version: str | None = None
    provider: str | None = None
    project: str | None = None
    flags: frozenset[str] = frozenset()


@dataclass(slots=True)
class Draft:
    """One request and what is known of it so far.

    `has_items` tells that items were written before the usage, `has_outputs` that results of its
    tools were. `key` is the same in every copy. `turn_first_at` is the first visible output of the
    turn that the call began.
    """

    owner: Owner
    trigger: Trigger
    trigger_at: float | None
    sent_at: float | None
    sent_source: str | None
    headers_at: float | None = None
    model: str | None = None
    effort: str | None = None
    speed_mode: str | None = None
    item_id: str | None = None
    response_id: str | None = None
    key: str | None = None
    blocks: list[Block] = field(default_factory=list)
    has_items: bool = False
    has_outputs: bool = False
    dropped_at: float | None = None
    attempts: int | None = None
    usage: Record = field(default_factory=dict)
    turn_first_at: float | None = None
    end_at: float | None = None
    end_source: str | None = None
    flags: set[str] = field(default_factory=set)

    @property
    def dropped(self) -> bool:
        """Whether the stream broke off and nothing of another attempt is there yet."""
        return self.dropped_at is not None

    def next_attempt(self) -> None:
        """Begin anew after a dropped stream."""
        self.attempts = (self.attempts or 1) + 1
        self.blocks = []
        self.has_items = self.has_outputs = False
        self.sent_at, self.sent_source, self.dropped_at = self.dropped_at, "retry_adjusted", None
        self.flags.add("retried")

    def close(self, at: float, usage: Record) -> None:
        """The usage was written, at the response's end or, in some versions, after its tools."""
        self.usage = usage
        if not self.has_outputs:
            self.end_at, self.end_source = at, "stream_end"
        else:
            self.close_at_last_item()

    def close_at_last_item(self) -> None:
        """The end of the last item is all that is known of the response's end."""
        ends = [block.end_at for block in self.blocks if block.end_at is not None]
        if ends:
            self.end_at, self.end_source = ends[-1], "last_block_end"

    def call(self) -> Call:
        """The finished record."""
        first_at, first_source = self._first_output()
        output = count_of(self.usage, "output_tokens") or None
        owner = self.owner
        return Call(
            agent="codex",
            session_id=owner.session_id,
            message_id=self.response_id or self.item_id,
            request_id=self.response_id,
            agent_version=owner.agent_version,
            agent_id=owner.agent_id,
            provider=owner.provider,
            model=self.model,
            requested_model=self.model,
            project=owner.project,
            effort=self.effort,
            speed_mode=self.speed_mode,
            trigger=self.trigger,
            trigger_at=self.trigger_at,
            sent_at=self.sent_at,
            sent_source=self.sent_source,
            headers_at=self.headers_at,
            first_output_at=first_at,
            first_output_source=first_source,
            last_output_at=self.end_at,
            last_output_source=self.end_source,
            input_tokens=count_of(self.usage, "input_tokens"),
            cache_read_tokens=self._part("cached_input_tokens", "input_tokens"),
            cache_write_tokens=self._part("cache_write_input_tokens", "input_tokens"),
            output_tokens=output,
            output_tokens_source="usage" if output else None,
            reasoning_tokens=self._part("reasoning_output_tokens", "output_tokens"),
            attempts=self.attempts,
            flags=self._flags(),
            blocks=tuple(self.blocks),
            stated_id=None if self.response_id else self.key,
        )

    def _part(self, name: str, whole: str) -> int | None:
        part, total = count_of(self.usage, name), count_of(self.usage, whole)
        return part if part is not None and total is not None and part <= total else None

    def _first_output(self) -> tuple[float | None, str | None]:
        """The start of the first item, or what the turn says; hidden thinking before it makes it late."""
        if not self.blocks:
            return None, None
        first = self.blocks[0]
        hidden = first.type != "thinking" and count_of(self.usage, "reasoning_output_tokens") != 0
        if first.start_at is not None:
            return first.start_at, "first_visible" if hidden else "block_start"
        at = self.turn_first_at
        if at is None or not self._within(at, first.end_at):
            return None, None
        if first.type == "thinking" or hidden:
            return at, "first_visible"
        return at, "first_token" if first.type == "text" else "block_start"

    def _within(self, at: float, end: float | None) -> bool:
        after = self.sent_at is None or at >= self.sent_at
        return after and end is not None and at <= end + _LATE_S

    def _flags(self) -> tuple[str, ...]:
        found = self.flags | self.owner.flags
        ends = [block.end_at for block in self.blocks if block.end_at is not None]
        instants = [at for at in (self.sent_at, *ends, self.end_at) if at is not None]
        gaps = [later - earlier for earlier, later in pairwise(instants)]
        if any(gap < -_CLOCK_STEP_S for gap in gaps):
            found.add("clock_step")
        if any(gap > LONG_GAP_S for gap in gaps):
            found.add("suspended")
        if any(gap > _RETRY_GAP_S for gap in self._pauses()):
            found.add("possible_retry")
        if len(ends) > 1 and self.blocks[0].start_at is None and abs(ends[-1] - ends[0]) < _BURST_S:
            found.add("burst")
        return tuple(flag for flag in FLAGS if flag in found)

    def _pauses(self) -> list[float]:
        """Time from the end of each item to the next one, or to its end where its start is not known."""
        timed = [block for block in self.blocks if block.end_at is not None]
        return [(later.start_at or later.end_at or 0.0) - (earlier.end_at or 0.0) for earlier, later in pairwise(timed)]
