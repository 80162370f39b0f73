"""Columns of very many calls lie on disk: no command may read them anew for every call."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from latprof.cli import app
from latprof.trace import stored

ROWS_OF_FIXTURES = 1000
# All columns, a few times over; who reads one for every call needs thousands.
MOST_READS = 900
COMMANDS = (
    ("budget",), ("slowest",), ("drivers",), ("explain",), ("compare",), ("drift",), ("report", "-o", "page.html"),
    ("export",), ("export", "--format", "jsonl"), ("export", "--format", "parquet"),
    ("export", "--format", "perfetto"), ("export", "--format", "otlp"), ("export", "--format", "weka"),
    ("export", "--format", "mooncake"), ("merge", "-o", "all.csv"),
)  # fmt: skip


def ran(capfdbinary: pytest.CaptureFixture[bytes], *arguments: str) -> bytes:
    capfdbinary.readouterr()
    app(list(arguments), prog_name="latprof", standalone_mode=False)
    return capfdbinary.readouterr().out


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_commands_read_columns_a_few_times_and_say_the_same(
    command: tuple[str, ...],
    fixtures: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    """Whether calls lie on disk or in memory is seen in no output."""
    monkeypatch.chdir(tmp_path)
    name, *rest = command
    arguments = (name, str(fixtures), *rest, "--no-cache", "--no-history")
    told = ran(capfdbinary, *arguments), _written(tmp_path)
    reads: list[int] = []
    read = stored.Store.read

    def counted(self: stored.Store, start: int, target: Any) -> None:
        reads.append(start)
        read(self, start, target)

    monkeypatch.setattr(stored, "MOST_CALLS", 2)
    monkeypatch.setattr(stored.Store, "read", counted)
    forced = ("--force",) if "-o" in rest else ()
    again = ran(capfdbinary, *arguments, *forced), _written(tmp_path)
    assert 0 < len(reads) < MOST_READS < ROWS_OF_FIXTURES
    assert again == told


def _written(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_fixtures_hold_enough_calls(fixtures: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """Fewer than the reads that are allowed would prove nothing."""
    assert ran(capfdbinary, "export", str(fixtures), "--no-cache", "--no-history").count(b"\n") > ROWS_OF_FIXTURES
