"""Large values of the cache lie in files beside its database: looked at where they are, never half, never forgotten."""

from __future__ import annotations

import errno
import os
import sqlite3
import stat
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cached_values import got, put
from latprof.store import cache as cache_module
from latprof.store import large
from latprof.store.cache import CACHE_FILE, FILE_BYTES, Cache, Contents, remove
from latprof.store.shelf import CacheShelf

ONE, TWO = (bytes([number]) * FILE_BYTES for number in (1, 2))


def files(folder: Path) -> list[Path]:
    return sorted((folder / large.FOLDER).iterdir())


def test_a_large_value_is_a_file_and_a_small_one_none(tmp_path: Path) -> None:
    """From 500,000 bytes on; the database knows its size."""
    put(Cache(tmp_path, b""), a=ONE, b=ONE[1:])
    again = Cache(tmp_path, b"")
    assert got(again, "a", "b") == [ONE, ONE[1:]]
    assert [path.read_bytes() for path in files(tmp_path)] == [ONE]
    assert again.contents() == [Contents("thing", 2, 2 * FILE_BYTES - 1)]
    assert (tmp_path / CACHE_FILE).stat().st_size < 2 * FILE_BYTES


def test_who_needs_no_copy_gets_none(tmp_path: Path) -> None:
    """Small values, those that wait to be written, and what is not there, too."""
    cache = Cache(tmp_path, b"")
    names = [cache.name("thing", name.encode()) for name in "abc"]
    cache.put("thing", names[0], ONE)
    for run in (cache, Cache(tmp_path, b"")):
        put(run, b=b"small")
        views = [run.view(name) for name in names]
        assert [None if view is None else bytes(view) for view in views] == [ONE, b"small", None]
        assert views[0] is not None
        assert views[0].readonly


def test_what_is_looked_at_stays_when_it_is_replaced_or_deleted(tmp_path: Path) -> None:
    """By another run, at any time."""
    put(Cache(tmp_path, b""), a=ONE)
    reader = Cache(tmp_path, b"")
    view = reader.view(reader.name("thing", b"a"))
    put(Cache(tmp_path, b""), a=TWO)
    assert got(reader, "a") == [TWO]
    reader.close()
    remove(tmp_path)
    assert view is not None
    assert bytes(view) == ONE


@pytest.mark.skipif(os.name == "nt", reason="no such modes")
def test_only_the_user_may_look_into_it(tmp_path: Path) -> None:
    """The folder and the file, whatever the usual mode of new files is."""
    before = os.umask(0)
    try:
        put(Cache(tmp_path, b""), a=ONE)
    finally:
        os.umask(before)
    paths = (tmp_path / large.FOLDER, *files(tmp_path))
    assert [stat.S_IMODE(path.stat().st_mode) for path in paths] == [0o700, 0o600]


@pytest.mark.parametrize("harm", ["flip", "shorten", "lengthen", "delete", "folder"])
def test_a_damaged_file_is_a_miss(tmp_path: Path, harm: str) -> None:
    """And the next value of that name is found again."""
    put(Cache(tmp_path, b""), a=ONE, b=b"small")
    (path,) = files(tmp_path)
    path.unlink()
    if harm == "folder":
        path.mkdir()
    elif harm != "delete":
        path.write_bytes({"flip": ONE[:-1] + b"\2", "shorten": ONE[1:], "lengthen": ONE + b"\1"}[harm])
    cache = Cache(tmp_path, b"")
    assert (got(cache, "a", "b"), cache.note) == ([None, b"small"], "")
    put(cache, a=TWO)
    assert got(Cache(tmp_path, b""), "a") == [TWO]


def test_a_file_goes_with_its_value(tmp_path: Path) -> None:
    """Those of which there are too many of a kind, those too much in all, and those of a cleared cache."""
    now = iter(range(0, 10**7, 10**4))
    for name in "abc":
        put(Cache(tmp_path, b"", most_of={"thing": 2}, clock=lambda: float(next(now))), **{name: ONE})
    assert (got(Cache(tmp_path, b""), *"abc"), len(files(tmp_path))) == ([None, ONE, ONE], 2)
    small = Cache(tmp_path, b"", most_bytes=4 * FILE_BYTES + 4, clock=lambda: float(next(now)))
    put(small, d=TWO, e=TWO, f=b"small")
    assert (got(Cache(tmp_path, b""), *"bcdef"), len(files(tmp_path))) == ([None, ONE, TWO, TWO, b"small"], 3)
    small.close()
    freed = sum(path.stat().st_size for path in (*files(tmp_path), *tmp_path.glob(CACHE_FILE + "*")))
    assert remove(tmp_path) == freed
    assert list(tmp_path.iterdir()) == []


def test_both_bounds_together_delete_no_more_than_they_must(tmp_path: Path) -> None:
    """Three of a kind of which two may stay make room for all others."""
    now = iter(range(0, 10**7, 10**4))

    def run(**bounds: Any) -> Cache:
        return Cache(tmp_path, b"", clock=lambda: float(next(now)), **bounds)

    put(run(), a=ONE, b=ONE, c=ONE)
    other = run(most_bytes=4 * FILE_BYTES + 4, most_of={"thing": 2})
    other.put("another", other.name("another", b"x"), TWO)
    put(other, d=TWO)
    assert [value is not None for value in got(run(), *"abcd")] == [False, False, True, True]
    assert other.get(other.name("another", b"x")) == TWO
    assert len(files(tmp_path)) == 3


def test_what_is_not_ours_is_left_alone(tmp_path: Path) -> None:
    """Whatever its name is, when others are deleted or the cache is cleared."""
    put(Cache(tmp_path, b""), a=ONE)
    strange = [tmp_path / large.FOLDER / name for name in ("photo.jpg", "0a", "a" * 41, "b" * 40)]
    for path in strange[:3]:
        path.write_bytes(b"mine")
    strange[3].mkdir()
    for path in strange:
        os.utime(path, (0, 0))
    put(Cache(tmp_path, b""), b=TWO)
    remove(tmp_path)
    assert all(path.exists() for path in strange)
    assert len(files(tmp_path)) == 4


@pytest.mark.skipif(os.name == "nt", reason="links need rights")
def test_a_link_in_the_place_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    """Values come into the database then, and nothing behind the link is deleted."""
    other = tmp_path / "other"
    other.mkdir()
    mine = other / ("0" * 40)
    mine.write_bytes(b"mine")
    os.utime(mine, (0, 0))
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / large.FOLDER).symlink_to(other)
    put(Cache(cache, b"", most_of={"thing": 1}), a=ONE)
    put(Cache(cache, b"", most_of={"thing": 1}), b=TWO)
    assert got(Cache(cache, b""), "a", "b") == [None, TWO]
    remove(cache)
    assert [path.read_bytes() for path in other.iterdir()] == [b"mine"]


def test_where_no_file_can_be_made_the_database_takes_the_value(tmp_path: Path) -> None:
    """Something stands in the place of the folder."""
    (tmp_path / large.FOLDER).write_bytes(b"in the way")
    cache = Cache(tmp_path, b"")
    put(cache, a=ONE, b=b"small")
    again = Cache(tmp_path, b"")
    assert (got(again, "a", "b"), cache.note, again.note) == ([ONE, b"small"], "", "")
    view = again.view(again.name("thing", b"a"))
    assert view is not None
    assert bytes(view) == ONE


def test_a_write_that_fails_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody would know of it."""
    monkeypatch.setattr("latprof.store.cache._BUSY_S", 0.01)
    put(Cache(tmp_path, b""), a=ONE)
    other = sqlite3.connect(tmp_path / CACHE_FILE, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    for _ in range(2):
        cache = Cache(tmp_path, b"")
        put(cache, b=TWO)
        assert "locked" in cache.note
    other.execute("ROLLBACK")
    other.close()
    assert (got(Cache(tmp_path, b""), "a", "b"), len(files(tmp_path))) == ([ONE, None], 1)


def test_what_was_left_behind_is_deleted_when_it_is_old(tmp_path: Path) -> None:
    """A new one may be of a run that has not told the database yet."""
    put(Cache(tmp_path, b""), a=ONE)
    old, new = (tmp_path / large.FOLDER / name for name in ("0a" * 20, "0b" * 20 + ".12.0123abcd"))
    for path in (old, new):
        path.write_bytes(b"left")
    os.utime(old, (0, 0))
    put(Cache(tmp_path, b""), b=TWO)
    assert len(files(tmp_path)) == 3
    assert not old.exists()
    os.utime(new, (0, 0))
    put(Cache(tmp_path, b""), c=TWO)
    assert len(files(tmp_path)) == 3
    assert got(Cache(tmp_path, b""), *"abc") == [ONE, TWO, TWO]


def test_a_full_disk_leaves_no_half_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The database is asked then; if it has no room either, a note says so, and what was there before is there."""
    put(Cache(tmp_path, b""), a=ONE)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "no space left")

    cache = Cache(tmp_path, b"")
    with monkeypatch.context() as patch:
        patch.setattr("latprof.store.large.os.replace", full)
        put(cache, b=TWO, c=b"small")
    assert cache.note == ""
    assert got(Cache(tmp_path, b""), *"abc") == [ONE, TWO, b"small"]
    assert len(files(tmp_path)) == 1


def test_names_of_other_types_in_a_damaged_database_do_no_harm(tmp_path: Path) -> None:
    """They are of no file."""
    put(Cache(tmp_path, b""), a=ONE)
    database = sqlite3.connect(tmp_path / CACHE_FILE, isolation_level=None)
    for name in ("text", 7, 1.5):
        database.execute("INSERT INTO kept VALUES (?, 'thing', -1, ?, x'00')", (name, FILE_BYTES))
    database.close()
    cache = Cache(tmp_path, b"", most_of={"thing": 4})
    put(cache, b=TWO)
    assert (got(Cache(tmp_path, b""), "a", "b"), cache.note) == ([ONE, TWO], "")


def test_values_are_told_apart_by_how_much_is_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another bound than that of the run that wrote them: a miss, or the value."""
    for written, read in ((10, 1000), (1000, 10), (10, 10)):
        folder = tmp_path / f"{written} {read}"
        monkeypatch.setattr(cache_module, "FILE_BYTES", written)
        put(Cache(folder, b""), a=b"x" * 100, b=b"")
        monkeypatch.setattr(cache_module, "FILE_BYTES", read)
        found = got(Cache(folder, b""), "a", "b")
        assert found == [b"x" * 100 if written == read else None, b""]


def test_arrays_of_a_file_are_those_that_were_kept(tmp_path: Path) -> None:
    """Where they begin as compiled code expects it."""
    arrays = {"a": np.arange(3, dtype=np.int8), "b": np.arange(200_000.0).reshape(2, -1), "c": np.array(["x", "yz"])}
    with_them = CacheShelf(Cache(tmp_path, b""))
    with_them["some"] = arrays
    with_them.cache.flush()
    assert len(files(tmp_path)) == 1
    found = CacheShelf(Cache(tmp_path, b""))["some"]
    assert list(found) == list(arrays)
    for name, array in arrays.items():
        assert np.array_equal(found[name], array)
        assert found[name].dtype == array.dtype
        assert found[name].ctypes.data % array.dtype.alignment == 0
