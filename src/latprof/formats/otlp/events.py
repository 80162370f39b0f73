"""Log events that tell a whole call: Claude Code, Gemini CLI and Qwen Code."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from latprof.formats.otlp.spans import is_side_call, is_sub_agent, speed_of
from latprof.formats.otlp.telemetry import Event, agent_of, last_text, seconds_in, session_of, version_of
from latprof.formats.otlp.tokens import tokens_of
from latprof.formats.providers import provider_of
from latprof.formats.records import text_of
from latprof.model import FLAGS, Call, Trigger

__all__ = ["calls_of_events", "is_failure"]

_FAILURES: Final = frozenset({"claude_code.api_error", "gemini_cli.api_error", "qwen-code.api_error"})
# A call is shown at once when it is complete, so such a time is the end, not the first token.
_SHOWN_WHOLE_S: Final = 0.01
_GEMINI_SIGN_IN: Final = {"gemini-api-key": "gcp.gemini", "oauth-personal": "gcp.gemini", "vertex-ai": "gcp.vertex_ai"}


def is_failure(event: Event) -> bool:
    """Whether the event says that an attempt failed."""
    if event.name in _FAILURES:
        return True
    # Qwen Code writes a response without a count when the stream broke before anything came.
    tokens = tokens_of(event.attributes)
    return event.name == "qwen-code.api_response" and tokens.output is None and "ttft_ms" not in event.attributes


def calls_of_events(events: list[Event]) -> Iterator[Call]:
    """The calls among the events, which are in the order of their times."""
    failures: dict[tuple[str, str | None], set[float]] = {}
    for event in events:
        turn = (session_of(event), text_of(event.attributes, "prompt_id"))
        if is_failure(event):
            # A file that was written twice tells each failure twice.
            failures.setdefault(turn, set()).add(event.at)
        elif event.name == "claude_code.api_request":
            yield _claude(event)
        elif event.name == "gemini_cli.api_response":
            yield _gemini(event, len(failures.pop(turn, ())))
        elif event.name == "qwen-code.api_response":
            yield _qwen(event)


def _timed(event: Event) -> Call:
    """What the three have in common: an end and a duration."""
    wall = seconds_in(event.attributes, "duration_ms", 0.001)
    return Call(
        agent=agent_of(event),
        session_id=session_of(event),
        agent_version=version_of(event),
        model=text_of(event.attributes, "model"),
        requested_model=text_of(event.attributes, "model"),
        sent_at=None if wall is None else event.at - wall,
        sent_source=None if wall is None else "duration",
        last_output_at=event.at,
        last_output_source="record_end",
        attempts=None,
        stop_reason=last_text(event.attributes, "finish_reasons", "stop_reason"),
        told_by="event",
    )


def _flags(**raised: bool) -> tuple[str, ...]:
    return tuple(name for name in FLAGS if raised.get(name))


def _claude(event: Event) -> Call:
    call, asker = _timed(event), text_of(event.attributes, "query_source")
    call.request_id = text_of(event.attributes, "request_id")
    call.agent_id = text_of(event.attributes, "agent_id")
    call.provider = _claude_provider(event)
    call.effort = text_of(event.attributes, "effort")
    call.speed_mode = speed_of(text_of(event.attributes, "speed"))
    call.last_output_source = "record_written"  # up to a third of a second after the stream's end
    opened = seconds_in(event.attributes, "ttft_ms", 0.001)
    call.headers_at = None if opened is None or call.sent_at is None else min(call.sent_at + opened, event.at)
    call.trigger = "compaction" if asker == "compact" else "unknown"
    tokens_of(event.attributes, cache_apart=True).give(call)
    # One token for a second's work is the count of a stream that was broken off.
    broken = call.output_tokens == 1 and call.sent_at is not None and event.at - call.sent_at >= 1.0
    if broken:
        call.output_tokens = call.output_tokens_source = call.reasoning_tokens = None
    call.flags = _flags(
        interrupted=broken,
        sidechain=call.agent_id is not None or is_sub_agent(asker),
        side_call=is_side_call(asker),
        fast=call.speed_mode == "fast",
    )
    return call


def _claude_provider(event: Event) -> str | None:
    stated = text_of(event.attributes, "anthropic.provider")
    request = text_of(event.attributes, "request_id") or ""
    return "anthropic" if stated == "firstParty" or request.startswith("req_") else provider_of(stated)


def _gemini(event: Event, failures: int) -> Call:
    call, role = _timed(event), text_of(event.attributes, "role") or ""
    call.provider = _GEMINI_SIGN_IN.get(text_of(event.attributes, "auth_type") or "")
    call.attempts = failures + 1
    call.trigger = _gemini_trigger(role)
    tokens_of(event.attributes, thoughts_apart=True).give(call)
    call.flags = _flags(
        interrupted=call.output_tokens is None,
        retried=failures > 0,
        sidechain=role == "subagent",
        side_call=role.startswith("utility_") and call.trigger != "compaction",
    )
    return call


def _gemini_trigger(role: str) -> Trigger:
    return "compaction" if role == "utility_compressor" else "unknown"


def _qwen(event: Event) -> Call:
    call = _timed(event)
    call.message_id = call.request_id = text_of(event.attributes, "response_id")
    call.last_output_source = "record_written"  # with telemetry on, up to 0.06 s after the stream's end
    wait = seconds_in(event.attributes, "ttft_ms", 0.001)
    first_at = None if wait is None or call.sent_at is None else call.sent_at + wait
    if first_at is not None and event.at - first_at >= _SHOWN_WHOLE_S:
        call.first_output_at, call.first_output_source = first_at, "first_token"
    tokens_of(event.attributes).give(call)
    call.flags = _flags(
        interrupted=call.output_tokens is None,
        sidechain="subagent_name" in event.attributes,
    )
    return call
