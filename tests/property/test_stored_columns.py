"""Very many calls lie on disk while they are used: nothing that is shown may differ, and nothing may be left behind."""

from __future__ import annotations

import errno
import gc
import io
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from any_calls import alike, calls, chunk_of, files, many
from latprof import cli
from latprof.errors import LatprofError
from latprof.ingest import keeper, read_inputs
from latprof.ingest import read as read_module
from latprof.ingest.chunk import Chunk
from latprof.ingest.entry import read_entry
from latprof.ingest.gather import Gathering
from latprof.ingest.once import drop_copies, join_sources
from latprof.ingest.tags import NO_TAGS, TagRules, Tags
from latprof.model import Call
from latprof.store.cache import Cache
from latprof.trace import Columns, Trace, stored
from latprof.trace.stored import Store, StoredArrays, StoredIds, StoredRows
from latprof.trace.stored_columns import StoredColumns

pytestmark = pytest.mark.property
FEW = 2
OTHERS = TagRules(others=Tags(engineer="cy", host="pc"))


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From the moment of the call on, more than two calls are very many."""
    return lambda: monkeypatch.setattr(stored, "MOST_CALLS", FEW)


def whole(given_files: list[tuple[str, list[Call]]], most: int) -> tuple[bytes, int, int, bytes]:
    """All columns as bytes, after gathering and after copies and joins, where more calls than `most` are very many."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stored, "MOST_CALLS", most)
        patch.setattr("latprof.ingest.gather._FILES", 2)
        gathering = Gathering(TagRules())
        for place in reversed(range(len(given_files))):
            gathering.add(place, chunk_of(*given_files[place], place), NO_TAGS, named=False)
        columns = gathering.columns()
        assert columns.is_stored == (len(columns) > most)
        gathered = Chunk("", "log", columns).to_bytes()
        copies = drop_copies(columns)
        joined, taken_in = join_sources(columns)
        return gathered, copies, taken_in, Chunk("", "log", joined).to_bytes()


@given(files)
@many
def test_reading_is_the_same_on_disk_and_in_memory(given_files: list[tuple[str, list[Call]]]) -> None:
    """Order, copies, owners and joins, to the last byte."""
    assert whole(given_files, FEW) == whole(given_files, 1000)


@given(st.lists(calls | alike, min_size=1, max_size=7), st.data())
@many
def test_stored_columns_say_what_the_calls_say(items: list[Call], data: Any) -> None:
    """All of them and some, in any order."""
    plain = Columns.of(items, "otlp")
    kept = StoredColumns.of_parts([Columns.of(items, "otlp")], Store())
    rows = np.array(data.draw(st.lists(st.integers(0, len(items) - 1), max_size=5)), dtype=np.int64)
    assert [repr(call) for call in kept.calls()] == [repr(call) for call in items]
    for chosen in (None, rows):
        assert kept.call_ids(chosen) == plain.call_ids(chosen)
        for name in ("agent", "message_id", "flags"):
            assert kept.texts(name, chosen) == plain.texts(name, chosen)
        for name in ("sent_at", "output_tokens"):
            np.testing.assert_array_equal(kept.number(name, chosen), plain.number(name, chosen))
        np.testing.assert_array_equal(kept.blocks.first_end_at(chosen), plain.blocks.first_end_at(chosen))
    assert [repr(kept.blocks.one(row, kept.pool)) for row in rows] == [repr(items[row].blocks) for row in rows]
    kept.keep(rows)
    plain.keep(rows)
    for columns in (kept, plain):
        columns.sort_pool()
        columns.recode((*columns.pool, "new"), {"host": np.full(len(rows), len(columns.pool))})
    assert Chunk("", "log", kept).to_bytes() == Chunk("", "log", plain).to_bytes()


@given(st.lists(alike, min_size=3, max_size=8), st.data())
@settings(many, max_examples=15)
def test_a_trace_is_the_same_on_disk_and_in_memory(items: list[Call], data: Any) -> None:
    """Every column that an export has, of all calls and of some, and of calls that were moved or renamed."""
    chosen = np.array(data.draw(st.lists(st.booleans(), min_size=len(items), max_size=len(items))), dtype=np.bool_)
    plain = Trace.from_calls(items)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stored, "MOST_CALLS", FEW)
        kept = Trace.from_columns(StoredColumns.of_parts([Columns.of(items)], Store()))
        assert kept.is_large
        back = np.arange(len(items), dtype=np.float64)
        ways: tuple[Callable[[Trace], Trace], ...] = (
            lambda trace: trace, lambda trace: trace.select(chosen), lambda trace: trace.moved(back),
            lambda trace: trace.with_texts({"host": str.upper}),
        )  # fmt: skip
        for way in ways:
            one, two = way(kept), way(plain)
            assert one.to_frame().equals(two.to_frame())
            assert one.flags.tolist() == two.flags.tolist()
            assert list(one.blocks) == list(two.blocks) == [one.blocks[row] for row in range(len(one))]
            assert one.keys.tolist() == two.keys.tolist()
            for name, column in one.blocks_of()._asdict().items():
                assert repr(column) == repr(getattr(two.blocks_of(), name))


def test_tags_of_the_reader_reach_calls_on_disk(
    fixtures: Path, few: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those for calls that nobody owns are set when all else is done."""
    monkeypatch.setattr(stored, "MOST_CALLS", 10**6)
    before = read_inputs([str(fixtures / "claude-code")], rules=OTHERS)
    few()
    after = read_inputs([str(fixtures / "claude-code")], rules=OTHERS)
    assert after.columns.is_stored
    assert after.calls == before.calls
    assert {call.engineer for call in after.calls} == {"cy"}


COMMANDS = [
    ["analyze", "--json"],
    ["analyze", "--by", "session,part,day", "--json"],
    ["budget", "--json"],
    ["slowest", "--json"],
    ["drivers", "--json"],
    ["drift", "--json"],
    ["explain", "--json"],
    ["compare", "--json"],
    ["export", "--format", "csv"],
    ["export", "--format", "jsonl"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_commands_show_the_same(
    command: list[str],
    fixtures: Path,
    few: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
    capsysbinary: pytest.CaptureFixture[bytes],
) -> None:
    """To the last byte, on all bundled logs of one agent with estimates."""

    def shown() -> bytes:
        logs = str(fixtures / "claude-code")
        monkeypatch.setattr(sys, "argv", ["latprof", *command, logs, "--no-cache", "--no-history"])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        assert not ended.value.code
        return capsysbinary.readouterr().out

    plain = shown()
    few()
    assert len(plain) > 100
    assert shown() == plain


@pytest.fixture
def no_file(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that takes so many bytes and no more; or that takes no file at all."""
    room = request.param

    class Full(io.FileIO):
        def write(self, data: Any) -> int:
            nonlocal room
            if room < len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            room -= len(data)
            return super().write(data)

    def opened(**_: Any) -> io.FileIO:
        if not room:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        number, name = tempfile.mkstemp()
        os.close(number)
        return Full(name, "r+")

    monkeypatch.setattr(tempfile, "TemporaryFile", opened)


@pytest.mark.parametrize("no_file", [0, 1, 3000, 40_000], indirect=True)
@pytest.mark.usefixtures("no_file")
def test_without_room_on_the_disk_calls_stay_in_memory(
    fixtures: Path, few: Callable[[], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the beginning, or from some piece on."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = read_inputs([str(fixtures / "claude-code")]).calls
    few()
    assert read_inputs([str(fixtures / "claude-code")]).calls == before


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="open files are listed on Linux")
def test_no_file_is_left_behind(
    fixtures: Path, few: Callable[[], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing has a name while it is there, and nothing is open afterwards, also when reading broke off."""

    def open_files() -> int:
        gc.collect()
        return len(list(Path("/proc/self/fd").iterdir()))

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    few()
    before = open_files()
    reading = read_inputs([str(fixtures / "claude-code")])
    assert open_files() > before
    assert not list(tmp_path.iterdir())
    del reading
    assert open_files() == before

    def broken(*_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(read_module, "drop_copies", broken)
    with pytest.raises(KeyboardInterrupt):
        read_inputs([str(fixtures / "claude-code")])
    assert open_files() == before
    assert not list(tmp_path.iterdir())


def test_a_file_that_was_cut_off_is_told_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another program cannot, but a disk can."""
    file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - the store closes it
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: file)
    store = Store()
    place = store.put(np.arange(100))
    file.truncate(10)
    with pytest.raises(LatprofError, match=r"A temporary file in .* cannot be read back"):
        place.load()


def test_what_is_stored_again_takes_the_old_place_if_it_fits() -> None:
    """Neighbours stay as they are; what is bigger goes to the end."""
    rows = StoredRows.of(Store(), iter([np.arange(4), np.arange(4) + 10]))
    rows[0] = np.arange(4, dtype=np.int8) + 50
    assert (rows[0].tolist(), rows[1].tolist()) == ([50, 51, 52, 53], [10, 11, 12, 13])
    rows[0] = np.arange(9)
    rows[1] = np.arange(2)
    assert (rows[0].tolist(), rows[1].tolist(), len(rows)) == (list(range(9)), [0, 1], 2)


def test_the_first_arrays_stay_in_memory_if_they_may(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Up to so many bytes: no file is made for little."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    store = Store(100)
    first = store.put(np.zeros(90, dtype=np.int8))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    second = store.put(np.ones(20, dtype=np.int8))
    assert first.held is not None
    assert second.held is None
    assert (first.load().sum(), second.load().sum()) == (0, 20)


def test_named_arrays_are_a_mapping() -> None:
    """Set, had, asked for and taken out by name."""
    store = Store()
    arrays, ids = StoredArrays(store), StoredIds(store)
    arrays["a"] = np.array([[1.5, np.nan], [2.5, 0.0]])
    assert arrays["a"][0, 0] == 1.5
    assert arrays.part("a", np.array([1])).tolist() == [[2.5, 0.0]]
    assert (list(arrays), len(ids), ids.get("m")) == (["a"], 0, None)
    assert arrays.pop("a").shape == (2, 2)
    with pytest.raises(KeyError):
        arrays["a"]


@pytest.fixture
def read_paths(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that are opened as logs."""
    found: list[str] = []

    def noted(path: str, *args: Any, **options: Any) -> Any:
        found.append(path)
        return read_entry(path, *args, **options)

    monkeypatch.setattr(read_module, "read_entry", noted)
    return found


def test_a_snapshot_in_pieces_gives_all_files(
    fixtures: Path, tmp_path: Path, few: Callable[[], None], read_paths: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With each piece gone its files are taken one by one; nothing is read again."""
    monkeypatch.setattr(keeper, "_PIECE_ROWS", 20)
    logs = str(fixtures / "claude-code")
    plain = read_inputs([logs]).calls
    read_paths.clear()
    few()

    def run() -> list[Call]:
        cache = Cache(tmp_path, b"test")
        reading = read_inputs([logs], cache=cache)
        cache.close()
        return reading.calls

    assert run() == plain
    assert read_paths
    read_paths.clear()
    pieces = {item.kind: item.entries for item in Cache(tmp_path, b"test").contents()}["pieces"]
    assert pieces > 1
    assert run() == plain
    cache = Cache(tmp_path, b"test", most_of={"pieces": 1})
    cache.put("pieces", b"other", b"x")
    cache.close()
    assert run() == plain
    assert not read_paths
