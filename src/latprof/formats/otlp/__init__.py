"""OTLP/JSON files: telemetry of agents, of GenAI instrumentations and of model servers.

As the collector's file exporter writes them, one export request per line, or one request as a
document. Calls come from spans of the GenAI conventions and from the log events of agents that
write one per call; metrics hold no calls and are passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from latprof.formats.base import Format, Source
from latprof.formats.otlp.calls import calls_of
from latprof.formats.otlp.decode import decode
from latprof.model import Call, Problem

__all__ = ["FORMAT"]

_START: Final = re.compile(rb'^[ \t]*\{\s*"resource(Spans|Logs|Metrics)"\s*:\s*\[', re.MULTILINE)


def _sniff(_: str, head: bytes) -> bool:
    """An export request has one key and it is at the start; a rotated file may begin in the middle of one."""
    return _START.search(head.removeprefix(b"\xef\xbb\xbf")) is not None


def _read(source: Source) -> Iterator[Call | Problem]:
    problems: list[Problem] = []
    yield from calls_of(decode(source, problems), source.path)
    yield from problems


FORMAT = Format(
    name="otlp",
    title="OpenTelemetry (OTLP/JSON)",
    agent=None,
    roots=(),
    env_roots={},
    suffixes=(".json", ".jsonl"),
    observes={
        "ttft_s": "exact",
        "first_block_s": "bound",
        "wall_s": "exact or bound",
        "decode_tps": "exact",
        "wall_tps": "exact or bound",
        "output_tokens": "exact",
        "reasoning_tokens": "exact",
        "input_tokens": "exact",
        "cache_read_tokens": "exact",
        "cache_write_tokens": "exact",
        "cache_hit_share": "exact",
        "attempts": "bound",
    },
    marks=(b'"resourceLogs"', b'"resourceMetrics"', b'"resourceSpans"'),
    sniff=_sniff,
    read=_read,
    # A line is a batch of many calls, not one record.
    shape="document",
    evidence="recorded",
)
