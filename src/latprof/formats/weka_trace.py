"""Traces of kv-cache-tester (Weka): one document per coding session, as a proxy saw its requests.

Replay tools read them too. Requests of sub-agents stand in the entry of their sub-agent.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import orjson

from latprof.formats.base import Format, Source
from latprof.formats.captures import AGENT, OBSERVES, Captured
from latprof.formats.records import Record, count_of, json_document, list_of, number_of, text_of
from latprof.model import Call, Problem

__all__ = ["FORMAT"]

_KEYS: Final = ("id", "models", "block_size", "requests")
_START: Final = re.compile(rb"\s*(?:\[\s*)?\{\s*\"")
# Sub-agents start sub-agents, but not without end.
_DEEPEST: Final = 8
_STEP_S: Final = 0.001


def _sniff(_: str, head: bytes) -> bool:
    text = head.removeprefix(b"\xef\xbb\xbf")
    if b'"block_size"' not in text or not _START.match(text):
        return False
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError:
        # Longer than what is looked at: a request holds hundreds of block ids.
        return all(b'"%s"' % name.encode() in text for name in (*_KEYS, "hash_ids", "t", "in", "out"))
    return any(_is_trace(item) for item in (document if isinstance(document, list) else [document]))


def _is_trace(item: object) -> bool:
    """Whether it is a trace with at least one request or sub-agent."""
    if not isinstance(item, dict) or not all(name in item for name in _KEYS):
        return False
    return any(isinstance(entry, dict) and "t" in entry and "type" in entry for entry in list_of(item, "requests"))


def _read(source: Source) -> Iterator[Call | Problem]:
    problems: list[Problem] = []
    document = json_document(source, problems)
    seen: set[str] = set()
    is_cut = any(problem.kind == "cut_document" for problem in problems)
    for trace in document if isinstance(document, list) else [document]:
        # Of a trace that is cut off before its second entry the first one may be there in part.
        if is_cut and len(list_of(trace, "requests")) < 2:
            continue
        for captured in _captured(trace, source, problems):
            call = captured.call()
            # The proxy noted some requests twice.
            if call.call_id not in seen:
                seen.add(call.call_id)
                yield call
    yield from problems


def _captured(trace: Any, source: Source, problems: list[Problem]) -> Iterator[Captured]:
    session = text_of(trace, "id")
    for request, agent_id, start, is_first in _requests(list_of(trace, "requests"), None, 0.0, 0):
        found = None if session is None else _one(request, session, agent_id, start, is_first=is_first)
        if found is None:
            problems.append(Problem("bad_record", source.path, None, "no request"))
        else:
            yield found


def _requests(
    entries: list[Any], agent_id: str | None, start: float, depth: int
) -> Iterator[tuple[Any, str | None, float, bool]]:
    """Each request with its sub-agent, what its time counts from, and whether it is the first of its thread."""
    number = 0
    for entry in entries:
        if text_of(entry, "type") != "subagent":
            yield entry, agent_id, start, number == 0
            number += 1
        elif depth < _DEEPEST:
            inner = list_of(entry, "requests")
            own = text_of(entry, "agent_id") or agent_id or "subagent"
            yield from _requests(inner, own, _zero(entry, inner, start), depth + 1)


def _zero(entry: Record, inner: list[Any], start: float) -> float:
    """What times inside a sub-agent count from: its own start, or in some sets the start of the session."""
    begun = (number_of(entry, "t") or 0.0) + start
    times = [at for request in inner if (at := number_of(request, "t")) is not None]
    return begun if times and min(times) < begun - _STEP_S else 0.0


def _one(request: Any, session: str, agent_id: str | None, start: float, *, is_first: bool) -> Captured | None:
    at, tokens = number_of(request, "t"), count_of(request, "in")
    if at is None or at < 0 or tokens is None or text_of(request, "type") not in {"n", "s"}:
        return None
    return Captured(
        session_id=session,
        agent_id=agent_id,
        is_first=is_first,
        sent_at=round(start + at, 3),
        model=text_of(request, "model"),
        input_tokens=tokens or None,
        output_tokens=count_of(request, "out"),
        wall_s=number_of(request, "api_time"),
        ttft_s=number_of(request, "ttft"),
        stop_reason=text_of(request, "stop"),
        input_types=[part for part in list_of(request, "input_types") if isinstance(part, str)],
        # Inside sub-agents every request is written down as of this type, streamed or not.
        non_streamed=agent_id is None and request["type"] == "n",
    )


FORMAT = Format(
    name="weka-trace",
    title="kv-cache-tester trace (Weka)",
    agent=AGENT,
    roots=(),
    env_roots={},
    suffixes=(".json",),
    observes=OBSERVES,
    marks=(b'"block_size"',),
    sniff=_sniff,
    read=_read,
    shape="document",
    evidence="real",
)
