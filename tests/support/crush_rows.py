"""Builds Crush's databases for tests."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

SCHEMA = """
CREATE TABLE sessions (id TEXT PRIMARY KEY, parent_session_id TEXT, title TEXT NOT NULL,
  message_count INTEGER NOT NULL DEFAULT 0, prompt_tokens INTEGER NOT NULL DEFAULT 0,
  completion_tokens INTEGER NOT NULL DEFAULT 0, cost REAL NOT NULL DEFAULT 0.0, updated_at INTEGER NOT NULL,
  created_at INTEGER NOT NULL, summary_message_id TEXT);
CREATE TABLE files (id TEXT PRIMARY KEY, session_id TEXT NOT NULL, path TEXT NOT NULL, content TEXT NOT NULL);
CREATE TABLE messages (id TEXT PRIMARY KEY, session_id TEXT NOT NULL, role TEXT NOT NULL,
  parts TEXT NOT NULL default '[]', model TEXT, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,
  finished_at INTEGER, provider TEXT, is_summary_message INTEGER DEFAULT 0 NOT NULL);
"""
T0 = 1_772_323_200


def part(kind: str, **data: Any) -> dict[str, Any]:
    """A part of a message."""
    return {"type": kind, "data": data}


def text(words: str = "answer") -> dict[str, Any]:
    """Visible words."""
    return part("text", text=words)


def thoughts(started: float = 0, finished: float = 0) -> dict[str, Any]:
    """A block of thoughts; older versions leave its times out."""
    times = {"started_at": T0 + started, "finished_at": T0 + finished} if started else {}
    return part("reasoning", thinking="thoughts", **times)


def tool(name: str = "call_1") -> dict[str, Any]:
    """A tool call."""
    return part("tool_call", id=name, name="bash", input="{}", finished=True)


def result(name: str = "call_1") -> dict[str, Any]:
    """Its result."""
    return part("tool_result", tool_call_id=name, content="r", is_error=False)


def finish(at: float, reason: str = "end_turn") -> dict[str, Any]:
    """The end of a step."""
    return part("finish", reason=reason, time=T0 + at)


def row(
    name: str, role: str, at: float, *parts: dict[str, Any], session: str = "one", summary: int = 0
) -> tuple[Any, ...]:
    """A message's row."""
    model, provider = ("claude-sonnet-4", "anthropic") if role == "assistant" else (None, None)
    return (name, session, role, json.dumps(parts), model, T0 + at, T0 + at, None, provider, summary)


def database(path: Path, rows: Iterable[tuple[Any, ...]], sessions: dict[str, str | None] | None = None) -> Path:
    """A database with these messages."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(SCHEMA)
        for name, parent in (sessions or {"one": None}).items():
            connection.execute(
                "INSERT INTO sessions (id, parent_session_id, title, prompt_tokens, completion_tokens, updated_at,"
                " created_at) VALUES (?, ?, 't', 900, 80, ?, ?)", (name, parent, T0, T0),
            )  # fmt: skip
        connection.executemany("INSERT INTO messages VALUES (?,?,?,?,?,?,?,?,?,?)", rows)
        connection.commit()
    return path
