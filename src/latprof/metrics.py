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


def _exact(name: str) -> Callable[[Trace], Mapping[Kind, Floats]]:
    return lambda trace: {"exact": trace.column(name)}


def _exact_or_estimate(name: str) -> Callable[[Trace], Mapping[Kind, Floats]]:
    """Exact where stated; as an estimate every call that a model was fitted to, stated ones included."""

    def values(trace: Trace) -> Mapping[Kind, Floats]:
        def make(kind: str) -> Floats:
            found: Floats = trace.estimated(name) if kind == "estimate" else getattr(trace, name)
            return found

        kinds: Any = Lazy(("exact",) if trace.estimates is None else ("exact", "estimate"), make)
        return cast("Mapping[Kind, Floats]", kinds)

    return values


def _bound(name: str) -> Callable[[Trace], Mapping[Kind, Floats]]:
    return lambda trace: {"bound": trace.column(name)}


def _as_logged(name: str) -> Callable[[Trace], Mapping[Kind, Floats]]:
    return lambda trace: {"as_logged": trace.column(name)}


def _by_sight(name: str) -> Callable[[Trace], Mapping[Kind, Floats]]:
    """Exact where send time and end are stated, else a bound."""

    def values(trace: Trace) -> dict[Kind, Floats]:
        column = trace.column(name)
        if not trace.wall_exactly.any():  # seen at one look to be nothing
            return {"exact": np.broadcast_to(np.nan, len(trace)), "bound": column}
        return {
            "exact": np.where(trace.wall_exactly, column, np.nan),
            "bound": np.where(trace.wall_exactly, np.nan, column),
        }

    return values


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
        _bound("first_block_s"), "upper",
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
        _as_logged("as_logged_ttft_s"),
    ),
    Metric(
        "as_logged_decode_tps", "as-logged decode", "tok/s", None,
        "output_tokens / (last line - first line): the obvious formula, wrong by the first block's time",
        _as_logged("as_logged_decode_tps"),
    ),
    Metric(
        "output_tokens", "output tokens", "tokens", None, "final count of the response",
        _exact("output_tokens"), otel="gen_ai.usage.output_tokens",
    ),
    Metric(
        "reasoning_tokens", "reasoning tokens", "tokens", None, "part of the output tokens, where stated",
        _exact("reasoning_tokens"), otel="gen_ai.usage.reasoning.output_tokens",
    ),
    Metric(
        "input_tokens", "input tokens", "tokens", None, "all input, cached included",
        _exact("input_tokens"), otel="gen_ai.usage.input_tokens",
    ),
    Metric(
        "cache_read_tokens", "input tokens from cache", "tokens", None, "part of the input read from the cache",
        _exact("cache_read_tokens"), otel="gen_ai.usage.cache_read.input_tokens",
    ),
    Metric(
        "cache_write_tokens", "input tokens to cache", "tokens", None, "part of the input written to the cache",
        _exact("cache_write_tokens"), otel="gen_ai.usage.cache_creation.input_tokens",
    ),
    Metric(
        "cache_hit_share", "cache hit share", "share", False, "cache_read_tokens / input_tokens",
        _exact("cache_hit_share"),
    ),
    Metric(
        "tool_s", "time of tools", "s", True,
        "last tool result - end of the first tool call; includes permission waits and hooks",
        _bound("tool_s"), "upper",
    ),
    Metric(
        "attempts", "attempts", "1", True, "attempts that the log shows; silent ones are not counted",
        _bound("attempts"), "lower",
    ),
)  # fmt: skip

_BY_KEY: Final = {item.key: item for item in METRICS}


def metric(key: str) -> Metric:
    """The metric with this key. Raises KeyError."""
    return _BY_KEY[key]
