"""A set of calls as columns: what is kept of them, and the durations that follow from their instants."""

from __future__ import annotations

from latprof.trace.blocks import BlockColumns
from latprof.trace.columns import Columns
from latprof.trace.estimates import Estimates
from latprof.trace.pool import Codes
from latprof.trace.trace import EXPORT_COLUMNS, MIN_DECODE_S, Trace

__all__ = [
    "EXPORT_COLUMNS",
    "MIN_DECODE_S",
    "BlockColumns",
    "Codes",
    "Columns",
    "Estimates",
    "Trace",
]
