"""Gemini CLI chats, as lines and as documents: what each stamp is taken for, and what is not there."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latprof.formats.base import Source
from latprof.formats.gemini_cli import FORMAT as LINES
from latprof.formats.gemini_cli_json import FORMAT as DOCUMENT
from latprof.model import Call, Problem

S = 1_777_629_600.0
Record = dict[str, Any]
HEAD: Record = {"sessionId": "s1", "projectHash": "x", "startTime": "2026-05-01T10:00:00.000Z"}


def stamp(at: float) -> str:
    return f"2026-05-01T10:{int(at) // 60:02d}:{at % 60:06.3f}Z"


def user(name: str, at: float, *, results: bool = False) -> Record:
    part = {"functionResponse": {"name": "x"}} if results else {"text": "x"}
    return {"id": name, "timestamp": stamp(at), "type": "user", "content": [part]}


def answer(name: str, at: float, text: str = "abc", *, thoughts: Any = (), tools: Any = (), **more: object) -> Record:
    tokens = {"input": 900, "output": 50, "cached": 800, "thoughts": 20, "tool": 5, "total": 975}
    return {
        "id": name, "timestamp": stamp(at), "type": "gemini", "content": text, "model": "gemini-3-pro",
        "tokens": tokens,
        "thoughts": [{"subject": "x", "timestamp": stamp(thought)} for thought in thoughts],
        "toolCalls": [{"id": f"{tool}", "name": "read_file", "timestamp": stamp(tool)} for tool in tools], **more,
    }  # fmt: skip


def items(
    *messages: Record, document: bool = False, path: str = "p/chats/session-1.jsonl", **head: object
) -> list[Any]:
    if document:
        data = json.dumps({**HEAD, **head, "messages": messages}, indent=1).encode()
        return list(DOCUMENT.read(Source.from_bytes(data, path)))
    data = b"".join(json.dumps(record).encode() + b"\n" for record in ({**HEAD, **head}, *messages))
    return list(LINES.read(Source.from_bytes(data, path)))


def calls(*messages: Record, **more: Any) -> list[Call]:
    return [item for item in items(*messages, **more) if isinstance(item, Call)]


@pytest.mark.parametrize("document", [False, True])
def test_a_request_leaves_with_the_prompt_and_ends_with_the_message(document: bool) -> None:  # noqa: FBT001
    (call,) = calls(user("u", 1), answer("g", 5), document=document)
    assert (call.trigger, call.sent_at, call.last_output_at) == ("user", S + 1, S + 5)
    assert (call.input_tokens, call.cache_read_tokens) == (905, 800)
    assert (call.output_tokens, call.reasoning_tokens, call.attempts) == (70, 20, None)
    assert (call.last_output_source, call.flags) == ("record_written", ("first_of_process",))


def test_results_are_sent_with_their_message_or_when_the_tools_are_recorded() -> None:
    newer = calls(user("u", 1), answer("g1", 5, tools=[8]), user("r", 8.01, results=True), answer("g2", 12))
    older = calls(user("u", 1), answer("g1", 5, tools=[8]), answer("g2", 12), document=True)
    assert [call.trigger for call in newer] == [call.trigger for call in older] == ["user", "tool_result"]
    assert newer[1].sent_at == pytest.approx(S + 8.01)
    assert older[1].sent_at == S + 8
    assert newer[1].last_output_source == older[1].last_output_source == "record_end"


def test_a_reply_of_tools_that_is_stamped_with_them_ended_earlier() -> None:
    (early,) = calls(user("u", 1), answer("g", 9, "", tools=[9]), document=True)
    assert (early.last_output_source, early.last_output_at) == ("after_tools", S + 9)
    later = calls(user("u", 1), answer("g", 5, "", tools=[5]), answer("h", 7, "", tools=[9]), document=True)
    assert [call.last_output_source for call in later] == ["record_written", "record_end"]
    (line,) = calls(user("u", 1), answer("g", 9, "", tools=[9]))
    assert line.last_output_source == "record_written"


def test_batches_of_tools_far_apart_are_replies_that_were_merged() -> None:
    first, second, third = calls(user("u", 1), answer("g", 5, tools=[8, 8, 20, 40]), document=True)
    assert (first.message_id, second.message_id, third.message_id) == ("g", "g-2", "g-3")
    assert (second.sent_at, second.last_output_at, second.output_tokens) == (S + 8, S + 20, None)
    assert (third.sent_at, third.last_output_source) == (S + 20, "after_tools")
    assert len(first.blocks) == 4
    assert len(calls(user("u", 1), answer("g", 5, tools=[8, 20]))) == 1


def test_a_thought_counts_when_it_came_between_request_and_end() -> None:
    """Held back, they say nothing; from before the request, they are another reply's."""
    seen = [
        calls(user("u", 1), answer("g", 5, thoughts=thoughts))[0].first_output_at
        for thoughts in ([3, 4], [4.999, 5], [0.5, 3], [])
    ]
    assert seen == [S + 3, None, None, None]


def test_a_message_is_taken_in_its_fullest_form_at_its_first_place() -> None:
    full, bare = answer("g", 5, tools=[8]), answer("g", 5)
    for order in ([bare, full], [full, bare], [full, full]):
        (call,) = calls(user("u", 1), *order)
        assert [block.name for block in call.blocks] == [None, None, "read_file"]


def test_rewound_and_replaced_history_did_happen() -> None:
    kept = calls(
        user("u", 1), answer("g", 5), {"$rewindTo": "u"}, {"$set": {"messages": [user("v", 9)]}}, answer("h", 12)
    )
    assert [(call.message_id, call.trigger) for call in kept] == [("g", "user"), ("h", "user")]
    assert kept[1].sent_at == S + 9


def test_an_old_document_at_the_beginning_of_a_file_of_lines_is_read() -> None:
    data = (
        json.dumps({**HEAD, "messages": [user("u", 1), answer("g", 5)]}).encode()
        + b"\n"
        + json.dumps(user("v", 7)).encode()
    )
    assert [format_.sniff("x", data) for format_ in (LINES, DOCUMENT)] == [True, False]
    assert [item.message_id for item in LINES.read(Source.from_bytes(data)) if isinstance(item, Call)] == ["g"]
    alone = data.partition(b"\n")[0]
    assert [format_.sniff("x", alone) for format_ in (LINES, DOCUMENT)] == [False, True]


def test_answers_without_tokens_are_cut_and_placeholders_are_no_calls() -> None:
    zero = {"input": 900, "output": 0, "cached": 0, "thoughts": 0, "tool": 0, "total": 900}
    cut = calls(user("u", 1), answer("g", 5, tokens=zero), user("v", 6), answer("h", 8, tokens=None))
    assert [(call.flags, call.output_tokens, call.input_tokens) for call in cut] == [
        (("interrupted", "first_of_process"), None, None), (("interrupted",), None, None)
    ]  # fmt: skip
    assert calls(user("u", 1), answer("g", 5, tokens=None, model=None)) == []


def test_thoughts_that_are_part_of_the_output_are_not_added() -> None:
    tokens = {"input": 900, "output": 50, "cached": 0, "thoughts": 20, "tool": 0, "total": 950}
    (call,) = calls(user("u", 1), answer("g", 5, tokens=tokens))
    assert (call.output_tokens, call.reasoning_tokens) == (50, 20)


def test_a_sub_agent_has_a_file_below_its_parents_id() -> None:
    parent = "11111111-1111-4111-8111-111111111111"
    first, second = calls(
        user("u", 1), answer("g", 5), user("r", 6, results=True), answer("h", 8),
        path=f"p/chats/{parent}/a1.jsonl", kind="subagent", sessionId="a1",
    )  # fmt: skip
    assert (first.session_id, first.agent_id, first.trigger) == (parent, "a1", "subagent")
    assert (second.trigger, second.flags) == ("tool_result", ("sidechain",))


def test_sleep_and_stepped_clocks_are_flagged() -> None:
    _, slept, stepped = calls(
        user("a", 1), answer("g", 2), user("b", 3), answer("h", 900), user("c", 950), answer("i", 940)
    )
    assert (slept.flags, stepped.flags) == (("suspended",), ("clock_step",))


def test_unknown_predecessors_give_no_send_time() -> None:
    _, second = calls(user("u", 1), answer("g", 5), {"id": "i", "type": "info", "timestamp": stamp(6)}, answer("h", 9))
    assert (second.trigger, second.sent_at) == ("unknown", None)


def test_values_of_wrong_types_are_left_out() -> None:
    odd: list[Record] = [
        {"id": 7},
        {"id": "x", "type": []},
        {"$set": []},
        {"messages": {"a": 1}},
        {"id": "y", "type": "user"},
    ]
    (call,) = calls(
        *odd, answer("g", 5, content=7, thoughts=[], toolCalls=[1, {"timestamp": {}}], tokens={"output": "x"})
    )
    assert (call.output_tokens, call.sent_at, call.last_output_at) == (None, None, S + 5)


GOOD = b"".join(json.dumps(record).encode() + b"\n" for record in (HEAD, user("u", 1), answer("g", 5, tools=[8])))


@given(st.integers(0, len(GOOD) - 1), st.binary(max_size=8))
def test_no_damage_raises(at: int, noise: bytes) -> None:
    data = GOOD[:at] + noise + GOOD[at + len(noise) :]
    for format_ in (LINES, DOCUMENT):
        assert format_.sniff("x", data) in {True, False}
        assert all(isinstance(item, Call | Problem) for item in format_.read(Source.from_bytes(data)))
