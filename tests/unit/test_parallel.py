"""Work shared with copies of the process and with a thread: the same results, whatever becomes of the helpers."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from latprof import parallel
from latprof.parallel import Aside, begun, can_fork, shared_room, together, two_at_a_time

pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
forks = pytest.mark.skipif(sys.platform != "linux", reason="no copies of this process can be had")
HERE = os.getpid()


@pytest.fixture(autouse=True)
def _beside_a_runner_with_threads(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its threads only wait, and hold no lock that a copy needs."""
    if request.node.get_closest_marker("skipif") is not None:
        monkeypatch.setattr(parallel, "can_fork", lambda: True)


def square(number: int) -> int:
    return number * number


def elsewhere(act: Callable[[], Any], number: int) -> int:
    """The square; only in a copy the act comes first."""
    if os.getpid() != HERE:
        act()
    return number * number


def fail() -> None:
    raise ValueError("in a copy")


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@forks
@pytest.mark.parametrize("processes", [1, 2, 3, 9])
@pytest.mark.parametrize("count", [0, 1, 2, 7, 256, 300])
def test_tasks_give_what_they_give_alone_in_their_order(processes: int, count: int) -> None:
    tasks = [partial(square, number) for number in range(count)]
    assert together(tasks, processes) == [number * number for number in range(count)]


@forks
def test_a_copy_does_some_of_the_tasks() -> None:
    """The first task here waits until another process has done one."""
    said, saying = os.pipe()

    def task(number: int) -> int:
        if os.getpid() == HERE and number == 0:
            os.read(said, 1)
        elif os.getpid() != HERE:
            os.write(saying, b".")
        return os.getpid()

    found = together([partial(task, number) for number in range(2)], 2)
    assert HERE in found or len(set(found)) == 1
    assert any(process != HERE for process in found)
    os.close(said)
    os.close(saying)


@forks
@pytest.mark.parametrize("act", [fail, die, partial(os._exit, 0)])
def test_what_a_copy_does_not_bring_back_is_done_here(act: Callable[[], Any]) -> None:
    """Also where it died with what it had done before."""
    tasks = [partial(elsewhere, act, number) for number in range(40)]
    assert together(tasks, 3) == [number * number for number in range(40)]


@forks
def test_what_cannot_be_sent_is_done_here() -> None:
    found = together([lambda: threading.Lock() for _ in range(4)], 2)  # noqa: PLW0108 - made where it is done
    assert [type(item) for item in found] == [type(threading.Lock())] * 4


def test_a_mistake_in_a_task_is_met_here() -> None:
    def task(number: int) -> int:
        return square(number) // (number - 1)

    with pytest.raises(ZeroDivisionError):
        together([partial(task, number) for number in (3, 1, 2)], 2)


@forks
def test_no_copy_outlives_an_interruption(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C while this process does its share."""
    started: list[Any] = []
    helpers = parallel._helpers

    def noted(*given: Any) -> Iterator[Any]:
        for process, connection in helpers(*given):
            started.append(process)
            yield process, connection

    def task() -> None:
        if os.getpid() == HERE:
            raise KeyboardInterrupt
        signal.pause()

    monkeypatch.setattr(parallel, "_helpers", noted)
    with pytest.raises(KeyboardInterrupt):
        together([task] * 4, 3)
    assert len(started) == 2
    assert not any(process.is_alive() for process in started)


@forks
def test_copies_write_into_shared_room() -> None:
    """And nowhere else: other memory is their own."""
    room, own = shared_room(64), bytearray(64)

    def task(number: int) -> None:
        room[number], own[number] = 1, 1
        if os.getpid() != HERE:
            fail()  # the work is done again here, and has the same outcome

    together([partial(task, number) for number in range(64)], 2)
    assert room[:] == bytes([1]) * 64


def test_no_copies_beside_another_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """It could hold a lock that nobody in the copy would ever give back."""
    end = threading.Event()
    thread = threading.Thread(target=end.wait)
    thread.start()
    try:
        assert not can_fork()
        assert set(together([os.getpid] * 8, 4)) == {HERE}
    finally:
        end.set()
        thread.join()
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not can_fork()


@forks
def test_work_aside_goes_on_by_itself(tmp_path: Path) -> None:
    """What it changes in memory stays with it."""
    place, seen = tmp_path / "note", []

    def work() -> bool:
        seen.append(1)
        place.write_text("done")
        return True

    aside = Aside(work)
    assert aside.wait()
    assert place.read_text() == "done"
    assert not aside.is_at_work()
    assert not seen


@forks
@pytest.mark.parametrize("work", [lambda: False, fail, die])
def test_work_aside_says_whether_it_was_done(work: Callable[[], bool]) -> None:
    """It says no itself, meets a mistake, or dies."""
    assert not Aside(work).wait()


ENDED_BY_OTHERS = """
import os, signal, sys, time
from latprof.parallel import together
here = os.getpid()
def task():
    if os.getpid() != here:
        print(os.getpid(), flush=True)
        return bytes(1_000_000)
    time.sleep(0.5)  # the copy has begun, and has more to say than a pipe holds
    os.kill(here, signal.SIGKILL)
together([task] * 2, 2)
"""


@forks
def test_no_copy_outlives_a_main_process_that_is_killed() -> None:
    """It would hold the output open for ever, and who reads that would wait for ever."""
    command = [sys.executable, "-c", ENDED_BY_OTHERS]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    # Whoever reads comes to an end only when nobody has the output open any more.
    assert done.returncode == -signal.SIGKILL
    assert int(done.stdout)


@forks
def test_without_pipes_or_threads_all_is_done_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system gives no more of them."""

    def none(*_: Any, **__: Any) -> Any:
        raise OSError(24, "Too many open files")

    def no_thread(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", no_thread)
    assert begun(print) is None
    assert list(two_at_a_time(square, range(9), 4)) == [number * number for number in range(9)]
    monkeypatch.setattr(multiprocessing.get_context("fork"), "Pipe", none)
    assert set(together([os.getpid] * 5, 3)) == {HERE}
    monkeypatch.setattr(os, "pipe", none)
    assert set(together([os.getpid] * 5, 3)) == {HERE}


@forks
def test_copies_end_by_no_handler_of_the_caller(tmp_path: Path) -> None:
    """A program that tidies up when it is ended must not do so in a copy."""
    before = signal.signal(signal.SIGTERM, lambda *_: (tmp_path / "tidied").touch())
    try:

        def task() -> None:
            if os.getpid() == HERE:
                raise KeyboardInterrupt
            while True:
                signal.pause()

        with pytest.raises(KeyboardInterrupt):
            together([task] * 4, 3)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert not (tmp_path / "tidied").exists()


@pytest.mark.parametrize("ahead", [1, 2, 8])
@pytest.mark.parametrize("count", [0, 1, 5, 40])
def test_two_at_a_time_keep_the_order(ahead: int, count: int) -> None:
    assert list(two_at_a_time(square, range(count), ahead)) == [number * number for number in range(count)]


def test_items_are_taken_a_few_ahead() -> None:
    """Not all at once: each may take much memory."""
    taken: list[int] = []

    def items() -> Iterator[int]:
        for number in range(100):
            taken.append(number)
            yield number

    found = two_at_a_time(square, items(), 4)
    assert next(found) == 0
    assert len(taken) == 4


def test_a_mistake_in_either_thread_is_met_in_its_place() -> None:
    """What came before it is given."""

    def work(number: int) -> int:
        if number == 5:
            raise IndexError("no such thing")
        return number

    found = two_at_a_time(work, range(8), 8)
    assert [next(found) for _ in range(5)] == [0, 1, 2, 3, 4]
    with pytest.raises(IndexError, match="no such thing"):
        next(found)
