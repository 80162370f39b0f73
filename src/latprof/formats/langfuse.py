"""Langfuse observations, as its interface, its exports and its public API give them.

A generation is one call. Its instants are those that the integration reported: most report the
start and the end, few the first chunk. Latencies that the server computed are not read, for
their unit differs between exports.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Final

from latprof.classes import dataclass
from latprof.formats.base import Format, Source
from latprof.formats.exports import arrived_whole, exported, first_chunk_source, in_order, shapes
from latprof.formats.providers import provider_of
from latprof.formats.records import Record, count_of, dict_of, list_of, seconds_of, text_of
from latprof.model import Call, Problem, Trigger

__all__ = ["FORMAT"]

_WRAPPERS: Final = ("data", "observations")
_KEYS: Final = frozenset({"id", "type", "traceId", "startTime", "endTime", "parentObservationId"})
_SNAKE: Final = re.compile(r"_([a-z])")
_READ: Final = re.compile(r"cache.?read|cached|cache_hit", re.IGNORECASE)
_WRITTEN: Final = re.compile(r"cache.?(?:creation|write)|input_cache_create", re.IGNORECASE)
_REASONED: Final = re.compile(r"reasoning|thinking|thoughts", re.IGNORECASE)
_ID_ATTRIBUTES: Final = ("gen_ai.response.id", "ai.response.id")
_PROVIDER_ATTRIBUTES: Final = ("gen_ai.provider.name", "gen_ai.system")


@dataclass(frozen=True, slots=True)
class _Counts:
    whole: int | None
    read: int | None
    written: int | None
    output: int | None
    reasoning: int | None


def _sniff(_: str, head: bytes) -> bool:
    if b"traceId" not in head and b"trace_id" not in head:
        return False
    return any({_camel(name) for name in names} >= _KEYS for names in shapes(head))


def _read(source: Source) -> Iterator[Call | Problem]:
    """Generations in the order of the file; of two records of one call the inner one."""
    problems: list[Problem] = []
    generations: dict[str, Record] = {}
    failures: list[Problem] = []
    for line, raw in exported(source, problems, wrappers=_WRAPPERS):
        record = {_camel(key): value for key, value in raw.items()}
        own = text_of(record, "id")
        if own is None or not {"type", "startTime"} <= record.keys():
            problems.append(Problem("bad_record", source.path, line, "no observation"))
        elif record["type"] == "GENERATION" and own not in generations:
            if record.get("level") == "ERROR":
                failures.append(Problem("failed_attempt", source.path, line))
            generations[own] = record
    outer = _outer(generations.values())
    for own, record in generations.items():
        if record.get("level") != "ERROR" and own not in outer:
            yield _call(record)
    yield from failures
    yield from problems


def _camel(name: str) -> str:
    return _SNAKE.sub(lambda match: match[1].upper(), name)


def _outer(generations: Iterable[Record]) -> set[str]:
    """Generations around another one with the same tokens: a wrapper and a gateway reported one call."""
    alike: dict[tuple[str | None, int | None, int | None], list[tuple[float, float, str]]] = {}
    for record in generations:
        counts = _counts(record)
        start, end = seconds_of(record.get("startTime")), seconds_of(record.get("endTime"))
        if start is not None and end is not None and counts.output is not None and counts.whole is not None:
            key = (text_of(record, "traceId"), counts.whole, counts.output)
            alike.setdefault(key, []).append((start, end, record["id"]))
    outer: set[str] = set()
    for group in alike.values():
        # The longest one first of those that begin together, so that what is inside stands behind what is around it.
        group.sort(key=lambda item: (item[0], -item[1], item[2]))
        for (_, end, own), (_, next_end, _) in pairwise(group):
            if next_end <= end:
                outer.add(own)
    return outer


def _call(record: Record) -> Call:
    counts = _counts(record)
    start, first, end = _instants(record)
    flags = set()
    if start is not None and end is not None and end < start:
        flags.add("clock_step")
    if start is not None and first is not None and end is not None and arrived_whole(start, first, end, counts.output):
        flags.add("non_streamed")
        first = None
    answered = _attribute(record, _ID_ATTRIBUTES)
    return Call(
        agent="langfuse",
        session_id=text_of(record, "sessionId") or text_of(record, "traceId") or "",
        message_id=text_of(record, "id"),
        request_id=answered,
        provider=provider_of(_attribute(record, _PROVIDER_ATTRIBUTES)),
        model=text_of(record, "providedModelName") or text_of(record, "model"),
        trigger=_trigger(record),
        sent_at=start,
        sent_source=None if start is None else "span_start",
        first_output_at=first,
        first_output_source=first_chunk_source(first, counts.reasoning),
        last_output_at=end,
        last_output_source=None if end is None else "span_end",
        input_tokens=counts.whole,
        cache_read_tokens=counts.read,
        cache_write_tokens=counts.written,
        output_tokens=counts.output,
        output_tokens_source=None if counts.output is None else "usage",
        reasoning_tokens=counts.reasoning,
        attempts=None,
        flags=in_order(flags),
    )


def _instants(record: Record) -> tuple[float | None, float | None, float | None]:
    """Start, first chunk, end; a first chunk at the end is how some integrations say that there was none."""
    start, first, end = (seconds_of(record.get(key)) for key in ("startTime", "completionStartTime", "endTime"))
    if first is not None and ((start is not None and first < start) or (end is not None and first >= end)):
        first = None
    return start, first, end


def _counts(record: Record) -> _Counts:
    # Older records have three plain counts only.
    stated = dict_of(record, "usageDetails") or dict_of(record, "usage")
    usage = {key: count for key in stated if (count := count_of(stated, key))}
    details = {key: count for key, count in usage.items() if key not in {"input", "output", "total"}}
    inputs, outputs = usage.get("input"), usage.get("output")
    apart = _apart(record, usage, details)
    read, written, reasoning = (_sum(details, kind) for kind in (_READ, _WRITTEN, _REASONED))
    if apart and details:
        others = sum(count for key, count in details.items() if _is_output(key))
        outputs = (outputs or 0) + others
        inputs = (inputs or 0) + sum(details.values()) - others
    elif apart is None:
        inputs, outputs = count_of(record, "inputUsage"), count_of(record, "outputUsage")
        inputs = usage.get("input") if inputs is None and not any(not _is_output(key) for key in details) else inputs
        outputs = usage.get("output") if outputs is None and not any(map(_is_output, details)) else outputs
    # What cannot be: parts that are more than the whole.
    if inputs is not None and inputs < (read or 0) + (written or 0):
        inputs = None
    if reasoning is not None and reasoning > (outputs or 0):
        reasoning = None
    return _Counts(inputs or None, read, written, outputs or None, reasoning)


def _apart(record: Record, usage: dict[str, int], details: dict[str, int]) -> bool | None:
    """Whether details are counted beside `input` and `output` and not inside; None when nothing tells.

    Integrations differ, so the totals that the record holds decide.
    """
    plain = usage.get("input", 0) + usage.get("output", 0)
    total = usage.get("total") or count_of(record, "totalUsage")
    parts = [count_of(record, key) for key in ("inputUsage", "outputUsage")]
    if total is None and parts[0] is not None and parts[1] is not None:
        total = parts[0] + parts[1]
    if not details or total == plain:
        return False
    return True if total == plain + sum(details.values()) else None


def _is_output(key: str) -> bool:
    return key.startswith(("output", "completion")) or _REASONED.search(key) is not None


def _sum(details: dict[str, int], kind: re.Pattern[str]) -> int | None:
    counts = [count for key, count in details.items() if kind.search(key)]
    return sum(counts) if counts else None


def _attribute(record: Record, names: tuple[str, ...]) -> str | None:
    attributes = dict_of(record, "metadata", "attributes")
    return next((found for name in names if (found := text_of(attributes, name))), None)


def _trigger(record: Record) -> Trigger:
    """What the last message of the stored input is."""
    messages = list_of(record, "input") or list_of(record, "input", "messages")
    if not messages:
        return "unknown"
    last = messages[-1]
    kinds = {text_of(part, "type") for part in list_of(last, "content")}
    if text_of(last, "role") == "tool" or not kinds.isdisjoint({"tool_result", "tool-result"}):
        return "tool_result"
    return "user" if text_of(last, "role") == "user" else "unknown"


FORMAT = Format(
    name="langfuse",
    title="Langfuse",
    agent="langfuse",
    roots=(),
    env_roots={},
    suffixes=(".json", ".jsonl", ".csv"),
    observes={
        "ttft_s": "exact",
        "first_block_s": "bound",
        "wall_s": "exact",
        "wall_tps": "exact",
        "decode_tps": "exact",
        "input_tokens": "exact",
        "cache_read_tokens": "exact",
        "cache_write_tokens": "exact",
        "cache_hit_share": "exact",
        "output_tokens": "exact",
        "reasoning_tokens": "exact",
    },
    marks=(b"traceId", b"trace_id"),
    sniff=_sniff,
    read=_read,
    shape="document",
)
