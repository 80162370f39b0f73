"""Gemini CLI chats: against what a scripted server wrote down, and real ones against a plain count."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from latprof.ingest import read_inputs
from latprof.model import Call

Record = dict[str, Any]

# Measured, s. Two requests had refused attempts before them, which are inside; a process's first reply ends later.
SENT_S = (-0.06, 0.0)
END_S = (0.0, 0.025)
FIRST_END_S = (0.0, 0.2)


def _good(record: Record) -> bool:
    return record["status"] == 200 and not record["fault"] and not record.get("aborted")


@pytest.fixture(scope="module")
def truth(shared: Path) -> list[Record]:
    """The file of one run is lost, as the format's description says."""
    lines = (shared / "truth/gemini-cli/0.61.0/truth.jsonl").read_text().splitlines()
    return [record for record in map(json.loads, lines) if record["run"] != "turns"]


@pytest.fixture(scope="module")
def pairs(shared: Path, truth: list[Record]) -> list[tuple[Call, Record]]:
    """Joined by order: the sessions and the requests in them follow one another."""
    calls = read_inputs([str(shared / "truth/gemini-cli/0.61.0/chats")]).calls
    calls.sort(key=lambda call: call.last_output_at or 0)
    answered = [record for record in truth if record["status"] == 200 and not record.get("aborted")]
    answered.sort(key=lambda record: record["t_end"] or 0)
    assert len(calls) == len(answered)
    return list(zip(calls, answered, strict=True))


def test_only_the_cut_answer_is_flagged(pairs: list[tuple[Call, Record]]) -> None:
    """Refused and interrupted requests are no calls."""
    for call, record in pairs:
        assert ("interrupted" in call.flags) == (record["fault"] == "cut")


def test_tokens_model_and_trigger_are_the_servers(pairs: list[tuple[Call, Record]]) -> None:
    """Thoughts are added to the output."""
    for call, record in pairs:
        if _good(record):
            usage = record["usage"]
            assert (call.input_tokens, call.cache_read_tokens) == (usage["input"], usage["cached"])
            assert (call.output_tokens, call.reasoning_tokens) == (usage["output"], usage["reasoning"])
            assert call.model == record["model"]
            assert call.trigger == ("user" if record["rounds"] == 0 else "tool_result")


def test_instants_are_the_servers(pairs: list[tuple[Call, Record]], truth: list[Record]) -> None:
    """A wait after a refused attempt is inside the call; there is no first token."""
    refused = [record["t_req"] for record in truth if record["status"] != 200]
    sent: list[float] = []
    end: list[float] = []
    first_end: list[float] = []
    for call, record in pairs:
        if not _good(record):
            continue
        assert call.first_output_at is None
        waited = any(0 < record["t_req"] - at < 6 for at in refused) and record["run"] == "faults"
        if not waited:
            sent.append((call.sent_at or 0) - record["t_req"])
        first = "first_of_process" in call.flags
        (first_end if first else end).append((call.last_output_at or 0) - record["t_end"])
    assert SENT_S[0] <= min(sent) <= max(sent) <= SENT_S[1]
    assert END_S[0] <= min(end) <= max(end) <= END_S[1]
    assert FIRST_END_S[0] <= min(first_end) <= max(first_end) <= FIRST_END_S[1]
    assert abs(median(end)) < 0.01


def test_real_sessions_agree_with_a_plain_count(shared: Path) -> None:
    """Messages by id, each once over all copies, and the tokens of each."""
    folder = shared / "corpus/gemini-cli"
    messages: dict[str, Record] = {}
    for path in sorted(folder.rglob("*.json")):
        for message in json.loads(path.read_bytes())["messages"]:
            if message["type"] == "gemini":
                messages[message["id"]] = message
    calls = read_inputs([str(folder)]).calls
    own = [call for call in calls if call.message_id in messages]
    assert len(own) == len(messages) == len({call.message_id for call in own})
    tokens = [message["tokens"] for message in messages.values() if message.get("tokens")]
    assert sum(call.output_tokens or 0 for call in own) == sum(item["output"] + item["thoughts"] for item in tokens)
    assert sum(call.reasoning_tokens or 0 for call in own) == sum(item["thoughts"] for item in tokens)
    used = [item for item in tokens if item["output"] + item["thoughts"]]
    assert sum(call.input_tokens or 0 for call in own) == sum(item["input"] + item["tool"] for item in used)
    merged = [call for call in calls if call.message_id not in messages]
    assert all(call.output_tokens is None for call in merged)
    assert 0 < len(merged) < len(own) / 20
