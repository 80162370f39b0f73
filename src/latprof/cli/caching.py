"""The cache of a command: opened when it is first needed, unless the user wants none."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from datetime import tzinfo
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from latprof.cli import talk
from latprof.parallel import begun

if TYPE_CHECKING:
    import threading

    from latprof.api import Loaded
    from latprof.ingest import Found
    from latprof.ingest.tags import TagRules
    from latprof.report import Document
    from latprof.store.cache import Cache

__all__ = ["NoCacheOption", "kept_document", "opened", "wait", "zone_facts"]

# Caches that are being written.
_closing: list[threading.Thread] = []

NoCacheOption = Annotated[
    bool, typer.Option("--no-cache", help="Read all logs anew, and keep nothing of them for the next run.")
]


def opened(*, wanted: bool) -> Cache | None:
    """The user's cache; None where none is wanted."""
    if not wanted:
        return None
    wait()
    from latprof.store.cache import Cache
    from latprof.store.places import cache_folder
    from latprof.store.version import code_version

    return Cache(
        cache_folder(os.environ),
        code_version(),
        most_of={"snapshot": 4, "columns": 4, "pieces": 64, "copies": 8, "result": 200},
    )


def kept_document(
    cache: Cache, found: Found, rules: TagRules, question: Sequence[str], make: Callable[[], tuple[Loaded, Document]]
) -> Document:
    """The document of these files from the cache, or made and put there."""
    from latprof.ingest import Recall, Recalled
    from latprof.report.kept import document_bytes, document_from

    recall = Recall(cache, found, rules, question)
    recalled = recall.get()
    if recalled is not None:
        document = document_from(recalled.result)
        talk.say("nothing changed since the last run: its result is shown")
        talk.say_reading(recalled.reading, recalled.calls)
    else:
        loaded, document = make()
        result = document_bytes(document)
        if result is not None:
            recall.put(Recalled(result, loaded.reading, len(loaded.trace)))
        # Much is to be written where several processes have read, and drawing need not wait for it.
        if loaded.reading.processes > 1 and (thread := begun(partial(_close, cache))) is not None:
            _closing.append(thread)
            return document
    _close(cache)
    return document


def wait() -> None:
    """Until every cache is written."""
    while _closing:
        _closing.pop().join()


def _close(cache: Cache) -> None:
    cache.close()
    if cache.note:
        talk.say(cache.note)


def zone_facts(zone: tzinfo) -> str:
    """What a time zone depends on: its name, and the state of the file that describes it."""
    key = getattr(zone, "key", None)
    if key is None:
        return repr(zone)
    from zoneinfo import TZPATH

    for folder in TZPATH:
        path = Path(folder, key)
        if path.is_file():
            status = path.stat()
            return f"{key} {path} {status.st_size} {status.st_mtime_ns}"
    from importlib.metadata import version

    return f"{key} tzdata {version('tzdata')}"
