"""`latprof session`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from latprof.cli import drawing, options
from latprof.cli.selection import TzOption, selection_of
from latprof.errors import UsageError

if TYPE_CHECKING:
    from latprof.timeline import Budget
    from latprof.trace import Trace

__all__ = ["session"]

_NAMED = 5


def session(  # noqa: PLR0913 - one argument per option
    what: Annotated[str, typer.Argument(metavar="ID|FILE", help="A session's id or how it begins, or its log.")],
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="PATH",
            help="Look for the id here, not in the agents' own places; ana=PATH says whose logs they are.",
            show_default=False,
        ),
    ] = None,
    top: Annotated[int, typer.Option("--top", metavar="N", min=1, help="How many calls to list.")] = 20,
    tz: TzOption = None,
    format_name: drawing.FormatName = None,
    as_json: drawing.AsJson = False,  # noqa: FBT002
    output: options.Output = None,
    csv: drawing.AlsoCsv = None,
    force: options.Force = False,  # noqa: FBT002
) -> None:
    """Show one session as a timeline, then its worst calls.

    With where its time went, and what is known of each call.
    """
    from latprof import api, timeline
    from latprof.report.session import session_document

    chosen = drawing.chosen_format(format_name, as_json=as_json, output=output)
    selection = selection_of(_sources(what, paths or []), tz)
    options.check_targets(output, csv, inputs=selection.paths, force=force)
    trace = _likely(api.with_estimates(selection.read()).trace, what)
    found = _chosen(timeline.budgets(trace), what)
    mine = [
        row
        for row in range(len(trace))
        if (trace.texts["agent"][row], trace.texts["session_id"][row]) == (found.agent, found.session_id)
    ]
    calls = sorted(timeline.facts(trace, mine), key=lambda call: -(call.wall_s or call.first_block_s or 0.0))
    document = session_document(found, timeline.total([found]), calls, top=top, tz=selection.zone)
    if csv is not None:
        drawing.show(document, "csv", csv, force=force)
    drawing.show(document, chosen, output, force=force)


def _sources(what: str, paths: list[str]) -> list[str]:
    """What to read: the file with the folder of its sub-agents beside it, or where the id may be."""
    path = Path(what).expanduser()
    if what != "-" and not path.exists():
        return paths
    beside = path.with_suffix("")
    return [what, *paths, *([str(beside)] if path.is_file() and beside.is_dir() else [])]


def _likely(trace: Trace, what: str) -> Trace:
    """The calls of sessions that may be meant by an id; all calls for a path, and where there is none."""
    from latprof.timeline import of_sessions

    if what == "-" or Path(what).expanduser().exists():
        return trace
    found = of_sessions(trace, lambda name: name.startswith(what) or name == _stem(what))
    return found if len(found) else trace


def _stem(what: str) -> str:
    return Path(what).name.split(".")[0]


def _chosen(items: list[Budget], what: str) -> Budget:
    """The session that was meant. Raises UsageError, naming some of those there are."""
    wanted = {what, _stem(what)}
    exact = [item for item in items if item.session_id in wanted]
    if len(exact) == 1:
        return exact[0]
    a_path = what == "-" or Path(what).expanduser().exists()
    near = items if a_path else [item for item in items if item.session_id.startswith(what)]
    if len(near) == 1:
        return near[0]
    if not items:
        raise UsageError(f"{what} holds no call with a time: give another log.")
    if not near:
        raise UsageError(f"No session's id begins with {what}: latprof slowest lists sessions.")
    some = ", ".join(item.session_id for item in near[:_NAMED])
    where = f" and the path {what}" if a_path else ""
    raise UsageError(f"{len(near)} sessions fit: give more of an id{where}, such as {some}.")
