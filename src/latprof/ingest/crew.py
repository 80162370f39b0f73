"""Reading files in several processes, the biggest first.

The main process reads, too: it starts at the small end, so that it is never long away from what the others
send. They get numbers of orders, which are files or parts of large ones, and send what these say as bytes. One that
dies leaves its orders to the main process.
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
from latprof.ingest.split import Order, Split, part_of, split
from latprof.parallel import become_helper, can_fork, cores, is_daemon

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess

__all__ = ["Plan", "processes", "read_together"]

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
Done = Callable[[int, Entry | bytes | None], None]


@dataclass(slots=True)
class Plan:
    """What is to be read of some files: `orders` of about so many bytes each.

    The first orders are the files as a whole. Those that are divided are in `splits` by their numbers, and their parts
    are further orders.
    """

    paths: Sequence[str]
    orders: list[Order]
    sizes: list[int]
    splits: dict[int, Split] = field(default_factory=dict)

    @classmethod
    def of(cls, paths: Sequence[str], sizes: Sequence[int], jobs: int | None, *, watching: bool) -> Plan:
        """The plan for files of these sizes; large ones are divided where several processes may read."""
        plan = cls(paths, [Order(file) for file in range(len(paths))], list(sizes))
        if (cores() if jobs is None else jobs) < 2 or is_daemon():
            return plan
        for file, (path, size) in enumerate(zip(paths, sizes, strict=True)):
            found = split(file, path, size, formats(), watching=watching)
            if found is not None:
                plan.splits[file] = found
                plan.orders += found.orders
                plan.sizes += [size // len(found.orders)] * len(found.orders)
        return plan

    def first(self) -> list[int]:
        """The numbers of the orders to begin with, the largest first: parts of a divided file and not its whole."""
        numbers = [number for number in range(len(self.orders)) if number not in self.splits]
        return sorted(numbers, key=lambda number: -self.sizes[number])

    def count(self, jobs: int | None) -> int:
        """How many processes should read; `jobs` is what the user wants, None leaves it to us."""
        return processes([self.sizes[number] for number in self.first()], jobs)


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
    plan: Plan, count: int, take: Take, *, watching: bool, meanwhile: Callable[[], None] | None = None
) -> None:
    """Read the files with so many processes, this one included; `take` gets each file's number and entry.

    `meanwhile` is called when the others are at work, before this process reads, too.
    """
    work = _Work(plan, take)
    with _crew(plan, count - 1, watching=watching) as crew:
        work.feed(crew)
        if crew and meanwhile is not None:
            meanwhile()
        while work.queue or any(member.outstanding for member in crew):
            work.feed(crew)
            for number in _answers(crew, work.done, may_wait=not work.queue):
                work.queue.append(number)
            if work.queue:
                number = work.queue.pop()
                work.done(number, _read(plan, number, watching=watching))


class _Work:
    """The orders that nobody has yet, the largest first, and what comes of the others."""

    def __init__(self, plan: Plan, take: Take) -> None:
        self.queue = deque(plan.first())
        self._plan, self._take = plan, take
        self._left = sum(plan.sizes[number] for number in self.queue)

    def feed(self, crew: Sequence[_Member]) -> None:
        """Give the others work."""
        ahead = int(_AHEAD_PART * self._left / max(1, len(crew)) / _BATCH_BYTES)
        for member in crew:
            member.feed(self.queue, self._plan.sizes, max(_LEAST_AHEAD, min(_MOST_AHEAD, ahead)))

    def done(self, number: int, found: Entry | bytes | None) -> None:
        """Take in what an order gave; None says that this file cannot be read in parts."""
        self._left -= self._plan.sizes[number]
        order = self._plan.orders[number]
        parts = self._plan.splits.get(order.file)
        if isinstance(found, Entry):
            self._take(order.file, found)
        elif parts is None:  # the file was read whole meanwhile
            return
        elif found is None:
            self._read_whole(order.file)
        else:
            parts.take(order, found)
            if parts.is_complete:
                entry = parts.entry()
                self._read_whole(order.file) if entry is None else self._take(order.file, entry)

    def _read_whole(self, file: int) -> None:
        """Read a file as a whole after all; parts of it that others have are of no use any more."""
        del self._plan.splits[file]
        self.queue = deque([*(number for number in self.queue if self._plan.orders[number].file != file), file])


@dataclass(slots=True, eq=False)
class _Member:
    """Another process, and the orders that it was given and has not answered for."""

    process: BaseProcess
    orders: Connection
    answers: Connection
    outstanding: list[int] = field(default_factory=list)
    batches: int = 0
    is_gone: bool = False

    def feed(self, queue: deque[int], sizes: Sequence[int], ahead: int) -> None:
        """Give it the biggest orders that are left, but the last one, so that this process is not idle."""
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

    def answer(self, done: Done) -> list[int]:
        """Take in what it sent; the orders that it will not carry out."""
        try:
            answers = self.answers.recv()
        except (EOFError, OSError):
            left, self.outstanding, self.is_gone = self.outstanding, [], True
            return left
        self.batches -= 1
        refused: list[int] = []
        for number, is_part, data in answers:
            self.outstanding.remove(number)
            if data is None:
                refused.append(number)
            else:
                done(number, data if is_part else Entry.from_bytes(data))
        return refused


def _answers(crew: list[_Member], done: Done, *, may_wait: bool) -> Iterator[int]:
    """Take in what is there; the orders that come back."""
    from multiprocessing.connection import wait

    by_connection = {member.answers: member for member in crew if member.outstanding}
    for connection in wait(list(by_connection), None if may_wait else 0) if by_connection else ():
        yield from by_connection[connection].answer(done)  # type: ignore[index]


@contextmanager
def _crew(plan: Plan, count: int, *, watching: bool) -> Iterator[list[_Member]]:
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
            work = (taken, given, tuple(plan.paths), tuple(plan.orders), inherited, watching)
            process = context.Process(target=_work, args=work, daemon=True)
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
    given: Connection,
    answers: Connection,
    paths: Sequence[str],
    orders: Sequence[Order],
    inherited: Sequence[Connection],
    watching: bool,  # noqa: FBT001 - what a process is started with has no names
) -> None:
    """What another process does: carry out the orders that it is told the numbers of, until the pipe is closed."""
    become_helper(inherited)
    plan = Plan(paths, list(orders), [])
    with suppress(EOFError, OSError):
        while True:
            answers.send([_answer(plan, number, watching=watching) for number in given.recv()])


def _answer(plan: Plan, number: int, *, watching: bool) -> tuple[int, bool, bytes | None]:
    """What to say of an order: its number, whether it is of a part, and what was read.

    That is None after a mistake in a reader, which the main process will meet and tell of.
    """
    try:
        found = _read(plan, number, watching=watching)
    except Exception:  # noqa: BLE001
        found = None
    return number, isinstance(found, bytes), found.to_bytes() if isinstance(found, Entry) else found


def _read(plan: Plan, number: int, *, watching: bool) -> Entry | bytes | None:
    """The entry of a file, or what a part of one says; None for a part of a file that has to be read whole."""
    order = plan.orders[number]
    path = plan.paths[order.file]
    if order.reader:
        return part_of(path, order, formats())
    return read_entry(path, formats(), watching=watching)
