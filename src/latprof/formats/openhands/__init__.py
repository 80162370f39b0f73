"""OpenHands: conversations, event folders, evaluation results, completion logs.

A run is spread over many small files. The one that stands for it is claimed: the state of a
conversation, the first event of a folder, a file of results, or the log of one completion.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePath
from typing import Any, Final

from latprof.formats.base import Format, Source
from latprof.formats.openhands.completion import read_completion
from latprof.formats.openhands.timeline import Run, calls_of, steps_of
from latprof.formats.records import Record, dict_of, json_document, json_lines, list_of, text_of
from latprof.model import Call, Problem

__all__ = ["FORMAT"]

_BOM: Final = b"\xef\xbb\xbf"
# The beginning of each kind of file; what follows may be longer than what is looked at.
_EVENT: Final = rb'\{\s*"id":\s*%s,\s*"timestamp":\s*"[^"]*",\s*"source":\s*"(?:agent|user|environment)"'
_FIRST_EVENT: Final = re.compile(rb"\s*" + _EVENT % b"0")
_EXPORT: Final = re.compile(rb'\s*(?:\{\s*"trajectory":\s*)?\[\s*\[?\s*' + _EVENT % rb"\d+")
_RESULT: Final = re.compile(
    rb'\s*\{\s*"instance_id":\s*"[^"]*",\s*(?:"attempt":\s*\d+,\s*)?"test_result":|\s*\{\s*"issue":\s*\{'
)
_COMPLETION: Final = re.compile(rb'\s*\{\s*"messages":\s*\[')
_COMPLETION_NAME: Final = re.compile(r"-\d{10}(?:\.\d+)?(?:-[0-9a-f]{4})?(?:-error)?\.json$")
_EVENT_NAME: Final = re.compile(r"\d+\.json$")


def _sniff(path: str, head: bytes) -> bool:
    """By the beginning; where that is common, by the name or by keys that only this agent writes."""
    name = PurePath(path.replace("\\", "/")).name
    start = head.removeprefix(_BOM)
    if _RESULT.match(start):
        return b'"test_result"' in start or b'"issue_type"' in start
    if _EXPORT.match(start):
        return b'"action"' in start or b'"observation"' in start
    if _FIRST_EVENT.match(start):
        return name == "0.json"
    if _COMPLETION.match(start):
        return _is_completion(name, start)
    state = b'"usage_to_metrics"' in start or (b'"persistence_dir"' in start and b'"execution_status"' in start)
    return name == "base_state.json" and start.lstrip().startswith(b"{") and state


def _is_completion(name: str, start: bytes) -> bool:
    if b'"latency_sec"' in start and b'"cost"' in start:
        return True
    return b'"role"' in start and _COMPLETION_NAME.search(name) is not None


def _read(source: Source) -> Iterator[Call | Problem]:
    problems: list[Problem] = []
    if _holds_results(source):
        seen: set[str] = set()
        for _, record in json_lines(source, problems):
            for call in _result_calls(record):
                if call.call_id not in seen:
                    yield call
                seen.add(call.call_id)
        yield from problems
        return
    document = json_document(source, problems)
    yield from _document(source, document, problems)
    yield from problems


def _holds_results(source: Source) -> bool:
    """One result a line; the others are documents."""
    try:
        return _RESULT.match(source.head().removeprefix(_BOM)) is not None
    except Exception:  # noqa: BLE001 - whatever is wrong is told when the whole file is read
        return False


def _document(source: Source, document: Any, problems: list[Problem]) -> Iterator[Call | Problem]:
    if isinstance(document, list):
        yield from calls_of(steps_of(document), Run())
    elif not isinstance(document, dict):
        return
    elif "trajectory" in document:
        yield from calls_of(steps_of(list_of(document, "trajectory")), Run())
    elif "messages" in document:
        yield from read_completion(source, document)
    elif "source" in document:
        yield from _folder_calls(source, document, problems)
    else:
        yield from _conversation_calls(source, document, problems)


def _result_calls(record: Record) -> Iterator[Call]:
    """One task of an evaluation: its events and its metrics."""
    run = Run(
        session_id=text_of(record, "instance_id") or "",
        model=text_of(record, "metadata", "llm_config", "model") or text_of(record, "metadata", "llm", "model"),
    )
    run.take(dict_of(record, "metrics"))
    yield from calls_of(steps_of(list_of(record, "history")), run)


def _folder_calls(source: Source, first: Record, problems: list[Problem]) -> Iterator[Call]:
    """A folder with one event a file, in the order of their numbers."""
    names = [name for name in source.names_beside(".") if _EVENT_NAME.fullmatch(name) and name != source.name]
    events = [first, *_events_beside(source, sorted(names, key=_number), problems)]
    folder = PurePath(source.path.replace("\\", "/")).parent
    yield from calls_of(steps_of(events), Run(session_id=folder.parent.name if folder.name == "events" else ""))


def _number(name: str) -> int:
    return int(name.removesuffix(".json")[:18])


def _conversation_calls(source: Source, state: Record, problems: list[Problem]) -> Iterator[Call]:
    """A conversation: its state with the metrics, its events in a folder beside it."""
    run = Run(
        session_id=text_of(state, "id") or "",
        project=text_of(state, "workspace", "working_dir"),
        model=text_of(state, "agent", "llm", "model"),
    )
    for purpose, metrics in dict_of(state, "stats", "usage_to_metrics").items():
        if isinstance(metrics, dict):
            run.take(metrics, purpose)
    names = [f"events/{name}" for name in source.names_beside("events") if name.endswith(".json")]
    yield from calls_of(steps_of(list(_events_beside(source, names, problems))), run)


def _events_beside(source: Source, names: list[str], problems: list[Problem]) -> Iterator[Any]:
    for name in names:
        beside = source.beside(name)
        if beside is not None:
            yield json_document(beside, problems)


FORMAT = Format(
    name="openhands",
    title="OpenHands",
    agent="openhands",
    roots=("~/.openhands/conversations", "~/.openhands/sessions", "~/.openhands-state/sessions"),
    env_roots={},
    suffixes=(".json", ".jsonl"),
    observes={
        "wall_s": "exact or bound",
        "wall_tps": "exact or bound",
        "input_tokens": "exact",
        "cache_read_tokens": "exact",
        "cache_write_tokens": "exact",
        "cache_hit_share": "exact",
        "output_tokens": "exact",
        "reasoning_tokens": "exact",
    },
    marks=(
        b'"latency_sec"',
        b'"persistence_dir"',
        b'"role"',
        b'"source"',
        b'"test_result"',
        b'"issue_type"',
        b'"usage_to_metrics"',
    ),
    sniff=_sniff,
    read=_read,
    shape="document",
    evidence="real",
)
