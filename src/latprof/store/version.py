"""What this latprof is, down to an edited line: results of one are never taken for those of another."""

from __future__ import annotations

import functools
import os
import sys
from hashlib import blake2b
from pathlib import Path

import numpy as np

from latprof.formats import formats

__all__ = ["code_version"]


def code_version() -> bytes:
    """A digest of the names, sizes and times of all files of the package, and of what computes with them.

    Formats of other packages count with the files that define them.
    """
    state = blake2b(digest_size=20)
    state.update(f"{sys.version} {np.__version__} {sys.byteorder}".encode())
    for line in _files(str(Path(__file__).resolve().parents[1])):
        state.update(line.encode("utf-8", "surrogatepass"))
    for item in formats():
        module = sys.modules.get(getattr(item.read, "__module__", "") or "")
        name = getattr(module, "__name__", "")
        if name and not name.startswith("latprof."):
            state.update(f"{item.name} {name} {_stamp(getattr(module, '__file__', None))}".encode())
    return state.digest()


@functools.cache  # a file that is edited from now on is not what runs here
def _files(folder: str) -> list[str]:
    """A line per file, sorted."""
    lines: list[str] = []
    waiting = [folder]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.is_dir():
                    if entry.name != "__pycache__":
                        waiting.append(entry.path)
                elif not entry.name.endswith(".pyc"):
                    status = entry.stat()
                    lines.append(f"{entry.path}\0{status.st_size}\0{status.st_mtime_ns}\n")
    return sorted(lines)


def _stamp(file: str | None) -> str:
    if file is None:
        return ""
    status = Path(file).stat()
    return f"{file} {status.st_size} {status.st_mtime_ns}"
