"""Aider's two logs with times: pairing, odd blocks, damage."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from latprof.formats import Source
from latprof.formats.aider import FORMAT as HISTORY
from latprof.formats.aider_analytics import FORMAT as ANALYTICS
from latprof.model import Call, Problem
from sound import assert_sound

DAY = 1767571200.0  # 2026-01-05


def block(kind: str, clock: str, text: str = "text") -> str:
    return f"{kind} 2026-01-05T{clock}\n{text}\n"


def history(*blocks: str) -> list[Call | Problem]:
    return list(HISTORY.read(Source.from_bytes("".join(blocks).encode())))


def event(second: int, name: str, user: str = "u", **properties: Any) -> str:
    return json.dumps({"event": name, "properties": properties, "user_id": user, "time": int(DAY) + second}) + "\n"


def analytics(*events: str) -> list[Call | Problem]:
    return list(ANALYTICS.read(Source.from_bytes("".join(events).encode())))


def test_a_request_and_its_answer_are_one_call() -> None:
    """In whole seconds."""
    (call,) = history(block("TO LLM", "00:00:05"), block("LLM RESPONSE", "00:00:24"))
    assert isinstance(call, Call)
    assert (call.sent_at, call.last_output_at) == (DAY + 5, DAY + 24)
    assert call.flags == ("whole_seconds",)
    assert (call.model, call.output_tokens, call.trigger) == (None, None, "unknown")


def test_only_full_lines_begin_a_block() -> None:
    """Messages may quote such a line."""
    quoted = block("TO LLM", "00:00:05", "USER TO LLM 2026-01-05T00:00:06\nTO LLM 2026-01-05T00:00:07 or so")
    found = history(quoted, block("LLM RESPONSE", "00:00:09"))
    assert [call.sent_at for call in found if isinstance(call, Call)] == [DAY + 5]
    assert len(found) == 1


def test_a_request_without_an_answer_is_counted() -> None:
    """And an answer without a request."""
    found = history(
        block("LLM RESPONSE", "00:00:01"),
        block("TO LLM", "00:00:05"),
        block("TO LLM", "00:00:09"),
        block("LLM RESPONSE", "00:00:12"),
    )
    assert [item.kind for item in found if isinstance(item, Problem)] == ["bad_record", "request_without_response"]
    assert [item.sent_at for item in found if isinstance(item, Call)] == [DAY + 9]


def test_an_empty_answer_is_interrupted_unless_the_file_ends_there() -> None:
    """At the end its text may not be written yet."""
    first = (block("TO LLM", "00:00:05"), block("LLM RESPONSE", "00:00:06", ""))
    found = history(*first, block("TO LLM", "00:00:10"), block("LLM RESPONSE", "00:00:12", ""))
    assert [item.flags for item in found if isinstance(item, Call)] == [
        ("interrupted", "whole_seconds"),
        ("whole_seconds",),
    ]


def test_steps_and_sleep_are_flagged() -> None:
    """Local time jumps with summer time."""
    back = history(block("TO LLM", "02:59:00"), block("LLM RESPONSE", "02:00:30"))
    long = history(block("TO LLM", "01:59:00"), block("LLM RESPONSE", "03:00:30"))
    assert [item.flags for item in (*back, *long) if isinstance(item, Call)] == [
        ("clock_step", "whole_seconds"),
        ("suspended", "whole_seconds"),
    ]


def test_a_history_written_twice_has_each_call_once() -> None:
    """As an interrupted copy leaves it."""
    once = (block("TO LLM", "00:00:05"), block("LLM RESPONSE", "00:00:24"))
    assert len(history(*once, *once)) == 1


def test_sends_are_paired_within_a_user() -> None:
    """Two processes may write one log."""
    found = analytics(
        event(1, "message_send_starting", "a"),
        event(3, "message_send_starting", "b"),
        event(9, "message_send", "a", main_model="openai/o5", prompt_tokens=10, completion_tokens=5),
        event(11, "message_send", "b", prompt_tokens=10, completion_tokens=0),
    )
    calls = [item for item in found if isinstance(item, Call)]
    assert [(call.sent_at, call.last_output_at) for call in calls] == [(DAY + 1, DAY + 9), (DAY + 3, DAY + 11)]
    assert (calls[0].provider, calls[0].output_tokens, calls[0].output_tokens_source) == ("openai", 5, "counted")
    assert (calls[1].output_tokens, calls[1].output_tokens_source, calls[1].model) == (None, None, None)


def test_a_failure_takes_its_start_with_it() -> None:
    """The next send has no start."""
    found = analytics(
        event(1, "message_send_starting"), event(2, "message_send_exception"), event(9, "message_send", prompt_tokens=1)
    )
    assert [item.kind for item in found if isinstance(item, Problem)] == ["failed_attempt"]
    assert [item.sent_at for item in found if isinstance(item, Call)] == [None]


def test_only_logs_with_exactly_these_keys_are_claimed() -> None:
    """Many logs hold events."""
    assert ANALYTICS.sniff("x", event(1, "launched").encode())
    assert not ANALYTICS.sniff("x", b'{"event": "x", "properties": {}, "user_id": "u", "time": "2026-01-05"}\n')
    assert not ANALYTICS.sniff("x", b'{"event": "x", "properties": {}, "user_id": "u", "time": 1, "ip": ""}\n')
    assert HISTORY.sniff("x", block("TO LLM", "00:00:05").encode())
    assert not HISTORY.sniff("x", b"notes\nTO LLM 2026-01-05T00:00:05\n")


@given(st.binary(max_size=40), st.integers(min_value=0, max_value=200))
def test_any_bytes_inside_never_raise(junk: bytes, at: int) -> None:
    """Damage anywhere."""
    for item, text in (
        (HISTORY, block("TO LLM", "00:00:05") + block("LLM RESPONSE", "00:00:24")),
        (ANALYTICS, event(1, "message_send_starting") + event(5, "message_send", prompt_tokens=3)),
    ):
        data = text.encode()
        item.sniff("x", data[:at] + junk + data[at:])
        assert_sound(item.read(Source.from_bytes(data[:at] + junk + data[at:])))
