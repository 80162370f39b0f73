"""Log files with their times of change, and the calls of those that changed lately."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from latprof.errors import LatprofError, NothingReadable
from latprof.formats import Format, Source, formats
from latprof.ingest import find, read_inputs
from latprof.trace import Trace

__all__ = ["History", "LogFile", "files_of", "read_history"]


@dataclass(frozen=True, slots=True)
class LogFile:
    """A file at one look: a change of any of size, time (epoch s) or identity means that it must be read again."""

    source: Source
    size: int
    modified_at: float
    identity: tuple[int, int]

    @property
    def stamp(self) -> tuple[int, float, tuple[int, int]]:
        """What is equal as long as nothing was written."""
        return self.size, self.modified_at, self.identity


@dataclass(frozen=True, slots=True)
class History:
    """Calls from before, and the number of files that they come from."""

    trace: Trace
    files: int


def files_of(paths: Sequence[str], known: Sequence[Format] | None = None) -> list[LogFile]:
    """The files that lie there now; paths that are not there, or no more, give none."""
    known = formats() if known is None else known
    found: list[LogFile] = []
    for group in [[path] for path in paths] or [[]]:
        try:
            sources = find(group, known).sources
        except LatprofError:
            continue
        found += [item for source in sources if (item := _looked_at(source)) is not None]
    return found


def read_history(paths: Sequence[str], since: float, *, progress: Callable[[int, int], None] | None = None) -> History:
    """The calls of all files that changed since that time (epoch s)."""
    recent = [item.source.path for item in files_of(paths) if item.modified_at >= since]
    if not recent:
        return History(Trace.from_calls([]), 0)
    try:
        reading = read_inputs(recent, progress=progress)
    except NothingReadable:
        return History(Trace.from_calls([]), 0)
    return History(Trace.from_columns(reading.columns), reading.files)


def _looked_at(source: Source) -> LogFile | None:
    try:
        status = Path(source.path).stat()
    except OSError:
        return None
    return LogFile(source, status.st_size, status.st_mtime, (status.st_dev, status.st_ino))
