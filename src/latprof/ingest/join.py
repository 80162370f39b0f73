"""One call from two kinds of record: a session line and a telemetry span share a request id.

The record that shows more of the call stays; each instant is taken from the record that saw it
best, and its source goes with it. Tokens and names that only the other record has are filled in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from latprof.model import FIRST_OUTPUT_SOURCES, FLAGS, LAST_OUTPUT_SOURCES, SENT_SOURCES, Call, Sighting

__all__ = ["Joined", "join"]

# Two records of one machine agree on the end of a call within so much; others have another clock.
_SAME_CLOCK_S: Final = 0.5
_INSTANTS: Final[dict[str, Mapping[str, Sighting]]] = {
    "sent": SENT_SOURCES,
    "first_output": FIRST_OUTPUT_SOURCES,
    "last_output": LAST_OUTPUT_SOURCES,
}
_FILLED: Final = (
    "message_id", "agent_version", "agent_id", "provider", "model", "requested_model", "project", "effort",
    "speed_mode", "trigger_at", "headers_at", "input_tokens", "cache_read_tokens", "cache_write_tokens",
    "reasoning_tokens", "attempts", "load", "stop_reason",
)  # fmt: skip
# What a record says about its own stamps says nothing about another's.
_OF_THE_STAMPS: Final = frozenset({"no_date", "whole_seconds", "server_side", "embedded", "batched_chunks"})


@dataclass(slots=True)
class Joined:
    """The calls, and how many records were taken into another one."""

    calls: list[Call] = field(default_factory=list)
    taken_in: int = 0


def join(calls: Iterable[Call]) -> Joined:
    """Join the calls that share a request id; calls without one stay as they are."""
    result = Joined()
    groups: dict[str, list[Call]] = {}
    for call in calls:
        if call.request_id:
            groups.setdefault(call.request_id, []).append(call)
        else:
            result.calls.append(call)
    for group in groups.values():
        group.sort(key=_shows, reverse=True)
        whole = group[0]
        for other in group[1:]:
            whole = _with(whole, other)
        result.calls.append(whole)
        result.taken_in += len(group) - 1
    return result


def _shows(call: Call) -> tuple[Any, ...]:
    """How much of a call a record shows: blocks and their tools first; ties by id, so that order never matters."""
    return (len(call.blocks), call.trigger != "unknown", call.message_id is not None, call.agent, call.call_id)


def _with(call: Call, other: Call) -> Call:
    fields: dict[str, Any] = {
        name: getattr(other, name)
        for name in _FILLED
        if getattr(call, name) is None and getattr(other, name) is not None
    }
    if call.trigger == "unknown":
        fields["trigger"] = other.trigger
    if call.output_tokens is None and "interrupted" not in call.flags:
        fields |= {"output_tokens": other.output_tokens, "output_tokens_source": other.output_tokens_source}
    if (other.attempts or 0) > (call.attempts or 0):
        fields["attempts"] = other.attempts
    fields |= _instants(call, other)
    raised = set(call.flags) | (set(other.flags) - _OF_THE_STAMPS)
    fields["flags"] = tuple(name for name in FLAGS if name in raised)
    return replace(call, **fields)


def _instants(call: Call, other: Call) -> dict[str, Any]:
    """The better of each instant; of records with different clocks all from the better record."""
    if _same_clock(call, other):
        better = [name for name in _INSTANTS if _rank(other, name) < _rank(call, name)]
    else:
        better = list(_INSTANTS) if _ranks(other) < _ranks(call) else []
    taken = {f"{name}_{part}": getattr(other, f"{name}_{part}") for name in better for part in ("at", "source")}
    if "sent" in better and "trigger_at" not in taken and not _same_clock(call, other):
        taken |= {"trigger_at": other.trigger_at, "headers_at": other.headers_at, "blocks": ()}
    return taken


def _same_clock(call: Call, other: Call) -> bool:
    if call.last_output_at is None or other.last_output_at is None:
        return True
    return abs(call.last_output_at - other.last_output_at) <= _SAME_CLOCK_S


def _ranks(call: Call) -> tuple[int, ...]:
    """The first token counts most, for it is what most records lack."""
    return tuple(_rank(call, name) for name in ("first_output", "sent", "last_output"))


def _rank(call: Call, name: str) -> int:
    """0 for the best way of seeing an instant; unseen is worst."""
    known = list(_INSTANTS[name])
    source = getattr(call, f"{name}_source")
    return known.index(source) if source in known else len(known)
