"""Every recorded Claude Code session against what the scripted server wrote down.

Limits are those of the format reference (its sections 15.2 and 15.3), in seconds.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from latprof.ingest import read_inputs
from latprof.model import Call

REQUEST_LINE_MAX_S = 0.075
TRIGGER_TOOL_RESULT = (0.0, 0.45)  # the request arrives so much after the trigger line
TRIGGER_PROMPT = (0.0, 0.35)
BLOCK_END_MAX_S = 0.27
STREAM_END_MAX_S = 0.11
FIRST_TOKEN_MAX_S = 0.16
MEDIAN_MAX_S = 0.01

Record = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """A recorded folder: what the server saw and what latprof read."""

    name: str
    records: list[Record]
    calls: list[Call]

    def of_message(self) -> dict[str, Record]:
        return {record["mid"]: record for record in self.records}

    def pairs(self) -> list[tuple[Call, Record]]:
        records = self.of_message()
        return [(call, records[call.message_id or ""]) for call in self.calls]

    def clean_pairs(self) -> list[tuple[Call, Record]]:
        return [(call, record) for call, record in self.pairs() if not record["fault"] and record["stream"]]


@pytest.fixture(scope="module")
def cases(shared: Path) -> list[Case]:
    found: list[Case] = []
    for path in sorted((shared / "truth" / "claude-code").glob("*/*/truth.jsonl")):
        records = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        reading = read_inputs([str(path.parent / "projects")])
        found.append(Case("/".join(path.parts[-3:-1]), records, reading.calls))
    return found


def _answered(record: Record) -> bool:
    """Requests that were answered whole and belong to a conversation (side requests have no tools)."""
    good = not record["fault"] or record["fault"] == "stall20"
    return good and record.get("out") is not None and bool(record["tools"])


def test_all_recordings_are_there(cases: list[Case]) -> None:
    """Thirty-two folders of five versions, or the checks below check nothing."""
    assert len(cases) == 32
    assert sum(len(case.calls) for case in cases) > 400


def test_each_answered_request_is_one_call_and_nothing_else_is(cases: list[Case]) -> None:
    """Whole answers appear exactly once; a call beyond them was cut and is flagged so."""
    for case in cases:
        whole = sorted(call.message_id or "" for call in case.calls if "interrupted" not in call.flags)
        assert whole == sorted(record["mid"] for record in case.records if _answered(record)), case.name
        cut = {call.message_id for call in case.calls if "interrupted" in call.flags}
        assert cut <= {record["mid"] for record in case.records if record["fault"]}, case.name


def test_ids_models_and_tokens_agree(cases: list[Case]) -> None:
    """Request id, model and tokens are the server's; a cut call has no output tokens."""
    for case in cases:
        for call, record in case.pairs():
            assert (call.request_id, call.model) == (record["rid"], record["model"]), case.name
            expected = record["out"] if _answered(record) else None
            assert call.output_tokens == expected, (case.name, call.message_id)


def test_thinking_tokens_agree_where_the_version_states_them(cases: list[Case]) -> None:
    """From 2.1.250 on reasoning tokens are those of the server's thinking blocks."""
    compared = 0
    for case in cases:
        for call, record in case.clean_pairs():
            if call.reasoning_tokens is None:
                continue
            compared += 1
            thinking = sum(block["tokens"] for block in record["blocks"] if block["type"] == "thinking")
            assert call.reasoning_tokens == thinking, (case.name, call.message_id)
    assert compared > 300


def test_triggers_agree(cases: list[Case]) -> None:
    """`tool_result` where the last message was one; a sub-agent's first call is `subagent`."""
    seen: dict[str, int] = {}
    for case in cases:
        aborted = {new["mid"] for old, new in pairwise(case.records) if "client_closed" in str(old["fault"])}
        for call, record in case.pairs():
            seen[call.trigger] = seen.get(call.trigger, 0) + 1
            if call.message_id in aborted:  # the person typed, the server still sees the old result
                assert call.trigger == "user", case.name
            elif call.trigger == "retry":  # the log shows why: the answer before it was cut
                assert any(r["fault"] in {"cut", "error_mid"} for r in case.records), case.name
            elif record["kind"] == "tool_result":
                assert call.trigger == "tool_result", (case.name, call.message_id)
            elif call.agent_id is not None:
                assert call.trigger == "subagent", (case.name, call.message_id)
            else:
                assert call.trigger in {"user", "notification", "retry"}, (case.name, call.message_id)
    assert seen["subagent"] == 14
    assert seen["retry"] == 2


def test_send_times_agree(cases: list[Case]) -> None:
    """Request lines lie within 75 ms of the arrival; the trigger chain lies before it, by less than 0.45 s."""
    differences: list[float] = []
    for case in cases:
        for call, record in case.pairs():
            assert call.sent_at is not None, case.name
            late = record["t_req"] - call.sent_at
            if call.sent_source == "api_request_line":
                differences.append(late)
                assert abs(late) < REQUEST_LINE_MAX_S, (case.name, call.message_id, late)
            else:
                low, high = TRIGGER_TOOL_RESULT if record["kind"] == "tool_result" else TRIGGER_PROMPT
                assert low <= late < high, (case.name, call.message_id, late)
    assert len(differences) > 300
    assert abs(median(differences)) < MEDIAN_MAX_S


def test_the_trigger_chain_is_used_in_old_versions_only(cases: list[Case]) -> None:
    """Every call of 2.1.300 and 2.1.329 has its request line, no call before has."""
    for case in cases:
        new = case.name.split("/")[0] in {"2.1.300", "2.1.329"}
        assert all((call.sent_source == "api_request_line") == new for call in case.calls), case.name


def test_block_ends_agree(cases: list[Case]) -> None:
    """Each block's end is the server's within the client's delay, the median within 10 ms."""
    differences: list[float] = []
    for case in cases:
        for call, record in case.clean_pairs():
            ends = [block["t_end"] for block in record["blocks"]]
            assert [block.type for block in call.blocks] == [block["type"] for block in record["blocks"]], case.name
            for block, end in zip(call.blocks, ends, strict=True):
                assert block.end_at is not None
                differences.append(block.end_at - end)
                assert abs(differences[-1]) < BLOCK_END_MAX_S, (case.name, call.message_id)
    assert len(differences) > 800
    assert abs(median(differences)) < MEDIAN_MAX_S


def test_stream_ends_agree(cases: list[Case]) -> None:
    """The last block's end is the end of the stream."""
    for case in cases:
        for call, record in case.clean_pairs():
            assert call.last_output_at is not None
            assert abs(call.last_output_at - record["t_end"]) < STREAM_END_MAX_S, (case.name, call.message_id)


def test_first_tokens_agree(cases: list[Case]) -> None:
    """Where a first token is given it is the first block's start; text-first responses have none."""
    differences: list[float] = []
    for case in cases:
        for call, record in case.clean_pairs():
            if call.first_output_at is None:
                continue
            assert record["blocks"][0]["type"] in {"thinking", "tool_use"}, case.name
            differences.append(call.first_output_at - record["blocks"][0]["t_start"])
            assert abs(differences[-1]) < FIRST_TOKEN_MAX_S, (case.name, call.message_id)
    assert len(differences) > 200
    assert abs(median(differences)) < MEDIAN_MAX_S


def test_every_thinking_or_tool_first_call_of_the_newest_version_has_its_first_token(cases: list[Case]) -> None:
    """Nothing that the log states is thrown away."""
    for case in cases:
        if not case.name.startswith("2.1.329"):
            continue
        for call, record in case.clean_pairs():
            timed = record["blocks"][0]["type"] in {"thinking", "tool_use"}
            assert (call.first_output_at is not None) == timed, (case.name, call.message_id)


def test_attempts_agree(cases: list[Case]) -> None:
    """Failed requests before an answer count as its attempts: one for 429 and 529, three for 529x3."""
    attempts = {case.name: max(call.attempts or 0 for call in case.calls) for case in cases}
    assert attempts["2.1.329/err-429"] == 2
    assert attempts["2.1.329/err-529"] == 2
    assert attempts["2.1.329/err-529x3"] == 4
    assert attempts["2.1.329/otel-529x3"] == 4
    assert attempts["2.1.329/plain-mixed"] == 1


def test_whole_responses_have_no_first_token(cases: list[Case]) -> None:
    """Requests that the server answered without streaming are flagged so."""
    for case in cases:
        for call, record in case.pairs():
            assert ("non_streamed" in call.flags) == (not record["stream"]), (case.name, call.message_id)
            if not record["stream"]:
                assert call.first_output_at is None
