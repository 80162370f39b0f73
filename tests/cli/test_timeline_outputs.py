"""Outputs of `latprof budget`, `session`, `slowest`, `drivers`: files, formats, hostile names."""

from __future__ import annotations

import csv
import io
import json
import subprocess
from pathlib import Path

import pytest

from claude_code_lines import Log, text
from cli_run import Run

HOSTILE = "=cmd|'/c calc'!A1 [red]x[/red] <script>alert(1)</script> | `a` \x1b[31m\u202e**b**"


def sentence(done: subprocess.CompletedProcess[bytes]) -> str:
    (line,) = done.stderr.decode().strip().splitlines()
    assert done.returncode == 2, line
    return line


def logs(run_folder: Path, calls: int = 8, model: str = "claude-opus-4-7") -> None:
    log = Log(version=model)
    for turn in range(calls):
        log.prompt(100 * turn)
        log.answer(100 * turn + 3, f"msg_{turn}", text(), model=model)
    (run_folder / "s.jsonl").write_bytes(log.data())


@pytest.mark.parametrize("command", [("budget",), ("slowest",), ("drivers",), ("session",)])
def test_an_output_file_can_be_any_format(run: Run, tmp_path: Path, command: tuple[str, ...]) -> None:
    """JSON by its name, Markdown by its name, CSV beside the table; nothing is overwritten."""
    logs(tmp_path)
    assert run(*command, "s.jsonl", "-o", "x.json").returncode == 0
    assert json.loads((tmp_path / "x.json").read_bytes())["schema_version"] == 1
    assert run(*command, "s.jsonl", "-o", "x.md", "--csv", "x.csv").returncode == 0
    assert (tmp_path / "x.md").read_text().startswith("# latprof")
    assert len((tmp_path / "x.csv").read_text().splitlines()) >= 2
    assert "--force" in sentence(run(*command, "s.jsonl", "-o", "x.json"))


@pytest.mark.parametrize("command", [("budget",), ("slowest",), ("drivers",), ("session",)])
def test_hostile_names_are_harmless(run: Run, tmp_path: Path, command: tuple[str, ...]) -> None:
    """Escape codes, markup and formulas in a model's name."""
    logs(tmp_path, model=HOSTILE)
    table = run(*command, "s.jsonl").stdout.decode()
    assert "\x1b" not in table
    assert "\u202e" not in table
    markdown = run(*command, "s.jsonl", "--format", "md").stdout.decode()
    assert "<script>" not in markdown
    for row in csv.reader(io.StringIO(run(*command, "s.jsonl", "--format", "csv").stdout.decode())):
        assert not any(cell.startswith(("=", "@", "\t")) for cell in row)
