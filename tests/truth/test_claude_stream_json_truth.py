"""A recorded capture against what the server knows, and together with the session log of the same run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from latprof.formats import formats
from latprof.ingest import read_inputs
from latprof.model import Call

CAPTURE = next(item for item in formats() if item.name == "claude-stream-json")


@pytest.fixture
def case(shared: Path) -> Path:
    return shared / "truth/claude-code/2.1.329/stream-json"


def pairs(case: Path) -> list[tuple[Call, dict[str, Any]]]:
    lines = (case / "truth.jsonl").read_text(encoding="utf-8").splitlines()
    truth = {sent["mid"]: sent for sent in map(json.loads, lines)}
    calls = read_inputs([str(case / "stream-1.jsonl")]).calls
    assert {call.message_id for call in calls} == truth.keys()
    assert len(calls) == len(truth)
    return [(call, truth[call.message_id or ""]) for call in calls]


def test_ids_tokens_and_triggers(case: Path) -> None:
    """Every request once; the count is that of the stream's end, not the placeholder."""
    for call, sent in pairs(case):
        assert (call.request_id, call.model, call.output_tokens) == (sent["rid"], sent["model"], sent["out"])
        assert (call.trigger, call.flags, len(call.blocks)) == (sent["kind"], (), len(sent["blocks"]))


def test_instants(case: Path) -> None:
    """End and start of blocks within 30 ms, the first send time within 25 ms, the others up to 0.1 s early."""
    for call, sent in pairs(case):
        assert abs((call.last_output_at or 0) - sent["t_end"]) < 0.03
        early = sent["t_req"] - (call.sent_at or 0)
        assert 0 < early < (0.025 if call.sent_source == "record_start" else 0.12)
        assert (call.sent_source == "record_start") == (call.trigger == "user")
        first = sent["blocks"][0]
        assert (call.first_output_at is not None) == (first["type"] == "thinking")
        if call.first_output_at is not None:
            assert abs(call.first_output_at - first["t_start"]) < 0.03


def test_an_independent_count_agrees(case: Path) -> None:
    """The result message adds up what the events say."""
    text = (case / "stream-1.jsonl").read_text(encoding="utf-8").splitlines()
    total = json.loads(text[-1])["usage"]
    calls = read_inputs([str(case / "stream-1.jsonl")]).calls
    assert len(calls) == sum('"type":"message_start"' in line for line in text)
    assert sum(call.output_tokens or 0 for call in calls) == total["output_tokens"]
    assert sum(call.reasoning_tokens or 0 for call in calls) == total["output_tokens_details"]["thinking_tokens"]
    whole = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
    assert sum(call.input_tokens or 0 for call in calls) == sum(total[key] for key in whole)


def test_with_the_session_log_each_call_is_counted_once(case: Path) -> None:
    """The log's send times are the better ones."""
    both = read_inputs([str(case / "stream-1.jsonl"), str(case / "projects")])
    assert len(both.calls) == len(pairs(case))
    assert (both.joined, both.copies) == (len(both.calls), 0)
    assert {call.sent_source for call in both.calls} == {"api_request_line"}


def test_only_the_capture_is_claimed(case: Path) -> None:
    """Not the session log, nor any other log of this agent."""
    for path in sorted(case.parent.parent.rglob("*.jsonl")):
        with path.open("rb") as stream:
            assert CAPTURE.sniff(str(path), stream.read(65536)) == path.name.startswith("stream-"), path
