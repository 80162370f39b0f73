"""Numbers of calls that follow from their blocks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from latprof.trace.blocks import BlockStore

__all__ = ["DERIVED", "DURATION_DIGITS", "shown_signature", "tools_span_s"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int32]

# The end of the first block, epoch s, the time of the tools that a call asked for, s, and the length of the signature
# beside thinking that it shows, see `shown_signature`.
DERIVED: Final = ("first_block_at", "tools_span_s", "shown_signature")
# A time since 1970 as a float is good to a quarter of a microsecond; durations below that are dust, which would
# tell equal ones apart. An export holds as many digits.
DURATION_DIGITS: Final = 6
# A person answers these tools, so their time is not a tool's time.
_ASKING_TOOLS: Final = frozenset({"AskUserQuestion", "ExitPlanMode"})


def shown_signature(store: BlockStore) -> Floats:
    """Characters of the signature beside the thinking that a call shows, NaN where it shows none.

    Where it shows several, their number stands there, below zero.
    """
    signature = store.number("signature_characters")
    some = (store.number("characters") > 0) & (signature > 0)
    starts, counts = _in_calls(some, store)
    found = np.where(counts > 1, -counts.astype(np.float64), np.nan)
    one = np.flatnonzero(counts == 1)
    found[one] = signature[some].take(starts[one])
    return found


def _in_calls(some: NDArray[np.bool_], store: BlockStore) -> tuple[Ints, Ints]:
    """Where those of each call that are among some blocks begin, and how many they are."""
    before = np.zeros(len(some) + 1, dtype=np.int32)
    np.cumsum(some, out=before[1:])
    starts = before.take(store.offsets)
    return starts[:-1], np.diff(starts)


def tools_span_s(store: BlockStore, pool: Sequence[str], stated: Floats) -> Floats:
    """From the end of the first tool call to the last result, s; tools that ask a person are left out."""
    end, result = store.number("end_at"), store.number("result_at")
    asking = [code for code, text in enumerate(pool) if text in _ASKING_TOOLS]
    some = ~np.isnan(end) & ~np.isnan(result)
    if asking:
        some &= ~np.isin(store.coded[1], asking)
    # Those of a call stand next to each other.
    starts, counts = _in_calls(some, store)
    calls = np.flatnonzero(counts)
    first, last = starts[calls], np.flatnonzero(some)
    span = np.full(len(stated), np.nan)
    if len(calls):
        span[calls] = np.maximum.reduceat(result.take(last), first) - np.minimum.reduceat(end.take(last), first)
    found: Floats = np.where(np.isnan(stated), np.where(span >= 0, span, np.nan), stated)
    rounded: Floats = np.round(found, DURATION_DIGITS)
    return rounded
