"""Estimating drawn calls by the way that users go, and the errors against the truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from laws import Drawn
from numpy.typing import NDArray

from latprof.estimate import estimate
from latprof.metrics import metric
from latprof.stats import summarize
from latprof.trace import Trace

Floats = NDArray[np.float64]
QUANTILES = (0.1, 0.5, 0.9)
METRICS = ("ttft_s", "decode_tps")


@dataclass(frozen=True)
class Judged:
    """Per metric and percentile (2, 3): estimate, truth of the same calls, as-logged value, 95 % interval."""

    refused: str | None
    estimate: Floats
    truth: Floats
    as_logged: Floats
    low: Floats
    high: Floats

    @property
    def error(self) -> Floats:
        """Relative error against the same calls."""
        return self.estimate / self.truth - 1


def judge(drawn: Drawn) -> Judged:
    """Fit, summarise, compare."""
    ordered = Trace.from_calls(drawn.calls)
    found = estimate(ordered)
    trace = ordered.with_estimates(found.estimates)
    truth = true_of(trace, drawn)
    summary = summarize(trace, (), quantiles=QUANTILES, metrics=[metric(key) for key in METRICS])
    rows = {row.metric: row for row in summary.rows if row.kind == "estimate"}
    logged = [trace.as_logged_ttft_s, trace.as_logged_decode_tps]
    blank = np.full((2, 3), np.nan)
    values, low, high = blank.copy(), blank.copy(), blank.copy()
    for k, key in enumerate(METRICS):
        if key in rows:
            values[k] = [_float(rows[key].quantiles[q]) for q in QUANTILES]
            low[k] = [_float(rows[key].intervals[q][0], -np.inf) for q in QUANTILES]
            high[k] = [_float(rows[key].intervals[q][1], np.inf) for q in QUANTILES]
    return Judged(
        found.groups[0].refused, values, truth, np.array([np.nanquantile(v, QUANTILES) for v in logged]), low, high
    )


def _float(value: float | None, missing: float = np.nan) -> float:
    return missing if value is None else value


def true_of(trace: Trace, drawn: Drawn) -> Floats:
    """True percentiles (2, 3) of the calls that an estimate rests on; of all where there is none."""
    place = {call.call_id: k for k, call in enumerate(drawn.calls)}
    order = np.array([place[name] for name in trace.texts["call_id"]])
    columns = []
    for key, values in zip(METRICS, (drawn.ttft_s[order], drawn.decode_tps[order]), strict=True):
        known = ~np.isnan(trace.estimated(key))
        columns.append(np.nanquantile(values[known] if known.any() else values, QUANTILES))
    return np.array(columns)
