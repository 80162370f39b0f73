"""What the last message of a recorded prompt was: only its role is looked at."""

from __future__ import annotations

from typing import Any, Final

from latprof.formats.records import Record, list_of, loads_leniently, text_of
from latprof.model import Trigger

__all__ = ["trigger_in_messages"]

_KEYS: Final = ("gen_ai.input.messages", "ai.prompt.messages")
_RESULT_TYPES: Final = frozenset({"tool_call_response", "tool-result", "tool_result"})


def trigger_in_messages(attributes: Record) -> Trigger:
    """'unknown' where the prompt was not recorded, which is the usual case."""
    for key in _KEYS:
        messages = _messages(attributes.get(key))
        if messages:
            return _trigger(messages[-1])
    return "unknown"


def _messages(value: Any) -> list[Any]:
    if isinstance(value, str):
        try:
            value = loads_leniently(value.encode())
        except ValueError:
            return []
    return value if isinstance(value, list) else []


def _trigger(message: Any) -> Trigger:
    parts = list_of(message, "parts") or list_of(message, "content")
    role = text_of(message, "role")
    if role == "tool" or any(text_of(part, "type") in _RESULT_TYPES for part in parts):
        return "tool_result"
    return "user" if role == "user" else "unknown"
