"""Captures of stream-json: what a message tells, with and without times of arrival."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latprof.formats import Source, formats
from latprof.model import Call, Problem
from sound import assert_sound

FORMAT = next(item for item in formats() if item.name == "claude-stream-json")
NOON = 1_780_000_000
INIT = {"type": "system", "subtype": "init", "session_id": "s", "cwd": "/repo", "claude_code_version": "2.1.329"}
USAGE = {"input_tokens": 3, "cache_read_input_tokens": 90, "cache_creation_input_tokens": 7, "output_tokens": 1}


def iso(at: float) -> str:
    return datetime.fromtimestamp(NOON + at, UTC).isoformat(timespec="milliseconds")


def block(
    at: float | None, mid: str = "m1", kind: str = "text", parent: str | None = None, **extra: Any
) -> dict[str, Any]:
    part = {"type": kind, "text": "xx", "id": f"tool_{mid}", "name": "Bash", "input": {}}
    message = {
        "id": mid,
        "model": "claude-opus-5",
        "content": [part],
        "usage": USAGE,
        "stop_reason": extra.pop("stop", None),
    }
    stamp = {} if at is None else {"timestamp": iso(at)}
    return {"type": "assistant", "message": message, "parent_tool_use_id": parent, "request_id": f"req_{mid}",
            "session_id": "s", **stamp, **extra}  # fmt: skip


def result_line(at: float, mid: str = "m1", parent: str | None = None) -> dict[str, Any]:
    content = [{"type": "tool_result", "tool_use_id": f"tool_{mid}", "content": "secret"}]
    return {"type": "user", "message": {"content": content}, "parent_tool_use_id": parent, "timestamp": iso(at)}


def streamed(kind: str, mid: str = "m1", parent: str | None = None, **event: Any) -> dict[str, Any]:
    wait = {"ttft_ms": event.pop("ttft_ms")} if "ttft_ms" in event else {}
    if kind == "message_start":
        event["message"] = {"id": mid, "model": "claude-opus-5", "usage": USAGE}
    return {"type": "stream_event", "event": {"type": kind, **event}, "parent_tool_use_id": parent, **wait}


def ended(mid: str = "m1", output: int = 50, thoughts: int = 20) -> list[dict[str, Any]]:
    usage = {"output_tokens": output, "output_tokens_details": {"thinking_tokens": thoughts}}
    return [
        streamed("message_delta", mid, delta={"stop_reason": "tool_use"}, usage=usage),
        streamed("message_stop", mid),
    ]


def turn_end(**fields: Any) -> dict[str, Any]:
    return {"type": "result", "subtype": "success", "is_error": False, **fields}


def read(*messages: Any) -> tuple[list[Call], list[Problem]]:
    """Messages, or pairs of a time of arrival and a message."""
    lines = [(None, item) if isinstance(item, dict) else item for item in messages]
    text = "".join(f"{'' if at is None else f'{NOON + at:.3f} '}{json.dumps(item)}\n" for at, item in lines)
    items = list(FORMAT.read(Source.from_bytes(text.encode())))
    return [x for x in items if isinstance(x, Call)], [x for x in items if isinstance(x, Problem)]


def one(*messages: Any) -> Call:
    calls, problems = read(*messages)
    assert not problems
    (call,) = calls
    return call


def rel(at: float | None) -> float | None:
    return None if at is None else round(at - NOON, 3)


def test_a_response_from_the_agents_own_times() -> None:
    """Ends of blocks, thinking with its duration, the final count; the first request by the result message."""
    call = one(
        INIT, streamed("message_start", ttft_ms=9), block(3, kind="thinking", thinking_duration_ms=1500), block(5),
        *ended(), turn_end(ttft_ms=2500, time_to_request_ms=400, first_content_frame_ms=1010),
    )  # fmt: skip
    assert [rel(at) for at in (call.sent_at, call.first_output_at, call.last_output_at)] == [0.9, 1.51, 5]
    assert (call.sent_source, call.first_output_source, call.last_output_source) == (
        "record_start", "block_start", "last_block_end",
    )  # fmt: skip
    assert (call.session_id, call.project, call.agent_version) == ("s", "/repo", "2.1.329")
    assert (call.message_id, call.request_id, call.provider, call.trigger) == ("m1", "req_m1", "anthropic", "user")
    assert (call.input_tokens, call.cache_read_tokens, call.cache_write_tokens) == (100, 90, 7)
    assert (call.output_tokens, call.reasoning_tokens, call.output_tokens_source) == (50, 20, "usage")
    assert [rel(item.start_at) for item in call.blocks] == [1.5, None]
    assert (call.stop_reason, call.flags) == ("tool_use", ())


def test_a_tool_leads_to_the_next_request() -> None:
    """Its result's time is early for sending; the last of several counts."""
    calls, _ = read(
        INIT, streamed("message_start"), block(1, kind="tool_use"), *ended(), result_line(2), result_line(2.5),
        streamed("message_start", "m2"), block(4, "m2"), *ended("m2"),
    )  # fmt: skip
    assert [(call.trigger, rel(call.trigger_at), call.sent_source) for call in calls] == [
        ("user", None, None), ("tool_result", 2.5, "trigger_line"),
    ]  # fmt: skip
    assert (calls[0].blocks[0].name, rel(calls[0].blocks[0].result_at)) == ("Bash", 2)
    assert calls[1].first_output_at is None


def test_times_of_arrival_show_send_time_and_first_token() -> None:
    """The opening of the stream minus its stated wait; the start of the first block, also of text."""
    call = one(
        (0, INIT), (2, streamed("message_start", ttft_ms=700)), (2.1, streamed("content_block_start", index=0)),
        (3, block(2.99)), *((4, item) for item in ended()),
    )  # fmt: skip
    assert [rel(at) for at in (call.sent_at, call.first_output_at, call.last_output_at)] == [1.3, 2.1, 2.99]
    assert call.sent_source == "duration"


@pytest.mark.parametrize(
    "stamp", [f"{NOON + 2}", f"{NOON + 2}.000", f"[{iso(2)}]", iso(2), f"{iso(2).replace('+00:00', 'Z')}:"]
)
def test_shapes_of_a_time_before_a_line(stamp: str) -> None:
    """Seconds or ISO 8601, in brackets or not."""
    lines = [INIT, block(None)]
    data = "".join(f"{stamp} {json.dumps(item)}\n" for item in lines).encode()
    assert FORMAT.sniff("x", data)
    (call,) = FORMAT.calls(Source.from_bytes(data))
    assert rel(call.last_output_at) == 2


def test_a_time_of_arrival_inside_the_message() -> None:
    """As a program that captures writes it."""
    assert rel(one(INIT, {**block(None), "received_at": NOON + 3}).last_output_at) == 3


def test_times_of_another_clock_are_left_out() -> None:
    """An hour off the agent's own."""
    call = one(
        (3600, INIT), (3602, block(2)), (3602.5, streamed("message_start", ttft_ms=700)),
        (3603, streamed("content_block_start", index=0)), *ended(),
    )  # fmt: skip
    assert (call.sent_at, call.first_output_at, rel(call.last_output_at)) == (None, None, 2)


def test_the_note_of_a_request_is_its_send_time_where_no_wait_is_stated() -> None:
    """Unless it marked an attempt that failed."""
    asking = {"type": "system", "subtype": "status", "status": "requesting"}
    retry = {"type": "system", "subtype": "api_retry", "attempt": 1}
    end = [(3, block(None)), *((4, item) for item in ended())]
    begin = [(2, streamed("message_start")), (2, streamed("content_block_start", index=0))]
    assert one((0, INIT), (1, asking), *begin, *end).sent_source == "request_log"
    calls, problems = read((0, INIT), (1, asking), (1.5, retry), *begin, *end)
    assert (calls[0].sent_at, calls[0].attempts, calls[0].flags) == (None, 2, ("retried",))
    assert [problem.kind for problem in problems] == ["failed_attempt"]


def test_a_sub_agents_first_call_follows_the_tool_that_started_it() -> None:
    """Its later ones follow tools of its own; the main thread goes on after it."""
    calls, _ = read(
        INIT, block(1, kind="tool_use"), block(3, "m2", kind="tool_use", parent="tool_m1"),
        result_line(4, "m2", "tool_m1"), block(5, "m3", parent="tool_m1"), result_line(6), block(8, "m4"),
    )  # fmt: skip
    assert [(call.trigger, rel(call.trigger_at), call.flags) for call in calls] == [
        ("user", None, ()), ("subagent", 1, ("sidechain",)), ("tool_result", 4, ("sidechain",)), ("tool_result", 6, ()),
    ]  # fmt: skip


def test_a_stream_without_its_end_was_cut() -> None:
    """Its count is a placeholder."""
    call = one(INIT, streamed("message_start"), block(2))
    assert (call.flags, call.output_tokens) == (("interrupted",), None)


def test_a_response_that_came_whole() -> None:
    """No events of a stream among others that have them; its count is final when it stopped."""
    calls, _ = read(INIT, streamed("message_start"), block(1), *ended(), block(4, "m2", stop="end_turn"))
    assert ("non_streamed" in calls[1].flags, calls[1].output_tokens_source) == (True, "stop_reason")


def test_without_events_only_a_turn_of_one_response_has_a_count() -> None:
    """The result message adds the turn up."""
    done = turn_end(usage={"output_tokens": 70})
    assert one(INIT, block(2), done).output_tokens == 70
    assert [call.output_tokens for call in read(INIT, block(2), block(4, "m2"), done)[0]] == [None, None]
    failed = turn_end(subtype="error_during_execution", is_error=True)
    assert [call.flags for call in read(INIT, block(2), block(4, "m2"), failed)[0]] == [(), ("interrupted",)]


def test_what_cannot_be_timed_is_counted() -> None:
    """No times at all; no block at all."""
    calls, problems = read(INIT, block(None), streamed("message_start", "m2"))
    assert (calls, sorted(problem.kind for problem in problems)) == ([], ["no_time", "request_without_response"])


def test_a_copied_line_and_a_made_up_message_add_nothing() -> None:
    """A uuid that was there before; the agent's own note of an error."""
    line = {**block(2), "uuid": "u1"}
    made_up = block(3, "m2")
    made_up["message"]["model"] = "<synthetic>"
    assert len(one(INIT, line, line, made_up).blocks) == 1


@pytest.mark.parametrize(
    "first",
    [
        {"type": "system", "subtype": "init", "session_id": "s", "tools": [], "mcp_servers": []},
        {"type": "assistant", "message": {"content": []}, "session_id": "s"},
        {"type": "init", "session_id": "s", "claude_code_version": "1"},
    ],
)
def test_messages_of_other_agents_are_not_claimed(first: dict[str, Any]) -> None:
    """Several copied the shape, not the version's key."""
    assert not FORMAT.sniff("x.jsonl", json.dumps(first).encode() + b"\n")


def test_a_first_message_longer_than_what_is_looked_at_is_known() -> None:
    """A long list of tools."""
    long = {
        "type": "system",
        "subtype": "init",
        "cwd": "/r",
        "session_id": "s",
        "mcp_servers": [],
        "tools": ["x" * 9] * 9999,
    }
    assert FORMAT.sniff("x", json.dumps(long).encode()[:65536])


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), max_size=8), st.integers(0, 10**6))
def test_no_damage_raises(changes: list[tuple[int, int]], cut: int) -> None:
    """Any bytes changed, any end."""
    done = turn_end(ttft_ms=2500, time_to_request_ms=400)
    messages = [INIT, streamed("message_start", ttft_ms=9), block(3, kind="tool_use"), *ended(), result_line(4), done]
    data = bytearray("".join(f"{NOON}.5 {json.dumps(item)}\n" for item in messages).encode())
    for place, byte in changes:
        data[place % len(data)] = byte
    assert_sound(FORMAT.read(Source.from_bytes(bytes(data[: cut % len(data)]))))
