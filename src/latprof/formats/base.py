"""What a log format is, and the source it reads from.

A format is a module of this package with one object named `FORMAT`. Its `read` is a pure
function from a source to calls and problems: it never prints, never raises on bad input and
keeps nothing between files, so that any engine can map it over many files and machines.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import field
from pathlib import Path, PurePath
from typing import IO, TYPE_CHECKING, Final, Literal, NamedTuple

from latprof.classes import dataclass
from latprof.formats.standing import Standing
from latprof.model import Call, Problem

if TYPE_CHECKING:
    from latprof.trace.columns import Columns

__all__ = [
    "SNIFF_BYTES",
    "SQLITE_MAGIC",
    "Evidence",
    "Format",
    "Grown",
    "InParts",
    "Observed",
    "Shape",
    "Source",
    "Told",
]

SNIFF_BYTES: Final = 65536
SQLITE_MAGIC: Final = b"SQLite format 3\x00"
_LINES_LOOKED_AT_BYTES: Final = 1 << 24
_GZIP_MAGIC: Final = b"\x1f\x8b"
_ZSTD_MAGIC: Final = b"\x28\xb5\x2f\xfd"
_PARQUET_MAGIC: Final = b"PAR1"
# Names of columns stand at the end of a Parquet file, before a few kB per million rows.
_PARQUET_END_BYTES: Final = 1 << 18

# How a metric can be known from a format's logs.
Observed = Literal["exact", "bound", "exact or bound", "as_logged"]
# What one file is: independent lines, one document, a database, or a table with a header.
Shape = Literal["lines", "document", "database", "table"]
# What the reader was checked on: the agent recorded against a known truth, real logs, or neither.
Evidence = Literal["recorded", "real", "synthetic"]


def _nothing_beside(_: str) -> Source | None:
    return None


def _no_names(_: str) -> list[str]:
    return []


@dataclass(frozen=True, slots=True)
class Source:
    """A file's bytes, decompressed, with the name it is reported under.

    `beside` opens another file by its path relative to this file's folder, or gives None;
    `names_beside` lists the names in such a folder, sorted. Agents spread one session over
    several files; a reader claims one of them and looks up the rest from there.
    """

    path: str
    open_raw: Callable[[], IO[bytes]]
    beside: Callable[[str], Source | None] = _nothing_beside
    names_beside: Callable[[str], list[str]] = _no_names

    @classmethod
    def from_path(cls, path: Path) -> Source:
        """A file on disk, opened for reading only and only when it is read."""
        return cls.of_file(str(path))

    @classmethod
    def of_file(cls, path: str) -> Source:
        """The same by the text of the path."""
        return cls(
            path,
            lambda: open(path, "rb"),  # noqa: PTH123 - a text already, closed by who opens it
            lambda name: _file_beside(Path(path).parent, name),
            lambda name: _names_in(Path(path).parent, name),
        )

    @classmethod
    def from_bytes(cls, data: bytes, path: str = "-", beside: Mapping[str, bytes] | None = None) -> Source:
        """Bytes in memory, such as standard input; `beside` maps relative paths to their bytes."""
        others = {} if beside is None else {PurePath(name).as_posix(): content for name, content in beside.items()}

        def other(name: str) -> Source | None:
            content = others.get(PurePath(name).as_posix())
            return None if content is None else cls.from_bytes(content, str(PurePath(path).parent / name))

        def names(folder: str) -> list[str]:
            start = "" if folder in {"", "."} else PurePath(folder).as_posix() + "/"
            below = {name.removeprefix(start).split("/")[0] for name in others if name.startswith(start)}
            return sorted(below - {"", "..", "."})

        return cls(path, lambda: io.BytesIO(data), other, names)

    @property
    def name(self) -> str:
        """The file's name without its folder."""
        return PurePath(self.path.replace("\\", "/")).name

    @contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        """Open for reading; gzip and zstd are told by their first bytes, not by the name.

        Raises OSError when the file cannot be opened. Damage in a packed file is raised at the end, behind all that
        could be unpacked.
        """
        with self.open_raw() as raw:
            magic = raw.read(4)
            raw.seek(0)
            if not magic.startswith((_GZIP_MAGIC, _ZSTD_MAGIC)):
                yield raw
                return
            from latprof.formats.packed import Unpacked, gzip_parts, zstd_parts

            unpacked = Unpacked(gzip_parts(raw) if magic.startswith(_GZIP_MAGIC) else zstd_parts(raw))
            yield io.BufferedReader(unpacked)
            if unpacked.error is not None:
                raise unpacked.error

    def head(self) -> bytes:
        """The first 64 KiB, for sniffing; of a database its name in bytes and its schema as text.

        Of a Parquet file also its last bytes, which name its columns. Raises OSError, EOFError or
        the decompressor's error.
        """
        with self.open_raw() as stream:
            stream.seek(0)  # what can be read only once is refused, for it will be read again
            start = stream.read(SNIFF_BYTES)
        if start.startswith((_GZIP_MAGIC, _ZSTD_MAGIC, _PARQUET_MAGIC)):
            start = self._unpacked_head()
        if not start.startswith(SQLITE_MAGIC):
            return start
        from latprof.formats.database import schema_of

        return SQLITE_MAGIC + schema_of(self).encode("utf-8", "replace")

    def short_lines(self) -> bytes:
        """The first lines that are no longer than a head, 64 KiB in all, of the first 16 MiB of a text.

        They tell the format where a head ends in a very long line. Nothing where they cannot be read.
        """
        found: list[bytes] = []
        left, size, is_begun = _LINES_LOOKED_AT_BYTES, 0, False
        with suppress(Exception), self.open() as stream:
            while size < SNIFF_BYTES and left > 0 and (part := stream.readline(SNIFF_BYTES)):
                left -= len(part)
                is_end = part.endswith(b"\n")
                if is_end and not is_begun:
                    found.append(part)
                    size += len(part)
                is_begun = not is_end
        return b"".join(found)

    def _unpacked_head(self) -> bytes:
        """The same of a file that is packed or Parquet. What could be unpacked tells the format, damaged or not."""
        start = b""
        try:
            with self.open() as stream:
                start = stream.read(SNIFF_BYTES)
                return start + _last_bytes(stream) if start.startswith(_PARQUET_MAGIC) else start
        except Exception:
            if not start.strip() or start.startswith(_PARQUET_MAGIC):
                raise
            return start


def _last_bytes(stream: IO[bytes]) -> bytes:
    """The end of what was not read yet; a packed file cannot be entered from behind."""
    end = b""
    while part := stream.read(1 << 20):
        end = (end + part)[-_PARQUET_END_BYTES:]
    return end


def _file_beside(folder: Path, name: str) -> Source | None:
    path = folder / name
    try:
        return Source.from_path(path) if path.is_file() else None
    except OSError:
        return None


def _names_in(folder: Path, name: str) -> list[str]:
    try:
        return sorted(entry.name for entry in (folder / name).iterdir())
    except OSError:
        return []


class Told(NamedTuple):
    """What a file says, its calls as columns; the order of all is problems, calls, `last` problems."""

    columns: Columns
    problems: list[Problem]
    last: list[Problem]

    def items(self) -> Iterator[Call | Problem]:
        """All of it in this order, calls as objects."""
        yield from self.problems
        yield from self.columns.calls()
        yield from self.last


@dataclass(frozen=True, slots=True)
class Grown:
    """What a file says that may have been read before: all its calls and problems, not only the new ones.

    The first `end` bytes need not be read again as long as they stay; `begun` packs what they say. A reader that has
    the calls as columns already has them in `told`, too.
    """

    items: Iterable[Call | Problem]
    end: int
    begun: Callable[[], bytes]
    told: Told | None = None


class InParts(NamedTuple):
    """How several processes read one large file.

    `part` gives what the lines say that begin from one offset on and before another (None: up to the end), as bytes for
    `joined`; None for a file that has to be read whole. `joined` takes all parts of a file in their order, going
    through them once, and gives what `resume` would from nothing; None where they do not fit together, as when the
    file changed meanwhile.
    """

    part: Callable[[Source, int, int | None], bytes | None]
    joined: Callable[[Source, Iterable[bytes]], Grown | None]


@dataclass(frozen=True, slots=True)
class Format:
    """One kind of log.

    `agent` is who made the calls, None where each record says it. `roots` are files, folders or globs where the
    agent keeps its logs; `env_roots` maps an environment variable that moves them to the place below it.
    `observes` says for each metric that such a log can ever show how it is known; all others stay None. `since`
    names the version that first showed a metric. `evidence` is what the reader was checked on. A format with a
    `refusal` is recognised and not read: the sentence says why. `tail` says what is going on at the end of a log,
    one entry per thread of the session; a format whose lines do not tell has none. `resume` gives what `read`
    gives, from what it packed when it read the beginning of the same file, or from nothing (b""); most formats
    are read whole. `columns` gives what `read` gives with the calls as `Columns.of` makes them, for readers that
    need no objects on the way; None where this one file has to be read otherwise. `in_parts` lets several processes
    read one large file. `marks` are words of which at
    least one stands in each head that `sniff` accepts, as bytes: a file without any is not this format's, and the
    format is not even loaded to be asked. Without marks it is asked about every file.
    """

    name: str
    title: str
    agent: str | None
    roots: tuple[str, ...]
    env_roots: dict[str, str]
    suffixes: tuple[str, ...]
    observes: Mapping[str, Observed]
    sniff: Callable[[str, bytes], bool]
    read: Callable[[Source], Iterable[Call | Problem]]
    shape: Shape = "lines"
    evidence: Evidence = "synthetic"
    since: Mapping[str, str] = field(default_factory=dict)
    refusal: str = ""
    tail: Callable[[Source], Sequence[Standing]] | None = None
    marks: tuple[bytes, ...] = ()
    resume: Callable[[Source, bytes], Grown] | None = None
    columns: Callable[[Source], Told | None] | None = None
    in_parts: InParts | None = None

    @classmethod
    def refused(
        cls,
        name: str,
        title: str,
        reason: str,
        sniff: Callable[[str, bytes], bool],
        *,
        roots: tuple[str, ...] = (),
        suffixes: tuple[str, ...],
        marks: tuple[bytes, ...] = (),
        shape: Shape = "lines",
    ) -> Format:
        """A format that is known but holds no times of calls; `reason` is one sentence."""

        def read(source: Source) -> Iterator[Call | Problem]:
            yield Problem("no_call_times", source.path, None, reason)

        return cls(
            name=name,
            title=title,
            agent=name,
            roots=roots,
            env_roots={},
            suffixes=suffixes,
            observes={},
            sniff=sniff,
            read=read,
            shape=shape,
            refusal=reason,
            marks=marks,
        )

    def calls(self, source: Source) -> Iterator[Call]:
        """Only the calls of `read`, for use as a library."""
        for item in self.read(source):
            if isinstance(item, Call):
                yield item
