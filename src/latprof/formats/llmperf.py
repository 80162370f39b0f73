"""Results of llmperf: `*_individual_responses.json`, one record per request, durations without dates.

Model and concurrency stand only in the summary (`*_summary.json`), which lies beside the requests or
in a folder of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from latprof.formats.base import Format, Source
from latprof.formats.load_tests import AGENT, OBSERVES, Run, duration_of, identity, mostly_failed, offered, once
from latprof.formats.records import Record, count_of, json_document, text_of
from latprof.model import Call, Problem

__all__ = ["FORMAT"]

_KEY: Final = re.compile(rb'"([a-z0-9_]+)"\s*:')
_REQUEST_KEYS: Final = frozenset({b"error_code", b"ttft_s", b"end_to_end_latency_s", b"number_output_tokens"})
_SUMMARY_KEYS: Final = frozenset({b"num_concurrent_requests", b"mean_input_tokens", b"results_ttft_s_mean"})
_REQUESTS_ENDING: Final = "_individual_responses.json"
_SUMMARY_ENDING: Final = "_summary.json"
# The tool's own judgement that an answer is shorter than was asked for; the answer itself is complete.
_TOO_SHORT: Final = -100


def _sniff(_: str, head: bytes) -> bool:
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if b'"error_code"' not in start and b'"num_concurrent_requests"' not in start:
        return False  # most files of others are told by this alone
    keys = set(_KEY.findall(start))
    return (start.startswith(b"[") and keys >= _REQUEST_KEYS) or (start.startswith(b"{") and keys >= _SUMMARY_KEYS)


def _read(source: Source) -> Iterator[Call | Problem]:
    problems: list[Problem] = []
    document = json_document(source, problems)
    yield from problems
    if isinstance(document, list):
        yield from once(_items(source, document))
    elif document is not None and not _beside(source, _SUMMARY_ENDING, _REQUESTS_ENDING, "../individual"):
        yield Problem("summary_only", source.path)


def _beside(source: Source, ending: str, other_ending: str, folder: str) -> Source | None:
    """The other half of a result: by its ending in the same folder, by its name in a folder of its own."""
    here = source.name.removesuffix(ending) + other_ending
    return (source.beside(here) if source.name.endswith(ending) else None) or source.beside(f"{folder}/{source.name}")


def _items(source: Source, requests: list[Any]) -> Iterator[Call | Problem]:
    summary = _summary_of(source)
    if mostly_failed(sum(map(_has_failed, requests)), len(requests)):
        yield Problem("failed_run", source.path)
        return
    run = Run(
        session_id=identity(*(sorted(request.items()) for request in requests[:1] if isinstance(request, dict))),
        model=text_of(summary, "model"),
        load=offered(at_once=count_of(summary, "num_concurrent_requests")),
    )
    for request in requests:
        found = _call_of(run, request)
        yield Problem(found, source.path) if isinstance(found, str) else found


def _summary_of(source: Source) -> Record:
    other = _beside(source, _REQUESTS_ENDING, _SUMMARY_ENDING, "../summary")
    summary = None if other is None else json_document(other, [])
    return summary if isinstance(summary, dict) else {}


def _has_failed(request: object) -> bool:
    code = request.get("error_code") if isinstance(request, dict) else None
    return code is not None and code != _TOO_SHORT


def _call_of(run: Run, request: object) -> Call | str:
    """The request of a record, or the kind of problem with it."""
    if not isinstance(request, dict):
        return "bad_record"
    if _has_failed(request):
        return "failed_attempt"
    ttft_s, latency_s = duration_of(request, "ttft_s"), duration_of(request, "end_to_end_latency_s")
    tokens = count_of(request, "number_output_tokens")
    if not ttft_s or not tokens or latency_s is None or latency_s < ttft_s:
        return "no_measurement"
    inputs = count_of(request, "number_input_tokens")
    return run.call(
        ttft_s, latency_s, tokens, inputs,
        sent_at=0.0, ttft_s=ttft_s, latency_s=latency_s, input_tokens=inputs, output_tokens=tokens,
    )  # fmt: skip


FORMAT = Format(
    name="llmperf",
    title="llmperf",
    agent=AGENT,
    roots=(),
    env_roots={},
    suffixes=(".json",),
    observes=OBSERVES,
    marks=(b'"error_code"', b'"num_concurrent_requests"'),
    sniff=_sniff,
    read=_read,
    shape="document",
    evidence="real",
)
