"""Cline's agent kit: what a session of messages tells of its calls."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latprof.formats.base import Source
from latprof.formats.cline_sdk import FORMAT
from latprof.model import Call, Problem
from sound import assert_sound

T0 = 1_785_000_000_000
Record = dict[str, Any]


def document(*messages: object, **more: object) -> bytes:
    head = {"version": 1, "updated_at": "2026-07-25T20:00:00.000Z", "agent": "lead", "sessionId": "s1"}
    return json.dumps({**head, "messages": messages, **more}).encode()


def user(at: int, *, result: str = "", **more: object) -> Record:
    block: Record = {"type": "tool_result", "tool_use_id": result} if result else {"type": "text", "text": "x"}
    return {"id": f"u{at}", "role": "user", "content": [block], "ts": T0 + at, **more}


def answer(at: int, *tools: str, output: int | None = 50, **more: object) -> Record:
    content: list[Record] = [{"type": "text", "text": "abc"}]
    content += [{"type": "tool_use", "id": tool, "name": "read_files", "input": {}} for tool in tools]
    message: Record = {"id": f"a{at}", "role": "assistant", "content": content, "ts": T0 + at}
    message["modelInfo"] = {"id": "m", "provider": "anthropic"}
    if output is not None:
        message["metrics"] = {"inputTokens": 900, "outputTokens": output, "cacheReadTokens": 800, "cacheWriteTokens": 0}
    return {**message, **more}


def items(data: bytes) -> list[Call | Problem]:
    return list(FORMAT.read(Source.from_bytes(data, "s1.messages.json")))


def calls(*messages: object, **more: object) -> list[Call]:
    return [item for item in items(document(*messages, **more)) if isinstance(item, Call)]


def test_a_call_lasts_from_the_last_message_before_it_to_its_own_stamp() -> None:
    first, second = calls(user(0), answer(4000, "t1"), user(5000, result="t1"), answer(7000))
    assert (first.trigger, first.sent_at, first.last_output_at) == ("user", T0 / 1000, T0 / 1000 + 4)
    assert (second.trigger, second.sent_at, second.last_output_at) == ("tool_result", T0 / 1000 + 5, T0 / 1000 + 7)
    assert (first.last_output_source, second.last_output_source) == ("record_written", "record_end")
    assert (first.flags, second.flags) == (("first_of_process",), ())


def test_of_results_that_ran_together_the_last_one_led_to_the_call() -> None:
    made, after = calls(
        user(0), answer(1000, "t1", "t2"), user(1500, result="t1"), user(2500, result="t2"), answer(4000)
    )
    assert [block.result_at for block in made.blocks] == [None, T0 / 1000 + 1.5, T0 / 1000 + 2.5]
    assert after.sent_at == T0 / 1000 + 2.5


def test_tokens_are_those_of_the_provider_with_the_cached_part_inside() -> None:
    (call,) = calls(user(0), answer(1000))
    assert (call.input_tokens, call.cache_read_tokens, call.cache_write_tokens) == (900, 800, 0)
    assert (call.output_tokens, call.output_tokens_source) == (50, "usage")


def test_an_answer_without_usage_was_cut_unless_its_tools_ran() -> None:
    cut, again = calls(user(0), answer(1000, output=None), answer(2000))
    assert cut.flags == ("interrupted", "first_of_process")
    assert cut.output_tokens is None
    assert (again.trigger, again.sent_at) == ("retry", None)
    whole, _ = calls(user(0), answer(1000, "t1", output=None), user(2000, result="t1"), answer(3000))
    assert "interrupted" not in whole.flags


def test_notes_for_the_person_and_answers_written_twice_are_no_calls() -> None:
    note = answer(1005, output=None, metadata={"displayOnly": True, "displayRole": "error"})
    found = calls(user(0), answer(1000), note, answer(1000), user(2000), answer(3000))
    assert [call.message_id for call in found] == ["a1000", "a3000"]


def test_a_prompt_that_stands_for_a_compaction_has_no_time_of_its_own() -> None:
    (call,) = calls(user(0, metadata={"kind": "compaction_summary"}), answer(1000))
    assert (call.trigger_at, call.sent_at) == (None, None)


@pytest.mark.parametrize("kind", ["subagent", "teammate"])
def test_sessions_of_helpers_are_told_by_the_document(kind: str) -> None:
    first, second = calls(user(0), answer(1000, "t1"), user(1100, result="t1"), answer(2000), agent=kind)
    assert (first.trigger, second.trigger) == ("subagent", "tool_result")
    assert first.flags == second.flags == ("sidechain",)
    assert first.agent_id == "s1"


def test_counters_are_no_times() -> None:
    found = items(document(user(17 - T0), answer(18 - T0)))
    call = next(item for item in found if isinstance(item, Call))
    assert (call.sent_at, call.last_output_at, call.last_output_source) == (None, None, None)
    assert [item.kind for item in found if isinstance(item, Problem)] == ["no_time"]


def test_clock_steps_sleep_and_shared_stamps_are_flagged() -> None:
    assert "clock_step" in calls(user(1000), answer(500))[0].flags
    assert "suspended" in calls(user(0), answer(700_000))[0].flags
    shared = calls(user(0), answer(1000), user(1500), answer(1000, id="other"))
    assert all("timestamp_unreliable" in call.flags for call in shared)


def test_counts_that_contradict_each_other_are_not_used() -> None:
    metrics = {"inputTokens": 10, "outputTokens": 5, "cacheReadTokens": 500, "cacheWriteTokens": 0}
    (call,) = calls(user(0), answer(1000, metrics=metrics))
    assert (call.input_tokens, call.output_tokens) == (None, 5)


def test_the_working_folder_and_the_version_come_from_beside_and_above() -> None:
    data = document(user(0), answer(1000), origin={"version": "3.0.65"})
    source = Source.from_bytes(data, "s1.messages.json", {"s1.json": b'{"cwd": "/repo"}'})
    (call,) = FORMAT.calls(source)
    assert (call.project, call.agent_version) == ("/repo", "3.0.65")


def test_a_copy_in_another_session_is_the_same_call() -> None:
    (one,) = calls(user(0), answer(1000))
    (two,) = calls(user(0), answer(1000), sessionId="fork")
    assert one.call_id == two.call_id


@pytest.mark.parametrize(
    ("path", "data", "claimed"),
    [
        ("s1.messages.json", document(), True),
        ("anything", document(), True),
        ("s1.compaction.json", document(), False),
        ("x.json", b'{"version": 1, "messages": []}', False),
        ("x.json", b'{"agent": "lead", "messages": [{"version": 1, "updated_at": 1, "sessionId": 1}]}', False),
        ("x.json", document(agent="other"), False),
        ("x.json", b"[]", False),
    ],
)
def test_only_sessions_of_the_kit_are_claimed(path: str, data: bytes, claimed: bool) -> None:  # noqa: FBT001
    assert FORMAT.sniff(path, data) is claimed


@pytest.mark.parametrize(
    "messages", [[None], ["x"], [1], [{"role": "assistant"}], [{"role": "user", "content": 3}], [[]]]
)
def test_messages_of_a_wrong_kind_are_read_around(messages: list[object]) -> None:
    found = items(document(*messages, user(0), answer(1000)))
    assert any(isinstance(item, Call) and item.message_id == "a1000" for item in found)


@given(st.data())
def test_changed_bytes_never_raise(data: st.DataObject) -> None:
    raw = bytearray(document(user(0), answer(1000, "t1"), user(2000, result="t1"), answer(3000)))
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    assert_sound(items(bytes(raw)))
