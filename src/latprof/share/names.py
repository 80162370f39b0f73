"""A trace without names of people's things: salted hashes for ids, paths and hosts, coarse times if wished."""

from __future__ import annotations

import hashlib
import hmac
from functools import partial
from typing import Final

import numpy as np

from latprof.trace import Trace

__all__ = ["HASHED", "anonymous"]

# Whose values become hashes; all other columns hold numbers, kinds, and names of models, tools and agents.
HASHED: Final = ("session_id", "agent_id", "call_id", "message_id", "request_id", "project", "host", "engineer")
_DIGITS: Final = 16


def anonymous(trace: Trace, salt: bytes, *, coarse_s: float | None = None) -> Trace:
    """The same calls with hashed ids, projects, engineers and hosts.

    The same salt gives the same hashes, so that exports of one team can be merged. With `coarse_s` all instants
    of a call move together, by less than that, so that it starts at a multiple of `coarse_s` seconds; durations
    stay what they are. The order of calls and the time between them are then lost.
    """
    shared = trace.with_texts({name: partial(_hashed, salt, name) for name in HASHED})
    return shared if coarse_s is None else _coarse(shared, coarse_s)


def _hashed(salt: bytes, name: str, text: str) -> str:
    """A project keeps one hash however its folder's path ends."""
    kept = text.rstrip("/\\") if name == "project" else text
    return hmac.new(salt, kept.encode("utf-8", "replace"), hashlib.sha256).hexdigest()[:_DIGITS]


def _coarse(trace: Trace, coarse_s: float) -> Trace:
    known = [trace.numbers[name] for name in ("sent_at", "first_output_at", "last_output_at", "first_block_at")]
    start = np.full(len(trace), np.nan)
    for column in known:
        start = np.where(np.isnan(start), column, start)
    back = np.where(np.isnan(start), 0.0, start - np.floor(start / coarse_s) * coarse_s)
    return trace.moved(back)
