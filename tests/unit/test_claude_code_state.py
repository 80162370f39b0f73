"""The lines that compiled code keeps of a log, as bytes for a later run: what comes back is what was there."""

from __future__ import annotations

import marshal
import random
from pathlib import Path

import pytest

from latprof.formats import Source
from latprof.formats.claude_code import FORMAT, calls_of, decode_lines, reading, table
from latprof.formats.claude_code.lines import Line, LineKind
from latprof.formats.claude_code.parts import Part, Usage
from latprof.formats.claude_code.reading import is_compiled, kept_of

needs_compiler = pytest.mark.skipif(not is_compiled(), reason="not compiled on this machine")


def logs(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.rglob("*.jsonl")) if path.stat().st_size]


def kept_lines(data: bytes, path: str = "log.jsonl") -> tuple[object, reading.Decoded]:
    kept = kept_of(path)
    decoded = reading.decode_into(Source.from_bytes(data, path), reading.Decoded(path), kept)
    return kept, decoded


def test_the_layout_is_that_of_the_classes() -> None:
    """Compiled code is compared with the layout, so that no class need be loaded: the classes must agree with it."""
    kinds = [value for name, value in vars(LineKind).items() if name.isupper()]
    classes = (" ".join(Line.__slots__), " ".join(Part.__slots__), " ".join(Usage._fields))
    assert (*classes, kinds[-1]) == reading.LAYOUT
    assert kinds == list(range(1, len(kinds) + 1))


@needs_compiler
def test_all_lines_come_back(fixtures: Path) -> None:
    """Of every log, into a table that has names already, and with numbers of texts of its own."""
    found = 0
    for path in logs(fixtures / "claude-code"):
        kept, _ = kept_lines(path.read_bytes(), str(path))
        rows, state = kept.rows(), kept.state()  # type: ignore[attr-defined]
        table._calls_of(kept)  # the second stage notes things in the lines
        for name in ("log.jsonl", "agent-zz.jsonl"):
            other = kept_of(name)
            other.restore(kept.state())  # type: ignore[attr-defined]
            assert other.rows() == rows
            again = kept_of(name)
            again.restore(other.state())
            assert again.rows() == rows
        plain = kept_of(str(path))
        plain.restore(state)
        assert plain.rows() == rows
        found += len(rows)
    assert found > 100


@needs_compiler
def test_calls_of_lines_that_came_back(fixtures: Path) -> None:
    """As of those that were read."""
    for path in logs(fixtures / "claude-code"):
        kept, decoded = kept_lines(path.read_bytes(), str(path))
        told = table.told_of(decoded, kept)
        other = kept_of(str(path))
        other.restore(kept.state())  # type: ignore[attr-defined]
        back = table.told_of(decoded, other)
        assert told is not None
        assert back is not None
        assert list(back.items()) == list(told.items())


@needs_compiler
def test_only_lines_up_to_a_number(fixtures: Path) -> None:
    """What the others have, blocks and tools included, is left out: more lines may follow."""
    path = next(path for path in logs(fixtures / "claude-code") if path.read_bytes().count(b"\n") > 10)
    kept, decoded = kept_lines(path.read_bytes(), str(path))
    rows = kept.rows()  # type: ignore[attr-defined]
    for last in range(decoded.count + 2):
        other = kept_of(str(path))
        other.restore(kept.state(last))  # type: ignore[attr-defined]
        first = [row for row in rows if row[0] <= last]
        assert other.rows() == first
        other.extend([row for row in rows if row[0] > last])
        assert other.rows() == rows


@needs_compiler
def test_no_lines_at_all() -> None:
    """A log without any line that matters has a state, too."""
    kept = kept_of("log.jsonl")
    other = kept_of("log.jsonl")
    other.restore(kept.state())
    assert other.rows() == []
    assert len(other) == 0


@needs_compiler
def test_lines_are_restored_before_any_other(fixtures: Path) -> None:
    """Numbers in the bytes count from the first line."""
    kept, _ = kept_lines(logs(fixtures / "claude-code")[0].read_bytes())
    rows = kept.rows()  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match="there are lines already"):
        kept.restore(kept.state())  # type: ignore[attr-defined]
    assert kept.rows() == rows  # type: ignore[attr-defined]


@needs_compiler
@pytest.mark.parametrize("seed", range(8))
def test_damaged_bytes_do_no_harm(fixtures: Path, seed: int) -> None:
    """They are refused, or give some lines; no number in them leads out of what is there."""
    chance = random.Random(seed)  # noqa: S311 - damage
    path = chance.choice(logs(fixtures / "claude-code"))
    state = kept_lines(path.read_bytes(), str(path))[0].state()  # type: ignore[attr-defined]
    refused = 0
    for _ in range(300):
        data = bytearray(state)
        for _ in range(chance.choice([1, 1, 3])):
            data[chance.randrange(len(data))] = chance.randrange(256)
        if chance.random() < 0.2:
            del data[chance.randrange(len(data)) :]
        if chance.random() < 0.1:
            data[chance.randrange(0, len(data) // 4 * 4 + 1, 4) :][:4] = b"\xff\xff\xff\x7f"
        kept = kept_of("log.jsonl")
        try:
            kept.restore(bytes(data))
            kept.rows()
            calls = table._calls_of(kept)
            calls.columns(0, len(calls), "claude-code")
        except (ValueError, OverflowError):
            refused += 1
    assert refused > 0


@needs_compiler
@pytest.mark.parametrize("wrong", [b"", b"short", bytes(48), bytes(4096)])
def test_other_bytes_are_refused(wrong: bytes) -> None:
    kept = kept_of("log.jsonl")
    with pytest.raises(ValueError, match="not the lines of a log"):
        kept.restore(wrong)
    assert kept.rows() == []


def grown(path: Path, cut: int, monkeypatch: pytest.MonkeyPatch | None = None) -> tuple[list[object], list[object]]:
    """What a log says that was read up to a place and then to its end, and what it says when it is read at once."""
    data = path.read_bytes()
    assert FORMAT.resume is not None
    first = FORMAT.resume(Source.from_bytes(data[:cut], str(path)), b"")
    list(first.items)
    begun = first.begun()
    if monkeypatch is not None:
        monkeypatch.setattr(reading, "_lines_of", None)
        monkeypatch.setattr(table, "_calls_of", None)
    second = FORMAT.resume(Source.from_bytes(data, str(path)), begun)
    return list(second.items), list(FORMAT.read(Source.from_bytes(data, str(path))))


@pytest.mark.parametrize("part", [0.0, 0.3, 0.5, 0.9, 1.0])
def test_a_log_that_grew(fixtures: Path, part: float) -> None:
    """It says the same, wherever it stopped before."""
    for path in logs(fixtures / "claude-code"):
        found, whole = grown(path, round(path.stat().st_size * part))
        assert found == whole


def test_what_compiled_code_kept_is_not_needed(fixtures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it is not there any more, the log is read from its beginning."""
    path = max(logs(fixtures / "claude-code"), key=lambda path: path.stat().st_size)
    with monkeypatch.context() as patch:
        found, whole = grown(path, path.stat().st_size // 2, patch)
    assert found == whole


def test_what_python_kept_can_be_used_by_compiled_code(fixtures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows of plain values, which both take."""
    path = max(logs(fixtures / "claude-code"), key=lambda path: path.stat().st_size)
    data = path.read_bytes()
    assert FORMAT.resume is not None
    with monkeypatch.context() as patch:
        patch.setattr(reading, "_lines_of", None)
        patch.setattr(table, "_calls_of", None)
        begun = FORMAT.resume(Source.from_bytes(data[: len(data) // 2], str(path)), b"").begun()
    assert isinstance(marshal.loads(begun)[2], list)  # noqa: S302 - own bytes
    second = FORMAT.resume(Source.from_bytes(data, str(path)), begun)
    assert list(second.items) == list(calls_of(decode_lines(Source.from_bytes(data, str(path)))))
