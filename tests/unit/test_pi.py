"""pi: what a session's entries tell of its calls."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latprof.formats.base import Source
from latprof.formats.pi import FORMAT
from latprof.model import Call, Problem
from sound import assert_sound

T0 = 1_785_000_000_000
Record = dict[str, Any]
HEADER: Record = {"type": "session", "version": 3, "id": "s1", "timestamp": "2026-07-25T17:20:00.000Z", "cwd": "/repo"}


def iso(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def entry(name: str, parent: str | None, at: int, kind: str = "message", **more: object) -> Record:
    return {"type": kind, "id": name, "parentId": parent, "timestamp": iso(at), **more}


def user(name: str, parent: str | None, at: int) -> Record:
    message = {"role": "user", "content": [{"type": "text", "text": "x"}], "timestamp": T0 + at}
    return entry(name, parent, T0 + at + 3, message=message)


def result(name: str, parent: str, at: int, tool: str) -> Record:
    message = {"role": "toolResult", "toolCallId": tool, "toolName": "bash", "content": [], "timestamp": T0 + at}
    return entry(name, parent, T0 + at, message=message)


def answer(name: str, parent: str | None, at: int, end: int, *tools: str, **more: Any) -> Record:
    usage = dict(
        zip(("input", "output", "cacheRead", "cacheWrite"), more.pop("usage", (300, 40, 1000, 7)), strict=True)
    )
    content: list[Record] = [{"type": "text", "text": "abc"}]
    content += [{"type": "toolCall", "id": tool, "name": "bash", "arguments": {}} for tool in tools]
    start = more.pop("t0", T0)
    message: Record = {"role": "assistant", "content": content, "api": "anthropic-messages", "provider": "anthropic"}
    message |= {"model": "m", "usage": usage, "stopReason": "stop", "timestamp": start + at, **more}
    return entry(name, parent, start + end, message=message)


def lines(*records: object, header: Record = HEADER) -> bytes:
    return b"".join(json.dumps(record).encode() + b"\n" for record in (header, *records))


def items(data: bytes) -> list[Call | Problem]:
    return list(FORMAT.read(Source.from_bytes(data)))


def calls(*records: object, header: Record = HEADER) -> list[Call]:
    return [item for item in items(lines(*records, header=header)) if isinstance(item, Call)]


def problems(*records: object) -> list[str]:
    return [item.kind for item in items(lines(*records)) if isinstance(item, Problem)]


def test_a_call_lasts_from_its_own_time_to_that_of_its_line() -> None:
    first, second = calls(
        user("u", None, 0), answer("a", "u", 2, 4000, "t1", "t2"), result("r1", "a", 4500, "t1"),
        result("r2", "r1", 5000, "t2"), answer("b", "r2", 5001, 7000),
    )  # fmt: skip
    assert (first.sent_at, first.last_output_at) == (T0 / 1000 + 0.002, T0 / 1000 + 4)
    assert (first.trigger, first.trigger_at, first.sent_source) == ("user", T0 / 1000, "record_created")
    assert (second.trigger, second.trigger_at, second.sent_source) == ("tool_result", T0 / 1000 + 5, "record_start")
    assert [block.result_at for block in first.blocks] == [None, T0 / 1000 + 4.5, T0 / 1000 + 5]
    assert (first.flags, second.flags) == (("first_of_process",), ())


def test_the_cached_part_is_added_to_the_input() -> None:
    (call,) = calls(user("u", None, 0), answer("a", "u", 1, 1000))
    assert (call.input_tokens, call.cache_read_tokens, call.cache_write_tokens) == (1307, 1000, 7)
    assert (call.output_tokens, call.output_tokens_source, call.reasoning_tokens) == (40, "usage", None)


@pytest.mark.parametrize(("when", "thinking", "output"), [(0, True, None), (0, False, 40), (1, True, 40)])
def test_output_that_held_the_reasoning_twice_is_left_out(when: int, thinking: bool, output: int | None) -> None:  # noqa: FBT001
    start = (1_776_000_000_000, T0)[when]
    content = [{"type": "thinking", "thinking": "x"}] if thinking else [{"type": "text", "text": "x"}]
    (call,) = calls(answer("a", None, 1, 1000, api="openai-completions", content=content, t0=start))
    assert call.output_tokens == output


@pytest.mark.parametrize(("start", "tokens"), [(1_772_000_000_000, 300), (T0, 1307)])
def test_googles_input_held_the_cached_part_in_old_releases(start: int, tokens: int) -> None:
    usage = (300, 40, 200, 0) if start != T0 else (300, 40, 1000, 7)
    (call,) = calls(answer("a", None, 1, 1000, api="google-generative-ai", usage=usage, t0=start))
    assert call.input_tokens == tokens


def test_a_failed_attempt_is_a_problem_and_the_next_call_a_retry() -> None:
    failed = answer("e", "u", 1, 900, stopReason="error", content=[], usage=(0, 0, 0, 0))
    records = [user("u", None, 0), failed, answer("a", "e", 3000, 5000)]
    (call,) = calls(*records)
    assert (call.trigger, call.sent_source, call.flags) == ("retry", "record_start", ())
    assert problems(*records) == ["failed_attempt"]


def test_an_answer_that_was_stopped_is_flagged_without_tokens() -> None:
    (call,) = calls(user("u", None, 0), answer("a", "u", 1, 900, stopReason="aborted", usage=(3, 1, 1000, 0)))
    assert call.flags == ("interrupted", "first_of_process")
    assert (call.output_tokens, call.input_tokens) == (None, None)
    assert problems(answer("a", None, 1, 900, stopReason="aborted", content=[])) == []
    empty = answer("a", None, 1, 900, stopReason="aborted", content=[], usage=(0, 0, 0, 0))
    assert problems(empty) == ["request_without_response"]


def test_a_stream_that_broke_is_told_by_usage_where_the_service_counts() -> None:
    whole = answer("a", "u", 1, 900)
    broken = answer("b", "a", 2000, 2900, usage=(0, 0, 0, 0))
    assert [("interrupted" in call.flags) for call in calls(user("u", None, 0), whole, broken)] == [False, True]
    (uncounted,) = calls(user("u", None, 0), answer("b", "u", 1, 900, usage=(0, 0, 0, 0)))
    assert (uncounted.flags, uncounted.input_tokens) == (("first_of_process",), None)


def test_what_led_to_a_call_follows_the_links_not_the_order() -> None:
    records = [
        user("u1", None, 0), answer("a1", "u1", 1, 900, "t"), result("r", "a1", 1000, "t"),
        user("u2", "a1", 1500), answer("a2", "r", 1001, 2000), answer("a3", "u2", 1501, 2500),
    ]  # fmt: skip
    assert [call.trigger for call in calls(*records)] == ["user", "tool_result", "user"]
    lost = [call.trigger for call in calls(answer("a", "gone", 1, 900))]
    assert lost == ["unknown"]


def test_old_files_have_no_links_and_may_hold_answers_that_overlap() -> None:
    def old(record: Record) -> Record:
        return {key: value for key, value in record.items() if key not in {"id", "parentId"}}

    records = [
        user("", "", 0), answer("", "", 1, 900, "t"), result("", "", 1000, "t"), user("", "", 2000),
        answer("", "", 1001, 3000), answer("", "", 2001, 4000),
    ]  # fmt: skip
    found = calls(*map(old, records))
    assert [call.trigger for call in found] == ["user", "tool_result", "user"]
    assert [call.message_id for call in found] == [str(T0 + at) for at in (1, 1001, 2001)]


def test_notes_between_a_prompt_and_its_call_are_passed_over() -> None:
    note = entry("n", "u", T0, "custom_message", customType="x", content="x")
    level = entry("l", "n", T0, "thinking_level_change", thinkingLevel="high")
    (call,) = calls(user("u", None, 0), note, level, answer("a", "l", 5, 900))
    assert (call.trigger, call.effort) == ("user", "high")


def test_an_extension_or_a_compaction_may_lead_to_a_call() -> None:
    note = entry("n", "a", T0 + 2000, "custom_message", customType="x", content="x")
    pressed = entry("c", "b", T0 + 5000, "compaction", summary="x", tokensBefore=9)
    found = calls(
        user("u", None, 0), answer("a", "u", 1, 900), note, answer("b", "n", 2001, 3000), pressed,
        answer("d", "c", 5001, 6000),
    )  # fmt: skip
    assert [call.trigger for call in found] == ["user", "notification", "compaction"]


def test_copies_in_a_fork_are_the_same_calls() -> None:
    records = [user("u", None, 0), answer("a", "u", 1, 900), answer("b", "u", 2000, 3000, responseId="r")]
    forked = calls(*records, header={**HEADER, "id": "s2", "parentSession": "s1"})
    assert [call.call_id for call in calls(*records)] == [call.call_id for call in forked]
    assert len(calls(*records, HEADER, *records)) == 2


def test_clock_steps_and_sleep_are_flagged() -> None:
    assert "clock_step" in calls(user("u", None, 0), answer("a", "u", 1000, 500))[0].flags
    assert "suspended" in calls(user("u", None, 0), answer("a", "u", 1, 700_000))[0].flags


def test_an_answer_without_any_time_is_a_problem() -> None:
    broken = answer("a", None, 1, 2)
    broken["timestamp"] = 7
    broken["message"]["timestamp"] = "soon"
    assert problems(broken) == ["no_time"]


@pytest.mark.parametrize(
    ("data", "claimed"),
    [
        (lines(), True),
        (b"\n" + lines(), True),
        (b"\xef\xbb\xbf" + lines(), True),
        (b'{"type":"session","id":"x"}\n', False),
        (b'{"type":"session","id":"x","cwd":"/","timestamp":7}\n', False),
        (b'{"type":"session_meta","payload":{"id":"x","cwd":"/","timestamp":"2026"}}\n', False),
        (b'{"type":"user","sessionId":"x","cwd":"/","timestamp":"2026"}\n', False),
        (b'["session"]\n', False),
        (b'"session', False),
    ],
)
def test_only_sessions_are_claimed(data: bytes, claimed: bool) -> None:  # noqa: FBT001
    assert FORMAT.sniff("x.jsonl", data) is claimed


def test_links_in_a_circle_end() -> None:
    (call,) = calls(entry("x", "y", T0, "label"), entry("y", "x", T0, "label"), answer("a", "x", 1, 900))
    assert call.trigger == "unknown"


@given(st.data())
def test_changed_bytes_never_raise(data: st.DataObject) -> None:
    raw = bytearray(lines(user("u", None, 0), answer("a", "u", 1, 900, "t"), result("r", "a", 950, "t")))
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    assert_sound(items(bytes(raw)))
