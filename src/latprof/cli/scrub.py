"""`latprof scrub`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from latprof.cli import drawing, options
from latprof.errors import NothingReadable

__all__ = ["scrub"]


def scrub(
    folder: Annotated[str, typer.Argument(metavar="DIR", help="Folder (or file) with logs.", show_default=False)],
    out: Annotated[str, typer.Option("--output", "-o", metavar="OUT", help="New folder for the logs without text.")],
    format_name: drawing.FormatName = None,
    as_json: drawing.AsJson = False,  # noqa: FBT002
) -> None:
    """Copy logs without their text, for bug reports and fixtures.

    Times, numbers, sizes, names of models and tools stay. Ids and paths become others that a salt draws, the same
    ones in all files of the run and in the same order; the salt is forgotten. Text becomes signs of the same length.
    Each copy is read again: a log whose calls would not show the same figures is left out and named.

    OUT must be new or empty, and lie outside DIR.
    """
    from latprof.report.sharing import scrubbed_document
    from latprof.share.folder import scrub_folder

    chosen = drawing.chosen_format(format_name, as_json=as_json, output=None)
    with options.progress_bar() as progress:
        result = scrub_folder(Path(folder).expanduser(), Path(out).expanduser(), progress=progress)
    if not result.files and not result.refused:
        raise NothingReadable(f"No log of a known format was found in {folder}: give the folder with the sessions.")
    drawing.show(scrubbed_document(result), chosen, None, force=False)
