"""Results of genai-perf: `profile_export.json`, the time of every request and of every chunk.

The file holds no counts of tokens; they are known only where the last chunk carries the server's
usage. `profile_export_genai_perf.json` beside it holds percentiles only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import orjson

from latprof.formats.base import Format, Source
from latprof.formats.load_tests import AGENT, OBSERVES, Run, identity, offered, once
from latprof.formats.records import Record, count_of, dict_of, json_document, list_of, seconds_of, text_of
from latprof.model import Call, Problem

__all__ = ["FORMAT"]

_SUMMARY_KEYS: Final = (b'"request_throughput"', b'"request_latency"', b'"perf_analyzer"')
_SUMMARY_ENDING: Final = "_genai_perf.json"
_DONE: Final = "[DONE]"
# The events of a stream, or one answer, in a chunk as it was stored.
_EVENT: Final = re.compile(r"^(?:data:\s*)?(\{.*\})\s*$", re.MULTILINE)


def _sniff(path: str, head: bytes) -> bool:
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not start.startswith(b"{"):
        return False
    of_requests = b'"experiments"' in start and b'"requests"' in start
    return (of_requests and _shows_requests(start)) or _is_summary(path, start)


def _shows_requests(start: bytes) -> bool:
    return b'"response_timestamps"' in start or b'"request_inputs"' in start


def _is_summary(path: str, start: bytes) -> bool:
    has = [key in start for key in _SUMMARY_KEYS]
    return all(has) or (path.endswith(_SUMMARY_ENDING) and all(has[:2]))


def _read(source: Source) -> Iterator[Call | Problem]:
    problems: list[Problem] = []
    document = json_document(source, problems)
    yield from problems
    experiments = list_of(document, "experiments")
    if experiments:
        yield from once(_items(source, experiments, cut=bool(problems)))
    elif document is not None:
        yield from _without_requests(source)


def _without_requests(source: Source) -> Iterator[Problem]:
    """Worth a word only where the requests that it describes are not beside it."""
    name = source.name
    described = name.endswith(_SUMMARY_ENDING) and source.beside(name.removesuffix(_SUMMARY_ENDING) + ".json")
    if not described:
        yield Problem("summary_only", source.path)


def _items(source: Source, experiments: list[Any], *, cut: bool) -> Iterator[Call | Problem]:
    for experiment in experiments:
        requests = list_of(experiment, "requests")
        if not requests:
            yield Problem("summary_only", source.path)
        load, session = _load_of(experiment), identity(*(_stamp(request) for request in requests[:1]))
        for request in requests:
            if not cut or _is_whole(request):
                yield _call_of(source, request, load, session)


def _is_whole(request: object) -> bool:
    """Of a document that is cut off, the first request may have lost its end."""
    return len(list_of(request, "response_timestamps")) == len(list_of(request, "response_outputs"))


def _load_of(experiment: object) -> str | None:
    value = dict_of(experiment, "experiment").get("value")
    mode = text_of(experiment, "experiment", "mode")
    return offered(rate=value) if mode == "request_rate" else offered(at_once=value)


def _stamp(request: object) -> object:
    return request.get("timestamp") if isinstance(request, dict) else None


def _call_of(source: Source, request: object, load: str | None, session: str) -> Call | Problem:
    """A request: sent, one stamp per chunk. Of an answer in one piece only the end is known."""
    if not isinstance(request, dict):
        return Problem("bad_record", source.path, None, "not a JSON object")
    sent_at = seconds_of(_stamp(request), unit=1e-9)
    if sent_at is None:
        return Problem("no_time", source.path)
    outputs, stamps = list_of(request, "response_outputs"), list_of(request, "response_timestamps")
    if len(stamps) > 1 and len(outputs) == len(stamps) and _text(outputs[-1]).strip().endswith(_DONE):
        stamps = stamps[:-1]  # the mark at the end of a stream holds no output
    arrivals = [seconds_of(stamp, unit=1e-9) for stamp in stamps]
    first, last = (arrivals[0], arrivals[-1]) if arrivals else (None, None)
    if first is None or last is None or not sent_at <= first <= last:
        return Problem("no_measurement", source.path)
    whole = len(arrivals) == 1
    usage = _usage_of(outputs)
    run = Run(session, _model_of(request), load, dated=True, first_source="first_chunk")
    return run.call(
        _stamp(request), *stamps[:1], *stamps[-1:],
        sent_at=sent_at, ttft_s=None if whole else first - sent_at, latency_s=last - sent_at,
        input_tokens=count_of(usage, "prompt_tokens"), output_tokens=count_of(usage, "completion_tokens"),
        tokens_source="usage", flags={"non_streamed"} if whole else (),
    )  # fmt: skip


def _model_of(request: Record) -> str | None:
    inputs = dict_of(request, "request_inputs")
    return text_of(inputs, "model") or text_of(_parsed(text_of(inputs, "payload") or ""), "model")


def _usage_of(outputs: list[Any]) -> Record:
    """The server's counts, in one of the last chunks; nothing else of a chunk is kept."""
    for output in reversed(outputs[-3:]):
        for event in _EVENT.findall(_text(output)):
            usage = dict_of(_parsed(event), "usage")
            if usage:
                return usage
    return {}


def _text(output: object) -> str:
    return text_of(output, "response") or ""


def _parsed(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


FORMAT = Format(
    name="genai-perf",
    title="genai-perf",
    agent=AGENT,
    roots=(),
    env_roots={},
    suffixes=(".json",),
    observes=OBSERVES,
    marks=(b'"experiments"', b'"request_throughput"'),
    sniff=_sniff,
    read=_read,
    shape="document",
)
