"""Sources -> merged calls and counted problems."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import field

from latprof.classes import dataclass
from latprof.errors import NothingReadable
from latprof.formats import Format, formats
from latprof.ingest.crew import Plan, read_together
from latprof.ingest.entry import Entry, read_entry
from latprof.ingest.find import Found
from latprof.ingest.gather import Gathering, tagged
from latprof.ingest.keeper import Keeper
from latprof.ingest.once import drop_copies, join_sources
from latprof.ingest.one_file import read_source
from latprof.ingest.remember import Memory, Remembered, find_or_recall
from latprof.ingest.several import Several, likely_copies, of_several
from latprof.ingest.tags import NO_TAGS, TagRules
from latprof.model import Call, Problem
from latprof.store.cache import Cache
from latprof.store.history import History
from latprof.store.looks import Look
from latprof.trace import Columns

__all__ = ["Reading", "read_inputs"]

Progress = Callable[[int, int], None]


@dataclass(slots=True)
class Reading:
    """What was read: `columns` are the calls, in the order of the files; `files` counts those that a format claimed.

    `files_of_others` counts files in the given folders that are no logs. `records` counts the calls as the
    files told them, `copies` the copies of a call that were dropped, `joined` the records of other sources
    that were taken into a call. With a cache `looks` say what the result rests on; None where it must not be kept.
    `remembered` are the calls that only the history has. `of_several` are those of more than one engineer,
    `likely_copies` counts calls of exports that seem to be there under other ids, too.
    `processes` have read, and may share further work.
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
    of_several: Several = field(default_factory=Several)
    likely_copies: int = 0
    formats: Counter[str] = field(default_factory=Counter)
    looks: tuple[Look, ...] | None = field(default=None, repr=False)
    remembered: Remembered = field(default_factory=Remembered, repr=False)
    processes: int = field(default=1, repr=False, compare=False)

    @property
    def calls(self) -> list[Call]:
        """All calls as objects, made anew each time."""
        return list(self.columns.calls())

    def problem_counts(self) -> dict[str, int]:
        """Number of problems of each kind."""
        return dict(sorted(Counter(problem.kind for problem in self.problems).items()))


def read_inputs(  # noqa: PLR0913 - one argument per thing that reading takes
    paths: Sequence[str],
    *,
    known: Sequence[Format] | None = None,
    progress: Progress | None = None,
    rules: TagRules | None = None,
    jobs: int | None = 1,
    cache: Cache | None = None,
    found: Found | None = None,
    history: History | None = None,
    meanwhile: Callable[[], None] | None = None,
) -> Reading:
    """Read all given paths; `progress` is called with bytes done and bytes in all.

    `rules` tell engineer and host of calls that do not know them. `jobs` is the number of processes that read;
    None: as many as pay. A number other than 1 needs `if __name__ == "__main__"` in scripts on Windows and macOS.
    The result does not depend on it. Formats given as `known` are read by one process.
    What a `cache` knows of files that did not change is not read again; the result is the same with any and none.
    Who looked for the files before gives them as `found`.
    A `history` learns what the logs in the agents' own places tell, and tells it when they are gone.
    Where several processes read, `meanwhile` is called once while the others do.

    Raises UsageError for a path that does not exist, NothingReadable when nothing given could be
    read at all.
    """
    rules = rules or TagRules()
    gathering = Gathering(rules)
    memory = Memory(history, formats(), paths) if history is not None and known is None else None
    found = found or find_or_recall(paths, formats() if known is None else known, memory)
    wanted = None if memory is None else memory.look(found)
    keeper = Keeper(cache, found, rules, paths, wanted) if cache is not None and known is None else None
    count = _read_all(found, known, gathering, keeper, memory, progress=progress, jobs=jobs, meanwhile=meanwhile)
    reading = Reading(
        problems=[*found.problems, *gathering.problems()],
        files=gathering.formats.total(),
        files_without_calls=gathering.without_calls,
        files_of_others=gathering.of_others,
        size_bytes=sum(found.sizes),
        formats=gathering.formats,
        processes=count,
    )
    columns = gathering.columns()
    if keeper is not None:
        keeper.finish(columns, aside=count > 1)
        reading.looks = keeper.all_looks()
    if memory is not None:
        columns, reading.remembered = memory.added(columns, rules)
        reading.looks = memory.with_look(reading.looks)
    reading.records = len(columns)
    reading.of_several = of_several(columns)
    reading.copies = drop_copies(columns, None if keeper is None else cache)
    reading.columns, reading.joined = join_sources(columns)
    if any(name.startswith("latprof-") for name in reading.formats):
        reading.likely_copies = likely_copies(reading.columns)
    if rules.others != NO_TAGS:
        tagged(reading.columns, TagRules(works_on=rules.works_on), rules.others)
        reading.columns.sort_pool()
    if not gathering.opened and reading.problems and not len(reading.columns):
        first = reading.problems[0]
        advice = "check its permissions" if first.kind == "no_permission" else "give a plain file, or pipe it in as -"
        raise NothingReadable(f"Nothing could be read: {first.path} ({first.detail or first.kind}); {advice}.")
    return reading


def _read_all(
    found: Found,
    known: Sequence[Format] | None,
    gathering: Gathering,
    keeper: Keeper | None,
    memory: Memory | None,
    *,
    progress: Progress | None,
    jobs: int | None,
    meanwhile: Callable[[], None] | None,
) -> int:
    """Read all; how many processes did."""
    total, done = sum(found.sizes), 0

    def take(place: int, entry: Entry) -> None:
        nonlocal done
        tags = gathering.rules.of_file(entry.chunk.path, found.tags[place])
        if memory is not None:
            memory.note(place, entry.chunk)
        gathering.add(place, entry.chunk, tags, named=found.named[place])
        done += found.sizes[place]
        if progress is not None:
            progress(done, total)

    def take_new(place: int, entry: Entry) -> None:
        if keeper is not None:
            keeper.keep(place, entry)
        take(place, entry)

    here = list(range(len(found.paths)))
    files = [place for place in here if found.paths[place] != "-"] if known is None else []
    here = [place for place in here if found.paths[place] == "-"] if known is None else here
    if keeper is not None:
        files = keeper.give(files, gathering, take)
        done = total - sum(found.sizes[place] for place in [*files, *here])
    count = _read_files(found, files, jobs, take_new, watching=keeper is not None, meanwhile=meanwhile)
    for place in here:
        take(place, Entry(read_source(found.source(place), formats() if known is None else known)))
    return count


def _read_files(
    found: Found,
    files: list[int],
    jobs: int | None,
    take: Callable[[int, Entry], None],
    *,
    watching: bool,
    meanwhile: Callable[[], None] | None,
) -> int:
    """Read files on disk, alone or with other processes; how many there were."""
    sizes = [found.sizes[place] for place in files]
    paths = [found.paths[place] for place in files]
    plan = Plan.of(paths, sizes, jobs, watching=watching)
    count = plan.count(jobs) if files else 1
    if count > 1:

        def take_numbered(number: int, entry: Entry) -> None:
            take(files[number], entry)

        read_together(plan, count, take_numbered, watching=watching, meanwhile=meanwhile)
        return count
    for place, path in zip(files, paths, strict=True):
        take(place, read_entry(path, formats(), watching=watching))
    return count
