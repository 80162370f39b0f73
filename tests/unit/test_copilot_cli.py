"""Copilot CLI events: pairing, chunks, helpers, interrupts, live usage, damage."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latprof.formats import Source
from latprof.formats.copilot_cli import FORMAT
from latprof.model import Call, Problem

START = 1_780_300_800.0  # 2026-06-01 08:00 UTC
NAME = "/logs/session-state/s-1/events.jsonl"
Row = dict[str, Any]


def event(at: float, kind: str, name: str | None = None, **data: object) -> Row:
    stamp = f"2026-06-01T08:{int(at) // 60:02d}:{at % 60:06.3f}Z"
    row: Row = {"type": kind, "data": data, "id": name or f"{kind}-{at}", "timestamp": stamp, "parentId": None}
    return row


def start(at: float = 0.0, **data: object) -> Row:
    fields: Row = {"sessionId": "s-1", "copilotVersion": "1.0.60", "context": {"cwd": "/w"}, **data}
    return event(at, "session.start", **fields)


def message(at: float, name: str, **data: object) -> Row:
    fields: Row = {"messageId": name, "content": "abc", "toolRequests": [], **data}
    return event(at, "assistant.message", **fields)


def turn(at: float, number: str = "0") -> Row:
    return event(at, "assistant.turn_start", turnId=number, interactionId="i")


def data(rows: list[Row]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def read(rows: list[Row], name: str = NAME) -> tuple[list[Call], list[Problem]]:
    found = list(FORMAT.read(Source.from_bytes(data(rows), name)))
    return [i for i in found if isinstance(i, Call)], [i for i in found if isinstance(i, Problem)]


def since(at: float | None) -> float | None:
    return None if at is None else round(at - START, 3)


PLAIN = [
    start(),
    event(1.0, "user.message", content="secret"),
    turn(1.5),
    message(5.0, "m1", outputTokens=50, model="x"),
]


def test_a_call_is_from_the_start_of_the_turn_to_the_message() -> None:
    """The start is early, the message is the end; the first token is not there."""
    (call,), problems = read(PLAIN)
    assert problems == []
    assert (call.trigger, since(call.trigger_at), since(call.sent_at), call.sent_source) == (
        "user",
        1.0,
        1.5,
        "record_created",
    )
    assert (since(call.last_output_at), call.last_output_source, call.first_output_at) == (5.0, "record_end", None)
    assert (call.output_tokens, call.input_tokens, call.attempts, call.model) == (50, None, None, "x")
    assert (call.session_id, call.project, call.agent_version) == ("s-1", "/w", "1.0.60")


def test_turn_ids_that_begin_anew_are_no_keys() -> None:
    """Each prompt counts its turns from 0."""
    more = [event(10.0, "user.message", content="x"), turn(10.5), message(12.0, "m2")]
    calls, _ = read(PLAIN + more)
    assert [(c.trigger, since(c.sent_at)) for c in calls] == [("user", 1.5), ("user", 10.5)]


def test_a_result_leads_to_the_next_call_and_times_the_tool() -> None:
    """The tool's name and result belong to the call that asked for it."""
    asked = message(5.0, "m1", toolRequests=[{"toolCallId": "t", "name": "bash", "arguments": {"a": 1}}], content="")
    rows = [*PLAIN[:3], asked, event(7.0, "tool.execution_complete", toolCallId="t", model="gpt-5"), turn(7.1, "1"),
            message(9.0, "m2")]  # fmt: skip
    (first, second), _ = read(rows)
    (tool,) = first.blocks
    assert (tool.name, since(tool.end_at), since(tool.result_at), tool.characters) == ("bash", 5.0, 7.0, 7)
    assert (second.trigger, since(second.trigger_at)) == ("tool_result", 7.0)
    assert [c.model for c in (first, second)] == ["gpt-5", "gpt-5"]


def test_chunks_of_a_response_are_one_call() -> None:
    """It ends with the last of them, and its tokens count once."""
    rows = [
        *PLAIN[:3],
        message(5.0, "m1", apiCallId="a", outputTokens=50),
        message(5.5, "m2", apiCallId="a", outputTokens=50),
    ]
    (call,), _ = read(rows)
    assert (since(call.last_output_at), call.output_tokens, call.request_id) == (5.5, 50, "a")
    assert len(call.blocks) == 2


@pytest.mark.parametrize("kind", ["abort", "session.error", "session.shutdown"])
def test_a_request_without_a_message(kind: str) -> None:
    """Interrupted, failed, or the process ended."""
    calls, problems = read([*PLAIN[:3], event(3.0, kind)])
    assert calls == []
    assert [(problem.kind, problem.line) for problem in problems] == [("request_without_response", 3)]


def test_a_killed_process_is_no_problem() -> None:
    """The request may still run as the file is read."""
    assert read(PLAIN[:3]) == ([], [])


def test_live_usage_gives_exact_times() -> None:
    """Duration and first token, only in captures."""
    usage = event(5.1, "assistant.usage", model="x", duration=3000, timeToFirstTokenMs=900, inputTokens=100,
                  outputTokens=60, cacheReadTokens=80, reasoningTokens=20)  # fmt: skip
    (call,), _ = read([*PLAIN, usage])
    assert (since(call.sent_at), call.sent_source, since(call.last_output_at)) == (2.1, "duration", 5.1)
    assert (since(call.first_output_at), call.first_output_source) == (3.0, "first_token")
    assert (call.input_tokens, call.cache_read_tokens, call.output_tokens, call.reasoning_tokens) == (100, 80, 60, 20)


@pytest.mark.parametrize(
    "usage", [{"duration": -5}, {"duration": 100, "timeToFirstTokenMs": 200}, {"cacheReadTokens": 5}, {}]
)
def test_usage_that_does_not_add_up(usage: Row) -> None:
    """Nothing is made of it."""
    (call,), _ = read([*PLAIN, event(5.1, "assistant.usage", model="x", **usage)])
    assert (call.first_output_at, call.cache_read_tokens, call.output_tokens) == (None, None, 50)


def test_helpers_run_beside_the_session() -> None:
    """Their calls do not take the session's turn, and are marked."""
    other = [event(2.0, "subagent.started", toolCallId="t"), {**turn(2.1), "agentId": "t"},
             {**message(4.0, "h1"), "agentId": "t"}, {**message(4.5, "h2"), "agentId": "t"}]  # fmt: skip
    calls, problems = read([*PLAIN[:3], *other, PLAIN[3]])
    assert problems == []
    assert [(c.message_id, c.trigger, c.agent_id, c.flags) for c in calls] == [
        ("h1", "subagent", "t", ("sidechain",)),
        ("h2", "unknown", "t", ("sidechain",)),
        ("m1", "user", None, ()),
    ]
    assert calls[1].sent_at is None


@pytest.mark.parametrize(
    "used",
    [{"input": 90, "output": 9, "cachedInput": 40}, {"inputTokens": 90, "outputTokens": 9, "cacheReadTokens": 40}],
)
def test_compaction_is_a_call(used: Row) -> None:
    """Old and new names of its tokens; without a duration its start is early."""
    rows = [
        start(),
        event(1.0, "session.compaction_start"),
        event(9.0, "session.compaction_complete", success=True, compactionTokensUsed=used),
    ]
    (call,), _ = read(rows)
    assert (call.trigger, since(call.sent_at), call.sent_source) == ("compaction", 1.0, "record_created")
    assert (call.input_tokens, call.output_tokens, call.cache_read_tokens) == (90, 9, 40)


def test_failures_are_counted() -> None:
    """A failed compaction, a failed attempt in a capture."""
    rows = [start(), event(1.0, "session.compaction_complete", success=False), event(2.0, "model.call_failure")]
    assert [problem.kind for problem in read(rows)[1]] == ["failed_attempt", "failed_attempt"]


def test_auto_is_no_model() -> None:
    """What was chosen is kept apart from what answered."""
    rows = [start(selectedModel="auto"), *PLAIN[1:3], message(5.0, "m1")]
    (call,), _ = read(rows)
    assert (call.model, call.requested_model) == (None, "auto")


def test_a_prompt_that_a_skill_wrote_is_a_notification() -> None:
    """It is not the user who waits."""
    rows = [start(), event(1.0, "user.message", content="x", source="skill-pdf"), turn(1.1), message(2.0, "m")]
    assert read(rows)[0][0].trigger == "notification"


def test_events_twice_and_without_a_time() -> None:
    """Copies are known by their ids; an event without a time is counted."""
    once, _ = read(PLAIN)
    assert read(PLAIN + PLAIN)[0] == once
    broken = {**event(6.0, "assistant.message", messageId="z"), "timestamp": "soon"}
    assert [problem.kind for problem in read([*PLAIN, broken])[1]] == ["no_time"]


def test_the_session_is_in_the_path() -> None:
    """Where the header is lost: the folder, or the name in old versions."""
    assert read(PLAIN[1:])[0][0].session_id == "s-1"
    assert read(PLAIN[1:], "/logs/session-state/s-2.jsonl")[0][0].session_id == "s-2"


def test_clock_steps_and_sleep_are_flagged() -> None:
    """They are no durations."""
    assert read([*PLAIN[:3], message(1.0, "m")])[0][0].flags == ("clock_step",)
    assert read([*PLAIN[:3], message(700.0, "m")])[0][0].flags == ("suspended",)


@pytest.mark.parametrize(
    ("row", "path", "claimed"),
    [
        (PLAIN[2], NAME, True),
        (start(vscodeVersion="1.110"), NAME, False),
        (PLAIN[3], "/x/GitHub.copilot-chat/transcripts/a.jsonl", False),
        (event(0.0, "assistant.message", content="x"), NAME, False),
        ({"type": "session.start", "data": {"sessionId": "x"}}, NAME, False),
        (event(0.0, "user.message", content="x"), NAME, False),
    ],
)
def test_what_is_claimed(*, row: Row, path: str, claimed: bool) -> None:
    """Own kinds in the envelope; transcripts of the editor are another thing."""
    assert FORMAT.sniff(path, data([row])) is claimed


@given(st.data())
def test_changed_bytes_never_raise(changes: st.DataObject) -> None:
    """Any byte may be wrong."""
    text = bytearray(data(PLAIN))
    for _ in range(changes.draw(st.integers(1, 8))):
        text[changes.draw(st.integers(0, len(text) - 1))] = changes.draw(st.integers(0, 255))
    for found in FORMAT.read(Source.from_bytes(bytes(text), NAME)):
        assert isinstance(found, Call | Problem)
