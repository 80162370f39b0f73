"""OTLP/JSON -> spans and events."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final

from latprof.formats.base import Source
from latprof.formats.otlp.telemetry import Event, Span, Telemetry, flat
from latprof.formats.records import (
    Record,
    dict_of,
    json_lines,
    list_of,
    loads_leniently,
    number_of,
    salvaged,
    seconds_of,
    text_of,
    whole_text,
)
from latprof.model import Problem

__all__ = ["decode"]

_NANO: Final = 1e-9
_SPAN_SCOPES: Final = ("scopeSpans", "instrumentationLibrarySpans")
_LOG_SCOPES: Final = ("scopeLogs", "instrumentationLibraryLogs")
_PATH_TO_RECORDS: Final = (("resourceSpans", "resourceLogs"), (*_SPAN_SCOPES, *_LOG_SCOPES), ("spans", "logRecords"))
_ERROR_STATUS: Final = (2, "2", "STATUS_CODE_ERROR")
_REQUEST: Final = re.compile(r'\n[ \t]*\{\s*"resource(Spans|Logs|Metrics)"')
_EVENT_NAME: Final = re.compile(r"[\w-]+(\.[\w-]+)+")


def decode(source: Source, problems: list[Problem]) -> Telemetry:
    """All spans and events of a file: one export request per line, or one document over many lines."""
    found = Telemetry()
    for line, request in _requests(source, problems):
        if not isinstance(request, dict):
            problems.append(Problem("bad_line", source.path, line, "not a JSON object"))
            continue
        for span in _spans(request, line):
            if span is None:
                problems.append(Problem("bad_record", source.path, line, "a span without its times"))
            else:
                found.spans.append(span)
        found.events += _events(request, line)
    return found


def _requests(source: Source, problems: list[Problem]) -> Iterator[tuple[int, Any]]:
    if _is_lines(source):
        yield from json_lines(source, problems)
    else:
        yield from _documents(source, problems)


def _documents(source: Source, problems: list[Problem]) -> Iterator[tuple[int, Any]]:
    """Requests that are spread over lines, or follow each other on one; of a cut one what was complete."""
    text = whole_text(source, problems).decode("utf-8-sig", errors="replace")
    decoder = json.JSONDecoder(strict=False)
    at, line, seen = 0, 1, 0
    while at < len(text):
        if text[at].isspace() or text[at] in ",\x00":
            at += 1
            continue
        line, seen = line + text.count("\n", seen, at), at
        try:
            request, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            following = _REQUEST.search(text, at + 1)
            kind = "cut_document" if following is None else "bad_line"
            problems.append(Problem(kind, source.path, line, "not JSON"))
            request = _complete_part(text[at:]) if following is None else None
            at = len(text) if following is None else following.start()
        if request is not None:
            yield line, request


def _complete_part(text: str) -> Any:
    """A request that is cut off, without its last record: that one may lack attributes."""
    request = salvaged(text.encode("utf-8", "replace"))
    record: Any = request
    for names in _PATH_TO_RECORDS:
        records = next((found for name in names if (found := list_of(record, name))), [])
        record = records[-1] if records else None
    if record is not None:
        records.pop()
    return request


def _is_lines(source: Source) -> bool:
    """Whether the first line is a whole JSON value."""
    try:
        with source.open() as stream:
            loads_leniently(stream.readline())
    except Exception:  # noqa: BLE001 - any decompressor may fail in its own way; reading says so again
        return False
    return True


def _scopes(request: Record, signal: str, *names: str) -> Iterator[tuple[Record, Record]]:
    """Each scope's object with its resource's attributes."""
    for group in list_of(request, signal):
        resource = flat(list_of(group, "resource", "attributes"))
        for name in names:
            for scope in list_of(group, name):
                yield resource, scope


def _scope_name(scope: Record) -> str:
    return text_of(scope, "scope", "name") or text_of(scope, "instrumentationLibrary", "name") or ""


def _spans(request: Record, line: int) -> Iterator[Span | None]:
    for resource, scope in _scopes(request, "resourceSpans", *_SPAN_SCOPES):
        for record in list_of(scope, "spans"):
            yield _span(record, resource, _scope_name(scope), line)


def _span(record: Record, resource: Record, scope: str, line: int) -> Span | None:
    start, end = _seconds(record, "startTimeUnixNano"), _seconds(record, "endTimeUnixNano")
    if start is None or end is None or end < start:
        return None
    marks = (
        (text_of(mark, "name"), _seconds(mark, "timeUnixNano"), flat(dict_of(mark).get("attributes")))
        for mark in list_of(record, "events")
    )
    return Span(
        name=text_of(record, "name") or "",
        trace_id=text_of(record, "traceId") or "",
        span_id=text_of(record, "spanId") or "",
        parent_id=text_of(record, "parentSpanId"),
        start=start,
        end=end,
        attributes=flat(record.get("attributes")),
        resource=resource,
        scope=scope,
        marks=[(name, at, values) for name, at, values in marks if name is not None and at is not None],
        failed=dict_of(record, "status").get("code") in _ERROR_STATUS,
        line=line,
    )


def _events(request: Record, line: int) -> Iterator[Event]:
    for resource, scope in _scopes(request, "resourceLogs", *_LOG_SCOPES):
        for record in list_of(scope, "logRecords"):
            attributes = flat(record.get("attributes") if isinstance(record, dict) else None)
            name, at = _event_name(record, attributes), _event_time(record, attributes)
            if name is not None and at is not None:
                yield Event(name, at, attributes, resource, _scope_name(scope), line)


def _event_name(record: Record, attributes: Record) -> str | None:
    """The event's name; Claude Code has the short one in its attribute and the whole one in the body."""
    name = text_of(attributes, "event.name") or text_of(record, "eventName")
    body = text_of(record, "body", "stringValue")
    whole = body is not None and _EVENT_NAME.fullmatch(body) is not None
    return body if whole and (name is None or (body or "").endswith(f".{name}")) else name


def _event_time(record: Record, attributes: Record) -> float | None:
    stated = seconds_of(attributes.get("event.timestamp"))
    if stated is not None:
        return stated
    at = _seconds(record, "timeUnixNano")
    return at if at is not None else _seconds(record, "observedTimeUnixNano")


def _seconds(record: Record, key: str) -> float | None:
    nanos = number_of(record, key)
    return None if nanos is None else seconds_of(nanos, unit=_NANO)
