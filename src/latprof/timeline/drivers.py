"""What goes with long waits and slow decoding: differences at the median, with intervals.

Two groups of calls are compared inside strata that are alike in the rest (same agent and model,
similar input), and the strata's differences of medians are averaged with weights n1 n2 / (n1 + n2),
as in direct standardisation. The 95 % interval resamples whole sessions (Davison and Hinkley,
Bootstrap Methods and their Application, 1997, section 3.8) with a fixed seed. These are differences
that go together with something, not proofs that it causes them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, tzinfo
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from latprof.classes import dataclass
from latprof.model import Kind
from latprof.timeline.measures import DRIVEN, Driven, Measure, measure
from latprof.trace import Trace

__all__ = ["Comparison", "Effect", "effects"]

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Ints = NDArray[np.int64]
# A median needs six calls, as everywhere; an interval five sessions on either side.
_MIN_CALLS: Final = 6
_MIN_SESSIONS: Final = 5
_RESAMPLES: Final = 300
_SEED: Final = 11
_MISS_SHARE: Final = 0.1
_HIT_SHARE: Final = 0.5
_MIN_INPUT: Final = 1000
_SHOWN_LEVELS: Final = 6


@dataclass(frozen=True)
class Comparison:
    """Calls of `level` against calls of `against`, for one factor."""

    factor: str
    level: str
    against: str
    inside: Mask
    outside: Mask


@dataclass(frozen=True, slots=True)
class Effect:
    """How much higher the median is in `level` than in `against`, in the metric's unit.

    `base` is the median of the calls compared with. `refused` says why there is no difference;
    `interval` is None with too few sessions. `strata` tells in how many alike groups both occur.
    """

    metric: Driven
    unit: str
    kind: Kind
    factor: str
    level: str
    against: str
    difference: float | None
    interval: tuple[float, float] | None
    base: float | None
    n: int
    n_against: int
    sessions: int
    strata: int
    refused: str = ""

    @property
    def clear(self) -> bool:
        """Whether the interval leaves out 0."""
        return self.interval is not None and (self.interval[0] > 0 or self.interval[1] < 0)


def effects(trace: Trace, tz: tzinfo = UTC) -> list[Effect]:
    """All comparisons for time to first token and decode speed that the trace has calls for."""
    found: list[Effect] = []
    sessions = np.unique(trace.texts["session_id"].astype(str), return_inverse=True)[1]
    for metric in DRIVEN:
        values = measure(trace, metric)
        known = ~np.isnan(values.values)
        compared = _comparisons(trace, known, tz)
        found += [_effect(values, item, _strata(trace, item.factor, known), sessions) for item in compared]
    return found


def _strata(trace: Trace, factor: str, known: Mask) -> Ints:
    """The number of the group of alike calls that each call is in."""
    keys: list[NDArray[np.object_] | Ints] = [trace.texts["agent"]]
    if factor != "model":
        keys.append(trace.texts["model"])
    if factor not in {"input", "uncached input"}:
        keys.append(_thirds(trace.numbers["input_tokens"], known)[0])
    joined = ["\x00".join(map(str, key)) for key in zip(*(key.tolist() for key in keys), strict=True)]
    return np.unique(np.array(joined, dtype=str), return_inverse=True)[1].astype(np.int64)


def _thirds(tokens: Floats, known: Mask) -> tuple[Ints, tuple[float, float]]:
    """Which third of the known values each call is in (-1: unknown), and the two edges."""
    there = known & ~np.isnan(tokens)
    if not there.any():
        return np.full(len(tokens), -1), (np.nan, np.nan)
    low, high = np.quantile(tokens[there], [1 / 3, 2 / 3])
    third = np.where(np.isnan(tokens), -1, (tokens > low).astype(np.int64) + (tokens > high))
    return third.astype(np.int64), (float(low), float(high))


def _comparisons(trace: Trace, known: Mask, tz: tzinfo) -> Iterator[Comparison]:
    yield from _by_cache(trace, known)
    read = np.nan_to_num(trace.numbers["cache_read_tokens"])
    for factor, tokens in (
        ("input", trace.numbers["input_tokens"]),
        ("uncached input", trace.numbers["input_tokens"] - read),
    ):
        yield from _by_size(factor, tokens, known)
    yield from _by_text(known, "model", trace.texts["model"])
    for factor in ("effort", "engineer", "host"):
        yield from _by_text(known, factor, trace.texts[factor])
    yield from _by_version(trace, known)
    attempts = trace.numbers["attempts"]
    yield Comparison(
        "attempt", "answered after a failed attempt", "first attempt", known & (attempts > 1), known & (attempts == 1)
    )
    yield from _by_clock(trace, known, tz)


def _by_cache(trace: Trace, known: Mask) -> Iterator[Comparison]:
    share = trace.cache_hit_share
    big = known & (trace.numbers["input_tokens"] >= _MIN_INPUT)
    yield Comparison("cache", "cache miss", "cache hit", big & (share < _MISS_SHARE), big & (share >= _HIT_SHARE))


def _by_size(factor: str, tokens: Floats, known: Mask) -> Iterator[Comparison]:
    third, (low, high) = _thirds(tokens, known)
    if not np.isnan(low) and high > low:
        names = f"{factor} over {_thousands(high)}", f"up to {_thousands(low)}"
        yield Comparison(factor, *names, known & (third == 2), known & (third == 0))


def _thousands(tokens: float) -> str:
    return f"{tokens / 1000:.0f}k tokens" if tokens >= 9_950 else f"{tokens:,.0f} tokens"


def _by_text(known: Mask, factor: str, column: NDArray[np.object_]) -> Iterator[Comparison]:
    """Every value against the most frequent one."""
    counts = Counter(value for value, there in zip(column, known, strict=True) if there and value is not None)
    if len(counts) < 2:
        return
    most = counts.most_common(_SHOWN_LEVELS)
    base = most[0][0]
    for value, _ in most[1:]:
        yield Comparison(factor, str(value), str(base), known & (column == value), known & (column == base))


def _by_version(trace: Trace, known: Mask) -> Iterator[Comparison]:
    """Each of the most frequent versions of an agent against the one before it."""
    agents, versions = trace.texts["agent"], trace.texts["agent_version"]
    for agent in dict.fromkeys(agents):
        mine = known & (agents == agent)
        counts = Counter(
            version for version, there in zip(versions, mine, strict=True) if there and version is not None
        )
        often = sorted((name for name, _ in counts.most_common(_SHOWN_LEVELS)), key=_version_key)
        for before, after in pairwise(often):
            names = f"{agent} {after}", f"{agent} {before}"
            yield Comparison("version", *names, mine & (versions == after), mine & (versions == before))


def _version_key(version: str) -> tuple[tuple[int, str], ...]:
    parts = version.replace("-", ".").split(".")
    return tuple((int(part), "") if part.isdecimal() else (-1, part) for part in parts)


def _by_clock(trace: Trace, known: Mask, tz: tzinfo) -> Iterator[Comparison]:
    sent = trace.column("sent_at")
    dated = known & ~np.isnan(sent)
    moments = [datetime.fromtimestamp(at, tz) if there else None for at, there in zip(sent, dated, strict=True)]
    hours = np.array([-1 if moment is None else moment.hour for moment in moments])
    weekend = np.array([moment is not None and moment.isoweekday() > 5 for moment in moments], dtype=np.bool_)
    for start in (0, 6, 12, 18):
        inside = dated & (hours >= start) & (hours < start + 6)
        yield Comparison("hour", f"{start:02d} to {start + 6:02d} h", "other hours", inside, dated & ~inside)
    yield Comparison("weekday", "weekend", "Monday to Friday", dated & weekend, dated & ~weekend)


def _effect(values: Measure, item: Comparison, strata: Ints, sessions: Ints) -> Effect:
    samples = list(_samples(values.values, item, strata, sessions))
    n, n_against = int(item.inside.sum()), int(item.outside.sum())
    common = (values.metric, values.unit, values.kind, item.factor, item.level, item.against)
    if not samples:
        why = _why_refused(n, n_against)
        return Effect(*common, None, None, None, n, n_against, 0, 0, why)
    used = np.concatenate([part.sessions for pair in samples for part in pair])
    weight = np.ones(int(sessions.max()) + 1)
    difference, base = _difference(samples, weight)
    sides = [np.unique(np.concatenate([pair[side].sessions for pair in samples])) for side in (0, 1)]
    enough = min(map(len, sides)) >= _MIN_SESSIONS
    interval = _interval(samples, np.unique(used), len(weight)) if enough else None
    counts = (sum(len(pair[0].values) for pair in samples), sum(len(pair[1].values) for pair in samples))
    return Effect(*common, difference, interval, base, *counts, len(np.unique(used)), len(samples))


def _why_refused(n: int, n_against: int) -> str:
    if min(n, n_against) < _MIN_CALLS:
        return f"needs {_MIN_CALLS} calls on both sides, has {n:,} and {n_against:,}"
    return f"no model and size of input has {_MIN_CALLS} calls on both sides"


@dataclass(frozen=True)
class _Sample:
    """Values from small to large, and the session of each."""

    values: Floats
    sessions: Ints

    def median(self, weight: Floats) -> tuple[float, float]:
        """The median under weights of sessions, and the summed weight; NaN where that is 0."""
        weights = weight[self.sessions]
        reach = np.cumsum(weights)
        if reach[-1] <= 0:
            return np.nan, 0.0
        half = reach[-1] / 2
        low, high = np.searchsorted(reach, [half - 1e-9, half + 1e-9])
        return float(self.values[low] + self.values[min(high, len(self.values) - 1)]) / 2, float(reach[-1])


def _samples(values: Floats, item: Comparison, strata: Ints, sessions: Ints) -> Iterator[tuple[_Sample, _Sample]]:
    """Both sides of each stratum in which both have calls enough."""
    for number in np.unique(strata[item.inside | item.outside]):
        sides = [np.flatnonzero(side & (strata == number)) for side in (item.inside, item.outside)]
        if min(map(len, sides)) >= _MIN_CALLS:
            first, second = (_sample(values, rows, sessions) for rows in sides)
            yield first, second


def _sample(values: Floats, rows: Ints, sessions: Ints) -> _Sample:
    order = rows[np.argsort(values[rows], kind="stable")]
    return _Sample(values[order], sessions[order])


def _difference(samples: Sequence[tuple[_Sample, _Sample]], weight: Floats) -> tuple[float, float]:
    """Averages over strata: difference of medians, and the median of the side compared with."""
    sums = np.zeros(3)
    for inside, outside in samples:
        (one, count), (other, count_other) = inside.median(weight), outside.median(weight)
        if count and count_other:
            share = count * count_other / (count + count_other)
            sums += share * np.array([one - other, other, 1.0])
    return (float(sums[0] / sums[2]), float(sums[1] / sums[2])) if sums[2] else (np.nan, np.nan)


def _interval(samples: Sequence[tuple[_Sample, _Sample]], labels: Ints, size: int) -> tuple[float, float] | None:
    random = np.random.default_rng(_SEED)
    found = []
    for _ in range(_RESAMPLES):
        drawn = random.choice(labels, size=len(labels))
        found.append(_difference(samples, np.bincount(drawn, minlength=size).astype(np.float64))[0])
    kept = np.array(found)[~np.isnan(found)]
    if len(kept) < _RESAMPLES / 2:
        return None
    low, high = np.quantile(kept, [0.025, 0.975])
    return float(low), float(high)
