"""`latprof sources`."""

from __future__ import annotations

from typing import Annotated

import typer

from latprof.cli import drawing, options, talk
from latprof.cli.remembering import NoHistoryOption, beside_logs

__all__ = ["sources"]


def sources(
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
    """Show which agents' logs are here, and what they can tell.

    Where they are on this computer, how many, from when to when.
    """
    from latprof import api
    from latprof.report import sources_document

    chosen = drawing.chosen_format(format_name, as_json=as_json, output=output)
    options.check_targets(output, inputs=paths or (), force=force)
    with options.progress_bar() as progress:
        found = api.survey(paths or [], progress=progress)
    talk.say_survey(found)
    kept = beside_logs(found.holdings, paths or [], wanted=not no_history)
    drawing.show(sources_document(found, kept), chosen, output, force=force)
