"""The compiled walk through folders finds what the Python code finds, and is really what walks."""

from __future__ import annotations

import os
import signal
import sys
from _thread import interrupt_main
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from functools import partial
from operator import call
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from any_calls import many
from latprof.formats import formats
from latprof.ingest import Found, find, read_inputs

pytestmark = pytest.mark.property
module: Any = sys.modules["latprof.ingest.find"]
compiled = pytest.importorskip("latprof.ingest._native_walk", reason="not compiled here")
if not compiled.IS_THERE:
    pytest.skip("this system does not say of names what they are", allow_module_level=True)

NAMES = [
    b"a.jsonl", b"b.jsonl", b"B.jsonl", b".jsonl", b"jsonl", b"c.json", b"c.jsonl.gz", b"d.jsonl.bak", b"auth.json",
    b".hidden.jsonl", "\u00e9.jsonl".encode(), "\ufffd.jsonl".encode(), b"\xff\xfe.jsonl", b"x y.jsonl",
    "\U0001f600.json".encode(), b"credentials.json.zst", b".env", b"...", b"z" * 200 + b".jsonl",
]  # fmt: skip
FOLDERS = [b"a", b"b", b"B", b".c", b"\xff", "\u00e9".encode(), b"a.jsonl", b"..d", b"y" * 200]
KINDS = ["file", "file", "file", "empty", "link", "dangling", "folder link", "loop", "hard link", "pipe"]

entries = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(KINDS), st.integers(0, 9)), max_size=6)
trees: st.SearchStrategy[Any] = st.recursive(
    entries.map(lambda items: (items, {})),
    lambda below: st.tuples(entries, st.dictionaries(st.sampled_from(FOLDERS), below, max_size=3)),
    max_leaves=8,
)
plain_names = st.sampled_from([name for name in NAMES if name != b"..."])
plain_trees = st.dictionaries(plain_names, st.just("file"), max_size=8)


def build(folder: Path, tree: Any, files: list[Path], folders: list[Path]) -> None:
    """The tree on disk; links lead to what was made before."""
    folder.mkdir(exist_ok=True)
    folders.append(folder)
    items, below = tree
    for name, kind, number in items:
        path = folder / os.fsdecode(name)
        if path.is_symlink() or path.exists() or name in below:
            continue
        if kind in {"file", "empty"} or (kind in {"link", "hard link"} and not files):
            path.write_bytes(b"{}\n" * (number if kind == "file" else 0))
            files.append(path)
        elif kind == "link":
            path.symlink_to(files[number % len(files)])
        elif kind == "hard link":
            path.hardlink_to(files[number % len(files)])
        elif kind == "folder link":
            path.symlink_to(folders[number % len(folders)])
        elif kind == "pipe":
            os.mkfifo(path)
        else:
            path.symlink_to("nothing" if kind == "dangling" else path.name)
    for name, inner in below.items():
        build(folder / os.fsdecode(name), inner, files, folders)


@contextmanager
def in_python() -> Iterator[None]:
    """Without the compiled code."""
    before, module._compiled = module._compiled, None
    try:
        yield
    finally:
        module._compiled = before


def said(found: Found) -> tuple[object, ...]:
    sources = [source.path for source in found.sources]
    return (
        *(found.paths, found.sizes, found.named, found.tags, found.states, found.odd, found.real, found.problems),
        *(found.identities(), sources),
    )


@given(trees, trees, st.booleans())
@many
def test_both_find_the_same(one: Any, two: Any, relative: Any) -> None:
    """Links, pipes, several names for one file, names that are no text; of two folders, one of them given twice."""
    with TemporaryDirectory() as text:
        root = Path(text)
        files: list[Path] = []
        folders: list[Path] = []
        build(root / "one", one, files, folders)
        build(root / "two", two, files, folders)
        (root / "three").symlink_to("two")
        paths = ["one", "./two", "."] if relative else [f"{text}/one", f"ana={text}/three", f"{text}/two/", text]
        with chdir(text):
            found = said(find(paths, formats()))
            with in_python():
                assert found == said(find(paths, formats()))


@given(plain_trees, plain_trees)
@many
def test_plain_folders_are_left_to_the_compiled_code(one: dict[bytes, str], two: dict[bytes, str]) -> None:
    """Python lists none of them."""
    with TemporaryDirectory() as text:
        files = [(name, "file", 1) for name in one]
        build(Path(text), (files, {b"deep": ([(name, "file", 2) for name in two], {})}), [], [])

        def refuse(folder: str) -> None:
            raise AssertionError(folder)

        with in_python():
            expected = said(find([text], formats()))
        before, module._listed = module._listed, refuse
        try:
            assert said(find([text], formats())) == expected
        finally:
            module._listed = before


def test_a_folder_that_only_python_can_look_at_does_not_end_the_walk(tmp_path: Path) -> None:
    """What comes before, in and behind a folder with a link is found in order; a link that leads nowhere is told of."""
    for name in ("a", "b/deep", "c"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "s.jsonl").write_bytes(b"{}\n")
    (tmp_path / "b" / "gone.jsonl").symlink_to("nowhere")
    found = find([str(tmp_path)], formats())
    assert [path[len(str(tmp_path)) :] for path in found.paths] == ["/a/s.jsonl", "/b/deep/s.jsonl", "/c/s.jsonl"]
    assert [(problem.kind, problem.path) for problem in found.problems] == [
        ("unreadable", str(tmp_path / "b" / "gone.jsonl"))
    ]


def test_very_many_names_are_all_found(tmp_path: Path) -> None:
    """More than there is room for at first."""
    for number in range(500):
        (tmp_path / f"{number:03}{'n' * 200}.jsonl").write_bytes(b"")
        (tmp_path / f"folder {number:03}").mkdir()
    found = find([str(tmp_path)], formats())
    assert [path[len(str(tmp_path)) + 1 :][:3] for path in found.paths] == [f"{number:03}" for number in range(500)]
    assert len(found.real) == 501


def test_a_pipe_named_like_a_log_is_no_plain_file(tmp_path: Path) -> None:
    """To open it would be to wait for a writer: in a folder it is a problem, and only read where it is named."""
    os.mkfifo(tmp_path / "p.jsonl")
    (tmp_path / "q.jsonl").write_bytes(b"{}\n")
    found = find([str(tmp_path)], formats())
    assert list(found.identities()) == [str(tmp_path / "q.jsonl")]
    assert [(problem.kind, problem.path) for problem in found.problems] == [("unreadable", str(tmp_path / "p.jsonl"))]
    named = find([str(tmp_path / "p.jsonl")], formats())
    assert (named.paths, named.odd, named.identities()) == ([str(tmp_path / "p.jsonl")], {0}, {})


def test_what_is_read_is_the_same(tmp_path: Path) -> None:
    """Problems of files that are no logs included."""
    for name in ("a.jsonl", "b/c.jsonl"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b'{"type":"user"}\nnonsense\n')
    one = read_inputs([str(tmp_path)])
    with in_python():
        two = read_inputs([str(tmp_path)])
    assert (one.problems, one.files_of_others, one.size_bytes) == (two.problems, two.files_of_others, two.size_bytes)


def test_times_beyond_what_fits_are_told_as_python_tells_them(tmp_path: Path) -> None:
    """In the year 2286 nanoseconds need more than 63 bits."""
    for name, at_s in (("a", 10_000_000_000), ("b", 9_000_000_000), ("c", -9_000_000_000)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "s.jsonl").write_bytes(b"{}\n")
        os.utime(tmp_path / name / "s.jsonl", (at_s, at_s))
    found = said(find([str(tmp_path)], formats()))
    with in_python():
        assert found == said(find([str(tmp_path)], formats()))


def test_paths_that_are_too_long_are_told_of(tmp_path: Path) -> None:
    """A folder may be reached step by step in which no file can be opened by its path."""
    here = os.open(tmp_path, os.O_RDONLY)
    for _ in range(23):
        made = os.open("f" * 150 + ".jsonl", os.O_CREAT | os.O_WRONLY, dir_fd=here)
        os.close(made)
        os.mkdir("d" * 200, dir_fd=here)
        below = os.open("d" * 200, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)
    found = find([str(tmp_path)], formats())
    assert all(len(path) < 4096 for path in found.paths)
    assert found.problems
    with in_python():
        assert said(find([str(tmp_path)], formats())) == said(found)


def test_whoever_wants_to_stop_need_not_wait_for_all_folders(tmp_path: Path) -> None:
    """A signal that came before is heard before the first folder is listed."""
    (tmp_path / "s.jsonl").write_bytes(b"{}\n")
    paths: list[str] = []
    waiting = [(str(tmp_path), f"{tmp_path}/", str(tmp_path))]
    walk = partial(compiled.gone_through, waiting, set(), {}, (".jsonl",), frozenset(), set(), paths, [])
    each: Any = call
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job hears no Ctrl-C
    try:
        with pytest.raises(KeyboardInterrupt):
            list(map(each, (interrupt_main, walk)))  # Python itself would hear of it between two lines
    finally:
        signal.signal(signal.SIGINT, before)
    assert (paths, len(waiting)) == ([], 1)
    walk()
    assert paths == [str(tmp_path / "s.jsonl")]
