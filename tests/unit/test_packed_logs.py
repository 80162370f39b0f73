"""Of a packed log that is damaged all is read that can be unpacked, and the damage is told."""

from __future__ import annotations

import gzip
import random
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
import zstandard

from claude_code_lines import Log, text
from latprof.errors import NothingReadable
from latprof.formats import Source
from latprof.formats.packed import Unpacked, gzip_parts, zstd_parts
from latprof.ingest import read_inputs

Pack = Callable[[bytes], bytes]


def checked(data: bytes) -> bytes:
    """As the program `zstd` packs: with a checksum."""
    return zstandard.ZstdCompressor(write_checksum=True).compress(data)


def in_frames(data: bytes) -> bytes:
    """Frames of each kind of head, one that is to be skipped, and an empty one."""
    part = len(data) // 4 + 1
    parts = [data[start : start + part] for start in range(0, len(data), part)]
    streamed = zstandard.ZstdCompressor(write_content_size=False).compressobj()
    skipped = b"\x5f\x2a\x4d\x18" + (3).to_bytes(4, "little") + b"abc"
    return b"".join([
        checked(parts[0]), skipped, zstandard.compress(b""), streamed.compress(parts[1]), streamed.flush(),
        *(zstandard.compress(item, level=19) for item in parts[2:]),
    ])  # fmt: skip


PACKERS: dict[str, Pack] = {"gzip": gzip.compress, "zstd": zstandard.compress, "checked": checked, "frames": in_frames}


def calls_bytes(count: int) -> bytes:
    rng = random.Random(count)  # noqa: S311 - must repeat
    log = Log(session="session-a")
    for number in range(count):
        log.prompt(number * 10, rng.randbytes(400).hex())
        log.answer(number * 10 + 3, f"msg_{number}", text(), stop="end_turn")
    return log.data()


def read(folder: Path, data: bytes) -> tuple[int, dict[str, int]]:
    (folder / "s.jsonl").write_bytes(data)
    reading = read_inputs([str(folder)])
    return len(reading.calls), reading.problem_counts()


def changed(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 255]) + data[place + 1 :]


@pytest.mark.parametrize("pack", PACKERS.values(), ids=PACKERS)
@pytest.mark.parametrize("count", [1, 60, 1200])
def test_a_whole_one_is_read_as_if_it_were_not_packed(tmp_path: Path, pack: Pack, count: int) -> None:
    """Of few calls and of many blocks; nothing is told of."""
    data = calls_bytes(count)
    with Source.from_bytes(pack(data)).open() as stream:
        assert stream.read() == data
    assert read(tmp_path, pack(data)) == (count, {})


@pytest.mark.parametrize(
    "damage",
    [lambda data: changed(data, len(data) - 8), lambda data: changed(data, len(data) - 1), lambda data: data[:-3]],
    ids=["checksum", "size", "cut"],
)
@pytest.mark.parametrize("count", [1, 60])
def test_all_calls_are_read_although_the_end_of_a_gzip_file_is_wrong(tmp_path: Path, damage: Pack, count: int) -> None:
    """A checksum, a length, neither whole: all data was there before."""
    assert read(tmp_path, damage(gzip.compress(calls_bytes(count)))) == (count, {"unreadable": 1})


@pytest.mark.parametrize("count", [1, 60])
def test_all_calls_are_read_although_the_checksum_of_a_zstd_file_is_wrong(tmp_path: Path, count: int) -> None:
    """As of gzip."""
    data = checked(calls_bytes(count))
    for damaged in (changed(data, len(data) - 1), data[:-2]):
        assert read(tmp_path, damaged) == (count, {"unreadable": 1})


@pytest.mark.parametrize("pack", PACKERS.values(), ids=PACKERS)
@pytest.mark.parametrize("count", [1, 60])
def test_all_calls_are_read_although_something_is_behind_the_end(tmp_path: Path, pack: Pack, count: int) -> None:
    """What it is does not matter; zeros after gzip are usual, and no damage."""
    for rest in (b"x", b"something else\n" * 900):
        assert read(tmp_path, pack(calls_bytes(count)) + rest) == (count, {"unreadable": 1})
    assert read(tmp_path, gzip.compress(calls_bytes(count)) + bytes(100)) == (count, {})


@pytest.mark.parametrize("pack", PACKERS.values(), ids=PACKERS)
def test_a_file_that_was_cut_anywhere_is_never_empty(tmp_path: Path, pack: Pack) -> None:
    """Nor is the cut kept quiet: what came before it is read."""
    data = pack(calls_bytes(60))
    for size in (5, 20):  # nothing can be unpacked
        with pytest.raises(NothingReadable, match="EOFError"):
            read(tmp_path, data[:size])
    for size in (len(data) // 2, len(data) - 5):
        with suppress(NothingReadable):
            calls, problems = read(tmp_path, data[:size])
            assert calls <= 60
            assert problems["unreadable"] == 1
            assert set(problems) <= {"unreadable", "cut_line"}


def test_a_cut_zstd_file_is_named(tmp_path: Path) -> None:
    """In a folder beside a good log."""
    (tmp_path / "good.jsonl").write_bytes(calls_bytes(2))
    (tmp_path / "cut.jsonl.zst").write_bytes(zstandard.compress(calls_bytes(60))[:3000])
    reading = read_inputs([str(tmp_path)])
    assert [(item.kind, item.path, item.detail) for item in reading.problems] == [
        ("unreadable", str(tmp_path / "cut.jsonl.zst"), "EOFError")
    ]
    assert len(reading.calls) == 2


def test_what_was_unpacked_before_the_damage_comes_first() -> None:
    """However much is asked for at once; then the stream is at its end, and says why."""

    def parts() -> list[Unpacked]:
        def some() -> object:
            yield b"one "
            yield b""
            yield b"two"
            raise EOFError("cut")

        return [Unpacked(some()) for _ in range(2)]  # type: ignore[arg-type]

    whole, piecewise = parts()
    assert whole.readall() == b"one two"
    assert [piecewise.read(3) for _ in range(5)] == [b"one", b" ", b"two", b"", b""]
    assert isinstance(whole.error, EOFError)
    assert isinstance(piecewise.error, EOFError)


@pytest.mark.parametrize("unpack", [gzip_parts, zstd_parts])
def test_any_bytes_end_in_an_error_of_reading(unpack: Callable[..., object]) -> None:
    """A frame or member with any flags behind its first bytes."""
    rng = random.Random(1)  # noqa: S311 - must repeat
    start = gzip.compress(b"")[:3] if unpack is gzip_parts else zstandard.compress(b"")[:4]
    for _ in range(300):
        source = Source.from_bytes(start + rng.randbytes(rng.randrange(60)))
        with pytest.raises((OSError, EOFError, zstandard.ZstdError)), source.open() as stream:
            stream.read()
