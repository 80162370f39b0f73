"""What a command says beside its result, on standard error: `--quiet` less, `--verbose` more.

Never what stands in a log: numbers, names of formats, of settings and of files that the user gave.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from typer.main import get_command

from latprof.errors import UsageError
from latprof.units import printable

if TYPE_CHECKING:
    from latprof.config.load import Effective
    from latprof.ingest import Reading, Survey

__all__ = [
    "Quiet",
    "Verbose",
    "choose",
    "is_quiet",
    "note",
    "options",
    "say",
    "say_reading",
    "say_settings",
    "say_survey",
]

_STARTED_S: Final = time.perf_counter()
_said: set[str] = set()
_chosen: dict[str, bool] = {"quiet": False, "verbose": False}


def choose(name: str, *, wanted: bool) -> None:
    """Take `--quiet` or `--verbose`, before or after the command's name. Raises UsageError for both."""
    if wanted:
        _chosen[name] = True
    if all(_chosen.values()):
        raise UsageError("Give --quiet or --verbose, not both.")


def _quiet(wanted: bool) -> None:  # noqa: FBT001 - typer's callback signature
    choose("quiet", wanted=wanted)


def _verbose(wanted: bool) -> None:  # noqa: FBT001
    choose("verbose", wanted=wanted)


Quiet = Annotated[
    bool,
    typer.Option(
        "--quiet", "-q", callback=_quiet, expose_value=False, help="Say nothing beside the result but errors."
    ),
]
Verbose = Annotated[
    bool,
    typer.Option(
        "--verbose", "-v", callback=_verbose, expose_value=False, help="Say what is read, by which settings, and when."
    ),
]


def options() -> list[Any]:
    """The two options for a command that was made already."""

    def carrier(quiet: Quiet = False, verbose: Verbose = False) -> None:  # noqa: FBT002
        pass

    holder = typer.Typer(add_completion=False)
    holder.command()(carrier)
    return list(get_command(holder).params)


def is_quiet() -> bool:
    """Whether progress and notes are unwanted."""
    return _chosen["quiet"]


def note(text: str) -> None:
    """A sentence on what was done, unless it is to be quiet."""
    if not _chosen["quiet"]:
        _write(f"latprof: {text}")


def say(text: str) -> None:
    """A line for those who want to know more, with the time since the start."""
    if _chosen["verbose"]:
        _write(f"latprof: {time.perf_counter() - _STARTED_S:6.2f} s  {text}")


def say_settings(effective: Effective | None) -> None:
    """Which files give settings, and which settings are given where."""
    if not _chosen["verbose"]:
        return
    if effective is None or not effective.origins:
        say("settings: none given, the defaults apply")
        return
    places: dict[str, list[str]] = {}
    for name, origin in effective.origins.items():
        places.setdefault(origin, []).append(name)
    for origin, names in places.items():
        line = f"settings from {origin}: {', '.join(sorted(names))}"
        if line not in _said:  # some commands look a second time, with their options over the files
            _said.add(line)
            say(line)


def say_reading(reading: Reading, kept: int) -> None:
    """Files per format, size, calls and problems; `kept` calls pass the filters."""
    if not _chosen["verbose"]:
        return
    say(f"read {reading.files:,} logs, {reading.size_bytes / 1e6:,.1f} MB; other files: {reading.files_of_others:,}")
    for name, files in sorted(reading.formats.items()):
        say(f"  {name}: {files:,} logs")
    say(f"{kept:,} calls kept; {reading.copies:,} copies dropped, {reading.joined:,} records joined")
    for kind, count in reading.problem_counts().items():
        say(f"  problem {kind}: {count:,}")


def say_survey(found: Survey) -> None:
    """Files and size per format that has any."""
    for item in found.here:
        say(f"{item.format.name}: {item.files:,} logs of {item.size_bytes / 1e6:,.1f} MB")


def _write(text: str) -> None:
    if sys.stderr is not None:
        print(printable(text), file=sys.stderr)  # noqa: T201 - the one place for it
