"""OpenRouter's records of generations, one answer of its interface for each, alone or in a list.

Durations are the router's own, without the network. What they mean is not documented; the end is
taken as late as any reading allows, so that walls are upper bounds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from latprof.formats.base import Format, Source
from latprof.formats.exports import exported, in_order, shapes
from latprof.formats.records import Record, count_of, list_of, number_of, seconds_of, text_of
from latprof.model import Call, Problem

__all__ = ["FORMAT"]

_KEYS: Final = frozenset({"id", "generation_time", "latency", "native_tokens_completion"})
_ID: Final = re.compile(r"gen-(?:(\d{10})-)?[0-9A-Za-z-]+")
_OTHER_CALLS: Final = frozenset({"embeddings"})
_MS: Final = 1e-3


def _sniff(_: str, head: bytes) -> bool:
    return b"native_tokens_completion" in head and any(names >= _KEYS for names in shapes(head))


def _read(source: Source) -> Iterator[Call | Problem]:
    """Calls in the order of the records."""
    problems: list[Problem] = []
    seen: set[str] = set()
    for line, record in exported(source, problems):
        own = text_of(record, "id")
        match = _ID.fullmatch(own or "")
        if own is None or match is None:
            problems.append(Problem("bad_record", source.path, line, "no record of a generation"))
        elif own not in seen and text_of(record, "api_type") not in _OTHER_CALLS:
            seen.add(own)
            yield _call(record, own, seconds_of(float(match[1]), unit=1.0) if match[1] else None)
    yield from problems


def _call(record: Record, own: str, arrived_at: float | None) -> Call:
    sent_at = arrived_at if arrived_at is not None else seconds_of(record.get("created_at"))
    flags = _flags(record)
    first_s, end_s = _spans(record)
    if "non_streamed" in flags:
        first_s = None
    first_at = None if sent_at is None or first_s is None else sent_at + first_s
    last_at = None if sent_at is None or end_s is None else sent_at + end_s
    whole, output = (
        count_of(record, "native_tokens_prompt") or None,
        count_of(record, "native_tokens_completion") or None,
    )
    read, reasoning = count_of(record, "native_tokens_cached"), count_of(record, "native_tokens_reasoning")
    return Call(
        agent="openrouter",
        session_id=text_of(record, "session_id") or "",
        message_id=own,
        request_id=own,
        provider="openrouter",
        model=text_of(record, "model"),
        sent_at=sent_at,
        sent_source=None if sent_at is None else "gateway_start",
        first_output_at=first_at,
        first_output_source=None if first_at is None else "first_chunk",
        last_output_at=last_at,
        last_output_source=None if last_at is None else "record_written",
        input_tokens=whole,
        cache_read_tokens=None if read is None or read > (whole or 0) else read,
        output_tokens=output,
        output_tokens_source=None if output is None else "usage",
        reasoning_tokens=None if reasoning is None or reasoning > (output or 0) else reasoning,
        attempts=len(list_of(record, "provider_responses")) or None,
        stop_reason=text_of(record, "native_finish_reason") or text_of(record, "finish_reason"),
        flags=in_order(flags),
    )


def _spans(record: Record) -> tuple[float | None, float | None]:
    """Arrival to the first byte and to the end, s.

    The time of generation may or may not hold the wait for the first byte: the later end is taken.
    A wait that is longer than the whole belongs to another reading, so it is none.
    """
    latency, generation = number_of(record, "latency"), number_of(record, "generation_time")
    if latency is None or generation is None or latency < 0 or generation <= 0:
        return None, None
    return (latency * _MS if latency <= generation else None), (latency + generation) * _MS


def _flags(record: Record) -> set[str]:
    flags = {"server_side"}
    if record.get("streamed") is not True:
        flags.add("non_streamed")
    if record.get("cancelled") is True:
        flags.add("interrupted")
    if len(list_of(record, "provider_responses")) > 1:
        flags.add("retried")
    return flags


FORMAT = Format(
    name="openrouter",
    title="OpenRouter",
    agent="openrouter",
    roots=(),
    env_roots={},
    suffixes=(".json", ".jsonl"),
    observes={
        "first_block_s": "bound",
        "wall_s": "bound",
        "wall_tps": "bound",
        "input_tokens": "exact",
        "cache_read_tokens": "exact",
        "cache_hit_share": "exact",
        "output_tokens": "exact",
        "reasoning_tokens": "exact",
        "attempts": "bound",
    },
    marks=(b"native_tokens_completion",),
    sniff=_sniff,
    read=_read,
    shape="document",
)
