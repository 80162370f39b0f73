"""Mistral Vibe's sessions (`session_*/meta.json`): messages without times, and the last call's duration.

A session thus shows one call, its last one. The messages beside it are recognised and hold nothing
that could be used.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import orjson

from latprof.formats.base import Format, Source
from latprof.formats.exports import shapes
from latprof.formats.records import Record, count_of, dict_of, json_document, number_of, text_of
from latprof.model import Call, Problem

__all__ = ["FORMAT"]

_META: Final = frozenset({"session_id", "stats"})
_STATS: Final = frozenset({"session_prompt_tokens", "session_completion_tokens"})
_MESSAGE: Final = frozenset(
    {
        "content", "images", "injected", "message_id", "name", "reasoning_content", "reasoning_message_id",
        "reasoning_signature", "reasoning_state", "role", "tool_call_id", "tool_calls",
    }
)  # fmt: skip
_ROLES: Final = frozenset({"assistant", "system", "tool", "user"})


def _sniff(_: str, head: bytes) -> bool:
    if b'"session_prompt_tokens"' in head:
        found = shapes(head)
        return any(names >= _META for names in found) and any(names >= _STATS for names in found)
    return _is_messages(head)


def _is_messages(head: bytes) -> bool:
    """Whether the first line is a message as this agent writes it: with an id, and never with a time."""
    if b'"message_id"' not in head:
        return False
    try:
        record = orjson.loads(head.removeprefix(b"\xef\xbb\xbf").split(b"\n", 1)[0])
    except orjson.JSONDecodeError:
        return False
    return (
        isinstance(record, dict)
        and record.get("role") in _ROLES
        and {"role", "message_id"} <= record.keys() <= _MESSAGE
        and ("content" in record or "tool_calls" in record)
    )


def _read(source: Source) -> Iterator[Call | Problem]:
    """The last call of a session; nothing from a file of messages."""
    try:
        if _is_messages(source.head()):
            return
    except Exception as error:  # noqa: BLE001 - any decompressor may fail in its own way on bad bytes
        yield Problem("unreadable", source.path, None, type(error).__name__)
        return
    problems: list[Problem] = []
    document = json_document(source, problems)
    yield from problems
    stats = dict_of(document, "stats")
    duration_s = number_of(stats, "last_turn_duration")
    if duration_s is not None and duration_s > 0 and not problems:
        yield _call(document, stats, duration_s)


def _call(document: Record, stats: Record, duration_s: float) -> Call:
    session = text_of(document, "session_id") or ""
    output = count_of(stats, "last_turn_completion_tokens") or None
    return Call(
        agent="mistral-vibe",
        session_id=session,
        # The file is written anew after each step, so a copy of it shows the same call only at the same step.
        message_id=f"{session}:{count_of(stats, 'steps') or ''}:{count_of(stats, 'session_completion_tokens') or ''}",
        model=text_of(document, "config", "active_model"),
        project=text_of(document, "environment", "working_directory"),
        sent_at=0.0,
        sent_source="duration",
        last_output_at=duration_s,
        last_output_source="record_end",
        input_tokens=count_of(stats, "last_turn_prompt_tokens") or None,
        output_tokens=output,
        output_tokens_source=None if output is None else "usage",
        attempts=None,
        flags=("no_date",),
    )


FORMAT = Format(
    name="mistral-vibe",
    title="Mistral Vibe",
    agent="mistral-vibe",
    roots=("~/.vibe/logs/session",),
    env_roots={"VIBE_HOME": "logs/session"},
    suffixes=(".json", ".jsonl"),
    observes={
        "wall_s": "exact",
        "wall_tps": "exact",
        "input_tokens": "exact",
        "output_tokens": "exact",
    },
    marks=(b'"message_id"', b'"session_prompt_tokens"'),
    sniff=_sniff,
    read=_read,
    shape="document",
)
