"""What is going on at the end of a Codex rollout."""

from __future__ import annotations

from typing import Final

from latprof.formats.base import Source
from latprof.formats.records import Record, dict_of, json_lines, seconds_of, text_of
from latprof.formats.standing import Standing, Thread

__all__ = ["standings"]

_STARTS: Final = frozenset({"task_started", "turn_started", "user_message"})
_ENDS: Final = frozenset({"task_complete", "turn_complete", "turn_aborted"})
_BLOCKS: Final = frozenset({"agent_message", "agent_reasoning", "reasoning", "web_search_call"})
_CALLS: Final = frozenset({"custom_tool_call", "function_call", "local_shell_call"})
_OUTPUTS: Final = frozenset({"custom_tool_call_output", "function_call_output"})


def standings(source: Source, name: str) -> tuple[Standing, ...]:
    """The state of the rollout's one thread, which has this name unless its header has another.

    Nothing where no line has an envelope.
    """
    thread = Thread()
    seen = False
    for _, record in json_lines(source, []):
        payload, kind = dict_of(record, "payload"), text_of(record, "type")
        at = seconds_of(record.get("timestamp"))
        if payload and kind and at is not None:
            seen = True
            _take(thread, kind, payload, at)
    thread.session_id = thread.session_id or name
    return (thread.standing(),) if seen else ()


def _take(thread: Thread, kind: str, payload: Record, at: float) -> None:
    if kind == "session_meta":
        _name(thread, payload)
    elif kind == "turn_context":
        thread.model = text_of(payload, "model") or thread.model
        thread.project = text_of(payload, "cwd") or thread.project
        thread.still_preparing(at)
    elif kind == "compacted" and not thread.waiting:
        thread.wait(at, "compaction")
    else:
        _item(thread, payload, at)


def _name(thread: Thread, payload: Record) -> None:
    """The first header names the thread; those of copied history come after it."""
    if thread.session_id:
        return
    own = text_of(payload, "id") or ""
    inside = dict_of(payload, "source").get("subagent")
    parent = text_of(payload, "parent_thread_id") or text_of(inside, "thread_spawn", "parent_thread_id")
    helper = bool(inside) or text_of(payload, "thread_source") == "subagent"
    thread.session_id = text_of(payload, "session_id") or (parent if helper else None) or own
    thread.agent_id = own if helper else None
    thread.project = text_of(payload, "cwd")


def _item(thread: Thread, payload: Record, at: float) -> None:
    kind = text_of(payload, "type") or ""
    if kind in _ENDS:
        thread.end(at)
    elif kind in _STARTS:
        thread.wait(at, "user" if thread.agent_id is None else "subagent")
    elif kind in _CALLS:
        thread.call_tool(text_of(payload, "call_id") or "", text_of(payload, "name") or "tool", at)
    elif kind in _OUTPUTS:
        thread.tool_result([text_of(payload, "call_id") or ""], at)
    elif kind in _BLOCKS or (kind == "message" and payload.get("role") == "assistant"):
        thread.block(at)
    elif kind == "message":
        thread.still_preparing(at)
