"""Token counts under the many names that instrumentations give them."""

from __future__ import annotations

from typing import Final

from latprof.classes import dataclass
from latprof.formats.records import Record, count_of
from latprof.model import Call

__all__ = ["Tokens", "tokens_of"]

_INPUT: Final = (
    "gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens", "ai.usage.inputTokens", "ai.usage.promptTokens",
    "input_token_count", "input_tokens",
)  # fmt: skip
_OUTPUT: Final = (
    "gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens", "ai.usage.outputTokens",
    "ai.usage.completionTokens", "output_token_count", "output_tokens",
)  # fmt: skip
_REASONING: Final = (
    "gen_ai.usage.reasoning.output_tokens", "gen_ai.usage.reasoning_tokens", "ai.usage.reasoningTokens",
    "reasoning_token_count", "thoughts_token_count",
)  # fmt: skip
_READ: Final = (
    "gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_read_input_tokens", "ai.usage.cachedInputTokens",
    "cached_content_token_count", "cached_token_count", "cache_read_tokens",
)  # fmt: skip
_WRITTEN: Final = (
    "gen_ai.usage.cache_creation.input_tokens", "gen_ai.usage.cache_creation_input_tokens", "cache_creation_tokens",
)  # fmt: skip


@dataclass(slots=True)
class Tokens:
    """The counts of one call; cached ones are part of the input, reasoning is part of the output."""

    input: int | None
    read: int | None
    written: int | None
    output: int | None
    reasoning: int | None

    def give(self, call: Call) -> None:
        """Write them into the call."""
        call.input_tokens, call.cache_read_tokens, call.cache_write_tokens = self.input, self.read, self.written
        call.output_tokens, call.reasoning_tokens = self.output, self.reasoning
        call.output_tokens_source = None if self.output is None else "usage"


def tokens_of(attributes: Record, *, cache_apart: bool = False, thoughts_apart: bool = False) -> Tokens:
    """The counts in a span's or event's attributes.

    `cache_apart`: the input leaves out what came from or went to the cache, which some
    instrumentations do against the convention; it shows where the cached part is the larger one.
    `thoughts_apart`: the output leaves out reasoning.
    """
    read, written = _first(attributes, _READ), _first(attributes, _WRITTEN)
    whole, cached = _first(attributes, _INPUT), (read or 0) + (written or 0)
    if whole is not None and (cache_apart or cached > whole):
        whole += cached
    output, reasoning = _first(attributes, _OUTPUT), _first(attributes, _REASONING)
    if thoughts_apart and output is not None:
        output += reasoning or 0
    output = output or None
    reasoning = None if reasoning is None or output is None or reasoning > output else reasoning
    return Tokens(whole, read, written, output, reasoning)


def _first(attributes: Record, names: tuple[str, ...]) -> int | None:
    return next((count for name in names if (count := count_of(attributes, name)) is not None), None)
