"""Qwen Code sessions: against what a scripted server wrote down, and real ones against a plain count."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from latprof.ingest import Reading, read_inputs
from latprof.model import Call

Record = dict[str, Any]

# Measured, s. Start-up lies inside the first request of a process, two refused attempts inside the next two.
SENT_S = (-0.06, 0.0)
STARTED_S = (-0.9, -0.4)
FIRST_S = (-0.005, 0.02)
END_S = (0.0, 0.06)


def _good(record: Record) -> bool:
    return record["status"] == 200 and not record["fault"] and not record.get("aborted")


@pytest.fixture(scope="module")
def truth(shared: Path) -> list[Record]:
    return [json.loads(line) for line in (shared / "truth/qwen-code/0.24.4/truth.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def recorded(shared: Path) -> Reading:
    return read_inputs([str(shared / "truth/qwen-code/0.24.4/projects")])


@pytest.fixture(scope="module")
def pairs(truth: list[Record], recorded: Reading) -> list[tuple[Call, Record]]:
    by_id = {call.request_id: call for call in recorded.calls}
    return [(by_id[record["id"]], record) for record in truth if _good(record)]


def test_every_good_request_is_one_call_and_no_other(truth: list[Record], recorded: Reading) -> None:
    """Refused, cut and interrupted ones are none; the cut one is an attempt of the call after it."""
    assert sorted(call.request_id or "" for call in recorded.calls) == sorted(
        record["id"] for record in truth if _good(record)
    )
    assert [call.attempts for call in recorded.calls if "retried" in call.flags] == [2]


def test_tokens_model_and_trigger_are_the_servers(pairs: list[tuple[Call, Record]]) -> None:
    """Thoughts are part of the output."""
    for call, record in pairs:
        usage = record["usage"]
        assert (call.input_tokens, call.cache_read_tokens) == (usage["input"], usage["cached"])
        assert (call.output_tokens, call.reasoning_tokens) == (usage["output"], usage["reasoning"])
        assert call.model == record["model"]
        assert call.trigger == ("user" if record["rounds"] == 0 else "tool_result")


def test_first_tokens_and_ends_are_the_servers(pairs: list[tuple[Call, Record]]) -> None:
    """There is no first token where a tool call comes first, and one everywhere else."""
    first, end = [], []
    for call, record in pairs:
        end.append((call.last_output_at or 0) - record["t_end"])
        assert (call.first_output_at is None) == (record["items"][0]["kind"] == "tool")
        if call.first_output_at is not None:
            first.append(call.first_output_at - record["t_first_delta"])
    assert FIRST_S[0] <= min(first) <= max(first) <= FIRST_S[1]
    assert END_S[0] <= min(end) <= max(end) <= END_S[1]
    assert median(first) < 0.002
    assert median(end) < 0.005


def test_requests_leave_when_the_duration_begins(pairs: list[tuple[Call, Record]], truth: list[Record]) -> None:
    """But for what waits inside it: start-up of a process, attempts that the library repeated."""
    refused = [record["t_req"] for record in truth if record["status"] != 200]
    for call, record in pairs:
        early = (call.sent_at or 0) - record["t_req"]
        if record["rounds"] == 0:
            assert STARTED_S[0] <= early <= STARTED_S[1]
        elif not any(0 < record["t_req"] - at < 3 for at in refused):
            assert SENT_S[0] <= early <= SENT_S[1]


def test_real_sessions_agree_with_a_plain_count(shared: Path) -> None:
    """Responses by id, their tokens, and durations that end where they say."""
    folder = next((shared / "corpus/qwen-code").glob("*/.qwen"))
    responses: dict[str, Record] = {}
    sessions = set()
    for path in folder.rglob("*.jsonl"):
        for record in map(json.loads, path.read_text().splitlines()):
            event = record.get("systemPayload", {}).get("uiEvent", {})
            if event.get("event.name") == "qwen-code.api_response":
                responses[event["response_id"]] = event
                sessions.add(record["sessionId"])
    calls = read_inputs([str(folder)]).calls
    assert {call.request_id for call in calls} == responses.keys()
    assert len(calls) == len(responses) == 1145
    assert {call.session_id for call in calls} == sessions
    assert sum(call.output_tokens or 0 for call in calls) == sum(e["output_token_count"] for e in responses.values())
    assert sum(call.input_tokens or 0 for call in calls) == sum(e["input_token_count"] for e in responses.values())
    for call in calls:
        span = (call.last_output_at or 0) - (call.sent_at or 0)
        assert span == pytest.approx(responses[call.request_id or ""]["duration_ms"] / 1000, abs=0.001)
    assert sum(call.trigger == "subagent" for call in calls) == 1
