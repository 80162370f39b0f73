"""`latprof analyze`."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Annotated, Final

import typer

from latprof.cli import drawing, options
from latprof.cli.selection import Selection, selects_calls, split
from latprof.errors import UsageError

if TYPE_CHECKING:
    from latprof.api import Loaded
    from latprof.report import Document
    from latprof.stats import Method

__all__ = ["analyze", "quantiles_of"]

# What is needed after all logs are read: loaded while others read, before this process is copied.
_LATER: Final = (
    "latprof.estimate", "latprof.estimate.fit", "latprof.estimate.model", "latprof.report.words",
    "latprof.trace.picked", "statistics",
)  # fmt: skip


@selects_calls
def analyze(  # noqa: PLR0913 - one argument per option
    selection: Selection,
    by: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY",
            help="Group by trigger, model, provider, project, session, engineer, host, agent, version, effort, speed, "
            "load, context, part (main or sub-agent), day, hour, weekday; several with commas. [trigger; model]",
        ),
    ] = None,
    percentiles: Annotated[
        str | None, typer.Option(metavar="LIST", help="Which percentiles. [10,50,90,99]", show_default=False)
    ] = None,
    format_name: drawing.FormatName = None,
    as_json: drawing.AsJson = False,  # noqa: FBT002
    output: options.Output = None,
    csv: Annotated[
        str | None, typer.Option("--csv", metavar="FILE", help="Also write the figures as CSV to this file.")
    ] = None,
    method: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Which times and speeds: best (exact, else estimate, else bound), exact, bound, as-logged, "
            "estimate. [best]",
        ),
    ] = None,
    problems: Annotated[bool, typer.Option("--problems", help="List what could not be read.")] = False,  # noqa: FBT002
    force: options.Force = False,  # noqa: FBT002
) -> None:
    """Show how long calls wait and how fast they generate.

    What the logs cannot tell is refused, with a reason.
    """
    from latprof import api
    from latprof.report import FOR_PROGRAMS, build_document

    chosen = drawing.chosen_format(format_name, as_json=as_json, output=output)
    stored = _listed(selection.setting("percentiles")) or "10,50,90,99"
    quantiles = quantiles_of(stored if percentiles is None else percentiles)
    options.check_targets(output, csv, inputs=selection.paths, force=force)
    kind = _method(method or selection.setting("method") or "best")
    # What programs get besides takes as long again.
    whole = csv is not None or chosen in FOR_PROGRAMS
    keys = split(by) or tuple(selection.setting("by") or ())

    def made(loaded: Loaded) -> Document:
        analysis = api.analyze(loaded, by=keys, quantiles=quantiles, tz=selection.zone, method=kind, whole=whole)
        return build_document(analysis, list_problems=problems)

    def load_the_rest() -> None:
        for name in _LATER:
            importlib.import_module(name)
        drawing.load(chosen)

    document = selection.document(("analyze", repr((keys, quantiles, kind, problems, whole))), made, load_the_rest)
    if csv is not None:
        drawing.show(document, "csv", csv, force=force)
    drawing.show(document, chosen, output, force=force)


def _listed(percentiles: list[float] | None) -> str:
    """Percentiles of the settings as the option would give them."""
    return ",".join(f"{percentile:g}" for percentile in percentiles or ())


def _method(text: str) -> Method:
    """The method of that name. Raises UsageError."""
    from latprof.stats import METHODS

    found = next((name for name in METHODS if name == text.replace("_", "-")), None)
    if found is None:
        raise UsageError(f"No method is called {text}: choose from {', '.join(METHODS)}.")
    return found


def quantiles_of(text: str) -> tuple[float, ...]:
    """'10,50,99.9' -> (0.1, 0.5, 0.999), sorted. Raises UsageError."""
    try:
        percents = sorted({float(part) for part in text.split(",")})
    except ValueError:
        percents = []
    if not percents or not all(0.001 <= percent <= 99.999 for percent in percents):
        raise UsageError(f"--percentiles {text} is no list of numbers from 0.001 to 99.999: write it as 10,50,90.")
    return tuple(round(percent / 100, 8) for percent in percents)
