"""Calls that lie in the logs of more than one engineer, or under two ids: only counted.

Whose a call is, and which records are one, is decided in `merge` and `join`.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from latprof.trace import Columns

__all__ = ["Several", "likely_copies", "of_several"]

_ALIKE_TEXTS: Final = ("agent", "model")
_ALIKE_COUNTS: Final = ("input_tokens", "output_tokens")
# Where times are coarse every call starts at a full minute, and the start says nothing.
_COARSE_S: Final = 60


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


def likely_copies(columns: Columns) -> int:
    """How many calls another one is like in agent, model, tokens, and start and end to the millisecond.

    No two calls of real logs are: those are copies whose ids became others, as anonymised exports have them.
    Calls of load tests start together by the dozen, so they are left out.
    """
    sent, last = columns.number("sent_at"), columns.number("last_output_at")
    is_load_test = np.array([*(text == "synthetic" for text in columns.pool), False])[columns.code("trigger")]
    rows = np.flatnonzero((last > sent) & (sent % _COARSE_S != 0) & ~is_load_test)
    facts = [
        *(np.rint(at[rows] * 1000) for at in (sent, last)),
        *(np.nan_to_num(columns.number(name, rows), nan=-1) for name in _ALIKE_COUNTS),
        *(columns.code(name, rows).astype(np.float64) for name in _ALIKE_TEXTS),
    ]
    return len(rows) - len(np.unique(np.stack(facts, axis=1), axis=0))
