"""Crush's database (`<project>/.crush/crush.db`).

Stamps are whole seconds and tokens are kept for sessions only, so calls have coarse upper bounds
and no speeds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import field
from typing import Any, Final

from latprof.classes import dataclass
from latprof.formats.base import SQLITE_MAGIC, Format, Source
from latprof.formats.database import Row, rows
from latprof.formats.providers import provider_of
from latprof.formats.records import Record, dict_of, loads_leniently, seconds_of, text_of
from latprof.model import FLAGS, LONG_GAP_S, Block, BlockType, Call, Problem, Trigger

__all__ = ["FORMAT"]

_TABLES: Final = {
    "sessions": ("id", "parent_session_id"),
    "messages": (
        "id", "session_id", "role", "parts", "model", "provider", "is_summary_message", "created_at", "finished_at",
    ),
}  # fmt: skip
_OWN: Final = {
    "sessions": (b"parent_session_id", b"message_count", b"completion_tokens"),
    "messages": (b"session_id", b"parts", b"finished_at"),
}
_BLOCKS: Final[dict[str, BlockType]] = {"reasoning": "thinking", "text": "text", "tool_call": "tool_use"}
_CUT: Final = frozenset({"canceled", "error"})
_TITLE: Final = "title-"
_DEPTH: Final = 50
_WHOLE_SECONDS: Final = 1e11


def _sniff(_: str, head: bytes) -> bool:
    """Told by the tables of the database and their columns."""
    return head.startswith(SQLITE_MAGIC) and all(_has(head, table, columns) for table, columns in _OWN.items())


def _has(head: bytes, table: str, columns: tuple[bytes, ...]) -> bool:
    match = re.search(rb'CREATE TABLE [`"]?' + table.encode() + rb'[`"]?\s*\((.*?)(?=CREATE |\Z)', head, re.DOTALL)
    return match is not None and all(column in match[1] for column in columns)


@dataclass(slots=True)
class _Message:
    """A row with its parts decoded."""

    row: Row
    parts: list[Record]

    @property
    def role(self) -> str:
        return text_of(self.row, "role") or ""

    @property
    def at(self) -> float | None:
        return seconds_of(self.row["created_at"])

    def of(self, kind: str) -> list[Record]:
        """What the parts of one kind hold."""
        return [dict_of(part, "data") for part in self.parts if part.get("type") == kind]


@dataclass(slots=True)
class _Thread:
    """A session on the way through its messages."""

    path: str
    id: str
    root: str
    helper: bool
    results: dict[str, float] = field(default_factory=dict)
    trigger: Trigger = "unknown"
    trigger_at: float | None = None
    answers: int = 0


def _read(source: Source) -> Iterator[Call | Problem]:
    problems: list[Problem] = []
    parents: dict[str, str | None] = {}
    talks: dict[str, list[_Message]] = {}
    seen: set[str] = set()
    for table, row in rows(source, problems, dict(_TABLES)):
        identity = text_of(row, "id")
        if identity is None:
            problems.append(Problem("bad_record", source.path, None, "not a record"))
        elif table == "sessions":
            parents[identity] = text_of(row, "parent_session_id")
        elif identity not in seen:
            seen.add(identity)
            parts = _parts(row)
            if parts is None:
                problems.append(Problem("bad_record", source.path, None, "not JSON"))
            else:
                talks.setdefault(text_of(row, "session_id") or "", []).append(_Message(row, parts))
    yield from problems
    for session, talk in talks.items():
        root = _root(session, parents)
        yield from _calls(_Thread(source.path, session, root, parents.get(session) is not None), talk)


def _parts(row: Row) -> list[Record] | None:
    """The row's parts; None when they cannot be read."""
    text = row["parts"]
    try:
        parts = loads_leniently(text.encode("utf-8", "replace") if isinstance(text, str) else text or b"[]")
    except (ValueError, AttributeError, TypeError):
        return None
    return [part for part in parts if isinstance(part, dict)] if isinstance(parts, list) else None


def _root(session: str, parents: dict[str, str | None]) -> str:
    """The session that a person began."""
    for _ in range(_DEPTH):
        parent = parents.get(session)
        if parent is None:
            break
        session = parent
    return session


def _calls(thread: _Thread, talk: list[_Message]) -> Iterator[Call | Problem]:
    """Rows share seconds, so their order within one is the order of writing."""
    talk.sort(key=lambda message: message.at or 0.0)
    for message in talk:
        for result in message.of("tool_result"):
            name = text_of(result, "tool_call_id")
            if name and message.at is not None:
                thread.results.setdefault(name, message.at)
    for message in talk:
        if message.role == "assistant":
            yield _answer(thread, message)
            thread.answers += 1
            thread.trigger, thread.trigger_at = "unknown", None
        elif message.role in {"tool", "user"}:
            thread.trigger = "tool_result" if message.role == "tool" else "user"
            thread.trigger_at = message.at


def _answer(thread: _Thread, message: _Message) -> Call | Problem:
    finish = next(iter(message.of("finish")), {})
    reason = text_of(finish, "reason")
    blocks = tuple(_blocks(message, thread.results))
    cut = reason is None or reason in _CUT
    if cut and not blocks:
        return Problem("failed_attempt" if reason == "error" else "request_without_response", thread.path)
    identity = text_of(message.row, "id")
    call = Call(
        agent="crush",
        session_id=thread.root,
        message_id=identity,
        # The row's id is unique, and the stamps of one second are not.
        request_id=identity,
        agent_id=thread.id if thread.helper else None,
        provider=provider_of(text_of(message.row, "provider")),
        model=text_of(message.row, "model"),
        trigger=_trigger(thread, message),
        trigger_at=thread.trigger_at,
        stop_reason=reason,
        attempts=None,
        blocks=blocks,
    )
    _set_instants(call, message, finish)
    call.flags = _flags(thread, message, call, cut=cut)
    return call


def _trigger(thread: _Thread, message: _Message) -> Trigger:
    if message.row["is_summary_message"] == 1:
        return "compaction"
    if thread.helper and thread.answers == 0 and not thread.id.startswith(_TITLE):
        return "subagent"
    return thread.trigger


def _blocks(message: _Message, results: dict[str, float]) -> Iterator[Block]:
    for part in message.parts:
        kind = _BLOCKS.get(text_of(part, "type") or "")
        data = dict_of(part, "data")
        text = text_of(data, "thinking" if kind == "thinking" else "input" if kind == "tool_use" else "text")
        if kind is None or (kind != "tool_use" and text is None):
            continue
        yield Block(
            type=kind,
            start_at=_stamp(data.get("started_at")) if kind == "thinking" else None,
            end_at=_stamp(data.get("finished_at")) if kind == "thinking" else None,
            characters=None if text is None else len(text),
            name=text_of(data, "name") if kind == "tool_use" else None,
            result_at=results.get(text_of(data, "id") or ""),
        )


def _stamp(value: Any) -> float | None:
    return seconds_of(value) if value else None


def _set_instants(call: Call, message: _Message, finish: Record) -> None:
    """The row is made just before the request; the finish is written after the step, its tools included."""
    call.sent_at = message.at
    call.sent_source = None if call.sent_at is None else "record_created"
    call.first_output_at = call.blocks[0].start_at if call.blocks else None
    call.first_output_source = None if call.first_output_at is None else "first_shown"
    if finish:
        call.last_output_at = _stamp(finish.get("time")) or _stamp(message.row["finished_at"])
    if call.last_output_at is not None:
        tools = any(block.type == "tool_use" for block in call.blocks)
        call.last_output_source = "after_tools" if tools else "record_written"


def _flags(thread: _Thread, message: _Message, call: Call, *, cut: bool) -> tuple[str, ...]:
    known = [at for at in (call.sent_at, call.first_output_at, call.last_output_at) if at is not None]
    created = message.row["created_at"]
    found = {
        "interrupted": cut,
        "sidechain": thread.helper and not thread.id.startswith(_TITLE),
        "side_call": thread.id.startswith(_TITLE),
        "clock_step": known != sorted(known),
        "suspended": bool(known) and known[-1] - known[0] > LONG_GAP_S,
        "whole_seconds": not isinstance(created, int | float) or created < _WHOLE_SECONDS,
    }
    return tuple(name for name in FLAGS if found.get(name))


FORMAT = Format(
    name="crush",
    title="Crush",
    agent="crush",
    roots=("~/.crush/crush.db", "~/*/.crush/crush.db", "~/*/*/.crush/crush.db"),
    env_roots={},
    suffixes=(".db",),
    observes={
        "first_block_s": "bound",
        "wall_s": "bound",
        "as_logged_ttft_s": "as_logged",
    },
    marks=(SQLITE_MAGIC,),
    sniff=_sniff,
    read=_read,
    shape="database",
)
