"""`latprof watch`."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from datetime import tzinfo
from typing import TYPE_CHECKING, Annotated

import typer

from latprof.cli import drawing, options
from latprof.cli.selection import Selection, now, selects_sessions
from latprof.errors import UsageError
from latprof.units import parse_duration_s

if TYPE_CHECKING:
    from latprof.live import Picture, Watcher

__all__ = ["pictures", "watch"]


@selects_sessions
def watch(
    selection: Selection,
    interval: Annotated[
        float, typer.Option("--interval", metavar="SECONDS", min=0.1, max=3600, help="Time between two looks.")
    ] = 2.0,
    active: Annotated[
        str, typer.Option("--active", metavar="SPAN", help="Sessions whose log changed within this while.")
    ] = "10m",
    history: Annotated[
        str,
        typer.Option("--history", metavar="SPAN", help="What is usual comes from logs that changed within this while."),
    ] = "14d",
    once: Annotated[bool, typer.Option("--once", help="Show one picture and end.")] = False,  # noqa: FBT002
    plain: Annotated[  # noqa: FBT002
        bool, typer.Option("--plain", help="One line per event, as to a pipe, instead of a picture.")
    ] = False,
    as_json: Annotated[  # noqa: FBT002
        bool, typer.Option("--json", help="Each event as a line of JSON; with --once the picture as JSON.")
    ] = False,
) -> None:
    """Watch running sessions: each wait beside its usual range.

    Filters choose the sessions that are shown; what is usual comes from all of them. Ctrl-C ends it, with exit
    code 0.
    """
    zone = selection.zone
    active_s, history_s = _span("--active", active), _span("--history", history)
    _check(selection.paths)
    try:
        watcher = _watcher(selection, active_s, history_s)
        if once:
            _show_once(watcher.picture(now()), active_s, zone, as_json=as_json, plain=plain)
        elif plain or as_json or not _on_screen():
            _follow(pictures(watcher, interval), zone, as_json=as_json)
        else:
            _draw(pictures(watcher, interval), active_s, zone)
    except KeyboardInterrupt:
        return


def _watcher(selection: Selection, active_s: float, history_s: float) -> Watcher:
    """What is usual is read once, before the first look."""
    from latprof.live import Habits, Scope, Watcher, files_of, read_history

    places = selection.paths
    with options.progress_bar() as progress:
        jobs = selection.jobs or selection.setting("jobs")
        since = now() - history_s
        usual = read_history(places, since, progress=progress, jobs=jobs, cache=selection.cache())
    scope = Scope(selection.filters, selection.tag_rules(), selection.project_names())
    return Watcher(lambda: files_of(places), Habits(usual.trace), active_s=active_s, scope=scope)


def pictures(
    watcher: Watcher,
    interval_s: float,
    *,
    clock: Callable[[], float] | None = None,
    pause: Callable[[float], None] | None = None,
) -> Iterator[Picture]:
    """A picture at once and one after each pause, without end."""
    clock, pause = clock or now, pause or time.sleep
    while True:
        yield watcher.picture(clock())
        pause(interval_s)


def _check(places: list[str]) -> None:
    """Refuse what cannot be watched before anything is read. Raises UsageError, NothingReadable."""
    from latprof.formats import formats
    from latprof.ingest import find

    if "-" in places:
        raise UsageError("Standard input cannot be watched: give the folder in which the agent writes its logs.")
    find(places, formats())


def _span(option: str, text: str) -> float:
    try:
        return parse_duration_s(text)
    except ValueError:
        raise UsageError(f"{option} {text} is no span of time: write it as 90s, 10m, 36h or 7d.") from None


def _on_screen() -> bool:
    return sys.stdout is not None and sys.stdout.isatty()


def _show_once(picture: Picture, active_s: float, zone: tzinfo, *, as_json: bool, plain: bool) -> None:
    from latprof.live import events
    from latprof.report.watch import event_line, picture_document

    if plain and not as_json:
        for event in events(None, picture):
            _write(event_line(event, zone))
        return
    document = picture_document(picture, active_s=active_s, tz=zone)
    drawing.show(document, "json" if as_json else "table", None, force=False)


def _follow(shown: Iterator[Picture], zone: tzinfo, *, as_json: bool) -> None:
    """One line per event, written as it happens."""
    from latprof.live import events
    from latprof.report.watch import event_data, event_line

    before: Picture | None = None
    for picture in shown:
        for event in events(before, picture):
            _write(json.dumps(event_data(event, zone), ensure_ascii=False) if as_json else event_line(event, zone))
        before = picture


def _write(line: str) -> None:
    options.write_output((line + "\n").encode("utf-8", "replace"), None, force=False)


def _draw(shown: Iterator[Picture], active_s: float, zone: tzinfo) -> None:
    """The picture drawn anew in its place."""
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    from latprof.report.watch import picture_document

    with Live(console=Console(), auto_refresh=False, vertical_overflow="crop") as live:
        for picture in shown:
            document = picture_document(picture, active_s=active_s, tz=zone)
            live.update(Text.from_ansi(drawing.draw(document, "table", None).decode()), refresh=True)
