"""`latprof drift`."""

from __future__ import annotations

from typing import Annotated

import typer

from latprof.cli import drawing, options
from latprof.cli.selection import Selection, selects_calls
from latprof.errors import UsageError

__all__ = ["drift"]


@selects_calls
def drift(
    selection: Selection,
    false_alarms: Annotated[
        float, typer.Option(metavar="SHARE", help="Chance of any change shown where nothing changed.")
    ] = 0.005,
    format_name: drawing.FormatName = None,
    as_json: drawing.AsJson = False,  # noqa: FBT002
    output: options.Output = None,
    force: options.Force = False,  # noqa: FBT002
) -> None:
    """Find changes over time in each model's waiting and speed.

    And in sizes, tools, retries and interrupts.

    Each with its moment, its evidence, the chance of a false alarm, and the versions and models that were first
    used then.
    """
    from latprof.api import drift as find
    from latprof.report.drifting import drift_document

    if not 0.001 <= false_alarms <= 0.2:
        raise UsageError(f"--false-alarms {false_alarms:g} is out of range: give a share from 0.001 to 0.2.")
    chosen = drawing.chosen_format(format_name, as_json=as_json, output=output)
    options.check_targets(output, inputs=selection.paths, force=force)
    found = find(selection.read().trace, level=false_alarms, tz=selection.zone)
    drawing.show(drift_document(found, selection.zone), chosen, output, force=force)
