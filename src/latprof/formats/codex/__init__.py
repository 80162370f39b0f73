"""Codex rollout files (`~/.codex/sessions/**/rollout-*.jsonl`, and the same packed with zstd).

A line is stamped as it is written, so an item's line is its end. Up to 0.106 the request itself
has a line; threads in pages (0.169) add the start of reasoning and of messages.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import orjson

from latprof.formats.base import Format, Source
from latprof.formats.codex.drafts import Owner
from latprof.formats.codex.origin import Origin
from latprof.formats.codex.tail import standings
from latprof.formats.codex.thread import Thread
from latprof.formats.records import Record, json_lines, seconds_of, text_of
from latprof.formats.standing import Standing
from latprof.model import Call, Problem

__all__ = ["FORMAT"]

_TYPES: Final = frozenset(
    {
        "compacted", "event_msg", "inter_agent_communication", "response_item", "session_meta",
        "token_usage_record", "turn_context", "world_state",
    }
)  # fmt: skip
_THREAD_ID: Final = re.compile(r"rollout-.*?([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})", re.IGNORECASE)
_LONG_LINE: Final = re.compile(
    rb'^\{"timestamp":"[^"]{10,40}",(?:"ordinal":\d+,)?"type":"(?:session_meta|response_item|event_msg|compacted)",'
    rb'"payload":\{'
)
_OLD_DOCUMENT: Final = re.compile(rb'^\s*\{\s*"session"\s*:\s*\{[^{}]{0,400}"instructions"')
_OLD_KEYS: Final = frozenset({"id", "timestamp", "instructions", "git"})
_SNIFFED_LINES: Final = 20
_NO_TIMES: Final = "written by a version from before September 2025, whose lines have no times"


def _sniff(_: str, head: bytes) -> bool:
    """Told by the envelope of the lines, or by the bare header of old versions."""
    text = head.removeprefix(b"\xef\xbb\xbf")
    lines = text.split(b"\n")
    if any(_is_own(raw) for raw in lines[:_SNIFFED_LINES]):
        return True
    return bool(_LONG_LINE.match(lines[-1])) or _is_old(lines[0]) or _is_old_document(text)


def _is_own(raw: bytes) -> bool:
    record = _record(raw)
    return _in_envelope(record) and isinstance(record.get("timestamp"), str)


def _record(raw: bytes) -> Record:
    try:
        record = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return {}
    return record if isinstance(record, dict) else {}


def _in_envelope(record: Record) -> bool:
    return text_of(record, "type") in _TYPES and isinstance(record.get("payload"), dict)


def _is_old(raw: bytes) -> bool:
    """The header of a version whose lines have no times."""
    record = _record(raw)
    return "instructions" in record and {"id", "timestamp"} <= record.keys() <= _OLD_KEYS


def _is_old_document(text: bytes) -> bool:
    return bool(_OLD_DOCUMENT.match(text)) and b'"items"' in text


def _read(source: Source) -> Iterator[Call | Problem]:
    """Calls of one thread in the order of their ends; bad lines become problems."""
    problems: list[Problem] = []
    name = _thread_id(source.name)
    thread = Thread(source.path, Origin(Owner(session_id=name), thread_id=name), problems)
    untimed = timed = 0
    for number, record in json_lines(source, problems):
        if not _in_envelope(record):
            untimed += 1
            continue
        timed += 1
        at = seconds_of(record.get("timestamp"))
        if at is None:
            problems.append(Problem("no_time", source.path, number))
        else:
            thread.take(number, record, at)
    if untimed and not timed:
        problems = [Problem("no_call_times", source.path, None, _NO_TIMES)]
    yield from problems
    yield from _once(thread)


def _standings(source: Source) -> tuple[Standing, ...]:
    return standings(source, _thread_id(source.name))


def _once(thread: Thread) -> Iterator[Call]:
    seen: set[str] = set()
    for draft in thread.drafts:
        call = draft.call()
        if call.call_id not in seen:
            seen.add(call.call_id)
            yield call


def _thread_id(name: str) -> str:
    """The thread in the file's name, for slices that lack its header."""
    found = _THREAD_ID.match(name)
    return found[1].lower() if found else ""


FORMAT = Format(
    name="codex",
    title="Codex",
    agent="codex",
    roots=("~/.codex/sessions", "~/.codex/archived_sessions"),
    env_roots={"CODEX_HOME": "*sessions"},
    suffixes=(".jsonl", ".json"),
    observes={
        "first_block_s": "bound",
        "wall_s": "bound",
        "wall_tps": "bound",
        "decode_tps": "exact",
        "as_logged_ttft_s": "as_logged",
        "as_logged_decode_tps": "as_logged",
        "input_tokens": "exact",
        "cache_read_tokens": "exact",
        "cache_write_tokens": "exact",
        "output_tokens": "exact",
        "reasoning_tokens": "exact",
        "cache_hit_share": "exact",
        "tool_s": "bound",
        "attempts": "bound",
    },
    marks=(b'"instructions"', b'"payload"'),
    sniff=_sniff,
    read=_read,
    shape="document",
    evidence="recorded",
    since={"decode_tps": "0.125", "cache_write_tokens": "0.144"},
    tail=_standings,
)
