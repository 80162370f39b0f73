"""`latprof explain`."""

from __future__ import annotations

from typing import Annotated

import typer

from latprof.cli import drawing, options
from latprof.cli.selection import Selection, selects_calls
from latprof.errors import UsageError

__all__ = ["explain"]


@selects_calls
def explain(
    selection: Selection,
    call: Annotated[
        str | None,
        typer.Option("--call", metavar="ID", help="One call by the start of its call, message or request id."),
    ] = None,
    format_name: drawing.FormatName = None,
    as_json: drawing.AsJson = False,  # noqa: FBT002
    output: options.Output = None,
    force: options.Force = False,  # noqa: FBT002
) -> None:
    """Show how estimates came about, or all about one call.

    What was observed, calibrated, fitted, checked and left out.

    Without --call there is one part per model of an agent whose logs hold only the ends of blocks.
    """
    from latprof import api
    from latprof.report.explain import call_document, groups_document

    if call is not None and not call.strip():
        raise UsageError("--call is empty: give the start of an id, as latprof export shows them.")
    chosen = drawing.chosen_format(format_name, as_json=as_json, output=output)
    options.check_targets(output, inputs=selection.paths, force=force)
    loaded = api.with_estimates(selection.read())
    if call is None:
        document = groups_document(*api.accounts(loaded))
    else:
        rows = api.rows_of(loaded.trace, call)
        if len(rows) != 1:
            found = "No call has" if not rows else f"{len(rows)} calls have"
            raise UsageError(f"{found} an id that starts with {call}: take one from latprof export.")
        document = call_document(api.reading(loaded, rows[0]))
    drawing.show(document, chosen, output, force=force)
