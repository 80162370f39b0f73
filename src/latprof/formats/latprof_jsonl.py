"""Calls that `latprof export` wrote as JSON Lines."""

from __future__ import annotations

from collections.abc import Iterator

import orjson

from latprof.formats.base import Format, Source
from latprof.formats.own_exports import OBSERVES, OWN_COLUMNS, calls_of
from latprof.formats.records import json_lines
from latprof.model import Call, Problem

__all__ = ["FORMAT"]


def _sniff(_: str, head: bytes) -> bool:
    lines = head.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    # One line may be longer than what is looked at: the names of the columns stand at its start.
    cut = lines[0].startswith(b'{"agent":') and all(b'"%s":' % name.encode() in lines[0] for name in OWN_COLUMNS)
    return any(_is_own(line) for line in lines) or (cut and len(lines) == 1)


def _is_own(line: bytes) -> bool:
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError:
        return False
    return isinstance(record, dict) and all(name in record for name in OWN_COLUMNS)


def _read(source: Source) -> Iterator[Call | Problem]:
    problems: list[Problem] = []
    yield from calls_of(json_lines(source, problems), source, problems)


FORMAT = Format(
    name="latprof-jsonl",
    title="latprof export, JSON Lines",
    agent=None,
    roots=(),
    env_roots={},
    suffixes=(".jsonl",),
    observes=OBSERVES,
    marks=(b'"wall_kind"',),
    sniff=_sniff,
    read=_read,
    evidence="recorded",
)
