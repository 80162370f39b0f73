"""Kimi CLI session records (`~/.kimi/sessions/*/*/wire.jsonl`), of the agent before Kimi Code.

Every line is stamped as it is written. Parts of an answer are merged and written when the next
kind of part begins, so the first stamp of a call is the end of its first part.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import field
from typing import Final

from latprof.classes import dataclass
from latprof.formats.base import Format, Source
from latprof.formats.records import Record, count_of, dict_of, json_lines, number_of, seconds_of, text_of
from latprof.formats.standing import Standing, Thread
from latprof.model import LONG_GAP_S, Block, BlockType, Call, Problem, Trigger

__all__ = ["FORMAT"]

_SNIFFED_LINES: Final = 30
_TYPES: Final = (
    rb"TurnBegin|TurnEnd|SteerInput|StepBegin|StepRetry|StepInterrupted|ContentPart|ToolCall|ToolCallPart|ToolResult|"
    rb"StatusUpdate|CompactionBegin|CompactionEnd|ApprovalRequest|ApprovalResponse|SubagentEvent"
)
_LINE: Final = re.compile(
    rb'\s*\{\s*"timestamp"\s*:\s*[\d.]+\s*,\s*"message"\s*:\s*\{\s*"type"\s*:\s*"(?:' + _TYPES + rb')"\s*,\s*"payload"'
)
_PLACE: Final = re.compile(
    r"(?P<session>[^/\\]+)(?:[/\\]subagents[/\\](?P<agent>[^/\\]+))?[/\\][^/\\]+$",
)
# Shorter ids are those of local servers, which count their answers.
_UNIQUE_LENGTH: Final = 20
_CLOCK_STEP_S: Final = -0.05


@dataclass(slots=True)
class _Thread:
    """One agent's steps while its events are read."""

    agent_id: str | None = None
    round: int | None = None
    sent_at: float | None = None
    sent_source: str | None = None
    trigger: Trigger = "unknown"
    trigger_at: float | None = None
    pending: tuple[Trigger, float | None] | None = None
    attempts: int | None = None
    failed: list[int] = field(default_factory=list)
    line: int | None = None
    blocks: list[Block] = field(default_factory=list)


@dataclass(slots=True)
class _Log:
    """What is known at some line of a file: its agents by their ids, its calls, its open tools."""

    path: str
    session_id: str
    agent_id: str | None
    threads: dict[str | None, _Thread] = field(default_factory=dict)
    calls: dict[str, Call] = field(default_factory=dict)
    tools: dict[str, Block] = field(default_factory=dict)

    def thread(self, agent_id: str | None) -> _Thread:
        return self.threads.setdefault(agent_id, _Thread(agent_id))


def _sniff(_: str, head: bytes) -> bool:
    """Told by content: a stamped message of a type that this agent has, with its payload."""
    return any(_LINE.match(raw) for raw in head.removeprefix(b"\xef\xbb\xbf").split(b"\n")[:_SNIFFED_LINES])


def _read(source: Source) -> Iterator[Call | Problem]:
    """Calls in the order in which they ended."""
    problems: list[Problem] = []
    log = _log(source)
    for number, record in json_lines(source, problems):
        at = seconds_of(number_of(record, "timestamp"), unit=1.0)
        yield from _take(log, log.thread(log.agent_id), dict_of(record, "message"), at, number)
    yield from log.calls.values()
    yield from problems


def _log(source: Source) -> _Log:
    place = _PLACE.search(source.path)
    return _Log(source.path, place["session"] if place else "", place["agent"] if place else None)


def _take(log: _Log, thread: _Thread, message: Record, at: float | None, number: int) -> Iterator[Problem]:
    kind, payload = text_of(message, "type"), dict_of(message, "payload")
    if kind in {"TurnBegin", "SteerInput"}:
        thread.pending = ("user", at)
    elif kind == "StepBegin":
        _begin(thread, count_of(payload, "n"), at, number)
    elif kind in {"CompactionEnd", "MCPLoadingEnd"}:
        # The request of the step waits for both.
        thread.sent_at = at
    elif kind == "StepRetry":
        _retry(thread, payload, at, number)
    elif kind == "StepInterrupted":
        yield from _interrupted(log, thread)
    elif kind == "StatusUpdate":
        _end(log, thread, payload, at)
    elif kind == "SubagentEvent":
        yield from _take_nested(log, payload, at, number)
    else:
        _take_part(log, thread, kind, payload, at)


def _take_nested(log: _Log, payload: Record, at: float | None, number: int) -> Iterator[Problem]:
    """An event of a sub-agent inside its parent's file; newer versions have a file of its own too."""
    owner, event = _owner(payload), dict_of(payload, "event")
    # Deeper nesting does not occur, and must not be followed without end.
    if text_of(event, "type") != "SubagentEvent":
        yield from _take(log, log.thread(owner), event, at, number)


def _owner(payload: Record) -> str:
    keys = ("agent_id", "parent_tool_call_id", "task_tool_call_id")
    return next((name for key in keys if (name := text_of(payload, key))), "sub")


def _begin(thread: _Thread, number: int | None, at: float | None, line: int) -> None:
    first: Trigger = "subagent" if thread.agent_id else "user"
    known = thread.pending
    if known is not None and known[0] == "user" and thread.agent_id and number == 1:
        known = ("subagent", known[1])
    fallback: Trigger = "unknown" if number is None else first if number == 1 else "tool_result"
    thread.trigger, thread.trigger_at = known or (fallback, None)
    thread.pending, thread.attempts, thread.failed, thread.blocks = None, None, [], []
    thread.round, thread.line = number, line
    thread.sent_at, thread.sent_source = at, "record_created"


def _retry(thread: _Thread, payload: Record, at: float | None, line: int) -> None:
    """What was written so far belongs to the failed attempt; the next begins after the stated wait."""
    wait_s = number_of(payload, "wait_s")
    thread.blocks = []
    thread.attempts = (thread.attempts or 1) + 1
    thread.failed.append(line)
    if at is not None:
        thread.sent_at, thread.sent_source = at + max(wait_s or 0.0, 0.0), "retry_adjusted"


def _interrupted(log: _Log, thread: _Thread) -> Iterator[Problem]:
    for line in thread.failed:
        yield Problem("failed_attempt", log.path, line)
    if thread.line is not None:
        yield Problem("request_without_response", log.path, thread.line)
    _close(thread)


def _close(thread: _Thread) -> None:
    thread.trigger, thread.trigger_at, thread.round, thread.line = "unknown", None, None, None
    thread.sent_at, thread.sent_source = None, None
    thread.attempts, thread.failed, thread.blocks = None, [], []


def _take_part(log: _Log, thread: _Thread, kind: str | None, payload: Record, at: float | None) -> None:
    if kind == "ContentPart":
        part = text_of(payload, "type")
        text = text_of(payload, "think") or text_of(payload, "text")
        name: BlockType = "thinking" if part == "think" else "text" if part == "text" else "other"
        thread.blocks.append(Block(name, end_at=at, characters=len(text) if text else None))
    elif kind == "ToolCall":
        block = Block("tool_use", end_at=at, name=text_of(payload, "function", "name"))
        thread.blocks.append(block)
        log.tools[text_of(payload, "id") or ""] = block
    elif kind == "ToolCallPart" and thread.blocks:
        # The rest of a tool call that was cut in two by something else.
        thread.blocks[-1].end_at = at
    elif kind == "ToolResult":
        done = log.tools.pop(text_of(payload, "tool_call_id") or "", None)
        if done is not None:
            done.result_at = at
        steered = thread.pending is not None and thread.pending[0] == "user"
        thread.pending = ("user" if steered else "tool_result", at)


def _end(log: _Log, thread: _Thread, payload: Record, at: float | None) -> None:
    usage = dict_of(payload, "token_usage")
    if not usage:
        return
    call = _call_of(log, thread, usage, at)
    call.message_id = message_id = text_of(payload, "message_id")
    call.request_id = message_id if len(message_id or "") >= _UNIQUE_LENGTH else None
    log.calls.setdefault(call.call_id, call)
    _close(thread)


def _call_of(log: _Log, thread: _Thread, usage: Record, at: float | None) -> Call:
    output = count_of(usage, "output") or None
    given = [count_of(usage, f"input_{name}") for name in ("other", "cache_read", "cache_creation")]
    return Call(
        agent="kimi-cli",
        session_id=log.session_id,
        agent_id=thread.agent_id,
        trigger=thread.trigger,
        trigger_at=thread.trigger_at,
        sent_at=thread.sent_at,
        sent_source=None if thread.sent_at is None else thread.sent_source or "record_created",
        last_output_at=at,
        last_output_source=None if at is None else "record_end",
        input_tokens=sum(part or 0 for part in given) if given[0] is not None else None,
        cache_read_tokens=None if given[0] is None else given[1],
        cache_write_tokens=None if given[0] is None else given[2],
        output_tokens=output,
        output_tokens_source="usage" if output else None,
        # Early versions repeat requests without a line, so one attempt is never certain.
        attempts=thread.attempts,
        flags=_flags_of(thread, at),
        blocks=tuple(thread.blocks),
    )


def _flags_of(thread: _Thread, at: float | None) -> tuple[str, ...]:
    span = None if at is None or thread.sent_at is None else at - thread.sent_at
    known = {
        "retried": thread.attempts is not None,
        "sidechain": thread.agent_id is not None,
        "clock_step": span is not None and span < _CLOCK_STEP_S,
        "suspended": span is not None and span > LONG_GAP_S,
    }
    return tuple(flag for flag, holds in known.items() if holds)


def _standings(source: Source) -> tuple[Standing, ...]:
    """The state of each agent of a file, its own first."""
    log = _log(source)
    threads: dict[str | None, Thread] = {}
    for _, record in json_lines(source, []):
        at = seconds_of(number_of(record, "timestamp"), unit=1.0)
        message, agent_id = dict_of(record, "message"), log.agent_id
        if text_of(message, "type") == "SubagentEvent":
            agent_id = _owner(dict_of(message, "payload"))
            message = dict_of(message, "payload", "event")
        if agent_id not in threads:
            threads[agent_id] = Thread(log.session_id, agent_id)
        _take_in(threads[agent_id], message, at)
    return tuple(thread.standing() for _, thread in sorted(threads.items(), key=lambda item: item[0] != log.agent_id))


def _take_in(thread: Thread, message: Record, at: float | None) -> None:
    kind, payload = text_of(message, "type"), dict_of(message, "payload")
    if kind in {"TurnBegin", "SteerInput"}:
        if thread.state == "tools":
            thread.steer()
        else:
            thread.wait(at, "user" if thread.agent_id is None else "subagent")
    elif kind == "StepBegin":
        if not thread.waiting:
            first = count_of(payload, "n") == 1
            thread.wait(at, "tool_result" if not first else "user" if thread.agent_id is None else "subagent")
        thread.still_preparing(at)
    elif kind in {"CompactionEnd", "MCPLoadingEnd"}:
        thread.still_preparing(at)
    elif kind == "StepRetry":
        wait_s = number_of(payload, "wait_s") or 0.0
        if not thread.waiting:  # what was written of the answer is void
            thread.wait(at, thread.trigger)
        thread.attempt_failed(None if at is None else at + max(wait_s, 0.0))
    elif kind in {"TurnEnd", "StepInterrupted"}:
        thread.end(at)
    else:
        _take_answer(thread, kind, payload, at)


def _take_answer(thread: Thread, kind: str | None, payload: Record, at: float | None) -> None:
    if kind == "ContentPart":
        thread.block(at)
    elif kind == "ToolCall":
        thread.call_tool(text_of(payload, "id") or "", text_of(payload, "function", "name") or "tool", at)
    elif kind == "ToolResult":
        thread.tool_result([text_of(payload, "tool_call_id") or ""], at)
    elif kind == "StatusUpdate" and dict_of(payload, "token_usage") and thread.state == "answering":
        # The answer is complete and called no tool.
        thread.end(at)


FORMAT = Format(
    name="kimi-cli",
    title="Kimi CLI",
    agent="kimi-cli",
    roots=("~/.kimi/sessions/*/*/wire.jsonl", "~/.kimi/sessions/*/*/subagents/*/wire.jsonl"),
    env_roots={"KIMI_SHARE_DIR": "sessions"},
    suffixes=(".jsonl",),
    observes={
        "first_block_s": "bound",
        "wall_s": "bound",
        "wall_tps": "bound",
        "as_logged_ttft_s": "as_logged",
        "as_logged_decode_tps": "as_logged",
        "output_tokens": "exact",
        "input_tokens": "exact",
        "cache_read_tokens": "exact",
        "cache_write_tokens": "exact",
        "cache_hit_share": "exact",
        "tool_s": "bound",
        "attempts": "bound",
    },
    marks=(b'"payload"',),
    sniff=_sniff,
    read=_read,
    tail=_standings,
    since={"output_tokens": "0.66", "attempts": "1.42"},
)
