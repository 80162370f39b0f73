"""A text that is planted wherever somebody may have written one survives nowhere in a scrubbed log."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from latprof.share.folder import scrub_folder
from planting import MARKER, copy_with_marker, traces_of_marker

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


# The smallest log of each format.
CASES = {
    folder.name: min((path for path in folder.glob("*/input") if path.is_dir()), key=size_of)
    for folder in sorted(FIXTURES.iterdir())
    if any(folder.glob("*/input"))
}


@pytest.mark.parametrize("agent", sorted(CASES))
def test_a_planted_text_survives_nowhere(agent: str, tmp_path: Path) -> None:
    """As value, name of a field, path, argument, JSON in a text, base64, file name, in deleted rows and notes."""
    copy_with_marker(CASES[agent], tmp_path / "logs")
    assert list(traces_of_marker(tmp_path / "logs"))
    result = scrub_folder(tmp_path / "logs", tmp_path / "out", salt=b"salt")
    assert result.refused == []
    assert result.files > 0
    assert list(traces_of_marker(tmp_path / "out")) == []


@pytest.mark.parametrize("agent", ["claude-code", "codex", "gemini-cli", "opencode-export", "vscode-chat"])
def test_nor_in_a_log_that_is_cut_off(agent: str, tmp_path: Path) -> None:
    """Wherever the cut falls: inside a text, a name, an escape."""
    copy_with_marker(CASES[agent], tmp_path / "whole")
    whole = [path for path in (tmp_path / "whole").rglob("*") if path.suffix in {".json", ".jsonl"}]
    for part in (0.31, 0.5, 0.77, 0.93):
        for path in whole:
            target = tmp_path / "cut" / str(part) / path.name
            target.parent.mkdir(parents=True, exist_ok=True)
            data = path.read_bytes()
            target.write_bytes(data[: int(len(data) * part)])
    assert whole
    scrub_folder(tmp_path / "cut", tmp_path / "out", salt=b"salt")
    assert list(traces_of_marker(tmp_path / "out")) == []


def test_a_text_in_a_database_is_gone_even_where_it_was_deleted(tmp_path: Path) -> None:
    """The new database is written row by row; free pages of the old one are not copied."""
    (tmp_path / "logs").mkdir()
    (database,) = (FIXTURES / "crush").rglob("*.db")
    path = tmp_path / "logs" / database.name
    shutil.copy(database, path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE drafts (body TEXT)")
        connection.executemany("INSERT INTO drafts VALUES (?)", [(f"{MARKER} {number}",) for number in range(99)])
        connection.commit()
        connection.execute("DELETE FROM drafts WHERE body LIKE '%7%'")
        connection.commit()
    assert MARKER.encode() in path.read_bytes()
    result = scrub_folder(tmp_path / "logs", tmp_path / "out", salt=b"salt")
    assert result.files == 1
    assert list(traces_of_marker(tmp_path / "out")) == []
