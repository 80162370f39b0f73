"""Builds Goose's databases and older session files for tests."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

SCHEMA = """
CREATE TABLE schema_version (version INTEGER PRIMARY KEY, applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP);
CREATE TABLE sessions (id TEXT PRIMARY KEY, name TEXT NOT NULL DEFAULT '', session_type TEXT NOT NULL DEFAULT 'user',
  working_dir TEXT NOT NULL, created_at TIMESTAMP, updated_at TIMESTAMP, extension_data TEXT DEFAULT '{}',
  total_tokens INTEGER, input_tokens INTEGER, output_tokens INTEGER, accumulated_total_tokens INTEGER,
  accumulated_input_tokens INTEGER, accumulated_output_tokens INTEGER, provider_name TEXT, model_config_json TEXT);
CREATE TABLE messages (id INTEGER PRIMARY KEY AUTOINCREMENT, message_id TEXT,
  session_id TEXT NOT NULL REFERENCES sessions(id), role TEXT NOT NULL, content_json TEXT NOT NULL,
  created_timestamp INTEGER NOT NULL, timestamp TIMESTAMP DEFAULT CURRENT_TIMESTAMP, tokens INTEGER,
  metadata_json TEXT);
"""
T0 = 1_772_323_200
Message = dict[str, Any]


def message(role: str, at: float, *content: dict[str, Any], stored: float | None = None, **metadata: Any) -> Message:
    """A message; `stored` is when its turn was written."""
    return {"role": role, "at": at, "content": list(content), "stored": stored, "metadata": metadata}


def text(words: str = "words") -> dict[str, Any]:
    """Visible words."""
    return {"type": "text", "text": words}


def asks(name: str = "call_1", tool: str = "developer__shell") -> dict[str, Any]:
    """A tool call."""
    call = {"status": "success", "value": {"name": tool, "arguments": {}}}
    return {"type": "toolRequest", "id": name, "toolCall": call}


def result(name: str = "call_1") -> dict[str, Any]:
    """Its result."""
    return {"type": "toolResponse", "id": name, "toolResult": {"status": "success", "value": []}}


def session(name: str = "20260301_1", kind: str = "user", tokens: tuple[int, int] | None = (900, 40)) -> dict[str, Any]:
    """A session with the counts of its last call."""
    return {"id": name, "kind": kind, "tokens": tokens or (None, None)}


def database(path: Path, talks: Iterable[tuple[dict[str, Any], list[Message]]]) -> Path:
    """A database with these sessions and their messages."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(SCHEMA)
        for info, messages in talks:
            model = json.dumps({"model_name": "claude-sonnet-4", "context_limit": 200000})
            connection.execute(
                "INSERT INTO sessions (id, session_type, working_dir, input_tokens, output_tokens, provider_name,"
                " model_config_json) VALUES (?, ?, '/home/dev/project', ?, ?, 'anthropic', ?)",
                (info["id"], info["kind"], *info["tokens"], model),
            )
            for entry in messages:
                _insert(connection, info["id"], entry)
        connection.commit()
    return path


def _insert(connection: sqlite3.Connection, owner: str, entry: Message) -> None:
    stored = entry["stored"] if entry["stored"] is not None else entry["at"]
    stamp = datetime.fromtimestamp(T0 + stored, UTC).strftime("%Y-%m-%d %H:%M:%S")
    row = (owner, entry["role"], json.dumps(entry["content"]), T0 + entry["at"], stamp, json.dumps(entry["metadata"]))
    connection.execute(
        "INSERT INTO messages (session_id, role, content_json, created_timestamp, timestamp, metadata_json)"
        " VALUES (?, ?, ?, ?, ?, ?)", row,
    )  # fmt: skip


def lines(messages: list[Message], tokens: tuple[int, int] = (900, 40), count: int | None = None) -> bytes:
    """An older session file."""
    header = {"working_dir": "/home/dev/project", "description": "d", "message_count": len(messages)}
    header |= {"input_tokens": tokens[0], "output_tokens": tokens[1], "accumulated_input_tokens": 5000}
    if count is not None:
        header["message_count"] = count
    records: list[Message] = [header]
    records += [{"role": m["role"], "created": T0 + m["at"], "content": m["content"]} for m in messages]
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)
