"""`latprof scrub` as a user calls it: what it says, what other commands show of the copies."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli_run import Run
from latprof import api
from latprof.share.folder import scrub_folder
from shared_logs import differences, output_of


@pytest.mark.parametrize("agent", ["claude-code", "codex", "opencode", "kimi-code"])
def test_every_command_shows_the_same_of_the_copies(agent: str, fixtures: Path, tmp_path: Path) -> None:
    """Apart from ids and paths, which are renamed one for one."""
    logs, copies = fixtures / agent, tmp_path / "out"
    scrub_folder(logs, copies, salt=b"salt")
    sessions = [min(api.load([str(folder)]).texts["session_id"]) for folder in (logs, copies)]
    for command in ("analyze", "budget", "drivers"):
        assert differences(output_of(logs, command), output_of(copies, command)) == []
    shown = [output_of(folder, "session", name) for folder, name in zip((logs, copies), sessions, strict=True)]
    assert differences(*shown) == []


def test_what_was_copied_is_told(run: Run, fixtures: Path) -> None:
    """A table for people, the same for programs; nothing of the logs' text."""
    done = run("scrub", str(fixtures / "pi"), "-o", "shared")
    assert done.returncode == 0, done.stderr
    said = done.stdout.decode()
    assert said.startswith("latprof: 6 logs without text, 0 left out")
    assert "read the same from the new files" in said
    again = run("scrub", str(fixtures / "pi"), "-o", "again", "--json")
    data = json.loads(again.stdout)
    assert (data["files"], data["refused"], data["identical"], data["formats"]) == (6, [], True, {"pi": 6})


def test_a_log_that_is_left_out_is_named(run: Run, tmp_path: Path, fixtures: Path) -> None:
    """With its path and a sentence; the command has done its work."""
    logs = tmp_path / "logs"
    logs.mkdir()
    (log,) = (fixtures / "pi" / "real-v1" / "input").rglob("*.jsonl")
    (logs / "a.jsonl").write_bytes(log.read_bytes())
    (logs / "broken.jsonl.gz").write_bytes(b"\x1f\x8b\x08\x00 no gzip")
    done = run("scrub", "logs", "-o", "shared", "--json")
    assert done.returncode == 0, done.stderr
    data = json.loads(done.stdout)
    assert not data["identical"]
    assert [Path(item["path"]).name for item in data["refused"]] == ["broken.jsonl.gz"]
    assert run("scrub", "logs", "-o", "more").stdout.decode().count("broken.jsonl.gz") == 1


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("scrub", "logs", "-o", "full"), 2, "full is there already and not empty"),
        (("scrub", "logs", "-o", "logs/below"), 2, "lies inside logs"),
        (("scrub", "none", "-o", "new"), 2, "No such file or folder: none"),
        (("scrub", "empty", "-o", "new"), 3, "No log of a known format was found in empty"),
        (("scrub", "logs"), 2, "--output"),
    ],
)
def test_mistakes_are_one_sentence(
    arguments: tuple[str, ...], code: int, words: str, run: Run, tmp_path: Path, fixtures: Path
) -> None:
    """And nothing is written, neither over a file nor into the logs."""
    for name in ("logs", "full", "empty"):
        (tmp_path / name).mkdir()
    (log,) = (fixtures / "pi" / "real-v1" / "input").rglob("*.jsonl")
    for name in ("logs", "full"):
        (tmp_path / name / "a.jsonl").write_bytes(log.read_bytes())
    before = sorted(str(path) for path in tmp_path.rglob("*"))
    done = run(*arguments)
    assert done.returncode == code
    assert words in done.stderr.decode()
    assert done.stdout == b""
    assert sorted(str(path) for path in tmp_path.rglob("*") if "home" not in path.name) == before
    assert (tmp_path / "full" / "a.jsonl").read_bytes() == log.read_bytes()
