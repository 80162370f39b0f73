"""Qwen Code: telemetry records in a session, and the documents of its early versions."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latprof.formats.base import Source
from latprof.formats.gemini_cli_json import FORMAT as GEMINI
from latprof.formats.qwen_code import FORMAT
from latprof.formats.qwen_code_json import FORMAT as DOCUMENT
from latprof.model import Call, Problem

S = 1_777_629_600.0
MAIN = "s1########0"
Record = dict[str, Any]


def stamp(at: float) -> str:
    return f"2026-05-01T10:{int(at) // 60:02d}:{at % 60:06.3f}Z"


def record(type_: str, at: float, /, **more: object) -> Record:
    head = {"uuid": f"{type_}{at}", "parentUuid": None, "sessionId": "s1", "timestamp": stamp(at), "type": type_}
    return {**head, "cwd": "/repo/x", "version": "0.24.4", **more}


def user(at: float) -> Record:
    return record("user", at, message={"role": "user", "parts": [{"text": "x"}]})


def result(at: float, name: str) -> Record:
    return record("tool_result", at, message={"parts": [{"functionResponse": {"id": name, "name": "edit"}}]})


def message(at: float, *parts: Record, **more: object) -> Record:
    return record("assistant", at, message={"role": "model", "parts": list(parts)}, **more)


def event(at: float, name: str, **more: object) -> Record:
    payload = {"uiEvent": {"event.name": f"qwen-code.{name}", "event.timestamp": stamp(at), **more}}
    return record("system", at + 0.003, subtype="ui_telemetry", systemPayload=payload)


def response(at: float, name: str = "r1", prompt: str = MAIN, **more: object) -> Record:
    counts = {"input": 900, "output": 50, "cached_content": 800, "thoughts": 20, "total": 950}
    tokens = {f"{key}_token_count": count for key, count in counts.items()}
    return event(at, "api_response", **{
        "response_id": name, "model": "m", "duration_ms": 3000, "prompt_id": prompt, **tokens, **more
    })  # fmt: skip


EMPTY: Record = {"input_token_count": 0, "output_token_count": 0, "thoughts_token_count": 0, "total_token_count": 0}


def items(*records: Record) -> list[Call | Problem]:
    data = b"".join(json.dumps(line).encode() + b"\n" for line in records)
    return list(FORMAT.read(Source.from_bytes(data, "chats/s1.jsonl")))


def calls(*records: Record) -> list[Call]:
    return [item for item in items(*records) if isinstance(item, Call)]


def failed(*records: Record) -> list[int | None]:
    return [item.line for item in items(*records) if isinstance(item, Problem) and item.kind == "failed_attempt"]


def test_end_duration_and_first_token_are_stated() -> None:
    first, second = calls(user(1), response(5, ttft_ms=1000), result(6, "c"), response(10, "r2", ttft_ms=1200))
    assert second.sent_at == pytest.approx(S + 7)
    assert second.first_output_at == pytest.approx(S + 8.2)
    assert second.last_output_at == pytest.approx(S + 10)
    assert (first.sent_source, second.sent_source) == ("process_start", "duration")
    assert (first.trigger, second.trigger, second.trigger_at) == ("user", "tool_result", S + 6)
    assert (first.flags, second.flags) == (("first_of_process",), ())
    assert (second.input_tokens, second.cache_read_tokens) == (900, 800)
    assert (second.output_tokens, second.reasoning_tokens) == (50, 20)


@pytest.mark.parametrize(
    ("known", "more"),
    [
        (True, {"ttft_ms": 1000}),
        (True, {"ttft_ms": 1000, "thoughts_token_count": 0, "response_text": "x"}),
        (False, {"ttft_ms": 1000, "thoughts_token_count": 0}),
        (False, {"ttft_ms": 2995, "response_text": "x"}),
        (False, {}),
    ],
)
def test_a_tool_call_that_comes_first_hides_the_first_token(known: bool, more: Record) -> None:  # noqa: FBT001
    (call,) = calls(user(1), response(5, **more))
    assert (call.first_output_at is not None) == known


def test_thoughts_beside_the_output_are_added_where_the_total_says_so() -> None:
    (call,) = calls(user(1), response(5, total_token_count=970, auth_type="gemini"))
    assert (call.output_tokens, call.reasoning_tokens, call.provider) == (70, 20, "gcp.gemini")


def test_a_refused_attempt_belongs_to_the_next_answer_of_its_prompt() -> None:
    error = event(2, "api_error", prompt_id=MAIN, duration_ms=500)
    (call,) = calls(user(1), error, response(6))
    assert (call.attempts, call.flags) == (2, ("retried", "first_of_process"))
    assert failed(user(1), error, response(6)) == []
    assert failed(user(1), error, user(4), response(8, prompt="s1########1")) == [2]


def test_an_empty_response_is_an_attempt_unless_its_message_follows() -> None:
    empty = response(5, **EMPTY)
    again = calls(user(1), empty, response(9, "r2"))
    assert [(call.request_id, call.attempts) for call in again] == [("r2", 2)]
    assert failed(user(1), empty) == [2]
    (kept, _) = calls(user(1), empty, message(5.1, parentUuid=empty["uuid"]), response(9, "r2"))
    assert (kept.request_id, kept.output_tokens, kept.flags) == ("r1", None, ("interrupted", "first_of_process"))
    (uncounted,) = calls(user(1), empty, message(5.1, parentUuid=empty["uuid"]))
    assert uncounted.flags == ("first_of_process",)


def test_sub_agents_and_side_questions_are_told_by_the_prompts_id() -> None:
    found = calls(
        user(1), response(5), response(9, "r2", "s1#Explore-ab#0"), response(13, "r3", "s1#Explore-ab#1"),
        response(17, "r4", "s1#session_title"), response(21, "r5", "x", subagent_name="y"),
    )  # fmt: skip
    assert [call.trigger for call in found] == ["user", "subagent", "tool_result", "unknown", "subagent"]
    assert [call.agent_id for call in found] == [None, "Explore-ab", "Explore-ab", None, "y"]
    assert [call.flags for call in found[1:]] == [("sidechain",), ("sidechain",), ("side_call",), ("sidechain",)]


def test_blocks_come_from_the_message_and_results_from_their_records() -> None:
    parts: list[Record] = [
        {"text": "abc", "thought": True},
        {"text": "ab"},
        {"functionCall": {"id": "c", "name": "edit"}},
    ]
    (call,) = calls(user(1), response(5), message(5.1, *parts), result(8, "c"))
    assert [(block.type, block.characters, block.name) for block in call.blocks] == [
        ("thinking", 3, None), ("text", 2, None), ("tool_use", None, "edit")
    ]  # fmt: skip
    assert call.blocks[2].result_at == S + 8


def test_copies_of_records_and_responses_count_once() -> None:
    long = "chatcmpl-0123456789abcdef"
    records = [user(1), response(5, long), message(5.1), result(6, "c"), response(10, f"{long}-2")]
    copy = [{**line, "uuid": f"copy-{line['uuid']}", "sessionId": "s2"} for line in records]
    assert len(calls(*records, *records)) == 2
    assert [call.call_id for call in calls(*copy)] == [call.call_id for call in calls(*records)]
    assert len(calls(*records, *copy)) == 2


def test_short_ids_of_local_servers_repeat() -> None:
    assert len(calls(user(1), response(5, "chatcmpl-7"), response(9, "chatcmpl-7"))) == 2


def test_values_of_wrong_types_are_left_out() -> None:
    odd: list[Record] = [{"type": [], "uuid": "a"}, record("system", 1, systemPayload=[]), {"uuid": 7, "type": "user"}]
    wrong = response(5, duration_ms="x", ttft_ms=True, output_token_count=-1, response_id=3, model={})
    (call,) = calls(*odd, wrong)
    assert (call.sent_at, call.first_output_at, call.output_tokens, call.model) == (None, None, None, None)
    assert (call.last_output_at, call.trigger) == (S + 5, "unknown")


def test_early_documents_are_told_from_gemini_clis() -> None:
    head = {"sessionId": "s1", "projectHash": "x", "startTime": stamp(0), "lastUpdated": stamp(9)}
    tokens = {"input": 900, "output": 50, "cached": 800, "thoughts": 20, "tool": 0, "total": 950}
    answer = {"id": "q", "timestamp": stamp(5), "type": "qwen", "content": "x", "model": "m", "tokens": tokens}
    prompt = {"id": "u", "timestamp": stamp(1), "type": "user", "content": "x"}
    data = json.dumps({**head, "messages": [prompt, answer]}, indent=2).encode()
    other = data.replace(b'"qwen"', b'"gemini"')
    assert [(DOCUMENT.sniff("x", part), GEMINI.sniff("x", part)) for part in (data, other)] == [
        (True, False), (False, True)
    ]  # fmt: skip
    (call,) = [item for item in DOCUMENT.read(Source.from_bytes(data)) if isinstance(item, Call)]
    assert (call.agent, call.output_tokens, call.provider) == ("qwen-code", 50, None)


GOOD = b"".join(json.dumps(line).encode() + b"\n" for line in (user(1), response(5, ttft_ms=9), message(6)))


@given(st.integers(0, len(GOOD) - 1), st.binary(max_size=8))
def test_no_damage_raises(at: int, noise: bytes) -> None:
    data = GOOD[:at] + noise + GOOD[at + len(noise) :]
    assert FORMAT.sniff("x", data) in {True, False}
    assert all(isinstance(item, Call | Problem) for item in FORMAT.read(Source.from_bytes(data)))
