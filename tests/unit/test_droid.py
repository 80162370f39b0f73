"""Droid sessions: which message led to which call, settings, copies, damage."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from latprof.formats import Source, formats
from latprof.formats.droid import FORMAT
from latprof.model import Call, Problem
from sound import assert_sound

TEXT = {"type": "text", "text": "x"}
NOON = 1773144000.0


def start(**more: Any) -> dict[str, Any]:
    return {"type": "session_start", "id": "s", "title": "x", "owner": "o", "cwd": "/repo", **more}


def message(own: str, second: float, role: str, *content: Any) -> dict[str, Any]:
    stamp = f"2026-03-10T12:00:{second:06.3f}Z"
    message = {"role": role, "content": list(content)}
    return {"type": "message", "id": own, "timestamp": stamp, "parentId": None, "message": message}


def read(*records: dict[str, Any], settings: Any = None) -> list[Call | Problem]:
    data = "".join(json.dumps(record) + "\n" for record in records).encode()
    beside = {} if settings is None else {"s.settings.json": json.dumps(settings).encode()}
    return list(FORMAT.read(Source.from_bytes(data, "p/s.jsonl", beside)))


def calls(*records: dict[str, Any], settings: Any = None) -> list[Call]:
    return [item for item in read(*records, settings=settings) if isinstance(item, Call)]


def test_a_call_runs_from_the_users_message_to_the_answer() -> None:
    """Both stamps are of messages that were added."""
    (found,) = calls(start(), message("a", 1, "user", TEXT), message("b", 5.5, "assistant", TEXT))
    assert (found.sent_at, found.last_output_at, found.trigger) == (NOON + 1, NOON + 5.5, "user")
    assert (found.output_tokens, found.model, found.attempts) == (None, None, None)


def test_results_belong_to_the_answer_that_asked_for_them() -> None:
    """And lead to the next call."""
    use, result = {"type": "tool_use", "id": "t", "name": "LS"}, {"type": "tool_result", "tool_use_id": "t"}
    first, second = calls(
        start(),
        message("a", 1, "user", TEXT),
        message("b", 5, "assistant", use),
        message("c", 6, "user", result),
        message("d", 9, "assistant", TEXT),
    )
    assert [(block.name, block.result_at) for block in first.blocks] == [("LS", NOON + 6)]
    assert (second.trigger, second.sent_at) == ("tool_result", NOON + 6)


def test_settings_name_the_model_and_may_be_missing_or_broken() -> None:
    """Sums of the session are no tokens of a call."""
    records = (start(), message("a", 1, "user", TEXT), message("b", 5, "assistant", TEXT))
    settings = {"model": "m", "reasoningEffort": "high", "providerLock": "openai", "tokenUsage": {"inputTokens": 9}}
    (found,) = calls(*records, settings=settings)
    assert (found.model, found.effort, found.provider, found.input_tokens) == ("m", "high", "openai", None)
    assert [call.model for call in calls(*records, settings=[1])] == [None]


def test_a_sub_agent_is_told_by_its_title() -> None:
    """Its first call is the sub-agent's, later ones follow tools."""
    (found,) = calls(
        start(title="# Task Tool Invocation"), message("a", 1, "user", TEXT), message("b", 5, "assistant", TEXT)
    )
    assert (found.trigger, found.flags, found.agent_id) == ("subagent", ("sidechain",), "s")


def test_the_same_message_twice_is_one_call() -> None:
    """As a resumed session may repeat it."""
    records = (start(), message("a", 1, "user", TEXT), message("b", 5, "assistant", TEXT))
    assert len(calls(*records, *records)) == 1


def test_an_answer_without_a_time_is_a_problem() -> None:
    """Nothing is known of it."""
    answer = message("b", 5, "assistant", TEXT) | {"timestamp": "soon"}
    found = read(start(), message("a", 1, "user", TEXT), answer)
    assert [item.kind for item in found if isinstance(item, Problem)] == ["no_time"]


def test_steps_of_the_clock_are_flagged() -> None:
    """Nothing is computed from them."""
    (found,) = calls(start(), message("a", 9, "user", TEXT), message("b", 5, "assistant", TEXT))
    assert found.flags == ("clock_step",)


def test_messages_of_other_agents_are_not_claimed() -> None:
    """They carry a time or tokens inside the message."""
    own = message("a", 1, "user", TEXT)
    assert FORMAT.sniff("x", json.dumps(own).encode())
    other = own | {"message": {"role": "user", "content": [], "timestamp": 1}}
    assert [item.name for item in formats() if item.sniff("x", json.dumps(own).encode())] == ["droid"]
    assert not FORMAT.sniff("x", json.dumps(other).encode())


@given(st.binary(max_size=40), st.integers(min_value=0, max_value=400))
def test_any_bytes_inside_never_raise(junk: bytes, at: int) -> None:
    """Damage anywhere."""
    records = (start(), message("a", 1, "user", TEXT), message("b", 5, "assistant", TEXT))
    data = "".join(json.dumps(record) + "\n" for record in records).encode()
    FORMAT.sniff("x", data[:at] + junk + data[at:])
    assert_sound(FORMAT.read(Source.from_bytes(data[:at] + junk + data[at:])))
