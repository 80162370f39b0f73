"""A database of an agent that cannot be read is told of, wherever it lies; those of other programs are not."""

from __future__ import annotations

import gzip
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from claude_code_lines import Log, text
from latprof.formats import Source, database
from latprof.formats.base import SQLITE_MAGIC
from latprof.formats.database import trouble_of
from latprof.ingest import read_inputs

FIXTURES = Path(__file__).parents[2] / "fixtures"
AGENTS = ("crush", "cursor", "goose", "kilo", "opencode", "zed")
HEADER_BYTES = 100


def agents_database(agent: str) -> bytes:
    return next(iter(sorted((FIXTURES / agent).rglob("*.db")))).read_bytes()


def cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


def overwritten(data: bytes) -> bytes:
    """The first page is lost but for its header."""
    return data[:HEADER_BYTES] + bytes(4096) + data[HEADER_BYTES + 4096 :]


def without_header(data: bytes) -> bytes:
    """All of the header but its first words."""
    return SQLITE_MAGIC + bytes(HEADER_BYTES) + data[len(SQLITE_MAGIC) + HEADER_BYTES :]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One good log of one call."""
    log = Log(session="session-a")
    log.prompt(0)
    log.answer(3, "msg_a", text(), stop="end_turn")
    (tmp_path / "a.jsonl").write_bytes(log.data())
    return tmp_path


@pytest.mark.parametrize("damage", [cut, overwritten, without_header])
@pytest.mark.parametrize("agent", AGENTS)
def test_a_damaged_database_in_a_folder_is_named(folder: Path, agent: str, damage: object) -> None:
    """As one that was named outright is."""
    path = folder / "agent.db"
    path.write_bytes(damage(agents_database(agent)))  # type: ignore[operator]
    for given in ([str(folder)], [str(folder / "a.jsonl"), str(path)]):
        reading = read_inputs(given)
        assert [(item.kind, item.path) for item in reading.problems] == [("damaged_database", str(path))]
        assert len(reading.calls) == 1


def test_a_packed_database_is_told_of_too(folder: Path) -> None:
    """By what was unpacked."""
    (folder / "agent.db.gz").write_bytes(gzip.compress(cut(agents_database("opencode"))))
    assert read_inputs([str(folder)]).problem_counts() == {"damaged_database": 1}


def test_an_empty_file_that_ends_as_a_database_is_told_of(folder: Path) -> None:
    """It held something once, or never will; an empty document does not matter."""
    (folder / "agent.db").write_bytes(b"")
    (folder / "settings.json").write_bytes(b"")
    (problem,) = read_inputs([str(folder)]).problems
    assert (problem.kind, problem.path) == ("empty_file", str(folder / "agent.db"))


def test_healthy_databases_of_other_programs_are_no_problem(folder: Path) -> None:
    """With tables of their own, or with none yet; nor is a file that only ends as a database does."""
    for name, statement in (("other.db", "CREATE TABLE other (id)"), ("new.db", "PRAGMA user_version = 1")):
        with closing(sqlite3.connect(folder / name)) as connection:
            connection.execute(statement)
            connection.commit()
    (folder / "index.db").write_bytes(bytes(range(256)) * 64)
    reading = read_inputs([str(folder)])
    assert (reading.problems, reading.files_of_others) == ([], 3)
    named = read_inputs([str(folder / "a.jsonl"), str(folder / "new.db")])
    assert named.problem_counts() == {"unknown_format": 1}


def test_a_database_that_changes_at_every_try_is_busy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not damaged, and the next run may read it."""

    def changing(_: Source) -> bytes:
        raise BlockingIOError("changed")

    (tmp_path / "agent.db").write_bytes(agents_database("opencode"))
    monkeypatch.setattr(database, "snapshot", changing)
    found = trouble_of(Source.from_path(tmp_path / "agent.db"))
    assert found is not None
    assert found.kind == "busy_database"
    assert read_inputs([str(tmp_path)]).problem_counts() == {"busy_database": 1}
