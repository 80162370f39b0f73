"""What lies in the agents' own places: whichever folders were asked for before."""

from __future__ import annotations

import os
from itertools import permutations
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import pytest

from latprof.ingest.own import Asked, Own, _Real

FORMAT: Final[Any] = SimpleNamespace(roots=("~/.a/logs", "~/.a/*/sessions", "~/.b/history.jsonl"), env_roots={})
# By thought: the folder, whether it may hold anything, and of which names it does.
FOLDERS: Final = {
    ".a/logs": (True, {"x", "logs"}),
    ".a/logs/x/y": (True, {"x", "logs"}),
    ".a": (True, {"logs"}),
    ".a/k": (True, {"sessions"}),
    ".a/k/sessions/2026": (True, {"x", "logs"}),
    ".a/k/other/sessions": (False, set()),
    ".b": (True, {"history.jsonl"}),
    ".b/history.jsonl.d/deep": (False, set()),
    "c/d/e": (False, set()),
    "c": (False, set()),
    "": (False, set()),
}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path.resolve()
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(path))
    return path


@pytest.mark.parametrize("folder", FOLDERS)
def test_what_a_folder_holds(home: Path, folder: str) -> None:
    """All of a place, the files that a place names, nothing else."""
    own, (holds, names) = Own([FORMAT]), FOLDERS[folder]
    place = str(home / folder)
    assert own.holds_any(place) == holds
    assert own.holds_all(place) == ("x" in names)
    for name in ("x", "logs", "sessions", "history.jsonl"):
        assert own.holds(place, name) == (name in names or (holds and "x" in names)), name


def test_folders_may_be_asked_for_in_any_order(home: Path) -> None:
    """What is known of a folder above is used for those in it, and says the same."""
    for some in (*permutations(list(FOLDERS)[:5]), *permutations(list(FOLDERS)[5:])):
        own = Own([FORMAT])
        assert [own.holds_any(str(home / folder)) for folder in some] == [FOLDERS[folder][0] for folder in some]


def test_places_behind_links_are_those_that_the_links_lead_to(home: Path) -> None:
    """A folder that is a link, one in it that is not, a link to a link, one that leads nowhere."""
    (home / "disk" / "agent" / "logs").mkdir(parents=True)
    (home / "other").symlink_to(home / "disk")
    (home / ".a").symlink_to(home / "other" / "agent")
    (home / ".b").symlink_to(home / "gone" / "away")
    own = Own([FORMAT])
    assert own.holds(str(home / "disk" / "agent" / "logs" / "x"), "y")
    assert own.holds(str(home / "disk" / "agent" / "k" / "sessions"), "y")
    assert own.holds(str(home / "gone" / "away"), "history.jsonl")
    assert not own.holds(str(home / "disk"), "history.jsonl")
    assert not own.holds_any(str(home / ".a" / "logs"))
    for path in (".a/logs", ".a", ".b/history.jsonl", "other/agent/k/sessions", "disk/none/at/all", ""):
        assert _Real()[str(home / path)][0] == os.path.realpath(home / path)


def test_a_pattern_may_begin_at_the_root(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has nothing to do with the folder that one is in."""
    monkeypatch.chdir(home)
    asked = Asked([f"{os.sep}*{os.sep}x"])
    assert asked.tags(str(Path(os.sep, "any", "x"))) is not None
    assert asked.tags(str(home / "any" / "x")) is None


def test_a_place_may_be_very_deep(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Thousands of folders, a link among the first: as the system says where it is, without an error."""
    (home / "disk").mkdir()
    (home / "b").symlink_to(home / "disk", target_is_directory=True)
    deep = str(home) + "/b" * 3000
    real, known = str(home / "disk") + "/b" * 2999, _Real()
    assert known[deep] == (real, False)
    assert known[str(home / "b")] == (str(home / "disk"), True)
    monkeypatch.setenv("HOME", deep)
    monkeypatch.setenv("USERPROFILE", deep)
    assert Own([FORMAT]).holds(real + "/.a/logs", "x")
    assert Asked([deep]).tags(real + "/x") is not None
