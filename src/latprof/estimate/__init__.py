"""True times where a log holds only the ends of blocks: a statistical reading of many calls together."""

from __future__ import annotations

from latprof.estimate.account import Account, BlockReading, Figure, Reading, account, call_reading
from latprof.estimate.estimates import Estimation, estimate
from latprof.estimate.fit import POOLING_CALLS
from latprof.estimate.group import Group
from latprof.estimate.shelf import Shelf

__all__ = [
    "POOLING_CALLS",
    "Account",
    "BlockReading",
    "Estimation",
    "Figure",
    "Group",
    "Reading",
    "Shelf",
    "account",
    "call_reading",
    "estimate",
]
