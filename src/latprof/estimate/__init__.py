"""True times where a log holds only the ends of blocks: a statistical reading of many calls together.

What tells about single calls and their groups is loaded when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from latprof.estimate.estimates import Estimation, estimate
from latprof.estimate.group import Group
from latprof.estimate.shelf import Shelf
from latprof.estimate.values import POOLING_CALLS

if TYPE_CHECKING:
    from latprof.estimate.accounts import Account, BlockReading, Figure, Reading, account, call_reading

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

_OF_ACCOUNTS: Final = frozenset({"Account", "BlockReading", "Figure", "Reading", "account", "call_reading"})


def __getattr__(name: str) -> Any:
    if name not in _OF_ACCOUNTS:
        raise AttributeError(f"module 'latprof.estimate' has no attribute {name!r}")
    from latprof.estimate import accounts

    return getattr(accounts, name)
