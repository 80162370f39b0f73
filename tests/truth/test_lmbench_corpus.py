"""Real tables of LMBench against a count that knows nothing of the reader."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from latprof.formats import Source
from latprof.formats.lmbench import FORMAT
from latprof.model import Call

# Launch and durations are rounded apart from the end.
TOLERANCE_S = 1e-4


@pytest.mark.parametrize(("folder", "files", "rows"), [("llm-d-70b", 40, 13_229), ("vllm-70b", 44, 17_067)])
def test_requests_agree_with_a_plain_count(shared: Path, folder: str, files: int, rows: int) -> None:
    """Number, tokens, ends, ids."""
    paths = sorted((shared / f"corpus/benchmarks/lmbench-exp-2/{folder}-2replicas").glob("*.csv"))
    assert len(paths) == files
    ids: set[str] = set()
    for path in paths:
        with path.open(newline="") as stream:
            expected = list(csv.DictReader(stream))
        items = list(FORMAT.read(Source.from_path(path)))
        calls = [item for item in items if isinstance(item, Call)]
        assert len(calls) == len(items) == len(expected)
        ids |= {call.call_id for call in calls}
        assert sum(call.output_tokens or 0 for call in calls) == sum(
            float(row["generation_tokens"]) for row in expected
        )
        assert sum(call.input_tokens or 0 for call in calls) == sum(float(row["prompt_tokens"]) for row in expected)
        for call, row in zip(calls, expected, strict=True):
            assert abs((call.last_output_at or 0) - float(row["finish_time"])) < TOLERANCE_S
    assert len(ids) == rows
