"""Numbers of calls that follow from their blocks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from latprof.trace.blocks import BlockStore

__all__ = ["DERIVED", "DURATION_DIGITS", "tools_span_s"]

Floats = NDArray[np.float64]

# The end of the first block, epoch s, and the time of the tools that a call asked for, s.
DERIVED: Final = ("first_block_at", "tools_span_s")
# A time since 1970 as a float is good to a quarter of a microsecond; durations below that are dust, which would
# tell equal ones apart. An export holds as many digits.
DURATION_DIGITS: Final = 6
# A person answers these tools, so their time is not a tool's time.
_ASKING_TOOLS: Final = frozenset({"AskUserQuestion", "ExitPlanMode"})


def tools_span_s(store: BlockStore, pool: Sequence[str], stated: Floats) -> Floats:
    """From the end of the first tool call to the last result, s; tools that ask a person are left out."""
    end, result = store.number("end_at"), store.number("result_at")
    asking = [code for code, text in enumerate(pool) if text in _ASKING_TOOLS]
    some = ~np.isnan(end) & ~np.isnan(result)
    if asking:
        some &= ~np.isin(store.coded[1], asking)
    # Those of a call stand next to each other.
    before = np.zeros(len(some) + 1, dtype=np.int32)
    np.cumsum(some, out=before[1:])
    starts = before.take(store.offsets)
    calls = np.flatnonzero(np.diff(starts))
    first, last = starts[calls], np.flatnonzero(some)
    span = np.full(len(stated), np.nan)
    if len(calls):
        span[calls] = np.maximum.reduceat(result.take(last), first) - np.minimum.reduceat(end.take(last), first)
    found: Floats = np.where(np.isnan(stated), np.where(span >= 0, span, np.nan), stated)
    rounded: Floats = np.round(found, DURATION_DIGITS)
    return rounded
