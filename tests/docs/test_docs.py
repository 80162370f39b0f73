"""The documentation is true: pages are fresh, commands run, links resolve."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import latprof

ROOT = Path(__file__).resolve().parents[2]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md")), *sorted((ROOT / "fixtures").rglob("*.md"))]
BLOCKS = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINKS = re.compile(r"\]\((?!https?:)([^)#]+)(?:#([^)]*))?\)")
MACHINE = re.compile(r"(?<![\w.~])/(?:work|root|tmp|home|mnt|opt|var|Users)/|[A-Z]:\\", re.IGNORECASE)


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    """tools/docs.py as a module."""
    spec = importlib.util.spec_from_file_location("docs_tool", ROOT / "tools" / "docs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def reference() -> str:
    """The page that shows the help of every command."""
    return text_of(ROOT / "docs" / "reference" / "cli.md")


@pytest.mark.skipif(sys.platform == "win32", reason="examples run in a POSIX shell")
def test_an_example_that_fails_is_an_error(tool: ModuleType) -> None:
    """The command is named, so that the check above cannot pass over it."""
    with pytest.raises(tool.Example, match="nowhere"):
        tool.filled("```console\n$ latprof analyze nowhere\n```\n")


@pytest.mark.skipif(sys.platform == "win32", reason="examples run in a POSIX shell")
@pytest.mark.parametrize(
    ("mark", "shown"),
    [
        ("<!-- output -->\n", "1\n2\n3\n4\n"),
        ("<!-- output lines 2-3 -->\n", "…\n2\n3\n…\n"),
        ("<!-- output from 3 -->\n", "…\n3\n4\n"),
        ("", "old\n"),
    ],
)
def test_output_is_put_in_as_the_mark_asks(tool: ModuleType, mark: str, shown: str) -> None:
    """The whole of it, a part with dots for the rest, or nothing: an unmarked block stays as it is."""
    page = mark + "```console\n$ printf '1\\n2\\n3\\n4\\n'\n{}```\n"
    assert tool.filled(page.format("old\n")) == page.format(shown)


def test_stale_pages_are_named(tool: ModuleType, tmp_path: Path) -> None:
    """A page that differs and one that is missing are stale, a fresh one is not."""
    (tmp_path / "fresh.md").write_text("a", encoding="utf-8")
    (tmp_path / "old.md").write_text("b", encoding="utf-8")
    made = {tmp_path / page: "a" for page in ("fresh.md", "old.md", "missing.md")}
    assert tool.stale(made) == [tmp_path / "old.md", tmp_path / "missing.md"]


def test_every_command_and_option_is_documented(reference: str) -> None:
    """The program's own list of commands, and for each its options, stand in the reference."""
    from typer.main import get_command

    from latprof.cli import app

    group = get_command(app)
    commands = getattr(group, "commands")  # noqa: B009 - not in the type that typer shows
    assert commands
    for title, command in commands.items():
        section = reference.partition(f"## latprof {title}\n")[2].partition("\n## ")[0]
        assert section, title
        for parameter in command.params:
            if parameter.param_type_name == "option":
                assert all(option in section for option in parameter.opts), (title, parameter.opts)


def test_commands_in_pages_are_prompted() -> None:
    """A `console` block begins with a prompt, or it would not be run."""
    found = 0
    for page in PAGES:
        for language, body in BLOCKS.findall(text_of(page)):
            if language == "console":
                assert body.startswith("$ latprof "), (name(page), body)
                found += body.count("\n$ latprof ") + 1
    assert found >= 20


def test_every_block_of_code_says_its_language() -> None:
    """So that none escapes the checks."""
    for page in PAGES:
        for language, _ in BLOCKS.findall(text_of(page)):
            known = {"console", "sh", "bat", "text", "python", "toml", "yaml"}
            assert language in known, name(page)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_inside_the_project_resolve(page: Path) -> None:
    """A link names a file or folder that is there."""
    for target, _ in LINKS.findall(text_of(page)):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_no_page_names_a_path_of_one_machine(page: Path) -> None:
    """The docs are for every machine."""
    assert MACHINE.search(text_of(page)) is None


def test_every_page_can_be_reached_from_the_readme() -> None:
    """Following links from the README leads to every page of the documentation."""
    reached: set[Path] = set()
    waiting = [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached or page.suffix != ".md":
            continue
        reached.add(page)
        waiting += [(page.parent / target).resolve() for target, _ in LINKS.findall(text_of(page))]
    # The notes are part of the page on formats.
    pages = {page for page in (ROOT / "docs").rglob("*.md") if page.parent.name != "notes"}
    assert {name(page) for page in pages - reached} == set()


def test_figures_in_the_readmes_text_are_those_of_the_fixtures() -> None:
    """The comparison of the stated first token with the obvious formula, on the same calls."""
    trace = latprof.load([str(ROOT / "fixtures" / "claude-code")])
    stated = ~np.isnan(trace.column("ttft_s"))
    wait, formula = (np.median(trace.column(key)[stated]) for key in ("ttft_s", "as_logged_ttft_s"))
    words = (
        f"On the {stated.sum()} calls in `fixtures/claude-code` whose first token is stated, "
        f"the median wait is {wait:.2f} s"
    )
    text = " ".join(text_of(ROOT / "README.md").split())
    assert f"{words} and the formula says {formula:.2f} s." in text


def test_groupings_in_the_guide_are_those_of_the_program() -> None:
    """Every key of `--by` has a row in the how-to."""
    from latprof.stats import BY_KEYS

    guide = text_of(ROOT / "docs" / "how-to" / "filter-and-group.md").partition("## Groups")[2]
    table = [line.split("|")[1] for line in guide.splitlines() if line.startswith("| `")]
    assert {key for cell in table for key in re.findall(r"`(\w+)`", cell)} == set(BY_KEYS)


def test_the_changelog_has_an_entry_for_this_version() -> None:
    """Users read what changed."""
    assert f"## {latprof.__version__}" in text_of(ROOT / "CHANGELOG.md")
