"""The public API as a user would write it; checked by mypy, not run."""

from __future__ import annotations

import pandas as pd

import latprof


def report(folder: str) -> float | None:
    """Median wall time of user calls."""
    trace: latprof.Trace = latprof.load([folder])
    frame: pd.DataFrame = trace.to_frame()
    assert len(frame) == len(trace)
    summary: latprof.Summary = latprof.summarize(trace, by=["trigger"])
    for row in summary.rows:
        if row.metric == "wall_s" and row.group["trigger"] == "user":
            return row.quantiles[0.5]
    return None


def own_reader(data: bytes) -> list[latprof.Call]:
    """Calls of one source through a format."""
    from latprof.formats import formats

    source = latprof.Source.from_bytes(data, "log.jsonl")
    return [call for item in formats() for call in item.calls(source)]
