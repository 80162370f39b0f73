"""Token counts in the spellings of the services that OpenHands talks to."""

from __future__ import annotations

from latprof.formats.records import Record, count_of
from latprof.model import Call

__all__ = ["set_tokens"]

_INPUT = (("prompt_tokens",), ("input_tokens",))
_OUTPUT = (("completion_tokens",), ("output_tokens",))
_READ = (
    ("cache_read_tokens",),
    ("cache_read_input_tokens",),
    ("prompt_tokens_details", "cached_tokens"),
    ("input_tokens_details", "cached_tokens"),
)
_WRITTEN = (("cache_write_tokens",), ("cache_creation_input_tokens",))
_REASONING = (
    ("reasoning_tokens",),
    ("completion_tokens_details", "reasoning_tokens"),
    ("output_tokens_details", "reasoning_tokens"),
)


def set_tokens(call: Call, usage: Record) -> None:
    """The first spelling that is there; parts that are larger than their whole make it unknown."""
    call.output_tokens = _first(usage, _OUTPUT) or None
    call.output_tokens_source = "usage" if call.output_tokens else None
    call.input_tokens = _first(usage, _INPUT) or None
    call.cache_read_tokens = _first(usage, _READ)
    call.cache_write_tokens = _first(usage, _WRITTEN)
    if call.input_tokens is not None and _cached(call) > call.input_tokens:
        call.input_tokens = None
    reasoning = _first(usage, _REASONING) or None
    call.reasoning_tokens = reasoning if reasoning and reasoning <= (call.output_tokens or 0) else None


def _cached(call: Call) -> int:
    return (call.cache_read_tokens or 0) + (call.cache_write_tokens or 0)


def _first(usage: Record, spellings: tuple[tuple[str, ...], ...]) -> int | None:
    return next((count for path in spellings if (count := count_of(usage, *path)) is not None), None)
