"""What was looked at to know something, and whether it is still as it was.

A file is the same while its device, number, size and both times are equal to what they were, to the nanosecond. A
file that was written shortly before could be written again without a trace in these; of such a one the content
counts too, as a digest (the "racily clean" entries of git's index).
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from hashlib import blake2b
from io import FileIO
from pathlib import Path
from typing import Any, Final, NamedTuple

from latprof.classes import dataclass
from latprof.formats import Source

__all__ = [
    "Beginning",
    "Identity",
    "Look",
    "Looks",
    "digest_of",
    "has_grown",
    "identity_of",
    "is_fresh",
    "still",
    "watched",
]

# The coarsest clock of a file system in use is that of FAT, whose times are even seconds.
_FRESH_S: Final = 2.0
_PIECE_BYTES: Final = 1 << 17

Identity = tuple[int, int, int, int, int]


class Look(NamedTuple):
    """One look: at a file (None where there was none) or at the names in a folder.

    `digest` is that of the names, or of a fresh file's content.
    """

    path: str
    identity: Identity | None
    digest: str | None = None
    is_folder: bool = False


@dataclass(slots=True)
class Looks:
    """Collects looks while a reader works. Two looks that differ make the whole unsteady: nothing of it is kept.

    `beginning` is a file and how many bytes of it to take a digest of, too, whenever it is gone through.
    """

    steady: bool = True
    beginning: Beginning | None = None
    _found: dict[tuple[str, bool], Look] = field(default_factory=dict)

    def add(self, look: Look) -> None:
        """Take one look."""
        known = self._found.setdefault((look.path, look.is_folder), look)
        self.steady &= known == look

    def settled(self, clock: Callable[[], float] = time.time) -> tuple[Look, ...] | None:
        """The looks, once the reader is done; None where anything changed meanwhile.

        The files that are fresh are read twice with the reader's work in between, see `watched`.
        """
        if not self.steady:
            return None
        now = clock()
        for key, look in self._found.items():
            again = _again(look, now, self.beginning)
            if again is None or again[:2] != look[:2] or (look.digest is not None and again.digest != look.digest):
                return None
            if look.digest is None and again.digest is not None:
                return None
            self._found[key] = again
        return tuple(self._found.values())


def identity_of(status: os.stat_result) -> Identity:
    """What tells one state of a file from another."""
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def is_fresh(identity: Identity, now: float) -> bool:
    """Whether the file changed so shortly before `now` (epoch s), or after it, that another change may not show."""
    return max(identity[3], identity[4]) > (now - _FRESH_S) * 1e9


def still(
    looks: Iterable[Look], clock: Callable[[], float] = time.time, seen: Mapping[str, Identity] | None = None
) -> tuple[tuple[Look, ...], bool] | None:
    """The looks as they are now, and whether they say more than before; None where anything else is there.

    Files that were `seen` by who asks, as this identity, are not looked at another time.
    """
    now, found, is_news = clock(), [], False
    seen = seen or {}
    for look in looks:
        if look.is_folder:
            if _names(look.path).digest != look.digest:
                return None
            found.append(look)
            continue
        identity = seen.get(look.path) or _identity(look.path)
        if identity != look.identity:
            return None
        if look.digest is not None:
            if _digest(look.path) != look.digest or _identity(look.path) != look.identity:
                return None
            if identity is not None and not is_fresh(identity, now):
                look, is_news = look._replace(digest=None), True  # noqa: PLW2901
        found.append(look)
    return tuple(found), is_news


@dataclass(slots=True)
class Beginning:
    """The first `end` bytes of a file, and their digest as of the last time that it was gone through.

    Bytes that were gone through once are not read another time: who goes on from them goes on from what they were.
    """

    path: str
    end: int
    _digest: str | None = None
    _known: tuple[int, Any] = (0, None)

    def pass_over(self) -> str:
        """The digest of the whole file, and on the way that of its beginning; see `_digest`."""
        self._digest = None
        try:
            with open(self.path, "rb", buffering=0) as stream:  # noqa: PTH123 - a text already
                state = self._taken_in(stream)
                self._digest = None if state is None else state.hexdigest()
                if state is None:
                    return _digest(self.path)
                _feed(stream, state, None)
        except OSError as error:
            return type(error).__name__
        return str(state.hexdigest())

    def taken(self) -> str | None:
        """The digest; None where the file does not have as many bytes, or cannot be read. Each is given once."""
        found, self._digest = self._digest, None
        if found is not None:
            return found
        try:
            with open(self.path, "rb", buffering=0) as stream:  # noqa: PTH123
                state = self._taken_in(stream)
        except OSError:
            return None
        return None if state is None else str(state.hexdigest())

    def _taken_in(self, stream: FileIO) -> Any:
        """The state of a digest of the beginning, the stream behind it; None where there are not as many bytes."""
        if os.fstat(stream.fileno()).st_size < self.end:
            return None
        at, known = self._known if self._known[0] <= self.end else (0, None)
        stream.seek(at)
        state = _nothing_yet() if known is None else known.copy()
        if _feed(stream, state, self.end - at) < self.end - at:
            return None
        self._known = self.end, state.copy()
        return state


def watched(path: Path, looks: Looks, clock: Callable[[], float] = time.time) -> Source:
    """The file as a source that notes what its reader looks at, this file first."""
    looks.add(_look(str(path.absolute()), clock(), looks.beginning))
    plain = Source.from_path(path)
    folder = path.parent

    def beside(name: str) -> Source | None:
        other = folder / name
        place = str(other.absolute())
        looks.add(_look(place, clock()))
        return None if plain.beside(name) is None else watched(other, looks, clock)

    def names_beside(name: str) -> list[str]:
        found = plain.names_beside(name)
        looks.add(_names(str((folder / name).absolute()), found))
        return found

    return Source(plain.path, plain.open_raw, beside, names_beside)


def has_grown(look: Look) -> bool:
    """Whether the file is the same one as when it was looked at, and longer."""
    now = _identity(look.path)
    return now is not None and look.identity is not None and now[:2] == look.identity[:2] and now[2] > look.identity[2]


def digest_of(path: str, end: int) -> str | None:
    """The digest of the first `end` bytes of a file; None where it does not have as many, or cannot be read."""
    return Beginning(path, end).taken()


def _look(path: str, now: float, beginning: Beginning | None = None) -> Look:
    identity = _identity(path)
    if identity is not None and is_fresh(identity, now):
        return Look(path, identity, _digest(path, beginning))
    return Look(path, identity)


def _again(look: Look, now: float, beginning: Beginning | None) -> Look | None:
    if look.is_folder:
        return _names(look.path)
    if look.digest is None:
        return _look(look.path, now, beginning) if look.identity is not None else Look(look.path, _identity(look.path))
    return Look(look.path, _identity(look.path), _digest(look.path, beginning))


def _identity(path: str) -> Identity | None:
    """None where no plain file is there, or none that may be looked at."""
    try:
        status = os.stat(path)  # noqa: PTH116 - thousands of them
    except (OSError, ValueError):
        return None
    return identity_of(status) if stat.S_ISREG(status.st_mode) else None


def _digest(path: str, beginning: Beginning | None = None) -> str:
    """The digest of a file's content; a text that is no digest where it cannot be read."""
    own = beginning if beginning is not None and beginning.path == path else Beginning(path, 0)
    return own.pass_over()


def _nothing_yet() -> Any:
    """A digest of content: it tells states of a file from each other, and nobody else gains by two that are alike."""
    import xxhash  # few runs find a log that has grown or is fresh

    return xxhash.xxh3_128()


def _feed(stream: FileIO, state: Any, most: int | None) -> int:
    """Add so many bytes to a digest, all that come for None; how many there were."""
    room, count = memoryview(bytearray(_PIECE_BYTES)), 0
    while most is None or count < most:
        size = stream.readinto(room if most is None else room[: most - count])
        if not size:
            break
        state.update(room[:size])
        count += size
    return count


def _names(path: str, names: list[str] | None = None) -> Look:
    found = Source.from_path(Path(path, "-")).names_beside("") if names is None else names
    state = blake2b("\0".join(found).encode("utf-8", "surrogatepass"), digest_size=20)
    return Look(path, None, state.hexdigest(), is_folder=True)
