"""Parts of one answer -> its steps, each one request to the model, with blocks and tokens."""

from __future__ import annotations

from dataclasses import field
from itertools import pairwise
from typing import Final

import orjson

from latprof.classes import dataclass
from latprof.formats.opencode.parts import Message, Part
from latprof.formats.records import Record, count_of, dict_of, text_of
from latprof.model import Block, BlockType

__all__ = ["Step", "Tokens", "steps_of", "tokens_of"]

_BLOCKS: Final[dict[str, BlockType]] = {"reasoning": "thinking", "text": "text", "tool": "tool_use"}
# From this version on `output` leaves the reasoning out.
_OUTPUT_WITHOUT_REASONING: Final = (1, 3, 16)


@dataclass(slots=True)
class Step:
    """From one start of a stream to its finish."""

    blocks: list[Block] = field(default_factory=list)
    started: bool = False
    finish: Part | None = None
    attempts: int | None = None

    @property
    def first_start(self) -> float | None:
        """When the first block began, if the first block shows it."""
        return self.blocks[0].start_at if self.blocks else None

    @property
    def tools_end(self) -> float | None:
        """When the last of its tools ended."""
        return max((block.result_at for block in self.blocks if block.result_at is not None), default=None)


@dataclass(frozen=True, slots=True)
class Tokens:
    """Counts of a call: `output` with reasoning, `input` with what came from the cache."""

    input: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None
    output: int | None = None
    reasoning: int | None = None


def steps_of(message: Message) -> list[Step]:
    """The requests of an answer.

    Versions before 0.8 put all requests of a turn into one message, each with a finish. In newer
    ones a second start means that the stream broke and was tried again; only the last counts.
    """
    steps = [Step()]
    for part in message.parts:
        if part.type == "step-start":
            if steps[-1].started or steps[-1].blocks:
                steps.append(Step())
            steps[-1].started = True
        elif part.type == "step-finish":
            steps[-1].finish = part
        elif part.type in _BLOCKS and not part.data.get("synthetic"):
            steps[-1].blocks.append(_block(part, message))
    for step in steps:
        _close_early(step.blocks)
    if sum(step.finish is not None for step in steps) < 2:
        tries = _tries(message, len(steps))
        steps = steps[-1:]
        steps[0].attempts = tries
    return steps


def _tries(message: Message, starts: int) -> int | None:
    """Attempts that the message itself shows; None when it shows nothing of the kind."""
    retries = [count_of(part.data, "attempt") or 0 for part in message.parts if part.type == "retry"]
    tries = max(starts, max(retries, default=0) + 1)
    return tries if tries > 1 else None


def _block(part: Part, message: Message) -> Block:
    kind = _BLOCKS[part.type]
    start = part.at(message)
    if kind == "tool_use":
        # The tool starts when its arguments are complete.
        return Block(
            type=kind,
            start_at=start,
            end_at=part.time("state", "time", "start"),
            characters=_length(dict_of(part.data, "state", "input")),
            name=text_of(part.data, "tool"),
            result_at=part.time("state", "time", "end"),
        )
    end = part.time("time", "end")
    stated = part.time("time", "start")
    # Older versions wrote the end over the start of a text.
    if start is None and stated is not None and (kind == "thinking" or stated != end):
        start = stated
    text = text_of(part.data, "text")
    return Block(type=kind, start_at=start, end_at=end, characters=None if text is None else len(text))


def _length(arguments: Record) -> int | None:
    try:
        return len(orjson.dumps(arguments)) if arguments else None
    except orjson.JSONEncodeError:
        return None


def _close_early(blocks: list[Block]) -> None:
    """A text of a chat-completions stream is closed with the stream; the next block's start is the better end."""
    for block, following in pairwise(blocks):
        if block.type == "tool_use" or block.end_at is None or following.start_at is None:
            continue
        if block.start_at is None or following.start_at >= block.start_at:
            block.end_at = min(block.end_at, following.start_at)


def tokens_of(counts: Record, version: tuple[int, ...] | None, blocks: list[Block]) -> Tokens:
    """Counts of one request; all zero means that the provider stated none."""
    stated = [count_of(counts, "input"), count_of(counts, "output"), count_of(counts, "reasoning")]
    fresh, output, reasoning = (count or 0 for count in stated)
    read = count_of(counts, "cache", "read")
    write = count_of(counts, "cache", "write")
    cached = (read or 0) + (write or 0)
    if not any((fresh, output, reasoning, cached)):
        return Tokens()
    total = _output(output, reasoning, count_of(counts, "total"), fresh + cached, version)
    hidden = reasoning == 0 and any(block.type == "thinking" for block in blocks)
    known = total is not None and stated[2] is not None and not hidden
    return Tokens(
        input=fresh + cached if stated[0] is not None else None,
        cache_read=read if stated[0] is not None else None,
        cache_write=write if stated[0] is not None else None,
        output=total or None,
        reasoning=reasoning if known and total else None,
    )


def _output(output: int, reasoning: int, total: int | None, prompt: int, version: tuple[int, ...] | None) -> int | None:
    """Output with reasoning; None when it cannot be told whether `output` has it inside."""
    if reasoning == 0 or output < reasoning or total == prompt + output + reasoning:
        return output + reasoning
    if total == prompt + output:
        return output
    if version is None:
        return None
    return output + reasoning if version >= _OUTPUT_WITHOUT_REASONING else output
