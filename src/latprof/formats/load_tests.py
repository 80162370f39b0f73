"""What the results of all load generators have in common: runs, identities, the offered load.

A load generator times every request itself, with one clock and just before it sends, so its
instants are exact. What differs is how it writes down requests that failed: as zeros, as empty
values or as errors. None of those is a measurement.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator
from typing import Any, Final

from latprof.classes import dataclass
from latprof.formats.base import Observed, Source
from latprof.formats.records import count_of, json_document, json_lines, list_of, number_of
from latprof.model import FLAGS, Call, Problem

__all__ = [
    "AGENT",
    "OBSERVES",
    "Run",
    "array_calls",
    "documents",
    "duration_of",
    "identity",
    "mostly_failed",
    "offered",
    "once",
]

AGENT: Final = "load-test"
OBSERVES: Final[dict[str, Observed]] = {
    "ttft_s": "exact",
    "wall_s": "exact",
    "wall_tps": "exact",
    "decode_tps": "exact",
    "input_tokens": "exact",
    "output_tokens": "exact",
}
# Longer than this is damage: no generator waits for weeks.
_LONGEST_S: Final = 1e6


@dataclass(frozen=True, slots=True)
class Run:
    """What all requests of one run share; without a date its instants count from the run's first request."""

    session_id: str
    model: str | None = None
    load: str | None = None
    version: str | None = None
    dated: bool = False
    first_source: str = "first_token"

    def call(
        self,
        *values: object,
        sent_at: float,
        ttft_s: float | None,
        latency_s: float | None,
        input_tokens: int | None = None,
        output_tokens: int | None = None,
        tokens_source: str = "counted",
        flags: Iterable[str] = (),
    ) -> Call:
        """One request; `values` are what its record holds, for an identity that copies share."""
        raised = set(flags) if self.dated else {*flags, "no_date"}
        tokens = output_tokens or None
        return Call(
            agent=AGENT,
            session_id=self.session_id,
            message_id=identity(*values),
            agent_version=self.version,
            model=self.model,
            trigger="synthetic",
            sent_at=sent_at,
            sent_source="load_generator",
            first_output_at=None if ttft_s is None else sent_at + ttft_s,
            first_output_source=None if ttft_s is None else self.first_source,
            last_output_at=None if latency_s is None else sent_at + latency_s,
            last_output_source=None if latency_s is None else "load_generator",
            input_tokens=input_tokens,
            output_tokens=tokens,
            output_tokens_source=None if tokens is None else tokens_source,
            attempts=None,
            load=self.load,
            flags=tuple(flag for flag in FLAGS if flag in raised),
        )


def identity(*values: object) -> str:
    """A short name made of measured values: no two requests share them all, every copy does."""
    return hashlib.sha256("\n".join(map(str, values)).encode("utf-8", "replace")).hexdigest()[:16]


def offered(rate: object = None, at_once: object = None) -> str | None:
    """The offered load in words; a rate without end means that only the number at once limits it."""
    parts = []
    per_second = number_of({"": rate}, "")
    if per_second is not None and per_second > 0:
        parts.append(f"{per_second:g} per second")
    together = count_of({"": at_once}, "")
    if together:
        parts.append(f"{together} at once")
    if not parts and str(rate).lower() in {"inf", "infinity"}:
        return "all at once"
    return ", ".join(parts) or None


def duration_of(record: object, *keys: str, unit: float = 1.0) -> float | None:
    """The duration at a path of keys, s; None for what is no duration. `unit` is the length of one in seconds."""
    value = number_of(record, *keys)
    return value * unit if value is not None and 0 <= value * unit <= _LONGEST_S else None


def mostly_failed(failed: int, requests: int) -> bool:
    """Whether the few requests that survived no longer show the load that was offered."""
    return failed * 2 > requests


def once(items: Iterable[Call | Problem]) -> Iterator[Call | Problem]:
    """Each call once, in a file that was written twice into itself."""
    seen: set[str] = set()
    for item in items:
        if isinstance(item, Call):
            if item.call_id in seen:
                continue
            seen.add(item.call_id)
        yield item


def documents(source: Source, problems: list[Problem]) -> Iterator[tuple[int | None, Any]]:
    """Each result with its line: many, one a line, or one document over many lines."""
    if _ends_on_its_first_line(source):
        yield from json_lines(source, problems)
    else:
        document = json_document(source, problems)
        if document is not None:
            yield None, document


def _ends_on_its_first_line(source: Source) -> bool:
    try:
        with source.open() as stream:
            return stream.readline().rstrip().endswith(b"}")
    except Exception:  # noqa: BLE001 - the reading that follows meets the same error and counts it
        return False


def array_calls(run: Run, record: dict[str, Any], path: str, line: int | None) -> Iterator[Call | Problem]:
    """The requests of a result with one list per value: `ttfts`, `itls`, `input_lens`, `output_lens`, `errors`."""
    ttfts, gaps, sizes = list_of(record, "ttfts"), list_of(record, "itls"), list_of(record, "output_lens")
    if not ttfts:
        yield Problem("summary_only", path, line)
        return
    if not len(ttfts) == len(gaps) == len(sizes):
        yield Problem("bad_record", path, line, "lists of unequal length")
        return
    errors = _of_length(record, "errors", len(ttfts))
    completed = count_of(record, "completed")
    failed = max(sum(map(bool, errors)), 0 if completed is None else len(ttfts) - completed)
    if mostly_failed(failed, len(ttfts)):
        yield Problem("failed_run", path, line)
        return
    starts, inputs = _starts(record, len(ttfts)), _of_length(record, "input_lens", len(ttfts))
    rows = zip(ttfts, gaps, sizes, errors, starts, inputs, strict=True)
    for ttft, gap, size, error, start, input_tokens in rows:
        ttft_s, rest_s = duration_of({"": ttft}, ""), _total(gap)
        tokens = count_of({"": size}, "")
        if error:
            yield Problem("failed_attempt", path, line)
        elif not ttft_s or not tokens or rest_s is None:
            # Requests without an answer stand in these lists as 0.0 s and no tokens.
            yield Problem("no_measurement", path, line)
        else:
            yield run.call(
                ttft_s, rest_s, tokens, start, input_tokens,
                sent_at=start, ttft_s=ttft_s, latency_s=ttft_s + rest_s,
                input_tokens=count_of({"": input_tokens}, ""), output_tokens=tokens,
            )  # fmt: skip


def _of_length(record: object, key: str, length: int) -> list[Any]:
    values = list_of(record, key)
    return values if len(values) == length else [None] * length


def _starts(record: object, length: int) -> list[float]:
    """Seconds after the first request; 0 for all where the result does not say."""
    stamps = [number_of({"": value}, "") for value in _of_length(record, "start_times", length)]
    known = [stamp for stamp in stamps if stamp is not None]
    if len(known) < length or max(known) - min(known) > _LONGEST_S:
        return [0.0] * length
    return [stamp - min(known) for stamp in known]


def _total(gaps: object) -> float | None:
    """The sum of the gaps between chunks, s; None when one of them is no number."""
    if not isinstance(gaps, list):
        return None
    try:
        total = math.fsum(gaps)
    except (TypeError, ValueError, OverflowError):
        return None
    return total if 0 <= total <= _LONGEST_S else None
