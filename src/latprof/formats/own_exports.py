"""Rows of latprof's own exports -> the calls that they were.

An export holds instants to the millisecond and durations to the microsecond. The instants are
moved within their millisecond until they give the durations again, so that the figures of an
export are those of the logs it was made from.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from latprof.classes import dataclass
from latprof.formats.base import Observed, Source
from latprof.formats.records import Record, count_of, list_of, number_of, seconds_of, text_of
from latprof.model import (
    FIRST_OUTPUT_SOURCES,
    FLAGS,
    LAST_OUTPUT_SOURCES,
    OUTPUT_TOKENS_SOURCES,
    SENT_SOURCES,
    TRIGGERS,
    Block,
    BlockType,
    Call,
    Problem,
    Sighting,
    Trigger,
)

__all__ = ["OBSERVES", "OWN_COLUMNS", "call_of", "calls_of"]

# Columns that no other table of calls has.
OWN_COLUMNS: Final = ("agent", "sent_source", "last_output_source", "wall_kind", "output_tokens_kind")
# Whatever the logs showed from which the export was made.
OBSERVES: Final[dict[str, Observed]] = {
    "ttft_s": "exact",
    "first_block_s": "bound",
    "wall_s": "exact or bound",
    "wall_tps": "exact or bound",
    "decode_tps": "exact",
    "as_logged_ttft_s": "as_logged",
    "as_logged_decode_tps": "as_logged",
    "input_tokens": "exact",
    "cache_read_tokens": "exact",
    "cache_write_tokens": "exact",
    "output_tokens": "exact",
    "reasoning_tokens": "exact",
    "cache_hit_share": "exact",
    "tool_s": "bound",
    "attempts": "bound",
}
_SOURCES: Final[dict[str, Mapping[str, Sighting]]] = {
    "sent": SENT_SOURCES,
    "first_output": FIRST_OUTPUT_SOURCES,
    "last_output": LAST_OUTPUT_SOURCES,
}
_TEXTS: Final = (
    "message_id", "request_id", "agent_version", "agent_id", "provider", "model", "requested_model", "project",
    "host", "engineer", "effort", "speed_mode", "load", "stop_reason",
)  # fmt: skip
_COUNTS: Final = ("input_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens")
_IDS: Final = ("call_id", "message_id", "request_id", "session_id")
_BLOCK_TYPES: Final[dict[str, BlockType]] = {
    "thinking": "thinking", "text": "text", "tool_use": "tool_use", "other": "other",
}  # fmt: skip
_TRIGGERS: Final[dict[str, Trigger]] = {name: name for name in TRIGGERS}
# Two instants are each good to half a millisecond, and a duration to half a microsecond.
_STAMP_S: Final = 0.00101
_DUST_S: Final = 0.0000006

_Span = tuple[str, str, float]


def calls_of(rows: Iterable[tuple[int, Record]], source: Source, problems: list[Problem]) -> Iterator[Call | Problem]:
    """The calls of the rows, each once, then what could not be used."""
    seen: set[str] = set()
    for number, row in rows:
        call = call_of(row)
        if call is None:
            problems.append(Problem("bad_record", source.path, number, "no call"))
        elif call.call_id not in seen:
            seen.add(call.call_id)
            yield call
    yield from problems


def call_of(row: Record) -> Call | None:
    """The call of a row; None when the row does not say which agent made it."""
    agent = text_of(row, "agent")
    if agent is None:
        return None
    blocks = tuple(_block(part) for part in list_of(row, "blocks") if isinstance(part, dict))
    known = _known_instants(row, blocks)
    flags = _flags(row)
    if known.undated:
        flags |= {"no_date"}
    attempts = count_of(row, "attempts") or None
    fields: dict[str, Any] = {name: text_of(row, name) for name in _TEXTS}
    fields |= {name: count_of(row, name) for name in _COUNTS}
    fields |= _sightings(row, known.at) | _output_tokens(row)
    return Call(
        agent=agent,
        session_id=text_of(row, "session_id") or "",
        trigger=_TRIGGERS.get(text_of(row, "trigger") or "", "unknown"),
        trigger_at=seconds_of(row.get("trigger_at")),
        headers_at=seconds_of(row.get("headers_at")),
        attempts=attempts,
        flags=tuple(flag for flag in FLAGS if flag in flags),
        blocks=_with_first_end(blocks, known.at.get("first_block")),
        tool_s=number_of(row, "tool_s"),
        stated_id=_stated_id(row),
        **fields,
    )


def _stated_id(row: Record) -> str | None:
    """The call's id; where a person took out all ids, one made of the row, so that no two rows become one."""
    if any(text_of(row, name) for name in _IDS):
        return text_of(row, "call_id")
    return hashlib.sha256(repr(sorted(row.items())).encode("utf-8", "replace")).hexdigest()[:16]


def _flags(row: Record) -> set[str]:
    flags = row.get("flags")
    return set(flags.split()) if isinstance(flags, str) else {flag for flag in list_of(row, "flags") if flag in FLAGS}


def _output_tokens(row: Record) -> dict[str, Any]:
    tokens, source = count_of(row, "output_tokens"), text_of(row, "output_tokens_source")
    if not tokens or source not in OUTPUT_TOKENS_SOURCES:
        return {"output_tokens": None, "output_tokens_source": None, "reasoning_tokens": None}
    return {"output_tokens": tokens, "output_tokens_source": source}


def _sightings(row: Record, at: Mapping[str, float]) -> dict[str, Any]:
    """Each instant with how it was seen; one without the other says nothing."""
    fields: dict[str, Any] = {}
    for name, sources in _SOURCES.items():
        source = text_of(row, f"{name}_source")
        known = name in at and source in sources
        fields |= {f"{name}_at": at[name] if known else None, f"{name}_source": source if known else None}
    return fields


def _block(part: Record) -> Block:
    return Block(
        type=_BLOCK_TYPES.get(text_of(part, "type") or "", "other"),
        end_at=seconds_of(part.get("end_at")),
        start_at=seconds_of(part.get("start_at")),
        characters=count_of(part, "characters"),
        tokens=count_of(part, "tokens"),
        name=text_of(part, "name"),
        result_at=seconds_of(part.get("result_at")),
        signature_characters=count_of(part, "signature_characters"),
    )


def _with_first_end(blocks: tuple[Block, ...], end_at: float | None) -> tuple[Block, ...]:
    """The blocks with the end of the first one as the durations tell it; a table shows no more of them."""
    if end_at is None:
        return blocks
    return (replace(blocks[0], end_at=end_at), *blocks[1:]) if blocks else (Block("other", end_at=end_at),)


@dataclass(frozen=True, slots=True)
class _Instants:
    """What is known of sent, first_output, last_output and first_block; `undated` with an arbitrary zero."""

    at: dict[str, float]
    undated: bool = False


def _known_instants(row: Record, blocks: tuple[Block, ...]) -> _Instants:
    stated = {name: at for name in _SOURCES if (at := seconds_of(row.get(f"{name}_at"))) is not None}
    if blocks and blocks[0].end_at is not None:
        stated["first_block"] = blocks[0].end_at
    spans = _spans(row, stated)
    undated = not stated and (bool(spans) or "no_date" in _flags(row))
    if undated:
        ends = any(until == "last_output" for _, until, _ in spans)
        stated["last_output" if ends else "sent"] = _stamp_in_id(row)
    sharp = _sharpened(stated, spans)
    is_reckoned = text_of(row, "sent_source") == "retry_adjusted" and "first_block" not in stated
    lonely = is_reckoned and [span[:2] for span in spans] == [("sent", "first_block")]
    whole = {name: round(instant, 6) for name, instant in (_block_as_logged(sharp) if lonely else sharp).items()}
    return _Instants(whole, undated)


def _block_as_logged(at: dict[str, float]) -> dict[str, float]:
    """Of a send time that was reckoned and a block's end that a table does not state, the end is a log's stamp."""
    end = round(at["first_block"], 3)
    return at | {"sent": at["sent"] - (at["first_block"] - end), "first_block": end}


def _stamp_in_id(row: Record) -> float:
    """The end of a call without a date, else its start, as its id has it: calls of one run keep their order."""
    stamp = (text_of(row, "call_id") or "").rpartition("/")[2]
    return int(stamp) / 1000 if stamp.isascii() and stamp.isdigit() and len(stamp) <= 12 else 0.0


def _spans(row: Record, stated: Mapping[str, float]) -> list[_Span]:
    """The durations between two instants that the row states."""
    hidden = 1.0 if "whole_seconds" in _flags(row) else 0.0
    wall, block, tokens = number_of(row, "wall_s"), number_of(row, "first_block_s"), count_of(row, "output_tokens")
    # What was estimated is estimated again; it is no span between instants.
    ttft = number_of(row, "ttft_s") if text_of(row, "ttft_kind") in {None, "exact"} else None
    speed = number_of(row, "decode_tps") if text_of(row, "decode_kind") in {None, "exact"} else None
    spans: list[_Span] = []
    if ttft is not None:
        spans.append(("sent", "first_output", ttft))
    if wall is not None:
        spans.append(("sent", "last_output", wall - hidden))
    if speed is not None and speed > 0 and tokens:
        spans.append(("first_output", "last_output", (tokens - 1) / speed))
    if block is not None:
        is_table = not isinstance(row.get("blocks"), list)
        spans += _bound_spans(block - hidden, stated, without_ttft=ttft is None, is_table=is_table)
    return spans


def _bound_spans(span: float, stated: Mapping[str, float], *, without_ttft: bool, is_table: bool) -> Iterator[_Span]:
    """To the first block; without a first token to it or to some other output, whichever came first."""
    is_shown = False
    if without_ttft and "sent" in stated and "first_output" in stated:
        is_shown = abs(stated["first_output"] - stated["sent"] - span) <= _STAMP_S
    if is_shown:
        yield "sent", "first_output", span
    if "first_block" in stated or (is_table and not is_shown):
        yield "sent", "first_block", span


def _sharpened(stated: dict[str, float], spans: list[_Span]) -> dict[str, float]:
    """The stated instants, moved within their millisecond so that their differences are the stated spans."""
    at: dict[str, float] = {}
    for anchor in stated:
        if anchor not in at:
            at |= _centred(_connected(anchor, stated, spans), stated)
    return at


def _connected(anchor: str, stated: dict[str, float], spans: list[_Span]) -> dict[str, float]:
    """The instants that spans lead to from this one; a span that contradicts the stamps leads nowhere."""
    group = {anchor: stated[anchor]}
    steps = [*spans, *((until, since, -span) for since, until, span in spans)]
    while step := next((step for step in steps if _leads_on(step, group, stated)), None):
        known, other, span = step
        group[other] = group[known] + span
    return group


def _leads_on(step: _Span, group: dict[str, float], stated: dict[str, float]) -> bool:
    known, other, span = step
    if known not in group or other in group:
        return False
    at = group[known] + span
    return abs(at - stated.get(other, at)) <= _STAMP_S


def _centred(group: dict[str, float], stated: dict[str, float]) -> dict[str, float]:
    """Where the stamps and the spans differ, move as few instants as possible, each inside its own millisecond.

    Logs hold whole milliseconds; an instant that was reckoned from one is between them, most often the send time.
    """
    moves = {name: at - stated[name] for name, at in group.items() if name in stated}
    if max(map(abs, moves.values())) <= _DUST_S:
        return group | {name: stated[name] for name in moves}
    for _, back in sorted((_cost(moves, back), back) for back in set(moves.values())):
        if max(abs(move - back) for move in moves.values()) <= _STAMP_S / 2:
            kept = {name: stated[name] for name, move in moves.items() if abs(move - back) <= _DUST_S}
            return {name: at - back for name, at in group.items()} | kept
    middle = (max(moves.values()) + min(moves.values())) / 2
    return {name: at - middle for name, at in group.items()}


def _cost(moves: Mapping[str, float], back: float) -> tuple[int, bool]:
    """How many instants have to move, and whether any but the send time has to."""
    moved = {name for name, move in moves.items() if abs(move - back) > _DUST_S}
    return len(moved), bool(moved - {"sent"})
