"""Where a user's own files belong on each system."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

__all__ = ["cache_folder", "data_folder", "make_folder"]


def cache_folder(environ: Mapping[str, str]) -> Path:
    """Where things are kept that can be made again; it need not be there.

    `LATPROF_CACHE_DIR` names it outright; `XDG_CACHE_HOME` and `LOCALAPPDATA` are followed.
    """
    if sys.platform == "darwin":
        return _named(environ, "LATPROF_CACHE_DIR") or _home(environ) / "Library" / "Caches" / "latprof"
    if os.name == "nt":
        return _named(environ, "LATPROF_CACHE_DIR") or _local(environ) / "latprof" / "cache"
    base = _named(environ, "XDG_CACHE_HOME") or _home(environ) / ".cache"
    return _named(environ, "LATPROF_CACHE_DIR") or base / "latprof"


def data_folder(environ: Mapping[str, str]) -> Path:
    """Where things are kept that cannot be made again; it need not be there.

    `LATPROF_DATA_DIR` names it outright; `XDG_DATA_HOME` and `LOCALAPPDATA` are followed.
    """
    if sys.platform == "darwin":
        return _named(environ, "LATPROF_DATA_DIR") or _home(environ) / "Library" / "Application Support" / "latprof"
    if os.name == "nt":
        return _named(environ, "LATPROF_DATA_DIR") or _local(environ) / "latprof" / "data"
    base = _named(environ, "XDG_DATA_HOME") or _home(environ) / ".local" / "share"
    return _named(environ, "LATPROF_DATA_DIR") or base / "latprof"


def make_folder(folder: Path) -> None:
    """Make a folder for the user's eyes only, with those above it that are missing. Raises OSError.

    `Path.mkdir` calls itself for each folder above, which ends in a RecursionError for a very deep one.
    """
    with suppress(FileNotFoundError):
        folder.stat()  # a path that is too long, or leads through a file, is told before anything is made
    missing: list[str] = []
    above = str(folder.parent)
    while not os.path.isdir(above) and above != os.path.dirname(above):  # noqa: PTH112, PTH120 - thousands of them
        missing.append(above)
        above = os.path.dirname(above)  # noqa: PTH120
    for place in reversed(missing):
        Path(place).mkdir(exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)


def _named(environ: Mapping[str, str], name: str) -> Path | None:
    """The folder that a variable names; one that is not absolute would mean another place in each folder."""
    path = Path(environ.get(name) or "")
    return path if path.is_absolute() else None


def _home(environ: Mapping[str, str]) -> Path:
    return Path(environ.get("HOME") or environ.get("USERPROFILE") or Path.home())


def _local(environ: Mapping[str, str]) -> Path:
    return Path(environ.get("LOCALAPPDATA") or _home(environ) / "AppData" / "Local")
