"""Figures after logs were deleted: the same as before."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from cli_run import Run
from months import analysed, history_file, write_months


@pytest.fixture
def projects(tmp_path: Path) -> Path:
    return write_months(tmp_path / "home")


def test_figures_stay_when_logs_are_deleted(run: Run, projects: Path) -> None:
    """Every figure; the files are those that are left, and a note says where the others come from."""
    before = analysed(run)
    shutil.rmtree(projects / "-srv-0")
    after = analysed(run)
    assert (before["calls"], before["files"], after["files"]) == (216, 18, 12)
    for key in ("calls", "sessions", "since", "until", "metrics"):
        assert after[key] == before[key], key
    note = next(text for text in after["notes"] if "history" in text)
    assert note.startswith("72 of these calls are in no log any more: the history has them, of 6 deleted logs, since")
    assert "2026-03-02" in note
    assert analysed(run) == after


@pytest.mark.parametrize("off", [("--no-history",), ()], ids=["option", "setting"])
def test_no_history_shows_what_is_left(run: Run, projects: Path, off: tuple[str, ...]) -> None:
    """Neither recalled nor kept, whatever a run before showed."""
    environment = {} if off else {"LATPROF_HISTORY": "false"}
    analysed(run, *off, **environment)
    assert not history_file(run).exists()
    analysed(run)
    shutil.rmtree(projects / "-srv-0")
    assert analysed(run)["calls"] == 216
    left = analysed(run, *off, **environment)
    assert (left["calls"], left["files"]) == (144, 12)
    assert not any("history" in text for text in left["notes"])
    assert analysed(run)["calls"] == 216


def test_a_kept_result_is_not_shown_when_the_history_changed(run: Run, projects: Path) -> None:
    """The same files, another history: pruned, then deleted."""
    analysed(run)
    shutil.rmtree(projects / "-srv-0")
    assert analysed(run)["calls"] == 216
    assert run("history", "prune", "--before", "2026-03-20").returncode == 0
    assert analysed(run)["calls"] == 144 + 12
    history_file(run).unlink()
    assert analysed(run)["calls"] == 144


def test_what_was_asked_decides_which_deleted_logs_count(run: Run, projects: Path) -> None:
    """Two folders with the same logs left, one of them with deleted ones; also where results are kept."""
    analysed(run)
    shutil.rmtree(projects / "-srv-0")
    shutil.rmtree(projects / "-srv-1")
    assert analysed(run, str(projects / "-srv-2"))["calls"] == 72
    assert analysed(run, str(projects))["calls"] == 216
    assert analysed(run, str(projects / "-srv-2"))["calls"] == 72
    assert analysed(run, "--session", "s1*")["calls"] == 72


def test_all_logs_deleted(run: Run, projects: Path) -> None:
    """Commands go on; without history they say what they always said."""
    before = analysed(run)
    shutil.rmtree(projects.parent)
    assert analysed(run)["metrics"] == before["metrics"]
    assert run("export", "--format", "jsonl").stdout.count(b"\n") == 216
    assert run("analyze", "--no-history").returncode == 3


def test_drift_over_months_needs_no_logs(run: Run, projects: Path) -> None:
    """The change between the first and the second month is found when the first month's logs are gone."""
    before = run("drift", "--json").stdout
    assert json.loads(before)
    shutil.rmtree(projects / "-srv-0")
    assert run("drift", "--json").stdout == before
    assert run("drift", "--json", "--no-history").stdout != before
