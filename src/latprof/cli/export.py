"""`latprof export`."""

from __future__ import annotations

from typing import Annotated

import typer

from latprof.cli import options
from latprof.errors import UsageError

__all__ = ["export"]


def export(  # noqa: PLR0913 - one argument per option
    paths: options.Paths = None,
    output: options.Output = None,
    format_name: Annotated[
        str | None, typer.Option("--format", help="csv, jsonl or parquet. [by the output file's name, else csv]")
    ] = None,
    since: options.Since = None,
    until: options.Until = None,
    last: options.Last = None,
    model: options.ModelOption = None,
    project: options.ProjectOption = None,
    trigger: options.TriggerOption = None,
    agent: options.AgentOption = None,
    session: options.SessionOption = None,
    tz: options.TzOption = None,
    force: options.Force = False,  # noqa: FBT002
) -> None:
    """Write one row per call: times, tokens, names and ids, never any text of a conversation."""
    from latprof import api
    from latprof.report.export import EXPORT_FORMATS, export_calls

    chosen = format_name or next((name for name in EXPORT_FORMATS if output and output.endswith("." + name)), "csv")
    if chosen not in EXPORT_FORMATS:
        raise UsageError(f"No format is called {chosen}: choose from {', '.join(EXPORT_FORMATS)}.")
    zone = options.zone_of(tz)
    filters = options.filters_of(
        since=since, until=until, last=last, models=model, projects=project, triggers=trigger,
        agents=agent, sessions=session, tz=zone,
    )  # fmt: skip
    with options.progress_bar() as progress:
        loaded = api.read(paths or [], filters=filters, progress=progress)
    options.write_output(export_calls(loaded.trace, chosen, tz=zone), output, force=force)
    if output not in {None, "-"}:
        typer.echo(f"latprof: {len(loaded.trace)} calls written to {output}", err=True)
