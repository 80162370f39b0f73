"""Several processes read what one reads; one that dies is made up for."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from latprof.ingest import crew, read_inputs
from latprof.ingest.chunk import Chunk
from latprof.ingest.entry import Entry

FIXTURES = Path(__file__).parents[2] / "fixtures" / "claude-code"
MB = 1_000_000
forked = pytest.mark.skipif(sys.platform != "linux", reason="processes are forked, so that the change reaches them")


def read(jobs: int | None) -> tuple[bytes, dict[str, int], int, list[tuple[int, int]]]:
    """All that is read, to the last byte, and the progress that was told."""
    told: list[tuple[int, int]] = []
    reading = read_inputs([str(FIXTURES)], jobs=jobs, progress=lambda done, total: told.append((done, total)))
    whole = Chunk("", "log", reading.columns, reading.problems).to_bytes()
    return whole, dict(reading.formats), reading.copies, told


@pytest.fixture(scope="module")
def alone() -> tuple[bytes, dict[str, int], int, list[tuple[int, int]]]:
    return read(1)


@pytest.mark.parametrize("jobs", [2, 3, 50])
def test_the_number_of_processes_changes_nothing(alone: Any, jobs: int) -> None:
    """Calls, problems, counts; and progress goes up to all bytes."""
    whole, formats, copies, told = read(jobs)
    assert (whole, formats, copies) == alone[:3]
    assert told == sorted(told)
    assert told[-1] == alone[3][-1]
    assert len(told) == len(alone[3])


def test_processes_that_start_afresh_read_the_same(alone: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The way of Windows and macOS."""
    monkeypatch.setattr(crew, "_method", lambda: "spawn")
    assert read(2)[:3] == alone[:3]


@forked
def test_a_process_that_dies_leaves_its_files_to_us(alone: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed in the middle of its first file."""
    here, reads = os.getpid(), crew._read

    def dying(path: str, **options: Any) -> Entry:
        if os.getpid() != here:
            os.kill(os.getpid(), signal.SIGKILL)
        return reads(path, **options)

    monkeypatch.setattr(crew, "_method", lambda: "fork")
    monkeypatch.setattr(crew, "_read", dying)
    assert read(3)[:3] == alone[:3]


@forked
def test_a_file_that_a_process_cannot_read_is_read_by_us(alone: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistake in a reader shows in the main process, where it can be told of."""
    here, reads = os.getpid(), crew._read

    def failing(path: str, **options: Any) -> Entry:
        if os.getpid() != here:
            raise RuntimeError
        return reads(path, **options)

    monkeypatch.setattr(crew, "_method", lambda: "fork")
    monkeypatch.setattr(crew, "_read", failing)
    assert read(2)[:3] == alone[:3]


def test_no_process_can_be_had(alone: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then one reads."""

    class Context:
        @staticmethod
        def Pipe(duplex: bool) -> Any:  # noqa: N802, FBT001 - its name in multiprocessing
            return multiprocessing.Pipe(duplex=duplex)

        class Process:
            def __init__(self, **_: Any) -> None: ...

            def start(self) -> None:
                raise BlockingIOError

    monkeypatch.setattr(multiprocessing, "get_context", lambda _: Context)
    assert read(4)[:3] == alone[:3]


def test_an_interruption_ends_all_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C while the main process reads."""
    started: list[Any] = []
    member = crew._Member

    def kept(process: Any, *connections: Any) -> Any:
        started.append(process)
        return member(process, *connections)

    def interrupted(*_: Any, **__: Any) -> Entry:
        raise KeyboardInterrupt

    monkeypatch.setattr(crew, "_Member", kept)
    monkeypatch.setattr(crew, "read_entry", interrupted)
    with pytest.raises(KeyboardInterrupt):
        read(3)
    assert len(started) == 2
    assert not any(process.is_alive() for process in started)


@pytest.mark.parametrize(
    ("sizes", "cores", "expected"),
    [
        ([MB] * 20, 8, 1),
        ([200 * MB] * 5, 2, 2),
        ([200 * MB] * 5, 1, 1),
        ([900 * MB, MB], 8, 1),
        ([30 * MB] * 40, 64, 8),
    ],
)
def test_more_processes_only_where_they_pay(
    monkeypatch: pytest.MonkeyPatch, sizes: list[int], cores: int, expected: int
) -> None:
    """Few bytes, one core, or one file that holds nearly all of them: one process. Never more than eight."""
    monkeypatch.setattr(crew, "cores", lambda: cores)
    monkeypatch.setattr(crew, "_method", lambda: "fork")
    assert crew.processes(sizes, None) == expected
    assert crew.processes(sizes, 3) == min(3, len(sizes))


@pytest.mark.parametrize(("jobs", "times"), [(1, 0), (2, 1), (3, 1)])
def test_what_is_wanted_meanwhile_is_done_once_while_others_read(alone: Any, jobs: int, times: int) -> None:
    """Here, in this process, before it has taken in anything; where nobody else reads there is no such time."""
    done: list[str] = []
    reading = read_inputs(
        [str(FIXTURES)],
        jobs=jobs,
        progress=lambda _, __: done.append("taken"),
        meanwhile=lambda: done.append("meanwhile"),
    )
    assert done.count("meanwhile") == times
    assert done[0] == ("meanwhile" if times else "taken")
    assert Chunk("", "log", reading.columns, reading.problems).to_bytes() == alone[0]


def test_a_process_is_given_more_while_much_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fifth of what is left for all of them, in batches of 4 MB: two at the end, sixteen at most."""
    given: list[int] = []
    feed = crew._Member.feed

    def noted(self: Any, queue: Any, sizes: Any, ahead: int) -> None:
        given.append(ahead)
        feed(self, queue, sizes, ahead)

    monkeypatch.setattr(crew._Member, "feed", noted)
    files = sorted(str(path) for path in FIXTURES.rglob("*.jsonl"))[:6]
    crew.read_together(files, [100 * MB, 80 * MB, MB, MB, MB, MB], 2, lambda place, entry: None, watching=False)
    # 184 MB are left: 36.8 MB of them are 9 batches; when the two large ones are done, 4 MB at most are left.
    assert given[0] == 9
    assert given[-1] == 2
    assert given == sorted(given, reverse=True)
