"""OTLP/JSON: which records are calls, what each instant rests on, what led to a call, damage."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joining import joined
from latprof.formats import Source, formats
from latprof.model import Call, Problem
from sound import assert_sound

OTLP = next(item for item in formats() if item.name == "otlp")
NOON = 1_780_000_000.0
TRACE = "0" * 31 + "1"


def typed(value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, list):
        return {"arrayValue": {"values": [typed(item) for item in value]}}
    return {{int: "intValue", float: "doubleValue", str: "stringValue"}[type(value)]: value}


def listed(attributes: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": typed(value)} for key, value in attributes.items()]


def nanos(at: float) -> str:
    return str(round((NOON + at) * 1e9))


def span(name: str, start: float, end: float, *, sid: str = "a1", parent: str = "", status: int = 0, **kw: Any) -> Any:
    marks = kw.pop("marks", [])
    return {
        "traceId": TRACE, "spanId": sid, "name": name, "startTimeUnixNano": nanos(start), "endTimeUnixNano": nanos(end),
        "attributes": listed(kw.pop("a", {})), "status": {"code": status},
        "events": [{"name": "gen_ai.request.attempt", "timeUnixNano": nanos(at)} for at in marks],
        **({"parentSpanId": parent} if parent else {}),
    }  # fmt: skip


def event(name: str, at: float, **attributes: Any) -> Any:
    return {"timeUnixNano": nanos(at), "attributes": listed({"event.name": name, **attributes})}


def request(*records: Any, service: str = "app", scope: str = "lib") -> dict[str, Any]:
    resource = {"attributes": listed({"service.name": service} if service else {})}
    spans = [record for record in records if "spanId" in record]
    logs = [record for record in records if "spanId" not in record]
    whole: dict[str, Any] = {}
    if spans:
        whole["resourceSpans"] = [{"resource": resource, "scopeSpans": [{"scope": {"name": scope}, "spans": spans}]}]
    if logs:
        whole["resourceLogs"] = [{"resource": resource, "scopeLogs": [{"scope": {"name": scope}, "logRecords": logs}]}]
    return whole


def read(*requests: Any) -> tuple[list[Call], list[Problem]]:
    data = b"".join(json.dumps(item).encode() + b"\n" for item in requests)
    items = list(OTLP.read(Source.from_bytes(data)))
    return [x for x in items if isinstance(x, Call)], [x for x in items if isinstance(x, Problem)]


def one(*requests: Any) -> Call:
    calls, problems = read(*requests)
    assert not problems
    (call,) = joined(calls)
    return call


def chat(start: float = 0, end: float = 2, sid: str = "a1", parent: str = "", status: int = 0, **a: Any) -> Any:
    attributes = {"gen_ai.operation.name": "chat", **{key.replace("__", "."): value for key, value in a.items()}}
    return span("chat m", start, end, sid=sid, parent=parent, status=status, a=attributes)


CLAUDE = {"session.id": "s", "request_id": "req_1", "input_tokens": 3, "output_tokens": 90}


def claude(start: float = 0, end: float = 2, sid: str = "a1", marks: tuple[float, ...] = (0.01,), **a: Any) -> Any:
    return span("claude_code.llm_request", start, end, sid=sid, marks=list(marks), a={**CLAUDE, **a})


def claude_event(at: float = 2.01, **a: Any) -> Any:
    whole = {**CLAUDE, "duration_ms": 2000, **a}
    return {**event("api_request", at, **whole), "body": {"stringValue": "claude_code.api_request"}}


def rel(at: float | None) -> float | None:
    return None if at is None else round(at - NOON, 3)


@pytest.mark.parametrize(
    ("attributes", "first", "source"),
    [
        ({"gen_ai.response.time_to_first_chunk": 0.5}, 0.5, "first_chunk"),
        ({"gen_ai.response.time_to_first_token": 0.4, "gen_ai.response.time_to_first_chunk": 0.5}, 0.4, "first_token"),
        ({"ai.response.msToFirstChunk": 700}, 0.7, "first_chunk"),
        ({"ai.stream.msToFirstChunk": "700"}, 0.7, "first_chunk"),
        ({"gen_ai.latency.time_to_first_token": 0.2}, 0.2, "server_first_token"),
        ({"langfuse.observation.completion_start_time": '"2026-05-28T20:26:41Z"'}, 1.0, "first_token"),
        ({"gen_ai.response.time_to_first_chunk": 500.0}, None, None),
        ({"gen_ai.response.time_to_first_chunk": 0.0}, None, None),
        ({"gen_ai.response.time_to_first_chunk": 0.5, "gen_ai.request.stream": False}, None, None),
        ({}, None, None),
    ],
)
def test_names_of_the_first_output(attributes: dict[str, Any], first: float | None, source: str | None) -> None:
    """Each with its unit; one that lies outside the span is not used."""
    call = one(request(span("chat", 0, 2, a={"gen_ai.operation.name": "chat", **attributes})))
    assert (rel(call.first_output_at), call.first_output_source) == (first, source)
    assert ("non_streamed" in call.flags) == ("gen_ai.request.stream" in attributes)


@pytest.mark.parametrize(
    ("service", "scope", "agent"),
    [
        ("claude-code", "", "claude-code"), ("codex_cli_rs", "", "codex"), ("codex-app-server", "", "codex"),
        ("Support Agent", "", "support-agent"), ("unknown_service:node", "ai", "ai"), ("", "", "unknown"),
    ],
)  # fmt: skip
def test_the_service_names_the_agent(service: str, scope: str, agent: str) -> None:
    """The instrumentation where the service has no name."""
    assert one(request(chat(), service=service, scope=scope)).agent == agent


def test_ids_tokens_and_names_of_a_span_of_the_conventions() -> None:
    """All input includes the cached part, also where the instrumentation leaves it out."""
    call = one(
        request(
            chat(
                gen_ai__provider__name="gcp.gemini", gen_ai__request__model="m", gen_ai__response__model="m-2",
                gen_ai__response__id="r1", gen_ai__conversation__id="c", gen_ai__usage__input_tokens=10,
                gen_ai__usage__cache_read__input_tokens=90, gen_ai__usage__output_tokens=20,
                gen_ai__usage__reasoning__output_tokens=5, gen_ai__response__finish_reasons=["stop"],
            )
        )
    )  # fmt: skip
    assert (call.provider, call.model, call.requested_model, call.session_id) == ("gcp.gemini", "m-2", "m", "c")
    assert (call.message_id, call.request_id, call.stop_reason, call.attempts) == ("r1", "r1", "stop", None)
    assert (call.input_tokens, call.cache_read_tokens) == (100, 90)
    assert (call.output_tokens, call.reasoning_tokens, call.output_tokens_source) == (20, 5, "usage")


def test_a_call_that_nobody_names_belongs_to_its_trace() -> None:
    """A trace is one run; the span's id names the call."""
    call = one(request(chat()))
    assert (call.session_id, call.message_id, call.request_id, call.output_tokens) == (TRACE, "a1", None, None)


@pytest.mark.parametrize("name", ["invoke_agent", "execute_tool", "embeddings", "create_agent"])
def test_other_operations_are_no_calls(name: str) -> None:
    """Agents, tools, embeddings."""
    assert read(request(span(name, 0, 1, a={"gen_ai.operation.name": name}))) == ([], [])


def test_a_framework_around_a_client_is_one_call() -> None:
    """Whatever lies between them; the innermost span is the request."""
    inner, between, outer = chat(0.1, 1.9, "c", "b"), span("step", 0.05, 1.95, sid="b", parent="a"), chat(0, 2, "a")
    assert rel(one(request(inner, between, outer)).sent_at) == 0.1


def test_http_requests_below_a_call_are_its_attempts() -> None:
    """The last one was answered; its end is the response's when it lies at the end of the call."""
    posts = [span("POST", at, at + 0.2, sid=f"p{at}", parent="a1", a={"http.request.method": "POST"}) for at in (0, 1)]
    late = span("POST", 1.5, 3.98, sid="p3", parent="a1", a={"http.request.method": "POST"})
    call = one(request(*posts, late, chat(0, 4)))
    assert (rel(call.sent_at), call.sent_source, call.attempts, call.flags) == (1.5, "otel_attempt", 3, ("retried",))
    assert (rel(call.last_output_at), call.last_output_source) == (3.98, "span_end")
    headers_only = one(request(*posts, chat(0, 4)))
    assert rel(headers_only.last_output_at) == 4


def test_a_span_that_ends_with_its_first_chunk_has_no_end() -> None:
    """It was closed when the call returned."""
    ends: dict[str, Any] = {"gen_ai__request__stream": True, "gen_ai__response__time_to_first_chunk": 1.999}
    assert one(request(chat(**ends))).last_output_at is None
    assert one(request(chat(**{**ends, "gen_ai__request__stream": "yes"}))).last_output_at is not None


@pytest.mark.parametrize("bad", [{"status": 2}, {"error__type": "timeout"}, {"success": False}, {"success": "false"}])
def test_failed_requests_are_problems(bad: dict[str, Any]) -> None:
    """No response, no call."""
    calls, problems = read(request(chat(**bad)))
    assert (calls, [problem.kind for problem in problems]) == ([], ["failed_attempt"])


def test_claude_code_counts_from_the_last_attempt() -> None:
    """Span, attempts, first content; the first message of the stream is no token."""
    call = one(
        request(claude(0, 8, marks=(0, 1, 5), attempt=3, first_content_ms=600, ttft_ms=9), service="claude-code")
    )
    assert (rel(call.sent_at), rel(call.headers_at), rel(call.first_output_at)) == (5, 5.009, 5.6)
    assert (call.sent_source, call.first_output_source) == ("otel_attempt", "otel_first_content")
    assert (call.last_output_source, call.attempts, call.flags) == ("record_written", 3, ("retried",))


def test_claude_code_without_attempt_times() -> None:
    """The span starts with the first attempt, so of a retried call neither send time nor first token is known."""
    plain = one(request(claude(marks=(), attempt=1, first_content_ms=600)))
    assert (plain.sent_source, rel(plain.first_output_at)) == ("span_start", 0.6)
    retried = one(request(claude(marks=(), attempt=2, first_content_ms=600, ttft_ms=5)))
    assert (retried.sent_source, retried.first_output_at, retried.headers_at) == ("record_created", None, None)


def test_only_the_first_message_is_no_first_token() -> None:
    """Versions before 2.1.271 have nothing better."""
    call = one(request(claude(ttft_ms=8)))
    assert (call.first_output_at, rel(call.headers_at)) == (None, 0.018)


def test_span_and_event_of_one_request_are_one_call() -> None:
    """In one file or in two, in any order: the span's times, the event's trigger."""
    prompt = event("user_prompt", -0.1, **{"session.id": "s"})
    logs = request(
        {**prompt, "body": {"stringValue": "claude_code.user_prompt"}}, claude_event(), service="claude-code"
    )
    spans = request(claude(first_content_ms=600), service="claude-code")
    for files in ([[logs, spans]], [[spans], [logs]], [[logs], [spans]]):
        calls = joined([call for file in files for call in read(*file)[0]])
        (call,) = calls
        assert (call.agent, call.trigger, rel(call.trigger_at)) == ("claude-code", "user", -0.1)
        assert (call.sent_source, call.first_output_source) == ("otel_attempt", "otel_first_content")


def test_claude_code_events_without_spans() -> None:
    """Older ones hold numbers as texts; the cached input is apart; who asked decides what it is."""
    call = one(request(claude_event(cache_read_tokens="100", cache_creation_tokens="10", duration_ms="2000")))
    assert (rel(call.sent_at), call.sent_source, call.last_output_source) == (0.01, "duration", "record_written")
    assert (call.input_tokens, call.provider, call.attempts) == (113, "anthropic", None)
    asked = {
        name: one(request(claude_event(query_source=name))) for name in ("compact", "session_title", "agent:x", "sdk")
    }
    assert asked["compact"].trigger == "compaction"
    assert asked["session_title"].flags == ("side_call",)
    assert (asked["agent:x"].flags, asked["agent:x"].trigger) == (("sidechain",), "subagent")
    assert asked["sdk"].flags == ()


def test_the_mark_of_a_long_context_is_no_part_of_the_model() -> None:
    """The transcript has the plain name."""
    assert one(request(claude(model="claude-opus-5[1m]"))).model == "claude-opus-5"


@pytest.mark.parametrize(("tokens", "end", "cut"), [(1, 2, True), (8, 2, True), (9, 2, False), (5, 1.2, False)])
def test_a_placeholder_after_a_second_of_streaming_is_a_broken_stream(tokens: int, end: float, cut: bool) -> None:  # noqa: FBT001
    """A handful of tokens is quick, or it is not the count."""
    call = one(request(claude(end=end, output_tokens=tokens, first_content_ms=500)))
    assert ("interrupted" in call.flags, call.output_tokens) == ((True, None) if cut else (False, tokens))


def test_what_led_to_a_call_counts_once() -> None:
    """Prompt, tool, nothing known, then a retry of a broken one."""
    calls, _ = read(
        request(
            span("invoke_agent", 0, 20, sid="top", a={"gen_ai.operation.name": "invoke_agent"}),
            chat(0.2, 1, "1", "top"),
            span("execute_tool t", 1, 2, sid="t", a={"gen_ai.operation.name": "execute_tool"}),
            chat(2.1, 3, "2", "top"), chat(5, 6, "3", "top"),
        )
    )  # fmt: skip
    assert [(call.trigger, rel(call.trigger_at)) for call in calls] == [
        ("user", 0), ("tool_result", 2), ("unknown", None),
    ]  # fmt: skip
    broken = [claude(0, 2, "1", output_tokens=1, first_content_ms=100), claude(2.2, 3, "2", (2.3,), request_id="req_2")]
    assert [call.trigger for call in read(request(*broken))[0]] == ["unknown", "retry"]


@pytest.mark.parametrize(
    ("messages", "trigger"),
    [
        ('[{"role": "user", "parts": [{"type": "text"}]}]', "user"),
        ('[{"role": "user"}, {"role": "tool", "parts": []}]', "tool_result"),
        ('[{"role": "user", "parts": [{"type": "tool_call_response"}]}]', "tool_result"),
        ('[{"role": "assistant"}]', "unknown"),
        ('[{"role": "us', "unknown"),
        ("7", "unknown"),
    ],
)
def test_a_recorded_prompt_tells_the_trigger(messages: str, trigger: str) -> None:
    """By the role of its last message; a cut one tells nothing."""
    assert one(request(chat(gen_ai__input__messages=messages))).trigger == trigger


def test_codex_pieces_make_one_call() -> None:
    """Headers, first item, two completion records; the second attempt answered."""
    base = {"conversation.id": "c", "model": "gpt", "app.version": "0.151.0"}
    call_events = [
        event("codex.api_request", 1, **base, duration_ms=200, **{"http.response.status_code": 500}),
        event("codex.api_request", 3, **base, duration_ms=400),
        event("codex.sse_event", 3.1, **base, **{"event.kind": "response.created"}),
        event("codex.sse_event", 3.5, **base, **{"event.kind": "response.output_text.delta"}),
        event("codex.sse_event", 5, **base, **{"event.kind": "response.completed"}),
        event(
            "codex.sse_event", 5.1, **base, input_token_count=10, output_token_count=30, cached_token_count=4,
            reasoning_token_count=20, **{"event.kind": "response.completed"},
        ),
    ]  # fmt: skip
    calls, problems = read(request(*call_events, service="codex_exec"))
    (call,) = calls
    assert [problem.kind for problem in problems] == ["failed_attempt"]
    assert [rel(at) for at in (call.sent_at, call.headers_at, call.first_output_at, call.last_output_at)] == [
        2.6, 3, 3.5, 5,
    ]  # fmt: skip
    assert (call.agent, call.agent_version, call.attempts, call.flags) == ("codex", "0.151.0", 2, ("retried",))
    assert (call.input_tokens, call.output_tokens, call.reasoning_tokens) == (10, 30, 20)


def test_codex_failures_on_the_way_and_warm_ups_are_no_calls() -> None:
    """An error may come under any name of an event; a request that generates nothing opens the connection."""
    done = {"event.kind": "response.completed", "conversation.id": "c"}
    sent = event("codex.websocket_request", 1, duration_ms=5, **{"conversation.id": "c"})
    calls, problems = read(request(sent, event("codex.sse_event", 2, **done, **{"error.message": "x"})))
    assert (calls, [problem.kind for problem in problems]) == ([], ["failed_attempt"])
    assert read(request(sent, event("codex.sse_event", 2, **done, output_token_count=0))) == ([], [])


def test_codex_states_the_wait_in_later_versions() -> None:
    """Its clock starts when the stream is open."""
    done = {"event.kind": "response.completed", "output_token_count": 3, "ttft_ms": 250, "conversation.id": "c"}
    sent = event("codex.api_request", 1, duration_ms=400, **{"conversation.id": "c"})
    call = one(request(sent, event("codex.sse_event", 2, **done)))
    assert (rel(call.first_output_at), call.first_output_source) == (1.25, "block_start")
    alone = one(request(event("codex.sse_event", 2, **done)))
    assert (alone.sent_at, alone.first_output_at, alone.attempts) == (None, None, None)


def test_a_document_over_many_lines_and_requests_on_one_line() -> None:
    """As a tool prints it, and as two writers leave it."""
    whole = request(chat())
    for data in (json.dumps(whole, indent=2), json.dumps(whole) + json.dumps(request(chat(sid="b")))):
        items = list(OTLP.read(Source.from_bytes(data.encode())))
        assert all(isinstance(item, Call) for item in items)
        assert len(items) == 1 + ("\n" not in data)


def test_a_cut_document_keeps_what_was_complete() -> None:
    """The last record may be in part, so it is left out."""
    data = json.dumps(request(chat(sid="a"), chat(sid="b"), chat(sid="c")), indent=2)
    items = list(OTLP.read(Source.from_bytes(data[: data.rindex("endTimeUnixNano")].encode())))
    assert {item.message_id for item in items if isinstance(item, Call)} <= {"a", "b"}
    assert [item.kind for item in items if isinstance(item, Problem)] == ["cut_document"]


def test_a_first_line_that_is_damaged_costs_only_itself() -> None:
    """A rotated file may start in the middle of a batch."""
    data = b"}]}]}\n" + json.dumps(request(chat())).encode() + b"\n"
    items = list(OTLP.read(Source.from_bytes(data)))
    assert [type(item) for item in items] == [Call, Problem]


@pytest.mark.parametrize(
    "change", [{"startTimeUnixNano": ""}, {"endTimeUnixNano": "1"}, {"startTimeUnixNano": nanos(9)}]
)
def test_a_span_without_its_times_cannot_be_used(change: dict[str, Any]) -> None:
    """Missing, before the age of agents, or backwards."""
    calls, problems = read(request({**chat(), **change}))
    assert (calls, [problem.kind for problem in problems]) == ([], ["bad_record"])


@pytest.mark.parametrize(
    "data", [b'{"resourceSpans": {}}', b'{"resource": []}', b'[{"resourceSpans": []}]', b'{"n": 1}']
)
def test_near_misses_are_not_claimed(data: bytes) -> None:
    """Only an export request is."""
    assert not OTLP.sniff("telemetry.json", data)


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), max_size=8), st.integers(0, 10**6))
def test_no_damage_raises(changes: list[tuple[int, int]], cut: int) -> None:
    """Any bytes changed, any end."""
    whole = request(claude(first_content_ms=5), chat(sid="x"), claude_event(), event("codex.sse_event", 1))
    data = bytearray(json.dumps(whole).encode() + b"\n")
    for place, byte in changes:
        data[place % len(data)] = byte
    assert_sound(OTLP.read(Source.from_bytes(bytes(data[: cut % len(data)]))))
