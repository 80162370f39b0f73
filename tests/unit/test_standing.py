"""What the end of a log says is going on: by hand, and against the readers."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from claude_code_lines import Log, seconds, text, thinking, tool
from latprof.formats import Format, Source, formats
from latprof.formats.records import seconds_of
from latprof.formats.standing import Standing
from latprof.model import Call

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"


def format_named(name: str) -> Format:
    return next(item for item in formats() if item.name == name)


def standing(log: Log, path: str = "session.jsonl") -> Standing:
    tail = format_named("claude-code").tail
    assert tail is not None
    return tail(Source.from_bytes(log.data(), path))[0]


def test_a_prompt_waits_since_the_last_line_before_the_request() -> None:
    """Lines of the agent's own after the prompt belong to its preparations."""
    log = Log()
    log.prompt(0.0)
    log.add("attachment", 0.4, attachment={"type": "date"})
    log.request(0.9, "ref-1")
    found = standing(log)
    assert (found.state, found.trigger, seconds(found.since)) == ("waiting", "user", 0.9)
    assert (found.session_id, found.project, found.model) == ("session-1", "/home/dev/project", None)


def test_a_tool_without_a_result_is_open_since_its_line() -> None:
    """Of parallel tools the oldest without a result counts; with the last result the next request is made."""
    log = Log()
    log.prompt(0.0)
    log.answer(3.0, "m1", thinking())
    assert (standing(log).state, seconds(standing(log).since)) == ("answering", 3.0)
    log.answer(4.0, "m1", tool("a", "Bash"))
    log.answer(4.5, "m1", tool("b", "Read"))
    assert (standing(log).state, standing(log).tools, seconds(standing(log).since)) == ("tools", ("Bash", "Read"), 4.0)
    log.result(5.0, "a")
    assert (standing(log).tools, seconds(standing(log).since)) == (("Read",), 4.5)
    log.result(6.0, "b")
    found = standing(log)
    assert (found.state, found.trigger, seconds(found.since)) == ("waiting", "tool_result", 6.0)
    assert found.model == "claude-opus-4-7"


def test_a_tool_whose_result_was_lost_is_closed_by_the_next_response() -> None:
    """A request is made only when all results are there."""
    log = Log()
    log.answer(1.0, "m1", tool("lost"))
    log.answer(5.0, "m2", tool("b", "Read"))
    assert standing(log).tools == ("Read",)


@pytest.mark.parametrize(
    ("end", "stop"), [("stop", "end_turn"), ("line", None), ("interrupt", None), ("local", None), ("error", None)]
)
def test_a_turn_that_ended_is_idle(end: str, stop: str | None) -> None:
    """By the stop reason, by the agent's own line, by the user, or by an error that is shown."""
    log = Log()
    log.prompt(0.0)
    log.answer(2.0, "m1", text(), stop=stop)
    if end == "line":
        assert standing(log).state == "answering"
        log.add("system", 2.5, subtype="turn_duration")
    elif end == "interrupt":
        log.prompt(2.5, "[Request interrupted by user]")
    elif end == "local":
        log.prompt(2.5, "<local-command-stdout>done</local-command-stdout>")
    elif end == "error":
        log.answer(2.5, "m2", text(), model="<synthetic>", isApiErrorMessage=True)
    assert standing(log).state == "idle"
    assert seconds(standing(log).since) == (2.0 if end == "stop" else 2.5)


def test_failed_attempts_are_counted_until_the_response() -> None:
    """The wait goes on from when the next attempt is made."""
    log = Log()
    log.prompt(0.0)
    log.add("system", 2.0, subtype="api_error", retryInMs=500)
    log.add("system", 4.0, subtype="api_error", retryInMs=1000)
    found = standing(log)
    assert (found.state, found.trigger, found.failed, seconds(found.since)) == ("waiting", "user", 2, 5.0)
    log.answer(7.0, "m1", thinking())
    assert standing(log).failed == 0


def test_a_sub_agents_file_tells_of_its_own_thread() -> None:
    """Its first line is the order of its parent."""
    log = Log(side="a1b2")
    log.prompt(0.0)
    found = standing(log, "agent-a1b2.jsonl")
    assert (found.agent_id, found.session_id, found.trigger) == ("a1b2", "session-1", "subagent")


def test_a_cut_line_changes_nothing() -> None:
    """An agent may be in the middle of writing."""
    log = Log()
    log.prompt(0.0)
    data = log.data() + b'{"type":"assistant","message":{"content":[{"type":"te'
    tail = format_named("claude-code").tail
    assert tail is not None
    assert tail(Source.from_bytes(data))[0] == standing(log)
    assert tail(Source.from_bytes(b"")) == ()


def rollout(*lines: tuple[float, str, dict[str, Any]]) -> Standing:
    stamped = ((f"2026-03-02T10:00:{at:06.3f}Z", kind, payload) for at, kind, payload in lines)
    data = "".join(
        json.dumps({"timestamp": at, "type": kind, "payload": payload}) + "\n" for at, kind, payload in stamped
    )
    tail = format_named("codex").tail
    assert tail is not None
    return tail(Source.from_bytes(data.encode(), "rollout.jsonl"))[0]


def test_a_codex_turn_from_prompt_to_end() -> None:
    """Waiting, tool, waiting, answering, idle."""
    lines: list[tuple[float, str, dict[str, Any]]] = [
        (0, "session_meta", {"id": "t1", "cwd": "/p"}),
        (1, "event_msg", {"type": "user_message"}),
        (1.5, "turn_context", {"model": "gpt-x"}),
    ]
    states = []
    for line in (
        (2.0, "response_item", {"type": "function_call", "call_id": "c", "name": "shell"}),
        (3.0, "response_item", {"type": "function_call_output", "call_id": "c"}),
        (4.0, "response_item", {"type": "message", "role": "assistant"}),
        (5.0, "event_msg", {"type": "task_complete"}),
    ):
        before = rollout(*lines)
        states.append((before.state, before.trigger, before.tools))
        lines.append(line)
    assert states == [
        ("waiting", "user", ()),
        ("tools", "user", ("shell",)),
        ("waiting", "tool_result", ()),
        ("answering", "tool_result", ()),
    ]
    found = rollout(*lines)
    assert (found.state, found.session_id, found.project, found.model) == ("idle", "t1", "/p", "gpt-x")


def first_lines(lines: list[bytes], call: Call) -> int | None:
    """The number of the first line that was written when the call's first block ended, or later."""
    for number, raw in enumerate(lines):
        try:
            record = json.loads(raw)
        except ValueError:
            continue
        mine = "message" not in record or (record["message"] or {}).get("id") == call.message_id
        at = seconds_of(record.get("timestamp"))
        if mine and at is not None and call.first_block_at is not None and at >= call.first_block_at - 0.0005:
            return number
    return None


@pytest.mark.parametrize("name", ["claude-code", "codex"])
def test_the_end_of_a_log_says_what_the_reader_says_later(name: str) -> None:
    """A log that is cut before a call's first line waits for that call: with its trigger, since its send time."""
    item = format_named(name)
    assert item.tail is not None
    found: Counter[bool] = Counter()
    for path in sorted((FIXTURES / name).glob("*/input/**/*.jsonl")):
        lines = path.read_bytes().splitlines(keepends=True)
        for call in item.calls(Source.from_path(path)):
            number = first_lines(lines, call)
            if number is None or "embedded" in call.flags or call.sent_at is None:
                continue
            cut = Source.from_bytes(b"".join(lines[:number]), str(path))
            mine = next((thread for thread in item.tail(cut) if thread.agent_id == call.agent_id), None)
            found[mine is not None and _same(mine, call)] += 1
    assert found[True] > 30
    assert found[False] <= 0.03 * found[True], found


def _same(found: Standing, call: Call) -> bool:
    since, sent = found.since, call.sent_at
    near = since is not None and sent is not None and abs(since - sent) < 0.3
    return found.state == "waiting" and found.trigger == call.trigger and near
