"""Amp threads and Amp's debug log, case by case."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latprof.formats import Source
from latprof.formats.amp import FORMAT as THREADS
from latprof.formats.amp_debug import FORMAT as DEBUG
from latprof.model import Call, Problem

NOON = 1_772_452_800.0  # 2026-03-02 12:00:00 UTC
THREAD = "T-019cae00-1111-7aaa-8bbb-000000000001"


def iso(after: float) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(NOON + after, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def asked(number: int, sent: float | None = None) -> dict[str, Any]:
    meta = {} if sent is None else {"meta": {"sentAt": (NOON + sent) * 1000}}
    return {"role": "user", "messageId": number, "content": [{"type": "text", "text": "x"}]} | meta


def tool_done(number: int) -> dict[str, Any]:
    return {"role": "user", "messageId": number, "content": [{"type": "tool_result", "toolUseID": "t"}]}


def usage(at: float | None, output: Any = 50, **more: Any) -> dict[str, Any]:
    counts = {"inputTokens": 10, "cacheCreationInputTokens": 200, "cacheReadInputTokens": 3000}
    stamp = {} if at is None else {"timestamp": iso(at)}
    return {"model": "claude-opus-4-5", "outputTokens": output} | counts | stamp | more


def answer(number: int, used: dict[str, Any] | None, state: str = "complete", **more: Any) -> dict[str, Any]:
    message = {"role": "assistant", "messageId": number, "content": [], "state": {"type": state}} | more
    return message if used is None else message | {"usage": used}


def span(name: str, start: float, end: float) -> dict[str, Any]:
    return {"name": name, "startTime": iso(start), "endTime": iso(end)}


def event(at: float, to: int | None, kind: str = "inference", **tokens: int) -> dict[str, Any]:
    target = {} if to is None else {"toMessageId": to}
    return {"id": f"e{at}", "timestamp": iso(at), "model": "m", "operationType": kind, "tokens": tokens} | target


def thread(*messages: dict[str, Any], name: str = THREAD, **more: Any) -> bytes:
    return json.dumps({"v": 1, "id": name, "created": 1, "messages": list(messages)} | more).encode()


def read(data: bytes) -> tuple[list[Call], list[Problem]]:
    items = list(THREADS.read(Source.from_bytes(data, "x.json")))
    return [i for i in items if isinstance(i, Call)], [i for i in items if isinstance(i, Problem)]


def test_a_users_call_lasts_from_submission_to_the_noted_usage_as_a_bound() -> None:
    """The submission is before the request, the note after the response."""
    (call,), problems = read(thread(asked(0, 1.0), answer(1, usage(5.0))))
    assert (call.trigger, call.trigger_at, call.sent_at, call.sent_source) == (
        "user",
        NOON + 1,
        NOON + 1,
        "trigger_line",
    )
    assert (call.last_output_at, call.last_output_source) == (NOON + 5, "record_written")
    assert call.first_output_at is None
    assert problems == []


def test_input_is_what_was_fresh_plus_both_counts_of_the_cache() -> None:
    """As Anthropic counts; without counts of the cache only the stated total tells all."""
    (call,), _ = read(thread(asked(0), answer(1, usage(5.0))))
    assert (call.input_tokens, call.cache_read_tokens, call.cache_write_tokens) == (3210, 3000, 200)
    bare = usage(5.0, cacheReadInputTokens=None, cacheCreationInputTokens=None)
    (call,), _ = read(thread(asked(0), answer(1, bare)))
    assert call.input_tokens is None
    (call,), _ = read(thread(asked(0), answer(1, bare | {"totalInputTokens": 900})))
    assert (call.input_tokens, call.cache_read_tokens) == (900, None)


@pytest.mark.parametrize("count", [0, None, "many", -3, True])
def test_a_count_that_is_none_leaves_output_unknown(count: Any) -> None:
    """0 tokens were never generated."""
    (call,), _ = read(thread(asked(0), answer(1, usage(5.0, count))))
    assert (call.output_tokens, call.output_tokens_source, call.output_tokens_kind) == (None, None, "unknown")


def test_a_call_after_a_tool_has_no_send_time_without_a_span() -> None:
    """No stamp says when the tool ended; the submission of the user is long ago."""
    messages = [asked(0, 0.0), answer(1, usage(2.0)), tool_done(2), answer(3, usage(9.0))]
    _, second = read(thread(*messages))[0]
    assert (second.trigger, second.sent_at, second.trigger_at) == ("tool_result", None, None)


def test_each_span_belongs_to_one_call_only() -> None:
    """The call whose usage was noted nearest to the span's end; a later one within reach gets nothing."""
    messages = [asked(0, 0.0), answer(1, usage(2.0)), tool_done(2), answer(3, usage(6.0))]
    spans = [span("inference", 0.1, 1.9), span("tools", 1.9, 2.5)]
    first, second = read(thread(*messages, meta={"traces": spans}))[0]
    assert first.sent_at == pytest.approx(NOON + 0.1)
    assert first.sent_source == "request_sent_wall"
    assert second.sent_at is None
    spans.append(span("inference", 2.6, 5.9))
    first, second = read(thread(*messages, meta={"traces": spans}))[0]
    assert first.sent_at == pytest.approx(NOON + 0.1)
    assert second.sent_at == pytest.approx(NOON + 2.6)
    assert second.trigger_at == pytest.approx(NOON + 2.5)


@pytest.mark.parametrize(
    "bad",
    [{"name": "inference"}, span("inference", 3, 1), span("inference", 20, 30), span("other", 0, 2), 7, None],
)
def test_a_span_that_cannot_be_the_calls_is_not_used(bad: Any) -> None:
    """No end, backwards, far away, of something else."""
    (call,), _ = read(thread(asked(0, 0.0), answer(1, usage(2.0)), meta={"traces": [bad]}))
    assert call.sent_source == "trigger_line"


def test_a_cancelled_answer_is_interrupted_or_a_failed_attempt() -> None:
    """With usage it is a call; without it only the attempt is known. An unfinished one is neither."""
    messages = [asked(0, 0.0), answer(1, usage(2.0), "cancelled"), asked(2), answer(3, None, "cancelled")]
    calls, problems = read(thread(*messages, asked(4), answer(5, usage(9.0), "running")))
    assert [call.flags for call in calls] == [("interrupted",)]
    assert [problem.kind for problem in problems] == ["failed_attempt"]


def test_a_clock_that_stepped_back_is_flagged() -> None:
    """The note of usage lies before the submission."""
    (call,), _ = read(thread(asked(0, 9.0), answer(1, usage(5.0))))
    assert call.flags == ("clock_step",)


def test_a_call_in_ledger_and_message_counts_once_with_the_ledgers_tokens() -> None:
    """Counts of the cache come from the message."""
    ledger = {"events": [event(4.0, 1, input=7, output=90)]}
    (call,), _ = read(thread(asked(0), answer(1, usage(4.1, 50)), usageLedger=ledger))
    assert (call.output_tokens, call.input_tokens, call.cache_read_tokens) == (90, 3207, 3000)


def test_what_the_ledger_notes_for_others_is_a_side_call() -> None:
    """A sub-agent's use has no message; it names the last message of its thread all the same."""
    ledger = {"events": [event(2.0, 1, output=9), event(3.0, 1, "subagent", output=400), event(4.0, None, output=5)]}
    calls, _ = read(thread(asked(0), answer(1, None), usageLedger=ledger))
    assert [(call.output_tokens, call.flags) for call in calls] == [(9, ()), (400, ("side_call",)), (5, ())]


def test_a_copied_call_in_another_thread_has_the_same_id() -> None:
    """Numbers of messages mean nothing outside a thread, so the stamp and the counts make the id."""
    (first,), _ = read(thread(asked(0, 0.0), answer(1, usage(2.0))))
    (second,), _ = read(thread(asked(4), answer(5, usage(2.0)), name="T-019cae00-2222-7aaa-8bbb-000000000002"))
    assert first.call_id == second.call_id
    assert first.session_id != second.session_id
    calls, _ = read(thread(asked(0), answer(1, usage(2.0)), answer(2, usage(2.0))))
    assert len(calls) == 1


def test_blocks_have_sizes_and_names_but_no_times() -> None:
    """The text itself goes nowhere."""
    content = [{"type": "thinking", "thinking": "abc"}, {"type": "tool_use", "name": "Read", "input": {}}, 3, {}]
    (call,), _ = read(thread(asked(0), answer(1, usage(2.0), content=content)))
    assert [(b.type, b.characters, b.name, b.end_at) for b in call.blocks] == [
        ("thinking", 3, None, None),
        ("tool_use", None, "Read", None),
    ]


@pytest.mark.parametrize(
    ("uri", "project"),
    [
        ("file:///repo/my%20shop", "/repo/my shop"),
        ("file:///caf%C3%A9", "/café"),
        ("file:///a%ZZ%", "/a%ZZ%"),
        ("file:///a%FF", "/a\ufffd"),
        ("https://example.org/a", None),
        (None, None),
    ],
)
def test_the_project_is_the_path_of_the_first_tree(uri: str | None, project: str | None) -> None:
    """Only paths of this machine."""
    (call,), _ = read(thread(asked(0), answer(1, usage(2.0)), env={"initial": {"trees": [{"uri": uri}]}}))
    assert call.project == project


def test_a_thread_is_told_by_its_id_wherever_it_stands() -> None:
    """Exports may order the members in another way."""
    document = {"messages": [{"role": "user", "messageId": 0}], "id": THREAD}
    assert THREADS.sniff("x.json", json.dumps(document).encode())
    assert not THREADS.sniff("x.json", json.dumps(document | {"id": "ses_1"}).encode())
    assert not THREADS.sniff("x.json", json.dumps(document | {"messages": []}).encode())


@given(st.data())
def test_no_bytes_make_the_readers_raise(data: st.DataObject) -> None:
    """A thread and a debug log with a few bytes changed."""
    spans = {"traces": [span("inference", 0, 2)]}
    whole = thread(asked(0, 0.0), answer(1, usage(2.0)), meta=spans, usageLedger={"events": [event(2, 1, output=9)]})
    raw = bytearray(data.draw(st.sampled_from([whole, line(2.0, inferenceDuration=1.5, outputTokens=40)])))
    for place in data.draw(st.lists(st.integers(0, len(raw) - 1), max_size=4)):
        raw[place] = data.draw(st.sampled_from(b'"{}[]:,0-e\\nx\xff\x00'))
    for item in (THREADS, DEBUG):
        item.sniff("x.json", bytes(raw))
        assert all(isinstance(found, Call | Problem) for found in item.read(Source.from_bytes(bytes(raw))))


def line(at: float | None, **fields: Any) -> bytes:
    stamp = {} if at is None else {"timestamp": iso(at)}
    return json.dumps({"level": "debug", "message": "x", "tokensPerSecond": 1} | stamp | fields).encode() + b"\n"


def debug(data: bytes) -> tuple[list[Call], list[Problem]]:
    items = list(DEBUG.read(Source.from_bytes(data, "amp.log")))
    return [i for i in items if isinstance(i, Call)], [i for i in items if isinstance(i, Problem)]


def test_a_debug_line_gives_a_call_that_ended_when_it_was_written() -> None:
    """The duration leads back to the start; the model is the one last chosen."""
    (call,), _ = debug(line(0.0, model="anthropic/claude") + line(9.0, inferenceDuration=2.5, outputTokens=80))
    assert (call.sent_at, call.sent_source) == (NOON + 6.5, "duration")
    assert (call.last_output_at, call.last_output_source) == (NOON + 9, "record_written")
    assert (call.requested_model, call.model, call.output_tokens) == ("anthropic/claude", None, 80)


def test_debug_lines_without_duration_or_time_are_no_calls() -> None:
    """A duration of 0 is no call; a call without a time is counted as a problem."""
    calls, problems = debug(line(1.0) + line(2.0, inferenceDuration=0) + line(None, inferenceDuration=2))
    assert calls == []
    assert [(problem.kind, problem.line) for problem in problems] == [("no_time", 3)]


def test_a_debug_log_that_holds_a_line_twice_gives_one_call() -> None:
    """By end and count; two calls that end in one millisecond with other counts are two."""
    both = line(2.0, inferenceDuration=1, outputTokens=40)
    calls, _ = debug(both + both + line(2.0, inferenceDuration=1, outputTokens=41))
    assert [call.output_tokens for call in calls] == [40, 41]


def test_other_logs_that_speak_of_durations_are_not_claimed() -> None:
    """The keys stand at the top, with a level beside them."""
    assert DEBUG.sniff("x", line(1.0, inferenceDuration=1))
    assert not DEBUG.sniff("x", json.dumps({"inferenceDuration": 1, "tokensPerSecond": 2}).encode())
    assert not DEBUG.sniff("x", json.dumps({"level": 1, "data": {"inferenceDuration": 1}}).encode())
