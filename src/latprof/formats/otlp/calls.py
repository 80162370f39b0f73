"""Spans and events -> calls and problems."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from latprof.formats.otlp.codex import calls_of_codex
from latprof.formats.otlp.events import calls_of_events, is_failure
from latprof.formats.otlp.own import give_own
from latprof.formats.otlp.prompts import trigger_in_messages
from latprof.formats.otlp.spans import call_of_span, failed, http_attempt, innermost, is_call
from latprof.formats.otlp.telemetry import Event, Span, Telemetry, session_of
from latprof.formats.otlp.triggers import give_triggers
from latprof.model import FLAGS, Call, Problem

__all__ = ["calls_of"]

# Written once by each process of Gemini CLI and Qwen Code.
_PROCESS_STARTS: Final = frozenset({"gemini_cli.config", "qwen-code.config"})


def calls_of(telemetry: Telemetry, path: str) -> Iterator[Call | Problem]:
    """Each call once for each record of it: a span and an event of one call share its request id."""
    telemetry.events.sort(key=lambda event: event.at)
    problems: list[Problem] = []
    calls = [*_span_calls(telemetry, path, problems), *calls_of_events(telemetry.events)]
    problems += [Problem("failed_attempt", path, event.line) for event in telemetry.events if is_failure(event)]
    for found in calls_of_codex(telemetry.events, path):
        if isinstance(found, Call):
            calls.append(found)
        else:
            problems.append(found)
    unique = {call.call_id: call for call in reversed(calls)}
    once = list(reversed(unique.values()))
    _mark_first_of_process(once, telemetry.events)
    give_triggers(once, telemetry)
    yield from once
    yield from dict.fromkeys(problems)


def _span_calls(telemetry: Telemetry, path: str, problems: list[Problem]) -> Iterator[Call]:
    told = {_failure_key(event) for event in telemetry.events if is_failure(event)}
    requests: defaultdict[tuple[str, str], dict[str, Span]] = defaultdict(dict)
    for span in telemetry.spans:
        if span.parent_id is not None and http_attempt(span):
            requests[span.trace_id, span.parent_id][span.span_id] = span
    for span in innermost([span for span in telemetry.spans if is_call(span)], telemetry.spans):
        if failed(span):
            if _failure_key(span) not in told:
                problems.append(Problem("failed_attempt", path, span.line))
            continue
        below = requests[span.trace_id, span.span_id].values()
        call = call_of_span(span, sorted(below, key=lambda request: request.start))
        call.trigger = trigger_in_messages(span.attributes)
        give_own(span, call)
        yield call


def _failure_key(record: Span | Event) -> tuple[str, int]:
    """One failure is told by a span and by an event of the same second."""
    return session_of(record), int(record.end if isinstance(record, Span) else record.at)


def _mark_first_of_process(calls: list[Call], events: list[Event]) -> None:
    """The records of the first call of each process hold its start-up, unless its HTTP request was seen."""
    for start in events:
        if start.name not in _PROCESS_STARTS:
            continue
        session = session_of(start)
        later = [
            call
            for call in calls
            if call.session_id == session and call.last_output_at is not None and call.last_output_at >= start.at
        ]
        first = min(later, key=lambda call: call.last_output_at or 0.0, default=None)
        if first is None or any(_is_same(call, first) and call.sent_source == "otel_attempt" for call in later):
            continue
        for call in later:
            if _is_same(call, first):
                call.flags = tuple(name for name in FLAGS if name in {*call.flags, "first_of_process"})
                call.last_output_source = "record_written"
                if call.agent == "qwen-code" and call.sent_at is not None:
                    call.sent_source = "process_start"


def _is_same(call: Call, other: Call) -> bool:
    """Whether both are records of one call."""
    return call is other or (call.request_id is not None and call.request_id == other.request_id)
