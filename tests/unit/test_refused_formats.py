"""Formats that are recognised and hold no times of calls: what is theirs and what only looks like it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from latprof.formats import Source, formats
from latprof.model import Problem

REFUSED = ("aider-chat", "continue", "cursor", "swe-agent", "zed")
STEP = b'{"action": "", "observation": "", "response": "", "state": {}, "thought": ""}'


def claimed(head: bytes, path: str = "x") -> list[str]:
    return [item.name for item in formats() if item.sniff(path, head)]


def schema(path: Path, *statements: str) -> bytes:
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()
    return Source.from_path(path).head()


@pytest.mark.parametrize("name", REFUSED)
def test_a_refused_log_gives_one_problem_with_the_reason(name: str) -> None:
    """Whatever its bytes are."""
    item = next(known for known in formats() if known.name == name)
    (problem,) = item.read(Source.from_bytes(b"\xff\x00{"))
    assert isinstance(problem, Problem)
    assert (problem.kind, problem.detail) == ("no_call_times", item.refusal)
    assert item.refusal.endswith(".")


@pytest.mark.parametrize(
    ("head", "names"),
    [
        (b'{"trajectory": [' + STEP + b"], ", ["swe-agent"]),
        (b'{"environment": "main", "trajectory": [' + STEP, ["swe-agent"]),
        (b'{"trajectory": [], "history": []}', []),
        (b"\n# aider chat started at 2026-01-05 09:00:00\r\n\r\n", ["aider-chat"]),
        (b"# Notes\n\n# aider chat started at 2026-01-05 09:00:00\n", []),
        (b"# aider chat started at noon\n", []),
        (b'{"role":"user","message":{"content":[]}}\n{"role":"assistant","message":{"content":[]}}\n', ["cursor"]),
        (b'{"role":"user","message":{"content":[]}}\n{"role":"assistant","message":{"con', ["cursor"]),
        (b'{"role":"user","message":{"content":[]},"timestamp":1}\n', []),
        (b'{"role":"user","content":"x"}\n', []),
        (b'{"model":"m","provider":"p","promptTokens":1,"generatedTokens":2}\n', ["continue"]),
        (b'{"sessionId":"1","workspaceDirectory":"/","title":"","history":[{"contextItems":[]}', ["continue"]),
        (b'{"sessionId":"1","history":[]}', []),
    ],
)
def test_heads_are_told_apart(head: bytes, names: list[str]) -> None:
    """By structure, also where the head is cut."""
    assert claimed(head) == names


def test_databases_are_told_by_their_tables(tmp_path: Path) -> None:
    """Another editor's store has one of the two tables only."""
    items = "CREATE TABLE ItemTable (key TEXT UNIQUE ON CONFLICT REPLACE, value BLOB)"
    disk = "CREATE TABLE cursorDiskKV (key TEXT UNIQUE ON CONFLICT REPLACE, value BLOB)"
    assert claimed(schema(tmp_path / "code.vscdb", items)) == []
    assert claimed(schema(tmp_path / "state.vscdb", items, disk)) == ["cursor"]
    zed = "CREATE TABLE threads (id TEXT PRIMARY KEY, summary TEXT, updated_at TEXT, data_type TEXT, data BLOB)"
    assert claimed(schema(tmp_path / "threads.db", zed)) == ["zed"]
    assert claimed(schema(tmp_path / "other.db", "CREATE TABLE threads (id TEXT PRIMARY KEY, title TEXT)")) == []
