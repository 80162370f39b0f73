"""Chats as Gemini CLI records them, and Qwen Code did at first: one list of messages -> calls.

A message of the model is stamped when its stream ends. The request before it leaves when the
prompt, or the results of the tools, are recorded. The first token is nowhere; in early versions
the first summary of thoughts has the time of its own arrival.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import field
from itertools import pairwise
from typing import Final

from latprof.classes import dataclass
from latprof.formats.records import Record, count_of, dict_of, list_of, seconds_of, text_of
from latprof.formats.standing import Standing, Thread
from latprof.model import LONG_GAP_S, Block, Call, Trigger

__all__ = ["Chat", "calls_of", "head_of", "standings_of"]

# Batches of tools of one message that lie further apart belong to replies that were merged into it.
_MERGED_S: Final = 1.0
# A message without text that is stamped so close to its tools' end was made for the tools, not by the stream.
_WITH_TOOLS_S: Final = 0.05
# Thoughts this close to the end were held back until then.
_HELD_BACK_S: Final = 0.02
_CLOCK_STEP_S: Final = -0.05
_UUID: Final = re.compile(r"[/\\](?P<id>[0-9a-f]{8}-[0-9a-f]{4}-[^/\\]{22,24})[/\\][^/\\]+$")


@dataclass(slots=True)
class Chat:
    """A session's head and its messages: each id once, at its first place, in its last form.

    `early`: made by a version that may stamp a reply of tools when these have run, and that
    merges some replies.
    """

    agent: str
    provider: str | None
    path: str
    early: bool = False
    head: Record = field(default_factory=dict)
    messages: dict[str, Record] = field(default_factory=dict)

    def add(self, message: object) -> None:
        """Take a message; what is none, or has no id, is left out."""
        name = text_of(message, "id")
        if name is None or not isinstance(message, dict):
            return
        known = self.messages.get(name)
        # A copy that lost its tools or tokens, as a rewound history has, does not replace the fuller one.
        if known is None or _fullness(message) >= _fullness(known):
            self.messages[name] = message


def _fullness(message: Record) -> tuple[bool, int]:
    return bool(dict_of(message, "tokens")), len(list_of(message, "toolCalls"))


def head_of(chat: Chat, record: Record) -> None:
    """Take the session's head from a record that has one; its messages are taken one by one."""
    if not chat.head and text_of(record, "sessionId"):
        chat.head = {key: value for key, value in record.items() if key != "messages"}


@dataclass(slots=True)
class _Before:
    """What stands before a message of the model: who led to it, and when its request left."""

    trigger: Trigger = "unknown"
    at: float | None = None


def calls_of(chat: Chat) -> Iterator[Call]:
    """A call for each message of the model, and for each reply that was merged into another's message."""
    before = _Before()
    with_tools = _stamped_with_tools(chat)
    first = True
    for message in chat.messages.values():
        kind, at = text_of(message, "type"), seconds_of(message.get("timestamp"))
        if kind == "user":
            before = _Before("tool_result" if _has_results(message) else "user", at)
        elif kind in {"gemini", "qwen"}:
            batches = _batches(message)
            if text_of(message, "model") or dict_of(message, "tokens"):
                yield _call_of(chat, message, before, with_tools=with_tools, first=first)
                yield from _merged_calls(chat, message, batches) if chat.early else ()
                first = False
            before = _Before("tool_result", batches[-1]) if batches else _Before("unknown", None)


def standings_of(chat: Chat) -> tuple[Standing, ...]:
    """The state at the end of the chat.

    A message of the model is recorded when it is complete, its tools when all of them are done: a tool that runs
    looks like a turn that ended.
    """
    thread = Thread(first_line="wall_s")
    for number, message in enumerate(chat.messages.values()):
        kind, at = text_of(message, "type"), seconds_of(message.get("timestamp"))
        if kind == "user":
            first: Trigger = "subagent" if number == 0 and text_of(chat.head, "kind") == "subagent" else "user"
            thread.wait(at, "tool_result" if _has_results(message) else first)
        elif kind == "error":
            thread.end(at)
        elif kind in {"gemini", "qwen"}:
            thread.model = text_of(message, "model") or thread.model
            batches = _batches(message)
            if not batches:
                thread.untold(at)
            elif all(text_of(tool, "status") == "cancelled" for tool in _tools(message)):
                thread.end(batches[-1])
            else:
                thread.wait(batches[-1], "tool_result")
    if not chat.messages or not chat.head:
        return ()
    place = _plain_call(chat, {})
    thread.session_id, thread.agent_id, thread.project = place.session_id, place.agent_id, place.project
    return (thread.standing(),)


def _has_results(message: Record) -> bool:
    return any(isinstance(part, dict) and "functionResponse" in part for part in list_of(message, "content"))


def _batches(message: Record) -> list[float]:
    """When the results of each batch of tools were recorded: all of a batch at once, at its end."""
    batches: list[float] = []
    for at in sorted(at for tool in _tools(message) if (at := seconds_of(tool.get("timestamp"))) is not None):
        if batches and at - batches[-1] <= _MERGED_S:
            batches[-1] = at
        else:
            batches.append(at)
    return batches


def _tools(message: Record) -> list[Record]:
    return [tool for tool in list_of(message, "toolCalls") if isinstance(tool, dict)]


def _stamped_with_tools(chat: Chat) -> bool:
    """Whether the version stamps replies without text as their tools end: then none of them is earlier."""
    if not chat.early:
        return False
    gaps = []
    for message in chat.messages.values():
        at, batches = seconds_of(message.get("timestamp")), _batches(message)
        if at is not None and batches and not message.get("content"):
            gaps.append(batches[0] - at)
    return all(gap < _WITH_TOOLS_S for gap in gaps)


def _call_of(chat: Chat, message: Record, before: _Before, *, with_tools: bool, first: bool) -> Call:
    end_at = seconds_of(message.get("timestamp"))
    # Without text and without tokens nothing ended the stream; without text, old versions stamp at the tools' end.
    late = with_tools and not message.get("content") and bool(_batches(message))
    source = "after_tools" if late else "record_written" if first else "record_end"
    call = _plain_call(chat, message)
    call.trigger, call.trigger_at, call.sent_at = before.trigger, before.at, before.at
    call.sent_source = None if before.at is None else "api_request_line"
    if first and call.agent_id:
        call.trigger = "subagent"
    call.last_output_at, call.last_output_source = end_at, None if end_at is None else source
    thought_at = _first_thought(message, before.at, end_at)
    call.first_output_at, call.first_output_source = thought_at, None if thought_at is None else "first_thought"
    _take_tokens(call, dict_of(message, "tokens"))
    call.blocks = tuple(_blocks(chat, message, call))
    call.flags = _flags_of(call, message, first=first)
    return call


def _plain_call(chat: Chat, message: Record) -> Call:
    sub = text_of(chat.head, "kind") == "subagent"
    name = text_of(chat.head, "sessionId")
    parent = _UUID.search(chat.path) if sub else None
    return Call(
        agent=chat.agent,
        session_id=(parent["id"] if parent else name) or "",
        message_id=text_of(message, "id"),
        agent_id=name if sub else None,
        provider=chat.provider,
        model=text_of(message, "model"),
        project=next((place for place in list_of(chat.head, "directories") if isinstance(place, str)), None),
        # Failed attempts are neither counted nor dated.
        attempts=None,
    )


def _merged_calls(chat: Chat, message: Record, batches: list[float]) -> Iterator[Call]:
    """Replies of tools only, whose tokens are lost: each was asked for as the batch before it was done."""
    for number, (sent_at, end_at) in enumerate(pairwise(batches), start=2):
        call = _plain_call(chat, message)
        call.message_id = f"{call.message_id}-{number}"
        call.trigger, call.trigger_at, call.sent_at, call.sent_source = (
            "tool_result",
            sent_at,
            sent_at,
            "api_request_line",
        )
        call.last_output_at, call.last_output_source = end_at, "after_tools"
        call.flags = ("sidechain",) if call.agent_id else ()
        yield call


def _first_thought(message: Record, sent_at: float | None, end_at: float | None) -> float | None:
    stamps = [seconds_of(dict_of({"": thought}, "").get("timestamp")) for thought in list_of(message, "thoughts")]
    first = min((at for at in stamps if at is not None), default=None)
    if first is None or end_at is None or end_at - first < _HELD_BACK_S:
        return None
    # Thoughts of an earlier reply may lie in the queue until this one is recorded.
    return first if sent_at is None or first >= sent_at else None


def _take_tokens(call: Call, tokens: Record) -> None:
    counts = {key: count_of(tokens, key) for key in ("input", "output", "cached", "thoughts", "tool", "total")}
    seen, thoughts = counts["output"] or 0, counts["thoughts"] or 0
    known = [counts[key] for key in ("input", "tool") if counts[key] is not None]
    if seen + thoughts == 0:
        return
    # Most services count thoughts beside the output, some as part of it: the total tells.
    apart = counts["total"] != sum(count or 0 for count in known) + seen
    call.output_tokens = seen + thoughts if apart else seen
    call.output_tokens_source = "usage"
    call.reasoning_tokens = None if counts["thoughts"] is None else min(thoughts, call.output_tokens)
    call.input_tokens = sum(count or 0 for count in known) if counts["input"] is not None else None
    call.cache_read_tokens = counts["cached"]


def _blocks(chat: Chat, message: Record, call: Call) -> Iterator[Block]:
    if call.reasoning_tokens or list_of(message, "thoughts"):
        yield Block("thinking", tokens=call.reasoning_tokens)
    content = message.get("content")
    if isinstance(content, str) and content:
        yield Block("text", characters=len(content))
    batches = _batches(message)
    for tool in _tools(message):
        at = seconds_of(tool.get("timestamp"))
        if at is None or not chat.early or at <= batches[0]:
            yield Block("tool_use", name=text_of(tool, "name"), result_at=at)


def _flags_of(call: Call, message: Record, *, first: bool) -> tuple[str, ...]:
    span = None
    if call.sent_at is not None and call.last_output_at is not None:
        span = call.last_output_at - call.sent_at
    known = {
        # A stream that broke off is recorded like a good one, without tokens.
        "interrupted": call.output_tokens is None and not _tools(message),
        "sidechain": call.agent_id is not None,
        "clock_step": span is not None and span < _CLOCK_STEP_S,
        "suspended": span is not None and span > LONG_GAP_S,
        "first_of_process": first,
    }
    return tuple(flag for flag, holds in known.items() if holds)
