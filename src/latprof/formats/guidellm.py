"""Reports of GuideLLM: `benchmarks.json`, several benchmarks with their requests by status.

Each request has the times of its steps by the calendar's clock. The names of the fields changed
between versions: flat ones up to 0.3, `info.timings` since. A report may also be kept without
requests, or as YAML.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import orjson

from latprof.formats.base import Format, Source
from latprof.formats.load_tests import AGENT, OBSERVES, Run, identity, mostly_failed, offered, once
from latprof.formats.records import Record, count_of, dict_of, json_document, list_of, seconds_of, text_of
from latprof.model import Call, Problem

__all__ = ["FORMAT"]

_SIGNS: Final = (b'"generative_benchmark"', b'"guidellm_version"', b'"scheduler_metrics"', b'"run_stats"')
_YAML: Final = re.compile(rb"^benchmarks:\s*$", re.MULTILINE)
_YAML_SIGNS: Final = (b"generative_benchmark", b"guidellm_version:", b"scheduler_metrics:")
# Where each step's time stands, newest first.
_TIMES: Final = (("info", "timings"), ("scheduler_info", "request_timings"), ())
_SENT: Final = ("request_start", "start_time")
_FIRST: Final = ("first_token_iteration", "first_iteration", "first_token_time")
_LAST: Final = ("last_token_iteration", "last_iteration", "last_token_time")
_END: Final = ("request_end", "end_time")
_MODELS: Final = (
    ("config", "backend", "model"), ("config", "backend", "backend_model"), ("worker", "backend_model"),
    ("args", "backend_args", "model"), ("backend", "model"), ("args", "model"), ("config", "model"),
    ("config", "spec", "backend", "model"),
)  # fmt: skip


def _sniff(_: str, head: bytes) -> bool:
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith(b"{"):
        return b'"benchmarks"' in start and any(sign in start for sign in _SIGNS)
    return _is_yaml(start)


def _is_yaml(start: bytes) -> bool:
    return bool(_YAML.search(start)) and any(sign in start for sign in _YAML_SIGNS)


def _read(source: Source) -> Iterator[Call | Problem]:
    problems: list[Problem] = []
    if _says_yaml(source):
        yield Problem("unsupported_encoding", source.path, None, "YAML")
        return
    report = json_document(source, problems)
    yield from once(_items(source, report))
    yield from problems


def _says_yaml(source: Source) -> bool:
    try:
        return _is_yaml(source.head())
    except Exception:  # noqa: BLE001 - the reading that follows meets the same error and counts it
        return False


def _items(source: Source, report: object) -> Iterator[Call | Problem]:
    for benchmark in list_of(report, "benchmarks"):
        requests = dict_of(benchmark, "requests")
        good, failed = list_of(requests, "successful"), list_of(requests, "errored")
        cut_short = list_of(requests, "incomplete")
        if not (good or failed or cut_short):
            yield Problem("summary_only", source.path)
        elif mostly_failed(*_failures(benchmark, len(failed), len(good) + len(failed) + len(cut_short))):
            yield Problem("failed_run", source.path)
        else:
            yield from (Problem("failed_attempt", source.path) for _ in failed)
            yield from (Problem("no_measurement", source.path) for _ in cut_short)
            run = _run_of(report, benchmark, good)
            yield from (_call_of(source, request, run) for request in good)


def _failures(benchmark: object, failed: int, requests: int) -> tuple[int, int]:
    """Of all requests; the lists may hold a sample."""
    totals = dict_of(benchmark, "metrics", "request_totals")
    return count_of(totals, "errored") or failed, count_of(totals, "total") or requests


def _run_of(report: object, benchmark: object, requests: list[Any]) -> Run:
    named = text_of(benchmark, "config", "id_") or text_of(benchmark, "id_")
    stamps = [_time(request, _SENT) for request in requests[:1]]
    return Run(
        session_id=named or identity(*stamps),
        model=_model_of(report, benchmark, requests),
        load=_load_of(dict_of(benchmark, "config", "strategy") or dict_of(benchmark, "args", "strategy")),
        version=text_of(report, "metadata", "guidellm_version"),
        dated=True,
    )


def _model_of(report: object, benchmark: object, requests: list[Any]) -> str | None:
    """The model of the settings; where they leave it open, the one that the first request asked for."""
    for place in (benchmark, report):
        for keys in _MODELS:
            if model := text_of(place, *keys):
                return model
    try:
        asked = orjson.loads(text_of(requests[0], "request_args") or "") if requests else None
    except orjson.JSONDecodeError:
        return None
    return text_of(asked, "body", "model") or text_of(asked, "model")


def _load_of(strategy: Record) -> str | None:
    kind = text_of(strategy, "type_") or text_of(strategy, "kind")
    if kind == "synchronous":
        return offered(at_once=1)
    at_once = strategy.get("streams") or strategy.get("max_concurrency")
    if kind == "throughput":
        return offered("inf", at_once)
    return offered(None if kind == "concurrent" else strategy.get("rate"), at_once)


def _call_of(source: Source, request: object, run: Run) -> Call | Problem:
    """A request that succeeded; its own summary replaces a missing first token by 0, so the times are taken."""
    if not isinstance(request, dict):
        return Problem("bad_record", source.path, None, "not a JSON object")
    sent, first, last = _time(request, _SENT), _time(request, _FIRST), _time(request, _LAST)
    end = last if last is not None and first is not None else _time(request, _END)
    tokens, stated = _output_of(request)
    if sent is None:
        return Problem("no_time", source.path)
    if end is None or not tokens or not sent < end or (first is not None and not sent < first <= end):
        return Problem("no_measurement", source.path)
    call = run.call(
        sent, first, end, tokens,
        sent_at=sent, ttft_s=None if first is None else first - sent, latency_s=end - sent,
        input_tokens=_count(request, "input_metrics") or count_of(request, "prompt_tokens"),
        output_tokens=tokens, tokens_source="usage" if stated else "counted",
        flags=() if first is not None else {"non_streamed"},
    )  # fmt: skip
    _add_details(call, request)
    return call


def _add_details(call: Call, request: Record) -> None:
    call.message_id = text_of(request, "request_id") or call.message_id
    call.request_id = text_of(request, "response_id")
    call.session_id = text_of(request, "info", "conversation_id") or call.session_id
    cached = count_of(request, "input_metrics", "cached_tokens")
    if cached is not None and cached <= (call.input_tokens or 0):
        call.cache_read_tokens = cached


def _output_of(request: Record) -> tuple[int | None, bool]:
    """Tokens of the answer, and whether the server stated them."""
    stated = _count(request, "output_metrics")
    return (stated, True) if stated else (count_of(request, "output_tokens"), False)


def _count(request: Record, side: str) -> int | None:
    return count_of(request, side, "total_tokens") or count_of(request, side, "text_tokens")


def _time(request: object, names: tuple[str, ...]) -> float | None:
    for place in _TIMES:
        times = dict_of(request, *place)
        for name in names:
            at = seconds_of(times.get(name), unit=1.0)
            if at is not None:
                return at
    return None


FORMAT = Format(
    name="guidellm",
    title="GuideLLM",
    agent=AGENT,
    roots=(),
    env_roots={},
    suffixes=(".json", ".yaml", ".yml"),
    observes=OBSERVES | {"cache_read_tokens": "exact", "cache_hit_share": "exact"},
    marks=(b'"benchmarks"', b"generative_benchmark", b"guidellm_version:", b"scheduler_metrics:"),
    sniff=_sniff,
    read=_read,
    shape="document",
)
