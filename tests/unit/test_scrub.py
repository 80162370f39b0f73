"""Scrubbed logs show the same figures, and nothing of their text."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from latprof import api
from latprof.errors import UsageError
from latprof.report import build_document
from latprof.share.folder import scrub_folder
from latprof.share.masking import Masker

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
# Agents whose logs must all be kept; of others each file is, or is refused by name.
KEPT = ("claude-code", "cline-sdk", "crush", "gemini-cli", "goose", "kimi-code", "mistral-vibe", "pi", "vllm-bench")
MARKER = "Zebrafinkengesang"


def figures(folder: Path) -> Mapping[str, Any]:
    return build_document(api.analyze(api.read([str(folder)]))).data


@pytest.mark.parametrize("agent", KEPT)
def test_the_analysis_of_scrubbed_logs_is_the_same(agent: str, tmp_path: Path) -> None:
    """Numbers, names and notes; `analyze` shows no ids and no paths."""
    result = scrub_folder(FIXTURES / agent, tmp_path / "out", salt=b"salt")
    assert result.refused == []
    assert figures(tmp_path / "out") == figures(FIXTURES / agent)


def planted(value: Any) -> Any:
    """The marker in every text of more than one word, and as a path and a new field's name and value."""
    if isinstance(value, dict):
        return {key: planted(item) for key, item in value.items()} | ({MARKER: MARKER} if "cwd" in value else {})
    if isinstance(value, list):
        return [planted(item) for item in value]
    if isinstance(value, str) and (" " in value or value.startswith("/")):
        return f"{value} {MARKER}" if " " in value else f"{value}/{MARKER}"
    return value


def test_a_planted_text_survives_nowhere(tmp_path: Path) -> None:
    """Not in a prompt, an answer, an argument, a path, a name of a field, or the name of a file."""
    source = tmp_path / "logs"
    for path in (FIXTURES / "claude-code" / "recorded-2.1.329-plain" / "input").rglob("*.jsonl"):
        target = source / "projects" / f"-home-{MARKER}" / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        lines = (json.dumps(planted(json.loads(line))) for line in path.read_text().splitlines())
        target.write_text("\n".join(lines) + "\n")
    result = scrub_folder(source, tmp_path / "out")
    assert result.files == 1
    written = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert written
    for path in written:
        assert MARKER.lower() not in str(path.relative_to(tmp_path)).lower()
        assert MARKER.lower().encode() not in path.read_bytes().lower()


def test_a_text_in_a_database_is_gone_even_where_it_was_deleted(tmp_path: Path) -> None:
    """The new database is written row by row; free pages of the old one are not copied."""
    (tmp_path / "logs").mkdir()
    (database,) = (FIXTURES / "crush").rglob("*.db")
    path = tmp_path / "logs" / database.name
    shutil.copy(database, path)
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE drafts (body TEXT)")
    connection.executemany("INSERT INTO drafts VALUES (?)", [(f"{MARKER} {number}",) for number in range(99)])
    connection.commit()
    connection.execute("DELETE FROM drafts WHERE body LIKE '%7%'")
    connection.commit()
    connection.close()
    assert MARKER.encode() in path.read_bytes()
    result = scrub_folder(tmp_path / "logs", tmp_path / "out")
    assert result.files == 1
    assert all(MARKER.encode() not in found.read_bytes() for found in (tmp_path / "out").rglob("*.db"))


def test_what_cannot_be_shown_to_keep_its_numbers_is_left_out_with_a_sentence(tmp_path: Path) -> None:
    """A log in plain text."""
    result = scrub_folder(FIXTURES / "aider", tmp_path / "out", salt=b"salt")
    assert result.refused
    assert all(reason.endswith(".") for _, reason in result.refused)
    assert not list((tmp_path / "out").rglob("*.history"))


def test_ids_are_the_same_in_all_files_and_differ_by_salt() -> None:
    """In a path as in a record; no two become one; signs between their parts stay."""
    one, other = Masker(b"1"), Masker(b"2")
    name = "f86fcedc-35cb-440e-a892-d9343a45d4a8"
    assert one.path(f"{name}.jsonl") == f"{one.identifier(name)}.jsonl"
    assert one.identifier(name) != other.identifier(name)
    assert [len(part) for part in one.identifier(name).split("-")] == [8, 4, 4, 4, 12]
    ids = [f"t{number:03d}" for number in range(500)]
    assert len({one.identifier(text) for text in ids}) == 500


def test_masked_text_has_the_same_size() -> None:
    """In characters, in bytes and as JSON."""
    text = 'Grüße "dir" \\ 語\n\t🙂 ok'
    masked = Masker(b"1").text(text)
    assert len(masked) == len(text)
    assert len(masked.encode()) == len(text.encode())
    assert len(json.dumps(masked)) == len(json.dumps(text))
    assert masked.split() != text.split()


def test_the_output_must_be_new_and_elsewhere(tmp_path: Path) -> None:
    """Nothing is overwritten, and no copy is read as a log of the same folder."""
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    with pytest.raises(UsageError, match="not empty"):
        scrub_folder(FIXTURES / "pi", tmp_path / "full")
    with pytest.raises(UsageError, match="lies inside"):
        scrub_folder(tmp_path, tmp_path / "below")
