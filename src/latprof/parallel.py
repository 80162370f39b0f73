"""Work on more than one processor: by forked copies of this process, and by threads; what comes out is the same.

A copy has all that this process holds in memory, and needs to be sent nothing. There are copies only where forking is
cheap and safe: on Linux, while no other thread could hold a lock. Elsewhere this process does all of the work itself,
one piece after the other. Threads help only with work that lets go of the lock of Python.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, TypeVar

# Most runs share nothing: what is needed for that is loaded then.
if TYPE_CHECKING:
    import mmap
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess

__all__ = [
    "Aside", "become_helper", "begun", "can_fork", "cores", "is_daemon", "shared_room", "together", "two_at_a_time",
]  # fmt: skip

# A task is claimed by taking one byte out of a pipe, which only one process can.
_MOST_TASKS: Final = 256
_NICE: Final = 10

T = TypeVar("T")
Item = TypeVar("Item")
Task = Callable[[], T]


def cores() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def can_fork() -> bool:
    """Whether a copy of this process can be had, and can do all that this one can."""
    return sys.platform == "linux" and threading.active_count() == 1


def is_daemon() -> bool:
    """Whether this process is a daemon of another one, and may have no processes of its own."""
    import multiprocessing

    return multiprocessing.current_process().daemon


def shared_room(size_bytes: int) -> mmap.mmap:
    """Memory of zeros that this process and its later copies all write into and read from. Raises OSError."""
    import mmap

    return mmap.mmap(-1, max(1, size_bytes))


def together(tasks: Sequence[Task[T]], processes: int) -> list[T]:
    """What the tasks give, in their order; so many processes, this one included, each take the next one that is left.

    A copy changes nothing here but what lies in `shared_room`; what its tasks give comes back pickled. A task that
    fails in a copy, or whose copy dies, is done here. Raises what a task raises.
    """
    more = min(processes, len(tasks)) - 1
    if more < 1 or len(tasks) > _MOST_TASKS or not can_fork() or is_daemon():
        return [task() for task in tasks]
    try:
        claims, listed = os.pipe()
    except OSError:  # too many files are open
        return [task() for task in tasks]
    os.write(listed, bytes(range(len(tasks))))
    os.close(listed)
    helpers: list[tuple[BaseProcess, Connection]] = []
    try:
        helpers += _helpers(more, tasks, claims)
        found = dict(_claimed(tasks, claims))
        for _, connection in helpers:
            with suppress(EOFError, OSError):
                found.update(connection.recv())
    finally:
        os.close(claims)
        for process, connection in helpers:
            connection.close()
            process.kill()  # no handler of the caller's, which a copy has from its start, can put that off
        for process, _ in helpers:
            process.join()
    return [found[place] if place in found else task() for place, task in enumerate(tasks)]


def two_at_a_time(work: Callable[[Item], T], items: Iterable[Item], ahead: int) -> Iterator[T]:
    """What the work makes of each item, in order, by this thread and a second one; items are taken so many `ahead`.

    Raises what the work raises.
    """
    source = iter(items)
    while taken := list(islice(source, ahead)):
        left, found = deque(enumerate(taken)), dict[int, T]()
        thread = begun(partial(_work_off, work, left, found))
        try:
            _work_off(work, left, found)
        finally:
            left.clear()
            if thread is not None:
                thread.join()
        yield from (found[place] if place in found else work(item) for place, item in enumerate(taken))


def begun(work: Callable[[], None]) -> threading.Thread | None:
    """A thread at work; None where no more can be had."""
    thread = threading.Thread(target=work)
    try:
        thread.start()
    except RuntimeError:
        return None
    return thread


def _work_off(work: Callable[[Item], T], left: deque[tuple[int, Item]], found: dict[int, T]) -> None:
    while True:
        try:
            place, item = left.popleft()
        except IndexError:
            return
        try:
            found[place] = work(item)
        except Exception:  # noqa: BLE001 - it is done again where the mistake can be met
            return


def _claimed(tasks: Sequence[Task[T]], claims: int) -> Iterator[tuple[int, T]]:
    while claim := os.read(claims, 1):
        yield claim[0], tasks[claim[0]]()


def _helpers(count: int, tasks: Sequence[Task[T]], claims: int) -> Iterator[tuple[BaseProcess, Connection]]:
    """So many copies at work, or as many as can be had."""
    ours: list[Connection] = []
    for _ in range(count):
        try:
            here, there = _context().Pipe(duplex=False)
        except OSError:
            return
        ours.append(here)
        process = _context().Process(target=_help, args=(tasks, claims, there, tuple(ours)), daemon=True)
        try:
            process.start()
        except OSError:
            here.close()
            return
        finally:
            there.close()
        yield process, here


def become_helper(inherited: Iterable[Connection]) -> None:
    """What a process that helps does first: it lives and ends by the main process.

    `inherited` are that one's own ends of pipes: a copy that kept them open would never notice its end.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the main process ends us
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # and no handler that tidies up for the main process runs here
    for connection in inherited:
        connection.close()


def _help(tasks: Sequence[Task[T]], claims: int, there: Connection, inherited: Sequence[Connection]) -> None:
    """What a copy does: tasks as long as there are any, then all that they gave is sent."""
    become_helper(inherited)
    found: list[tuple[int, T]] = []
    with suppress(Exception):  # the main process will do what is missing, and meet the mistake
        found.extend(_claimed(tasks, claims))
    with suppress(Exception):
        there.send(found)


class Aside:
    """Work in a copy of this process, of which only comes back whether it was done: this one goes on meanwhile.

    Raises OSError where no copy can be had; ask `can_fork` before.
    """

    def __init__(self, work: Callable[[], bool]) -> None:
        self._process = _context().Process(target=_quietly, args=(work,))
        self._process.start()

    def is_at_work(self) -> bool:
        """Whether it has not ended yet."""
        return bool(self._process.is_alive())

    def wait(self) -> bool:
        """Until it has ended, in whatever way; whether the work was done, as it said itself."""
        self._process.join()
        return bool(self._process.exitcode == 0)


def _quietly(work: Callable[[], bool]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # what was begun is brought to its end
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    is_done = False
    with suppress(Exception):
        os.nice(_NICE)  # what others wait for goes first
        is_done = work()
    if not is_done:
        raise SystemExit(1)


def _context() -> Any:
    import multiprocessing

    return multiprocessing.get_context("fork")
