"""Options that commands share, and the turning of their texts into values."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from latprof.errors import OutputExists, UsageError
from latprof.units import parse_duration_s

if TYPE_CHECKING:
    from collections.abc import Callable

    from latprof.stats import Filters

__all__ = [
    "AgentOption",
    "Force",
    "Last",
    "ModelOption",
    "Output",
    "Paths",
    "ProjectOption",
    "SessionOption",
    "Since",
    "TriggerOption",
    "TzOption",
    "Until",
    "filters_of",
    "now",
    "progress_bar",
    "split",
    "write_output",
    "zone_of",
]

Paths = Annotated[
    list[str] | None,
    typer.Argument(
        help="Files, folders, globs or - for standard input. Without any: the logs of the agents on this computer.",
        show_default=False,
    ),
]
Since = Annotated[str | None, typer.Option(help="Only calls sent from this day or time on (ISO 8601).")]
Until = Annotated[
    str | None, typer.Option(help="Only calls sent before this time; a day is included whole (ISO 8601).")
]
Last = Annotated[str | None, typer.Option(help="Only the last while: 90m, 36h, 7d, 2w.", metavar="SPAN")]
ModelOption = Annotated[list[str] | None, typer.Option("--model", help="Only these models (* and ? match).")]
ProjectOption = Annotated[
    list[str] | None, typer.Option("--project", help="Only these projects: path, last folder, or pattern.")
]
TriggerOption = Annotated[list[str] | None, typer.Option("--trigger", help="Only these triggers.")]
AgentOption = Annotated[list[str] | None, typer.Option("--agent", help="Only these agents.")]
SessionOption = Annotated[list[str] | None, typer.Option("--session", help="Only these sessions (ids or patterns).")]
TzOption = Annotated[
    str | None, typer.Option("--tz", help="Time zone for days, hours and times: UTC, Europe/Berlin, local. [UTC]")
]
Output = Annotated[str | None, typer.Option("--output", "-o", help="Write to this file; - is standard output.")]
Force = Annotated[bool, typer.Option("--force", help="Replace an output file that is there.")]


def now() -> float:
    """The time now, epoch seconds; tests put their own clock here."""
    return datetime.now(UTC).timestamp()


def split(values: Sequence[str] | None) -> tuple[str, ...]:
    """`--by a,b --by c` -> ('a', 'b', 'c')."""
    return tuple(part.strip() for value in values or () for part in value.split(",") if part.strip())


def zone_of(name: str | None) -> tzinfo:
    """The time zone of that name. Raises UsageError."""
    if name is None or name.upper() == "UTC":
        return UTC
    if name == "local":
        return _local_zone()
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(name)
    except (OSError, ValueError, LookupError):
        raise UsageError(f"No time zone is called {name}: write it as Europe/Berlin, UTC or local.") from None


def _local_zone() -> tzinfo:
    """The computer's own zone with all its changes of offset; a fixed offset where it has no name."""
    from zoneinfo import ZoneInfo

    names = [os.environ.get("TZ", "").lstrip(":")]
    link = Path("/etc/localtime")
    if link.is_symlink():
        names.append(str(link.resolve()).partition("zoneinfo/")[2])
    for name in names:
        try:
            return ZoneInfo(name)
        except (OSError, ValueError, LookupError):
            continue
    return datetime.now(UTC).astimezone().tzinfo or UTC


def filters_of(  # noqa: PLR0913 - one argument per option
    *,
    since: str | None,
    until: str | None,
    last: str | None,
    models: Sequence[str] | None,
    projects: Sequence[str] | None,
    triggers: Sequence[str] | None,
    agents: Sequence[str] | None,
    sessions: Sequence[str] | None,
    tz: tzinfo,
) -> Filters:
    """The filters as values. Raises UsageError for a time or a trigger that does not exist."""
    from latprof.model import TRIGGERS
    from latprof.stats import Filters

    chosen = split(triggers)
    wrong = [name for name in chosen if name not in TRIGGERS and not set(name) & {"*", "?"}]
    if wrong:
        raise UsageError(f"No trigger is called {', '.join(wrong)}: choose from {', '.join(TRIGGERS)}.")
    if last is not None and since is not None:
        raise UsageError("Give --since or --last, not both.")
    return Filters(
        since=_last(last) if last is not None else _moment(since, tz, whole_day=False),
        until=_moment(until, tz, whole_day=True),
        models=split(models),
        projects=split(projects),
        triggers=chosen,
        agents=split(agents),
        sessions=split(sessions),
    )


def _last(text: str) -> float:
    try:
        return now() - parse_duration_s(text)
    except ValueError:
        raise UsageError(f"--last {text} is no span of time: write it as 90m, 36h, 7d or 2w.") from None


def _moment(text: str | None, tz: tzinfo, *, whole_day: bool) -> float | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{text} is no time: write it as 2026-03-31 or 2026-03-31T18:00.") from None
    if whole_day and len(text) == len("2026-03-31"):
        moment = moment.replace(hour=23, minute=59, second=59, microsecond=999_999)
    return (moment if moment.tzinfo else moment.replace(tzinfo=tz)).timestamp()


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
