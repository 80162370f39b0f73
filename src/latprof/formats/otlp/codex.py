"""Codex's log events: one call is a request event, many stream events and one with the counts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from latprof.classes import dataclass
from latprof.formats.otlp.telemetry import Event, agent_of, seconds_in, session_of, version_of
from latprof.formats.otlp.tokens import tokens_of
from latprof.formats.providers import provider_of
from latprof.formats.records import count_of, text_of
from latprof.model import Call, Problem

__all__ = ["calls_of_codex"]

_REQUESTS: Final = frozenset({"codex.api_request", "codex.websocket_request"})
_STREAMED: Final = frozenset({"codex.sse_event", "codex.websocket_event"})
_ITEM_ADDED: Final = "response.output_item.added"
_FIRST_KINDS: Final = frozenset(
    {
        _ITEM_ADDED, "response.output_text.delta", "response.reasoning_text.delta",
        "response.reasoning_summary_text.delta", "response.function_call_arguments.delta",
    }
)  # fmt: skip


@dataclass(slots=True)
class _Conversation:
    """What is known of the request under way, and of all of them."""

    provider: str | None = None
    effort: str | None = None
    failures: int = 0
    open: bool = False
    answering: bool = False
    sent_at: float | None = None
    headers_at: float | None = None
    first_at: float | None = None
    first_source: str | None = None
    end_at: float | None = None

    def begin(self) -> None:
        """Forget the request before."""
        self.open = self.answering = False
        self.sent_at = self.headers_at = self.first_at = self.first_source = self.end_at = None


def calls_of_codex(events: list[Event], path: str) -> Iterator[Call | Problem]:
    """The calls of events that are in the order of their times."""
    talks: dict[str, _Conversation] = {}
    for event in events:
        talk = talks.setdefault(session_of(event), _Conversation())
        if event.name == "codex.conversation_starts":
            talk.provider = provider_of(text_of(event.attributes, "provider_name"))
            talk.effort = text_of(event.attributes, "reasoning_effort")
        elif event.name in _REQUESTS:
            yield from _request(talk, event, path)
        elif event.name in _STREAMED:
            yield from _stream_event(talk, event, path)
    for talk in talks.values():
        if talk.answering:
            yield Problem("request_without_response", path)


def _request(talk: _Conversation, event: Event, path: str) -> Iterator[Problem]:
    if talk.answering:
        yield Problem("request_without_response", path, event.line)
    talk.begin()
    status = count_of(event.attributes, "http.response.status_code")
    if "error.message" in event.attributes or (status is not None and status >= 400):
        talk.failures += 1
        yield Problem("failed_attempt", path, event.line)
        return
    wait = seconds_in(event.attributes, "duration_ms", 0.001)
    talk.open = True
    talk.sent_at = None if wait is None else event.at - wait
    talk.headers_at = event.at if event.name == "codex.api_request" else None


def _stream_event(talk: _Conversation, event: Event, path: str) -> Iterator[Call | Problem]:
    kind = text_of(event.attributes, "event.kind")
    talk.answering = True
    if kind == "response.failed" or "error.message" in event.attributes:
        talk.failures += 1
        talk.begin()
        yield Problem("failed_attempt", path, event.line)
    elif kind == "response.completed":
        if "output_token_count" not in event.attributes:
            talk.end_at = event.at  # the counts follow in a record of their own
            return
        call = _call(talk, event)
        # A connection is warmed up by a request that generates nothing.
        if call.output_tokens is not None or call.first_output_at is not None:
            yield call
        talk.failures = 0
        talk.begin()
    elif kind in _FIRST_KINDS and talk.first_at is None:
        talk.first_at = event.at
        talk.first_source = "block_start" if kind == _ITEM_ADDED else "first_token"


def _call(talk: _Conversation, event: Event) -> Call:
    wait = seconds_in(event.attributes, "ttft_ms", 0.001)
    if talk.first_at is None and wait is not None and talk.headers_at is not None:
        # This clock starts when the stream is open.
        talk.first_at, talk.first_source = talk.headers_at + wait, "block_start"
    call = Call(
        agent=agent_of(event),
        session_id=session_of(event),
        agent_version=version_of(event),
        provider=talk.provider,
        model=text_of(event.attributes, "model"),
        requested_model=text_of(event.attributes, "model"),
        effort=talk.effort,
        sent_at=talk.sent_at,
        sent_source=None if talk.sent_at is None else "duration",
        headers_at=talk.headers_at,
        first_output_at=talk.first_at,
        first_output_source=talk.first_source,
        last_output_at=talk.end_at if talk.end_at is not None else event.at,
        last_output_source="stream_end",
        attempts=talk.failures + 1 if talk.open else None,
        flags=("retried",) if talk.failures and talk.open else (),
        told_by="event",
    )
    tokens_of(event.attributes).give(call)
    return call
