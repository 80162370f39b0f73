"""A step that ended -> a call: its instants from the stated durations, its tokens, its flags."""

from __future__ import annotations

from typing import Final

from latprof.classes import dataclass
from latprof.formats.kimi_code.steps import Log, Step
from latprof.formats.records import Record, count_of, dict_of, number_of, text_of
from latprof.model import LONG_GAP_S, Call

__all__ = ["call_of", "side_call_of"]

# The other names in a request are protocols, which many services speak.
_PROVIDERS: Final = {"google-genai": "gcp.gemini", "kimi": "moonshot_ai", "vertexai": "gcp.vertex_ai"}
# A part is written 5 to 90 ms after the stream's end, at most; further away the request line is another's.
_PART_EARLY_S: Final = 0.05
_PART_LATE_S: Final = 1.0
# So many tokens in so short a time were not generated while they streamed.
_WHOLE_TOKENS: Final = 50
_WHOLE_S: Final = 0.01
# Records that were converted from another agent's are all stamped at once.
_CONVERTED_S: Final = 0.01


@dataclass(slots=True)
class _Times:
    sent_at: float | None = None
    sent_source: str | None = None
    first_at: float | None = None
    end_at: float | None = None
    end_source: str | None = None


def _times_of(step: Step, event: Record, at: float | None) -> _Times:
    """Instants from the durations that the end of the step states."""
    first_s, stream_s = _seconds(event, "llmFirstTokenLatencyMs"), _seconds(event, "llmStreamDurationMs")
    if first_s is None or stream_s is None:
        return _times_without_durations(step, at)
    build_s = min(_seconds(event, "llmRequestBuildMs") or 0.0, first_s)
    start, source = _start_of(step, first_s + stream_s, at)
    if start is None:
        return _Times()
    # Nothing tells whether a process was started for a prompt; its first stream is noted as ended 40 to 106 ms late.
    end_source = "record_written" if step.trigger[0] == "user" else "stream_end"
    return _Times(start + build_s, source, start + first_s, start + first_s + stream_s, end_source)


def _start_of(step: Step, whole_s: float, at: float | None) -> tuple[float | None, str]:
    """Where the durations begin: the request's line, unless the parts of the answer contradict it.

    Without that line the parts, written at the end, are better than the beginning of the step; a
    tool's line may wait for a permission, and the end of the step for the tools.
    """
    requested_at = step.requests[-1].at if step.requests else None
    if requested_at is not None:
        late_s = 0.0 if step.parts_at is None else step.parts_at - requested_at - whole_s
        if -_PART_EARLY_S <= late_s <= _PART_LATE_S:
            return requested_at, "api_request_line"
    if step.parts_at is not None:
        return step.parts_at - whole_s, "duration"
    if step.begun_at is not None:
        return step.begun_at, "duration"
    return None if at is None else at - whole_s, "duration"


def _times_without_durations(step: Step, at: float | None) -> _Times:
    """Before the durations were recorded: parts are written at the end; the step may hold its tools."""
    requested_at = step.requests[-1].at if step.requests else None
    sent_at = step.begun_at if requested_at is None else requested_at
    end_at = step.parts_at or step.tools_at or at
    if sent_at is None or end_at is None or end_at - sent_at < _CONVERTED_S:
        return _Times()
    source = "record_created" if requested_at is None else "api_request_line"
    return _Times(sent_at, source, None, end_at, "record_written")


def _seconds(event: Record, key: str) -> float | None:
    value = number_of(event, key)
    return value / 1000 if value is not None and value >= 0 else None


def call_of(log: Log, step: Step, event: Record, at: float | None) -> Call:
    """The call of a step whose end states tokens."""
    times = _times_of(step, event, at)
    usage = dict_of(event, "usage")
    request = step.requests[-1].record if step.requests else {}
    output = count_of(usage, "output") or None
    attempts = (len(log.failed) + max(len(step.requests), 1)) if log.logs_requests else None
    for block, name in zip((b for b in step.blocks if b.type == "tool_use"), step.calls, strict=False):
        block.result_at = step.results.get(name)
    return Call(
        agent="kimi-code",
        session_id=log.session_id,
        # The provider's id alone may repeat, some local servers count to a thousand; early versions have none.
        message_id=text_of(event, "uuid"),
        request_id=text_of(event, "messageId") or text_of(event, "uuid"),
        agent_id=log.agent_id,
        provider=_PROVIDERS.get(text_of(request, "provider") or ""),
        model=text_of(event, "reportedModel") or text_of(request, "model") or log.alias,
        requested_model=text_of(request, "model"),
        project=log.project,
        effort=text_of(request, "thinkingEffort") or log.effort,
        trigger=step.trigger[0],
        trigger_at=step.trigger[1],
        sent_at=times.sent_at,
        sent_source=times.sent_source,
        first_output_at=times.first_at,
        first_output_source=None if times.first_at is None else "first_token",
        last_output_at=times.end_at,
        last_output_source=times.end_source,
        input_tokens=_input_of(usage) if output else None,
        cache_read_tokens=count_of(usage, "inputCacheRead") if output else None,
        cache_write_tokens=count_of(usage, "inputCacheCreation") if output else None,
        output_tokens=output,
        output_tokens_source="usage" if output else None,
        attempts=attempts,
        stop_reason=text_of(event, "finishReason"),
        flags=_flags_of(log, times, event, output, attempts),
        blocks=tuple(step.blocks),
    )


def _input_of(usage: Record) -> int | None:
    parts = [count_of(usage, key) for key in ("inputOther", "inputCacheRead", "inputCacheCreation")]
    return sum(part or 0 for part in parts) if parts[0] is not None else None


def _flags_of(log: Log, times: _Times, event: Record, output: int | None, attempts: int | None) -> tuple[str, ...]:
    whole = suspended = False
    if times.first_at is not None and times.end_at is not None and times.sent_at is not None:
        whole = (output or 0) >= _WHOLE_TOKENS and times.end_at - times.first_at < _WHOLE_S
        suspended = times.first_at - times.sent_at > LONG_GAP_S
    closed = text_of(event, "providerFinishReason") or text_of(event, "rawFinishReason")
    known = {
        # A stream that breaks off leaves a step that ends like a good one, without tokens and the provider's reason.
        "interrupted": output is None and closed is None,
        "retried": (attempts or 1) > 1,
        "non_streamed": whole,
        "sidechain": log.sidechain or log.agent_id is not None,
        "suspended": suspended,
    }
    return tuple(flag for flag, holds in known.items() if holds)


def side_call_of(log: Log, record: Record, at: float | None) -> Call | None:
    """A compaction: its request and its tokens have lines of their own, the first token has none."""
    request, log.side_request = log.side_request, None
    usage = dict_of(record, "usage")
    output = count_of(usage, "output") or None
    if request is None or at is None or output is None:
        return None
    name = f"session-{round(at * 1000)}"
    if name in log.done:
        return None
    log.done.add(name)
    compaction = text_of(request.record, "kind") == "compaction"
    sidechain = log.sidechain or log.agent_id is not None
    flags = {"sidechain": sidechain, "side_call": not compaction}
    return Call(
        agent="kimi-code",
        session_id=log.session_id,
        message_id=name,
        agent_id=log.agent_id,
        provider=_PROVIDERS.get(text_of(request.record, "provider") or ""),
        model=text_of(request.record, "model"),
        requested_model=text_of(request.record, "model"),
        project=log.project,
        effort=text_of(request.record, "thinkingEffort"),
        trigger="compaction" if compaction else "unknown",
        sent_at=request.at,
        sent_source=None if request.at is None else "api_request_line",
        last_output_at=at,
        last_output_source="record_written",
        input_tokens=_input_of(usage),
        cache_read_tokens=count_of(usage, "inputCacheRead"),
        cache_write_tokens=count_of(usage, "inputCacheCreation"),
        output_tokens=output,
        output_tokens_source="usage",
        flags=tuple(flag for flag, holds in flags.items() if holds),
    )
