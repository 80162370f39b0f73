"""Log files with their times of change, and the calls of those that changed lately."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from latprof.classes import dataclass
from latprof.errors import LatprofError, NothingReadable
from latprof.formats import Format, Source, formats
from latprof.ingest import Found, find, read_inputs
from latprof.ingest.tags import NO_TAGS, Tags
from latprof.store.cache import Cache
from latprof.trace import Trace

__all__ = ["History", "LogFile", "files_of", "read_history"]


@dataclass(frozen=True, slots=True)
class LogFile:
    """A file at one look: a change of any of size, time (epoch s) or identity means that it must be read again.

    Of a database its write-ahead log is a part, where what is new stands first. `tags` were written before the path
    that led to it.
    """

    source: Source
    size: int
    modified_at: float
    identity: tuple[int, int]
    tags: Tags = NO_TAGS

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
    databases = tuple({suffix for item in known if item.shape == "database" for suffix in item.suffixes})
    files: list[LogFile] = []
    for group in [[path] for path in paths] or [[]]:
        try:
            found = find(group, known)
        except LatprofError:
            continue
        looked = (_looked_at(*item, databases) for item in zip(found.sources, found.tags, strict=True))
        files += [item for item in looked if item is not None]
    return files


def read_history(
    paths: Sequence[str],
    since: float,
    *,
    progress: Callable[[int, int], None] | None = None,
    jobs: int | None = 1,
    cache: Cache | None = None,
) -> History:
    """The calls of all files that changed since that time (epoch s); `jobs` and `cache` as for `read_inputs`."""
    recent = Found()
    for item in files_of(paths):
        if item.modified_at >= since:
            recent.add(item.source, item.size, item.tags, named=False)
    if not recent.paths:
        return History(Trace.from_calls([]), 0)
    try:
        # The cache keeps what was read of these files together apart from what was read of all files there.
        reading = read_inputs(["recent", *paths], found=recent, progress=progress, jobs=jobs, cache=cache)
    except NothingReadable:
        return History(Trace.from_calls([]), 0)
    if cache is not None:
        cache.close()
    return History(Trace.from_columns(reading.columns), reading.files)


def _looked_at(source: Source, tags: Tags, databases: tuple[str, ...]) -> LogFile | None:
    try:
        status = Path(source.path).stat()
    except OSError:
        return None
    size, modified_at = status.st_size, status.st_mtime
    if source.path.endswith(databases) and (log := _status(source.path + "-wal")) is not None:
        size, modified_at = size + log.st_size, max(modified_at, log.st_mtime)
    return LogFile(source, size, modified_at, (status.st_dev, status.st_ino), tags)


def _status(path: str) -> os.stat_result | None:
    try:
        return Path(path).stat()
    except OSError:
        return None
