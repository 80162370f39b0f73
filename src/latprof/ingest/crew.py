"""Reading files in several processes, the biggest first.

The main process reads, too: it starts at the small end, so that it is never long away from what the others
send. They get numbers of files and send chunks as bytes. One that dies leaves its files to the main process.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import field
from typing import TYPE_CHECKING, Any, Final, Literal

from latprof.classes import dataclass
from latprof.formats import formats
from latprof.ingest.entry import Entry, read_entry
from latprof.parallel import become_helper, can_fork, cores, is_daemon

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess

__all__ = ["processes", "read_together"]

# What a process more must have to read before it is worth its start, see decision 0020.
_BYTES_EACH: Final[dict[str, int]] = {"fork": 24_000_000, "spawn": 160_000_000}
_MOST: Final = 8
# What a process is given at a time.
_BATCH_BYTES: Final = 4_000_000
_BATCH_FILES: Final = 32
# How much it is given before it has answered: this part of what is left, so that it has work while this process does
# something else, and both come to the end together; but never less than two batches, and not more than this.
_AHEAD_PART: Final = 0.2
_LEAST_AHEAD: Final = 2
_MOST_AHEAD: Final = 16
# Room for answers that this process has not taken yet.
_ROOM_BYTES: Final = 1 << 20

Take = Callable[[int, Entry], None]


def processes(sizes: Sequence[int], jobs: int | None) -> int:
    """How many processes should read files of these sizes; `jobs` is what the user wants, None leaves it to us."""
    if len(sizes) < 2:
        return 1
    if jobs is not None:
        count = min(jobs, len(sizes))
    else:
        others = (sum(sizes) - max(sizes)) // _BYTES_EACH[_method()]
        count = min(cores(), _MOST, others, len(sizes))
    return 1 if count < 2 or is_daemon() else count


def _method() -> Literal["fork", "spawn"]:
    """Forking is cheap, but safe only where it is the custom."""
    return "fork" if can_fork() else "spawn"


def read_together(
    paths: Sequence[str],
    sizes: Sequence[int],
    count: int,
    take: Take,
    *,
    watching: bool,
    meanwhile: Callable[[], None] | None = None,
) -> None:
    """Read the files with so many processes, this one included; `take` gets each file's number and entry.

    `meanwhile` is called when the others are at work, before this process reads, too.
    """
    queue = deque(sorted(range(len(paths)), key=lambda place: -sizes[place]))
    left = sum(sizes)

    def taken(place: int, entry: Entry) -> None:
        nonlocal left
        left -= sizes[place]
        take(place, entry)

    def feed() -> None:
        ahead = int(_AHEAD_PART * left / max(1, len(crew)) / _BATCH_BYTES)
        for member in crew:
            member.feed(queue, sizes, max(_LEAST_AHEAD, min(_MOST_AHEAD, ahead)))

    with _crew(paths, count - 1, watching=watching) as crew:
        feed()
        if crew and meanwhile is not None:
            meanwhile()
        while queue or any(member.outstanding for member in crew):
            feed()
            for place in _answers(crew, taken, may_wait=not queue):
                queue.append(place)
            if queue:
                place = queue.pop()
                taken(place, _read(paths[place], watching=watching))


@dataclass(slots=True, eq=False)
class _Member:
    """Another process, and the files that it was given and has not answered for."""

    process: BaseProcess
    orders: Connection
    answers: Connection
    outstanding: list[int] = field(default_factory=list)
    batches: int = 0
    is_gone: bool = False

    def feed(self, queue: deque[int], sizes: Sequence[int], ahead: int) -> None:
        """Give it the biggest files that are left, but the last one, so that this process is not idle."""
        while self.batches < ahead and len(queue) > 1 and not self.is_gone:
            batch = [queue.popleft()]
            size = sizes[batch[0]]
            while len(queue) > 1 and size + sizes[queue[0]] <= _BATCH_BYTES and len(batch) < _BATCH_FILES:
                size += sizes[queue[0]]
                batch.append(queue.popleft())
            self.outstanding += batch
            self.batches += 1
            with suppress(OSError):  # it is gone, which the wait for its answer will show
                self.orders.send(batch)

    def answer(self, take: Take) -> list[int]:
        """Take in what it sent; the files that it will not read."""
        try:
            answers = self.answers.recv()
        except (EOFError, OSError):
            left, self.outstanding, self.is_gone = self.outstanding, [], True
            return left
        self.batches -= 1
        refused: list[int] = []
        for place, data in answers:
            self.outstanding.remove(place)
            if data is None:
                refused.append(place)
            else:
                take(place, Entry.from_bytes(data))
        return refused


def _answers(crew: list[_Member], take: Take, *, may_wait: bool) -> Iterator[int]:
    """Take in what is there; the files that come back unread."""
    from multiprocessing.connection import wait

    by_connection = {member.answers: member for member in crew if member.outstanding}
    for connection in wait(list(by_connection), None if may_wait else 0) if by_connection else ():
        yield from by_connection[connection].answer(take)  # type: ignore[index]


@contextmanager
def _crew(paths: Sequence[str], count: int, *, watching: bool) -> Iterator[list[_Member]]:
    """So many processes, or as many as can be had; none of them outlives the context."""
    import multiprocessing

    context: Any = multiprocessing.get_context(_method())
    crew: list[_Member] = []
    try:
        for _ in range(count):
            try:
                pipes = [context.Pipe(duplex=False), context.Pipe(duplex=False)]
            except OSError:  # too many files are open
                break
            (taken, orders), (answers, given) = pipes
            _widen(given)
            # Forked processes inherit our ends of all pipes, and would keep them open after our end.
            ours = [orders, answers, *(end for member in crew for end in (member.orders, member.answers))]
            inherited = ours if _method() == "fork" else []
            process = context.Process(target=_work, args=(taken, given, tuple(paths), inherited, watching), daemon=True)
            try:
                process.start()
            except (OSError, RuntimeError):
                orders.close()
                answers.close()
                break
            finally:
                taken.close()
                given.close()
            crew.append(_Member(process, orders, answers))
        yield crew
    finally:
        for member in crew:
            member.orders.close()
            member.answers.close()
            member.process.kill()
        for member in crew:
            member.process.join()


def _widen(pipe: Connection) -> None:
    """Room for more than usual, where the system gives it."""
    if sys.platform == "linux":
        from fcntl import F_SETPIPE_SZ, fcntl

        with suppress(OSError):
            fcntl(pipe.fileno(), F_SETPIPE_SZ, _ROOM_BYTES)


def _work(
    orders: Connection,
    answers: Connection,
    paths: Sequence[str],
    inherited: Sequence[Connection],
    watching: bool,  # noqa: FBT001 - what a process is started with has no names
) -> None:
    """What another process does: read the files it is told the numbers of, until the pipe is closed."""
    become_helper(inherited)
    with suppress(EOFError, OSError):
        while True:
            answers.send([(place, _bytes(paths[place], watching=watching)) for place in orders.recv()])


def _bytes(path: str, *, watching: bool) -> bytes | None:
    """The entry of a file; None after a mistake in a reader, which the main process will meet and tell of."""
    try:
        return _read(path, watching=watching).to_bytes()
    except Exception:  # noqa: BLE001
        return None


def _read(path: str, *, watching: bool) -> Entry:
    return read_entry(path, formats(), watching=watching)
