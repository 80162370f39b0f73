"""Where a value lies in a drawing, and which round values are written at an axis."""

from __future__ import annotations

import math
from itertools import pairwise

from latprof.classes import dataclass

__all__ = ["Scale", "round_ticks"]

_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class Scale:
    """Maps values from `low` .. `high` to pixels from `start` .. `end`; what lies outside goes to the edge."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """The pixel of a value."""
        low, high, at = self.low, self.high, min(max(value, self.low), self.high)
        if self.log:
            low, high, at = math.log(low), math.log(high), math.log(at)
        share = (at - low) / (high - low) if high > low else 0.5
        return self.start + share * (self.end - self.start)

    def ticks(self, room: float) -> tuple[float, ...]:
        """Round values, at least `room` pixels apart."""
        if not self.log:
            count = max(2, int(abs(self.end - self.start) / room))
            return round_ticks(self.low, self.high, count)
        for steps in ((1, 2, 5), (1, 3), (1,)):
            found = self._decades(steps)
            places = [self(tick) for tick in found]
            if all(abs(after - before) >= room for before, after in pairwise(places)):
                return found
        return self._decades((1,))

    def _decades(self, steps: tuple[int, ...]) -> tuple[float, ...]:
        first, last = math.floor(math.log10(self.low)), math.ceil(math.log10(self.high))
        every = [step * 10.0**power for power in range(first, last + 1) for step in steps]
        return tuple(tick for tick in every if self.low * 0.999 <= tick <= self.high * 1.001)


def round_ticks(low: float, high: float, count: int) -> tuple[float, ...]:
    """At most `count` + 1 round values from `low` to `high`."""
    if high <= low:
        return (low,)
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * size for size in _STEPS if power * size >= rough * 0.9999)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return tuple(index * step for index in range(first, last + 1))
