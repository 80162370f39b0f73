"""Telemetry files of Gemini CLI and Qwen Code: dumps of the SDK's own objects, one after the other.

Not OTLP: pretty-printed spans, log records and metrics share the file, times are pairs of seconds
and nanoseconds, attributes are plain objects. What the records mean is the same, so the calls are
made by the rules for OTLP.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final

from latprof.formats.base import Format, Source
from latprof.formats.otlp.calls import calls_of
from latprof.formats.otlp.telemetry import Event, Span, Telemetry
from latprof.formats.records import Record, dict_of, list_of, number_of, seconds_of, text_of, whole_text
from latprof.model import Call, Problem

__all__ = ["FORMAT"]

_START: Final = re.compile(rb'\s*\{\s*"')
_SCOPE: Final = re.compile(rb'"instrumentation(Scope|Library)"')
_TIMES: Final = re.compile(rb'"(_?hrTime|startTime)"\s*:\s*\[')
# A list of pairs in newer SDKs, an object in older ones.
_OWN_SERVICES: Final = re.compile(rb'"service\.name"\s*[,:]\s*"(gemini-cli|qwen-code)"')
# Each object begins at the start of a line, and nothing inside it does.
_NEXT_OBJECT: Final = re.compile(r"^\{", re.MULTILINE)
_ANY_OBJECT: Final = re.compile(r"\{")
_ERROR_STATUS: Final = 2


def _sniff(_: str, head: bytes) -> bool:
    """The SDK's own names, and one of the two services that write such files."""
    start = head.removeprefix(b"\xef\xbb\xbf")
    inside = all(sign.search(start) is not None for sign in (_OWN_SERVICES, _SCOPE, _TIMES))
    return inside and _START.match(start) is not None


def _read(source: Source) -> Iterator[Call | Problem]:
    problems: list[Problem] = []
    telemetry = Telemetry()
    for line, record in _objects(source, problems):
        if "startTime" in record and "endTime" in record:
            span = _span(record, line)
            if span is not None:
                telemetry.spans.append(span)
            else:
                problems.append(Problem("bad_record", source.path, line, "a span without its times"))
        else:
            event = _event(record, line)
            if event is not None:
                telemetry.events.append(event)
    yield from calls_of(telemetry, source.path)
    yield from problems


def _objects(source: Source, problems: list[Problem]) -> Iterator[tuple[int, Record]]:
    """Each object with the line where it begins; damage costs one object."""
    text = whole_text(source, problems).decode("utf-8-sig", errors="replace")
    decoder = json.JSONDecoder(strict=False)
    line, seen = 1, 0
    match = _NEXT_OBJECT.search(text)
    while match is not None:
        at = match.start()
        line, seen = line + text.count("\n", seen, at), at
        try:
            record, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            end = at + 1
            last = _NEXT_OBJECT.search(text, end) is None
            problems.append(Problem("cut_document" if last else "bad_record", source.path, line, "not JSON"))
        else:
            yield line, record
        # Two writers may leave the start of an object behind the end of another.
        match = _ANY_OBJECT.match(text, end) or _NEXT_OBJECT.search(text, end)


def _span(record: Record, line: int) -> Span | None:
    start, end = _seconds(record.get("startTime")), _seconds(record.get("endTime"))
    if start is None or end is None or end < start:
        return None
    context = _either(record, "spanContext")
    return Span(
        name=text_of(record, "name") or "",
        trace_id=text_of(context, "traceId") or "",
        span_id=text_of(context, "spanId") or "",
        parent_id=text_of(record, "parentSpanContext", "spanId") or text_of(record, "parentSpanId"),
        start=start,
        end=end,
        attributes=dict_of(record, "attributes"),
        resource=_resource(record),
        scope=text_of(record, "instrumentationScope", "name") or "",
        failed=number_of(record, "status", "code") == _ERROR_STATUS,
        line=line,
    )


def _event(record: Record, line: int) -> Event | None:
    attributes = dict_of(record, "attributes")
    name = text_of(attributes, "event.name")
    at = seconds_of(attributes.get("event.timestamp"))
    if at is None:
        at = _seconds(record.get("hrTime", record.get("_hrTime")))
    if name is None or at is None:
        return None
    scope = text_of(record, "instrumentationScope", "name") or ""
    return Event(name, at, attributes, _resource(record), scope, line)


def _either(record: Record, name: str) -> Record:
    """The SDK renames its fields from public to private ones from time to time."""
    return dict_of(record, name) or dict_of(record, f"_{name}")


def _resource(record: Record) -> Record:
    pairs = list_of(record, "resource", "_rawAttributes")
    listed = {pair[0]: pair[1] for pair in pairs if isinstance(pair, list) and len(pair) == 2 and _is_name(pair[0])}
    return listed or dict_of(record, "resource", "attributes") or dict_of(record, "resource", "_attributes")


def _is_name(value: Any) -> bool:
    return isinstance(value, str)


def _seconds(pair: Any) -> float | None:
    """A time as [seconds, nanoseconds]."""
    if not isinstance(pair, list) or len(pair) != 2:
        return None
    seconds, nanos = number_of({"": pair[0]}, ""), number_of({"": pair[1]}, "")
    return None if seconds is None or nanos is None else seconds_of(seconds + nanos * 1e-9, unit=1.0)


FORMAT = Format(
    name="gemini-telemetry",
    title="Gemini CLI and Qwen Code telemetry file",
    agent=None,
    roots=(),
    env_roots={},
    suffixes=(".log", ".json", ".jsonl"),
    observes={
        "ttft_s": "exact",
        "wall_s": "exact or bound",
        "decode_tps": "exact",
        "wall_tps": "exact or bound",
        "output_tokens": "exact",
        "reasoning_tokens": "exact",
        "input_tokens": "exact",
        "cache_read_tokens": "exact",
        "cache_hit_share": "exact",
        "attempts": "bound",
    },
    marks=(b'"service.name"',),
    sniff=_sniff,
    read=_read,
    shape="document",
    evidence="recorded",
)
