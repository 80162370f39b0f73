"""The tables of OpenCode's database, which its forks kept."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePath
from typing import Any, Final

from latprof.formats.base import SQLITE_MAGIC, Source
from latprof.formats.database import Row, rows
from latprof.formats.opencode.calls import calls_of
from latprof.formats.opencode.parts import Message, Part, Session, without_copies
from latprof.formats.opencode.tail import standing_of
from latprof.formats.opencode.textlog import sendings
from latprof.formats.records import Record, loads_leniently, seconds_of
from latprof.formats.standing import Standing
from latprof.model import Call, Problem

__all__ = ["has_tables", "is_of_kilo", "read_tables", "standings_of_tables"]

# Nothing else is ever read: credentials lie in tables of the same database.
_TABLES: Final = {
    "session": ("id", "parent_id", "version", "directory"),
    "message": ("id", "session_id", "time_created", "data"),
    "part": ("id", "message_id", "time_created", "data"),
}
_OWN: Final = {
    "session": (b"parent_id", b"directory", b"version", b"project_id"),
    "message": (b"session_id", b"time_created", b"time_updated", b"data"),
    "part": (b"message_id", b"session_id", b"time_created", b"data"),
}
_DEPTH: Final = 50


def has_tables(head: bytes) -> bool:
    """Whether the schema of a database has the three tables with their columns."""
    if not head.startswith(SQLITE_MAGIC):
        return False
    for table, columns in _OWN.items():
        match = re.search(
            rb"CREATE TABLE [`\"']?" + table.encode() + rb"[`\"']?\s*\((.*?)(?=CREATE |\Z)", head, re.DOTALL
        )
        if match is None or any(column not in match[1] for column in columns):
            return False
    return True


def is_of_kilo(path: str) -> bool:
    """Kilo keeps OpenCode's tables; only the name of its database or of its folder tells."""
    place = PurePath(path.replace("\\", "/"))
    return place.name.startswith("kilo") or "kilo" in place.parts


def read_tables(agent: str, source: Source) -> Iterator[Call | Problem]:
    """Calls of all sessions of a database."""
    problems: list[Problem] = []
    threads = _threads(source, problems)
    yield from problems
    if not threads:
        return
    sent = sendings(source, agent)
    for session, thread in threads:
        yield from calls_of(agent, source.path, session, thread, sent)


def standings_of_tables(source: Source) -> tuple[Standing, ...]:
    """The state of each session of a database."""
    found = (standing_of(session, thread) for session, thread in _threads(source, []))
    return tuple(standing for standing in found if standing is not None)


def _threads(source: Source, problems: list[Problem]) -> list[tuple[Session, list[Message]]]:
    """Each session with its messages, those that forks copied left out."""
    sessions: dict[str, Session] = {}
    messages: dict[str, Message] = {}
    bad = 0
    for table, row in rows(source, problems, dict(_TABLES)):
        bad += not _take(table, row, sessions, messages)
    problems += (Problem("bad_record", source.path, None, "not a record") for _ in range(bad))
    _find_roots(sessions)
    by_session: dict[str, list[Message]] = {}
    for message in without_copies(messages.values()):
        by_session.setdefault(message.session_id, []).append(message)
    return [(sessions.get(name, Session(name)), thread) for name, thread in by_session.items()]


def _take(table: str, row: Row, sessions: dict[str, Session], messages: dict[str, Message]) -> bool:
    """Keep a row; False when it cannot be used. Parts come after their messages."""
    identity = _text(row["id"])
    if identity is None:
        return False
    if table == "session":
        parent, version, directory = (_text(row[name]) for name in ("parent_id", "version", "directory"))
        sessions.setdefault(identity, Session(identity, parent, version, directory))
        return True
    data = _data(row["data"])
    if data is None:
        return False
    if table == "message":
        session_id = _text(row["session_id"])
        if session_id is not None:
            messages.setdefault(identity, Message(identity, session_id, data))
        return session_id is not None
    owner = messages.get(_text(row["message_id"]) or "")
    if owner is not None:
        owner.parts.append(Part(identity, data, seconds_of(row["time_created"], unit=0.001)))
    return True


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _data(value: Any) -> Record | None:
    if not isinstance(value, str | bytes):
        return None
    try:
        data = loads_leniently(value.encode("utf-8", "replace") if isinstance(value, str) else value)
    except ValueError:
        return None
    return data if isinstance(data, dict) else None


def _find_roots(sessions: dict[str, Session]) -> None:
    """A sub-agent's calls belong to the session that a person began."""
    for session in sessions.values():
        root = session
        for _ in range(_DEPTH):
            parent = sessions.get(root.parent_id or "")
            if parent is None:
                break
            root = parent
        session.root_id = root.parent_id or root.id
