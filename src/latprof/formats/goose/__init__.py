"""Goose's database (`sessions.db`, from autumn 2025 on).

Stamps are whole seconds. A message keeps the second of its first chunk; all messages of a turn
are stored together after its tools, and the row says when.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from latprof.formats.base import SQLITE_MAGIC, Format, Source
from latprof.formats.database import Row, rows
from latprof.formats.goose.turns import Message, Session, calls_of, content_of, last_counts
from latprof.formats.records import loads_leniently, seconds_of, text_of
from latprof.model import Call, Problem

__all__ = ["FORMAT"]

_TABLES: Final = {
    "sessions": (
        "id", "working_dir", "session_type", "provider_name", "model_config_json", "input_tokens", "output_tokens",
    ),
    "messages": ("session_id", "role", "content_json", "created_timestamp", "timestamp", "metadata_json"),
}  # fmt: skip
_OWN: Final = {
    "sessions": (b"working_dir", b"accumulated_total_tokens"),
    "messages": (b"session_id", b"content_json", b"created_timestamp"),
}


def _sniff(_: str, head: bytes) -> bool:
    """Told by the tables of the database and their columns."""
    return head.startswith(SQLITE_MAGIC) and all(_has(head, table, columns) for table, columns in _OWN.items())


def _has(head: bytes, table: str, columns: tuple[bytes, ...]) -> bool:
    match = re.search(rb'CREATE TABLE [`"]?' + table.encode() + rb'[`"]?\s*\((.*?)(?=CREATE |\Z)', head, re.DOTALL)
    return match is not None and all(column in match[1] for column in columns)


def _read(source: Source) -> Iterator[Call | Problem]:
    problems: list[Problem] = []
    sessions: dict[str, Session] = {}
    talks: dict[str, list[Message]] = {}
    broken: set[str] = set()
    for table, row in rows(source, problems, dict(_TABLES)):
        if table == "sessions":
            session = _session(row)
            sessions.setdefault(session.id, session)
            continue
        message, owner = _message(row), text_of(row, "session_id")
        if message is None or owner is None:
            broken.add(owner or "")
            problems.append(Problem("bad_record", source.path, None, "not a message"))
        else:
            talks.setdefault(owner, []).append(message)
    yield from problems
    whole = all(problem.kind == "bad_record" for problem in problems)
    for owner, talk in talks.items():
        yield from calls_of(sessions.get(owner, Session(owner)), talk, complete=whole and owner not in broken)


def _session(row: Row) -> Session:
    config = _json(row["model_config_json"])
    counts = last_counts(row)
    return Session(
        id=text_of(row, "id") or "",
        kind=text_of(row, "session_type") or "user",
        project=text_of(row, "working_dir"),
        provider=text_of(row, "provider_name"),
        model=text_of(config, "model_name"),
        input_tokens=counts[0],
        output_tokens=counts[1],
    )


def _message(row: Row) -> Message | None:
    content = _json(row["content_json"])
    role = text_of(row, "role")
    if role is None or not isinstance(content, list):
        return None
    metadata = _json(row["metadata_json"])
    return Message(
        role=role,
        created_at=seconds_of(row["created_timestamp"]),
        content=content_of(content),
        metadata=metadata if isinstance(metadata, dict) else {},
        stored_at=seconds_of(row["timestamp"]),
    )


def _json(value: Any) -> Any:
    if not isinstance(value, str | bytes):
        return None
    try:
        return loads_leniently(value.encode("utf-8", "replace") if isinstance(value, str) else value)
    except ValueError:
        return None


FORMAT = Format(
    name="goose",
    title="Goose",
    agent="goose",
    roots=(
        "~/.local/share/goose/sessions",
        "~/.local/share/Block/goose/sessions",
        "~/Library/Application Support/goose/sessions",
        "~/AppData/Roaming/Block/goose/data/sessions",
    ),
    env_roots={"GOOSE_PATH_ROOT": "data/sessions"},
    suffixes=(".db",),
    observes={
        "first_block_s": "bound",
        "wall_s": "bound",
        "wall_tps": "bound",
        "input_tokens": "exact",
        "output_tokens": "exact",
    },
    marks=(SQLITE_MAGIC,),
    sniff=_sniff,
    read=_read,
    shape="database",
)
