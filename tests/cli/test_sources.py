"""`latprof sources` and `latprof formats`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from cli_run import Run
from latprof.formats import formats

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
CASE = FIXTURES / "claude-code" / "recorded-2.1.329-plain" / "input"


def entry(data: dict[str, list[dict[str, object]]], key: str, name: str) -> dict[str, object]:
    (found,) = [item for item in data[key] if item["name"] == name]
    return found


def test_sources_counts_what_lies_in_the_agents_places(run: Run, tmp_path: Path) -> None:
    """Two copies of a session: two files and twice the bytes, each call and session once."""
    for folder in ("one", "two"):
        shutil.copytree(CASE, tmp_path / "home" / ".claude" / "projects" / folder)
    size = sum(path.stat().st_size for path in CASE.rglob("*.jsonl"))
    files = len(list(CASE.rglob("*.jsonl")))
    calls = len((CASE.parent / "expected.ndjson").read_text().splitlines())
    found = entry(json.loads(run("sources", "--json", HOME=str(tmp_path / "home")).stdout), "sources", "claude-code")
    assert (found["files"], found["size_bytes"], found["calls"]) == (2 * files, 2 * size, calls)
    assert (found["sessions"], found["days"], found["first_day"]) == (1, 1, "2026-11-21")
    assert found["places"] == [str(tmp_path / "home" / ".claude" / "projects")]


def test_sources_of_a_computer_without_agents_is_no_error(run: Run, tmp_path: Path) -> None:
    """Nothing found is an answer; every format is named as not found."""
    done = run("sources", HOME=str(tmp_path))
    assert done.returncode == 0
    assert "No agent logs were found." in done.stdout.decode()
    assert "Claude Code" in done.stdout.decode()


def test_sources_of_a_given_folder(run: Run) -> None:
    """The argument replaces the agents' own places; what others hold has zero files."""
    data = json.loads(run("sources", str(CASE), "--json").stdout)
    assert [item["name"] for item in data["sources"] if item["files"]] == ["claude-code"]
    assert len(data["sources"]) == len(formats())


def test_sources_of_a_path_that_is_not_there_is_wrong_usage(run: Run) -> None:
    """Exit code 2 and one sentence."""
    done = run("sources", "nowhere")
    assert (done.returncode, done.stderr.decode()) == (2, "latprof: No such file or folder: nowhere.\n")


def test_formats_lists_every_reader_and_what_it_shows(run: Run) -> None:
    """The same declarations that the documents are made from."""
    data = json.loads(run("formats", "--json").stdout)
    assert [item["name"] for item in data["formats"]] == [item.name for item in formats()]
    claude = entry(data, "formats", "claude-code")
    assert claude["observes"] == dict(next(item for item in formats() if item.name == "claude-code").observes)
    assert (claude["evidence"], claude["refusal"]) == ("recorded", None)


@pytest.mark.parametrize("name", ["table", "md", "csv"])
def test_formats_in_every_shape_names_every_format(run: Run, name: str) -> None:
    """Refused ones too."""
    shown = run("formats", "--format", name, COLUMNS="160").stdout.decode().replace("\\", "")
    assert all(item.name in shown for item in formats())
