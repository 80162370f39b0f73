"""Formats that other packages add by the entry point `latprof.formats`."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from installed_formats import install, installed
from latprof.formats import Source, formats
from latprof.ingest import read_inputs

CODE = """
from latprof.formats import Format
from latprof.model import Call

def sniff(path, head):
    return head.startswith(b"MADE ")

def read(source):
    with source.open() as stream:
        for line in stream:
            yield Call(agent="made", session_id=line[5:].decode().strip(), sent_at=1.8e9, sent_source="record_start")

def made(name):
    return Format(name=name, title="Made", agent="made", roots=("~/.made",), env_roots={}, suffixes=(".made",),
                  observes={}, sniff=sniff, read=read)

FORMAT, SECOND, TWIN = made("made"), made("made-too"), made("claude-code")
NOTHING = 3
"""


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of installed packages."""
    folder = tmp_path / "packages"
    folder.mkdir()
    with installed(folder, monkeypatch):
        yield folder


def names() -> list[str]:
    return [item.name for item in formats()]


def test_a_packages_format_stands_among_ours(packages: Path) -> None:
    """By name, without a warning; several of one package too."""
    ours = names()
    formats.cache_clear()
    install(packages, "made_format", CODE, first="made_format:FORMAT", second="made_format:SECOND")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = names()
    assert found == sorted([*ours, "made", "made-too"])


def test_its_logs_are_found_and_read(packages: Path, tmp_path: Path) -> None:
    """By its suffix in a folder, by its look, with its calls."""
    install(packages, "made_format", CODE, made="made_format:FORMAT")
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "a.made").write_bytes(b"MADE one\nMADE two\n")
    reading = read_inputs([str(logs)])
    assert sorted(call.session_id for call in reading.calls) == ["one", "two"]
    assert reading.formats == {"made": 1}


def test_without_it_its_logs_are_unknown(tmp_path: Path) -> None:
    """Nothing stays behind from the test before."""
    assert "made" not in names()
    assert not [item for item in formats() if item.sniff("a.made", b"MADE one\n")]
    assert list(Source.from_bytes(b"MADE one\n").head()) == list(b"MADE one\n")


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("made_format:MISSING", "cannot be loaded: AttributeError"),
        ("no_such_module:FORMAT", "cannot be loaded: ModuleNotFoundError"),
        ("made_format:NOTHING", "is no latprof.formats.Format"),
    ],
)
def test_a_broken_one_warns_and_the_others_stay(packages: Path, target: str, words: str) -> None:
    """It is named; what it raised is told by its kind only."""
    ours = names()
    formats.cache_clear()
    install(packages, "made_format", CODE, broken=target, made="made_format:FORMAT")
    with pytest.warns(UserWarning, match=f"broken {words}"):
        found = names()
    assert found == sorted([*ours, "made"])


def test_a_module_that_fails_while_it_loads_warns(packages: Path) -> None:
    """In whatever way."""
    install(packages, "made_format", "raise RuntimeError('secret text')", broken="made_format:FORMAT")
    with pytest.warns(UserWarning, match="broken cannot be loaded: RuntimeError") as caught:
        names()
    assert not any("secret" in str(warning.message) for warning in caught)


def test_none_of_ours_can_be_replaced(packages: Path) -> None:
    """A second one with the name of ours is left out, with a warning."""
    ours = next(item for item in formats() if item.name == "claude-code")
    formats.cache_clear()
    install(packages, "made_format", CODE, twin="made_format:TWIN")
    with pytest.warns(UserWarning, match="a second format named claude-code"):
        found = formats()
    assert [item for item in found if item.name == "claude-code"] == [ours]
