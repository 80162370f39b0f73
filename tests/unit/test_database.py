"""Databases are read from a snapshot: nothing is changed, written rows are seen, other tables stay shut."""

from __future__ import annotations

import hashlib
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from latprof.formats import Source, database
from latprof.formats.database import rows, schema_of, snapshot
from latprof.model import Problem

TABLES = {"talk": ("id", "body", "absent")}
WRITER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
print(connection.execute("PRAGMA journal_mode=WAL").fetchone()[0], flush=True)
number = 1000
for _ in sys.stdin:
    connection.execute("BEGIN")
    for _ in range(50):
        number += 1
        connection.execute("INSERT INTO talk VALUES (?, ?)", (number, "x" * 500))
    connection.execute("COMMIT")
    print(number, flush=True)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Two rows, a table with a key, in WAL mode; all in the database itself."""
    place = tmp_path / "agent.db"
    with closing(sqlite3.connect(place)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE talk (id INTEGER PRIMARY KEY, body TEXT)")
        connection.execute("CREATE TABLE credential (id TEXT, value TEXT)")
        connection.execute("INSERT INTO credential VALUES ('key', 'secret')")
        connection.executemany("INSERT INTO talk VALUES (?, ?)", [(1, "a"), (2, "b")])
        connection.commit()
    return place


def read(source: Source) -> tuple[list[dict[str, Any]], list[str]]:
    problems: list[Problem] = []
    found = [row for _, row in rows(source, problems, dict(TABLES))]
    return found, [problem.kind for problem in problems]


def hashes(folder: Path) -> dict[str, bytes]:
    return {path.name: hashlib.sha256(path.read_bytes()).digest() for path in sorted(folder.iterdir())}


@pytest.fixture
def writing(path: Path) -> Iterator[sqlite3.Connection]:
    """An agent that has the database open and keeps its rows in the log."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_autocheckpoint=0")
        connection.execute("INSERT INTO talk VALUES (3, 'c')")
        connection.commit()
        yield connection


def test_rows_of_the_log_are_read(path: Path, writing: sqlite3.Connection) -> None:
    """What was committed; what was not is left out. Columns that are not there are None."""
    writing.execute("INSERT INTO talk VALUES (4, 'not yet')")
    assert read(Source.from_path(path)) == (
        [{"id": number, "body": body, "absent": None} for number, body in enumerate("abc", start=1)], [],
    )  # fmt: skip
    writing.rollback()


@pytest.mark.usefixtures("writing")
def test_reading_changes_and_adds_no_file(path: Path) -> None:
    """Neither the database nor its log nor the index of the log; nothing appears beside them."""
    before = hashes(path.parent)
    assert "agent.db-wal" in before
    for _ in range(3):
        read(Source.from_path(path))
        schema_of(Source.from_path(path))
    assert hashes(path.parent) == before


def test_reading_takes_no_lock(path: Path, writing: sqlite3.Connection) -> None:
    """An exclusive writer is neither waited for nor hindered."""
    writing.execute("BEGIN EXCLUSIVE")
    assert len(read(Source.from_path(path))[0]) == 3
    writing.execute("COMMIT")


def test_another_process_writes_meanwhile(path: Path) -> None:
    """Each reading sees whole transactions, all that were committed before it began."""
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdin is not None
        assert writer.stdout is not None
        assert writer.stdout.readline().strip() == "wal"
        for _ in range(8):
            writer.stdin.write("go\n" * 3)
            writer.stdin.flush()
            done = int(writer.stdout.readline())
            found, problems = read(Source.from_path(path))
            numbers = [row["id"] for row in found]
            if problems != ["busy_database"]:
                assert problems == []
                assert numbers == [1, 2, *range(1001, max(numbers) + 1)]
                assert max(numbers) >= done
                assert (len(numbers) - 2) % 50 == 0
            for _ in range(2):
                writer.stdout.readline()
        writer.stdin.close()
        assert writer.wait(timeout=20) == 0


def test_tables_that_were_not_named_stay_shut(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite itself refuses them, and everything but reading."""
    refused: list[str] = []

    def spy(connection: sqlite3.Connection, _table: str, _columns: object) -> Iterator[dict[str, Any]]:
        for statement in ("SELECT * FROM credential", "SELECT (SELECT value FROM credential) FROM talk",
                          "DELETE FROM talk", "ATTACH ':memory:' AS other", "PRAGMA journal_mode",
                          "CREATE TEMP TABLE t (a)"):  # fmt: skip
            with pytest.raises(sqlite3.DatabaseError, match=r"not authorized|prohibited"):
                connection.execute(statement)
            refused.append(statement)
        yield from ()

    monkeypatch.setattr(database, "_table_rows", spy)
    read(Source.from_path(path))
    assert len(refused) == 6


def test_the_schema_holds_no_values(path: Path) -> None:
    """It tells formats apart; rows are not in it."""
    schema = schema_of(Source.from_path(path))
    assert "CREATE TABLE credential" in schema
    assert "secret" not in schema
    assert Source.from_path(path).head().startswith(b"SQLite format 3\x00CREATE TABLE talk")


def test_a_log_that_is_cut_or_damaged_gives_what_was_committed(path: Path, writing: sqlite3.Connection) -> None:
    """Frames count up to the first whose checksum is wrong; the database itself is whole."""
    writing.execute("INSERT INTO talk VALUES (4, 'd')")
    writing.commit()
    data = path.read_bytes()
    log = path.with_name("agent.db-wal").read_bytes()
    for cut in range(0, len(log) + 1, 97):
        for damaged in (log[:cut], log[:cut] + b"\xff" + log[cut + 1 :]):
            source = Source.from_bytes(data, "agent.db", {"agent.db-wal": damaged})
            found, problems = read(source)
            assert problems == []
            assert [row["id"] for row in found] in ([1, 2], [1, 2, 3], [1, 2, 3, 4])
    whole = Source.from_bytes(data, "agent.db", {"agent.db-wal": log})
    assert len(read(whole)[0]) == 4


def test_a_log_of_an_older_database_is_ignored(path: Path, writing: sqlite3.Connection) -> None:
    """After a checkpoint the log keeps old frames behind the new ones; their salts differ."""
    writing.execute("PRAGMA wal_checkpoint(RESTART)")
    writing.execute("UPDATE talk SET body = 'new' WHERE id = 3")
    writing.commit()
    found, _ = read(Source.from_path(path))
    assert [row["body"] for row in found] == ["a", "b", "new"]


@pytest.mark.parametrize("data", [b"", b"SQLite format 3\x00", b"SQLite format 3\x00" + b"\x00" * 500, b"x" * 5000])
def test_what_is_no_database_is_a_problem(data: bytes) -> None:
    """Never an exception."""
    found, problems = read(Source.from_bytes(data, "agent.db"))
    assert found == []
    assert set(problems) <= {"damaged_database", "unreadable"}
    assert schema_of(Source.from_bytes(data, "agent.db")) == ""


def test_a_cut_or_damaged_database_is_a_problem(path: Path) -> None:
    """What can be read is read."""
    data = path.read_bytes()
    for cut in range(0, len(data), 499):
        found, _ = read(Source.from_bytes(data[:cut], "agent.db"))
        assert len(found) <= 2
        read(Source.from_bytes(data[:cut] + b"\xaa" * 40 + data[cut + 40 :], "agent.db"))


def test_a_database_that_changes_at_every_try_is_busy() -> None:
    """It is said, not guessed."""
    counter = iter(range(1000))

    def changing() -> Any:
        import io

        return io.BytesIO(b"SQLite format 3\x00" + str(next(counter)).encode())

    source = Source("agent.db", changing, lambda name: Source.from_bytes(b"", name))
    with pytest.raises(BlockingIOError):
        snapshot(source)
    assert read(source)[1] == ["busy_database"]
