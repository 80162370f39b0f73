"""Options of output that commands share, and progress while reading."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from latprof.cli import talk
from latprof.errors import OutputExists, UsageError

__all__ = ["Force", "Output", "check_targets", "give_up_output", "progress_bar", "shows_progress", "write_output"]

Output = Annotated[
    str | None, typer.Option("--output", "-o", metavar="FILE", help="Write to this file; - is standard output.")
]
Force = Annotated[bool, typer.Option("--force", help="Replace an output file that is there.")]


def check_targets(*targets: str | None, inputs: Sequence[str], force: bool) -> None:
    """Refuse before anything is read: a file that is there, one named twice, a log that is read.

    Inputs may have tags before them. The first target is the main one, which None sends to standard output.
    Raises OutputExists, UsageError.
    """
    from latprof.ingest.tags import plain_path

    if targets.count("-") + (targets[:1] == (None,)) > 1:
        raise UsageError("Two outputs would go to standard output: give one of them a file.")
    named = [Path(target).expanduser() for target in targets if target not in {None, "-"} and target is not None]
    if len({path.absolute() for path in named}) < len(named):
        raise UsageError(f"{named[0]} is named for two outputs: give each its own file.")
    plain = [plain_path(source) for source in inputs]
    for path in named:
        if path.exists() and any(Path(source).exists() and path.samefile(source) for source in plain):
            raise UsageError(f"{path} is one of the logs to read: give the output another name.")
        if path.exists() and not force:
            raise OutputExists(f"{path} is there already: give another name, or --force to replace it.")
        if path.is_file() and _is_log_among(path, plain):
            raise UsageError(f"{path} is one of the logs to read: give the output another name.")


def _is_log_among(path: Path, inputs: Sequence[str]) -> bool:
    from latprof.ingest.guard import is_log_among

    return is_log_among(path, inputs)


def give_up_output() -> None:
    """Nothing more can be written, not even by the interpreter when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _write_standard_output(parts: Iterable[bytes]) -> None:
    """A reader that goes away ends the program quietly; a full or closed output is named."""
    for data in parts:
        try:
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
        except BrokenPipeError:
            give_up_output()
            sys.exit(0)
        except (OSError, ValueError, AttributeError) as error:
            give_up_output()
            reason = getattr(error, "strerror", None) or "it is closed"
            raise UsageError(f"Cannot write to standard output ({reason}): use -o FILE.") from None


def write_output(data: bytes | Iterable[bytes], target: str | None, *, force: bool) -> None:
    """Write to the file, or to standard output for None and `-`; `data` as it comes, where it comes in parts.

    Raises OutputExists when the file is there and `force` is off, UsageError when it cannot be
    written.
    """
    talk.say("writing")
    parts = [data] if isinstance(data, bytes) else data
    if target is None or target == "-":
        _write_standard_output(parts)
        return
    path = Path(target).expanduser()
    if path.exists() and not force:
        raise OutputExists(f"{target} is there already: give another name, or --force to replace it.")
    try:
        _write_file(path, parts)
    except OSError as error:
        raise UsageError(f"Cannot write {target} ({error.strerror}): choose another place.") from None


def _write_file(path: Path, parts: Iterable[bytes]) -> None:
    """Beside it first: what cannot be written to its end leaves nothing, and what was there as it was."""
    if path.exists() and not path.is_file():  # such as a pipe or /dev/stdout, which cannot be replaced
        with path.open("wb") as stream:
            stream.writelines(parts)
        return
    place = path.resolve()
    draft = place.with_name(f".latprof-{os.getpid()}.part")
    try:
        with draft.open("wb") as stream:
            stream.writelines(parts)
        if place.exists():
            shutil.copymode(place, draft)
        draft.replace(place)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def shows_progress() -> bool:
    """Whether standard error is a screen where a bar is welcome."""
    screen = sys.stderr is not None and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
    return screen and not talk.is_quiet()


@contextmanager
def progress_bar() -> Iterator[Callable[[int, int], None] | None]:
    """A bar on standard error while reading, on a terminal only and unless it is to be quiet."""
    talk.say("reading")
    if not shows_progress():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

    columns = (TextColumn("reading"), BarColumn(), DownloadColumn())
    progress = Progress(*columns, console=Console(stderr=True), transient=True)
    task = progress.add_task("reading", total=None)

    def show(done: int, total: int) -> None:
        # It runs a thread, and processes that share the work are forked where there is none: before and after.
        if not progress.live.is_started and not progress.finished:
            progress.start()
        progress.update(task, completed=done, total=total)
        if done >= total:
            progress.stop()

    try:
        yield show
    finally:
        progress.stop()
