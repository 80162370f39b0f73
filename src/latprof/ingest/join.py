"""One call from several sources: a session log, telemetry, a gateway's row, an export.

The record that shows more of the call stays; each instant is taken from the record that saw it
best, and its source goes with it. Tokens and names that only the other record has are filled in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field, replace
from dataclasses import fields as dataclass_fields
from typing import Any, Final

from latprof.classes import dataclass
from latprof.ingest.match import Record, match
from latprof.model import FIRST_OUTPUT_SOURCES, FLAGS, LAST_OUTPUT_SOURCES, SENT_SOURCES, Block, Call, Sighting

__all__ = ["Joined", "join", "whole_call"]

# Two records of one machine agree on the end of a call within so much; others have another clock.
_SAME_CLOCK_S: Final = 0.5
_INSTANTS: Final[dict[str, Mapping[str, Sighting]]] = {
    "sent": SENT_SOURCES,
    "first_output": FIRST_OUTPUT_SOURCES,
    "last_output": LAST_OUTPUT_SOURCES,
}
_FILLED: Final = (
    "message_id", "agent_version", "agent_id", "provider", "model", "requested_model", "project", "host",
    "engineer", "effort", "speed_mode", "input_tokens", "cache_read_tokens", "cache_write_tokens", "attempts",
    "load", "stop_reason",
)  # fmt: skip
_OF_BLOCKS: Final = tuple(item.name for item in dataclass_fields(Block) if item.name != "type")
_FILLED_BY_CLOCK: Final = ("trigger_at", "headers_at")
_COUNTED: Final = ("output_tokens", "output_tokens_source", "reasoning_tokens")
# They stand between an agent and a model, and know the agent at best by its name.
_GO_BETWEENS: Final = frozenset({"langfuse", "litellm", "openrouter"})
# What a record says about its own stamps goes with them, and says nothing about another's.
_OF_THE_STAMPS: Final = frozenset(
    {"batched_chunks", "clock_step", "server_side", "timestamp_unreliable", "whole_seconds"}
)
# Stamps that would make bounds or nothing at all of every duration that they are in.
_SPOILING: Final = _OF_THE_STAMPS - {"batched_chunks"}
_OF_THE_RECORD: Final = frozenset({"embedded", "no_date"})


@dataclass(slots=True)
class Joined:
    """The calls, and how many records were taken into another one."""

    calls: list[Call] = field(default_factory=list)
    taken_in: int = 0


def join(records: Iterable[Record]) -> Joined:
    """Join the records that tell of one call, as `match` finds them; the others stay as they are."""
    records = list(records)
    sizes = Counter(call.session_id for _, call in records)
    result = Joined()
    for group in match(records):
        result.calls.append(group[0].call if len(group) == 1 else whole_call(group, sizes))
        result.taken_in += len(group) - 1
    return result


def whole_call(group: Sequence[Record], sizes: Mapping[str, int]) -> Call:
    """The call that several records tell of; `sizes` are how many records name each session."""
    ordered = sorted(group, key=_shows, reverse=True)
    whole = ordered[0].call
    for _, other in ordered[1:]:
        whole = _with(whole, other)
    return replace(whole, session_id=_session(ordered, sizes))


def _session(group: Sequence[Record], sizes: Mapping[str, int]) -> str:
    """The session's name in the source that tells most of it, so that all its calls get the same name."""

    def told(call: Call) -> tuple[bool, bool, int, str]:
        return call.session_id != "", call.agent not in _GO_BETWEENS, sizes[call.session_id], call.session_id

    return max((call for _, call in group), key=told).session_id


def _shows(record: Record) -> tuple[Any, ...]:
    """How much a record shows: the agent's own before a gateway's, blocks and their tools, a log before an export.

    Ties are broken by id and source, so that order never matters.
    """
    source, call = record
    stamps = sum(at is not None for block in call.blocks for at in (block.end_at, block.result_at))
    return (
        call.agent not in _GO_BETWEENS, len(call.blocks), stamps, call.trigger != "unknown",
        call.message_id is not None, call.stated_id is None, call.call_id, source,
    )  # fmt: skip


def _with(call: Call, other: Call) -> Call:
    one_clock = _same_clock(call, other)
    better = _better(call, other, one_clock=one_clock)
    fields = _missing(call, other, (*_FILLED, *_FILLED_BY_CLOCK) if one_clock else _FILLED)
    if call.trigger == "unknown":
        fields["trigger"] = other.trigger
    if call.output_tokens is None and "interrupted" not in call.flags:
        fields |= {name: getattr(other, name) for name in _COUNTED}
    elif call.output_tokens == other.output_tokens:
        fields |= _missing(call, other, ("reasoning_tokens",))
    if (other.attempts or 0) > (call.attempts or 0):
        fields["attempts"] = other.attempts
    fields |= {f"{name}_{part}": getattr(other, f"{name}_{part}") for name in better for part in ("at", "source")}
    if one_clock:
        fields["blocks"] = _blocks(call.blocks, other.blocks)
    elif better:
        fields |= {"trigger_at": other.trigger_at, "headers_at": other.headers_at, "blocks": ()}
    raised = _flags(call, other, better)
    fields["flags"] = tuple(name for name in FLAGS if name in raised)
    return replace(call, **fields)


def _missing(call: Call, other: Call, names: Iterable[str]) -> dict[str, Any]:
    return {
        name: found for name in names if getattr(call, name) is None and (found := getattr(other, name)) is not None
    }


def _blocks(blocks: tuple[Block, ...], others: tuple[Block, ...]) -> tuple[Block, ...]:
    """The blocks with what only the other record says of them, if both show the same ones."""
    if [block.type for block in blocks] != [block.type for block in others]:
        return blocks
    return tuple(
        replace(block, **{name: getattr(other, name) for name in _OF_BLOCKS if getattr(block, name) is None})
        for block, other in zip(blocks, others, strict=True)
    )


def _flags(call: Call, other: Call, taken: list[str]) -> set[str]:
    """All that is known of the call, and of the stamps that are left."""
    kept = any(getattr(call, f"{name}_at") is not None and name not in taken for name in _INSTANTS)
    own = set(call.flags) if kept or not taken else set(call.flags) - _OF_THE_STAMPS
    return own | (set(other.flags) - _OF_THE_RECORD - (frozenset() if taken else _OF_THE_STAMPS))


def _better(call: Call, other: Call, *, one_clock: bool) -> list[str]:
    """Which instants the other record saw better; of records with different clocks all or none."""
    has_any = any(getattr(call, f"{name}_at") is not None for name in _INSTANTS)
    if has_any and not _SPOILING.intersection(other.flags) <= set(call.flags):
        return []
    if one_clock:
        return [name for name in _INSTANTS if _rank(other, name) < _rank(call, name)]
    return list(_INSTANTS) if "no_date" not in other.flags and _ranks(other) < _ranks(call) else []


def _same_clock(call: Call, other: Call) -> bool:
    if ("no_date" in call.flags) != ("no_date" in other.flags):
        return False
    if call.last_output_at is None or other.last_output_at is None:
        return True
    return abs(call.last_output_at - other.last_output_at) <= _SAME_CLOCK_S


def _ranks(call: Call) -> tuple[int, ...]:
    """The first token counts most, for it is what most records lack."""
    return tuple(_rank(call, name) for name in ("first_output", "sent", "last_output"))


def _rank(call: Call, name: str) -> int:
    """0 for the best way of seeing an instant; any is better than whole seconds, and unseen is worst."""
    known = list(_INSTANTS[name])
    source = getattr(call, f"{name}_source")
    if source not in known:
        return 2 * len(known)
    return known.index(source) + (len(known) if "whole_seconds" in call.flags else 0)
