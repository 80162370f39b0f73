"""What an output must not replace: the logs that are read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from latprof.errors import LatprofError
from latprof.formats import Format, Source, formats
from latprof.ingest.find import find
from latprof.ingest.one_file import claimed_by

__all__ = ["is_log_among"]

_OWN: Final = "latprof-"


def is_log_among(path: Path, inputs: Sequence[str]) -> bool:
    """Whether a file is a log that lies in the inputs, or in the agents' own places where there are none.

    By whatever link. Exports of latprof's own are none: who writes them among logs may replace them.
    """
    wanted = [text for text in inputs if text != "-"]
    if inputs and not wanted:
        return False
    known = formats()
    try:
        found = find(wanted, known)
    except LatprofError:
        return False
    return found.holds(path) and _is_log(path, known)


def _is_log(path: Path, known: Sequence[Format]) -> bool:
    source = Source.from_path(path)
    try:
        head = source.head()
    except Exception:  # noqa: BLE001 - any decompressor may fail in its own way; what cannot be told is not replaced
        return True
    claimed = claimed_by(source, head, known)
    return claimed is not None and not claimed.name.startswith(_OWN)
