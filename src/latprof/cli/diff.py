"""`latprof diff`."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from latprof.cli import drawing, options
from latprof.cli.analyze import quantiles_of
from latprof.cli.check import Alike
from latprof.cli.selection import Selection, selects_calls, split
from latprof.cli.settings import effective
from latprof.cli.sides import read_sides

__all__ = ["diff"]


@selects_calls
def diff(  # noqa: PLR0913 - one argument per option
    before: Annotated[str, typer.Argument(metavar="A", help="Before: a path, a span, or key=value.")],
    after: Annotated[str, typer.Argument(metavar="B", help="After: the same.")],
    selection: Selection,
    paths: Annotated[
        list[str] | None,
        typer.Option("--in", metavar="PATH", help="The logs that spans and values are taken from."),
    ] = None,
    match: Annotated[
        str,
        typer.Option(metavar="KEYS", help="Compare like with like by these grouping keys; none for no matching."),
    ] = "trigger,model,context",
    percentiles: Annotated[str, typer.Option(metavar="LIST", help="Which percentiles.")] = "50,90",
    alike: Alike = None,
    format_name: drawing.FormatName = None,
    as_json: drawing.AsJson = False,  # noqa: FBT002
    output: options.Output = None,
    force: options.Force = False,  # noqa: FBT002
) -> None:
    """Compare two sets of calls: faster, slower, or cannot be told.

    A and B are paths (also with their owners before them, ana=PATH), spans of days (2026-03-01..2026-03-07), or
    values (version=2.1.300, model=*opus*, engineer=ana); the last two take calls of the logs of --in, else of this
    computer.
    """
    from latprof.api import with_estimates
    from latprof.change import compare_traces
    from latprof.report.differing import diff_document

    selection = replace(selection, paths=paths or selection.paths)
    chosen = drawing.chosen_format(format_name, as_json=as_json, output=output)
    quantiles = quantiles_of(percentiles)
    keys = () if match == "none" else split([match])
    options.check_targets(output, inputs=[*selection.paths, before, after], force=force)
    settings = effective(selection.config, {} if alike is None else {"check.alike": alike}).settings
    sides = [with_estimates(side).trace for side in read_sides((before, after), selection)]
    comparison = compare_traces(
        sides[0], sides[1], names=(before, after), match=_without(keys, before, after), quantiles=quantiles,
        independent=settings.check.alike == "call", tz=selection.zone,
    )  # fmt: skip
    drawing.show(diff_document(comparison), chosen, output, force=force)


def _without(keys: tuple[str, ...], before: str, after: str) -> tuple[str, ...]:
    """What the two sides differ in by definition cannot be matched."""
    return tuple(key for key in keys if not any(f"{key}=" in text for text in (before, after)))
