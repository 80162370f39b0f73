"""Large values in files of their own beside a database, so that they are looked at where they lie, not copied.

A file has the name of its value. It is written under another name first, so that nobody finds half of one; whoever
reads checks what stands there, and the database says which files belong to it. All but `write` raise nothing.
"""

from __future__ import annotations

import mmap
import os
import time
from collections.abc import Collection, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

__all__ = ["FOLDER", "forget", "remove", "sweep", "view", "write"]

FOLDER: Final = "large"
# A file that no database knows may be one whose writer has not said so yet.
_NEW_S: Final = 600.0
# On Windows a file that somebody looks at could not be replaced.
_CAN_MAP: Final = os.name != "nt"


def write(folder: Path, name: bytes, value: bytes) -> None:
    """Put a value in the place of an older one of that name. Raises OSError."""
    place = folder / FOLDER
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
    try:
        descriptor = os.open(folder / FOLDER / name.hex(), os.O_RDONLY | getattr(os, "O_BINARY", 0))
    except OSError:
        return None
    with suppress(OSError, ValueError), os.fdopen(descriptor, "rb", buffering=0) as stream:
        if os.fstat(stream.fileno()).st_size == size > 0:
            if _CAN_MAP:
                return memoryview(mmap.mmap(stream.fileno(), size, access=mmap.ACCESS_READ))
            return memoryview(stream.readall())
    return None


def forget(folder: Path, names: Iterable[bytes]) -> None:
    """Delete the values of these names."""
    for name in names:
        with suppress(OSError):
            (folder / FOLDER / name.hex()).unlink()


def sweep(folder: Path, known: Collection[bytes], now: float | None = None) -> None:
    """Delete what was left behind: files that are not of a known name, and not new."""
    names = {name.hex() for name in known}
    oldest = (time.time() if now is None else now) - _NEW_S
    with suppress(OSError), os.scandir(folder / FOLDER) as entries:
        for entry in entries:
            with suppress(OSError):
                if entry.name not in names and entry.stat(follow_symlinks=False).st_mtime < oldest:
                    os.unlink(entry.path)  # noqa: PTH108


def remove(folder: Path) -> int:
    """Delete all of them; the bytes that they took."""
    freed = 0
    with suppress(OSError):
        for path in sorted((folder / FOLDER).iterdir()):
            with suppress(OSError):
                size = path.lstat().st_size
                path.unlink()
                freed += size
        (folder / FOLDER).rmdir()
    return freed
