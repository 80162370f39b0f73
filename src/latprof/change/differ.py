"""Two sets of calls: what changed in each percentile, with and without the change of work."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, tzinfo
from typing import Final

import numpy as np
from numpy.typing import NDArray

from latprof.change.mix import Mix, cells_of, mix_of, overlap_weights
from latprof.classes import dataclass
from latprof.errors import UsageError
from latprof.metrics import Metric, metric
from latprof.model import Kind
from latprof.stats.difference import Change, verdict
from latprof.stats.grouping import BY_KEYS
from latprof.stats.samples import Sample, best_kind, samples, unit_labels
from latprof.trace import Trace

__all__ = ["DIFF_METRICS", "MATCH_KEYS", "Comparison", "Difference", "compare_traces"]

_Ints = NDArray[np.int64]

MATCH_KEYS: Final = ("trigger", "model", "context")
DIFF_METRICS: Final = (
    "ttft_s", "first_block_s", "wall_s", "decode_tps", "wall_tps", "tool_s", "output_tokens", "reasoning_tokens",
    "input_tokens", "cache_hit_share",
)  # fmt: skip
# What describes the work itself is shown as it is: matched it could only be the same.
_WORK: Final = frozenset({"output_tokens", "reasoning_tokens", "input_tokens", "cache_hit_share"})


@dataclass(frozen=True, slots=True)
class Difference:
    """One percentile of one metric and kind: as it is, and matched; `word` judges the matched one.

    `matched` is None for metrics that describe the work itself; then `word` judges the plain change.
    """

    metric: Metric
    kind: Kind
    probability: float
    plain: Change
    matched: Change | None
    word: str

    @property
    def judged(self) -> Change:
        """The change that `word` is about."""
        return self.plain if self.matched is None else self.matched


@dataclass(frozen=True, slots=True)
class Comparison:
    """Everything that was compared. `missing` names metrics that one side lacks, or has in another kind."""

    names: tuple[str, str]
    calls: tuple[int, int]
    sessions: tuple[int, int]
    mix: Mix
    differences: tuple[Difference, ...]
    missing: tuple[str, ...]
    shared_calls: int


def compare_traces(
    before: Trace,
    after: Trace,
    *,
    names: tuple[str, str] = ("A", "B"),
    match: Sequence[str] = MATCH_KEYS,
    quantiles: Sequence[float] = (0.5, 0.9),
    independent: bool = False,
    tz: tzinfo = UTC,
) -> Comparison:
    """Compare two traces, with estimates where they are to be compared too.

    Calls are matched by the grouping keys `match`; `independent` takes calls, not sessions, as what varies
    by itself. Raises UsageError for an unknown key or an empty side.
    """
    unknown = [key for key in match if key not in BY_KEYS]
    if unknown:
        raise UsageError(f"Cannot match by {', '.join(unknown)}: choose from {', '.join(BY_KEYS)}.")
    for trace, name in zip((before, after), names, strict=True):
        if not len(trace):
            raise UsageError(f"{name} holds no calls: nothing can be compared with it.")
    cells = cells_of(before, after, match, tz)
    units = tuple(unit_labels(trace, independent=independent) for trace in (before, after))
    found: list[Difference] = []
    missing: list[str] = []
    for key in DIFF_METRICS:
        declared = metric(key)
        sides = (samples(before, declared, units[0]), samples(after, declared, units[1]))
        kind = best_kind(sides)
        if kind is None:
            missing += [_missing(key, sides, names)] if any(sides) else []
            continue
        pair = (sides[0][kind], sides[1][kind])
        found += _differences(pair, cells[:2], quantiles)
    common = set(before.texts["call_id"]) & set(after.texts["call_id"])
    return Comparison(
        names,
        (len(before), len(after)),
        (len(set(before.texts["session_id"])), len(set(after.texts["session_id"]))),
        mix_of(*cells[:2], match, cells[2]),
        tuple(found),
        tuple(missing),
        len(common),
    )


def _differences(
    pair: tuple[Sample, Sample], cells: tuple[_Ints, _Ints], quantiles: Sequence[float]
) -> Iterator[Difference]:
    declared, kind = pair[0].metric, pair[0].kind
    matched = None if declared.key in _WORK else _weighted(pair, cells)
    for probability in quantiles:
        plain = Change(pair[0].percentile(probability), pair[1].percentile(probability))
        change = None
        if matched is not None:
            change = Change(matched[0].percentile(probability), matched[1].percentile(probability))
        word = verdict(plain if change is None else change, declared, kind)
        yield Difference(declared, kind, probability, plain, change, word)


def _weighted(pair: tuple[Sample, Sample], cells: tuple[_Ints, _Ints]) -> tuple[Sample, Sample]:
    """Both samples with the weights that give them the same mix; calls without a counterpart are left out."""
    own = [side[sample.rows] for sample, side in zip(pair, cells, strict=True)]
    weights = overlap_weights(own[0], own[1])
    first, second = (_kept(sample, weight) for sample, weight in zip(pair, weights, strict=True))
    return first, second


def _kept(sample: Sample, weights: NDArray[np.float64]) -> Sample:
    keep = weights > 0
    return replace(
        sample,
        rows=sample.rows[keep],
        values=sample.values[keep],
        drawn=sample.drawn[keep],
        sessions=sample.sessions[keep],
        weights=weights[keep],
    )


def _missing(key: str, sides: tuple[dict[Kind, Sample], dict[Kind, Sample]], names: tuple[str, str]) -> str:
    def kinds(side: dict[Kind, Sample]) -> str:
        return " and ".join(kind for kind in side if kind != "as_logged") or "none"

    return f"{key} ({names[0]}: {kinds(sides[0])}, {names[1]}: {kinds(sides[1])})"
