"""Aider's log of events (`--analytics-log`): one event a line, each with a whole second."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import orjson

from latprof.formats.base import Format, Source
from latprof.formats.exports import gap_flags, in_order
from latprof.formats.providers import provider_of
from latprof.formats.records import Record, count_of, dict_of, json_lines, seconds_of, text_of
from latprof.model import Call, Problem

__all__ = ["FORMAT"]

_KEYS: Final = frozenset({"event", "properties", "user_id", "time"})
_SNIFFED_LINES: Final = 20


def _sniff(_: str, head: bytes) -> bool:
    if b'"user_id"' not in head or b'"properties"' not in head:
        return False
    lines = head.removeprefix(b"\xef\xbb\xbf").split(b"\n")[:_SNIFFED_LINES]
    return any(map(_is_own, lines))


def _is_own(line: bytes) -> bool:
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError:
        return False
    return (
        isinstance(record, dict)
        and record.keys() == _KEYS
        and isinstance(record["event"], str)
        and isinstance(record["time"], int)
        and isinstance(record["properties"], dict)
    )


def _read(source: Source) -> Iterator[Call | Problem]:
    """Calls in the order of their ends; a start belongs to the next end of the same user."""
    problems: list[Problem] = []
    starts: dict[str, tuple[int, float | None]] = {}
    seen: set[str] = set()
    for line, record in json_lines(source, problems):
        user, event = text_of(record, "user_id") or "", text_of(record, "event")
        at = seconds_of(record.get("time"), unit=1.0)
        if event == "message_send_starting":
            if user in starts:
                yield Problem("request_without_response", source.path, starts[user][0])
            starts[user] = (line, at)
        elif event == "message_send_exception":
            starts.pop(user, None)
            yield Problem("failed_attempt", source.path, line)
        elif event == "message_send" and at is None:
            yield Problem("no_time", source.path, line)
        elif event == "message_send":
            _, sent_at = starts.pop(user, (line, None))
            call = _call(user, dict_of(record, "properties"), sent_at, at)
            if call.call_id not in seen:
                seen.add(call.call_id)
                yield call
    yield from problems


def _call(user: str, properties: Record, sent_at: float | None, end_at: float | None) -> Call:
    model = text_of(properties, "main_model")
    prompt, output = count_of(properties, "prompt_tokens"), count_of(properties, "completion_tokens") or None
    return Call(
        agent="aider",
        session_id=user,
        message_id=f"{user}:{prompt or ''}:{output or ''}",
        agent_version=text_of(properties, "aider_version"),
        provider=provider_of((model or "").partition("/")[0]),
        model=model,
        requested_model=model,
        sent_at=sent_at,
        sent_source=None if sent_at is None else "request_sent_wall",
        last_output_at=end_at,
        last_output_source=None if end_at is None else "record_written",
        input_tokens=prompt or None,
        output_tokens=output,
        output_tokens_source=None if output is None else "counted",
        attempts=None,
        flags=in_order({"whole_seconds"} | gap_flags(sent_at, end_at)),
    )


FORMAT = Format(
    name="aider-analytics",
    title="Aider analytics log",
    agent="aider",
    roots=(),
    env_roots={},
    suffixes=(".jsonl",),
    observes={
        "wall_s": "bound",
        "wall_tps": "bound",
        "input_tokens": "exact",
        "output_tokens": "exact",
    },
    marks=(b'"user_id"',),
    sniff=_sniff,
    read=_read,
)
