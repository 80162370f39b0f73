"""Spans and log events, whatever file they came from, and looks into their attributes."""

from __future__ import annotations

from dataclasses import field
from typing import Any, Final

from latprof.classes import dataclass
from latprof.formats.records import Record, number_of, text_of

__all__ = ["Event", "Span", "Telemetry", "agent_of", "flat", "last_text", "seconds_in", "session_of", "version_of"]

_UNNAMED: Final = "unknown_service"
# A service's own name -> the name that its session logs go by.
_AGENTS: Final = {
    "claude_code": "claude-code",
    "codex": "codex",
    "gemini_cli": "gemini-cli",
    "qwen_code": "qwen-code",
}
_SESSIONS: Final = ("session.id", "gen_ai.conversation.id", "conversation.id", "langfuse.session.id", "thread.id")


@dataclass(slots=True)
class Span:
    """A span: `marks` are its own events with times and attributes, `failed` says that its status is an error."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str | None
    start: float
    end: float
    attributes: Record
    resource: Record
    scope: str = ""
    marks: list[tuple[str, float, Record]] = field(default_factory=list)
    failed: bool = False
    line: int | None = None


@dataclass(slots=True)
class Event:
    """A log record with a name."""

    name: str
    at: float
    attributes: Record
    resource: Record
    scope: str = ""
    line: int | None = None


@dataclass(slots=True)
class Telemetry:
    """All spans and events of one file."""

    spans: list[Span] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)


def flat(attributes: Any) -> Record:
    """OTLP's list of keys and typed values -> a plain object."""
    result: Record = {}
    for item in attributes if isinstance(attributes, list) else ():
        key = text_of(item, "key")
        if key is not None:
            result[key] = _plain(item.get("value"))
    return result


def _plain(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    for kind, inner in value.items():
        if kind == "arrayValue":
            values = inner.get("values") if isinstance(inner, dict) else None
            return [_plain(item) for item in values] if isinstance(values, list) else []
        if kind == "kvlistValue":
            return flat(inner.get("values") if isinstance(inner, dict) else None)
        return inner
    return None


def agent_of(record: Span | Event) -> str:
    """Who made the call: the service's name, else the name of the instrumentation."""
    service = text_of(record.resource, "service.name") or ""
    name = record.scope if not service or service.startswith(_UNNAMED) else service
    plain = (name or "unknown").strip().lower().replace(" ", "-")
    key = plain.replace("-", "_")
    return next((agent for start, agent in _AGENTS.items() if key.startswith(start)), plain)


def version_of(record: Span | Event) -> str | None:
    """The agent's version; Gemini CLI puts the version of Node there, which begins with a v."""
    version = text_of(record.attributes, "app.version") or text_of(record.resource, "service.version")
    return None if version is None or version.startswith("v") else version


def session_of(record: Span | Event) -> str:
    """The session or conversation; else the resource's; else the trace, which is one run of an agent."""
    for place in (record.attributes, record.resource):
        for key in _SESSIONS:
            session = text_of(place, key)
            if session is not None:
                return session
    return record.trace_id if isinstance(record, Span) else ""


def last_text(attributes: Record, *keys: str) -> str | None:
    """The first of the keys that holds a text, or a list of texts of which the last is taken."""
    for key in keys:
        value = attributes.get(key)
        if isinstance(value, list):
            value = value[-1] if value else None
        if isinstance(value, str) and value:
            return value
    return None


def seconds_in(attributes: Record, key: str, unit: float) -> float | None:
    """A positive duration in seconds; `unit` is the length of one of the attribute's units."""
    value = number_of(attributes, key)
    return value * unit if value is not None and value > 0 else None
