"""`latprof budget`."""

from __future__ import annotations

from typing import Annotated

import typer

from latprof.cli import drawing, options
from latprof.cli.selection import Selection, selects_calls, split
from latprof.errors import UsageError

__all__ = ["budget"]


@selects_calls
def budget(
    selection: Selection,
    by: Annotated[
        list[str] | None,
        typer.Option(
            "--by",
            metavar="KEY",
            help="Also sum by project, day, week, model, engineer, host; several with commas. [project, day, model; "
            "engineer, host where logs name them]",
        ),
    ] = None,
    format_name: drawing.FormatName = None,
    as_json: drawing.AsJson = False,  # noqa: FBT002
    output: options.Output = None,
    csv: drawing.AlsoCsv = None,
    force: options.Force = False,  # noqa: FBT002
) -> None:
    """Divide the time of sessions: model, tools, person, unknown.

    In detail: first token, decoding, tools, hooks, retries, compaction, what a person answers, person away. Each
    instant counts once.
    """
    from latprof import timeline
    from latprof.api import with_estimates
    from latprof.report.budget import budget_document

    chosen = drawing.chosen_format(format_name, as_json=as_json, output=output)
    keys = split(by)
    if wrong := [key for key in keys if key not in timeline.BUDGET_KEYS]:
        raise UsageError(f"Cannot sum by {', '.join(wrong)}: choose from {', '.join(timeline.BUDGET_KEYS)}.")
    options.check_targets(output, csv, inputs=selection.paths, force=force)
    every = with_estimates(selection.read()).trace
    trace = timeline.dated_sessions(every)
    items = timeline.budgets(trace)
    groups = {key: timeline.total_by(items, trace, key, selection.zone) for key in keys or timeline.shown_keys(items)}
    slow = [found for name in ("ttft_s", "wall_s") if (found := timeline.slow_share(trace, name)) is not None]
    document = budget_document(
        items,
        timeline.total(items),
        groups,
        slow,
        tz=selection.zone,
        left_out=len(every) - len(trace),
        weeks=timeline.weeks(items, selection.zone),
        team=selection.setting("team.name"),
    )
    if csv is not None:
        drawing.show(document, "csv", csv, force=force)
    drawing.show(document, chosen, output, force=force)
