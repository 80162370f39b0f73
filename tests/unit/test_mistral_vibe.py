"""Mistral Vibe sessions: the one call that they show."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latprof.formats import Source
from latprof.formats.mistral_vibe import FORMAT
from latprof.model import Call
from sound import assert_sound


def meta(**stats: Any) -> bytes:
    whole = {
        "steps": 3,
        "session_prompt_tokens": 900,
        "session_completion_tokens": 70,
        "last_turn_prompt_tokens": 500,
        "last_turn_completion_tokens": 50,
        "last_turn_duration": 2.5,
    }
    return json.dumps({"session_id": "s", "config": {"active_model": "m"}, "stats": whole | stats}, indent=2).encode()


def calls(data: bytes) -> list[Call]:
    return list(FORMAT.calls(Source.from_bytes(data)))


def test_the_last_call_has_a_duration_and_no_date() -> None:
    """And the tokens of that call, not of the session."""
    (found,) = calls(meta())
    assert (found.sent_at, found.last_output_at, found.flags) == (0.0, 2.5, ("no_date",))
    assert (found.input_tokens, found.output_tokens) == (500, 50)
    assert (found.trigger, found.attempts) == ("unknown", None)


@pytest.mark.parametrize("duration", [0, 0.0, -1, None, "soon"])
def test_a_session_without_a_finished_call_shows_none(duration: object) -> None:
    """The counters begin at 0."""
    assert calls(meta(last_turn_duration=duration)) == []


def test_a_later_state_of_a_session_is_another_call() -> None:
    """A copy of the same state is the same one."""
    (first,), (again,), (later,) = calls(meta()), calls(meta()), calls(meta(steps=4))
    assert first.call_id == again.call_id != later.call_id


def test_messages_are_recognised_and_empty() -> None:
    """Other agents' messages have a time or other keys."""
    line = b'{"role": "user", "content": "x", "message_id": "1"}\n'
    assert FORMAT.sniff("messages.jsonl", line)
    assert list(FORMAT.read(Source.from_bytes(line))) == []
    assert not FORMAT.sniff("x", b'{"role": "user", "content": "x", "message_id": "1", "timestamp": 1}\n')
    assert not FORMAT.sniff("x", b'{"role": "user", "message_id": "1"}\n')


@given(st.binary(max_size=40), st.integers(min_value=0, max_value=300))
def test_any_bytes_inside_never_raise(junk: bytes, at: int) -> None:
    """Damage anywhere."""
    data = meta()
    FORMAT.sniff("x", data[:at] + junk + data[at:])
    assert_sound(FORMAT.read(Source.from_bytes(data[:at] + junk + data[at:])))
