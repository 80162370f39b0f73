"""What is known of formats without loading them is what they say themselves, and gives the same claims."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from latprof.formats import Format, Source, formats
from latprof.formats.base import SNIFF_BYTES
from latprof.formats.late import declared, has_entry_points, late_formats
from latprof.ingest import read_inputs

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "fixtures"
LATE, HELPERS = late_formats()
FILES = sorted(path for path in FIXTURES.glob("*/*/input/**/*") if path.is_file())


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("format_table", ROOT / "tools" / "format_table.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_table_is_what_the_modules_say(tool: ModuleType) -> None:
    """Where this fails, `python tools/format_table.py` writes it anew."""
    assert tool.TABLE.read_text(encoding="utf-8") == tool.text()


@pytest.mark.parametrize("module", sorted(LATE))
def test_a_late_format_is_the_modules_own_but_for_its_functions(module: str, tool: ModuleType) -> None:
    """Every field, with its type: what is compared here is not text."""
    own, late = declared(module), LATE[module]
    work = {"columns", "in_parts", "read", "resume", "sniff", "tail"}
    names = [name for name in Format.__dataclass_fields__ if name not in work]
    assert {name: getattr(late, name) for name in names} == {name: getattr(own, name) for name in names}
    assert (late.tail is None) == (own.tail is None)
    assert (late.resume is None) == (own.resume is None)
    assert (late.columns is None) == (own.columns is None)
    assert (late.in_parts is None) == (own.in_parts is None)


def heads(path: Path) -> list[bytes]:
    """What sniffers may get to see of a file: its head, and the same cut where a line ends."""
    head = Source.from_path(path).head()
    return [head, head.rpartition(b"\n")[0], head[: len(head) // 2]]


@pytest.mark.parametrize("path", FILES, ids=lambda path: "/".join(path.parts[-4:]))
def test_a_mark_stands_in_all_that_is_claimed(path: Path) -> None:
    """So that a format which is not asked would have said no."""
    for head in heads(path):
        for module, late in LATE.items():
            claims = declared(module).sniff(str(path), head)
            assert late.sniff(str(path), head) == claims, late.name


@pytest.mark.property
@settings(max_examples=60, deadline=None)
@given(
    path=st.sampled_from(FILES),
    cuts=st.lists(st.tuples(st.integers(0, SNIFF_BYTES), st.integers(0, 400)), max_size=4),
)
def test_marks_hold_in_damaged_heads(path: Path, cuts: list[tuple[int, int]]) -> None:
    """Pieces are missing; whoever still claims what is left has a mark in it."""
    head = Source.from_path(path).head()
    for at, length in cuts:
        start = at % (len(head) + 1)
        head = head[:start] + head[start + length :]
    for module, late in LATE.items():
        if declared(module).sniff(str(path), head):
            assert not late.marks or any(mark in head for mark in late.marks), late.name


def loaded_by(folder: Path) -> set[str]:
    """The modules of readers that reading a folder loads."""
    code = (
        "import json, sys\n"
        "from latprof.ingest import read_inputs\n"
        "reading = read_inputs([sys.argv[1]])\n"
        "print(json.dumps([dict(reading.formats), list(sys.modules)]))\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(folder)], capture_output=True, check=True)
    _, names = json.loads(done.stdout)
    below = {name.removeprefix("latprof.formats.").partition(".")[0] for name in names if "latprof.formats." in name}
    return below & LATE.keys()


def test_an_empty_folder_loads_no_reader(tmp_path: Path) -> None:
    assert loaded_by(tmp_path) == set()


def test_one_agents_folder_loads_few_readers() -> None:
    """Its own, and those whose marks stand in its files too."""
    found = loaded_by(FIXTURES / "claude-code" / "recorded-2.1.329-plain")
    assert "claude_code" in found
    assert len(found) <= 6
    assert {"otlp", "codex", "openhands"}.isdisjoint(found)


def test_a_module_that_the_table_does_not_know_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One more format is one more file: the table makes it faster, not possible."""
    import latprof.formats

    code = (
        "from latprof.formats.base import Format\n"
        "def _read(source):\n    return iter(())\n"
        "FORMAT = Format(name='dropped-in', title='Dropped in', agent=None, roots=(), env_roots={},\n"
        "                suffixes=('.dropped',), observes={'wall_s': 'exact'},\n"
        "                sniff=lambda path, head: head.startswith(b'DROPPED'), read=_read)\n"
    )
    (tmp_path / "dropped_in.py").write_text(code, encoding="utf-8")
    (tmp_path / "a.dropped").write_text("DROPPED\n", encoding="utf-8")
    monkeypatch.setattr(latprof.formats, "__path__", [*latprof.formats.__path__, str(tmp_path)])
    formats.cache_clear()
    try:
        assert "dropped-in" in [item.name for item in formats()]
        assert read_inputs([str(tmp_path)]).formats == {"dropped-in": 1}
    finally:
        monkeypatch.undo()
        sys.modules.pop("latprof.formats.dropped_in", None)
        formats.cache_clear()
    assert "dropped-in" not in [item.name for item in formats()]


def test_helpers_hold_no_format() -> None:
    """They are not looked at again."""
    assert {"base", "records", "late"} <= HELPERS
    assert HELPERS.isdisjoint(LATE)


def test_entry_points_are_looked_for_in_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody's group is found nowhere; a package's own is, and an archive on the path may hold anything."""
    assert not has_entry_points("nobodys.group.of.this.test")
    monkeypatch.syspath_prepend(str(tmp_path))
    info = tmp_path / "made-1.0.dist-info"
    info.mkdir()
    assert not has_entry_points("nobodys.group.of.this.test")
    (info / "entry_points.txt").write_text("[nobodys.group.of.this.test]\nx = made:X\n", encoding="utf-8")
    assert has_entry_points("nobodys.group.of.this.test")
    (info / "entry_points.txt").unlink()
    archive = tmp_path / "packages.zip"
    archive.write_bytes(b"")
    monkeypatch.syspath_prepend(str(archive))
    assert has_entry_points("nobodys.group.of.this.test")
