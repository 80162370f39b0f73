"""Goose's older session files (`<YYYYMMDD_HHMMSS>.jsonl`): a line about the session, then its messages.

The file is written anew as a whole, and a message says nothing without those before it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath
from typing import Final

import orjson

from latprof.formats.base import Format, Source
from latprof.formats.goose.turns import Message, Session, calls_of, content_of, last_counts
from latprof.formats.records import Record, count_of, dict_of, json_lines, list_of, seconds_of, text_of
from latprof.model import Call, Problem

__all__ = ["FORMAT"]

_HEADER: Final = ("working_dir", "message_count")
_SUFFIX: Final = ".jsonl"


def _sniff(_: str, head: bytes) -> bool:
    """Told by the first line: the session's folder, and how many messages it has."""
    line = head.removeprefix(b"\xef\xbb\xbf").lstrip().split(b"\n", 1)[0]
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError:
        return False
    return isinstance(record, dict) and all(key in record for key in _HEADER) and "role" not in record


def _read(source: Source) -> Iterator[Call | Problem]:
    problems: list[Problem] = []
    header: Record = {}
    messages: list[Message] = []
    for number, record in json_lines(source, problems):
        if "role" not in record and _HEADER[0] in record:
            header = header or record
            continue
        message = _message(record)
        if message is None:
            problems.append(Problem("bad_line", source.path, number, "not a message"))
        else:
            messages.append(message)
    yield from problems
    counts = last_counts(header)
    session = Session(
        id=_name(source),
        project=text_of(header, "working_dir"),
        input_tokens=counts[0],
        output_tokens=counts[1],
    )
    yield from calls_of(session, messages, complete=count_of(header, "message_count") == len(messages))


def _message(record: Record) -> Message | None:
    role = text_of(record, "role")
    if role is None or "content" not in record:
        return None
    created = seconds_of(record.get("created"))
    return Message(role, created, content_of(list_of(record, "content")), dict_of(record, "metadata"))


def _name(source: Source) -> str:
    """The session's id is the name of its file."""
    name = PurePath(source.path.replace("\\", "/")).name
    return name.partition(_SUFFIX)[0]


FORMAT = Format(
    name="goose-jsonl",
    title="Goose before its database",
    agent="goose",
    roots=("~/.local/share/goose/sessions",),
    env_roots={},
    suffixes=(_SUFFIX,),
    observes={
        "first_block_s": "bound",
        "wall_s": "bound",
        "wall_tps": "bound",
        "input_tokens": "exact",
        "output_tokens": "exact",
    },
    marks=(b'"working_dir"',),
    sniff=_sniff,
    read=_read,
    shape="document",
)
