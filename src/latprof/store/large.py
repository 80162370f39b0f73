"""Large values in files of their own beside a database, so that they are looked at where they lie, not copied.

A file has the name of its value. It is written under another name first, so that nobody finds half of one; whoever
reads checks what stands there, and the database says which files belong to it. No other file is ever touched, nor
anything behind a link in the place of the folder. All but `write` raise nothing.

What is removed is counted in a `Removal`, with the first reason why something could not be.
"""

from __future__ import annotations

import mmap
import os
import re
import stat
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from latprof.classes import dataclass

__all__ = ["FOLDER", "Removal", "forget", "remove", "sweep", "view", "write"]

FOLDER: Final = "cache.large"
# A name of a value, and what is added to it while it is written.
_OURS: Final = re.compile(r"[0-9a-f]{40}(\.[0-9]+\.[0-9a-f]{8})?")
# A file that no database knows may be one whose writer has not said so yet.
_NEW_S: Final = 600.0
# On Windows a file that somebody looks at could not be replaced.
_CAN_MAP: Final = os.name != "nt"
_READING: Final = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)


@dataclass(slots=True)
class Removal:
    """How many files were removed, the bytes that they took, and the first error that kept one of them."""

    files: int = 0
    size_bytes: int = 0
    error: OSError | None = None

    def take(self, path: Path) -> None:
        """Remove a file, if it is there."""
        try:
            size = path.lstat().st_size
            path.unlink()
        except FileNotFoundError:
            return
        except OSError as error:
            self.error = self.error or error
            return
        self.files += 1
        self.size_bytes += size


def write(folder: Path, name: bytes, value: bytes) -> None:
    """Put a value in the place of an older one of that name. Raises OSError."""
    place = folder / FOLDER
    if place.is_symlink():
        raise NotADirectoryError(str(place))
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = place / f"{name.hex()}.{os.getpid()}.{os.urandom(4).hex()}"
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb", buffering=0) as stream:
            left = memoryview(value)
            while left:
                left = left[stream.write(left) or 0 :]
        os.replace(draft, place / name.hex())  # noqa: PTH105 - as the other calls of this module
    except OSError:
        with suppress(OSError):
            draft.unlink()
        raise


def view(folder: Path, name: bytes, size: int) -> memoryview | None:
    """The value of that name; None where there is none of so many bytes, of which there must be some."""
    with suppress(OSError, ValueError):
        descriptor = os.open(folder / FOLDER / name.hex(), _READING)
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode) or not status.st_size == size > 0:
                return None
            if _CAN_MAP:
                return memoryview(mmap.mmap(descriptor, size, access=mmap.ACCESS_READ))
            with os.fdopen(descriptor, "rb", buffering=0, closefd=False) as stream:
                return memoryview(stream.readall())
        finally:
            os.close(descriptor)
    return None


def forget(folder: Path, names: Iterable[bytes]) -> None:
    """Delete the values of these names."""
    if not os.path.islink(folder / FOLDER):  # noqa: PTH114 - raises nothing
        for name in names:
            with suppress(OSError):
                (folder / FOLDER / name.hex()).unlink()


def sweep(folder: Path, known: Collection[bytes], now: float | None = None) -> None:
    """Delete what was left behind: files that are not of a known name, and not new."""
    names = {name.hex() for name in known}
    oldest = (time.time() if now is None else now) - _NEW_S
    for path, status in _ours(folder):
        if path.name not in names and status.st_mtime < oldest:
            with suppress(OSError):
                path.unlink()


def remove(folder: Path, removal: Removal) -> None:
    """Delete all of them; what is no folder in the place of the folder is not ours, and stays."""
    try:
        for path, _ in _listed(folder):
            removal.take(path)
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        removal.error = removal.error or error
    with suppress(OSError):
        (folder / FOLDER).rmdir()  # stays where something else is in it


def _ours(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """The files of values, whole or half written, as far as they can be looked at."""
    with suppress(OSError):
        yield from _listed(folder)


def _listed(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """The same. Raises OSError where the folder cannot be looked at."""
    place = folder / FOLDER
    if place.is_symlink():
        return
    for path in sorted(place.iterdir()):
        with suppress(FileNotFoundError):
            status = path.lstat()
            if _OURS.fullmatch(path.name) and stat.S_ISREG(status.st_mode):
                yield path, status
