"""Factory Droid's sessions (`~/.factory/sessions/**/*.jsonl`): one message a line, stamped when it was added.

A message of the assistant is one call. Tokens are counted for the whole session only, in the
settings beside it, so no call has any.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import field
from typing import Any, Final

import orjson

from latprof.classes import dataclass
from latprof.formats.base import Format, Source
from latprof.formats.exports import gap_flags, in_order
from latprof.formats.providers import provider_of
from latprof.formats.records import Record, dict_of, json_document, json_lines, list_of, seconds_of, text_of
from latprof.formats.standing import Standing, Thread
from latprof.model import Block, BlockType, Call, Problem, Trigger

__all__ = ["FORMAT"]

_NAME_END: Final = re.compile(r"\.jsonl(\.gz|\.zst)?$")
_MESSAGE_KEYS: Final = frozenset({"id", "timestamp", "message", "parentId"})
_PLAIN_KEYS: Final = frozenset({"role", "content", "model"})
_SNIFFED_LINES: Final = 20
_SUBAGENT: Final = "# Task Tool Invocation"
_BLOCKS: Final[dict[str, BlockType]] = {"text": "text", "thinking": "thinking", "tool_use": "tool_use"}


@dataclass(slots=True)
class _Session:
    """What a session's first line and its settings say of all its calls."""

    own: str
    start: Record
    settings: Record

    @property
    def sub_agent(self) -> bool:
        titles = (text_of(self.start, key) or "" for key in ("title", "sessionTitle"))
        return any(title.startswith(_SUBAGENT) for title in titles)


@dataclass(slots=True)
class _Answer:
    """A message of the assistant and the user's message before it."""

    line: int
    record: Record
    cause: Record
    first: bool
    results: dict[str, float | None] = field(default_factory=dict)


def _sniff(_: str, head: bytes) -> bool:
    lines = head.removeprefix(b"\xef\xbb\xbf").split(b"\n")[:_SNIFFED_LINES]
    return any(_is_own(line) for line in lines if line.startswith(b"{"))


def _is_own(line: bytes) -> bool:
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError:
        return False
    if not isinstance(record, dict):
        return False
    if record.get("type") == "session_start":
        return {"id", "title"} <= record.keys() and ("owner" in record or "cwd" in record)
    # Others write messages in such lines too, with a time or a count of tokens inside.
    plain = dict_of(record, "message").keys() <= _PLAIN_KEYS and _role(record) in {"user", "assistant"}
    return record.get("type") == "message" and record.keys() >= _MESSAGE_KEYS and plain


def _role(record: Record) -> str | None:
    return text_of(record, "message", "role")


def _read(source: Source) -> Iterator[Call | Problem]:
    """Calls in the order of the file."""
    problems: list[Problem] = []
    answers: list[_Answer] = []
    start: Record = {}
    cause: Record = {}
    seen: set[str] = set()
    for line, record in json_lines(source, problems):
        kind = record.get("type")
        if kind == "session_start" and not start:
            start = record
        own = text_of(record, "id") or ""
        if kind != "message" or (own and own in seen):
            continue
        seen.add(own)
        if _role(record) == "user":
            cause = record
            _note_results(answers, record)
        elif _role(record) == "assistant":
            answers.append(_Answer(line, record, cause, first=not answers))
            # A second answer in a row was not led to by what the first one answered.
            cause = {}
    session = _session(source, start)
    for answer in answers:
        if _at(answer.record) is None:
            problems.append(Problem("no_time", source.path, answer.line))
        else:
            yield _call(session, answer)
    yield from problems


def _session(source: Source, start: Record) -> _Session:
    return _Session(text_of(start, "id") or _NAME_END.sub("", source.name), start, _settings(source))


def _note_results(answers: list[_Answer], record: Record) -> None:
    for part in list_of(record, "message", "content"):
        own = text_of(part, "tool_use_id")
        if own and answers:
            answers[-1].results[own] = _at(record)


def _at(record: Record) -> float | None:
    return seconds_of(record.get("timestamp"))


def _settings(source: Source) -> Record:
    beside = source.beside(_NAME_END.sub("", source.name) + ".settings.json")
    return {} if beside is None else dict_of({"": json_document(beside, [])}, "")


def _call(session: _Session, answer: _Answer) -> Call:
    sent_at, end_at = _at(answer.cause), _at(answer.record)
    flags = gap_flags(sent_at, end_at) | ({"sidechain"} if session.sub_agent else set())
    return Call(
        agent="droid",
        session_id=session.own,
        message_id=text_of(answer.record, "id"),
        agent_version=text_of(session.start, "version"),
        agent_id=session.own if session.sub_agent else None,
        provider=provider_of(text_of(session.settings, "providerLock")),
        model=text_of(answer.record, "message", "model") or text_of(session.settings, "model"),
        project=text_of(session.start, "cwd"),
        effort=text_of(session.settings, "reasoningEffort"),
        trigger=_trigger(session, answer),
        trigger_at=sent_at,
        sent_at=sent_at,
        sent_source=None if sent_at is None else "trigger_line",
        last_output_at=end_at,
        last_output_source="record_written",
        attempts=None,
        flags=in_order(flags),
        blocks=tuple(_blocks(answer)),
    )


def _trigger(session: _Session, answer: _Answer) -> Trigger:
    if not answer.cause:
        return "unknown"
    content: Any = dict_of(answer.cause, "message").get("content")
    if any(text_of(part, "type") == "tool_result" for part in (content if isinstance(content, list) else [])):
        return "tool_result"
    return "subagent" if session.sub_agent and answer.first else "user"


def _blocks(answer: _Answer) -> Iterator[Block]:
    """What the answer is made of; its parts have no times of their own."""
    for part in list_of(answer.record, "message", "content"):
        kind = _BLOCKS.get(text_of(part, "type") or "")
        if kind == "tool_use":
            yield Block(kind, name=text_of(part, "name"), result_at=answer.results.get(text_of(part, "id") or ""))
        elif kind is not None:
            text = dict_of(part).get(kind)
            yield Block(kind, characters=len(text) if isinstance(text, str) else None)


def _standings(source: Source) -> tuple[Standing, ...]:
    """The state of the session: each message is written as a whole when it is complete."""
    records = [record for _, record in json_lines(source, [])]
    session = _session(source, next((item for item in records if item.get("type") == "session_start"), {}))
    agent_id = session.own if session.sub_agent else None
    thread = Thread(session.own, agent_id, text_of(session.start, "cwd"), first_line="wall_s")
    seen: set[str] = set()
    for place, record in enumerate(item for item in records if item.get("type") == "message"):
        own = text_of(record, "id") or f"message {place}"
        if own not in seen:
            _take_in(thread, record, first=not seen)
        seen.add(own)
    thread.model = thread.model or text_of(session.settings, "model")
    return (thread.standing(),) if seen else ()


def _take_in(thread: Thread, record: Record, *, first: bool) -> None:
    at, parts = _at(record), list_of(record, "message", "content")
    if _role(record) == "assistant":
        thread.model = text_of(record, "message", "model") or thread.model
        tools = [part for part in parts if text_of(part, "type") == "tool_use"]
        thread.answer([(text_of(part, "id") or "", text_of(part, "name") or "tool") for part in tools], at)
    elif _role(record) == "user":
        results = [text_of(part, "tool_use_id") or "" for part in parts if text_of(part, "type") == "tool_result"]
        if results:
            thread.tool_result(results, at)
        else:
            thread.wait(at, "subagent" if first and thread.agent_id is not None else "user")


FORMAT = Format(
    name="droid",
    title="Factory Droid",
    agent="droid",
    roots=("~/.factory/sessions",),
    env_roots={"FACTORY_HOME": "sessions", "DROID_SESSIONS_DIR": "."},
    suffixes=(".jsonl",),
    observes={"wall_s": "bound"},
    marks=(b'"parentId"', b'"session_start"'),
    sniff=_sniff,
    read=_read,
    tail=_standings,
)
