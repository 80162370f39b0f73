"""Sources -> merged calls and counted problems."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from latprof.errors import NothingReadable
from latprof.formats import Format, formats
from latprof.ingest.chunk import Chunk
from latprof.ingest.crew import processes, read_together
from latprof.ingest.find import Found, find
from latprof.ingest.gather import Gathering, tagged
from latprof.ingest.once import drop_copies, join_sources
from latprof.ingest.one_file import read_source
from latprof.ingest.tags import NO_TAGS, TagRules
from latprof.model import Call, Problem
from latprof.trace import Columns

__all__ = ["Reading", "read_inputs"]

Progress = Callable[[int, int], None]


@dataclass(slots=True)
class Reading:
    """What was read: `columns` are the calls, in the order of the files; `files` counts those that a format claimed.

    `files_of_others` counts files in the given folders that are no logs. `records` counts the calls as the
    files told them, `copies` the copies of a call that were dropped, `joined` the records of other sources
    that were taken into a call.
    """

    columns: Columns = field(default_factory=Columns.none)
    problems: list[Problem] = field(default_factory=list)
    files: int = 0
    files_without_calls: int = 0
    files_of_others: int = 0
    size_bytes: int = 0
    records: int = 0
    copies: int = 0
    joined: int = 0
    formats: Counter[str] = field(default_factory=Counter)

    @property
    def calls(self) -> list[Call]:
        """All calls as objects, made anew each time."""
        return list(self.columns.calls())

    def problem_counts(self) -> dict[str, int]:
        """Number of problems of each kind."""
        return dict(sorted(Counter(problem.kind for problem in self.problems).items()))


def read_inputs(
    paths: Sequence[str],
    *,
    known: Sequence[Format] | None = None,
    progress: Progress | None = None,
    rules: TagRules | None = None,
    jobs: int | None = 1,
) -> Reading:
    """Read all given paths; `progress` is called with bytes done and bytes in all.

    `rules` tell engineer and host of calls that do not know them. `jobs` is the number of processes that read;
    None: as many as pay. A number other than 1 needs `if __name__ == "__main__"` in scripts on Windows and macOS.
    The result does not depend on it. Formats given as `known` are read by one process.

    Raises UsageError for a path that does not exist, NothingReadable when nothing given could be
    read at all.
    """
    rules = rules or TagRules()
    gathering = Gathering(rules)
    found = find(paths, formats() if known is None else known)
    _read_all(found, known, gathering, progress, jobs)
    reading = Reading(
        problems=[*found.problems, *gathering.problems()],
        files=gathering.formats.total(),
        files_without_calls=gathering.without_calls,
        files_of_others=gathering.of_others,
        size_bytes=sum(found.sizes),
        formats=gathering.formats,
    )
    columns = gathering.columns()
    reading.records = len(columns)
    reading.copies = drop_copies(columns)
    reading.columns, reading.joined = join_sources(columns)
    if rules.others != NO_TAGS:
        tagged(reading.columns, TagRules(works_on=rules.works_on), rules.others)
        reading.columns.sort_pool()
    if not gathering.opened and reading.problems:
        first = reading.problems[0]
        advice = "check its permissions" if first.kind == "no_permission" else "give a plain file, or pipe it in as -"
        raise NothingReadable(f"Nothing could be read: {first.path} ({first.detail or first.kind}); {advice}.")
    return reading


def _read_all(
    found: Found, known: Sequence[Format] | None, gathering: Gathering, progress: Progress | None, jobs: int | None
) -> None:
    total, done = sum(found.sizes), 0

    def take(place: int, chunk: Chunk) -> None:
        nonlocal done
        tags = gathering.rules.of_file(chunk.path, found.tags[place])
        gathering.add(place, chunk, tags, named=found.named[place])
        done += found.sizes[place]
        if progress is not None:
            progress(done, total)

    here = list(range(len(found.sources)))
    files = [place for place in here if found.sources[place].path != "-"] if known is None else []
    sizes = [found.sizes[place] for place in files]
    count = processes(sizes, jobs) if files else 1
    if count > 1:
        paths = [found.sources[place].path for place in files]
        read_together(paths, sizes, count, lambda number, chunk: take(files[number], chunk))
        here = [place for place in here if found.sources[place].path == "-"]
    for place in here:
        take(place, read_source(found.sources[place], formats() if known is None else known))
