"""What is going on at the end of a Claude Code transcript.

The order of lines decides, not the chain of parents that calls are paired by: a thread's last line that means
something says what comes next.
"""

from __future__ import annotations

import re
from typing import Any, Final

from latprof.formats.base import Source
from latprof.formats.records import Record, dict_of, json_lines, list_of, number_of, seconds_of, text_of
from latprof.formats.standing import Standing, Thread
from latprof.model import Trigger

__all__ = ["standings"]

_AGENT_FILE: Final = re.compile(r"^agent-(?P<id>[^.]+)\.jsonl")
_INTERRUPT: Final = "[Request interrupted by user"
_STOP_HOOK: Final = "Stop hook feedback"
_CUT_NOTE: Final = "Your response above was cut off mid-stream"
_NOTICES: Final = ("<task-notification", "<teammate-message")
# Written by commands that the agent runs itself: no request follows.
_LOCAL: Final = ("<local-command-stdout", "<local-command-stderr", "<bash-input", "<bash-stdout", "<bash-stderr")
_TURN_ENDS: Final = frozenset({"away_summary", "stop_hook_summary", "turn_duration"})
_MORE_COMES: Final = frozenset({None, "pause_turn", "tool_use"})
_PREPARING: Final = frozenset({"api-request", "attachment", "progress"})


def standings(source: Source) -> tuple[Standing, ...]:
    """The state of each thread of a transcript, the main one first."""
    match = _AGENT_FILE.match(source.name)
    of_file = match["id"] if match else None
    threads: dict[str | None, Thread] = {}
    for _, record in json_lines(source, []):
        agent_id = text_of(record, "agentId") or of_file
        if agent_id is None and record.get("isSidechain") is True:
            agent_id = "(sub-agent)"
        if record.get("type") in _KINDS:
            _take(threads.setdefault(agent_id, Thread(agent_id=agent_id)), record)
    ordered = sorted(threads.items(), key=lambda item: item[0] is not None)
    return tuple(thread.standing() for _, thread in ordered)


def _take(thread: Thread, record: Record) -> None:
    thread.session_id = text_of(record, "sessionId") or thread.session_id
    thread.project = text_of(record, "cwd") or thread.project
    kind = str(record.get("type"))
    _KINDS[kind](thread, record, seconds_of(record.get("timestamp")))


def _preparing(thread: Thread, _: Record, at: float | None) -> None:
    thread.still_preparing(at)


def _system(thread: Thread, record: Record, at: float | None) -> None:
    subtype = text_of(record, "subtype")
    if subtype in _TURN_ENDS:
        thread.end(at)
    elif subtype == "api_error":
        wait_ms = number_of(record, "retryInMs") or 0.0
        thread.attempt_failed(None if at is None else at + max(wait_ms, 0.0) / 1000)


def _assistant(thread: Thread, record: Record, at: float | None) -> None:
    model = text_of(record, "message", "model")
    if model == "<synthetic>" or record.get("isApiErrorMessage") is True:
        thread.end(at)
        return
    thread.model = model or thread.model
    thread.respond(text_of(record, "message", "id"))
    tools = [block for block in list_of(record, "message", "content") if _is(block, "tool_use")]
    for block in tools:
        thread.call_tool(text_of(block, "id") or "", text_of(block, "name") or "tool", at)
    if not tools:
        thread.block(at)
        if text_of(record, "message", "stop_reason") not in _MORE_COMES:
            thread.end(at)


def _user(thread: Thread, record: Record, at: float | None) -> None:
    results = [block for block in list_of(record, "message", "content") if _is(block, "tool_result")]
    text = _words(record)
    if text.startswith((_INTERRUPT, *_LOCAL)):
        thread.end(at)
    elif results:
        thread.tool_result([text_of(block, "tool_use_id") or "" for block in results], at)
    elif record.get("isMeta") is True and not text.startswith((_STOP_HOOK, _CUT_NOTE)):
        thread.still_preparing(at)
    else:
        thread.wait(at, _trigger(thread, record, text))


def _trigger(thread: Thread, record: Record, text: str) -> Trigger:
    if text.startswith(_CUT_NOTE):
        return "retry"
    if record.get("isCompactSummary") is True:
        return "compaction"
    if text.startswith((_STOP_HOOK, *_NOTICES)) or dict_of(record, "origin").get("kind") == "task-notification":
        return "notification"
    if thread.agent_id is None:
        return "user"
    return "subagent" if text_of(record, "parentUuid") is None else "notification"


def _words(record: Record) -> str:
    """The beginning of what the line says, to tell kinds of lines apart."""
    content = dict_of(record, "message").get("content")
    if isinstance(content, str):
        return content
    texts = (text_of(block, "text") for block in list_of(record, "message", "content") if _is(block, "text"))
    return next((text for text in texts if text), "")


def _is(block: Any, kind: str) -> bool:
    return isinstance(block, dict) and block.get("type") == kind


_KINDS: Final = {
    "assistant": _assistant,
    "system": _system,
    "user": _user,
    **dict.fromkeys(_PREPARING, _preparing),
}
