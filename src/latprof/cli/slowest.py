"""`latprof slowest`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from latprof.cli import drawing, options
from latprof.cli.selection import Selection, selects_calls
from latprof.errors import UsageError

if TYPE_CHECKING:
    from latprof.timeline import Ranking

__all__ = ["slowest"]


@selects_calls
def slowest(
    selection: Selection,
    rank: Annotated[
        str,
        typer.Option("--rank", metavar="NAME", help="By wall_s (whole call), ttft_s (first token) or tool_s (tools)."),
    ] = "wall_s",
    top: Annotated[int, typer.Option("--top", metavar="N", min=1, help="How many calls.")] = 20,
    format_name: drawing.FormatName = None,
    as_json: drawing.AsJson = False,  # noqa: FBT002
    output: options.Output = None,
    csv: drawing.AlsoCsv = None,
    force: options.Force = False,  # noqa: FBT002
) -> None:
    """List the slowest calls with what can be known about each."""
    from latprof import timeline
    from latprof.api import with_estimates
    from latprof.report.session import slowest_document

    chosen = drawing.chosen_format(format_name, as_json=as_json, output=output)
    ranking = _ranking(rank)
    options.check_targets(output, csv, inputs=selection.paths, force=force)
    trace = with_estimates(selection.read()).trace
    document = slowest_document(timeline.slowest(trace, ranking, top), ranking, of=len(trace), tz=selection.zone)
    if csv is not None:
        drawing.show(document, "csv", csv, force=force)
    drawing.show(document, chosen, output, force=force)


def _ranking(name: str) -> Ranking:
    """The ranking of that name. Raises UsageError."""
    from latprof.timeline import RANKINGS

    found = next((item for item in RANKINGS if item == name), None)
    if found is None:
        raise UsageError(f"Cannot rank by {name}: choose from {', '.join(RANKINGS)}.")
    return found
