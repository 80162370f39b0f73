"""Kimi Code sessions: against what a scripted server wrote down, and real ones against a plain count."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from latprof.ingest import Reading, read_inputs
from latprof.model import Call

Record = dict[str, Any]

# Measured on all recorded requests, s. The first call of a process ends up to 0.11 s late.
SENT_S = (-0.055, 0.0)
FIRST_S = (-0.025, 0.01)
END_S = (-0.005, 0.11)
END_MEDIAN_S = 0.004


@pytest.fixture(scope="module")
def truth(shared: Path) -> list[Record]:
    return [json.loads(line) for line in (shared / "truth/kimi-code/2.1.0/truth.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def recorded(shared: Path) -> Reading:
    return read_inputs([str(shared / "truth/kimi-code/2.1.0/sessions")])


def _good(record: Record) -> bool:
    return record["status"] == 200 and not record["fault"] and not record.get("aborted")


@pytest.fixture(scope="module")
def pairs(truth: list[Record], recorded: Reading) -> list[tuple[Call, Record]]:
    by_id = {call.request_id: call for call in recorded.calls}
    return [(by_id[record["id"]], record) for record in truth if _good(record)]


def test_every_good_request_is_one_call(truth: list[Record], recorded: Reading) -> None:
    """What was cut is flagged; what was refused or interrupted is no call."""
    ids = [call.request_id for call in recorded.calls]
    good = {record["id"] for record in truth if _good(record)}
    assert len(ids) == len(set(ids))
    assert {call.request_id for call in recorded.calls if "interrupted" not in call.flags} == good
    (cut,) = (call for call in recorded.calls if "interrupted" in call.flags)
    assert cut.output_tokens is None
    assert next(record["fault"] for record in truth if record.get("id") == cut.request_id) == "cut"


def test_tokens_and_model_are_the_servers(pairs: list[tuple[Call, Record]]) -> None:
    """Cached input is part of the input."""
    for call, record in pairs:
        usage = record["usage"]
        assert (call.input_tokens, call.cache_read_tokens) == (usage["input"], usage["cached"])
        assert call.output_tokens == usage["output"]
        assert call.model == record["model"]


def test_triggers_and_attempts(pairs: list[tuple[Call, Record]], truth: list[Record]) -> None:
    """The first request of a prompt is the user's; two answers came after a refused attempt."""
    starts = [call for call, record in pairs if record["rounds"] == 0]
    assert {call.trigger for call in starts} == {"user"}
    assert {call.trigger for call, record in pairs if record["rounds"] > 0} == {"tool_result"}
    refused = [record for record in truth if record["status"] != 200]
    assert sum(call.attempts == 2 for call, _ in pairs) == len(refused) == 2


def test_instants_are_the_servers(pairs: list[tuple[Call, Record]]) -> None:
    """Within the limits above; the first token of nineteen in twenty within 18 ms."""
    sent = [(call.sent_at or 0) - record["t_req"] for call, record in pairs]
    first = [(call.first_output_at or 0) - record["t_first_delta"] for call, record in pairs]
    end = [(call.last_output_at or 0) - record["t_end"] for call, record in pairs]
    for differences, (least, most) in ((sent, SENT_S), (first, FIRST_S), (end, END_S)):
        assert least <= min(differences)
        assert max(differences) <= most
    assert abs(median(first)) < 0.001
    assert median(end) < END_MEDIAN_S


def test_real_sessions_agree_with_a_plain_count(shared: Path) -> None:
    """Ends of steps with tokens, and compactions, counted without the reader."""
    folder = shared / "corpus/kimi-code"
    outputs, inputs = [], 0
    for path in folder.rglob("*.jsonl"):
        for record in map(json.loads, path.read_text().splitlines()):
            event = record.get("event", {})
            usage = event.get("usage") if event.get("type") == "step.end" else None
            if record["type"] == "usage.record" and record["usageScope"] == "session":
                usage = record["usage"]
            if usage:
                outputs.append(usage["output"])
                inputs += usage["inputOther"] + usage["inputCacheRead"] + usage["inputCacheCreation"]
    calls = read_inputs([str(folder)]).calls
    assert len(calls) == len(outputs) == 26
    assert sum(call.output_tokens or 0 for call in calls) == sum(outputs)
    assert sum(call.input_tokens or 0 for call in calls) == inputs


def test_the_parts_of_real_answers_were_written_at_the_end(shared: Path) -> None:
    """An instant that is computed from the request meets one that was written by itself."""
    folder = shared / "corpus/kimi-code"
    written: dict[str, float] = {}
    for path in folder.rglob("*.jsonl"):
        for record in map(json.loads, path.read_text().splitlines()):
            if record.get("event", {}).get("type") == "content.part":
                written.setdefault(record["event"]["stepUuid"], record["time"] / 1000)
    calls = [call for call in read_inputs([str(folder)]).calls if call.message_id in written]
    assert len(calls) == 25
    assert all(abs(written[call.message_id or ""] - (call.last_output_at or 0)) < 0.005 for call in calls)
