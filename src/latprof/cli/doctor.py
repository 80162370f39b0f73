"""`latprof doctor`."""

from __future__ import annotations

from typing import Annotated

import typer

from latprof.cli import drawing, options, talk
from latprof.cli.remembering import NoHistoryOption, beside_logs

__all__ = ["doctor"]


def doctor(
    paths: Annotated[
        list[str] | None,
        typer.Argument(metavar="PATH", help="Look here instead of in the agents' own places.", show_default=False),
    ] = None,
    format_name: drawing.FormatName = None,
    as_json: drawing.AsJson = False,  # noqa: FBT002
    output: options.Output = None,
    force: options.Force = False,  # noqa: FBT002
    no_history: NoHistoryOption = False,  # noqa: FBT002
) -> None:
    """Say what your logs can tell, and how to know more."""
    from latprof import api
    from latprof.report.doctor import doctor_document

    chosen = drawing.chosen_format(format_name, as_json=as_json, output=output)
    options.check_targets(output, inputs=paths or (), force=force)
    with options.progress_bar() as progress:
        found = api.survey(paths or [], progress=progress)
    talk.say_survey(found)
    kept = beside_logs(found.holdings, paths or [], wanted=not no_history)
    drawing.show(doctor_document(found, kept), chosen, output, force=force)
