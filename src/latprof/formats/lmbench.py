"""Tables of LMBench (LMCache): one row per request, with its launch and its end by the calendar.

The rate of requests stands in the file's name; model and hardware are at most in the folder's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from latprof.formats.base import Format, Source
from latprof.formats.load_tests import AGENT, OBSERVES, Run, duration_of, identity, offered, once
from latprof.formats.records import count_of, number_of, seconds_of, table_rows
from latprof.model import Call, Problem

__all__ = ["FORMAT"]

_COLUMNS: Final = frozenset(
    {"prompt_tokens", "generation_tokens", "ttft", "generation_time", "launch_time", "finish_time"}
)
_RATE: Final = re.compile(r"(?:qps|output_|qps_)(\d+(?:\.\d+)?)(?:\.csv|$)")
# Launch, first token and end come from one clock; more than this apart they are not of one request.
_TOLERANCE_S: Final = 0.01


def _sniff(_: str, head: bytes) -> bool:
    header, newline, _rest = head.removeprefix(b"\xef\xbb\xbf").partition(b"\n")
    names = {name.strip().strip('"') for name in header.decode("utf-8", "replace").split(",")}
    return bool(newline) and names >= _COLUMNS


def _read(source: Source) -> Iterator[Call | Problem]:
    problems: list[Problem] = []
    yield from once(_items(source, problems))
    yield from problems


def _items(source: Source, problems: list[Problem]) -> Iterator[Call | Problem]:
    run: Run | None = None
    for line, row in table_rows(source, problems):
        if run is None:
            rate = _RATE.search(source.name)
            run = Run(identity(source.name, row.get("launch_time")), load=offered(rate and rate[1]), dated=True)
        found = _call_of(run, row)
        yield Problem(found, source.path, line) if isinstance(found, str) else found


def _call_of(run: Run, row: dict[str, str]) -> Call | str:
    """The request of a row, or the kind of problem with it."""
    sent_at, end_at = _time(row, "launch_time"), _time(row, "finish_time")
    if sent_at is None or end_at is None:
        return "no_time"
    ttft_s, rest_s = duration_of(row, "ttft"), duration_of(row, "generation_time")
    tokens = count_of(row, "generation_tokens")
    if not ttft_s or rest_s is None or not tokens:
        return "no_measurement"
    if abs(sent_at + ttft_s + rest_s - end_at) > _TOLERANCE_S:
        return "bad_record"
    return run.call(
        sent_at, ttft_s, rest_s, tokens, row.get("prompt_tokens"),
        sent_at=sent_at, ttft_s=ttft_s, latency_s=ttft_s + rest_s,
        input_tokens=count_of(row, "prompt_tokens"), output_tokens=tokens,
    )  # fmt: skip


def _time(row: dict[str, str], name: str) -> float | None:
    return seconds_of(number_of(row, name), unit=1.0)


FORMAT = Format(
    name="lmbench",
    title="LMBench",
    agent=AGENT,
    roots=(),
    env_roots={},
    suffixes=(".csv",),
    observes=OBSERVES,
    marks=(b"generation_time",),
    sniff=_sniff,
    read=_read,
    shape="table",
    evidence="real",
)
