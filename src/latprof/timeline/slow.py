"""The slowest calls: which they are, what is known of each, and how much of all waiting is theirs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from latprof.classes import dataclass
from latprof.model import FLAGS
from latprof.trace import Trace

__all__ = ["RANKINGS", "CallFacts", "Ranking", "SlowShare", "facts", "slow_share", "slowest"]

Floats = NDArray[np.float64]
Ranking = Literal["wall_s", "ttft_s", "tool_s"]
RANKINGS: Final[tuple[Ranking, ...]] = ("wall_s", "ttft_s", "tool_s")
_MIN_CALLS: Final = 60
_MIN_SESSIONS: Final = 5
_RESAMPLES: Final = 400
_SEED: Final = 7


@dataclass(frozen=True, slots=True)
class CallFacts:
    """What is known of one call; seconds and tokens, None where it is not known.

    `ttft_low_s` and `ttft_high_s` are the ends of an estimate's 95 % interval; `first_block_s` an
    upper bound. `remarks` are short sentences for people.
    """

    row: int
    session_id: str
    call_id: str
    agent_id: str | None
    model: str | None
    project: str | None
    trigger: str
    sent_at: float | None
    ttft_s: float | None
    ttft_kind: str | None
    ttft_low_s: float | None
    ttft_high_s: float | None
    first_block_s: float | None
    wall_s: float | None
    wall_kind: str | None
    decode_tps: float | None
    decode_kind: str | None
    tool_s: float | None
    input_tokens: int | None
    cache_read_tokens: int | None
    output_tokens: int | None
    tools: tuple[str, ...]
    remarks: tuple[str, ...]
    engineer: str | None = None
    host: str | None = None


_NUMBERS: Final = (
    "ttft_s", "ttft_low_s", "ttft_high_s", "first_block_s", "wall_s", "decode_tps", "tool_s", "sent_at",
)  # fmt: skip
_COUNTS: Final = ("input_tokens", "cache_read_tokens", "output_tokens")
_TEXTS: Final = ("agent_id", "model", "project", "engineer", "host", "ttft_kind", "wall_kind", "decode_kind")


def facts(trace: Trace, rows: Sequence[int]) -> list[CallFacts]:
    """The facts of these calls, in the order given."""
    numbers = {name: trace.column(name) for name in (*_NUMBERS, *_COUNTS)}
    texts = {name: trace.column(name) for name in _TEXTS}
    return [_facts(trace, row, numbers, texts) for row in rows]


def _facts(trace: Trace, row: int, numbers: dict[str, Floats], texts: dict[str, NDArray[np.object_]]) -> CallFacts:
    at = {name: _known(float(column[row])) for name, column in numbers.items()}
    latest = at["first_block_s"]
    if latest is not None and at["ttft_s"] is not None and latest < at["ttft_s"]:
        at["ttft_s"] = latest  # no estimate is later than what the log shows
    said = {name: column[row] for name, column in texts.items()}
    counts = {name: None if (value := at[name]) is None else int(value) for name in _COUNTS}
    tools = tuple(block.name for block in trace.blocks[row] if block.type == "tool_use" and block.name)
    return CallFacts(
        row=row,
        session_id=trace.texts["session_id"][row],
        call_id=trace.texts["call_id"][row],
        agent_id=said["agent_id"],
        model=said["model"],
        project=said["project"],
        trigger=trace.texts["trigger"][row] or "unknown",
        sent_at=at["sent_at"],
        ttft_s=at["ttft_s"],
        ttft_kind=said["ttft_kind"],
        ttft_low_s=at["ttft_low_s"],
        ttft_high_s=at["ttft_high_s"],
        first_block_s=at["first_block_s"],
        wall_s=at["wall_s"],
        wall_kind=said["wall_kind"],
        decode_tps=at["decode_tps"],
        decode_kind=said["decode_kind"],
        tool_s=at["tool_s"],
        input_tokens=counts["input_tokens"],
        cache_read_tokens=counts["cache_read_tokens"],
        output_tokens=counts["output_tokens"],
        tools=tools,
        remarks=tuple(_remarks(trace, row, counts)),
        engineer=said["engineer"],
        host=said["host"],
    )


def _remarks(trace: Trace, row: int, counts: dict[str, int | None]) -> list[str]:
    """Why it may have been slow, and what is not known."""
    found = [
        FLAGS[name].split(";")[0]
        for name in trace.flags[row]
        if name in FLAGS and name not in {"sidechain", "embedded"}
    ]
    whole, read = counts["input_tokens"], counts["cache_read_tokens"]
    if whole and read is not None and read < whole / 10 and whole >= 10_000:
        found.append("nearly nothing came from the cache")
    attempts = trace.numbers["attempts"][row]
    if attempts > 1:
        found.append(f"{attempts:.0f} attempts")
    if counts["output_tokens"] is None:
        found.append("final tokens not known")
    return found


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


def slowest(trace: Trace, ranking: Ranking = "wall_s", count: int = 20) -> list[CallFacts]:
    """The calls with the largest value, largest first. Raises KeyError for an unknown ranking."""
    if ranking not in RANKINGS:
        raise KeyError(ranking)
    values = trace.column(ranking)
    known = np.flatnonzero(~np.isnan(values))
    order = known[np.argsort(-values[known], kind="stable")]
    return facts(trace, [int(row) for row in order[:count]])


@dataclass(frozen=True, slots=True)
class SlowShare:
    """The slowest `calls_share` of `n` calls hold `waiting_share` (0 to 1) of their summed `metric`.

    `interval` is the 95 % interval, None with fewer than five sessions; `estimated` of the calls
    have an estimated value.
    """

    metric: Ranking
    calls_share: float
    n: int
    estimated: int
    sessions: int
    seconds: float
    waiting_share: float
    interval: tuple[float, float] | None


def slow_share(trace: Trace, metric: Ranking = "wall_s", calls_share: float = 0.05) -> SlowShare | None:
    """How unevenly waiting is spread; None with fewer than 60 calls.

    An estimated call counts with all values of its posterior, so that its tail is not lost. The
    interval resamples whole sessions (Davison and Hinkley, Bootstrap Methods and their Application,
    1997, section 3.8), always with the same seed.
    """
    values, rows, estimated = _values(trace, metric)
    calls = np.unique(rows)
    if len(calls) < _MIN_CALLS:
        return None
    labels, members = np.unique(trace.codes("session_id").codes[rows], return_inverse=True)
    weights = 1.0 / np.bincount(rows)[rows]
    order = np.argsort(-values, kind="stable")
    values, weights, members = values[order], weights[order], members[order]
    interval = None
    if len(labels) >= _MIN_SESSIONS:
        interval = _interval(values, weights, members, len(labels), calls_share)
    return SlowShare(
        metric, calls_share, len(calls), estimated, len(labels), float(values @ weights),
        _top_share(values, weights, calls_share), interval,
    )  # fmt: skip


def _values(trace: Trace, metric: Ranking) -> tuple[Floats, NDArray[np.int64], int]:
    """Values and the call of each: one per call, for an estimated call the values of its posterior."""
    if metric != "ttft_s" or trace.estimates is None:
        column = trace.column(metric)
        rows = np.flatnonzero(~np.isnan(column))
        return column[rows], rows, 0
    exact = trace.ttft_s
    stated = np.flatnonzero(~np.isnan(exact))
    draws = trace.estimates.values[metric]
    guessed = np.flatnonzero(np.isnan(exact) & ~np.isnan(draws[:, 0]))
    latest = np.fmin(trace.first_block_s, trace.wall_s)[guessed, None]
    values = np.concatenate([exact[stated], np.fmin(draws[guessed], latest).ravel()])
    return values, np.concatenate([stated, np.repeat(guessed, draws.shape[1])]), len(guessed)


def _top_share(values: Floats, weights: Floats, calls_share: float) -> float:
    """Part of the weighted sum that the first `calls_share` of the weight holds; values from large to small."""
    reach = np.cumsum(weights)
    total = float(values @ weights)
    if not total:
        return 0.0
    inside = np.clip(calls_share * reach[-1] - (reach - weights), 0, weights)
    return float(values @ inside) / total


def _interval(
    values: Floats, weights: Floats, members: NDArray[np.int64], sessions: int, calls_share: float
) -> tuple[float, float]:
    random = np.random.default_rng(_SEED)
    found = []
    for _ in range(_RESAMPLES):
        drawn = np.bincount(random.integers(sessions, size=sessions), minlength=sessions)
        found.append(_top_share(values, weights * drawn[members], calls_share))
    low, high = np.quantile(found, [0.025, 0.975])
    return float(low), float(high)
