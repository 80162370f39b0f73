"""Options of output that commands share, and progress while reading."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from latprof.errors import OutputExists, UsageError

__all__ = ["Force", "Output", "progress_bar", "write_output"]

Output = Annotated[
    str | None, typer.Option("--output", "-o", metavar="FILE", help="Write to this file; - is standard output.")
]
Force = Annotated[bool, typer.Option("--force", help="Replace an output file that is there.")]


def write_output(data: bytes, target: str | None, *, force: bool) -> None:
    """Write to the file, or to standard output for None and `-`.

    Raises OutputExists when the file is there and `force` is off, UsageError when it cannot be
    written.
    """
    if target is None or target == "-":
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    path = Path(target).expanduser()
    if path.exists() and not force:
        raise OutputExists(f"{target} is there already: give another name, or --force to replace it.")
    try:
        path.write_bytes(data)
    except OSError as error:
        raise UsageError(f"Cannot write {target} ({error.strerror}): choose another place.") from None


@contextmanager
def progress_bar() -> Iterator[Callable[[int, int], None] | None]:
    """A bar on standard error while reading, on a terminal only."""
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

    columns = (TextColumn("reading"), BarColumn(), DownloadColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("reading", total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
