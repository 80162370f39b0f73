"""Has a series changed at some moment, and when? A scan with a stated false-alarm rate.

Calls of a session are alike, so the units that are compared are sessions (or a session's days), in
the order of time. For each split the sum of what the earlier units lie off the mean is divided by its
standard error; the largest over all splits is the evidence. How large it becomes when nothing changes
is read from the same units in random orders: then every order is equally likely, whatever the
distribution (Fisher's permutation test; for the scan: Antoch and Huskova, Permutation tests in change
point analysis, Statistics and Probability Letters 53, 2001). All series are shuffled together and the
largest evidence of any of them counts, so the rate holds for all series at once, and series that
measure nearly the same cost little (Westfall and Young, Resampling-based Multiple Testing, 1993).
More changes are looked for on both sides of one that was found (binary segmentation: Vostrikova, 1981).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from latprof.classes import dataclass

__all__ = [
    "FALSE_ALARMS",
    "MIN_UNITS",
    "SHUFFLES",
    "Break",
    "Family",
    "Findings",
    "Scanned",
    "Series",
    "enough",
    "find_breaks",
    "normal_scores",
]

_Floats = NDArray[np.float64]
_Ints = NDArray[np.int64]

FALSE_ALARMS: Final = 0.005
MIN_UNITS: Final = 8
SHUFFLES: Final = 3999
_LEAST_UNITS: Final = 3
_MOST_CELLS: Final = 4_000_000
# The likelihood ratio within which the true moment lies in 95 % (Hansen, Sample splitting and threshold
# estimation, Econometrica 68, 2000, table 1).
_MOMENT_RATIO: Final = 7.35


@dataclass(frozen=True, slots=True)
class Series:
    """What each unit of a family sums up to, `totals` (units), and how much it counts, `counts` (units).

    `counts` are numbers of calls or other weights; a unit of 0 says nothing. Orders may be shuffled where totals vary
    alike, or counts come in no order of time.
    """

    name: str
    totals: _Floats
    counts: _Floats


@dataclass(frozen=True, slots=True)
class Family:
    """Series over the same units in the order of time."""

    name: str
    series: tuple[Series, ...]


@dataclass(frozen=True, slots=True)
class Break:
    """A change between two units: the later one begins at `unit`, the moment lies in `earliest` .. `latest`.

    `evidence` is the largest t of the scan, `chance` how often so much or more comes up in any series
    of all families when nothing changes. `first` and `last` are the ends of the stretch that was
    scanned (units, end exclusive).
    """

    family: str
    series: str
    unit: int
    earliest: int
    latest: int
    evidence: float
    chance: float
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Scanned:
    """The strongest evidence in a series as a whole, whether it is a change or not; names as in `Break`."""

    family: str
    series: str
    evidence: float
    chance: float


@dataclass(frozen=True, slots=True)
class Findings:
    """The changes, and what every series that could be scanned had to show."""

    breaks: tuple[Break, ...]
    scanned: tuple[Scanned, ...]


def find_breaks(families: Sequence[Family], *, level: float = FALSE_ALARMS, seed: int = 0) -> Findings:
    """Changes in any series, with at most `level` chance of any where nothing changed.

    Deterministic for a seed. Families or series with fewer than `MIN_UNITS` units that say something
    are not scanned.
    """
    rng = np.random.default_rng(seed)
    scanned = [(family, series) for family in families for series in family.series if enough(series)]
    highest = np.zeros(SHUFFLES)
    scales: dict[tuple[str, str], float] = {}
    for family in families:
        chosen = [series for series in family.series if enough(series)]
        if not chosen:
            continue
        shuffled = _shuffled(np.array([_residuals(item) for item in chosen]), rng)
        for item, row in zip(chosen, shuffled, strict=True):
            scale = max(float(np.quantile(row, 0.95)), 1e-9)
            scales[family.name, item.name] = scale
            highest = np.maximum(highest, row / scale)
    found: list[Break] = []
    seen: list[Scanned] = []
    for family, item in scanned:
        scale = scales[family.name, item.name]
        t = float(_scan(_residuals(item)).max())
        seen.append(Scanned(family.name, item.name, t, _chance(t / scale, highest)))
        found += _segment(family.name, item, (0, len(item.totals)), highest, level, rng, scale)
    return Findings(tuple(found), tuple(seen))


def _chance(height: float, highest: _Floats) -> float:
    """How often so much or more comes up where nothing changed."""
    return float((1 + (highest >= height).sum()) / (len(highest) + 1))


def enough(series: Series) -> bool:
    """Whether so many units say something, and not all the same."""
    residuals = _residuals(series)
    return int((series.counts > 0).sum()) >= MIN_UNITS and float(residuals @ residuals) > 1e-12


def _residuals(series: Series) -> _Floats:
    """What each unit's sum lies off what its calls would sum to at the mean."""
    calls = series.counts.sum()
    return series.totals - series.counts * (series.totals.sum() / calls if calls else 0.0)


def _scan(residuals: _Floats) -> _Floats:
    """|t| of every split of the last axis (..., units), into the first k units and the rest; 0 at the edges."""
    units = residuals.shape[-1]
    k = np.arange(1, units, dtype=np.float64)
    squares = (residuals**2).sum(axis=-1, keepdims=True)
    share = np.cumsum(residuals, axis=-1)[..., :-1] ** 2 * units / (k * (units - k)) / np.maximum(squares, 1e-300)
    # share is the part of all variation that the split explains, times the units over their number
    explained = np.minimum(share, 1 - 1e-9)
    t = np.sqrt(explained * (units - 2) / (1 - explained))
    edge = max(_LEAST_UNITS, units // 20)
    t[..., (k < edge) | (k > units - edge)] = 0.0
    return np.asarray(t)


def _shuffled(residuals: _Floats, rng: np.random.Generator) -> _Floats:
    """The largest |t| (series, SHUFFLES) in random orders, the same orders for all series."""
    count, units = residuals.shape
    found = np.empty((count, SHUFFLES))
    step = max(1, _MOST_CELLS // (count * units))
    for begin in range(0, SHUFFLES, step):
        end = min(begin + step, SHUFFLES)
        orders = rng.permuted(np.tile(np.arange(units), (end - begin, 1)), axis=1)
        found[:, begin:end] = _scan(residuals[:, orders]).max(axis=-1)
    return found


def _segment(
    family: str, series: Series, ends: tuple[int, int], highest: _Floats, level: float, rng: np.random.Generator,
    scale: float | None = None,
) -> list[Break]:  # fmt: skip
    """The changes of a stretch of units, in the order of time."""
    first, last = ends
    part = Series(series.name, series.totals[first:last], series.counts[first:last])
    if not enough(part):
        return []
    residuals = _residuals(part)
    if scale is None:
        scale = max(float(np.quantile(_shuffled(residuals[None], rng)[0], 0.95)), 1e-9)
    t = _scan(residuals)
    place = int(np.argmax(t))
    chance = _chance(float(t[place]) / scale, highest)
    if chance > level:
        return []
    near = np.flatnonzero((t > 0) & (t**2 >= t[place] ** 2 - _MOMENT_RATIO))
    unit = first + place + 1
    here = Break(
        family, series.name, unit, first + int(near[0]) + 1, first + int(near[-1]) + 1,
        float(t[place]), chance, first, last,
    )  # fmt: skip
    before = _segment(family, series, (first, unit), highest, level, rng)
    return [*before, here, *_segment(family, series, (unit, last), highest, level, rng)]


def normal_scores(values: _Floats, cells: _Ints | None = None) -> _Floats:
    """Ranks as quantiles of the normal distribution (van der Waerden), within each cell where given.

    Against a shift of any distribution at least as sharp as the values themselves (Chernoff and Savage,
    Annals of Mathematical Statistics 29, 1958), and no outlier can rule them. NaN stays NaN.
    """
    scores = np.full(len(values), np.nan)
    known = np.flatnonzero(~np.isnan(values))
    groups = np.zeros(len(values), dtype=np.int64) if cells is None else cells
    for cell in np.unique(groups[known]):
        rows = known[groups[known] == cell]
        scores[rows] = _scores(values[rows])
    return scores


def _scores(values: _Floats) -> _Floats:
    """Equal values share their middle rank."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    middle = (ends - counts / 2) / len(values)
    from statistics import NormalDist

    normal = NormalDist()
    return np.array([normal.inv_cdf(share) for share in middle])[inverse]
