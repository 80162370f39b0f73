"""The documentation is true: pages are fresh, commands run, links resolve."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md")), *sorted((ROOT / "fixtures").rglob("*.md"))]
COMMAND_BLOCKS = re.compile(r"```console\n(.*?)```", re.DOTALL)
LINKS = re.compile(r"\]\((?!https?:)([^)#]+)")
COMMANDS = [
    line
    for page in PAGES
    for block in COMMAND_BLOCKS.findall(page.read_text(encoding="utf-8"))
    for line in block.splitlines()
]


def test_generated_pages_and_examples_are_fresh() -> None:
    """Help, tables, schemas and shown outputs are what the program says today."""
    done = subprocess.run([sys.executable, "tools/docs.py", "--check"], cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_in_the_docs_run(command: str) -> None:
    """Each `console` line ends with 0 and prints something."""
    words = shlex.split(command)
    assert words[0] == "latprof"
    done = subprocess.run([sys.executable, "-m", *words], cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout


def test_there_are_commands_to_run() -> None:
    """Or the test above checks nothing."""
    assert len(COMMANDS) >= 8


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_inside_the_project_resolve(page: Path) -> None:
    """A link names a file or folder that is there."""
    for target in LINKS.findall(page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_no_page_names_a_path_of_one_machine(page: Path) -> None:
    """The docs are for every machine."""
    assert not re.search(r"/(work|root|tmp)/", page.read_text(encoding="utf-8"))


def test_every_command_has_a_section() -> None:
    """The reference describes each command that the program has."""
    help_text = subprocess.run([sys.executable, "-m", "latprof", "--help"], capture_output=True, text=True, check=True)
    commands = re.findall(r"^  (\w+)  ", help_text.stdout.partition("Commands:")[2], re.MULTILINE)
    page = (ROOT / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")
    assert commands
    assert all(f"## latprof {name}" in page for name in commands)


def test_the_changelog_has_an_entry_for_this_version() -> None:
    """Users read what changed."""
    from latprof import __version__

    assert f"## {__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
