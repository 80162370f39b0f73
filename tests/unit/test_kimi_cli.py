"""Kimi CLI: steps between their begin and their status, parts stamped at their ends."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latprof.formats.base import Source
from latprof.formats.kimi_cli import FORMAT
from latprof.model import Call, Problem

S = 1_774_000_000.0
PATH = "0f0f/session-1/wire.jsonl"
LONG = "chatcmpl-0123456789abcdef"
HEAD: dict[str, Any] = {"type": "metadata", "protocol_version": "1.3"}
Record = dict[str, Any]


def line(at: float, type_: str, /, **payload: object) -> Record:
    return {"timestamp": S + at, "message": {"type": type_, "payload": payload}}


def nested(record: Record, **owner: str) -> Record:
    payload = {**owner, "event": record["message"]}
    return {**record, "message": {"type": "SubagentEvent", "payload": payload}}


def prompt(at: float) -> Record:
    return line(at, "TurnBegin", user_input="x")


def begin(at: float, n: int = 1) -> Record:
    return line(at, "StepBegin", n=n)


def part(at: float, kind: str) -> Record:
    return line(at, "ContentPart", type=kind, **{kind: "abc"})


def tool(at: float, name: str) -> Record:
    return line(at, "ToolCall", type="function", id=name, function={"name": "Shell", "arguments": "{}"})


def result(at: float, name: str) -> Record:
    return line(at, "ToolResult", tool_call_id=name, return_value={})


def status(at: float, name: str | None = LONG, output: int = 60) -> Record:
    usage = {"input_other": 100, "output": output, "input_cache_read": 900, "input_cache_creation": 7}
    return line(at, "StatusUpdate", token_usage=usage, message_id=name)


def items(*records: Record, path: str = PATH) -> list[Call | Problem]:
    data = b"".join(json.dumps(record).encode() + b"\n" for record in (HEAD, *records))
    return list(FORMAT.read(Source.from_bytes(data, path)))


def calls(*records: Record, path: str = PATH) -> list[Call]:
    return [item for item in items(*records, path=path) if isinstance(item, Call)]


def kinds(*records: Record) -> list[tuple[str, int | None]]:
    return [(item.kind, item.line) for item in items(*records) if isinstance(item, Problem)]


def test_a_step_is_a_call_from_its_begin_to_its_status() -> None:
    made = calls(
        prompt(1), begin(1.5), part(4, "think"), part(5, "text"), tool(6, "c"), status(6.5),
        result(9, "c"), begin(9.25, 2), part(11, "text"), status(11.5, f"{LONG}-2"),
    )  # fmt: skip
    first, second = made
    assert (first.trigger, first.trigger_at, first.sent_at, first.last_output_at) == ("user", S + 1, S + 1.5, S + 6.5)
    assert (first.sent_source, first.last_output_source) == ("record_created", "record_end")
    assert [(block.type, block.end_at) for block in first.blocks] == [
        ("thinking", S + 4), ("text", S + 5), ("tool_use", S + 6)
    ]  # fmt: skip
    assert first.blocks[2].result_at == S + 9
    assert (first.input_tokens, first.cache_read_tokens, first.cache_write_tokens) == (1007, 900, 7)
    assert (first.output_tokens, first.reasoning_tokens, first.attempts, first.model) == (60, None, None, None)
    assert (second.trigger, second.trigger_at, second.sent_at) == ("tool_result", S + 9, S + 9.25)
    assert {call.first_output_at for call in made} == {None}


def test_the_request_waits_for_compaction_and_servers_of_tools() -> None:
    for kind in ("CompactionEnd", "MCPLoadingEnd"):
        (call,) = calls(prompt(1), begin(1.5), line(8, kind), part(10, "text"), status(11))
        assert call.sent_at == S + 8


def test_parts_before_a_retry_belong_to_the_failed_attempt() -> None:
    retry = line(3, "StepRetry", n=1, next_attempt=2, wait_s=2.5, status_code=500)
    (call,) = calls(prompt(1), begin(1.5), part(2, "think"), retry, part(8, "text"), status(9))
    assert (call.sent_at, call.sent_source, call.attempts) == (S + 5.5, "retry_adjusted", 2)
    assert call.flags == ("retried",)
    assert [block.end_at for block in call.blocks] == [S + 8]
    assert kinds(prompt(1), begin(1.5), retry, line(9, "StepInterrupted")) == [
        ("failed_attempt", 4), ("request_without_response", 3)
    ]  # fmt: skip


def test_an_interrupted_step_leaves_nothing_to_the_next() -> None:
    stopped = [prompt(1), begin(1.5), part(2, "think"), line(3, "StepInterrupted")]
    (call,) = calls(*stopped, prompt(10), begin(10.5), part(12, "text"), status(13))
    assert (call.sent_at, call.trigger_at, len(call.blocks)) == (S + 10.5, S + 10, 1)
    assert kinds(*stopped) == [("request_without_response", 3)]


def test_a_prompt_between_steps_makes_the_next_the_users() -> None:
    steer = line(8, "SteerInput", user_input="x")
    head = [prompt(1), begin(1.5), tool(3, "c"), status(4)]
    for between in ([result(7, "c"), steer], [steer, result(8.5, "c")]):
        (_, call) = calls(*head, *between, begin(9, 2), part(10, "text"), status(11, f"{LONG}-2"))
        assert call.trigger == "user"


def test_a_sub_agent_counts_once_whether_nested_or_in_a_file_of_its_own() -> None:
    steps = [begin(5), part(7, "text"), status(8), begin(8.5, 2), part(9, "text"), status(10, f"{LONG}-2")]
    inside = calls(prompt(1), *(nested(step, parent_tool_call_id="c", agent_id="a1") for step in steps))
    own = calls(prompt(5), *steps, path="0f0f/session-1/subagents/a1/wire.jsonl")
    for found in (inside, own):
        assert [(call.session_id, call.agent_id, call.trigger) for call in found] == [
            ("session-1", "a1", "subagent"), ("session-1", "a1", "tool_result")
        ]  # fmt: skip
        assert found[0].flags == ("sidechain",)
    assert [call.call_id for call in inside] == [call.call_id for call in own]


def test_sub_agents_side_by_side_do_not_mix() -> None:
    one = [begin(1), part(5, "text"), status(6)]
    two = [begin(2), part(3, "text"), status(4, f"{LONG}-2")]
    mixed = sorted(
        [nested(step, task_tool_call_id="c1") for step in one] + [nested(step, task_tool_call_id="c2") for step in two],
        key=lambda record: float(record["timestamp"]),
    )
    assert [(call.agent_id, call.sent_at, call.first_block_at) for call in calls(*mixed)] == [
        ("c2", S + 2, S + 3), ("c1", S + 1, S + 5)
    ]  # fmt: skip


def test_a_status_without_tokens_is_no_end_and_a_repeated_one_no_call() -> None:
    other = line(2, "StatusUpdate", mcp_status={"loading": True})
    assert len(calls(prompt(1), begin(1.5), other, part(4, "text"), status(5), status(6))) == 1
    assert calls(prompt(1), begin(1.5), other) == []


def test_short_ids_of_local_servers_repeat() -> None:
    steps = [begin(1), part(2, "text"), status(3, "chatcmpl-7"), begin(4, 2), part(5, "text"), status(6, "chatcmpl-7")]
    assert len(calls(*steps)) == 2
    assert len(calls(*steps, *steps)) == 2


def test_a_lost_begin_leaves_tokens_and_end() -> None:
    (call,) = calls(part(4, "text"), status(5))
    assert (call.trigger, call.sent_at, call.last_output_at, call.output_tokens) == ("unknown", None, S + 5, 60)


@pytest.mark.parametrize(("end", "flag"), [(-3.0, "clock_step"), (700.0, "suspended")])
def test_stepped_clocks_and_sleep_are_flagged(end: float, flag: str) -> None:
    (call,) = calls(prompt(1), begin(1.5), status(end))
    assert call.flags == (flag,)


def test_values_of_wrong_types_are_left_out() -> None:
    odd: list[Record] = [
        {"timestamp": "x", "message": []}, {"timestamp": S, "message": {"type": [], "payload": 3}},
        nested(nested(begin(1))), line(1, "ContentPart", type={}), line(1, "ToolCallPart"),
    ]  # fmt: skip
    wrong = line(5, "StatusUpdate", token_usage={"output": "x", "input_other": None}, message_id=[])
    (call,) = calls(*odd, begin(2), wrong)
    assert (call.output_tokens, call.input_tokens, call.message_id) == (None, None, None)


GOOD = b"".join(json.dumps(record).encode() + b"\n" for record in (prompt(1), begin(2), part(3, "text"), status(4)))


@given(st.integers(0, len(GOOD) - 1), st.binary(max_size=8))
def test_no_damage_raises(at: int, noise: bytes) -> None:
    data = GOOD[:at] + noise + GOOD[at + len(noise) :]
    assert FORMAT.sniff(PATH, data) in {True, False}
    assert all(isinstance(item, Call | Problem) for item in FORMAT.read(Source.from_bytes(data, PATH)))
