"""Which spans are calls, and what such a span tells."""

from __future__ import annotations

from itertools import pairwise
from typing import Final

from latprof.formats.otlp.telemetry import Span, agent_of, last_text, seconds_in, session_of, version_of
from latprof.formats.otlp.tokens import tokens_of
from latprof.formats.providers import provider_of
from latprof.formats.records import count_of, seconds_of, text_of
from latprof.model import FLAGS, LONG_GAP_S, Call

__all__ = [
    "call_of_span",
    "failed",
    "http_attempt",
    "innermost",
    "is_agent",
    "is_call",
    "is_side_call",
    "is_sub_agent",
    "is_tool",
    "speed_of",
    "streamed",
]

_OPERATIONS: Final = frozenset({"chat", "generate_content", "text_completion"})
_NAMES: Final = frozenset(
    {
        "claude_code.llm_request", "qwen-code.llm_request", "llm_request", "ai.streamText.doStream",
        "ai.generateText.doGenerate", "ai.streamObject.doStream", "ai.generateObject.doGenerate",
    }
)  # fmt: skip
_TOOL_NAMES: Final = frozenset({"claude_code.tool", "qwen-code.tool", "ai.toolCall"})
_AGENT_NAMES: Final = frozenset(
    {"claude_code.interaction", "qwen-code.interaction", "ai.streamText", "ai.generateText"}
)
_ATTEMPT_MARK: Final = "gen_ai.request.attempt"
_CLAUDE: Final = "claude_code.llm_request"
_QWEN: Final = "qwen-code.llm_request"
# Durations from the start of the span to the first output, best first.
_FIRST_OUTPUT: Final = (
    ("gen_ai.response.time_to_first_token", 1.0, "first_token"),
    ("gen_ai.response.time_to_first_chunk", 1.0, "first_chunk"),
    ("ai.response.msToFirstChunk", 0.001, "first_chunk"),
    ("ai.stream.msToFirstChunk", 0.001, "first_chunk"),
    ("llm.time_to_first_token", 1.0, "first_token"),
    ("gen_ai.latency.time_to_first_token", 1.0, "server_first_token"),
    ("gen_ai.server.time_to_first_token", 1.0, "server_first_token"),
)
_SERVER_MARKS: Final = ("gen_ai.latency.time_to_first_token", "gen_ai.latency.e2e", "gen_ai.latency.time_in_queue")
_CLOCK_TOLERANCE_S: Final = 0.05
# A response's body ends so much before the span around it at most; a longer time is another thing.
_LONGEST_CLOSING_S: Final = 0.15
# A stream that was broken off leaves the count of its first message, which is a few tokens at most.
_LARGEST_PLACEHOLDER: Final = 8
_MAIN_THREADS: Final = ("sdk", "repl_main_thread")


def is_call(span: Span) -> bool:
    """Whether the span is one request to a model, not a turn, a tool or an agent around it."""
    return span.name in _NAMES or span.attributes.get("gen_ai.operation.name") in _OPERATIONS


def is_tool(span: Span) -> bool:
    """Whether the span is a whole tool call."""
    return span.name in _TOOL_NAMES or (
        span.attributes.get("gen_ai.operation.name") == "execute_tool" and not span.name.endswith(".execution")
    )


def is_agent(span: Span) -> bool:
    """Whether the span is a turn of an agent."""
    return span.name in _AGENT_NAMES or span.attributes.get("gen_ai.operation.name") == "invoke_agent"


def http_attempt(span: Span) -> bool:
    """Whether the span is a request of an HTTP client."""
    return "http.request.method" in span.attributes or "http.method" in span.attributes


def innermost(calls: list[Span], spans: list[Span]) -> list[Span]:
    """Without the spans of a framework that go around the span of the client it uses."""
    parent_of = {span.span_id: span.parent_id for span in spans}
    outer: set[str] = set()
    for call in calls:
        above = call.parent_id
        while above is not None and above not in outer and above != call.span_id:
            outer.add(above)
            above = parent_of.get(above)
    return [call for call in calls if call.span_id not in outer]


def failed(span: Span) -> bool:
    """Whether the request ended in an error: there is no response to measure."""
    return span.failed or span.attributes.get("success") in (False, "false") or "error.type" in span.attributes


def call_of_span(span: Span, requests: list[Span]) -> Call:
    """The call that a span tells; `requests` are the HTTP requests below it, in order."""
    first_at, first_source = _first_output(span)
    sent_at, sent_source = _sent(span, requests)
    last_at, last_source = _last_output(span, requests, first_at)
    tokens = tokens_of(span.attributes, cache_apart=span.name == _CLAUDE)
    call = Call(
        agent=agent_of(span),
        session_id=session_of(span),
        message_id=_message_id(span),
        request_id=_request_id(span),
        agent_version=version_of(span),
        agent_id=text_of(span.attributes, "agent_id"),
        provider=_provider(span),
        model=_model(
            span, "gen_ai.response.model", "ai.response.model", "gen_ai.request.model", "ai.model.id", "model"
        ),
        requested_model=_model(span, "gen_ai.request.model", "ai.model.id", "model"),
        effort=text_of(span.attributes, "effort"),
        speed_mode=speed_of(text_of(span.attributes, "speed")),
        sent_at=sent_at,
        sent_source=sent_source,
        headers_at=_stream_open(span),
        first_output_at=first_at,
        first_output_source=first_source,
        last_output_at=last_at,
        last_output_source=last_source,
        attempts=_attempts(span, requests),
        stop_reason=last_text(
            span.attributes,
            "stop_reason",
            "gen_ai.response.finish_reasons",
            "ai.response.finishReason",
            "finish_reason",
        ),
        told_by="span",
    )
    tokens.give(call)
    call.flags = _flags(span, call)
    if "interrupted" in call.flags:
        call.output_tokens = call.output_tokens_source = call.reasoning_tokens = None
    return call


def speed_of(speed: str | None) -> str | None:
    """The provider's word for the speed; telemetry says normal where the transcripts say standard."""
    return "standard" if speed == "normal" else speed


def _message_id(span: Span) -> str | None:
    """The response's id.

    Spans of agents with session logs go by their own id: they are another record of the same call,
    not a copy of its line, and the request id joins the two.
    """
    if span.name in {_CLAUDE, _QWEN}:
        return span.span_id
    return text_of(span.attributes, "gen_ai.response.id") or text_of(span.attributes, "ai.response.id") or span.span_id


def _request_id(span: Span) -> str | None:
    keys = ("request_id", "gen_ai.response.id", "ai.response.id", "gen_ai.request.id")
    return next((found for key in keys if (found := text_of(span.attributes, key)) is not None), None)


def _model(span: Span, *keys: str) -> str | None:
    name = next((found for key in keys if (found := text_of(span.attributes, key)) is not None), None)
    # The client's mark for a long context is no part of the model's name.
    return name.removesuffix("[1m]") if name is not None and span.name == _CLAUDE else name


def _provider(span: Span) -> str | None:
    if span.name == _QWEN:  # names the protocol, not who answers
        return None
    stated = text_of(span.attributes, "gen_ai.provider.name")
    if stated is not None:
        return provider_of(stated) or stated
    system = text_of(span.attributes, "gen_ai.system") or text_of(span.attributes, "ai.model.provider")
    return None if system is None else provider_of(system) or provider_of(system.split(".", maxsplit=1)[0]) or system


def _attempt_marks(span: Span) -> list[float]:
    return sorted(at for name, at, _ in span.marks if name == _ATTEMPT_MARK)


def _sent(span: Span, requests: list[Span]) -> tuple[float, str]:
    marks = _attempt_marks(span) or [request.start for request in requests]
    if marks:
        return marks[-1], "otel_attempt"
    return span.start, "record_created" if (count_of(span.attributes, "attempt") or 1) > 1 else "span_start"


def _first_output(span: Span) -> tuple[float | None, str | None]:
    if streamed(span) is False:
        return None, None
    own = seconds_in(span.attributes, "first_content_ms", 0.001)
    marks = _attempt_marks(span)
    if own is not None and (marks or count_of(span.attributes, "attempt") in {None, 1}):
        return _within(span, (marks[-1] if marks else span.start) + own, "otel_first_content")
    for key, unit, source in _FIRST_OUTPUT:
        wait = seconds_in(span.attributes, key, unit)
        if wait is not None:
            # Qwen Code leaves out chunks without content
            return _within(span, span.start + wait, "otel_first_content" if span.name == _QWEN else source)
    began = text_of(span.attributes, "langfuse.observation.completion_start_time")
    at = None if began is None else seconds_of(began.strip('"'))
    return (None, None) if at is None else _within(span, at, "first_token")


def _within(span: Span, at: float, source: str) -> tuple[float | None, str | None]:
    """A stamp outside its span is in another unit or means something else."""
    inside = span.start <= at <= span.end + _CLOCK_TOLERANCE_S
    return (at, source) if inside else (None, None)


def _stream_open(span: Span) -> float | None:
    """When the stream was open: Claude Code's `ttft_ms` ends at the first message, before any token."""
    wait = seconds_in(span.attributes, "ttft_ms", 0.001) if span.name == _CLAUDE else None
    marks = _attempt_marks(span)
    if wait is None or not (marks or count_of(span.attributes, "attempt") in {None, 1}):
        return None
    return _within(span, (marks[-1] if marks else span.start) + wait, "")[0]


def _last_output(span: Span, requests: list[Span], first_at: float | None) -> tuple[float | None, str | None]:
    body = requests[-1].end if requests else None
    if body is not None and span.end - _LONGEST_CLOSING_S <= body <= span.end and body >= (first_at or body):
        return body, "span_end"
    if span.name in {_CLAUDE, _QWEN}:  # both close the span some time after the stream
        return span.end, "record_written"
    closed_early = streamed(span) is True and first_at is not None and span.end - first_at < _CLOCK_TOLERANCE_S / 10
    return (None, None) if closed_early else (span.end, "span_end")


def streamed(span: Span) -> bool | None:
    """Whether the response was streamed, None when the span does not say it."""
    if span.name.endswith(".doGenerate"):
        return False
    for key in ("gen_ai.request.stream", "llm.is_streaming"):
        value = span.attributes.get(key)
        if isinstance(value, bool):
            return value
    return None


def _attempts(span: Span, requests: list[Span]) -> int | None:
    if requests:
        return len(requests)
    stated = count_of(span.attributes, "attempt")
    return stated if span.name == _CLAUDE or (stated or 0) > 1 else None


def _flags(span: Span, call: Call) -> tuple[str, ...]:
    source = text_of(span.attributes, "query_source_safe") or text_of(span.attributes, "query_source")
    instants = [at for at in (call.sent_at, call.first_output_at, call.last_output_at) if at is not None]
    raised = {
        "interrupted": span.name == _CLAUDE and _broken_off(call),
        "retried": (call.attempts or 1) > 1,
        "non_streamed": streamed(span) is False,
        "sidechain": call.agent_id is not None or is_sub_agent(source),
        "side_call": is_side_call(source),
        "fast": call.speed_mode == "fast",
        "suspended": any(after - before > LONG_GAP_S for before, after in pairwise(instants)),
        "server_side": any(key in span.attributes for key in _SERVER_MARKS),
    }
    return tuple(name for name in FLAGS if raised.get(name))


def _broken_off(call: Call) -> bool:
    """Whether the count is the placeholder of a stream that went on for a second."""
    began = call.first_output_at if call.first_output_at is not None else call.sent_at
    small = call.output_tokens is not None and call.output_tokens <= _LARGEST_PLACEHOLDER
    if call.first_output_at is None:
        small = call.output_tokens == 1
    return small and began is not None and (call.last_output_at or began) - began >= 1.0


def is_sub_agent(source: str | None) -> bool:
    """Whether Claude Code's name for the asker is a sub-agent's."""
    return source is not None and source.startswith("agent:")


def is_side_call(source: str | None) -> bool:
    """Whether Claude Code asked for itself: a title, a suggestion, a permission check."""
    main = source is None or source.startswith(_MAIN_THREADS) or source == "compact"
    return not main and not is_sub_agent(source)
