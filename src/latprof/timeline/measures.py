"""The values that drivers and trends are read from: one kind per metric, never mixed."""

from __future__ import annotations

from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from latprof.classes import dataclass
from latprof.model import Kind
from latprof.trace import Trace

__all__ = ["DRIVEN", "Driven", "Measure", "measure"]

Floats = NDArray[np.float64]
Driven = Literal["ttft_s", "decode_tps"]
DRIVEN: Final[tuple[Driven, ...]] = ("ttft_s", "decode_tps")
# Exact values stand alone when nearly all calls that could be estimated have one.
_NEARLY_ALL: Final = 0.9


@dataclass(frozen=True)
class Measure:
    """One value per call of the trace, NaN where the call has none of this kind."""

    metric: Driven
    unit: str
    kind: Kind
    values: Floats

    @property
    def n(self) -> int:
        """Calls with a value."""
        return int((~np.isnan(self.values)).sum())


def measure(trace: Trace, metric: Driven) -> Measure:
    """The exact values where nearly all calls have one, else the estimates of all calls that have one.

    An estimate is the mean of the call's posterior, a first token at most the end of the first block.
    """
    exact: Floats = getattr(trace, metric)
    guess = trace.estimated(metric)
    if metric == "ttft_s":
        guess = np.where(np.isnan(guess), np.nan, np.fmin(guess, trace.first_block_s))
    stated, guessed = (int((~np.isnan(column)).sum()) for column in (exact, guess))
    unit = "s" if metric == "ttft_s" else "tok/s"
    if stated >= _NEARLY_ALL * guessed:
        return Measure(metric, unit, "exact", exact)
    return Measure(metric, unit, "estimate", guess)
