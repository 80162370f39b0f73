"""Several processes read what one reads; one that dies is made up for."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from latprof.ingest import crew, read_inputs, split
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


@pytest.fixture
def divided(monkeypatch: pytest.MonkeyPatch) -> list[split.Order]:
    """Files of 4 kB and more are divided in parts of about 1 kB. The orders are noted."""
    orders: list[split.Order] = []
    plan = crew.Plan.of

    def noted(*arguments: Any, **options: Any) -> crew.Plan:
        found = plan(*arguments, **options)
        orders.extend(found.orders)
        return found

    monkeypatch.setattr(split, "_LEAST_BYTES", 4000)
    monkeypatch.setattr(split, "_PART_BYTES", 1000)
    monkeypatch.setattr(crew.Plan, "of", noted)
    return orders


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_large_files_are_read_in_parts(
    alone: Any, divided: list[split.Order], monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    """By several processes, with the same result; progress is told of files."""
    if method == "fork" and sys.platform != "linux":
        pytest.skip("forking is not the custom here")
    monkeypatch.setattr(crew, "_method", lambda: method)
    whole, formats, copies, told = read(3)
    assert (whole, formats, copies) == alone[:3]
    assert (told[-1], len(told)) == (alone[3][-1], len(alone[3]))
    assert sum(bool(order.reader) for order in divided) > 20


def test_one_process_divides_nothing(divided: list[split.Order]) -> None:
    """It would gain nothing by it."""
    read(1)
    assert divided
    assert not any(order.reader for order in divided)


@forked
def test_a_process_that_dies_with_a_part(
    alone: Any, divided: list[split.Order], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its parts are read by us."""
    here, part_of = os.getpid(), split.part_of

    def dying(*arguments: Any) -> bytes | None:
        if os.getpid() != here:
            os.kill(os.getpid(), signal.SIGKILL)
        return part_of(*arguments)

    monkeypatch.setattr(crew, "_method", lambda: "fork")
    monkeypatch.setattr(crew, "part_of", dying)
    assert read(3)[:3] == alone[:3]
    assert any(order.reader for order in divided)


@forked
@pytest.mark.parametrize("how", ["no part", "no fit"])
def test_a_file_whose_parts_are_of_no_use_is_read_whole(
    alone: Any, divided: list[split.Order], monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """That one part cannot be read, or that they do not fit together, shows late; each file is taken once."""
    part_of = split.part_of
    if how == "no part":
        monkeypatch.setattr(
            crew, "part_of", lambda path, order, known: part_of(path, order, known) if order.begin else None
        )
    else:
        monkeypatch.setattr(split, "joined_source", lambda *_: None)
    monkeypatch.setattr(crew, "_method", lambda: "fork")
    whole, formats, copies, told = read(3)
    assert (whole, formats, copies) == alone[:3]
    assert (told[-1], len(told)) == (alone[3][-1], len(alone[3]))
    assert any(order.reader for order in divided)


def test_a_file_that_changes_while_its_parts_are_read_is_not_kept(
    tmp_path: Path, divided: list[split.Order], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was looked at before the first part counts."""
    data = max(FIXTURES.rglob("*.jsonl"), key=lambda path: path.stat().st_size).read_bytes()
    logs = [tmp_path / "a.jsonl", tmp_path / "b.jsonl"]
    entries: dict[int, list[Entry]] = {0: [], 1: []}
    for path in logs:
        path.write_bytes(data)
        os.utime(path, ns=(10**18, 10**18))
    part_of = split.part_of

    def growing(path: str, order: split.Order, known: Any) -> bytes | None:
        if order.file == 0 and order.begin == 0:
            logs[0].write_bytes(data + data[: data.find(b"\n") + 1])
        return part_of(path, order, known)

    monkeypatch.setattr(crew, "part_of", growing)
    plan = crew.Plan.of([str(path) for path in logs], [len(data)] * 2, 2, watching=True)
    crew.read_together(plan, 1, lambda place, entry: entries[place].append(entry), watching=True)
    (changed,), (steady,) = entries.values()
    assert changed.looks is None
    assert steady.looks is not None
    assert len(steady.chunk.columns) > 0
    assert {order.file for order in divided if order.reader} == {0, 1}


@forked
def test_a_process_that_dies_leaves_its_files_to_us(alone: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed in the middle of its first file."""
    here, reads = os.getpid(), crew._read

    def dying(plan: Any, number: int, **options: Any) -> Any:
        if os.getpid() != here:
            os.kill(os.getpid(), signal.SIGKILL)
        return reads(plan, number, **options)

    monkeypatch.setattr(crew, "_method", lambda: "fork")
    monkeypatch.setattr(crew, "_read", dying)
    assert read(3)[:3] == alone[:3]


@forked
def test_a_file_that_a_process_cannot_read_is_read_by_us(alone: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistake in a reader shows in the main process, where it can be told of."""
    here, reads = os.getpid(), crew._read

    def failing(plan: Any, number: int, **options: Any) -> Any:
        if os.getpid() != here:
            raise RuntimeError
        return reads(plan, number, **options)

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
    plan = crew.Plan(files, [split.Order(file) for file in range(6)], [100 * MB, 80 * MB, MB, MB, MB, MB])
    crew.read_together(plan, 2, lambda place, entry: None, watching=False)
    # 184 MB are left: 36.8 MB of them are 9 batches; when the two large ones are done, 4 MB at most are left.
    assert given[0] == 9
    assert given[-1] == 2
    assert given == sorted(given, reverse=True)
