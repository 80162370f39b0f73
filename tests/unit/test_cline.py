"""Tasks of Cline, Roo Code and Kilo in an editor: what the rows of the chat window tell."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latprof.formats import cline, kilo_tasks, roo_code
from latprof.formats.base import Source
from latprof.model import Call, Problem
from sound import assert_sound

Record = dict[str, Any]
T0 = 1_773_000_000_000
MODEL = {"providerId": "anthropic", "modelId": "m", "mode": "act"}


def row(at: int, kind: str, text: str = "x", *, asks: bool = False, **more: object) -> Record:
    word = "ask" if asks else "say"
    return {"ts": at if at < 1000 else T0 + at, "type": word, word: kind, "text": text, **more}


def request(at: int, **info: object) -> Record:
    counts = {"tokensIn": 100, "tokensOut": 40, "cacheWrites": 20, "cacheReads": 300}
    return row(at, "api_req_started", json.dumps({"request": "x", **counts, **info}), modelInfo=MODEL)


def tool(at: int, name: str = "readFile", *, asks: bool = False) -> Record:
    return row(at, "tool", json.dumps({"tool": name}), asks=asks)


def items(*rows: object, reader: Any = cline, **beside: object) -> list[Call | Problem]:
    files = {f"{name}.json": json.dumps(content).encode() for name, content in beside.items()}
    path = "x/tasks/task-1/ui_messages.json"
    return list(reader.FORMAT.read(Source.from_bytes(json.dumps(rows).encode(), path, files)))


def calls(*rows: object, reader: Any = cline, **beside: object) -> list[Call]:
    return [item for item in items(*rows, reader=reader, **beside) if isinstance(item, Call)]


def problems(*rows: object) -> list[str]:
    return [item.kind for item in items(*rows) if isinstance(item, Problem)]


def stamp(role: str, at: int, text: str = "x") -> Record:
    return {"role": role, "content": [{"type": "text", "text": text}], "ts": T0 + at}


def seconds(at: int) -> float:
    return (T0 + at) / 1000


TASK = row(1000, "task")


def test_a_call_lasts_from_its_requests_row_to_what_follows_its_tools() -> None:
    (call,) = calls(
        TASK, request(2000), row(4000, "reasoning"), row(5000, "text"), tool(6000), row(7000, "checkpoint_created")
    )
    assert (call.sent_at, call.sent_source) == (seconds(2000), "request_sent_wall")
    assert (call.first_output_at, call.first_output_source) == (seconds(4000), "first_shown")
    assert (call.last_output_at, call.last_output_source) == (seconds(7000), "after_tools")
    assert (call.trigger, call.trigger_at, call.session_id) == ("user", seconds(1000), "task-1")
    assert [(block.type, block.name) for block in call.blocks] == [
        ("thinking", None),
        ("text", None),
        ("tool_use", "readFile"),
    ]


def test_the_conversations_stamp_is_the_better_end() -> None:
    rows = [TASK, request(2000), row(4000, "text"), tool(6000), row(7000, "checkpoint_created"), request(7100)]
    history = [stamp("user", 2100), stamp("assistant", 6100), stamp("user", 7200)]
    call = calls(*rows, api_conversation_history=history)[0]
    assert call.last_output_at == pytest.approx(seconds(6100), abs=1e-5)
    assert call.last_output_source == "record_written"
    assert call.sent_at == seconds(2000)


def test_no_end_where_a_person_was_asked() -> None:
    rows = [
        TASK,
        request(2000),
        row(4000, "text"),
        tool(6000, asks=True),
        row(90_000, "command_output"),
        request(90_100),
    ]
    call = calls(*rows, api_conversation_history=[stamp("assistant", 89_000)])[0]
    assert call.last_output_at is None


def test_failed_attempts_inside_a_request_move_its_send_time() -> None:
    failure = json.dumps({"attempt": 1, "maxAttempts": 3, "delaySeconds": 2})
    rows = [TASK, request(2000), row(3000, "error_retry", failure), row(4900, "api_req_retried"), row(8000, "text")]
    (call,) = calls(*rows)
    assert (call.sent_at, call.sent_source) == (seconds(5000), "retry_adjusted")
    assert (call.attempts, call.flags) == (2, ("retried",))


def test_a_broken_stream_is_interrupted_and_what_follows_is_a_retry() -> None:
    cut, again = calls(
        TASK, request(2000, cancelReason="streaming_failed"), row(4000, "text"), row(5000, "resume_task", asks=True),
        request(6000), row(8000, "text"),
    )  # fmt: skip
    assert (cut.flags, cut.output_tokens, cut.last_output_at) == (("interrupted",), None, None)
    assert (again.trigger, again.flags) == ("retry", ())


@pytest.mark.parametrize(
    ("rows", "trigger", "at"),
    [
        ([row(5000, "user_feedback")], "user", 5000),
        ([tool(4500), row(5000, "checkpoint_created")], "tool_result", 5000),
        ([tool(4500)], "tool_result", None),
        ([row(4500, "command"), row(5000, "command_output"), row(5500, "checkpoint_created")], "tool_result", 5000),
        ([row(5000, "condense")], "compaction", 5000),
        ([row(5000, "resume_task", asks=True)], "user", 5000),
        ([row(5000, "info")], "unknown", None),
    ],
)
def test_the_nearest_row_says_what_a_request_replies_to(rows: list[Record], trigger: str, at: int | None) -> None:
    _, call = calls(TASK, request(2000), row(4000, "text"), *rows, request(6000), row(8000, "text"))
    assert (call.trigger, call.trigger_at) == (trigger, None if at is None else seconds(at))


def test_requests_without_an_answer_are_problems() -> None:
    assert problems(TASK, request(2000, tokensOut=0)) == ["request_without_response"]
    assert problems(TASK, request(2000, tokensOut=0), row(3000, "error")) == ["failed_attempt"]
    assert problems(TASK, request(2000, tokensOut=0, cancelReason="user_cancelled")) == ["failed_attempt"]
    assert problems(TASK, row(17, "api_req_started", "{}")) == ["no_time"]


@pytest.mark.parametrize(
    ("provider", "cached", "tokens"),
    [("anthropic", 30, 150), ("openai", 30, None), ("openai", 300, 420), ("openai", 0, 120), ("cline", 30, 150)],
)
def test_cached_input_is_added_where_that_is_right(provider: str, cached: int, tokens: int | None) -> None:
    made = request(2000, tokensIn=120, cacheReads=cached, cacheWrites=0)
    made["modelInfo"] = {"providerId": provider, "modelId": "m"}
    (call,) = calls(TASK, made, row(4000, "text"))
    assert call.input_tokens == tokens
    assert (call.output_tokens, call.output_tokens_source) == (40, "usage")


def test_an_older_tasks_model_is_the_one_in_force() -> None:
    rows = [{key: value for key, value in one.items() if key != "modelInfo"} for one in (request(2000), request(6000))]
    usage = [
        {"ts": T0 + at, "model_id": name, "model_provider_id": "openai"} for at, name in ((2100, "a"), (6100, "b"))
    ]
    found = calls(TASK, rows[0], row(4000, "text"), rows[1], row(8000, "text"), task_metadata={"model_usage": usage})
    assert [(call.model, call.provider) for call in found] == [("a", "openai"), ("b", "openai")]


def test_clock_steps_and_sleep_are_flagged() -> None:
    assert calls(TASK, request(2000), row(1500, "text"))[0].flags == ("clock_step",)
    assert calls(TASK, request(2000), row(700_000, "text"))[0].flags == ("suspended",)


def test_rows_written_twice_and_copies_are_the_same_calls() -> None:
    rows = [TASK, request(2000), row(4000, "text"), tool(5000), request(6000), row(8000, "text")]
    once = [call.call_id for call in calls(*rows)]
    assert [call.call_id for call in calls(*rows, *rows)] == once
    assert [call.call_id for call in calls(*rows[:3])] == once[:1]


def roo(at: int, protocol: str = "anthropic", **info: object) -> Record:
    made = request(at, apiProtocol=protocol, **info)
    del made["modelInfo"]
    return made


def test_roo_stamps_a_request_after_its_preparation() -> None:
    prompt = "<environment_details>\n<model>vendor/m-1</model>\n</environment_details>"
    history = [stamp("user", 2300, prompt), stamp("assistant", 5000)]
    (call,) = calls(
        TASK, roo(2000), row(4000, "text"), tool(4500, asks=True), reader=roo_code, api_conversation_history=history
    )
    assert (call.agent, call.sent_at, call.last_output_at) == ("roo-code", seconds(2300), seconds(5000))
    assert (call.model, call.input_tokens) == ("vendor/m-1", 420)


def test_a_model_named_by_a_person_is_not_taken() -> None:
    history = [stamp("user", 2300, "<model>mine</model>")]
    (call,) = calls(TASK, roo(2000), row(4000, "text"), reader=roo_code, api_conversation_history=history)
    assert call.model is None


@pytest.mark.parametrize("kind", ["condense_context", "api_req_rate_limit_wait"])
def test_roo_gives_no_send_time_behind_another_wait(kind: str) -> None:
    (call,) = calls(TASK, roo(2000), row(3000, kind), row(4000, "text"), reader=roo_code)
    assert (call.sent_at, call.first_output_at) == (None, seconds(4000))


def test_roo_counts_by_protocol_and_marks_child_tasks() -> None:
    item = {"parentTaskId": "p", "workspace": "/repo"}
    (call,) = calls(TASK, roo(2000, "openai", tokensIn=400), row(4000, "text"), reader=roo_code, history_item=item)
    assert (call.input_tokens, call.trigger, call.flags, call.project) == (400, "subagent", ("sidechain",), "/repo")
    assert call.agent_id == "task-1"


@pytest.mark.parametrize(
    ("path", "rows", "owner"),
    [
        ("x", [TASK, request(2000)], "cline"),
        ("x", [TASK, roo(2000)], "roo-code"),
        ("a/saoudrizwan.claude-dev/tasks/1/ui_messages.json", [TASK, roo(2000)], "cline"),
        ("a/rooveterinaryinc.roo-cline/tasks/1/ui_messages.json", [TASK], "roo-code"),
        ("a/kilocode.kilo-code/tasks/1/ui_messages.json", [TASK, roo(2000)], "kilo-tasks"),
        ("x", [{"type": "ask", "ts": T0, "ask": "x"}], "cline"),
        ("api_conversation_history.json", [stamp("user", 1)], None),
        ("x", [{"ts": T0, "type": "event"}], None),
        ("x", [], None),
    ],
)
def test_each_format_claims_only_its_own(path: str, rows: list[Record], owner: str | None) -> None:
    head = json.dumps(rows).encode()
    claimed = [module.FORMAT.name for module in (cline, kilo_tasks, roo_code) if module.FORMAT.sniff(path, head)]
    assert claimed == ([] if owner is None else [owner])


@given(st.data())
def test_changed_bytes_never_raise(data: st.DataObject) -> None:
    rows = [TASK, request(2000), row(4000, "text"), tool(5000), row(6000, "checkpoint_created"), roo(6100)]
    raw = bytearray(json.dumps(rows).encode())
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    reader = data.draw(st.sampled_from([cline, roo_code]))
    assert_sound(reader.FORMAT.read(Source.from_bytes(bytes(raw), "x", {"api_conversation_history.json": bytes(raw)})))
