"""Results of AIPerf: `profile_export.jsonl`, one record per request, and the summary beside it.

A record has the date of the request and its durations; the model and the offered load stand only
in the summary (`profile_export_aiperf.json`), which holds no requests itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from latprof.formats.base import Format, Source
from latprof.formats.load_tests import AGENT, OBSERVES, Run, duration_of, identity, offered, once
from latprof.formats.records import (
    Record,
    count_of,
    dict_of,
    json_document,
    json_lines,
    list_of,
    number_of,
    seconds_of,
    text_of,
)
from latprof.model import Call, Problem

__all__ = ["FORMAT"]

_RECORD: Final = re.compile(rb'\{\s*"metadata"\s*:\s*\{[^{}]*"request_start_ns"\s*:')
_TELEMETRY: Final = re.compile(rb'\{\s*"timestamp_ns"\s*:\s*\d+\s*,\s*"(dcgm_url|endpoint_url)"\s*:')
_SUMMARY_KEYS: Final = (b'"request_throughput"', b'"request_latency"')
_SUMMARY_SIGNS: Final = (b'"loadgen"', b'"aiperf_version"', b"aiperf profile")
_SUMMARY_ENDING: Final = "_aiperf.json"
_CONCURRENCY: Final = re.compile(r"--concurrency[ =](\d+)")
_RATE: Final = re.compile(r"--request-rate[ =]([\d.]+)")
_UNITS: Final = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "sec": 1.0, "s": 1.0}
_PHASE: Final = "profiling"


def _sniff(path: str, head: bytes) -> bool:
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    return bool(_RECORD.match(start) or _TELEMETRY.match(start)) or _is_summary(path, start)


def _is_summary(path: str, start: bytes) -> bool:
    if not start.startswith(b"{") or b'"perf_analyzer"' in start or not all(key in start for key in _SUMMARY_KEYS):
        return False
    return path.endswith(_SUMMARY_ENDING) or any(sign in start for sign in _SUMMARY_SIGNS)


def _read(source: Source) -> Iterator[Call | Problem]:
    try:
        start = source.head().removeprefix(b"\xef\xbb\xbf").lstrip()
    except Exception as error:  # noqa: BLE001 - any decompressor may fail in its own way on bad bytes
        yield Problem("unreadable", source.path, None, type(error).__name__)
        return
    if _is_summary(source.path, start):
        yield from _without_requests(source, "summary_only")
    elif _TELEMETRY.match(start):
        yield from _without_requests(source, "no_call_times")
    else:
        yield from _requests(source)


def _without_requests(source: Source, kind: str) -> Iterator[Problem]:
    """Worth a word only where the requests that it describes are not beside it."""
    prefix = source.name.removesuffix(_SUMMARY_ENDING) if source.name.endswith(_SUMMARY_ENDING) else "profile_export"
    if source.beside(f"{prefix}.jsonl") is None:
        yield Problem(kind, source.path)


def _requests(source: Source) -> Iterator[Call | Problem]:
    problems: list[Problem] = []
    run = _run_of(source)
    yield from once(_items(source, run, problems))
    yield from problems


def _items(source: Source, run: Run, problems: list[Problem]) -> Iterator[Call | Problem]:
    for line, record in json_lines(source, problems):
        if text_of(record, "metadata", "benchmark_phase") not in {_PHASE, None}:
            continue  # the warm-up is no part of the measurement
        found = _call_of(run, record)
        yield Problem(found, source.path, line) if isinstance(found, str) else found


def _call_of(run: Run, record: Record) -> Call | str:
    """The request of a record, or the kind of problem with it."""
    metadata, metrics = dict_of(record, "metadata"), dict_of(record, "metrics")
    if metadata.get("was_cancelled") is True:
        return "no_measurement"
    if record.get("error") is not None:
        return "failed_attempt"
    sent_at = seconds_of(metadata.get("request_start_ns"), unit=1e-9)
    if sent_at is None:
        return "no_time" if metadata else "bad_record"
    ttft_s, latency_s = _metric_s(metrics, "time_to_first_token"), _metric_s(metrics, "request_latency")
    acknowledged = seconds_of(metadata.get("request_ack_ns"), unit=1e-9)
    # An answer that arrived whole has no acknowledgement and no first token.
    whole = ttft_s is None and acknowledged is None
    if not latency_s or not (ttft_s or whole):
        return "no_measurement"
    counted, stated = (
        _metric_count(metrics, "output_sequence_length"),
        _metric_count(metrics, "usage_completion_tokens"),
    )
    flags = {"non_streamed"} if whole else set()
    if (count_of(metadata, "agent_depth") or 0) > 0:
        flags.add("sidechain")
    call = run.call(
        metadata.get("request_start_ns"), latency_s, counted,
        sent_at=sent_at, ttft_s=ttft_s, latency_s=latency_s,
        output_tokens=stated or counted, tokens_source="usage" if stated else "counted", flags=flags,
    )  # fmt: skip
    call.headers_at = acknowledged
    call.input_tokens = _metric_count(metrics, "usage_prompt_tokens") or _metric_count(metrics, "input_sequence_length")
    _add_details(call, metadata, metrics)
    return call


def _add_details(call: Call, metadata: Record, metrics: Record) -> None:
    call.session_id = text_of(metadata, "x_correlation_id") or call.session_id
    call.request_id = text_of(metadata, "x_request_id")
    if call.request_id:
        call.message_id = None
    reasoning = _metric_count(metrics, "usage_reasoning_tokens") or _metric_count(metrics, "reasoning_token_count")
    if reasoning is not None and reasoning <= (call.output_tokens or 0):
        call.reasoning_tokens = reasoning
    cached = _metric_count(metrics, "usage_prompt_cache_read_tokens")
    if cached is not None and cached <= (call.input_tokens or 0):
        call.cache_read_tokens = cached


def _metric_s(metrics: Record, tag: str) -> float | None:
    unit = _UNITS.get(text_of(metrics, tag, "unit") or "ms")
    return None if unit is None else duration_of(metrics, tag, "value", unit=unit)


def _metric_count(metrics: Record, tag: str) -> int | None:
    return count_of(metrics, tag, "value")


def _run_of(source: Source) -> Run:
    """Model and load from the summary beside the records; it may be missing."""
    other = source.beside(source.name.removesuffix(".jsonl") + _SUMMARY_ENDING)
    summary = None if other is None else json_document(other, [])
    config = dict_of(summary, "input_config")
    names = list_of(config, "endpoint", "model_names")
    command = text_of(config, "cli_command") or ""
    at_once, rate = _CONCURRENCY.search(command), _RATE.search(command)
    return Run(
        session_id=identity(source.name),
        model=names[0] if len(names) == 1 and isinstance(names[0], str) else None,
        load=offered(
            number_of(config, "loadgen", "request_rate") or (rate and rate[1]),
            count_of(config, "loadgen", "concurrency") or (at_once and at_once[1]),
        ),
        version=text_of(summary, "aiperf_version"),
        dated=True,
    )


FORMAT = Format(
    name="aiperf",
    title="AIPerf",
    agent=AGENT,
    roots=(),
    env_roots={},
    suffixes=(".jsonl", ".json"),
    observes=OBSERVES | {"cache_read_tokens": "exact", "cache_hit_share": "exact", "reasoning_tokens": "exact"},
    marks=(b'"request_start_ns"', b'"timestamp_ns"', b'"request_throughput"'),
    sniff=_sniff,
    read=_read,
    evidence="real",
)
