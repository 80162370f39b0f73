"""Sessions of Cline's agent kit (`<id>.messages.json`; its CLI, VS Code from 4.0, desktop).

One document a session. An answer is stamped when its stream has ended, a tool result when its
tool has ended; the first token is in none of these files.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import field
from typing import Any, Final

from latprof.classes import dataclass
from latprof.formats.base import Format, Source
from latprof.formats.providers import provider_of
from latprof.formats.records import Record, count_of, dict_of, json_document, list_of, seconds_of, text_of
from latprof.model import FLAGS, LONG_GAP_S, Block, BlockType, Call, Problem, Trigger

__all__ = ["FORMAT"]

_AGENTS: Final = re.compile(rb'"agent"\s*:\s*"(?:lead|subagent|teammate)"')
_HEAD_KEYS: Final = (b'"version"', b'"updated_at"', b'"sessionId"')
_SUFFIX: Final = ".messages.json"
_CLOCK_TOLERANCE_S: Final = 0.05
_BLOCKS: Final[dict[str, BlockType]] = {"text": "text", "thinking": "thinking", "tool_use": "tool_use"}


def _sniff(path: str, head: bytes) -> bool:
    """Told by the keys before the messages; the copies that a compaction leaves beside them hold no calls."""
    keys, messages, _ = head.removeprefix(b"\xef\xbb\xbf").lstrip().partition(b'"messages"')
    if not messages or not keys.startswith(b"{") or path.endswith(".compaction.json"):
        return False
    return all(key in keys for key in _HEAD_KEYS) and _AGENTS.search(keys) is not None


@dataclass(slots=True)
class _Session:
    """What holds for all calls of a file."""

    session_id: str
    agent: str
    version: str | None
    project: str | None
    shared_stamps: frozenset[float]


@dataclass(slots=True)
class _Turn:
    """The messages since the last answer: what the next answer replies to."""

    at: float | None = None
    trigger: Trigger = "unknown"
    calls: int = 0
    seen: set[str] = field(default_factory=set)

    def take(self, message: Record) -> None:
        """A prompt or a tool's result; the last one led to the call."""
        self.at = _at(message)
        self.trigger = "tool_result" if _has(message, "tool_result") else "user"
        if text_of(message, "metadata", "kind") in {"compaction", "compaction_summary"}:
            self.at = None  # keeps the stamp of the message that it stands for

    def answered(self, *, cut: bool) -> None:
        """What follows an answer without a new message is its repetition, known only when it was cut."""
        self.at = None
        self.trigger = "retry" if cut else "unknown"
        self.calls += 1


def _read(source: Source) -> Iterator[Call | Problem]:
    problems: list[Problem] = []
    document = json_document(source, problems)
    yield from problems
    messages = list_of(document, "messages")
    session = _session(source, document, messages)
    results = _results(messages)
    turn = _Turn()
    for message in messages:
        role = text_of(message, "role")
        if role == "user":
            turn.take(message)
        elif role == "assistant":
            yield from _answer(source, session, turn, message, results)
        else:
            yield Problem("bad_record", source.path, None, "not a message")


def _session(source: Source, document: Any, messages: list[Any]) -> _Session:
    stamps = Counter(_at(message) for message in messages if text_of(message, "role") == "assistant")
    return _Session(
        session_id=text_of(document, "sessionId") or "",
        agent=text_of(document, "agent") or "lead",
        version=text_of(document, "origin", "version"),
        project=_project(source),
        shared_stamps=frozenset(at for at, number in stamps.items() if at is not None and number > 1),
    )


def _project(source: Source) -> str | None:
    """The working folder, from the session's description beside the messages."""
    if not source.name.endswith(_SUFFIX):
        return None
    beside = source.beside(source.name.removesuffix(_SUFFIX) + ".json")
    return None if beside is None else text_of(json_document(beside, []), "cwd")


def _answer(
    source: Source, session: _Session, turn: _Turn, message: Record, results: dict[str, float]
) -> Iterator[Call | Problem]:
    if dict_of(message, "metadata").get("displayOnly"):
        return  # a note for the person, no answer of the model
    if "compaction" in dict_of(message, "metadata"):
        turn.answered(cut=False)
        return
    identity = text_of(message, "id") or ""
    if identity in turn.seen:
        return
    if identity:
        turn.seen.add(identity)
    # Usage is written for whole answers only; an answer whose tools ran was whole all the same.
    cut = not dict_of(message, "metrics") and not any(_result_of(block, results) for block in _content(message))
    if _at(message) is None:
        yield Problem("no_time", source.path)
    yield _call(session, turn, message, results, cut=cut)
    turn.answered(cut=cut)


def _call(session: _Session, turn: _Turn, message: Record, results: dict[str, float], *, cut: bool) -> Call:
    helper = session.agent != "lead"
    first = turn.calls == 0 and not helper
    call = Call(
        agent="cline",
        session_id=session.session_id,
        message_id=text_of(message, "id"),
        agent_version=session.version,
        agent_id=session.session_id if helper else None,
        provider=provider_of(text_of(message, "modelInfo", "provider")),
        model=text_of(message, "modelInfo", "id"),
        project=session.project,
        trigger="subagent" if helper and turn.calls == 0 else turn.trigger,
        trigger_at=turn.at,
        sent_at=turn.at,
        sent_source=None if turn.at is None else "trigger_line",
        last_output_at=_at(message),
        attempts=None,
        blocks=tuple(_blocks(message, results)),
    )
    if call.last_output_at is not None:
        # In recordings the first answer of a process was stamped up to 0.1 s late, the others at once.
        call.last_output_source = "record_written" if first else "record_end"
    if not cut:
        _set_tokens(call, dict_of(message, "metrics"))
    call.flags = _flags(session, call, cut=cut, first=first, helper=helper)
    return call


def _set_tokens(call: Call, metrics: Record) -> None:
    call.output_tokens = count_of(metrics, "outputTokens") or None
    call.output_tokens_source = "usage" if call.output_tokens else None
    call.input_tokens = count_of(metrics, "inputTokens")
    call.cache_read_tokens = count_of(metrics, "cacheReadTokens")
    call.cache_write_tokens = count_of(metrics, "cacheWriteTokens")
    cached = (call.cache_read_tokens or 0) + (call.cache_write_tokens or 0)
    if call.input_tokens is not None and cached > call.input_tokens:
        call.input_tokens = None  # counted without the cached part, in a way that is not known


def _flags(session: _Session, call: Call, *, cut: bool, first: bool, helper: bool) -> tuple[str, ...]:
    found = {"interrupted": cut, "first_of_process": first, "sidechain": helper}
    found["timestamp_unreliable"] = call.last_output_at in session.shared_stamps
    if call.sent_at is not None and call.last_output_at is not None:
        span = call.last_output_at - call.sent_at
        found["clock_step"] = span < -_CLOCK_TOLERANCE_S
        found["suspended"] = span > LONG_GAP_S
    return tuple(name for name in FLAGS if found.get(name))


def _blocks(message: Record, results: dict[str, float]) -> Iterator[Block]:
    for block in _content(message):
        kind = _BLOCKS.get(text_of(block, "type") or "", "other")
        text = text_of(block, kind) if kind != "tool_use" else None
        yield Block(
            type=kind,
            characters=None if text is None else len(text),
            name=text_of(block, "name") if kind == "tool_use" else None,
            result_at=_result_of(block, results),
        )


def _results(messages: list[Any]) -> dict[str, float]:
    """Id of a tool call -> when its result was written."""
    found: dict[str, float] = {}
    for message in messages:
        at = _at(message)
        for block in _content(message):
            name = text_of(block, "tool_use_id")
            if name and at is not None and text_of(block, "type") == "tool_result":
                found.setdefault(name, at)
    return found


def _result_of(block: Any, results: dict[str, float]) -> float | None:
    return results.get(text_of(block, "id") or "") if text_of(block, "type") == "tool_use" else None


def _content(message: Any) -> list[Any]:
    return list_of(message, "content")


def _has(message: Record, kind: str) -> bool:
    return any(text_of(block, "type") == kind for block in _content(message))


def _at(message: Any) -> float | None:
    """Epoch ms; what is smaller counts something else and is no time."""
    return seconds_of(message.get("ts"), unit=0.001) if isinstance(message, dict) else None


FORMAT = Format(
    name="cline-sdk",
    title="Cline 4, Cline CLI",
    agent="cline",
    roots=("~/.cline/data/sessions",),
    env_roots={"CLINE_SESSION_DATA_DIR": "", "CLINE_DATA_DIR": "sessions", "CLINE_DIR": "data/sessions"},
    suffixes=(_SUFFIX,),
    observes={
        "wall_s": "bound",
        "wall_tps": "bound",
        "input_tokens": "exact",
        "cache_read_tokens": "exact",
        "cache_write_tokens": "exact",
        "cache_hit_share": "exact",
        "output_tokens": "exact",
    },
    marks=(b'"updated_at"',),
    sniff=_sniff,
    read=_read,
    shape="document",
    evidence="recorded",
)
