"""`latprof analyze`."""

from __future__ import annotations

import os
import shutil
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from latprof.cli import options
from latprof.cli.selection import Selection, selects_calls, split
from latprof.errors import UsageError

if TYPE_CHECKING:
    from latprof.report import Document

__all__ = ["analyze"]


@selects_calls
def analyze(  # noqa: PLR0913 - one argument per option
    selection: Selection,
    by: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY",
            help="Group by trigger, model, provider, project, session, agent, version, effort, speed, load, "
            "context, part (main or sub-agent), day, hour, weekday; several with commas. [trigger; model]",
        ),
    ] = None,
    percentiles: Annotated[str, typer.Option(metavar="LIST", help="Which percentiles.")] = "10,50,90,99",
    format_name: Annotated[
        str | None,
        typer.Option(
            "--format", metavar="NAME", help="table, json, csv or md. [by the output file's name, else table]"
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,  # noqa: FBT002
    output: options.Output = None,
    csv: Annotated[
        str | None, typer.Option("--csv", metavar="FILE", help="Also write the figures as CSV to this file.")
    ] = None,
    problems: Annotated[bool, typer.Option("--problems", help="List what could not be read.")] = False,  # noqa: FBT002
    force: options.Force = False,  # noqa: FBT002
) -> None:
    """Show how long calls wait, how fast they generate, and what the logs cannot tell."""
    from latprof import api
    from latprof.report import build_document

    chosen = _format(format_name, as_json=as_json, output=output)
    quantiles = _quantiles(percentiles)
    options.check_targets(output, csv, inputs=selection.paths, force=force)
    loaded = selection.read()
    analysis = api.analyze(loaded, by=split(by), quantiles=quantiles, tz=selection.zone)
    document = build_document(analysis, list_problems=problems)
    if csv is not None:
        options.write_output(_render(document, "csv", csv), csv, force=force)
    options.write_output(_render(document, chosen, output), output, force=force)


def _format(name: str | None, *, as_json: bool, output: str | None) -> str:
    from latprof.report import RENDERERS, renderer

    if as_json:
        if name not in {None, "json"}:
            raise UsageError("Give --json or --format, not both.")
        return "json"
    if name is None:
        matching = [item for item in RENDERERS if output and output.endswith(renderer(item).suffix)]
        return matching[0] if matching else "table"
    if name not in RENDERERS:
        raise UsageError(f"No format is called {name}: choose from {', '.join(RENDERERS)}.")
    return name


def _quantiles(text: str) -> tuple[float, ...]:
    """'10,50,99.9' -> (0.1, 0.5, 0.999), sorted. Raises UsageError."""
    try:
        percents = sorted({float(part) for part in text.split(",")})
    except ValueError:
        percents = []
    if not percents or not all(0.001 <= percent <= 99.999 for percent in percents):
        raise UsageError(f"--percentiles {text} is no list of numbers from 0.001 to 99.999: write it as 10,50,90.")
    return tuple(round(percent / 100, 8) for percent in percents)


def _render(document: Document, name: str, target: str | None) -> bytes:
    from latprof.report import renderer
    from latprof.report.renderers.base import Screen

    to_screen = target in {None, "-"} and sys.stdout is not None and sys.stdout.isatty()
    width = shutil.get_terminal_size((120, 24)).columns if to_screen or "COLUMNS" in os.environ else 120
    colour = to_screen and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return renderer(name).render(document, Screen(width=width, colour=colour)).encode("utf-8", "replace")
