"""Telemetry files of Gemini CLI and Qwen Code: objects of the SDK, names old and new, damage."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joining import joined
from latprof.formats import Source, formats
from latprof.model import Call, Problem
from sound import assert_sound

FORMAT = next(item for item in formats() if item.name == "gemini-telemetry")
NOON = 1_780_000_000


def record(at: float, name: str, service: str = "gemini-cli", **attributes: Any) -> dict[str, Any]:
    stamp = datetime.fromtimestamp(NOON + at, UTC).isoformat(timespec="milliseconds")
    return {
        "hrTime": [NOON + int(at), round(at % 1 * 1e9)],
        "resource": {"_rawAttributes": [["service.name", service], ["service.version", "1.2"]]},
        "instrumentationScope": {"name": service},
        "attributes": {"session.id": "s", "event.name": name, "event.timestamp": stamp, **attributes},
    }


def gemini(at: float, **attributes: Any) -> dict[str, Any]:
    counts = {"input_token_count": 90, "cached_content_token_count": 40, "output_token_count": 30}
    whole = {"model": "m", "duration_ms": 1500, "prompt_id": "p", "role": "main", **counts, **attributes}
    return record(at, "gemini_cli.api_response", **whole)


def qwen(at: float, **attributes: Any) -> dict[str, Any]:
    counts = {"input_token_count": 90, "output_token_count": 30, "thoughts_token_count": 10}
    whole = {"model": "m", "duration_ms": 1000, "response_id": "r1", **counts, **attributes}
    return record(at, "qwen-code.api_response", "qwen-code", **whole)


def span(name: str, start: float, end: float, sid: str, parent: str = "", **attributes: Any) -> dict[str, Any]:
    whole = record(start, "", "qwen-code")
    del whole["hrTime"]
    context = {"traceId": "t", "spanId": sid}
    times = {"startTime": [NOON, int(start * 1e9)], "endTime": [NOON, int(end * 1e9)]}
    above = {"parentSpanContext": {"traceId": "t", "spanId": parent}} if parent else {}
    return {**whole, **times, **above, "name": name, "_spanContext": context, "status": {"code": 0},
            "attributes": {"session.id": "s", **attributes}}  # fmt: skip


def read(*records: Any) -> tuple[list[Call], list[Problem]]:
    data = "".join(json.dumps(item, indent=2) + "\n" if not isinstance(item, str) else item for item in records)
    items = list(FORMAT.read(Source.from_bytes(data.encode())))
    return [x for x in items if isinstance(x, Call)], [x for x in items if isinstance(x, Problem)]


def one(*records: Any) -> Call:
    """Records of one call share its request id."""
    calls, problems = read(*records)
    assert not problems
    (call,) = joined(calls)
    return call


def rel(at: float | None) -> float | None:
    return None if at is None else round(at - NOON, 3)


def test_a_call_of_gemini_cli() -> None:
    """Thoughts are added to the output, the cached part is inside the input, there is no first token."""
    call = one(gemini(5, thoughts_token_count=12, auth_type="oauth-personal", finish_reasons=["x", "STOP"]))
    assert (call.agent, call.session_id, call.agent_version, call.provider) == ("gemini-cli", "s", "1.2", "gcp.gemini")
    assert (rel(call.sent_at), rel(call.last_output_at), call.first_output_at) == (3.5, 5, None)
    assert (call.sent_source, call.last_output_source) == ("duration", "record_end")
    assert (call.input_tokens, call.cache_read_tokens, call.output_tokens, call.reasoning_tokens) == (90, 40, 42, 12)
    assert (call.attempts, call.stop_reason, call.flags) == (1, "STOP", ())


@pytest.mark.parametrize(
    ("role", "flags", "trigger"),
    [
        ("main", (), "unknown"), ("subagent", ("sidechain",), "subagent"),
        ("utility_router", ("side_call",), "unknown"), ("utility_compressor", (), "compaction"),
    ],
)  # fmt: skip
def test_who_asked(role: str, flags: tuple[str, ...], trigger: str) -> None:
    """The role says it, since 0.30."""
    call = one(gemini(5, role=role))
    assert (call.flags, call.trigger) == (flags, trigger)


def test_failures_belong_to_the_next_answer_of_the_same_prompt() -> None:
    """And to that one only."""
    failure = record(1, "gemini_cli.api_error", prompt_id="p")
    calls, problems = read(failure, failure, gemini(5), gemini(9, prompt_id="q"), gemini(12))
    assert [(call.attempts, call.flags) for call in calls] == [(2, ("retried",)), (1, ()), (1, ())]
    assert [problem.kind for problem in problems] == ["failed_attempt"] * 2


def test_a_stream_without_a_count_was_cut() -> None:
    """Gemini CLI writes 0, Qwen Code has no first token either."""
    assert one(gemini(5, output_token_count=0)).flags == ("interrupted",)
    calls, problems = read(qwen(5, output_token_count=0))
    assert (calls, [problem.kind for problem in problems]) == ([], ["failed_attempt"])


@pytest.mark.parametrize(("wait", "first"), [(400, 4.4), (995, None), (None, None)])
def test_qwen_codes_wait_is_no_first_token_when_it_is_the_whole_call(wait: int | None, first: float | None) -> None:
    """A call without text is shown when it is complete."""
    call = one(qwen(5, **({} if wait is None else {"ttft_ms": wait})))
    assert rel(call.first_output_at) == first
    assert (call.output_tokens, call.reasoning_tokens, call.request_id) == (30, 10, "r1")


def test_the_first_call_of_a_process_holds_its_start_up() -> None:
    """Of each process that wrote into the file, as long as no HTTP request was seen."""
    start = [record(at, "qwen-code.config", "qwen-code") for at in (0, 20)]
    calls, _ = read(start[0], qwen(5), qwen(9, response_id="r2"), start[1], qwen(25, response_id="r3"))
    assert [call.sent_source for call in calls] == ["process_start", "duration", "process_start"]
    assert [call.flags for call in calls] == [("first_of_process",), (), ("first_of_process",)]


def test_qwen_codes_span_its_event_and_its_http_requests_are_one_call() -> None:
    """Two attempts; the stream's end is that of the last one."""
    post: dict[str, Any] = {"http.request.method": "POST"}
    answered: dict[str, Any] = {
        "gen_ai.response.id": "r1", "gen_ai.response.time_to_first_chunk": 1.5, "gen_ai.provider.name": "openai",
        "gen_ai.usage.input_tokens": 90, "gen_ai.usage.output_tokens": 30,
    }  # fmt: skip
    call = one(
        record(0, "qwen-code.config", "qwen-code"),
        qwen(5),
        span("POST", 3.1, 3.2, "p1", "c", **post),
        span("POST", 4.0, 4.98, "p2", "c", **post),
        span("qwen-code.llm_request", 3.0, 5.0, "c", **answered),
    )
    assert [rel(at) for at in (call.sent_at, call.first_output_at, call.last_output_at)] == [4, 4.5, 4.98]
    assert (call.sent_source, call.first_output_source) == ("otel_attempt", "otel_first_content")
    assert (call.attempts, call.flags, call.provider) == (2, ("retried",), None)


def test_prompt_and_tool_lead_to_calls() -> None:
    """The last one before it."""
    calls, _ = read(
        record(1, "gemini_cli.user_prompt"), gemini(5), record(6, "gemini_cli.tool_call", function_name="x"), gemini(9)
    )
    assert [(call.trigger, rel(call.trigger_at)) for call in calls] == [("user", 1), ("tool_result", 6)]


def test_fields_by_their_older_names() -> None:
    """Attributes of the resource as an object, times with an underscore."""
    old = gemini(5)
    old["resource"] = {"_attributes": {"service.name": "gemini-cli"}}
    old["_hrTime"], old["instrumentationLibrary"] = old.pop("hrTime"), old.pop("instrumentationScope")
    del old["attributes"]["event.timestamp"]
    assert FORMAT.sniff("x", json.dumps(old, indent=2).encode())
    assert rel(one(old).last_output_at) == 5


def test_damage_costs_one_record() -> None:
    """In the middle, at the end, or two objects on one line."""
    part = json.dumps(gemini(7), indent=2)[:150] + "\n"
    assert [len(items) for items in read(gemini(5), part, gemini(9))] == [2, 1]
    assert [item.kind for item in read(gemini(5), part)[1]] == ["cut_document"]
    joined = json.dumps(gemini(5), indent=2) + json.dumps(gemini(9), indent=2)
    assert len(read(joined)[0]) == 2


@pytest.mark.parametrize(
    "data",
    [
        b"{}", b'{"resource": {"service.name": "gemini-cli"}}',
        b'{"hrTime": [1, 2], "instrumentationScope": {}, "resource": {"service.name": "another"}}',
    ],
)  # fmt: skip
def test_near_misses_are_not_claimed(data: bytes) -> None:
    """Another service's dump, an object of something else."""
    assert not FORMAT.sniff("telemetry.log", data)


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), max_size=8), st.integers(0, 10**6))
def test_no_damage_raises(changes: list[tuple[int, int]], cut: int) -> None:
    """Any bytes changed, any end."""
    records = (gemini(5), qwen(5), span("POST", 3.1, 3.2, "p1", "c"), span("qwen-code.llm_request", 3, 5, "c"))
    data = bytearray("".join(json.dumps(item, indent=2) + "\n" for item in records).encode())
    for place, byte in changes:
        data[place % len(data)] = byte
    assert_sound(FORMAT.read(Source.from_bytes(bytes(data[: cut % len(data)]))))
