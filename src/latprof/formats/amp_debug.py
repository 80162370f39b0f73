"""Amp's debug log (`amp --log-level debug --log-file FILE`): lines of JSON, one of them after each call.

That line states how long the inference took and how many tokens it gave. It names neither the
thread nor the message, so its calls cannot be joined with those of the thread's own file.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import orjson

from latprof.formats.base import Format, Source
from latprof.formats.records import Record, count_of, json_lines, number_of, seconds_of, text_of
from latprof.model import Call, Problem

__all__ = ["FORMAT"]

_OWN_KEYS: Final = ("inferenceDuration", "tokensPerSecond")
_FIRST_MESSAGE: Final = "Starting Amp CLI."


def _sniff(_: str, head: bytes) -> bool:
    return any(_is_own(raw) for raw in head.removeprefix(b"\xef\xbb\xbf").split(b"\n"))


def _is_own(raw: bytes) -> bool:
    try:
        record = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return False
    if not isinstance(record, dict) or "level" not in record:
        return False
    # Other logs may hold the words deeper down.
    return record.get("message") == _FIRST_MESSAGE or all(key in record for key in _OWN_KEYS)


def _read(source: Source) -> Iterator[Call | Problem]:
    """A call for each line that states a duration; the model is the one that was last chosen."""
    problems: list[Problem] = []
    model: str | None = None
    seen: set[str] = set()
    for number, record in json_lines(source, problems):
        model = text_of(record, "model") or model
        duration = number_of(record, "inferenceDuration")
        if duration is None or duration <= 0:
            continue
        end_at = seconds_of(record.get("timestamp"))
        if end_at is None:
            problems.append(Problem("no_time", source.path, number))
            continue
        call = _call(record, model, end_at, duration)
        if call.call_id not in seen:
            seen.add(call.call_id)
            yield call
    yield from problems


def _call(record: Record, model: str | None, end_at: float, duration: float) -> Call:
    output = count_of(record, "outputTokens") or None
    return Call(
        agent="amp",
        session_id="",
        # Without an id the end and the count tell two calls apart, in every copy of the log alike.
        message_id=f"{round(end_at * 1000)}-{output or ''}",
        requested_model=model,
        sent_at=end_at - duration,
        sent_source="duration",
        last_output_at=end_at,
        last_output_source="record_written",
        output_tokens=output,
        output_tokens_source="usage" if output else None,
        attempts=None,
    )


FORMAT = Format(
    name="amp-debug",
    title="Amp debug log",
    agent="amp",
    roots=(),
    env_roots={},
    suffixes=(".log", ".jsonl"),
    observes={"wall_s": "bound", "wall_tps": "bound", "output_tokens": "exact"},
    marks=(b"Starting Amp CLI.", b'"inferenceDuration"'),
    sniff=_sniff,
    read=_read,
)
