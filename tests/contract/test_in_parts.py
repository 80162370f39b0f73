"""A file that is read in parts says what it says as a whole, wherever it is divided."""

from __future__ import annotations

import gzip
import random
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from damaged_lines import damaged, usual_lines
from latprof.formats import Format, Source, formats
from latprof.formats.claude_code import reading
from latprof.formats.late import declared
from latprof.model import Call, Problem

compiled = pytest.mark.skipif(not reading.is_compiled(), reason="not compiled here")
ROOT = Path(__file__).resolve().parents[2]
DIVIDED = [item for item in formats() if item.in_parts is not None]
FILES = [
    (item, path)
    for item in DIVIDED
    for path in sorted((ROOT / "fixtures" / item.name).glob("*/input/**/*"))
    if path.is_file()
]


def in_parts(item: Format, data: bytes, path: str, cuts: Sequence[int]) -> list[Call | Problem] | None:
    """What a file says that is divided at these offsets; None where it has to be read whole."""
    assert item.in_parts is not None
    source = Source.from_bytes(data, path)
    spans = pairwise([0, *sorted(cuts), None])
    parts = [item.in_parts.part(source, begin or 0, end) for begin, end in spans]
    known = [part for part in parts if part is not None]
    whole = item.in_parts.joined(source, known) if len(known) == len(parts) else None
    return None if whole is None else list(whole.items)


def test_there_is_a_format_that_is_read_in_parts() -> None:
    """Else nothing below would be tested."""
    assert [item.name for item in DIVIDED] == ["claude-code"]
    assert len(FILES) > 10


@compiled
@pytest.mark.parametrize(("item", "path"), FILES, ids=lambda value: value.name)
def test_parts_say_what_the_whole_says(item: Format, path: Path) -> None:
    """Divided in two to nine at random, the numbers of lines in problems included."""
    chance = random.Random(7)  # noqa: S311 - places
    data = path.read_bytes()
    whole = list(item.read(Source.from_bytes(data, str(path))))
    for count in range(1, 9):
        cuts = [chance.randrange(1, max(len(data), 2)) for _ in range(count)]
        assert in_parts(item, data, str(path), cuts) == whole


def test_without_compiled_code_files_are_read_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would not pay."""
    monkeypatch.setattr(reading, "_lines_of", None)
    item, path = FILES[0]
    assert in_parts(item, path.read_bytes(), str(path), [100]) is None


@compiled
@pytest.mark.parametrize("item", DIVIDED, ids=lambda item: item.name)
def test_what_was_read_in_parts_can_be_read_on_from(item: Format) -> None:
    """As if it had been read at once."""
    path = max((path for own, path in FILES if own is item), key=lambda path: path.stat().st_size)
    data = path.read_bytes()
    assert item.in_parts is not None
    assert item.resume is not None
    half = data[: len(data) // 2]
    source = Source.from_bytes(half, str(path))
    parts = [item.in_parts.part(source, 0, 5000), item.in_parts.part(source, 5000, None)]
    whole = item.in_parts.joined(source, [part for part in parts if part is not None])
    assert whole is not None
    assert whole.end == half.rfind(b"\n") + 1
    longer = item.resume(Source.from_bytes(data, str(path)), whole.begun())
    assert list(longer.items) == list(item.read(Source.from_bytes(data, str(path))))


@st.composite
def logs(draw: st.DrawFn) -> tuple[bytes, list[int]]:
    """Lines of all shapes, some damaged, with the places where they are divided, which may be anywhere."""
    chance = random.Random(draw(st.integers(0, 10**6)))  # noqa: S311 - damage
    lines = chance.choices(usual_lines(), k=draw(st.integers(0, 12)))
    lines = [damaged(raw, chance) if chance.random() < 0.3 else raw for raw in lines]
    odd = [b"\n", b"\xef\xbb\xbf{}\n", b"not JSON\n", b"\x00\x00\n", b"{" * 70_000 + b"\n"]
    data = b"".join(raw if chance.random() < 0.9 else chance.choice(odd) for raw in lines)
    data = data if draw(st.booleans()) else data.rstrip(b"\n")
    ends = [place + 1 for place, byte in enumerate(data) if byte == 10]
    near = [end + step for end in ends for step in (-1, 0, 1)]
    return data, draw(st.lists(st.sampled_from(near) if near else st.integers(1, 9), max_size=6))


@compiled
@given(logs())
def test_lines_of_any_kind(log: tuple[bytes, list[int]]) -> None:
    """Whatever the lines are, and also right before, at and behind the end of one."""
    data, cuts = log
    item = declared("claude_code")
    assert in_parts(item, data, "log.jsonl", cuts) == list(item.read(Source.from_bytes(data, "log.jsonl")))


@compiled
@pytest.mark.parametrize("item", DIVIDED, ids=lambda item: item.name)
def test_parts_of_different_states_of_a_file_are_refused(item: Format) -> None:
    """Else a line would be missing, or be there twice."""
    path = max((path for own, path in FILES if own is item), key=lambda path: path.stat().st_size)
    data = path.read_bytes()
    assert item.in_parts is not None
    cut = len(data) // 2
    cut_line = data[: cut + 10].rpartition(b"\n")[0] + b"\n{"
    before = item.in_parts.part(Source.from_bytes(cut_line, str(path)), 0, len(cut_line) + 5)
    behind = item.in_parts.part(Source.from_bytes(data, str(path)), len(cut_line) + 5, None)
    assert before is not None
    assert behind is not None
    assert item.in_parts.joined(Source.from_bytes(data, str(path)), [before, behind]) is None
    assert item.in_parts.joined(Source.from_bytes(data, str(path)), [behind]) is None


@pytest.mark.parametrize("item", DIVIDED, ids=lambda item: item.name)
def test_a_packed_file_is_read_whole(item: Format) -> None:
    """Nobody can begin in the middle of it."""
    path = next(path for own, path in FILES if own is item)
    packed = Source.from_bytes(gzip.compress(path.read_bytes()), str(path) + ".gz")
    assert item.in_parts is not None
    assert item.in_parts.part(packed, 0, None) is None


@pytest.mark.parametrize("item", DIVIDED, ids=lambda item: item.name)
def test_a_file_that_is_gone_gives_no_part(item: Format, tmp_path: Path) -> None:
    """Reading it whole will tell of it."""
    assert item.in_parts is not None
    assert item.in_parts.part(Source.from_path(tmp_path / "gone.jsonl"), 0, None) is None
