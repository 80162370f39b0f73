"""Real results of llmperf against a count that knows nothing of the reader."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from latprof.formats import Source
from latprof.formats.llmperf import FORMAT
from latprof.model import Call, Problem

RAW = "corpus/benchmarks/llmperf/ray-project+llmperf-leaderboard/raw_data"


def test_requests_agree_with_a_plain_count(shared: Path) -> None:
    """2,845 requests: 393 were turned away, and 60 more are what was left of three runs that mostly failed."""
    requests = kept = 0
    for path in sorted((shared / RAW / "individual").glob("*.json")):
        records = json.loads(path.read_bytes())
        summary = json.loads((shared / RAW / "summary" / path.name).read_bytes())
        items = list(FORMAT.read(Source.from_path(path)))
        calls = [item for item in items if isinstance(item, Call)]
        good = [record for record in records if record["ttft_s"] > 0]
        refused = path.name.startswith("lepton")
        assert refused == (len(good) * 2 < len(records))
        assert len(calls) == (0 if refused else len(good)), path.name
        assert {call.model for call in calls} == (set() if refused else {summary["model"]})
        assert {call.load for call in calls} <= {"5 at once"}
        if not refused:
            tokens = sum(record["number_output_tokens"] for record in good)
            assert sum(call.output_tokens or 0 for call in calls) == tokens
            firsts = sum(record["ttft_s"] for record in good)
            assert sum(call.first_output_at or 0 for call in calls) == pytest.approx(firsts)
        assert [item.kind for item in items if isinstance(item, Problem)] == (
            ["failed_run"] if refused else ["failed_attempt"] * (len(records) - len(good))
        )
        requests, kept = requests + len(records), kept + len(calls)
    assert (requests, kept) == (2_845, 2_845 - 393 - 60)


def test_summaries_hold_no_calls(shared: Path) -> None:
    """Their requests lie in the folder beside them, so there is nothing to say."""
    for path in sorted((shared / RAW / "summary").glob("*.json")):
        source = Source.from_path(path)
        assert FORMAT.sniff(source.path, source.head())
        assert list(FORMAT.read(source)) == []
