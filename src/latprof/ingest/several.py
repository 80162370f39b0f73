"""Calls that lie in the logs of more than one engineer: only counted, for whose they are is decided in `merge`."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from latprof.trace import Columns

__all__ = ["Several", "of_several"]


class Several(NamedTuple):
    """How many calls have copies that say different engineers, and of how many sessions they are."""

    calls: int = 0
    sessions: int = 0


def of_several(columns: Columns) -> Several:
    """Counts over calls with all their copies; a copy that nobody's name is on says nothing."""
    codes = columns.code("engineer")
    if not len(codes) or (codes == codes[0]).all():
        return Several()
    engineer = codes.astype(np.int64)
    named = np.flatnonzero(engineer >= 0)
    if len(named) < 2 or (engineer[named] == engineer[named[0]]).all():
        return Several()
    calls, number = np.unique(columns.keys[named], return_inverse=True)
    pairs = np.unique(number * (len(columns.pool) + 1) + engineer[named])
    names = np.bincount(pairs // (len(columns.pool) + 1), minlength=len(calls))
    shared = named[names[number] > 1]
    return Several(int((names > 1).sum()), len(np.unique(columns.code("session_id")[shared])))
