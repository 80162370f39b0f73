"""A table of calls that a proxy captured: one row per call, times in seconds from the start of its session."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import Final

from latprof.formats.base import Format, Source
from latprof.formats.captures import AGENT, OBSERVES, Captured
from latprof.formats.records import Record, count_of, number_of, table_rows, text_of
from latprof.model import Call, Problem

__all__ = ["FORMAT"]

_COLUMNS: Final = frozenset({"session", "agent", "call", "sent_s", "input_tokens", "output_tokens", "wall_s", "ttft_s"})
_MAIN: Final = "main"


def _sniff(_: str, head: bytes) -> bool:
    first = head.removeprefix(b"\xef\xbb\xbf").partition(b"\n")[0]
    if b"sent_s" not in first:
        return False
    try:
        header = next(csv.reader([first.decode("utf-8", "replace").replace("\x00", "")]), [])
    except csv.Error:
        return False
    return {name.strip() for name in header} >= _COLUMNS


def _read(source: Source) -> Iterator[Call | Problem]:
    problems: list[Problem] = []
    seen: set[str] = set()
    for number, row in table_rows(source, problems):
        captured = _captured(row)
        if captured is None:
            problems.append(Problem("bad_record", source.path, number, "no call"))
            continue
        call = captured.call()
        if call.call_id not in seen:
            seen.add(call.call_id)
            yield call
    yield from problems


def _captured(row: Record) -> Captured | None:
    session, thread, at = text_of(row, "session"), text_of(row, "agent"), number_of(row, "sent_s")
    if session is None or thread is None or at is None or at < 0:
        return None
    return Captured(
        session_id=session,
        agent_id=None if thread == _MAIN else thread,
        is_first=count_of(row, "call") == 0,
        sent_at=at,
        model=text_of(row, "model"),
        input_tokens=count_of(row, "input_tokens"),
        output_tokens=count_of(row, "output_tokens"),
        wall_s=number_of(row, "wall_s"),
        ttft_s=number_of(row, "ttft_s"),
        stop_reason=text_of(row, "stop"),
        input_types=(text_of(row, "input_types") or "").split("+"),
        cache_read_tokens=count_of(row, "cache_read_tokens"),
    )


FORMAT = Format(
    name="proxy-csv",
    title="Table of calls captured by a proxy",
    agent=AGENT,
    roots=(),
    env_roots={},
    suffixes=(".csv",),
    observes={**OBSERVES, "cache_read_tokens": "exact", "cache_hit_share": "exact"},
    marks=(b"sent_s",),
    sniff=_sniff,
    read=_read,
    shape="table",
    evidence="real",
)
