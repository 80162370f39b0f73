"""Real results of AIPerf against a count that knows nothing of the reader."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import median

import pytest

from latprof.formats import Source
from latprof.formats.aiperf import FORMAT
from latprof.model import Call


@pytest.mark.parametrize("at_once", [1, 2, 4])
def test_requests_agree_with_a_plain_count(shared: Path, at_once: int) -> None:
    """Number, tokens, times; the end by the durations is that by the clock."""
    (path,) = (shared / "corpus/benchmarks/aiperf").glob(f"**/qwen_concurrency{at_once}/profile_export.jsonl")
    records = [json.loads(line) for line in path.read_text().splitlines()]
    calls = [item for item in FORMAT.read(Source.from_path(path)) if isinstance(item, Call)]
    assert len(calls) == len(records) == 10
    assert {(call.model, call.load) for call in calls} == {("Qwen/Qwen3-0.6B", f"{at_once} at once")}
    total = sum(record["metrics"]["output_sequence_length"]["value"] for record in records)
    assert sum(call.output_tokens or 0 for call in calls) == total
    for call, record in zip(calls, records, strict=True):
        metadata = record["metadata"]
        assert call.request_id == metadata["x_request_id"]
        assert call.sent_at == pytest.approx(metadata["request_start_ns"] / 1e9, abs=1e-6)
        # The durations are of another clock than the dates; they agree within 0.3 ms.
        assert call.last_output_at == pytest.approx(metadata["request_end_ns"] / 1e9, abs=3e-4)
        ttft_s = (call.first_output_at or 0) - (call.sent_at or 0)
        assert ttft_s == pytest.approx(record["metrics"]["time_to_first_token"]["value"] / 1e3, abs=1e-6)


def test_first_tokens_are_near_those_of_the_summary(shared: Path) -> None:
    """Which is of 64 requests, the records are ten of them."""
    folder = shared / "corpus/benchmarks/aiperf/qwen_concurrency1"
    calls = list(FORMAT.calls(Source.from_path(folder / "profile_export.jsonl")))
    stated = json.loads((folder / "profile_export_aiperf.json").read_bytes())["time_to_first_token"]["p50"]
    ours = median(((call.first_output_at or 0) - (call.sent_at or 0)) * 1e3 for call in calls)
    assert ours == pytest.approx(stated, rel=0.1)
