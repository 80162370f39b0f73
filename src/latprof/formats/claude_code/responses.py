"""Lines of one response -> its usage, its final tokens, what went wrong in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from latprof.classes import dataclass
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
        if len(parts) == 1:
            self.has_stop_details |= parts[0].has_stop_details
            return
        with_reason = 0
        for part in parts:
            self.has_stop_details |= part.has_stop_details
            with_reason += part.stop_reason is not None
        if with_reason == len(parts):
            self.stops_on_every_line += 1
        elif 0 < with_reason < len(parts):
            self.stops_on_some_lines += 1

    @property
    def always_stops(self) -> bool:
        """Whether this version writes the stop reason on every line of a whole response."""
        return self.stops_on_every_line > 0 and self.stops_on_some_lines == 0


@dataclass(slots=True)
class Response:
    """All lines that share a message id and a request id, in file order; `parts` are what the lines add."""

    thread: str | None
    lines: list[Line]
    parts: list[Part]
    cut: bool = False
    shared_stamp: bool = False

    @property
    def first(self) -> Line:
        """The first line."""
        return self.lines[0]

    @property
    def end(self) -> float | None:
        """End of the last block that has a stamp."""
        if len(self.lines) == 1:
            return self.lines[0].at
        return max([line.at for line in self.lines if line.at is not None], default=None)

    @property
    def stop_reason(self) -> str | None:
        """The last stop reason that a line states."""
        for part in reversed(self.parts):
            if part.stop_reason:
                return part.stop_reason
        return None

    @property
    def request_ref(self) -> str | None:
        """Id of the request line that this response answers."""
        for part in self.parts:
            if part.request_ref:
                return part.request_ref
        return None

    @property
    def whole(self) -> bool:
        """More than one block on a line: the response was not streamed."""
        return max([len(part.blocks) for part in self.parts]) > 1

    def usage(self) -> Usage:
        """The largest count of each field over the lines."""
        if len(self.parts) == 1:
            return self.parts[0].usage
        usages = [part.usage for part in self.parts]
        last = usages[-1]
        if usages.count(last) == len(usages):
            return last
        inputs, reads, writes, outputs, thoughts, tools, iterations, speeds = zip(*usages, strict=True)
        return Usage(
            _largest(inputs),
            _largest(reads),
            _largest(writes),
            _largest(outputs),
            _largest(thoughts),
            any(tools),
            max(iterations),
            next((speed for speed in reversed(speeds) if speed), None),
        )

    def final_source(self, habit: Habit, usage: Usage, stop_reason: str | None, *, interrupted: bool) -> str | None:
        """Which rule says that the output count is final; None when none does.

        Decided from the data, never from the version: a stop reason; else counts that changed
        from line to line; else a count that fits the visible text, on lines older than
        `stop_details`, which came with the versions that always write the stop reason.
        """
        largest = usage.output_tokens
        if interrupted or not largest:
            return None
        if stop_reason is not None:
            return "stop_reason"
        if len({part.usage.output_tokens for part in self.parts}) > 1:
            return "changed"
        if habit.has_stop_details:
            return None
        visible = sum(map(_visible, self.parts))
        if visible > _RATIO_CHARACTERS and largest >= 0.5 * visible / _CHARACTERS_PER_TOKEN:
            return "ratio"
        return None

    def broken_off(self, habit: Habit, stop_reason: str | None, *, non_streamed: bool) -> bool:
        """Whether the lines show that the stream ended early.

        Either the stop reason is missing where the same version writes it on every line; or, as
        newer versions write `end_turn` and the start count when a stream breaks, `stop_details`
        is missing where the version has it, or a timed thinking block has no thinking tokens.
        """
        if non_streamed:
            return False
        if stop_reason is None:
            return habit.always_stops
        stated = not habit.has_stop_details
        for part in self.parts:
            if part.duration_s is not None and _thought_without_tokens(part):
                return True
            stated = stated or part.has_stop_details
        return not stated

    def blocks(self, sent_at: float | None, result_of: Callable[[str], Line | None]) -> tuple[list[Block], bool]:
        """The blocks, and whether a start was impossible: before the line above it, or before sending.

        Durations come from a clock that never steps, stamps do not: such a start shows a step and is left out.
        `result_of` gives the line with the result of a tool.
        """
        blocks: list[Block] = []
        stepped = False
        earliest = sent_at
        for line, part in zip(self.lines, self.parts, strict=True):
            at = line.at
            start = _start(at, part) if part.duration_s is not None else None
            if start is not None and earliest is not None and start < earliest - _CLOCK_TOLERANCE_S:
                start, stepped = None, True
            # Tools stand in the order of their blocks.
            tools = iter(part.tool_ids)
            for kind, characters, signature, name in part.blocks:
                result = result_of(next(tools)) if kind == "tool_use" else None
                result_at = result.at if result is not None else None
                blocks.append(Block(kind, at, start, characters, None, name, result_at, signature))
            earliest = at if at is not None else earliest
        return blocks, stepped

    def rhythm(self, sent_at: float | None) -> tuple[bool, bool, bool]:
        """Whether blocks came in a burst, whether the clock went backwards, whether the machine slept.

        A burst: a block of some size ended within 20 ms of the one before it. Sleep: more than ten minutes lie
        between two instants.
        """
        bursts = back = sleeps = False
        previous: float | None = None
        before = sent_at
        for line, part in zip(self.lines, self.parts, strict=True):
            at = line.at
            if at is None:
                continue
            if previous is not None:
                bursts = bursts or (at - previous < _BURST_GAP_S and _visible(part) >= _BURST_CHARACTERS)
                back = back or at < previous - _CLOCK_TOLERANCE_S
            if before is not None and at - before > LONG_GAP_S:
                sleeps = True
            previous = before = at
        return bursts, back, sleeps


def _start(at: float | None, part: Part) -> float | None:
    """Start of the line's block, where the line has one block and its duration."""
    if part.duration_s is None or at is None or len(part.blocks) != 1:
        return None
    return at - part.duration_s


def _visible(part: Part) -> int:
    """Characters of the part's blocks."""
    return sum([characters or 0 for _, characters, _, _ in part.blocks])


def _thought_without_tokens(part: Part) -> bool:
    if part.duration_s is None or part.usage.thinking_tokens != 0:
        return False
    thought = any(kind == "thinking" for kind, _, _, _ in part.blocks)
    return thought and (part.usage.output_tokens or 0) < _LARGEST_PLACEHOLDER


def _largest(values: Iterable[int | None]) -> int | None:
    return max([value for value in values if value is not None], default=None)
