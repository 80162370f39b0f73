"""The cache keeps what it is given, within its bounds, and fails without harm."""

from __future__ import annotations

import os
import signal
import sqlite3
import stat
import sys
from pathlib import Path

import numpy as np
import pytest
from xxhash import xxh3_128

from cached_values import got, put
from latprof.store import cache as cache_module
from latprof.store import version
from latprof.store.cache import CACHE_FILE, Cache, Contents, clear, remove
from latprof.store.looks import Beginning, Look, Looks, digest_of, identity_of, is_fresh, still, watched
from latprof.store.places import cache_folder, data_folder, make_folder
from latprof.store.shelf import CacheShelf

# The runner of the tests may have threads; they only wait.
pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")


def test_what_was_put_is_there_in_the_next_run_of_the_same_version(tmp_path: Path) -> None:
    """Another version has other names for everything."""
    put(Cache(tmp_path, b"1"), a=b"x", b=b"")
    assert got(Cache(tmp_path, b"1"), "a", "b", "c") == [b"x", b"", None]
    assert got(Cache(tmp_path, b"2"), "a") == [None]
    assert Cache(tmp_path, b"2").contents() == [Contents("thing", 2, 1)]


def test_the_version_is_another_one_when_a_file_of_the_package_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another name, another size, another time of change: each is told, byte-code is not."""
    (tmp_path / "sub").mkdir()
    file = tmp_path / "sub" / "a.py"
    file.write_bytes(b"1")
    read = version._files.__wrapped__
    known = [read(str(tmp_path))]
    (tmp_path / "sub" / "a.pyc").write_bytes(b"1")
    assert read(str(tmp_path)) == known[0]
    file.write_bytes(b"12")
    known.append(read(str(tmp_path)))
    os.utime(file, ns=(0, 0))
    known.append(read(str(tmp_path)))
    file.rename(tmp_path / "sub" / "b.py")
    known.append(read(str(tmp_path)))
    told = set()
    for lines in known:
        monkeypatch.setattr(version, "_files", lambda _, lines=lines: lines)
        told.add(version.code_version())
    assert len(told) == 4


def test_what_is_put_does_not_pile_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of much that is put the first part is there for others before it is flushed."""
    monkeypatch.setattr(cache_module, "_WAITING_BYTES", 100)
    cache = Cache(tmp_path, b"")
    for number in range(3):
        cache.put("thing", b"%d" % number, bytes(50))
    assert Cache(tmp_path, b"").contents() == [Contents("thing", 2, 100)]
    cache.rest()
    assert cache.get_all([b"0", b"2"]) == {b"0": bytes(50), b"2": bytes(50)}


def test_parts_of_a_name_are_kept_apart(tmp_path: Path) -> None:
    """The same letters cut elsewhere are another name."""
    cache = Cache(tmp_path, b"")
    assert len({cache.name("k", b"ab", b"c"), cache.name("k", b"a", b"bc"), cache.name("ka", b"b", b"c")}) == 3


def test_nothing_is_made_by_looking(tmp_path: Path) -> None:
    """A run that keeps nothing leaves no folder."""
    cache = Cache(tmp_path / "none", b"")
    assert got(cache, "a") == [None]
    cache.close()
    assert not (tmp_path / "none").exists()


@pytest.mark.skipif(os.name == "nt", reason="no such modes")
def test_only_the_user_may_look_into_it(tmp_path: Path) -> None:
    """The folder and the file."""
    put(Cache(tmp_path / "new", b""), a=b"x")
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "new", tmp_path / "new" / CACHE_FILE)]
    assert modes == [0o700, 0o600]


def test_those_not_used_for_longest_go_first(tmp_path: Path) -> None:
    """Five of 240 bytes do not fit into 1,000; the one that was used since stays."""
    now = [0.0]

    def run() -> Cache:
        now[0] += 10_000.0
        return Cache(tmp_path, b"", most_bytes=1000, clock=lambda: now[0])

    for name in "abcd":
        put(run(), **{name: bytes(240)})
    used = run()
    assert got(used, "a") == [bytes(240)]
    used.close()
    put(run(), e=bytes(240))
    assert [value is not None for value in got(run(), *"abcde")] == [True, False, False, True, True]


def test_a_value_too_big_for_the_cache_is_not_kept(tmp_path: Path) -> None:
    """It would push out all others."""
    cache = Cache(tmp_path, b"", most_bytes=1000)
    put(cache, a=bytes(500))
    assert got(cache, "a") == [None]


def test_a_kind_has_a_bound_of_its_own(tmp_path: Path) -> None:
    """The newest stay."""
    now = iter(range(0, 10**6, 10**4))
    for name in "abc":
        put(Cache(tmp_path, b"", most_of={"thing": 2}, clock=lambda: float(next(now))), **{name: b"x"})
    assert got(Cache(tmp_path, b""), *"abc") == [None, b"x", b"x"]


def test_two_runs_at_a_time_both_write(tmp_path: Path) -> None:
    """The last writer wins, and nobody loses what another wrote."""
    one, two = Cache(tmp_path, b""), Cache(tmp_path, b"")
    put(one, a=b"1", b=b"1")
    put(two, b=b"2", c=b"2")
    assert got(one, *"abc") == got(two, *"abc") == [b"1", b"2", b"2"]


def test_a_locked_cache_is_gone_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A writer that never ends: nothing is kept, a note says so, and the file stays."""
    monkeypatch.setattr("latprof.store.cache._BUSY_S", 0.01)
    put(Cache(tmp_path, b""), a=b"x")
    other = sqlite3.connect(tmp_path / CACHE_FILE, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    cache = Cache(tmp_path, b"")
    put(cache, b=b"y")
    assert "locked" in cache.note
    other.execute("ROLLBACK")
    other.close()
    assert got(Cache(tmp_path, b""), "a", "b") == [b"x", None]


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    """A file stands where the folder should be."""
    (tmp_path / "file").write_text("x")
    cache = Cache(tmp_path / "file" / "below", b"")
    put(cache, a=b"x")
    assert cache.note.startswith("the cache is not used")
    assert got(cache, "a") == [None]


def test_a_damaged_file_is_removed_and_the_next_run_starts_anew(tmp_path: Path) -> None:
    """What stands there is no database."""
    (tmp_path / CACHE_FILE).write_bytes(b"no database" * 1000)
    cache = Cache(tmp_path, b"")
    assert got(cache, "a") == [None]
    assert cache.note
    put(Cache(tmp_path, b""), a=b"x")
    assert got(Cache(tmp_path, b""), "a") == [b"x"]


def test_a_flipped_bit_is_a_miss(tmp_path: Path) -> None:
    """SQLite does not see it."""
    put(Cache(tmp_path, b""), a=b"abcdefgh" * 100)
    path = tmp_path / CACHE_FILE
    for file in tmp_path.iterdir():
        file.write_bytes(file.read_bytes().replace(b"abcdefgh", b"abcdefgi"))
    assert path.exists()
    assert got(Cache(tmp_path, b""), "a") == [None]


@pytest.mark.parametrize("seed", range(12))
def test_pages_that_a_power_cut_left_behind_are_older_values_or_none(tmp_path: Path, seed: int) -> None:
    """Nothing waits for the disk, so any page may be of an older state; no value is a mix, and nothing raises."""
    rng = np.random.default_rng(seed)

    def values(turn: int) -> dict[str, bytes]:
        sizes = (10, 3_000, 40_000, 400_000)
        return {f"v{k}": bytes([turn]) * sizes[k % 4] for k in range(20)}

    states = []
    for turn in (1, 2):
        cache = Cache(tmp_path, b"")
        put(cache, **values(turn))
        cache.close()
        states.append((tmp_path / CACHE_FILE).read_bytes())
    old, new = states
    size = int.from_bytes(new[16:18], "big")
    torn = bytearray(new)
    for page in np.flatnonzero(rng.random(len(new) // size) < rng.choice([0.02, 0.3, 0.9])):
        begin = int(page) * size
        torn[begin : begin + size] = old[begin : begin + size].ljust(size, b"\0")
    (tmp_path / CACHE_FILE).write_bytes(torn)
    cache = Cache(tmp_path, b"")
    for name, found in zip(values(1), got(cache, *values(1)), strict=True):
        assert found in {values(1)[name], values(2)[name], None}, name
    put(cache, after=b"x")
    cache.close()
    put(Cache(tmp_path, b""), again=b"y")
    assert got(Cache(tmp_path, b""), "again") == [b"y"]


def test_a_large_value_comes_back_or_is_a_miss(tmp_path: Path) -> None:
    """It is read another way than small ones, and checked as well."""
    large = bytes(range(256)) * 1000 + b"abcdefgh"
    put(Cache(tmp_path, b""), a=large, b=b"small")
    reader, writer = Cache(tmp_path, b""), Cache(tmp_path, b"")
    assert got(reader, "b", "a", "c") == [b"small", large, None]
    put(writer, a=large[::-1])  # while the other one has the file open
    assert got(reader, "a", "b") == [large[::-1], b"small"]
    reader.close()
    writer.close()
    for file in tmp_path.iterdir():
        file.write_bytes(file.read_bytes().replace(b"hgfedcba", b"hgfedcbb"))
    again = Cache(tmp_path, b"")
    assert got(again, "a", "b") == [None, b"small"]
    assert again.note == ""


def test_work_aside_is_written_by_a_copy_or_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With all that waited before; what is put meanwhile is written when the copy has ended, at the latest by close."""
    for number, forks in enumerate((sys.platform == "linux", False)):
        monkeypatch.setattr(cache_module, "can_fork", lambda forks=forks: forks)
        folder = tmp_path / str(number)
        cache = Cache(folder, b"")
        cache.put("thing", b"before", b"1")
        cache.aside(lambda cache=cache: cache.put("thing", b"by the work", b"22"))  # type: ignore[misc]
        cache.put("thing", b"meanwhile", b"333")
        cache.close()
        assert Cache(folder, b"").contents() == [Contents("thing", 3, 6)]


@pytest.mark.skipif(sys.platform != "linux", reason="no copies of this process can be had")
def test_nothing_waits_for_a_copy_but_the_next_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A flush meanwhile is put off, for two writers would wait for one another."""
    monkeypatch.setattr(cache_module, "can_fork", lambda: True)
    cache, (told, telling) = Cache(tmp_path, b""), os.pipe()
    cache.aside(lambda: cache.put("thing", os.read(told, 1), b""))
    put(cache, late=b"x")
    assert Cache(tmp_path, b"").contents() == []
    assert got(cache, "late") == [b"x"]
    os.write(telling, b"a")
    cache.close()
    assert Cache(tmp_path, b"").contents() == [Contents("thing", 2, 1)]
    os.close(told)
    os.close(telling)


@pytest.mark.skipif(sys.platform != "linux", reason="no copies of this process can be had")
def test_a_copy_that_dies_costs_only_what_it_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next run finds a sound cache without it."""
    monkeypatch.setattr(cache_module, "can_fork", lambda: True)
    put(Cache(tmp_path, b""), first=b"x")
    cache = Cache(tmp_path, b"")
    cache.put("thing", b"lost", b"y")
    cache.aside(lambda: os.kill(os.getpid(), signal.SIGKILL))
    put(cache, last=b"z")
    cache.close()
    assert "could not be written" in cache.note
    again = Cache(tmp_path, b"")
    assert got(again, "first", "last") == [b"x", b"z"]
    assert again.get(b"lost") is None


def test_removing_frees_all_of_it(tmp_path: Path) -> None:
    """And a second time nothing."""
    put(Cache(tmp_path, b""), a=bytes(10_000))
    assert remove(tmp_path) > 10_000
    assert remove(tmp_path) == 0


def test_why_something_could_not_be_removed_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first refusal; what can be removed is."""
    put(Cache(tmp_path, b""), a=bytes(1_000_000))
    unlink = Path.unlink

    def refused(path: Path) -> None:
        if path.name == CACHE_FILE:
            raise PermissionError(13, "refused", str(path))
        unlink(path)

    monkeypatch.setattr(Path, "unlink", refused)
    removal = clear(tmp_path)
    assert removal.size_bytes >= 1_000_000
    assert [path.name for path in tmp_path.iterdir()] == [CACHE_FILE]
    assert removal.error is not None
    assert removal.error.filename == str(tmp_path / CACHE_FILE)


def test_a_folder_that_may_not_be_looked_at_raises_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether there is a cache in it is not known."""

    def refused(path: Path) -> None:
        raise PermissionError(13, "refused", str(path))

    monkeypatch.setattr(Path, "lstat", refused)
    monkeypatch.setattr(Path, "is_symlink", refused)
    removal = clear(tmp_path)
    assert (removal.files, type(removal.error)) == (0, PermissionError)
    assert remove(tmp_path) == 0


def test_a_folder_may_be_very_deep(tmp_path: Path) -> None:
    """It is made with all above it where the system lets that be, else it is an error of the system."""
    (tmp_path / "file").write_bytes(b"")
    deep = tmp_path.joinpath(*["b"] * 1500)
    try:
        make_folder(deep)
        make_folder(deep)
        assert stat.S_IMODE(deep.stat().st_mode) == 0o700
    finally:
        os.removedirs(deep)  # what empties the folders of tests calls itself for each
    with pytest.raises(OSError, match="too long"):
        make_folder(tmp_path.joinpath(*["b"] * 5000))
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    for place in ("file", "file/below", "file/far/below"):
        with pytest.raises(OSError, match="file"):
            make_folder(tmp_path / place)


def test_arrays_come_back_as_they_were(tmp_path: Path) -> None:
    """Types, shapes, texts, no elements, not a number."""
    arrays = {
        "numbers": np.array([[1.5, np.nan], [-0.0, np.inf]]),
        "texts": np.array(["a", "längere"]),
        "none": np.empty((0, 3), dtype=np.int8),
        "one": np.array(7),
        "turned": np.arange(6, dtype=np.float32).reshape(2, 3).T,
    }
    shelf = CacheShelf(Cache(tmp_path, b""))
    shelf["key"] = arrays
    shelf.cache.close()
    again = CacheShelf(Cache(tmp_path, b""))["key"]
    assert again.keys() == arrays.keys()
    for name, array in arrays.items():
        assert (again[name].dtype, again[name].shape) == (array.dtype, array.shape)
        assert again[name].tobytes() == array.tobytes()
    assert CacheShelf(Cache(tmp_path, b"")).get("other") is None


@pytest.mark.parametrize(("changed_s", "fresh"), [(97.9, False), (98.1, True), (100.0, True), (5000.0, True)])
def test_what_was_written_shortly_before_or_in_the_future_is_fresh(changed_s: float, *, fresh: bool) -> None:
    """Looked at 100 s after the beginning of time; the later of both times counts."""
    assert is_fresh((1, 2, 3, int(changed_s * 1e9), 0), 100.0) is fresh
    assert is_fresh((1, 2, 3, 0, int(changed_s * 1e9)), 100.0) is fresh


def test_every_look_of_a_reader_is_noted(tmp_path: Path) -> None:
    """Its file, one beside it, one that is not there, the names in a folder; any change of them shows."""
    for name in ("log", "beside"):
        (tmp_path / name).write_text(name)
    looks = Looks()
    source = watched(tmp_path / "log", looks, clock=lambda: 1e12)
    other = source.beside("beside")
    assert other is not None
    assert source.beside("missing") is None
    assert source.names_beside("") == ["beside", "log"]
    noted = looks.settled(clock=lambda: 1e12)
    assert noted is not None
    assert [(Path(look.path).name, look.identity is None) for look in noted] == [
        ("log", False), ("beside", False), ("missing", True), (tmp_path.name, True),
    ]  # fmt: skip
    assert still(noted) is not None
    (tmp_path / "missing").write_text("now there")
    assert still(noted[2:3]) is None
    assert still(noted[3:]) is None
    assert still(noted[:2]) is not None


def test_a_file_that_changes_while_it_is_read_is_not_kept(tmp_path: Path) -> None:
    """The reader may have seen half of it."""
    path = tmp_path / "log"
    path.write_text("a")
    looks = Looks()
    watched(path, looks)
    path.write_text("ab")
    assert looks.settled() is None


def test_a_fresh_file_is_compared_by_content_until_it_has_settled(tmp_path: Path) -> None:
    """Its digest is asked for once more, and then no longer kept."""
    path = tmp_path / "log"
    path.write_text("a")
    changed_s = path.stat().st_mtime
    looks = Looks()
    watched(path, looks, clock=lambda: changed_s + 1)
    (look,) = looks.settled(clock=lambda: changed_s + 1) or ()
    assert look.digest is not None
    assert still([look], clock=lambda: changed_s + 1) == ((look,), False)
    assert still([look], clock=lambda: changed_s + 60) == ((look._replace(digest=None),), True)
    assert still([Look(look.path, look.identity, "another")], clock=lambda: changed_s + 1) is None


@pytest.mark.skipif(os.name == "nt" or os.uname().sysname == "Darwin", reason="the folders of Linux")
def test_a_look_of_who_asks_takes_the_place_of_another_one(tmp_path: Path) -> None:
    """Files that were seen are not looked at again, the others are."""
    one, two = (str(tmp_path / name) for name in ("one", "two"))
    for path in (one, two):
        Path(path).write_bytes(b"x")
    looks = [Look(path, identity_of(os.stat(path))) for path in (one, two)]  # noqa: PTH116
    seen = {look.path: look.identity for look in looks if look.identity is not None}
    Path(one).write_bytes(b"longer")
    assert still(looks) is None
    assert still(looks, seen={one: seen[one]}) == (tuple(looks), False)
    assert still(looks[1:], seen={two: (0, 0, 0, 0, 0)}) is None


@pytest.mark.parametrize("end", [0, 1, 1 << 20, (1 << 20) + 1, 2_500_000, 3_000_000])
def test_the_beginning_of_a_file_has_its_digest_on_the_way(tmp_path: Path, end: int) -> None:
    """The same as by itself; a second time it is that of the same bytes, as long as the file has as many."""
    path = tmp_path / "log"
    path.write_bytes(bytes(range(250)) * 10_000)
    beginning = Beginning(str(path), end)
    plain = digest_of(str(path), end)
    assert (plain is None) == (end > 2_500_000)
    whole = digest_of(str(path), 2_500_000)
    assert beginning.taken() == plain
    assert beginning.pass_over() == whole
    path.write_bytes(b"other")
    assert beginning.taken() == plain
    assert beginning.taken() == (plain if end <= 5 else None)


def test_a_longer_beginning_goes_on_from_the_shorter_one(tmp_path: Path) -> None:
    """What was gone through counts as it was then: another beginning gives another digest than the file's."""
    path = tmp_path / "log"
    path.write_bytes(b"one\ntwo\n")
    beginning = Beginning(str(path), 4)
    assert beginning.pass_over() == xxh3_128(b"one\ntwo\n").hexdigest()
    path.write_bytes(b"ONE\ntwo\nthree\n")
    beginning.end = 8
    assert beginning.pass_over() == xxh3_128(b"one\ntwo\nthree\n").hexdigest() != digest_of(str(path), 14)
    assert beginning.taken() == xxh3_128(b"one\ntwo\n").hexdigest()
    beginning.end = 3
    assert beginning.taken() == xxh3_128(b"ONE").hexdigest()


def test_where_the_folders_are() -> None:
    """The variables of latprof, then those of the system, then the usual places; relative ones count for nothing."""
    assert cache_folder({"HOME": "/h"}) == Path("/h/.cache/latprof")
    assert data_folder({"HOME": "/h"}) == Path("/h/.local/share/latprof")
    assert cache_folder({"HOME": "/h", "XDG_CACHE_HOME": "/x"}) == Path("/x/latprof")
    assert data_folder({"HOME": "/h", "XDG_DATA_HOME": "x"}) == Path("/h/.local/share/latprof")
    assert cache_folder({"HOME": "/h", "XDG_CACHE_HOME": "/x", "LATPROF_CACHE_DIR": "/c"}) == Path("/c")
    assert data_folder({"HOME": "/h", "LATPROF_DATA_DIR": "/d"}) == Path("/d")
