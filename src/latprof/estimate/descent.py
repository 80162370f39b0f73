"""Least squares with lower limits, in plain Python: what `_native_sums` does where it could not be compiled."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["MOST_SWEEPS", "descend"]

Floats = NDArray[np.float64]

MOST_SWEEPS: Final = 300


def descend(
    gram: Floats, moments: Floats, divisors: Floats, roots: Floats, floors: Floats, start: Floats, least: float
) -> Floats:
    """Coordinate descent on normal equations until no step, times its root, is as large as `least`.

    Products are taken off one by one in their order, so that compiled code gives the same bits.
    """
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
