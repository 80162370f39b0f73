"""What may not be looked at is named as such, and never taken for what is not there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from claude_code_lines import Log, text
from cli_run import Run
from permissions import needs_permissions

pytestmark = needs_permissions


@pytest.fixture
def log() -> bytes:
    lines = Log(session="session-a")
    lines.prompt(0)
    lines.answer(3, "msg_a", text(), stop="end_turn")
    return lines.data()


@pytest.fixture
def projects(tmp_path: Path, log: bytes) -> Iterator[Path]:
    """Claude Code's place, with one log in it, without permission."""
    place = tmp_path / "home" / ".claude" / "projects"
    (place / "-srv-a").mkdir(parents=True)
    (place / "-srv-a" / "a.jsonl").write_bytes(log)
    place.chmod(0)
    yield place
    place.chmod(0o700)


@pytest.mark.parametrize("command", ["sources", "doctor"])
def test_an_agents_place_without_permission_is_named(run: Run, projects: Path, command: str) -> None:
    """With whose it is, on the page and for programs; it is not missing."""
    shown = b" ".join(run(command, COLUMNS="300").stdout.split()).decode()
    assert f"No permission to look at {projects} (Claude Code): check the permissions." in shown
    assert "No agent logs were found" not in shown
    assert "Claude Code;" not in shown.partition("Not found:")[2]
    assert json.loads(run(command, "--json").stdout)["no_permission"] == [str(projects)]


@pytest.mark.parametrize("command", ["sources", "doctor"])
def test_a_log_without_permission_is_named_beside_the_others(
    run: Run, projects: Path, log: bytes, command: str
) -> None:
    """Those that may be read are shown."""
    projects.chmod(0o700)
    closed = projects / "-srv-a" / "b.jsonl"
    closed.write_bytes(log)
    closed.chmod(0)
    data = json.loads(run(command, "--json").stdout)
    assert data["no_permission"] == [str(closed)]
    found = {item["name"]: item["calls"] for item in data["sources" if command == "sources" else "formats"]}
    assert found["claude-code"] == 1
    assert f"{closed} (Claude Code)".encode() in run(command, COLUMNS="300").stdout
    given = json.loads(run(command, str(closed), "--json").stdout)
    assert given["no_permission"] == [str(closed)]


def test_many_of_them_are_counted_on_the_page(run: Run, tmp_path: Path, log: bytes) -> None:
    """And all named for programs."""
    for number in range(8):
        path = tmp_path / "logs" / f"{number}.jsonl"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(log)
        path.chmod(0)
    assert b"4.jsonl; 3 more: check the permissions" in run("sources", "logs", COLUMNS="300").stdout
    assert len(json.loads(run("sources", "logs", "--json").stdout)["no_permission"]) == 8


def test_nothing_is_said_of_permissions_where_all_may_be_read(run: Run, projects: Path) -> None:
    """As ever."""
    projects.chmod(0o700)
    for command in ("sources", "doctor"):
        assert b"permission" not in run(command).stdout
        assert json.loads(run(command, "--json").stdout)["no_permission"] == []


def test_a_path_below_a_closed_folder_is_not_said_to_be_missing(run: Run, projects: Path) -> None:
    """Whether it is there nobody can tell: it is a file without permission, as others are."""
    for path in (projects / "-srv-a" / "a.jsonl", projects / "-srv-b"):
        done = run("analyze", str(path))
        assert done.returncode == 3
        assert b"No such file" not in done.stderr
        assert f"{path} (PermissionError); check its permissions".encode() in done.stderr
    missing = run("analyze", str(projects.parent / "gone"))
    assert missing.returncode == 2
    assert b"No such file or folder" in missing.stderr


@pytest.mark.parametrize("command", ["sources", "doctor", "analyze"])
def test_a_closed_folder_above_an_agents_place_is_named(run: Run, projects: Path, command: str) -> None:
    """The folder itself: what lies in it nobody can tell."""
    projects.chmod(0o700)
    projects.parent.chmod(0)
    try:
        done = run(command, COLUMNS="300")
    finally:
        projects.parent.chmod(0o700)
    if command == "analyze":
        assert (done.returncode, done.stdout) == (3, b"")
        assert f"{projects.parent} (PermissionError); check its permissions".encode() in done.stderr
    else:
        shown = b" ".join(done.stdout.split()).decode()
        assert f"No permission to look at {projects.parent} (Claude Code): check the permissions." in shown
        assert "Claude Code;" not in shown.partition("Not found:")[2]
