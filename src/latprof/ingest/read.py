"""Sources -> merged calls and counted problems."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from latprof.errors import NothingReadable
from latprof.formats import Format, Source, formats
from latprof.ingest.find import find
from latprof.ingest.join import join
from latprof.ingest.merge import Merger
from latprof.ingest.tags import NO_TAGS, TagRules, Tags
from latprof.model import Call, Problem

__all__ = ["Reading", "read_inputs"]

Progress = Callable[[int, int], None]

# A file of this kind that is empty or unknown is most likely a log that suffered; of the others
# (settings, caches, indexes) a folder holds many that are none of our business.
_LINE_SUFFIXES: Final = (".jsonl", ".jsonl.gz", ".jsonl.zst")

# UTF-32 with its low byte first begins like UTF-16.
_WIDE_MARKS: Final = (b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")
_LOOKED_AT_BYTES: Final = 256


@dataclass(slots=True)
class Reading:
    """What was read: `files` counts the files that a format claimed.

    `files_of_others` counts files in the given folders that are no logs. `records` counts the calls as the
    files told them, `copies` the copies of a call that were dropped, `joined` the records of other sources
    that were taken into a call.
    """

    calls: list[Call] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    files: int = 0
    files_without_calls: int = 0
    files_of_others: int = 0
    size_bytes: int = 0
    records: int = 0
    copies: int = 0
    joined: int = 0
    formats: Counter[str] = field(default_factory=Counter)

    def problem_counts(self) -> dict[str, int]:
        """Number of problems of each kind."""
        return dict(sorted(Counter(problem.kind for problem in self.problems).items()))


def read_inputs(
    paths: Sequence[str],
    *,
    known: Sequence[Format] | None = None,
    progress: Progress | None = None,
    rules: TagRules | None = None,
) -> Reading:
    """Read all given paths; `progress` is called with bytes done and bytes in all.

    `rules` tell engineer and host of calls that do not know them.

    Raises UsageError for a path that does not exist, NothingReadable when nothing given could be
    read at all.
    """
    known = formats() if known is None else known
    found = find(paths, known)
    reading = Reading(problems=list(found.problems), size_bytes=sum(found.sizes))
    merger = Merger()
    done = 0
    opened = 0
    tagged = _Tagged(merger, rules or TagRules())
    for source, size, named, tags in zip(found.sources, found.sizes, found.named, found.tags, strict=True):
        tagged.begin(source.path, tags)
        opened += _read_one(source, known, reading, tagged, named=named)
        done += size
        if progress is not None:
            progress(done, reading.size_bytes)
    joined = join(merger.records())
    reading.calls, reading.joined = joined.calls, joined.taken_in
    reading.copies = merger.copies
    reading.records = len(joined.calls) + joined.taken_in + merger.copies
    if not opened and reading.problems:
        first = reading.problems[0]
        advice = "check its permissions" if first.kind == "no_permission" else "give a plain file, or pipe it in as -"
        raise NothingReadable(f"Nothing could be read: {first.path} ({first.detail or first.kind}); {advice}.")
    return reading


@dataclass(slots=True)
class _Tagged:
    """Gives the calls of one file after the other their tags and hands them on."""

    merger: Merger
    rules: TagRules
    tags: Tags = NO_TAGS

    def begin(self, path: str, said: Tags) -> None:
        """The next file."""
        self.tags = self.rules.of_file(path, said)

    def add(self, call: Call, reader: str) -> None:
        """A call of that file."""
        self.rules.give(call, self.tags)
        self.merger.add(call, reader)


def _read_one(source: Source, known: Sequence[Format], reading: Reading, calls_to: _Tagged, *, named: bool) -> bool:
    """Read one source; False when it could not be opened."""
    head = _head(source, reading)
    if head is None:
        return False
    if not head.strip():
        if named or _is_a_log_by_name(source.path):
            reading.problems.append(Problem("empty_file", source.path))
        return True
    claimed = next((item for item in known if item.sniff(source.path, head)), None)
    if claimed is None:
        if named or _is_a_log_by_name(source.path):
            reading.problems.append(_unknown(source, head))
        reading.files_of_others += 1
        return True
    reading.files += 1
    reading.formats[claimed.name] += 1
    calls = 0
    for item in claimed.read(source):
        if isinstance(item, Call):
            calls_to.add(item, claimed.name)
            calls += 1
        else:
            reading.problems.append(item)
    reading.files_without_calls += calls == 0
    return True


def _unknown(source: Source, head: bytes) -> Problem:
    """What no format claims: told apart whether it is text in two or four bytes per sign, as editors may save it."""
    marked = head.startswith(_WIDE_MARKS)
    wide = head[:_LOOKED_AT_BYTES].count(0) * 3 >= len(head[:_LOOKED_AT_BYTES]) and head.lstrip(b"\x00")[:1] in {
        b"{",
        b"[",
    }
    if marked or wide:
        return Problem("unsupported_encoding", source.path, None, "UTF-16 or UTF-32: save it as UTF-8")
    return Problem("unknown_format", source.path)


def _is_a_log_by_name(path: str) -> bool:
    return path.endswith(_LINE_SUFFIXES)


def _head(source: Source, reading: Reading) -> bytes | None:
    try:
        return source.head()
    except Exception as error:  # noqa: BLE001 - any decompressor may fail in its own way on bad bytes
        kind = "no_permission" if isinstance(error, PermissionError) else "unreadable"
        reading.problems.append(Problem(kind, source.path, None, type(error).__name__))
        return None
