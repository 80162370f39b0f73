"""Small loops of the fit, in numpy and plain Python: what `_native_sums` does where it could not be compiled.

Sums are added up one after the other, so that compiled code gives the same bits.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["MOST_SWEEPS", "cumulative", "descend", "shares"]

Floats = NDArray[np.float64]

MOST_SWEEPS: Final = 300


def descend(
    gram: Floats, moments: Floats, divisors: Floats, roots: Floats, floors: Floats, start: Floats, least: float
) -> Floats:
    """Coordinate descent on normal equations until no step, times its root, is as large as `least`."""
    # Single numbers are plain floats: as numpy's they would take most of the time.
    values = start.tolist()
    facts = list(zip(gram.tolist(), moments.tolist(), divisors.tolist(), roots.tolist(), floors.tolist(), strict=True))
    for _ in range(MOST_SWEEPS):
        largest = 0.0
        for k, (row, slope, divisor, root, floor) in enumerate(facts):
            for factor, value in zip(row, values, strict=True):
                slope -= factor * value  # noqa: PLW2901
            before = values[k]
            value = before + slope / divisor
            values[k] = value = value if value > floor else floor
            step = abs(value - before) * root
            largest = step if step > largest else largest
        if largest < least:
            break
    return np.array(values)


def cumulative(share: Floats, centre: Floats, steps: Floats, table: Floats, begin: float, z: Floats) -> Floats:
    """A mixture's share below `z`, (n,).

    That of one component stands in `table` (values and their increments), which begins at `begin` and has
    `steps` entries to a unit of `z`.
    """
    found, last = np.zeros_like(z), len(table) - 1.0
    for part, middle, step in zip(share.tolist(), centre.tolist(), steps.tolist(), strict=True):
        place = (z - middle) * step
        place -= begin
        place = np.where(place > 0.0, place, 0.0)
        place = np.where(place < last, place, last)
        line = place.astype(np.intp)
        place -= line
        place *= table[:, 1].take(line)
        place += table[:, 0].take(line)
        place *= part
        found += place
    return found


def shares(
    part: Floats, height: Floats, z: Floats, mass: Floats, centre: Floats
) -> tuple[Floats, Floats, Floats]:
    """A step of EM on a histogram with `mass` at `z`: weight, new centre and sum of squares of each component.

    `part` (components, n) holds their densities for a height of 1; it is overwritten.
    """
    total = np.full(len(z), 1e-300)
    for own, factor in zip(part, height.tolist(), strict=True):
        own *= factor
        total += own
    part *= mass / total
    weight = _added(part)
    # One call's worth of weight keeps an empty component where it is.
    moved = (_added(part * z) + centre) / (weight + 1.0)
    away = z - moved[:, None]
    return weight, moved, _added(away * away * part)


def _added(rows: Floats) -> Floats:
    """Sums of the rows; `np.sum` may take another order."""
    return np.asarray(np.add.accumulate(rows, axis=1)[:, -1])
