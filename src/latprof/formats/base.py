"""What a log format is, and the source it reads from.

A format is a module of this package with one object named `FORMAT`. Its `read` is a pure
function from a source to calls and problems: it never prints, never raises on bad input and
keeps nothing between files, so that any engine can map it over many files and machines.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from latprof.model import Call, Problem

__all__ = ["SNIFF_BYTES", "Format", "Source"]

SNIFF_BYTES = 65536
_GZIP_MAGIC = b"\x1f\x8b"
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"


@dataclass(frozen=True, slots=True)
class Source:
    """A file's bytes, decompressed, with the name it is reported under."""

    path: str
    open_raw: Callable[[], IO[bytes]]

    @classmethod
    def from_path(cls, path: Path) -> Source:
        """A file on disk, opened for reading only and only when it is read."""
        return cls(path=str(path), open_raw=lambda: path.open("rb"))

    @classmethod
    def from_bytes(cls, data: bytes, path: str = "-") -> Source:
        """Bytes in memory, such as standard input."""
        return cls(path=path, open_raw=lambda: io.BytesIO(data))

    @contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        """Open for reading; gzip and zstd are told by their first bytes, not by the name.

        Raises OSError when the file cannot be opened.
        """
        with self.open_raw() as raw:
            magic = raw.read(4)
            raw.seek(0)
            if magic.startswith(_GZIP_MAGIC):
                import gzip

                with gzip.GzipFile(fileobj=raw) as packed:
                    yield io.BufferedReader(packed)
            elif magic == _ZSTD_MAGIC:
                import zstandard

                with zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True) as packed:
                    yield io.BufferedReader(packed)
            else:
                yield raw

    def head(self) -> bytes:
        """The first 64 KiB, for sniffing. Raises OSError, EOFError or the decompressor's error."""
        with self.open() as stream:
            return stream.read(SNIFF_BYTES)


@dataclass(frozen=True, slots=True)
class Format:
    """One kind of log.

    `roots` are globs of the places where the agent keeps its logs; `env_roots` maps an
    environment variable that moves such a folder to the glob below it. `observes` names the
    metrics that such a log can ever show; all others stay None.
    """

    name: str
    title: str
    agent: str
    roots: tuple[str, ...]
    env_roots: dict[str, str]
    suffixes: tuple[str, ...]
    observes: frozenset[str]
    sniff: Callable[[str, bytes], bool]
    read: Callable[[Source], Iterable[Call | Problem]]

    def calls(self, source: Source) -> Iterator[Call]:
        """Only the calls of `read`, for use as a library."""
        for item in self.read(source):
            if isinstance(item, Call):
                yield item
