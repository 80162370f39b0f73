"""Cline's printed events: which lines make a call, and what they tell of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latprof.formats.base import Source
from latprof.formats.cline_json import FORMAT
from latprof.model import Call, Problem
from sound import assert_sound

Record = dict[str, Any]
T0 = 1_785_000_000.0  # 2026-07-25 17:20:00 UTC


def stamp(seconds: float) -> str:
    return f"2026-07-25T17:20:{seconds:06.3f}Z"


def event(seconds: float, kind: str, **more: object) -> Record:
    return {"ts": stamp(seconds), "type": "agent_event", "event": {"type": kind, **more}}


def part(seconds: float, kind: str = "text", text: str = "abc") -> Record:
    return event(seconds, "content_start", contentType=kind, **{kind: text})


def tool(seconds: float, kind: str = "content_start", name: str = "t1") -> Record:
    return event(seconds, kind, contentType="tool", toolName="run_commands", toolCallId=name)


def usage(seconds: float, output: int = 40) -> Record:
    counts = {"inputTokens": 900, "outputTokens": output, "cacheReadTokens": 800}
    return event(seconds, "usage", **counts, totalInputTokens=900, totalOutputTokens=output)


def start(seconds: float, number: int) -> Record:
    return event(seconds, "iteration_start", iteration=number)


AGENT: Record = {"ts": stamp(0), "type": "hook_event", "hookEventName": "agent_start", "agentId": "a1"}
RESULT: Record = {"ts": stamp(59), "type": "run_result", "model": {"id": "m", "provider": "anthropic"}}
RUN = [
    AGENT,
    start(1, 1),
    part(2),
    usage(3),
    tool(3.1),
    tool(4, "content_end"),
    start(4.1, 2),
    part(5),
    usage(7),
    RESULT,
]


def lines(*records: object) -> bytes:
    return b"".join(
        (record if isinstance(record, bytes) else json.dumps(record).encode()) + b"\n" for record in records
    )


def items(*records: object) -> list[Call | Problem]:
    return list(FORMAT.read(Source.from_bytes(lines(*records))))


def calls(*records: object) -> list[Call]:
    return [item for item in items(*records) if isinstance(item, Call)]


def problems(*records: object) -> list[str]:
    return [item.kind for item in items(*records) if isinstance(item, Problem)]


def test_a_call_is_what_lies_between_two_starts() -> None:
    first, second = calls(*RUN)
    assert (first.sent_at, first.first_output_at, first.last_output_at) == (T0 + 1, T0 + 2, T0 + 3)
    assert (first.last_output_source, second.last_output_source) == ("record_written", "stream_end")
    assert (first.trigger, second.trigger) == ("user", "tool_result")
    assert second.trigger_at == pytest.approx(T0 + 4)
    assert (first.flags, second.flags) == (("first_of_process",), ())
    assert (first.model, first.provider, first.session_id) == ("m", "anthropic", "a1")
    assert (first.input_tokens, first.cache_read_tokens, first.output_tokens) == (900, 800, 40)
    assert [(block.type, block.name, block.result_at) for block in first.blocks] == [
        ("text", None, None),
        ("tool_use", "run_commands", T0 + 4),
    ]


def test_parts_of_one_kind_are_one_block() -> None:
    (call,) = calls(AGENT, start(1, 1), part(2, "reasoning"), part(2.5, "reasoning"), part(3), usage(4))
    shape = [(block.type, block.start_at, block.characters) for block in call.blocks]
    assert shape == [("thinking", T0 + 2, 6), ("text", T0 + 3, 3)]
    assert (call.first_output_at, call.first_output_source) == (T0 + 2, "first_token")


def test_an_answer_that_begins_with_a_tool_shows_no_first_token() -> None:
    (call,) = calls(AGENT, start(1, 1), tool(2), part(2.5), usage(4))
    assert (call.first_output_at, call.first_output_source) == (None, None)


def test_an_error_after_some_output_is_an_interrupted_call() -> None:
    (call,) = calls(AGENT, start(1, 2), part(2), event(3, "error", error="x"))
    assert (call.flags, call.output_tokens, call.last_output_source) == (("interrupted",), None, "record_written")
    assert problems(AGENT, start(1, 1), event(3, "error", error="x")) == ["failed_attempt"]


def test_an_error_after_the_usage_changes_nothing() -> None:
    (call,) = calls(AGENT, start(1, 2), part(2), usage(3), event(4, "error", error="x"))
    assert (call.flags, call.last_output_at) == ((), T0 + 3)


def test_a_run_that_was_stopped_leaves_a_request_without_a_response() -> None:
    assert problems(AGENT, start(1, 1), part(2)) == ["request_without_response"]


def test_two_runs_of_one_file_have_their_own_agent_and_model() -> None:
    other = [{**AGENT, "agentId": "a2"}, start(11, 1), part(12), usage(13), {**RESULT, "model": {"id": "n"}}]
    assert [(call.session_id, call.model) for call in calls(*RUN, *other)] == [("a1", "m"), ("a1", "m"), ("a2", "n")]


def test_a_helpers_hooks_do_not_rename_the_run() -> None:
    helper = {**AGENT, "agentId": "h", "parentAgentId": "a1"}
    assert {call.session_id for call in calls(*RUN[:4], helper, *RUN[4:])} == {"a1"}


def test_other_output_is_passed_over_and_damage_is_told() -> None:
    assert len(calls(b"Warning: x", *RUN, b"    at x")) == 2
    assert problems(*RUN, b'{"ts": ') == ["bad_line"]
    assert [item.kind for item in FORMAT.read(Source.from_bytes(b'{"ts": ')) if isinstance(item, Problem)] == [
        "cut_line"
    ]


def test_a_file_written_twice_has_each_call_once() -> None:
    assert [call.call_id for call in calls(*RUN, *RUN)] == [call.call_id for call in calls(*RUN)]


def test_clock_steps_sleep_and_wrong_counts() -> None:
    assert "clock_step" in calls(AGENT, start(5, 2), part(2), usage(6))[0].flags
    late = {**usage(1), "ts": "2026-07-25T17:40:00.000Z"}
    assert "suspended" in calls(AGENT, start(5, 2), part(6), late)[0].flags
    wrong = event(3, "usage", inputTokens=10, outputTokens=4, cacheReadTokens=800)
    assert calls(AGENT, start(1, 2), part(2), wrong)[0].input_tokens is None


def test_an_end_without_a_time_is_a_problem() -> None:
    assert problems(AGENT, start(1, 1), part(2), {**usage(3), "ts": "soon"}) == ["no_time", "request_without_response"]


@pytest.mark.parametrize(
    ("data", "claimed"),
    [
        (lines(*RUN), True),
        (lines(b"Warning: x", AGENT), True),
        (lines({"type": "agent_event"}), False),
        (lines({"ts": stamp(1), "type": "hook_event"}), False),
        (lines({"type": "system", "subtype": "init", "session_id": "x"}), False),
        (b'{"agent_event"', False),
        (b"", False),
    ],
)
def test_only_printed_events_are_claimed(data: bytes, claimed: bool) -> None:  # noqa: FBT001
    assert FORMAT.sniff("x.jsonl", data) is claimed


@given(st.data())
def test_changed_bytes_never_raise(data: st.DataObject) -> None:
    raw = bytearray(lines(*RUN))
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    assert_sound(FORMAT.read(Source.from_bytes(bytes(raw))))
