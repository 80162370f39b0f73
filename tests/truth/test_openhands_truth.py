"""OpenHands on real runs and completion logs, against a plain count."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from latprof.ingest import read_inputs


def test_evaluation_runs_agree_with_a_plain_count(shared: Path) -> None:
    """Each stated latency is one call; 105 have an event, sent at most 40 ms after what led to them."""
    (path,) = (shared / "corpus/openhands").rglob("examples/output.jsonl")
    tasks = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    rows = [row for task in tasks for row in task["metrics"]["response_latencies"]]
    usages = [row for task in tasks for row in task["metrics"]["token_usages"]]
    calls = read_inputs([str(path)]).calls
    assert {call.request_id for call in calls} == {row["response_id"] for row in rows}
    assert len(calls) == len(rows) == 107
    walls = sum((call.last_output_at or 0) - (call.sent_at or 0) for call in calls)
    assert walls == pytest.approx(sum(row["latency"] for row in rows), abs=0.001)
    assert sum(call.output_tokens or 0 for call in calls) == sum(row["completion_tokens"] for row in usages)
    assert sum(call.input_tokens or 0 for call in calls) == sum(row["prompt_tokens"] for row in usages)
    dated = [call for call in calls if "no_date" not in call.flags]
    assert len(dated) == 105
    late = [(call.sent_at or 0) - (call.trigger_at or 0) for call in dated]
    assert min(late) > 0.010
    assert max(late) < 0.040
    assert sum(call.trigger == "user" for call in dated) == len(tasks)


def test_completion_logs_agree_with_a_plain_count(shared: Path) -> None:
    """One call a file, between the stated times."""
    paths = sorted((shared / "corpus/openhands").rglob("*llm-logs/*.json"))
    logs = [json.loads(path.read_bytes()) for path in paths]
    calls = {call.request_id: call for call in read_inputs([str(path) for path in paths]).calls}
    assert len(calls) == len(logs) == 10
    for log in logs:
        call = calls[log["response"]["id"]]
        assert call.last_output_at == pytest.approx(log["timestamp"], abs=0.001)
        assert call.sent_at == pytest.approx(log["timestamp"] - log["latency_sec"], abs=0.001)
        assert call.output_tokens == log["response"]["usage"]["completion_tokens"]
        assert call.input_tokens == log["response"]["usage"]["prompt_tokens"]
