"""Mixtures of normals on a logarithmic scale, fitted to weighted histograms.

They are the free shapes of the two quantities that vary from call to call: the first token's time
and the speed. The fit is EM (Dempster, Laird and Rubin, JRSS B 39, 1977).
"""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from latprof.classes import dataclass

__all__ = ["Mixture"]

Floats = NDArray[np.float64]
_ROOT_TAU: Final = float(np.sqrt(2 * np.pi))
_MOST_WIDTH: Final = 0.9
# Standard normal distribution on a table from here to as far on the other side: numpy has no error function.
_LOWEST: Final = -6.0
_TABLE_SIZE: Final = 2401


@cache
def _normal_table() -> tuple[Floats, float]:
    """The distribution with its steps (table, 2), and how many of these there are for one unit."""
    x = np.linspace(_LOWEST, -_LOWEST, _TABLE_SIZE)
    density = np.exp(-0.5 * x**2)
    total = np.concatenate(([0.0], np.cumsum((density[1:] + density[:-1]) / 2)))
    table = np.asarray(total / total[-1])
    return np.column_stack((table, np.append(np.diff(table), 0.0))), float((len(x) - 1) / (x[-1] - x[0]))


@dataclass(frozen=True, slots=True)
class Mixture:
    """Normal components of a logarithm: `share` sums to 1, `centre` and `width` are in log units."""

    share: Floats
    centre: Floats
    width: Floats

    @classmethod
    def spanning(cls, low: float, high: float, components: int) -> Mixture:
        """Equal components side by side between two logarithms."""
        edges = np.linspace(low, high, components * 2 + 1)[1::2]
        width = max((high - low) / (2 * components), 0.15)
        return cls(np.full(components, 1 / components), edges.copy(), np.full(components, width))

    def density(self, z: Floats) -> Floats:
        """Density at the logarithms `z`."""
        scaled = (z[..., None] - self.centre) / self.width
        return np.asarray((np.exp(-0.5 * scaled**2) * (self.share / self.width)).sum(axis=-1) / _ROOT_TAU)

    def cumulative(self, z: Floats) -> Floats:
        """Share of the distribution below the logarithms `z`, (n,)."""
        from latprof.estimate import backend  # what is kept is shown without it

        table, steps = _normal_table()
        begin = float(_LOWEST) * steps
        return backend.cumulative(self.share, self.centre, steps / self.width, table, begin, np.ascontiguousarray(z))

    def refitted(self, z: Floats, mass: Floats, *, least_width: float, rounds: int = 1) -> Mixture:
        """EM steps on a histogram with `mass` at the logarithms `z`."""
        from latprof.estimate import backend

        used = mass > 0
        if not used.any():
            return self
        cut = slice(int(used.argmax()), len(used) - int(used[::-1].argmax()))
        widths = (least_width, _MOST_WIDTH)
        return Mixture(*backend.refitted(z[cut], mass[cut], self.share, self.centre, self.width, widths, rounds))
