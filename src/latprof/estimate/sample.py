"""Which calls of a large group its model is fitted on.

A fit to a few hundred calls has errors far below those of a percentile, so a large group is read by a
model that is fitted on calls evenly spread over its time. So that the choice, and with it the costly
part of an estimate, does not change with every new call, the latest calls wait until a sixteenth to a
thirty-second of the group has come together.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from latprof.classes import dataclass

__all__ = ["FIT_CALLS", "Choice", "choose", "chunks", "settled"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Groups of no more calls are fitted as a whole.
FIT_CALLS: Final = 800
# Sizes of blocks take more calls to tell than times do, and less work.
_CALIBRATION_CALLS: Final = 3200
_STEPS: Final = 4
# Calls that are read at once, about; the arrays of one step then stay in a processor's cache.
_CHUNK_CALLS: Final = 1024
_MOST_CALLS: Final = 4096
_MIX: Final = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, slots=True)
class Choice:
    """Positions of calls on which the sizes of blocks are told, and which of these the model is fitted on."""

    calls: Ints
    fitted: Ints


def settled(n: int) -> int:
    """How many of n calls in the order of time are old enough to be chosen from; all of a small group."""
    if n <= FIT_CALLS:
        return n
    step = 1 << (n.bit_length() - 1 - _STEPS)
    return n // step * step


def choose(order: Ints) -> Choice:
    """A choice among calls given in the order of time, evenly spread over the settled ones."""
    if len(order) <= FIT_CALLS:
        return Choice(np.sort(order), np.arange(len(order)))
    old = settled(len(order))
    calls = order[_even(old, min(old, _CALIBRATION_CALLS))]
    return Choice(calls, _even(len(calls), FIT_CALLS))


def _even(n: int, wanted: int) -> Ints:
    """`wanted` of n positions, the middles of equal stretches."""
    return ((2 * np.arange(wanted, dtype=np.int64) + 1) * n) // (2 * wanted)


def chunks(sent_at: Floats) -> list[tuple[int, int]]:
    """Where to cut calls that are read in chunks: after some 1,024 calls, 4,096 at most.

    Which call begins a chunk follows from its own time alone, so a call that comes in between changes its
    own chunk and, mostly, no other.
    """
    begins = np.flatnonzero((sent_at.view(np.uint64) * _MIX) >> np.uint64(54) == 0).tolist()
    edges = [0]
    for begin in [*begins, len(sent_at)]:
        while begin - edges[-1] > _MOST_CALLS:
            edges.append(edges[-1] + _MOST_CALLS)
        if begin - edges[-1] >= _CHUNK_CALLS // 4 or begin == len(sent_at):
            edges.append(begin)
    return [(begin, end) for begin, end in pairwise(edges) if end > begin]
