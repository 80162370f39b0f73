"""With the cache every command prints what it prints without; `latprof cache` shows and clears it."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from cli_run import Run
from permissions import needs_permissions

LOGS = Path(__file__).parents[2] / "fixtures" / "claude-code"


def cache_file() -> Path:
    return Path(os.environ["LATPROF_CACHE_DIR"]) / "cache.sqlite"


@pytest.mark.parametrize(
    "options", [(), ("--json",), ("--format", "html", "--by", "hour", "--tz", "Europe/Berlin", "--problems")], ids=str
)
def test_the_second_run_prints_what_the_first_did(run: Run, options: tuple[str, ...]) -> None:
    """Byte by byte, and as without a cache."""
    plain = run("analyze", str(str(LOGS)), *options, "--no-cache").stdout
    assert plain
    assert not cache_file().exists()
    assert [run("analyze", str(str(LOGS)), *options).stdout for _ in range(2)] == [plain] * 2
    assert cache_file().exists()


def test_another_question_is_not_answered_by_the_kept_result(run: Run) -> None:
    """Options and filters count."""
    first = run("analyze", str(str(LOGS)), "--json").stdout
    for options in (("--percentiles", "50"), ("--model", "none")):
        assert run("analyze", str(str(LOGS)), "--json", *options).stdout != first
    assert run("analyze", str(str(LOGS)), "--json").stdout == first


def test_people_and_programs_get_answers_of_their_own(run: Run, tmp_path: Path) -> None:
    """In any order: a table is never made of what programs got, nor figures of what a table shows."""
    ways = {"table": (), "json": ("--json",), "md": ("--format", "md"), "csv": ("--csv",)}

    def answer(way: str, *more: str) -> tuple[bytes, bytes]:
        file = tmp_path / "figures.csv"
        options = (*ways[way], str(file), "--force") if way == "csv" else ways[way]
        shown = run("analyze", str(LOGS), *options, *more).stdout
        return shown, file.read_bytes() if way == "csv" else b""

    plain = {way: answer(way, "--no-cache") for way in ways}
    assert plain["csv"][0] == plain["table"][0]
    assert plain["csv"][1].count(b"\n") > 50
    for way in ("table", "json", "table", "md", "csv", "json", "csv", "table", "md"):
        assert answer(way) == plain[way], way


def test_verbose_says_where_the_result_is_from(run: Run) -> None:
    """And what it rests on, as the first run did."""
    first, second = (run("analyze", str(str(LOGS)), "--verbose").stderr.decode() for _ in range(2))
    assert "nothing changed" not in first
    assert "nothing changed" in second
    counts = [
        [line[line.index(" s  ") :] for line in text.splitlines() if "calls kept" in line] for text in (first, second)
    ]
    assert counts[0] == counts[1] != []


def test_a_setting_turns_it_off(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the option does."""
    monkeypatch.setenv("LATPROF_CACHE", "false")
    run("analyze", str(LOGS))
    assert not cache_file().exists()


@pytest.mark.parametrize("command", [("export",), ("budget", "--json")])
def test_other_commands_read_from_it_too(run: Run, command: tuple[str, ...]) -> None:
    """And print the same."""
    plain = run(*command, str(str(LOGS)), "--no-cache").stdout
    assert [run(*command, str(LOGS)).stdout for _ in range(2)] == [plain] * 2
    assert cache_file().exists()


def test_standard_input_is_not_kept(run: Run) -> None:
    """It has no name and no time."""
    data = next(LOGS.rglob("*.jsonl")).read_bytes()
    run("analyze", "-", stdin=data)
    assert not cache_file().exists() or json.loads(run("cache", "info", "--json").stdout)["contents"] == []


def test_path_info_and_clear(run: Run) -> None:
    """Where it is, what it holds, and gone."""
    assert run("cache", "path").stdout.decode().strip() == str(cache_file())
    assert json.loads(run("cache", "info", "--json").stdout)["contents"] == []
    run("analyze", str(LOGS))
    shown = json.loads(run("cache", "info", "--json").stdout)
    kinds = {item["kind"] for item in shown["contents"]}
    assert {"columns", "file", "result", "snapshot"} <= kinds
    assert shown["size_bytes"] == sum(item["size_bytes"] for item in shown["contents"]) > 0
    assert str(cache_file()) in "".join(run("cache", "info").stdout.decode().split("\n"))
    assert b"cleared" in run("cache", "clear").stderr
    assert b"no cache" in run("cache", "clear").stderr
    assert not cache_file().exists()


@needs_permissions
@pytest.mark.parametrize("mode", [0, 0o500])
def test_what_cannot_be_cleared_is_said_to_stay(run: Run, mode: int) -> None:
    """And nothing is said of a cache that was not there."""
    run("analyze", str(LOGS))
    folder = cache_file().parent
    folder.chmod(mode)
    try:
        done = run("cache", "clear")
    finally:
        folder.chmod(0o700)
    assert done.returncode == 2
    assert b"could not be cleared" in done.stderr
    assert str(folder).encode() in done.stderr
    assert done.stderr.count(b"\n") == 1
    assert cache_file().exists()


def test_a_file_in_the_place_of_the_cache_is_no_empty_cache(run: Run) -> None:
    """Whose it is nobody knows: it stays."""
    place = cache_file().parent
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(b"notes")
    done = run("cache", "clear")
    assert (done.returncode, place.read_bytes()) == (2, b"notes")
    assert f"{place}, is no folder".encode() in done.stderr


def test_an_empty_cache_was_there_too(run: Run) -> None:
    """Although nothing is freed."""
    cache_file().parent.mkdir(parents=True, exist_ok=True)
    cache_file().write_bytes(b"")
    assert b"cleared" in run("cache", "clear").stderr
    assert not cache_file().exists()


def test_what_several_processes_read_and_kept_is_found_by_the_next_runs(tmp_path: Path) -> None:
    """In processes of its own, where copies are forked: the same text, all files kept, a grown one read on."""
    logs = tmp_path / "logs"
    shutil.copytree(LOGS, logs)
    for path in logs.rglob("*"):
        os.utime(path, (1_700_000_000, 1_700_000_000))

    def analyze(*options: str) -> tuple[str, str]:
        command = [sys.executable, "-m", "latprof", "analyze", str(logs), "--json", "--verbose", *options]
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
        return done.stdout, done.stderr

    plain = analyze("--no-cache", "--jobs", "1")[0]
    first, second = analyze("--jobs", "3"), analyze()
    assert first[0] == second[0] == plain
    assert "nothing changed" not in first[1]
    assert "nothing changed" in second[1]
    with closing(sqlite3.connect(cache_file())) as database:
        kinds = dict(database.execute("SELECT kind, count(*) FROM kept GROUP BY kind"))
    assert kinds["file"] == sum(path.suffix in {".json", ".jsonl"} for path in logs.rglob("*"))
    assert kinds["snapshot"] == kinds["columns"] == kinds["result"] == 1
    grown = max(logs.rglob("*.jsonl"), key=lambda path: path.stat().st_size)
    with grown.open("ab") as log:
        log.write(grown.read_bytes().splitlines(keepends=True)[-1])
    assert analyze()[0] == analyze("--no-cache", "--jobs", "1")[0]
