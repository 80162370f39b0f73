"""OpenHands: events, metrics and completion logs of both generations."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latprof.formats.base import Source
from latprof.formats.openhands import FORMAT
from latprof.model import Call, Problem
from sound import assert_sound

Record = dict[str, Any]
T0 = 1_785_000_000.0  # 2026-07-25 17:20:00 UTC


def at(seconds: float) -> str:
    return f"2026-07-25T17:20:{seconds:09.6f}"


def event(number: int, seconds: float, source: str, **more: object) -> Record:
    return {"id": number, "timestamp": at(seconds), "source": source, "message": "x", **more}


def action(number: int, seconds: float, response: str, tool: str = "execute_bash", **usage: int) -> Record:
    answer = {"id": response, "model": "m-2026", "choices": [{"finish_reason": "tool_calls"}], "usage": usage}
    metadata = {"function_name": tool, "tool_call_id": "t", "model_response": answer}
    return event(number, seconds, "agent", action="run", tool_call_metadata=metadata)


def observation(number: int, seconds: float, cause: int, kind: str = "run") -> Record:
    return event(number, seconds, "agent", observation=kind, cause=cause, content="x")


def result(history: list[Any], metrics: Record) -> bytes:
    task = {"instance_id": "task-1", "test_result": {}, "metadata": {"llm_config": {"model": "anthropic/m"}}}
    return json.dumps({**task, "history": history, "metrics": metrics}).encode() + b"\n"


def latency(response: str, seconds: float) -> Record:
    return {"model": "anthropic/m", "latency": seconds, "response_id": response}


def items(data: bytes, path: str = "output.jsonl", beside: dict[str, bytes] | None = None) -> list[Call | Problem]:
    return list(FORMAT.read(Source.from_bytes(data, path, beside)))


def calls(data: bytes, path: str = "output.jsonl", beside: dict[str, bytes] | None = None) -> list[Call]:
    return [item for item in items(data, path, beside) if isinstance(item, Call)]


USER = event(1, 1, "user", action="message")


def test_the_stated_seconds_lie_before_the_answers_event() -> None:
    history = [USER, action(2, 5, "a"), observation(3, 6, 2), action(4, 9, "b")]
    first, second = calls(result(history, {"response_latencies": [latency("a", 3.9), latency("b", 2.5)]}))
    assert (first.sent_at, first.last_output_at, first.sent_source) == (T0 + 1.1, T0 + 5, "duration")
    assert (first.trigger, first.trigger_at, second.trigger, second.trigger_at) == (
        "user",
        T0 + 1,
        "tool_result",
        T0 + 6,
    )
    assert [(block.name, block.result_at) for block in first.blocks] == [("execute_bash", T0 + 6)]
    assert (first.model, first.requested_model, first.provider) == ("m-2026", "anthropic/m", "anthropic")
    assert (first.request_id, first.session_id, first.stop_reason) == ("a", "task-1", "tool_calls")


def test_without_metrics_the_event_before_is_an_early_send_time() -> None:
    recall = event(2, 1.5, "environment", observation="recall", cause=1)
    (call,) = calls(json.dumps([USER, recall, action(3, 5, "a", prompt_tokens=10, completion_tokens=4)]).encode(), "x")
    assert (call.sent_at, call.sent_source, call.trigger_at) == (T0 + 1.5, "trigger_line", T0 + 1)
    assert (call.input_tokens, call.output_tokens) == (10, 4)


def test_two_tools_of_one_response_are_one_call() -> None:
    history = [USER, action(2, 5, "a"), observation(3, 6, 2), action(4, 6.5, "a", "think"), observation(5, 7, 4)]
    (call,) = calls(result(history, {}))
    assert call.last_output_at == T0 + 5
    assert [(block.name, block.result_at) for block in call.blocks] == [("execute_bash", T0 + 6), ("think", T0 + 7)]


def test_a_response_without_an_event_has_seconds_but_no_date() -> None:
    metrics = {"response_latencies": [latency("a", 3), latency("lost", 2.5)], "token_usages": []}
    _, lost = calls(result([USER, action(2, 5, "a")], metrics))
    assert (lost.sent_at, lost.last_output_at, lost.flags) == (0.0, 2.5, ("no_date",))
    assert lost.model == "m-2026"


def test_an_answer_in_words_takes_the_response_that_is_left() -> None:
    words = event(3, 9, "agent", action="message", llm_metrics={"accumulated_cost": 1})
    metrics = {"response_latencies": [latency("a", 3), latency("b", 2)]}
    found = calls(result([USER, action(2, 5, "a"), words], metrics))
    assert [(call.message_id, call.sent_at) for call in found] == [("a", T0 + 2), ("b", T0 + 7)]
    (alone,) = calls(result([USER, words], {}))
    assert alone.message_id is None


def test_pairs_of_old_files_are_read_as_they_stand() -> None:
    found = calls(result([[USER, {}], [action(2, 5, "a"), observation(3, 6, 2)], [action(4, 8, "b"), {}]], {}))
    assert [call.trigger for call in found] == ["user", "tool_result"]


def test_a_task_written_twice_gives_each_call_once() -> None:
    data = result([USER, action(2, 5, "a")], {})
    assert len(calls(data + data)) == 1


def test_a_conversation_joins_its_state_and_its_events() -> None:
    usage = {
        "response_id": "r",
        "prompt_tokens": 9,
        "completion_tokens": 5,
        "reasoning_tokens": 2,
        "cache_read_tokens": 4,
    }
    groups = {
        "agent": {"response_latencies": [latency("r", 1.5)], "token_usages": [usage]},
        "condenser": {"response_latencies": [latency("c", 1.0), latency("c2", 1.0)]},
    }
    state = {"id": "s", "workspace": {"working_dir": "/repo"}, "stats": {"usage_to_metrics": groups}}
    prompt = {"id": "1", "kind": "MessageEvent", "source": "user", "timestamp": at(1)}
    tool = {"id": "2", "kind": "ActionEvent", "source": "agent", "timestamp": at(3), "tool_name": "terminal"}
    summary = {"id": "3", "kind": "Condensation", "timestamp": at(5), "llm_response_id": "c"}
    events = [prompt, {**tool, "llm_response_id": "r"}, summary]
    beside = {f"events/event-{place:05d}-x.json": json.dumps(one).encode() for place, one in enumerate(events)}
    call, dated, undated = calls(json.dumps(state).encode(), "base_state.json", beside)
    assert (call.sent_at, call.trigger, call.project) == (T0 + 1.5, "user", "/repo")
    assert (call.output_tokens, call.reasoning_tokens, call.cache_read_tokens) == (5, 2, 4)
    assert (dated.trigger, dated.flags, dated.sent_at) == ("compaction", ("side_call",), T0 + 4)
    assert (undated.trigger, undated.flags) == ("compaction", ("side_call", "no_date"))


def test_an_event_folder_is_read_in_the_order_of_its_numbers() -> None:
    files = {f"{n}.json": json.dumps(one).encode() for n, one in ((2, action(2, 5, "a")), (10, action(10, 9, "b")))}
    found = calls(json.dumps(USER).encode(), "s/abc/events/0.json", {**files, "x.json": b"{"})
    assert [(call.message_id, call.session_id) for call in found] == [("a", "abc"), ("b", "abc")]


def completion(**more: object) -> Record:
    response = {"id": "r", "model": "m", "choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 5}}
    return {"messages": [{"role": "tool"}], "response": response, "cost": 0.1, "timestamp": T0, **more}


def test_a_completion_log_states_its_end_and_later_its_seconds() -> None:
    (new,) = calls(json.dumps(completion(latency_sec=2.5)).encode(), "x")
    assert (new.sent_at, new.last_output_at, new.trigger) == (T0 - 2.5, T0, "tool_result")
    (old,) = calls(json.dumps(completion()).encode(), "x")
    assert (old.sent_at, old.last_output_at) == (None, T0)
    (worded,) = calls(
        json.dumps(completion(messages=[{"role": "assistant"}, {"role": "user"}], raw_messages=[])).encode(), "x"
    )
    assert worded.trigger == "unknown"


def test_a_failed_attempt_is_a_problem() -> None:
    found = items(b'{"messages": [], "error": "x"}', "m-1785000000.250-a1b2-error.json")
    assert [item.kind for item in found if isinstance(item, Problem)] == ["failed_attempt"]


def test_a_log_and_a_run_of_one_response_are_one_call() -> None:
    (logged,) = calls(json.dumps(completion(latency_sec=2.5)).encode(), "x")
    (run,) = calls(result([USER, action(2, 5, "r")], {}))
    assert logged.call_id == run.call_id


@pytest.mark.parametrize(
    ("cached", "reasoning", "expected"),
    [(4, 2, (9, 2)), (40, 2, (None, 2)), (4, 50, (9, None)), (4, 0, (9, None))],
)
def test_parts_that_are_larger_than_the_whole_are_not_used(
    cached: int, reasoning: int, expected: tuple[int | None, int | None]
) -> None:
    usage = {"prompt_tokens": 9, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": cached}}
    usage["completion_tokens_details"] = {"reasoning_tokens": reasoning}
    response = {"id": "r", "model": "m", "usage": usage}
    (call,) = calls(json.dumps(completion(response=response)).encode(), "x")
    assert (call.input_tokens, call.reasoning_tokens) == expected


@pytest.mark.parametrize(
    ("path", "data", "claimed"),
    [
        ("output.jsonl", result([], {}), True),
        ("output.jsonl", b'{"instance_id": "x", "model_patch": ""}', False),
        ("x", json.dumps([USER]).encode(), True),
        ("x", json.dumps([{"id": 1, "timestamp": at(1), "source": "other"}]).encode(), False),
        ("events/0.json", json.dumps(event(0, 1, "agent", action="system")).encode(), True),
        ("events/7.json", json.dumps(event(7, 1, "agent", action="system")).encode(), False),
        ("base_state.json", b'{"stats": {"usage_to_metrics": {}}}', True),
        ("base_state.json", b'{"stats": {}}', False),
        ("x", json.dumps(completion(latency_sec=1)).encode(), True),
        ("openai__gpt-1785000000.25.json", json.dumps(completion()).encode(), True),
        ("chat.json", json.dumps(completion()).encode(), False),
    ],
)
def test_only_its_own_files_are_claimed(path: str, data: bytes, claimed: bool) -> None:  # noqa: FBT001
    assert FORMAT.sniff(path, data) is claimed


@pytest.mark.parametrize(
    "data", [b"[]", b"[1, null]", b"{}", b"null", b"3", b'{"messages": 1, "response": 2}', b'{"source": 1}']
)
def test_documents_of_a_wrong_kind_give_nothing(data: bytes) -> None:
    assert items(data, "x") == []


@given(st.data())
def test_changed_bytes_never_raise(data: st.DataObject) -> None:
    history = [USER, action(2, 5, "a", prompt_tokens=9), observation(3, 6, 2)]
    files = [result(history, {"response_latencies": [latency("a", 2)]}), json.dumps(history).encode()]
    raw = bytearray(data.draw(st.sampled_from([*files, json.dumps(completion()).encode()])))
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    assert_sound(items(bytes(raw)))
