"""What is going on in one session of OpenCode or a fork."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from latprof.formats.opencode.parts import Message, Part, Session, in_order
from latprof.formats.records import dict_of, text_of
from latprof.formats.standing import Standing, Thread

__all__ = ["standing_of"]

_MACHINE_MADE: Final = frozenset({"compaction", "subtask"})
_MORE_COMES: Final = "tool-calls"


def standing_of(session: Session, messages: Iterable[Message]) -> Standing | None:
    """The state after the last message: each part of an answer has a row from its beginning on."""
    thread = Thread(
        session.root_id or session.id,
        session.id if session.parent_id else None,
        session.directory,
        first_line="ttft_s",
    )
    ordered = in_order(messages)
    answers = 0
    for message in ordered:
        if message.role == "user":
            _prompt(thread, message)
        elif message.role == "assistant":
            if session.parent_id and not answers:
                thread.wait(message.created_at, "subagent")
            _answer(thread, message)
            answers += 1
    if not ordered:
        return None
    return replace(thread.standing(), changed_at=_changed_at(ordered[-1]))


def _prompt(thread: Thread, message: Message) -> None:
    own = [part for part in message.parts if part.data.get("synthetic") or part.type in _MACHINE_MADE]
    thread.wait(message.created_at, "notification" if own and len(own) == len(message.parts) else "user")


def _answer(thread: Thread, message: Message) -> None:
    thread.model = text_of(message.data, "modelID") or thread.model
    thread.project = text_of(message.data, "path", "cwd") or thread.project
    if message.data.get("summary") is True:
        thread.wait(message.created_at, "compaction")
    elif not thread.waiting:
        thread.wait(message.created_at, "tool_result" if thread.state == "tools" else "unknown")
    thread.still_preparing(message.created_at)
    for part in message.parts:
        _take(thread, part, message)
    if message.completed_at is not None or dict_of(message.data, "error"):
        if text_of(message.data, "finish") == _MORE_COMES and not dict_of(message.data, "error"):
            thread.wait(message.completed_at, "tool_result")
        else:
            thread.end(message.completed_at)


def _take(thread: Thread, part: Part, message: Message) -> None:
    if part.type == "retry":
        thread.attempt_failed(part.time("time", "created"))
    elif part.type in {"reasoning", "text"} and not part.data.get("synthetic"):
        thread.block(part.at(message) or part.time("time", "start"))
    elif part.type == "tool":
        _take_tool(thread, part, message)


def _take_tool(thread: Thread, part: Part, message: Message) -> None:
    status = text_of(part.data, "state", "status")
    if status == "pending":  # its arguments are still coming
        thread.block(part.at(message))
        return
    thread.call_tool(part.id, text_of(part.data, "tool") or "tool", part.time("state", "time", "start"))
    if status != "running":
        thread.tool_result([part.id], part.time("state", "time", "end"))


def _changed_at(message: Message) -> float | None:
    """The latest time that the message or one of its parts shows."""
    times = [message.created_at, message.completed_at]
    for part in message.parts:
        times += [part.at(message), *(part.time(*keys, name) for keys in (("time",), ("state", "time"))
                                      for name in ("start", "end", "created"))]  # fmt: skip
    return max((at for at in times if at is not None), default=None)
