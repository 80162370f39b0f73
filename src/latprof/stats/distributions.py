"""How values of calls spread, as smooth curves, what the obvious formula says of the same calls beside it."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from latprof.classes import dataclass
from latprof.metrics import metric
from latprof.model import Kind
from latprof.trace import Trace

__all__ = ["MIN_SPREAD_CALLS", "Choice", "Spread", "best_choice", "spreads"]

Floats = NDArray[np.float64]

# As many as a 90th percentile needs: fewer give a curve of accidents.
MIN_SPREAD_CALLS: Final = 30
_NEARLY_ALL: Final = 0.9
_MOST: Final = 0.5
_PLACES: Final = 120
_FINE: Final = 8
_TAIL: Final = 0.005
_WIDEST: Final = 1e4
# What may stand for a metric, best first, and what the obvious formula calls it.
_STANDS_FOR: Final[dict[str, tuple[tuple[str, Kind], ...]]] = {
    "ttft_s": (("ttft_s", "exact"), ("ttft_s", "estimate"), ("first_block_s", "bound")),
    "decode_tps": (("decode_tps", "exact"), ("decode_tps", "estimate")),
    "wall_s": (("wall_s", "exact"), ("wall_s", "bound")),
}
_OBVIOUS: Final = {"ttft_s": "as_logged_ttft_s", "decode_tps": "as_logged_decode_tps"}


@dataclass(frozen=True, slots=True)
class Choice:
    """The metric and kind by which a set of calls is best shown, and how many calls have it."""

    metric: str
    kind: Kind
    n: int


@dataclass(frozen=True, slots=True)
class Spread:
    """A density over the logarithm of `n` values: `heights` at the places `x`, in the metric's unit.

    All spreads that are made together share their places. `beyond` is the share of values outside them.
    `best_median`, of as-logged spreads, is the median of the best figures of the same `n` calls.
    """

    metric: str
    kind: Kind
    n: int
    median: float
    x: tuple[float, ...]
    heights: tuple[float, ...]
    beyond: float
    best_median: float | None = None


def best_choice(trace: Trace, wanted: str) -> Choice | None:
    """Exact where nearly all calls that have an estimate state it, else estimate, else a bound; None for neither."""
    found: dict[Kind, Choice] = {}
    for key, kind in _STANDS_FOR[wanted]:
        values = metric(key).values(trace).get(kind)
        n = 0 if values is None else int((~np.isnan(values)).sum())
        if n:
            found[kind] = Choice(key, kind, n)
    exact, estimate, bound = found.get("exact"), found.get("estimate"), found.get("bound")
    best = exact
    if estimate is not None and (exact is None or exact.n < _NEARLY_ALL * estimate.n):
        best = estimate
    if bound is not None and (best is None or (best.n < _MOST * len(trace) and best.n < bound.n)):
        best = bound
    return best


def spreads(groups: dict[str, Trace], wanted: str) -> dict[str, tuple[Spread, ...]]:
    """Per group the best figures of 'ttft_s' or 'decode_tps', then what the obvious formula says of the same calls.

    Groups with fewer than `MIN_SPREAD_CALLS` such values are left out; a bound stands alone.
    """
    samples = {name: found for name, trace in groups.items() if (found := _samples(trace, wanted))}
    every = [values for found in samples.values() for _, values, _ in found]
    if not every:
        return {}
    low = min(float(np.quantile(values, _TAIL)) for values in every)
    high = max(float(np.quantile(values, 1 - _TAIL)) for values in every)
    low = max(low, high / _WIDEST)
    if not high > low:
        low, high = low / 2, high * 2
    return {
        name: tuple(_spread(choice, values, (low, high), best) for choice, values, best in found)
        for name, found in samples.items()
    }


def _samples(trace: Trace, wanted: str) -> list[tuple[Choice, Floats, float | None]]:
    """Values above zero: a row per call, for estimates with the values of equal weight that stand for it.

    As-logged values come with the median of the best values of the same calls.
    """
    choice = best_choice(trace, wanted)
    if choice is None or choice.n < MIN_SPREAD_CALLS:
        return []
    values = _values(trace, choice)
    rows = np.flatnonzero(np.all(values > 0, axis=1))
    if len(rows) < MIN_SPREAD_CALLS:
        return []
    found: list[tuple[Choice, Floats, float | None]] = [
        (Choice(choice.metric, choice.kind, len(rows)), values[rows], None)
    ]
    if choice.kind != "bound":
        logged = trace.column(_OBVIOUS[wanted])[rows]
        best = values[rows][logged > 0]
        logged = logged[logged > 0]
        if len(logged) >= MIN_SPREAD_CALLS:
            found.append((Choice(_OBVIOUS[wanted], "as_logged", len(logged)), logged[:, None], float(np.median(best))))
    return found


def _values(trace: Trace, choice: Choice) -> Floats:
    if choice.kind == "estimate" and trace.estimates is not None:
        return trace.estimates.values[choice.metric]
    return metric(choice.metric).values(trace)[choice.kind][:, None]


def _spread(choice: Choice, values: Floats, ends: tuple[float, float], best_median: float | None) -> Spread:
    """A Gaussian kernel over log values; its width by Silverman's rule of thumb.

    Silverman, Density Estimation for Statistics and Data Analysis (1986), section 3.4.2, equation 3.31.
    """
    logs = np.log(values).ravel()
    start, end = map(math.log, ends)
    counts, edges = np.histogram(logs, bins=_PLACES * _FINE, range=(start, end))
    step = float(edges[1] - edges[0])
    width = max(_silverman(logs, choice.n), step * _FINE)  # no narrower than the places are apart
    reach = min(math.ceil(4 * width / step), len(counts) // 2 - 1)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) * step / width) ** 2)
    smooth = np.convolve(counts / len(logs), kernel / kernel.sum(), mode="same") / step
    middles = np.exp((edges[:-1] + edges[1:]) / 2)
    chosen = slice(_FINE // 2, None, _FINE)
    return Spread(
        metric=choice.metric,
        kind=choice.kind,
        n=choice.n,
        median=float(np.median(values)),
        x=tuple(float(place) for place in middles[chosen]),
        heights=tuple(float(height) for height in smooth[chosen]),
        beyond=1 - float(counts.sum()) / len(logs),
        best_median=best_median,
    )


def _silverman(logs: Floats, n: int) -> float:
    low, high = np.quantile(logs, (0.25, 0.75))
    spread = min(float(logs.std()), float(high - low) / 1.34) or float(logs.std())
    return 0.9 * spread * float(n**-0.2)
