"""Lines of one response -> its usage, its final tokens, what went wrong in it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from latprof.formats.claude_code.lines import Line
from latprof.formats.claude_code.parts import Part, Usage
from latprof.model import LONG_GAP_S, Block

__all__ = ["Habit", "Response"]

_BURST_GAP_S: Final = 0.02
_BURST_CHARACTERS: Final = 100
_CLOCK_TOLERANCE_S: Final = 0.05
# A count at stream start; up to 85 were seen in real logs.
_LARGEST_PLACEHOLDER: Final = 100
_RATIO_CHARACTERS: Final = 400
_CHARACTERS_PER_TOKEN: Final = 4


@dataclass(slots=True)
class Habit:
    """What the responses of one version in one file have in common."""

    has_stop_details: bool = False
    stops_on_every_line: int = 0
    stops_on_some_lines: int = 0

    def see(self, parts: list[Part]) -> None:
        """Take note of one more response."""
        self.has_stop_details |= any(part.has_stop_details for part in parts)
        with_reason = sum(part.stop_reason is not None for part in parts)
        if len(parts) > 1 and with_reason == len(parts):
            self.stops_on_every_line += 1
        elif 0 < with_reason < len(parts):
            self.stops_on_some_lines += 1

    @property
    def always_stops(self) -> bool:
        """Whether this version writes the stop reason on every line of a whole response."""
        return self.stops_on_every_line > 0 and self.stops_on_some_lines == 0


@dataclass(slots=True)
class Response:
    """All lines that share a message id and a request id, in file order."""

    thread: str | None
    lines: list[Line] = field(default_factory=list)
    cut: bool = False
    shared_stamp: bool = False

    @property
    def parts(self) -> list[Part]:
        """The assistant part of each line."""
        return [line.part for line in self.lines if line.part is not None]

    @property
    def first(self) -> Line:
        """The line of the first block."""
        return self.lines[0]

    @property
    def blocks(self) -> tuple[Block, ...]:
        """All blocks in order."""
        return tuple(block for part in self.parts for block in part.blocks)

    @property
    def ends(self) -> list[float]:
        """Block ends that have a stamp."""
        return [line.at for line in self.lines if line.at is not None]

    @property
    def stop_reason(self) -> str | None:
        """The last stop reason that a line states."""
        return next((part.stop_reason for part in reversed(self.parts) if part.stop_reason), None)

    @property
    def request_ref(self) -> str | None:
        """Id of the request line that this response answers."""
        return next((part.request_ref for part in self.parts if part.request_ref), None)

    @property
    def whole(self) -> bool:
        """More than one block on a line: the response was not streamed."""
        return any(len(part.blocks) > 1 for part in self.parts)

    def usage(self) -> Usage:
        """The largest count of each field over the lines."""
        parts = self.parts
        return Usage(
            input_tokens=_largest([part.usage.input_tokens for part in parts]),
            cache_read_tokens=_largest([part.usage.cache_read_tokens for part in parts]),
            cache_write_tokens=_largest([part.usage.cache_write_tokens for part in parts]),
            output_tokens=_largest([part.usage.output_tokens for part in parts]),
            thinking_tokens=_largest([part.usage.thinking_tokens for part in parts]),
            server_tools=any(part.usage.server_tools for part in parts),
            iterations=max((part.usage.iterations for part in parts), default=0),
            speed=next((part.usage.speed for part in reversed(parts) if part.usage.speed), None),
        )

    def final_source(self, habit: Habit, *, interrupted: bool) -> str | None:
        """Which rule says that the output count is final; None when none does.

        Decided from the data, never from the version: a stop reason; else counts that changed
        from line to line; else a count that fits the visible text, on lines older than
        `stop_details`, which came with the versions that always write the stop reason.
        """
        largest = _largest([part.usage.output_tokens for part in self.parts])
        if interrupted or not largest:
            return None
        if self.stop_reason is not None:
            return "stop_reason"
        if len({part.usage.output_tokens for part in self.parts}) > 1:
            return "changed"
        if habit.has_stop_details:
            return None
        visible = sum(block.characters or 0 for block in self.blocks)
        if visible > _RATIO_CHARACTERS and largest >= 0.5 * visible / _CHARACTERS_PER_TOKEN:
            return "ratio"
        return None

    def broken_off(self, habit: Habit, *, non_streamed: bool) -> bool:
        """Whether the lines show that the stream ended early.

        Either the stop reason is missing where the same version writes it on every line; or, as
        newer versions write `end_turn` and the start count when a stream breaks, `stop_details`
        is missing where the version has it, or a timed thinking block has no thinking tokens.
        """
        parts = self.parts
        if non_streamed or not parts:
            return False
        if self.stop_reason is None:
            return habit.always_stops
        if habit.has_stop_details and not any(part.has_stop_details for part in parts):
            return True
        return any(_thought_without_tokens(part) for part in parts)

    def is_burst(self) -> bool:
        """Whether a block of some size ended within 20 ms of the one before it."""
        previous: float | None = None
        for line in self.lines:
            size = sum(block.characters or 0 for block in line.part.blocks) if line.part else 0
            near = previous is not None and line.at is not None and line.at - previous < _BURST_GAP_S
            if near and size >= _BURST_CHARACTERS:
                return True
            previous = line.at if line.at is not None else previous
        return False

    def drop_impossible_starts(self, sent_at: float | None) -> bool:
        """Forget block starts before the line above them, or before sending; whether there were any.

        Durations come from a clock that never steps, stamps do not: such a start shows a step.
        """
        dropped = False
        earliest = sent_at
        for line in self.lines:
            for block in line.part.blocks if line.part is not None else ():
                limit = -math.inf if earliest is None else earliest - _CLOCK_TOLERANCE_S
                if block.start_at is not None and block.start_at < limit:
                    block.start_at, dropped = None, True
            earliest = line.at if line.at is not None else earliest
        return dropped

    def first_start(self) -> float | None:
        """Start of the first block, where its line has the block's number and duration."""
        part = self.first.part
        if part is None or part.block_index != 0 or not part.has_duration or len(part.blocks) != 1:
            return None
        return part.blocks[0].start_at

    def steps_back(self) -> bool:
        """Whether the clock went backwards between its blocks."""
        ends = self.ends
        return any(after < before - _CLOCK_TOLERANCE_S for before, after in pairwise(ends))

    def sleeps(self, sent_at: float | None) -> bool:
        """Whether more than ten minutes lie between two of its instants."""
        instants = ([] if sent_at is None else [sent_at]) + self.ends
        return any(after - before > LONG_GAP_S for before, after in pairwise(instants))


def _thought_without_tokens(part: Part) -> bool:
    thought = any(block.type == "thinking" for block in part.blocks)
    small = (part.usage.output_tokens or 0) < _LARGEST_PLACEHOLDER
    return thought and part.has_duration and part.usage.thinking_tokens == 0 and small


def _largest(values: list[int | None]) -> int | None:
    return max((value for value in values if value is not None), default=None)
