"""mini-swe-agent trajectories: pairing of stamps by version, odd messages, damage."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from latprof.formats import Source
from latprof.formats.mini_swe_agent import FORMAT
from latprof.model import Call, Problem
from sound import assert_sound

T = 1776065960.0


def answer(own: str | None, at: float | None = None, **usage: Any) -> dict[str, Any]:
    response: dict[str, Any] = {"id": own, "model": "m", "object": "chat.completion", "usage": usage, "choices": []}
    return {"role": "assistant", "content": "x", "extra": {"response": response, "timestamp": at}}


def result(at: float | None = None, **extra: Any) -> dict[str, Any]:
    return {"role": "tool", "content": "x", "extra": {"timestamp": at, **extra}}


def document(*messages: Any, name: str = "openai/gpt-5.2") -> bytes:
    info = {"model_stats": {"api_calls": 1}, "mini_version": "2.2.7", "config": {"model": {"model_name": name}}}
    start = [{"role": "system", "content": "x"}, {"role": "user", "content": "x"}]
    whole = {"info": info, "messages": [*start, *messages], "trajectory_format": "mini-swe-agent-1.1"}
    return json.dumps(whole, indent=2).encode()


def calls(*messages: Any) -> list[Call]:
    return list(FORMAT.calls(Source.from_bytes(document(*messages), "a/task-1.traj.json")))


def test_a_call_starts_when_the_last_result_was_added() -> None:
    """The first one has no such stamp."""
    first, second = calls(answer("a", T + 4), result(T + 5), result(T + 6), answer("b", T + 9))
    assert (first.sent_at, first.sent_source, first.last_output_at) == (None, None, T + 4)
    assert (second.sent_at, second.last_output_at) == (T + 6, T + 9)
    assert [call.trigger for call in (first, second)] == ["user", "tool_result"]
    assert first.attempts is None


def test_results_of_all_commands_end_the_tools() -> None:
    """What the user says afterwards is no result."""
    first, second = calls(
        answer("a", T), result(T + 1), result(T + 9, interrupt_type="UserNewTask"), answer("b", T + 12)
    )
    assert first.blocks[0].result_at == T + 1
    assert second.trigger == "user"


def test_an_answer_in_the_wrong_form_is_a_call() -> None:
    """It is kept with the message that says so."""
    wrong = {**answer("a", T), "role": "user"}
    wrong["extra"]["interrupt_type"] = "FormatError"
    first, second = calls(wrong, answer("b", T + 3))
    assert (first.message_id, first.blocks) == ("a", ())
    assert (second.trigger, second.sent_at) == ("notification", T)


def test_seconds_of_the_router_are_used_only_without_stamps() -> None:
    """Then the call ends at the latest when the next one arrives."""
    first, second, third = calls(
        answer("gen-1776065960-A"), result(), answer("gen-1776065970-B"), result(), answer("z")
    )
    assert (first.sent_at, first.last_output_at) == (T, T + 10)
    assert first.flags == ("non_streamed", "whole_seconds")
    assert (second.sent_at, second.last_output_at) == (T + 10, None)
    assert (third.sent_at, third.last_output_at) == (None, None)
    (stamped,) = calls(answer("gen-1776065960-A", T + 4))
    assert (stamped.sent_at, stamped.last_output_at) == (None, T + 4)


def test_calls_without_an_id_are_told_by_their_place() -> None:
    """And by the file."""
    first, second = calls(answer(None, T), answer(None, T + 1))
    assert (first.message_id, second.message_id) == ("task-1:2", "task-1:3")
    assert first.call_id != second.call_id


def test_the_same_answer_twice_is_one_call() -> None:
    """As an id says."""
    assert len(calls(answer("a", T), answer("a", T))) == 1


def test_parts_that_are_more_than_the_whole_are_unknown() -> None:
    """Never a share above one."""
    (found,) = calls(answer("a", T, prompt_tokens=5, completion_tokens=0, prompt_tokens_details={"cached_tokens": 9}))
    assert (found.input_tokens, found.cache_read_tokens, found.output_tokens) == (5, None, None)


def test_clocks_that_step_back_are_flagged() -> None:
    """Nothing is computed from them."""
    _, second = calls(answer("a", T), result(T + 9), answer("b", T + 5))
    assert "clock_step" in second.flags


def test_a_cut_keeps_what_was_complete() -> None:
    """The end of the document is lost with the names it holds."""
    data = document(answer("a", T), result(T + 1), answer("b", T + 4))
    found = list(FORMAT.read(Source.from_bytes(data[: data.index(b'"b"')], "task-1.traj.json")))
    assert [item.message_id for item in found if isinstance(item, Call)] == ["a"]
    assert [item.kind for item in found if isinstance(item, Problem)] == ["cut_document"]


def test_other_documents_with_messages_are_not_claimed() -> None:
    """Chat requests, other trajectories."""
    assert FORMAT.sniff("x.json", document())
    assert not FORMAT.sniff("x.json", b'{"messages": [], "model": "mini-swe-agent-1"}')
    assert not FORMAT.sniff("x.json", b'{"info": {"model_stats": {}}, "trajectory": [], "history": []}')


@given(st.binary(max_size=40), st.integers(min_value=0, max_value=900))
def test_any_bytes_inside_never_raise(junk: bytes, at: int) -> None:
    """Damage anywhere."""
    data = document(answer("a", T), result(T + 1), answer("b", T + 4), {"role": 3, "extra": []}, 7, None)
    damaged = data[:at] + junk + data[at:]
    FORMAT.sniff("x", damaged)
    assert_sound(FORMAT.read(Source.from_bytes(damaged)))
