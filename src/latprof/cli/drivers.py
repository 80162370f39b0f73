"""`latprof drivers`."""

from __future__ import annotations

from latprof.cli import drawing, options
from latprof.cli.selection import Selection, selects_calls

__all__ = ["drivers"]


@selects_calls
def drivers(
    selection: Selection,
    format_name: drawing.FormatName = None,
    as_json: drawing.AsJson = False,  # noqa: FBT002
    output: options.Output = None,
    csv: drawing.AlsoCsv = None,
    force: options.Force = False,  # noqa: FBT002
) -> None:
    """Show what goes with long waits: input, cache, model, hour.

    Also version, effort, attempt, weekday, and day by day.
    """
    from latprof import timeline
    from latprof.api import drift, with_estimates
    from latprof.report.drivers import drivers_document

    chosen = drawing.chosen_format(format_name, as_json=as_json, output=output)
    options.check_targets(output, csv, inputs=selection.paths, force=force)
    trace, zone = with_estimates(selection.read()).trace, selection.zone
    document = drivers_document(
        timeline.effects(trace, zone),
        [timeline.heat_map(trace, metric, zone) for metric in timeline.DRIVEN],
        [trend for metric in timeline.DRIVEN for trend in timeline.trends(trace, metric, zone)],
        timeline.served(trace),
        drift(trace, tz=zone),
    )
    if csv is not None:
        drawing.show(document, "csv", csv, force=force)
    drawing.show(document, chosen, output, force=force)
