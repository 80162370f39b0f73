"""Calls that a proxy captured: traces of kv-cache-tester and a table of them."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latprof.formats import Source
from latprof.formats.proxy_csv import FORMAT as TABLE
from latprof.formats.weka_trace import FORMAT as TRACE
from latprof.model import Call, Problem
from latprof.trace import Trace
from sound import assert_sound

HEADER = [
    "session", "agent", "call", "model", "sent_s", "input_tokens", "cache_read_tokens", "new_tokens", "output_tokens",
    "wall_s", "ttft_s", "think_s", "stop", "input_types", "output_types",
]  # fmt: skip


def request(at: float, **fields: Any) -> dict[str, Any]:
    plain = {"t": at, "type": "s", "model": "m", "in": 900, "out": 101, "hash_ids": [1, 2], "input_types": ["text"]}
    return plain | {"output_types": ["text"], "stop": "end_turn", "api_time": 3.0, "ttft": 1.0} | fields


def subagent(at: float, *requests: dict[str, Any], name: str = "agent_001") -> dict[str, Any]:
    return {"t": at, "type": "subagent", "agent_id": name, "subagent_type": "Explore", "requests": list(requests)}


def trace(*requests: Any, name: str = "trace_1") -> dict[str, Any]:
    return {"id": name, "models": ["m"], "block_size": 64, "requests": list(requests)}


def read(document: Any) -> tuple[list[Call], list[Problem]]:
    data = document if isinstance(document, bytes) else json.dumps(document).encode()
    items = list(TRACE.read(Source.from_bytes(data, "trace_1.json")))
    return [i for i in items if isinstance(i, Call)], [i for i in items if isinstance(i, Problem)]


def row(**cells: Any) -> dict[str, Any]:
    plain = dict.fromkeys(HEADER, "") | {"session": "trace_1", "agent": "main", "call": 0, "model": "m", "sent_s": 0.0}
    sizes = {"input_tokens": 900, "cache_read_tokens": 640, "output_tokens": 101, "wall_s": 3.0, "ttft_s": 1.0}
    return plain | sizes | {"stop": "end_turn", "input_types": "text"} | cells


def table(*rows: dict[str, Any]) -> tuple[list[Call], list[Problem]]:
    text = io.StringIO()
    writer = csv.DictWriter(text, HEADER)
    writer.writeheader()
    writer.writerows(rows)
    items = list(TABLE.read(Source.from_bytes(text.getvalue().encode(), "calls.csv")))
    return [i for i in items if isinstance(i, Call)], [i for i in items if isinstance(i, Problem)]


def test_durations_give_the_instants_after_the_start() -> None:
    """Seconds since the session's start, which has no date."""
    (call,), problems = read(trace(request(12.0)))
    assert (call.sent_at, call.first_output_at, call.last_output_at) == (12.0, 13.0, 15.0)
    assert (call.session_id, call.agent_id, call.flags, problems) == ("trace_1", None, ("no_date",), [])
    figures = Trace.from_calls([call])
    assert [figures.column(name)[0] for name in ("ttft_s", "wall_s", "decode_tps")] == [1.0, 3.0, 50.0]


@pytest.mark.parametrize(
    ("fields", "ttft", "wall"),
    [
        ({"ttft": None}, None, 3.0),
        ({"api_time": None}, 1.0, None),
        ({"api_time": 0.0, "ttft": 0.0}, None, None),
        ({"ttft": 3.5}, None, 3.0),
        ({"ttft": -1, "api_time": -1}, None, None),
        ({"ttft": "soon", "api_time": []}, None, None),
    ],
)
def test_durations_that_are_none_are_unknown(fields: dict[str, Any], ttft: float | None, wall: float | None) -> None:
    """0 stands for nothing noted; a first token after the end is none."""
    (call,), _ = read(trace(request(2.0, **fields)))
    assert call.first_output_at == (None if ttft is None else 2.0 + ttft)
    assert call.last_output_at == (None if wall is None else 2.0 + wall)


@pytest.mark.parametrize(
    ("types", "trigger"),
    [
        (["text"], "user"),
        (["tool_result"], "tool_result"),
        (["text", "tool_result"], "tool_result"),
        (["text", "thinking", "tool_result", "tool_use"], "unknown"),
        (["image"], "unknown"),
        ([], "unknown"),
        ([7], "unknown"),
        ("text", "unknown"),
    ],
)
def test_the_trigger_is_what_was_new_in_the_input(types: Any, trigger: str) -> None:
    """A whole history is no single cause."""
    (call,), _ = read(trace(request(0.0, input_types=types)))
    assert call.trigger == trigger


def test_times_inside_a_sub_agent_count_from_its_start_or_from_the_sessions() -> None:
    """Sets differ; a time before the sub-agent began can only be the first."""
    relative = trace(request(0.0), subagent(50.5, request(0.0), request(7.0)))
    absolute = trace(request(0.0), subagent(50.5, request(50.5), request(57.5)))
    for document in (relative, absolute):
        calls, _ = read(document)
        assert [call.sent_at for call in calls] == [0.0, 50.5, 57.5]
        assert [call.trigger for call in calls] == ["user", "subagent", "user"]
        assert calls[1].flags == ("sidechain", "no_date")
        assert {call.agent_id for call in calls} == {None, "agent_001"}


def test_sub_agents_inside_sub_agents_are_read() -> None:
    """Each with its own first call; without end there is an end all the same."""
    inner = subagent(2.0, request(0.0), name="inner")
    calls, _ = read(trace(subagent(10.0, request(0.0), inner, request(5.0))))
    assert [(call.agent_id, call.sent_at, call.trigger) for call in calls] == [
        ("agent_001", 10.0, "subagent"),
        ("inner", 12.0, "subagent"),
        ("agent_001", 15.0, "user"),
    ]
    deep = request(0.0)
    for _ in range(50):
        deep = subagent(0.0, deep)
    assert read(trace(deep, request(1.0)))[0][-1].sent_at == 1.0


def test_only_the_main_threads_type_says_that_nothing_was_streamed() -> None:
    """In sub-agents all requests carry that type."""
    plain = {"type": "n", "ttft": None}
    calls, _ = read(trace(request(0.0, **plain), subagent(5.0, request(0.0, **plain))))
    assert ["non_streamed" in call.flags for call in calls] == [True, False]


def test_a_request_noted_twice_is_one_call() -> None:
    """At the same time with the same sizes; other sizes are another request."""
    calls, _ = read([trace(request(1.0), request(1.0), request(1.0, out=102)), trace(request(1.0), request(1.0))])
    assert [call.output_tokens for call in calls] == [101, 102]


@pytest.mark.parametrize(
    "entry", [None, 3, "x", [], {}, {"type": "s"}, {"type": "s", "t": -1, "in": 5}, {"type": "x", "t": 1, "in": 5}]
)
def test_what_is_no_request_is_a_problem(entry: Any) -> None:
    """The others are read."""
    calls, problems = read(trace(entry, request(1.0)))
    assert (len(calls), [problem.kind for problem in problems]) == (1, ["bad_record"])


def test_sizes_of_zero_are_unknown() -> None:
    """No request is empty, and nothing is generated by none."""
    (call,), _ = read(trace(request(0.0, out=0, **{"in": 0})))
    assert (call.input_tokens, call.output_tokens, call.output_tokens_source) == (None, None, None)


def test_a_trace_is_told_by_its_keys() -> None:
    """Whole, longer than what is looked at, or in a list; not by some of them."""
    whole = json.dumps(trace(request(0.0))).encode()
    assert TRACE.sniff("-", whole)
    assert TRACE.sniff("-", whole[:-30])
    assert TRACE.sniff("-", b"[" + whole + b"]")
    assert not TRACE.sniff("-", json.dumps(trace()).encode())
    assert not TRACE.sniff("-", json.dumps(trace(request(0.0)) | {"requests": 3}).encode())
    assert not TRACE.sniff("-", whole.replace(b"block_size", b"size"))
    assert not TRACE.sniff("-", b'"block_size"' + whole)


def test_a_row_is_the_call_of_the_trace() -> None:
    """The same call in both has one id and the same figures; the table adds what was cached."""
    (one,), _ = read(trace(request(134.227)))
    (two,), _ = table(row(sent_s=134.227))
    assert one.call_id == two.call_id
    assert (two.first_output_at, two.last_output_at) == (one.first_output_at, one.last_output_at)
    assert (one.cache_read_tokens, two.cache_read_tokens) == (None, 640)


def test_rows_of_sub_agents_name_their_thread() -> None:
    """The first of it is the sub-agent's start."""
    calls, _ = table(row(agent="agent_001"), row(agent="agent_001", call=1, sent_s=9, input_types="tool_result"))
    assert [(call.agent_id, call.trigger) for call in calls] == [
        ("agent_001", "subagent"),
        ("agent_001", "tool_result"),
    ]
    assert all("sidechain" in call.flags for call in calls)


def test_empty_cells_are_unknown() -> None:
    """Calls without an end are calls, of which the sizes are known."""
    (call,), problems = table(row(wall_s="", ttft_s="", stop="", input_types="", model="", cache_read_tokens=""))
    assert (call.first_output_at, call.last_output_at, call.stop_reason, call.model) == (None, None, None, None)
    assert (call.cache_read_tokens, call.trigger, problems) == (None, "unknown", [])


@pytest.mark.parametrize("cells", [{"session": ""}, {"agent": ""}, {"sent_s": ""}, {"sent_s": "x"}, {"sent_s": -1}])
def test_a_row_without_its_place_is_a_problem(cells: dict[str, Any]) -> None:
    """Session, thread and start make a call."""
    calls, problems = table(row(**cells), row())
    assert (len(calls), [(problem.kind, problem.line) for problem in problems]) == (1, [("bad_record", 2)])


def test_more_cached_than_sent_is_damage() -> None:
    """The count is not used."""
    (call,), _ = table(row(cache_read_tokens=901))
    assert (call.cache_read_tokens, call.input_tokens) == (None, 900)


@given(st.data())
def test_no_bytes_make_the_reader_raise(data: st.DataObject) -> None:
    """A trace with a few bytes changed."""
    raw = bytearray(json.dumps(trace(request(0.0), subagent(5.0, request(0.0)), request(9.0))).encode())
    for place in data.draw(st.lists(st.integers(0, len(raw) - 1), max_size=4)):
        raw[place] = data.draw(st.sampled_from(b'"{}[]:,0-e\\nx\xff\x00'))
    TRACE.sniff("x.json", bytes(raw))
    calls, problems = read(bytes(raw))
    assert_sound([*calls, *problems])
