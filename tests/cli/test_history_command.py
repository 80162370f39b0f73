"""`latprof history`, and what commands say when something is wrong with it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cli_run import Run
from months import analysed, history_file, write_months
from permissions import needs_permissions


@pytest.fixture
def projects(tmp_path: Path) -> Path:
    return write_months(tmp_path / "home")


def test_info_tells_what_is_kept(run: Run, projects: Path) -> None:
    """Before the first run nothing, then everything, then how much of it is deleted."""
    assert b"Nothing is kept yet" in run("history", "info").stdout
    analysed(run)
    shutil.rmtree(projects / "-srv-0")
    data = json.loads(run("history", "info", "--json").stdout)
    (place,) = data["places"]
    assert place.pop("since").startswith("2026-03-02")
    assert place.pop("until").startswith("2026-05-21")
    assert place == {
        "place": "~/.claude/projects", "logs": 18, "deleted_logs": 6, "calls": 216, "deleted_calls": 72,
        "lost_calls": 0,
    }  # fmt: skip
    assert data["size_bytes"] == Path(data["path"]).stat().st_size
    shown = run("history", "info", COLUMNS="100").stdout.decode()
    assert "~/.claude/projects" in shown
    assert max(map(len, shown.splitlines())) <= 100


def test_sources_and_doctor_count_what_is_gone(run: Run, projects: Path) -> None:
    """Beside the logs that are there, and only where they are asked about."""
    analysed(run)
    shutil.rmtree(projects / "-srv-0")
    said = b"72 more calls of 6 deleted logs are in the history, since 2026-03-0"
    for command in ("sources", "doctor"):
        assert said in b" ".join(run(command, COLUMNS="300").stdout.split())
        assert b"deleted logs" not in run(command, "--no-history").stdout
        data = json.loads(run(command, "--json").stdout)["history"]
        assert (data["calls"], data["deleted_logs"], data["formats"]) == (72, 6, {"claude-code": 72})
        assert json.loads(run(command, "--json", "--no-history").stdout)["history"] is None
        assert json.loads(run(command, "--json", LATPROF_HISTORY="false").stdout)["history"] is None
        assert json.loads(run(command, str(projects / "-srv-1"), "--json").stdout)["history"]["calls"] == 0


def test_prune_tells_what_it_did(run: Run, projects: Path) -> None:
    """A day to come is refused: nothing would ever be kept again."""
    analysed(run)
    shutil.rmtree(projects / "-srv-0")
    size = history_file(run).stat().st_size
    data = json.loads(run("history", "prune", "--before", "2026-04-01", "--json").stdout)
    assert (data["calls"], data["logs"]) == (72, 6)
    assert history_file(run).stat().st_size < size
    refused = run("history", "prune", "--before", "2999-01-01")
    assert refused.returncode == 2
    assert b"in the future" in refused.stderr
    assert run("history", "prune").returncode == 2


def test_a_damaged_history_is_said_aloud(run: Run, projects: Path) -> None:
    """On standard error and beside the figures, which are those of the logs."""
    analysed(run)
    shutil.rmtree(projects / "-srv-0")
    history_file(run).write_bytes(b"nothing of a database " * 300)
    done = run("analyze", "--json")
    assert b"the history is damaged" in done.stderr
    found = json.loads(done.stdout)
    assert found["calls"] == 144
    assert any("calls of deleted logs may be missing" in text for text in found["notes"])
    assert b"is damaged" in run("history", "info").stdout
    assert run("history", "prune", "--before", "2026-04-01").returncode == 2


@needs_permissions
@pytest.mark.parametrize("what", ["file", "folder"])
def test_a_history_without_permission_is_said_aloud(run: Run, projects: Path, what: str) -> None:
    """The same of its folder as of itself: it is not taken for none."""
    analysed(run)
    shutil.rmtree(projects / "-srv-0")
    closed = history_file(run) if what == "file" else history_file(run).parent
    closed.chmod(0)
    try:
        done, info = run("analyze", "--json"), run("history", "info")
        pruned = run("history", "prune", "--before", "2026-04-01")
    finally:
        closed.chmod(0o700)
    assert b"the history cannot be opened (permissions?)" in done.stderr
    assert any("calls of deleted logs may be missing" in text for text in json.loads(done.stdout)["notes"])
    assert b"cannot be opened (permissions?)" in b" ".join(info.stdout.split())
    assert b"Nothing is kept yet" not in info.stdout
    assert pruned.returncode == 2


def test_a_history_that_was_emptied_is_said_aloud_and_begins_anew(run: Run, projects: Path) -> None:
    """It is not a new one; once there is something in it, there is nothing to say."""
    analysed(run)
    shutil.rmtree(projects / "-srv-0")
    history_file(run).write_bytes(b"")
    assert b"is empty, whatever it held is lost. A new one begins" in b" ".join(run("history", "info").stdout.split())
    assert run("history", "prune", "--before", "2026-04-01").returncode == 2
    first, second = run("analyze", "--json", "--no-cache"), run("analyze", "--json", "--no-cache")
    assert b"the history is empty, whatever it held is lost" in first.stderr
    assert any("calls of deleted logs may be missing" in text for text in json.loads(first.stdout)["notes"])
    assert b"history" not in second.stderr
    assert json.loads(run("history", "info", "--json").stdout)["places"][0]["logs"] == 12


def test_standard_input_and_copies_leave_no_trace(run: Run, projects: Path, tmp_path: Path) -> None:
    """Neither is the agent's own place."""
    shutil.copytree(projects, tmp_path / "copy")
    assert analysed(run, str(tmp_path / "copy"))["calls"] == 216
    data = (projects / "-srv-0" / "s00.jsonl").read_bytes()
    assert run("analyze", "-", stdin=data).returncode == 0
    assert not history_file(run).exists()


def test_runs_at_once_agree(run: Run, projects: Path, tmp_path: Path) -> None:
    """Four begin together with no history; each tells all, and afterwards all is kept."""
    home = str(tmp_path / "home")
    environment = os.environ | {"HOME": home, "USERPROFILE": home}
    command = [sys.executable, "-m", "latprof", "analyze", "--json", "--no-cache"]
    started = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, cwd=tmp_path) for _ in range(4)]
    told = {process.communicate()[0] for process in started}
    assert len(told) == 1
    shutil.rmtree(projects.parent)
    assert analysed(run)["metrics"] == json.loads(told.pop())["metrics"]
