"""The table of 21,594 captured calls against a count of its own."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from latprof.ingest import read_inputs
from latprof.trace import Trace


def test_the_shared_table_is_read_whole(shared: Path) -> None:
    """Calls, sessions, sums and medians as the plain rows have them."""
    path = shared / "traces" / "claude-code-calls.csv"
    rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    reading = read_inputs([str(path)])
    trace = Trace.from_calls(reading.calls)
    assert reading.problems == []
    assert len(trace) == len(rows) == 21_594
    assert len(set(trace.texts["session_id"])) == len({row["session"] for row in rows})
    for name in ("input_tokens", "output_tokens", "cache_read_tokens"):
        assert np.nansum(trace.column(name)) == sum(int(row[name]) for row in rows), name
    for column, name in (("ttft_s", "ttft_s"), ("wall_s", "wall_s")):
        plain = sorted(float(row[name]) for row in rows if row[name])
        known = np.sort(trace.column(column)[~np.isnan(trace.column(column))])
        np.testing.assert_allclose(known, plain, atol=1e-9)
    flags = trace.flag("sidechain")
    assert flags.sum() == sum(row["agent"] != "main" for row in rows)


def test_the_medians_of_one_model_are_those_of_the_reference(shared: Path) -> None:
    """Opus 4.5 on the wire: 2.4 s and 55 tok/s at the median, 4.4 s and 76 tok/s at p90."""
    trace = Trace.from_calls(read_inputs([str(shared / "traces" / "claude-code-calls.csv")]).calls)
    opus = trace.select(trace.texts["model"] == "claude-opus-4-5-20251101")
    waits, speeds = opus.column("ttft_s"), opus.column("decode_tps")
    assert np.sum(~np.isnan(waits)) == 1_074
    assert np.nanpercentile(waits, [50, 90]) == pytest.approx([2.4, 4.4], abs=0.06)
    assert np.nanpercentile(speeds, [50, 90]) == pytest.approx([55, 76], abs=1)
