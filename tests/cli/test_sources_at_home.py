"""`latprof sources` in a home folder that holds recorded logs where the agents keep them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from cli_run import Run

# Below the home folder: where each agent of the recordings keeps its logs, and how many calls these hold.
PLACES = {
    "claude-code": ("claude-code/2.1.329/stream-json/projects", ".claude/projects", 7),
    "cline-sdk": ("cline/3.0.65/sessions", ".cline/data/sessions", 45),
    "codex": ("codex/0.169.0/sessions", ".codex/sessions", 82),
    "gemini-cli": ("gemini-cli/0.61.0/chats", ".gemini/tmp/abc/chats", 62),
    "kimi-code": ("kimi-code/2.1.0/sessions", ".kimi-code/sessions", 75),
    "opencode": ("opencode/1.18.33/db", ".local/share/opencode", 84),
    "pi": ("pi/0.73.1/sessions", ".pi/agent/sessions", 76),
    "qwen-code": ("qwen-code/0.24.4/projects", ".qwen/projects", 69),
}


@pytest.fixture(scope="module")
def home(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    for recorded, place, _ in PLACES.values():
        shutil.copytree(shared / "truth" / recorded, folder / place)
    return folder


def test_each_agent_is_found_in_its_own_place(run: Run, home: Path) -> None:
    """With all its calls, and nothing else."""
    data = json.loads(run("sources", "--json", HOME=str(home)).stdout)
    found = {item["name"]: item for item in data["sources"] if item["files"]}
    assert {name: item["calls"] for name, item in found.items()} == {name: n for name, (*_, n) in PLACES.items()}
    for name, item in found.items():
        assert all(place.startswith(str(home / PLACES[name][1])) for place in item["places"]), name


def test_the_table_fits_a_terminal_of_a_hundred_columns(run: Run, home: Path) -> None:
    """No column is left out, and no line is longer."""
    shown = run("sources", HOME=str(home), COLUMNS="100").stdout.decode()
    assert "No room for" not in shown
    assert max(map(len, shown.splitlines())) <= 100
    assert "What they tell, and of which share of the calls" in shown
