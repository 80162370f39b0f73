"""Each metric declared once: name, unit, formula, and which of its values are of which kind.

Tables, headers, JSON keys and the glossary in the docs are made from these declarations.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, cast

import numpy as np
from numpy.typing import NDArray

from latprof.classes import dataclass
from latprof.model import Kind
from latprof.trace import Trace
from latprof.trace.lazy import Lazy
from latprof.trace.numbers import nothing

__all__ = ["METRICS", "Metric", "metric"]

Floats = NDArray[np.float64]
Side = Literal["upper", "lower"]


@dataclass(frozen=True, slots=True)
class Metric:
    """A quantity of a call.

    `values` gives, per kind, one value per call with NaN where the call has none of that kind.
    `side` says on which side a bound lies: 'upper' means that the true value is at most this.
    """

    key: str
    label: str
    unit: str
    lower_is_better: bool | None
    formula: str
    values: Callable[[Trace], Mapping[Kind, Floats]]
    side: Side | None = None
    otel: str | None = None


def _of_kind(kind: Kind, name: str) -> Callable[[Trace], Mapping[Kind, Floats]]:
    """A column that is of one kind for all calls."""
    return lambda trace: _made_late((kind,), lambda _: trace.column(name))


def _exact_or_estimate(name: str) -> Callable[[Trace], Mapping[Kind, Floats]]:
    """Exact where stated; as an estimate every call that a model was fitted to, stated ones included."""

    def values(trace: Trace) -> Mapping[Kind, Floats]:
        def make(kind: str) -> Floats:
            found: Floats = trace.estimated(name) if kind == "estimate" else getattr(trace, name)
            return found

        return _made_late(("exact",) if trace.estimates is None else ("exact", "estimate"), make)

    return values


def _by_sight(name: str) -> Callable[[Trace], Mapping[Kind, Floats]]:
    """Exact where send time and end are stated, else a bound."""

    def values(trace: Trace) -> Mapping[Kind, Floats]:
        def make(kind: str) -> Floats:
            column: Floats = trace.column(name)
            if not trace.wall_exactly.any():
                return nothing(len(trace)) if kind == "exact" else column
            return np.where(trace.wall_exactly == (kind == "exact"), column, np.nan)

        return _made_late(("exact", "bound"), make)

    return values


def _made_late(kinds: tuple[Kind, ...], make: Callable[[str], Floats]) -> Mapping[Kind, Floats]:
    """Values of each kind, made when they are first asked for."""
    found: Any = Lazy(kinds, make)
    return cast("Mapping[Kind, Floats]", found)


METRICS: Final[tuple[Metric, ...]] = (
    Metric(
        "ttft_s", "time to first token", "s", True,
        "first token - sent, where the log states both; else estimated from the ends of blocks of many calls",
        _exact_or_estimate("ttft_s"),
        otel="gen_ai.client.operation.time_to_first_chunk",
    ),
    Metric(
        "first_block_s", "time to end of first block", "s", True,
        "end of first block, or an earlier output that the log shows, - sent; the first token came before it",
        _of_kind("bound", "first_block_s"), "upper",
    ),
    Metric(
        "wall_s", "time of whole call", "s", True,
        "last output - sent, complete calls; an upper bound where send time or end is not stated",
        _by_sight("wall_s"), "upper", "gen_ai.client.operation.duration",
    ),
    Metric(
        "decode_tps", "decode speed", "tok/s", False,
        "(output_tokens - 1) / (last output - first token), where the log states both; else estimated",
        _exact_or_estimate("decode_tps"),
    ),
    Metric(
        "wall_tps", "tokens per second of whole call", "tok/s", False,
        "output_tokens / wall_s; a lower bound where send time or end is not stated",
        _by_sight("wall_tps"), "lower",
    ),
    Metric(
        "as_logged_ttft_s", "as-logged TTFT", "s", None,
        "end of first block - trigger line: the obvious formula, wrong by the first block's time",
        _of_kind("as_logged", "as_logged_ttft_s"),
    ),
    Metric(
        "as_logged_decode_tps", "as-logged decode", "tok/s", None,
        "output_tokens / (last line - first line): the obvious formula, wrong by the first block's time",
        _of_kind("as_logged", "as_logged_decode_tps"),
    ),
    Metric(
        "output_tokens", "output tokens", "tokens", None, "final count of the response",
        _of_kind("exact", "output_tokens"), otel="gen_ai.usage.output_tokens",
    ),
    Metric(
        "reasoning_tokens", "reasoning tokens", "tokens", None, "part of the output tokens, where stated",
        _of_kind("exact", "reasoning_tokens"), otel="gen_ai.usage.reasoning.output_tokens",
    ),
    Metric(
        "input_tokens", "input tokens", "tokens", None, "all input, cached included",
        _of_kind("exact", "input_tokens"), otel="gen_ai.usage.input_tokens",
    ),
    Metric(
        "cache_read_tokens", "input tokens from cache", "tokens", None, "part of the input read from the cache",
        _of_kind("exact", "cache_read_tokens"), otel="gen_ai.usage.cache_read.input_tokens",
    ),
    Metric(
        "cache_write_tokens", "input tokens to cache", "tokens", None, "part of the input written to the cache",
        _of_kind("exact", "cache_write_tokens"), otel="gen_ai.usage.cache_creation.input_tokens",
    ),
    Metric(
        "cache_hit_share", "cache hit share", "share", False, "cache_read_tokens / input_tokens",
        _of_kind("exact", "cache_hit_share"),
    ),
    Metric(
        "tool_s", "time of tools", "s", True,
        "last tool result - end of the first tool call; includes permission waits and hooks",
        _of_kind("bound", "tool_s"), "upper",
    ),
    Metric(
        "attempts", "attempts", "1", True, "attempts that the log shows; silent ones are not counted",
        _of_kind("bound", "attempts"), "lower",
    ),
)  # fmt: skip

_BY_KEY: Final = {item.key: item for item in METRICS}


def metric(key: str) -> Metric:
    """The metric with this key. Raises KeyError."""
    return _BY_KEY[key]
