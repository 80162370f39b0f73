"""Codex rollouts: versions, order of lines, copies, retries, interrupts, damage."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from latprof.formats import Source
from latprof.formats.codex import FORMAT
from latprof.model import Call, Problem
from latprof.trace import Trace
from sound import assert_sound

START = 1_780_300_800.0  # 2026-06-01 08:00 UTC
THREAD = "019e0000-0000-7000-8000-000000000001"
NAME = f"/logs/rollout-2026-06-01T08-00-00-{THREAD}.jsonl"
Row = dict[str, Any]


def stamp(at: float) -> str:
    second = int(at)
    return f"2026-06-01T08:{second // 60:02d}:{second % 60:02d}.{round((at - second) * 1000):03d}Z"


def turn_id(at: float) -> str:
    digits = f"{round((START + at) * 1000):012x}"
    return f"{digits[:8]}-{digits[8:]}-7000-8000-000000000000"


def line(at: float, kind: str, **payload: object) -> Row:
    return {"timestamp": stamp(at), "type": kind, "payload": payload}


def event(at: float, kind: str, **payload: object) -> Row:
    return line(at, "event_msg", type=kind, **payload)


def item(at: float, kind: str, **payload: object) -> Row:
    return line(at, "response_item", type=kind, **payload)


def meta(at: float = 0.0, **payload: object) -> Row:
    fields: Row = {"id": THREAD, "timestamp": stamp(at), "cwd": "/w", "cli_version": "0.125.0", "source": "cli"}
    return line(at, "session_meta", **{**fields, "model_provider": "openai", **payload})


def context(at: float, model: str = "gpt-5.5") -> Row:
    return line(at, "turn_context", model=model, effort="high", cwd="/w")


def message(at: float, text: str = "abc", role: str = "assistant") -> Row:
    return item(at, "message", role=role, content=[{"type": "output_text", "text": text}])


def call_item(at: float, name: str = "shell", call: str = "call_1") -> Row:
    return item(at, "function_call", name=name, arguments="{}", call_id=call)


def output(at: float, call: str = "call_1") -> Row:
    return item(at, "function_call_output", call_id=call, output="secret")


def usage(read: int, cached: int, out: int, thought: int = 0) -> Row:
    return {
        "input_tokens": read, "cached_input_tokens": cached, "output_tokens": out,
        "reasoning_output_tokens": thought, "total_tokens": read + out,
    }  # fmt: skip


def tokens(at: float, total: Row | None, last: Row | None = None) -> Row:
    info = None if total is None else {"total_token_usage": total, "last_token_usage": last or total}
    return event(at, "token_count", info=info, rate_limits=None)


def prompt(at: float) -> Row:
    return event(at, "user_message", message="secret")


def data(rows: list[Row]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def read(rows: list[Row], name: str = NAME) -> tuple[list[Call], list[Problem]]:
    found = list(FORMAT.read(Source.from_bytes(data(rows), name)))
    return [i for i in found if isinstance(i, Call)], [i for i in found if isinstance(i, Problem)]


def since(at: float | None) -> float | None:
    return None if at is None else round(at - START, 3)


ONE = usage(100, 40, 20, 5)
TWO = usage(250, 120, 50, 5)
SECOND = usage(150, 80, 30, 0)
INLINE = [
    meta(), event(0.1, "task_started", turn_id=turn_id(0.05)), context(0.2), prompt(0.3), tokens(1.0, None),
    item(2.0, "reasoning", summary=[], content=None), call_item(3.0), tokens(3.01, ONE), output(4.0),
    tokens(4.5, ONE), event(6.0, "agent_message", message="abc"), message(6.0), tokens(6.01, TWO, SECOND),
    event(6.02, "task_complete", turn_id=turn_id(0.05), time_to_first_token_ms=1955),
]  # fmt: skip


def test_usage_in_line_ends_a_response() -> None:
    """0.107 to 0.130: sent is early, the end exact, headers where the unchanged usage was repeated."""
    (first, second), problems = read(INLINE)
    assert problems == []
    assert (first.trigger, since(first.sent_at), first.sent_source) == ("user", 0.3, "trigger_line")
    assert (since(first.headers_at), since(first.last_output_at), first.last_output_source) == (1.0, 3.01, "stream_end")
    assert [(b.type, since(b.end_at), since(b.result_at), b.name) for b in first.blocks] == [
        ("thinking", 2.0, None, None),
        ("tool_use", 3.0, 4.0, "shell"),
    ]
    assert (first.input_tokens, first.cache_read_tokens, first.output_tokens, first.reasoning_tokens) == (
        100,
        40,
        20,
        5,
    )
    assert (second.trigger, since(second.sent_at), since(second.headers_at)) == ("tool_result", 4.0, 4.5)
    assert (second.output_tokens, [b.characters for b in second.blocks]) == (30, [3])
    assert (second.session_id, second.provider, second.model, second.effort) == (THREAD, "openai", "gpt-5.5", "high")
    assert second.attempts is None


def test_hidden_thinking_makes_the_first_output_of_a_turn_late() -> None:
    """Its value is the first thing that was shown; only text without thinking before it is a first token."""
    (first, _), _ = read(INLINE)
    assert (since(first.first_output_at), first.first_output_source) == (2.005, "first_visible")
    rows = [meta(), event(0.1, "task_started"), context(0.2), prompt(0.3), message(3.0), tokens(3.0, usage(9, 0, 8))]
    end = event(3.1, "task_complete", turn_id=turn_id(0.05), time_to_first_token_ms=950)
    (call,), _ = read([*rows, end])
    assert (since(call.first_output_at), call.first_output_source) == (1.0, "first_token")
    (hidden,), _ = read([*rows[:-1], tokens(3.0, usage(9, 0, 8, 4)), end])
    assert hidden.first_output_source == "first_visible"


@pytest.mark.parametrize(
    "end",
    [
        {"turn_id": "no time in it", "time_to_first_token_ms": 950},
        {"turn_id": turn_id(0.05), "time_to_first_token_ms": 99_000},
        {"turn_id": turn_id(0.05), "time_to_first_token_ms": 10},
        {"turn_id": turn_id(0.05), "time_to_first_token_ms": None},
    ],
)
def test_a_first_output_that_cannot_be_is_not_used(end: Row) -> None:
    """Before the prompt, after the answer, or from an id without a time."""
    rows = [meta(), event(0.1, "task_started"), prompt(0.3), message(3.0), tokens(3.0, usage(9, 0, 8))]
    (call,), _ = read([*rows, event(3.1, "task_complete", **end)])
    assert call.first_output_at is None


def test_settings_per_request_are_the_send_time() -> None:
    """Up to 0.106 they follow the prompt and each result."""
    rows = [meta(), prompt(0.3), context(0.4), call_item(2.0), tokens(2.0, ONE), output(3.0), context(3.2),
            tokens(3.5, ONE), message(5.0), tokens(5.0, TWO, SECOND)]  # fmt: skip
    calls, _ = read(rows)
    assert [(since(c.sent_at), c.sent_source, since(c.trigger_at)) for c in calls] == [
        (0.4, "turn_context", 0.3),
        (3.2, "turn_context", 3.0),
    ]
    assert since(calls[1].headers_at) == 3.5
    assert list(Trace.from_calls(calls).wall_exactly) == [False, False]


def test_settings_before_the_prompt_are_no_send_time() -> None:
    """Later versions write them once a turn, and again after a change."""
    rows = [meta(), event(0.1, "task_started"), context(0.2), prompt(0.3), call_item(2.0), tokens(2.0, ONE),
            output(3.0), context(3.2), message(5.0), tokens(5.0, TWO, SECOND)]  # fmt: skip
    calls, _ = read(rows)
    assert {c.sent_source for c in calls} == {"trigger_line"}


def test_items_after_the_usage_have_no_times() -> None:
    """Up to 0.64: the call's own line comes when its tool has ended; names and results are kept."""
    rows = [meta(), prompt(0.3), context(0.4), tokens(1.0, None), event(2.0, "agent_reasoning", text="x"),
            tokens(3.0, ONE), item(9.0, "reasoning", summary=[]), call_item(9.0), output(9.0), context(9.1),
            tokens(10.0, ONE), tokens(12.0, TWO, SECOND), call_item(12.1, call="call_2")]  # fmt: skip
    (first, second), _ = read(rows)
    assert since(first.last_output_at) == 3.0
    assert [(b.type, since(b.end_at), since(b.result_at)) for b in first.blocks] == [
        ("thinking", 2.0, None),
        ("tool_use", None, 9.0),
    ]
    assert (second.trigger, since(second.sent_at), second.first_block_at) == ("tool_result", 9.1, None)
    assert [b.name for b in second.blocks] == ["shell"]


def test_usage_after_the_tools_leaves_the_last_item_as_end() -> None:
    """0.131 to 0.168; the result before the usage is what the next request waits for."""
    rows = [meta(), prompt(0.3), call_item(2.0), call_item(2.5, call="call_2"), output(5.0), output(5.1, "call_2"),
            tokens(5.2, ONE), message(7.0), tokens(7.001, TWO, SECOND)]  # fmt: skip
    (first, second), _ = read(rows)
    assert (since(first.last_output_at), first.last_output_source) == (2.5, "last_block_end")
    assert (second.trigger, since(second.sent_at), second.headers_at) == ("tool_result", 5.1, None)
    assert (since(second.last_output_at), second.last_output_source) == (7.001, "stream_end")


def completed(at: float, kind: str, start: float, end: float, name: str = "i") -> Row:
    return event(at, "item_completed", item={"type": kind, "id": name}, started_at_ms=(START + start) * 1000,
                 completed_at_ms=(START + end) * 1000)  # fmt: skip


def record(at: float, name: str, last: Row, total: Row) -> Row:
    return line(at, "token_usage_record", response_id=name, usage=last, thread_token_usage=total)


PAGED = [
    meta(history_mode="paginated"), completed(0.3, "UserMessage", 0.3, 0.3), completed(2.0, "Reasoning", 1.0, 2.0),
    item(2.001, "reasoning", id="rs_1"), call_item(3.0), record(3.001, "resp_1", ONE, ONE), output(4.0),
    tokens(4.001, ONE), completed(6.0, "AgentMessage", 5.0, 6.0), message(6.001, "abcd"),
]  # fmt: skip


def test_pages_hold_the_start_of_the_first_item() -> None:
    """And a record with the response's id as it ends."""
    (first, second), _ = read([*PAGED, record(6.002, "resp_2", SECOND, TWO), tokens(6.003, TWO, SECOND)])
    assert (first.request_id, first.message_id) == ("resp_1", "resp_1")
    assert (since(first.first_output_at), first.first_output_source) == (1.0, "block_start")
    assert [(b.type, since(b.start_at), since(b.end_at)) for b in first.blocks] == [
        ("thinking", 1.0, 2.0),
        ("tool_use", None, 3.0),
    ]
    assert (since(second.first_output_at), [b.characters for b in second.blocks]) == (5.0, [4])
    assert Trace.from_calls([second]).decode_tps[0] == pytest.approx(29 / 1.002, rel=1e-3)


def test_a_dropped_stream_is_an_attempt() -> None:
    """Whole items, then the unchanged usage, then the items of the next attempt."""
    again = [tokens(6.002, ONE), completed(9.0, "AgentMessage", 8.0, 9.0), message(9.0), record(9.1, "r", SECOND, TWO)]
    (_, second), problems = read([*PAGED, *again])
    assert (second.attempts, second.flags, second.trigger) == (2, ("retried",), "tool_result")
    assert (since(second.sent_at), second.sent_source) == (6.002, "retry_adjusted")
    assert [since(b.start_at) for b in second.blocks] == [8.0]
    assert problems == []


def test_a_dropped_stream_that_was_the_last_is_no_whole_call() -> None:
    """The turn ended with an error."""
    (_, second), _ = read([*PAGED, tokens(6.002, ONE), event(7.0, "task_complete", turn_id=turn_id(0.1))])
    assert (second.flags, second.output_tokens, second.attempts) == (("interrupted",), None, None)


def test_starts_of_rewritten_threads_are_not_used() -> None:
    """Old files rewritten in pages have no start of their own."""
    rows = [meta(history_mode="paginated"), prompt(0.3), completed(50.0, "AgentMessage", 5.0, 6.0), message(50.0),
            record(50.1, "r", ONE, ONE)]  # fmt: skip
    (call,), _ = read(rows)
    assert (call.first_output_at, since(call.first_block_at)) == (None, 50.0)


def test_an_interrupt_keeps_what_was_seen() -> None:
    """No usage and no whole call; a request that was cut before its first item is a problem."""
    (call,), problems = read([meta(), prompt(0.3), message(2.0), event(2.5, "turn_aborted", reason="interrupted")])
    assert (call.flags, call.output_tokens, since(call.last_output_at)) == (("interrupted",), None, 2.0)
    assert problems == []
    rows = [*INLINE[:9], event(9.0, "turn_aborted", reason="interrupted")]
    calls, problems = read(rows)
    assert len(calls) == 1
    assert [problem.kind for problem in problems] == ["request_without_response"]


def test_a_tool_that_was_cut_off_is_no_request() -> None:
    """Its result is written as the turn ends."""
    _, problems = read([*INLINE[:9], event(4.1, "turn_aborted", reason="interrupted")])
    assert problems == []


def test_a_turn_that_ends_without_an_answer() -> None:
    """The request was refused for good."""
    calls, problems = read([meta(), prompt(0.3), event(60.0, "task_complete")])
    assert (calls, [problem.kind for problem in problems]) == ([], ["request_without_response"])


def test_compaction_is_a_call_of_its_own_without_tokens() -> None:
    """Its estimate of tokens is none; the next request waits for it."""
    rows = [*INLINE[:9], line(30.0, "compacted", message="secret"), context(30.001),
            tokens(30.002, ONE, usage(0, 0, 0)), message(33.0), tokens(33.0, TWO, SECOND)]  # fmt: skip
    (_, compaction, after), _ = read(rows)
    assert (compaction.trigger, since(compaction.sent_at), since(compaction.last_output_at)) == (
        "compaction",
        4.0,
        30.0,
    )
    assert (compaction.last_output_source, compaction.output_tokens) == ("record_written", None)
    assert (after.trigger, since(after.sent_at), after.sent_source, after.headers_at) == (
        "tool_result", 30.001, "trigger_line", None,
    )  # fmt: skip


def test_compaction_with_usage_of_its_own_is_one_call() -> None:
    """Older versions ask like any other request, and write no items."""
    rows = [meta(), context(0.2), tokens(3.0, ONE), line(3.1, "compacted", message="x")]
    (call,), _ = read(rows)
    assert (call.trigger, call.output_tokens) == ("compaction", 20)


def test_a_service_without_usage() -> None:
    """Tokens unknown, ends at the last item."""
    rows = [meta(model_provider="local"), prompt(0.3), call_item(2.0), tokens(2.0, None), output(3.0), message(4.0),
            event(4.1, "task_complete")]  # fmt: skip
    calls, problems = read(rows)
    assert [(c.output_tokens, c.provider, since(c.last_output_at), c.flags) for c in calls] == [
        (None, None, 2.0, ()),
        (None, None, 4.0, ()),
    ]
    assert problems == []


HELPER = {"subagent": {"thread_spawn": {"parent_thread_id": "parent", "depth": 1}}}


@pytest.mark.parametrize(
    ("source", "trigger", "flags"),
    [
        (HELPER, "subagent", ("sidechain",)),
        ({"subagent": "review"}, "subagent", ("sidechain",)),
        ({"subagent": "compact"}, "compaction", ("sidechain",)),
        ({"subagent": "memory_consolidation"}, "subagent", ("sidechain", "side_call")),
    ],
)
def test_threads_of_helpers(source: object, trigger: str, flags: tuple[str, ...]) -> None:
    """Their first call is made by another thread; the session is the parent's where it is named."""
    calls, _ = read([meta(source=source), *INLINE[1:]])
    assert [c.trigger for c in calls] == [trigger, "tool_result"]
    assert {c.flags for c in calls} == {flags}
    assert {c.agent_id for c in calls} == {THREAD}
    assert {c.session_id for c in calls} == {"parent" if source is HELPER else THREAD}


def test_copied_history_is_left_out() -> None:
    """A fork's first own turn is the first that is newer than the fork."""
    old = [{**row, "timestamp": stamp(100.0)} for row in INLINE]
    own = [event(100.2, "task_started", turn_id=turn_id(100.15)), prompt(100.3), message(102.0),
           tokens(102.0, usage(350, 200, 59, 5), usage(100, 80, 9))]  # fmt: skip
    (call,), problems = read([meta(100.0, id="019e-fork", forked_from_id=THREAD), *old, *own])
    assert (call.session_id, call.output_tokens, call.trigger) == ("019e-fork", 9, "user")
    assert problems == []
    fork = [meta(100.0, id="019e-fork", forked_from_id=THREAD), *old, *own]
    assert [c.call_id for c in read(fork + fork)[0]] == [call.call_id]
    unsaid = [meta(100.0, id="019e-fork"), *old, *own]
    assert [c.output_tokens for c in read(unsaid)[0]] == [9]


def test_copied_history_without_ids_of_turns() -> None:
    """It was written in one go."""
    old = [{**row, "timestamp": stamp(100.0)} for row in INLINE if "turn_id" not in row["payload"]]
    own = [prompt(110.0), context(110.1), message(112.0), tokens(112.0, usage(350, 200, 59, 5), usage(100, 80, 9))]
    calls, _ = read([meta(100.0, id="019e-fork", forked_from_id=THREAD), *old, *own])
    assert [c.output_tokens for c in calls] == [9]


def test_the_same_header_again_is_a_resume() -> None:
    """Its version counts from there."""
    later = [
        meta(50.0, cli_version="0.126.0"),
        prompt(50.3),
        message(52.0),
        tokens(52.0, usage(300, 150, 59, 5), usage(50, 30, 9)),
    ]
    calls, _ = read([*INLINE, *later])
    assert [(c.output_tokens, c.agent_version) for c in calls] == [(20, "0.125.0"), (30, "0.125.0"), (9, "0.126.0")]


def test_a_slice_knows_its_thread_from_the_name() -> None:
    """A usage at its begin belongs to a response before it; the ids are those of the whole file."""
    whole, _ = read(INLINE)
    calls, _ = read(INLINE[9:])
    assert [c.session_id for c in calls] == [THREAD]
    assert [c.output_tokens for c in calls] == [30]
    header = [{**INLINE[2], "payload": {**INLINE[2]["payload"], "turn_id": turn_id(0.05)}}]
    assert [c.call_id for c in read(header + INLINE[7:])[0]] == [whole[1].call_id]


def test_a_call_has_the_same_id_in_every_copy() -> None:
    """Stamped anew, with lines lost, in a fork whose history was not told apart: the turn and the sums stay."""
    whole, _ = read(INLINE)
    later = [{**row, "timestamp": stamp(70.0 + n)} for n, row in enumerate(INLINE)]
    fewer = [row for n, row in enumerate(INLINE) if n not in {2, 4, 5, 9}]
    for copy in (later, fewer):
        assert [c.call_id for c in read(copy)[0]] == [c.call_id for c in whole]


def test_a_file_written_twice_has_each_call_once() -> None:
    """As an interrupted copy leaves it."""
    once, _ = read(INLINE)
    twice, _ = read(INLINE + INLINE)
    assert twice == once
    alone, _ = read(INLINE[:8])
    assert read(INLINE[:8] * 2)[0] == alone


def test_packed_files_read_the_same() -> None:
    """Cold threads are packed with zstd, without a size in the head."""
    plain = list(FORMAT.read(Source.from_bytes(data(INLINE), NAME)))
    streamed = zstandard.ZstdCompressor().compressobj()
    cold = streamed.compress(data(INLINE)) + streamed.flush()
    for packed in (cold, gzip.compress(data(INLINE))):
        source = Source.from_bytes(packed, NAME)
        assert FORMAT.sniff(source.path, source.head())
        assert list(FORMAT.read(source)) == plain


@pytest.mark.parametrize(
    ("text", "claimed"),
    [
        ('{"id":"x","timestamp":"2025-06-01T08:00:00Z","instructions":null,"git":{}}\n{"record_type":"state"}\n', True),
        ('{"session":{"timestamp":"2025-05-01T08:00:00Z","id":"x","instructions":""},"items":[]}', True),
        ('{"id":"x","timestamp":"2025-06-01T08:00:00Z","text":"y"}\n', False),
        ('{"timestamp":"2026-06-01T08:00:00Z","type":"event","payload":{}}\n', False),
        ('{"timestamp":1780300800,"type":"event_msg","payload":{}}\n', False),
        (
            '{"timestamp":"2026-06-01T08:00:00Z","type":"session_meta","payload":{"base_instructions":"' + "x" * 70000,
            True,
        ),
    ],
)
def test_what_is_claimed(*, text: str, claimed: bool) -> None:
    """The envelope, long first lines, and the headers of versions without times."""
    assert FORMAT.sniff("x", text.encode()[:65536]) is claimed


def test_old_versions_have_no_times() -> None:
    """Both forms are known and give no calls."""
    for text in (
        '{"id":"x","timestamp":"2025-06-01T08:00:00Z","instructions":null}\n{"type":"message"}\n',
        '{"session":{}}',
    ):
        (problem,) = FORMAT.read(Source.from_bytes(text.encode(), "rollout-x.json"))
        assert isinstance(problem, Problem)
        assert problem.kind == "no_call_times"


def test_lines_without_a_time_and_other_lines() -> None:
    """They are counted; the rest is read."""
    rows = [*INLINE[:5], {"type": "event_msg", "payload": {"type": "x"}}, {"type": "unknown"}, *INLINE[5:]]
    calls, problems = read(rows)
    assert len(calls) == 2
    assert [(problem.kind, problem.line) for problem in problems] == [("no_time", 6)]


def test_gaps_and_steps_are_flagged() -> None:
    """A pause between items, sleep, a clock that goes back, items written together, search on the server."""

    def flags(*items: Row) -> tuple[str, ...]:
        (call,), _ = read([meta(), prompt(1.0), *items, tokens(1000.0, ONE)])
        return call.flags

    assert flags(message(5.0), call_item(36.0), call_item(990.0)) == ("suspended", "possible_retry")
    assert "clock_step" in flags(message(0.5), call_item(900.0))
    assert "burst" in flags(call_item(999.9), call_item(999.92, call="call_2"))
    assert "server_tools" in flags(item(900.0, "web_search_call", status="completed"), message(901.0))


def test_a_message_inside_a_turn_leads_to_the_next_call() -> None:
    """The last of result and prompt is the cause."""
    rows = [*INLINE[:9], prompt(4.2), *INLINE[10:]]
    calls, _ = read(rows)
    assert [(c.trigger, since(c.sent_at)) for c in calls] == [("user", 0.3), ("user", 4.2)]


def test_absurd_values_are_unknown() -> None:
    """Types that no version writes."""
    bad = {"input_tokens": "many", "cached_input_tokens": -1, "output_tokens": 7, "reasoning_output_tokens": 9}
    rows = [meta(cwd=5, id=None), prompt(1.0), message(2.0), tokens(2.0, bad)]
    (call,), _ = read(rows)
    assert (call.input_tokens, call.cache_read_tokens, call.reasoning_tokens, call.project) == (None, None, None, None)
    assert call.output_tokens == 7


WRONG = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 2**40) | st.floats() | st.sampled_from(["", "x", THREAD, stamp(5.0)]),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["type", "item", "info"]), inner, max_size=2)
    ),
    max_leaves=3,
)


@given(st.data())
def test_values_of_any_type_never_raise(changes: st.DataObject) -> None:
    """A version may write anything anywhere."""
    rows: list[Row] = json.loads(json.dumps(PAGED if changes.draw(st.booleans()) else INLINE))
    for _ in range(changes.draw(st.integers(1, 5))):
        row = changes.draw(st.sampled_from(rows))
        inside = row["payload"] if isinstance(row.get("payload"), dict) and changes.draw(st.booleans()) else row
        if inside:
            inside[changes.draw(st.sampled_from(sorted(inside)))] = changes.draw(WRONG)
    calls, problems = read(rows)
    assert_sound([*calls, *problems])
    FORMAT.sniff("x", data(rows))


@given(st.data())
def test_changed_bytes_never_raise(changes: st.DataObject) -> None:
    """Any byte may be wrong."""
    text = bytearray(data(PAGED if changes.draw(st.booleans()) else INLINE))
    for _ in range(changes.draw(st.integers(1, 8))):
        text[changes.draw(st.integers(0, len(text) - 1))] = changes.draw(st.integers(0, 255))
    for found in FORMAT.read(Source.from_bytes(bytes(text), NAME)):
        assert isinstance(found, Call | Problem)
