"""Calls as OpenTelemetry spans in OTLP/JSON, with the attributes of the GenAI conventions.

A trace per session; below it a span per agent, per call and per tool. What the conventions have no
name for stands in attributes that begin with `latprof.`: latprof reads its own spans back without
making an early send time or an estimate into a measurement. Ids are hashes of the calls' own ids:
the same call gets the same ids at every export.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from datetime import tzinfo
from typing import Any, Final

from latprof.model import Block
from latprof.timeline import Instants, instants_of
from latprof.trace import Trace

__all__ = ["calls_with_span", "otlp"]

Attribute = dict[str, Any]
Span = dict[str, Any]
_Resource = tuple[tuple[str, str | None], ...]
_MICROS: Final = 1_000_000
_INTERNAL, _CLIENT = 1, 3
_TOKENS: Final = {
    "gen_ai.usage.input_tokens": "input_tokens",
    "gen_ai.usage.output_tokens": "output_tokens",
    "gen_ai.usage.cache_read.input_tokens": "cache_read_tokens",
    "gen_ai.usage.cache_creation.input_tokens": "cache_write_tokens",
    "gen_ai.usage.reasoning.output_tokens": "reasoning_tokens",
}
_OF_RESOURCE: Final = {
    "service.name": "agent",
    "service.version": "agent_version",
    "host.name": "host",
    "user.name": "engineer",
}
_NAMES: Final = {
    "gen_ai.provider.name": "provider",
    "gen_ai.response.id": "message_id",
    "request_id": "request_id",
    "latprof.call_id": "call_id",
    "latprof.agent_id": "agent_id",
    "latprof.project": "project",
    "latprof.trigger": "trigger",
    "latprof.effort": "effort",
    "latprof.speed_mode": "speed_mode",
    "latprof.sent_source": "sent_source",
    "latprof.first_output_source": "first_output_source",
    "latprof.last_output_source": "last_output_source",
    "latprof.output_tokens_source": "output_tokens_source",
}


# How long a block was tells how many of the call's tokens are its own: estimates rest on that.
_OF_BLOCK: Final = ("start_at", "characters", "tokens", "signature_characters")


def otlp(trace: Trace, _: tzinfo) -> bytes:
    """One export request. Calls without a date, a send time or an end are left out: a span needs them."""
    import orjson

    resources: dict[_Resource, list[Span]] = {}
    threads: dict[tuple[str, str, str | None], list[Instants]] = {}
    for call in instants_of(trace):
        if _has_span(call):
            agent, session = trace.texts["agent"][call.row], trace.texts["session_id"][call.row]
            threads.setdefault((agent, session, call.agent_id), []).append(call)
    for (agent, session, agent_id), calls in threads.items():
        own = _resource_of(trace, calls[0].row)
        resources.setdefault(own, []).append(_agent_span(agent, session, agent_id, calls))
        for call in calls:
            spans = _call_spans(trace, agent, session, agent_id, call)
            resources.setdefault(_resource_of(trace, call.row), []).extend(spans)
    return orjson.dumps({"resourceSpans": [_resource(key, spans) for key, spans in resources.items()]})


def calls_with_span(trace: Trace) -> int:
    """How many of the calls `otlp` writes."""
    return sum(map(_has_span, instants_of(trace)))


def _has_span(call: Instants) -> bool:
    if call.sent_at is None or call.last_at is None or "no_date" in call.flags:
        return False
    return call.last_at >= call.sent_at


def _resource_of(trace: Trace, row: int) -> _Resource:
    return tuple((key, trace.texts[name][row]) for key, name in _OF_RESOURCE.items())


def _resource(values: _Resource, spans: list[Span]) -> dict[str, Any]:
    return {
        "resource": {"attributes": _attributes(dict(values))},
        "scopeSpans": [{"scope": {"name": "latprof"}, "spans": spans}],
    }


def _attributes(values: dict[str, Any]) -> list[Attribute]:
    """OTLP's list of typed values, what is not known left out."""
    return [{"key": key, "value": _value(value)} for key, value in values.items() if value is not None]


def _value(value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    if isinstance(value, (list, tuple)):
        return {"arrayValue": {"values": [_value(item) for item in value]}}
    return {"stringValue": str(value)}


def _id(size: int, *parts: str | None) -> str:
    """So many bytes in hex that depend on the parts alone."""
    text = "\x00".join(part or "" for part in parts)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[: 2 * size]


def _nanos(at: float) -> str:
    # The logs hold milliseconds at best, a float of seconds holds a quarter of a microsecond.
    return str(round(at * _MICROS) * 1000)


def _span(
    ids: tuple[str, str, str | None], name: str, kind: int, times: tuple[float, float], values: dict[str, Any]
) -> Span:
    trace_id, span_id, parent_id = ids
    parent = {} if parent_id is None else {"parentSpanId": parent_id}
    return {
        "traceId": trace_id, "spanId": span_id, **parent, "name": name, "kind": kind,
        "startTimeUnixNano": _nanos(times[0]), "endTimeUnixNano": _nanos(times[1]), "attributes": _attributes(values),
        "status": {},
    }  # fmt: skip


def _agent_span(agent: str, session: str, agent_id: str | None, calls: list[Instants]) -> Span:
    """From the first call of an agent to its last; a sub-agent's hangs below the main agent's."""
    trace_id, main = _id(16, agent, session), _id(8, agent, session, "agent")
    own = main if agent_id is None else _id(8, agent, session, "agent", agent_id)
    times = min(c.sent_at or math.inf for c in calls), max(c.last_at or -math.inf for c in calls)
    values = {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.agent.name": agent,
        "gen_ai.agent.id": agent_id,
        "gen_ai.conversation.id": session or None,
    }
    return _span((trace_id, own, None if agent_id is None else main), f"invoke_agent {agent}", _INTERNAL, times, values)


def _call_spans(trace: Trace, agent: str, session: str, agent_id: str | None, call: Instants) -> Iterator[Span]:
    trace_id, call_id = _id(16, agent, session), trace.texts["call_id"][call.row]
    parent = _id(8, agent, session, "agent", *([agent_id] if agent_id is not None else []))
    span_id = _id(8, call_id)
    sent, last = call.sent_at or 0.0, call.last_at or 0.0
    model = trace.texts["model"][call.row]
    asked = trace.texts["requested_model"][call.row] or model
    name = f"chat {asked}" if asked else "chat"
    values = _call_values(trace, call, session, model, asked)
    span = _span((trace_id, span_id, parent), name, _CLIENT, (sent, last), values)
    span["events"] = [
        {
            "name": f"latprof.block.{block.type}",
            "timeUnixNano": _nanos(block.end_at),
            "attributes": _attributes({f"latprof.block.{name}": getattr(block, name) for name in _OF_BLOCK}),
        }
        for block in call.blocks
        if block.end_at is not None
    ]
    yield span
    for number, block in enumerate(call.blocks):
        if (times := _tool_times(block, last)) is not None:
            ids = trace_id, _id(8, call_id, str(number)), parent
            yield _span(ids, f"execute_tool {block.name or 'tool'}", _INTERNAL, times, _tool_values(session, block))


def _tool_times(block: Block, last: float) -> tuple[float, float] | None:
    start = block.end_at if block.end_at is not None else last
    return (start, block.result_at) if block.result_at is not None and block.result_at >= start else None


def _tool_values(session: str, block: Block) -> dict[str, Any]:
    return {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": block.name,
        "gen_ai.conversation.id": session or None,
    }


def _call_values(trace: Trace, call: Instants, session: str, model: str | None, asked: str | None) -> dict[str, Any]:
    """The attributes of one call; times are seconds."""
    row = call.row
    whole = "non_streamed" in call.flags
    stop = trace.texts["stop_reason"][row]
    values: dict[str, Any] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.conversation.id": session or None,
        "gen_ai.request.model": asked,
        "gen_ai.response.model": model,
        "gen_ai.request.stream": False if whole else None if call.split_at is None else True,
        "gen_ai.response.finish_reasons": [stop] if stop else None,
    }
    values |= {key: trace.texts[name][row] for key, name in _NAMES.items()}
    values |= {key: _count(trace.numbers[name][row]) for key, name in _TOKENS.items()}
    first = trace.numbers["first_output_at"][row] - (call.sent_at or math.nan)
    exact = call.split_kind == "exact" and call.split_at is not None
    values |= {
        "gen_ai.response.time_to_first_chunk": round(float(first), 6) if exact and first > 0 else None,
        "latprof.flags": list(call.flags) or None,
        "latprof.attempts": _count(trace.numbers["attempts"][row]),
        "latprof.trigger_at": call.trigger_at,
        "latprof.tool_s": call.tools_s,
        "latprof.headers_at": _number(trace.numbers["headers_at"][row]),
        "latprof.first_output_at": _number(trace.numbers["first_output_at"][row]),
        "latprof.requested_model": trace.texts["requested_model"][row],
    }
    if call.split_at is not None and call.split_kind == "estimate":
        values["latprof.ttft_estimate_s"] = round(call.split_at - (call.sent_at or 0.0), 6)
    return values


def _number(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def _count(value: float) -> int | None:
    return None if math.isnan(value) else int(value)
