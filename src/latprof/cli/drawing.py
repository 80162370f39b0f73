"""A document -> bytes in the chosen format, at the width of the screen."""

from __future__ import annotations

import os
import shutil
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from latprof.cli import options, talk
from latprof.errors import UsageError

if TYPE_CHECKING:
    from latprof.report import Document

__all__ = ["AlsoCsv", "AsJson", "FormatName", "chosen_format", "draw", "load", "show"]

FormatName = Annotated[
    str | None,
    typer.Option(
        "--format", metavar="NAME", help="table, json, csv, md or html. [by the output file's name, else table]"
    ),
]
AlsoCsv = Annotated[
    str | None, typer.Option("--csv", metavar="FILE", help="Also write the figures as CSV to this file.")
]
AsJson = Annotated[bool, typer.Option("--json", help="The same as --format json.")]


def chosen_format(name: str | None, *, as_json: bool, output: str | None) -> str:
    """The renderer by option, by the output's name, else a table. Raises UsageError."""
    from latprof.report import RENDERERS, renderer

    if as_json:
        if name not in {None, "json"}:
            raise UsageError("Give --json or --format, not both.")
        return "json"
    if name is None:
        matching = [item for item in RENDERERS if output and output.endswith(renderer(item).suffix)]
        return matching[0] if matching else "table"
    if name not in RENDERERS:
        raise UsageError(f"No format is called {name}: choose from {', '.join(RENDERERS)}.")
    return name


def load(name: str) -> None:
    """Load what draws in this format, for a moment when there is nothing else to do."""
    from latprof.report import renderer

    renderer(name)


def draw(document: Document, name: str, target: str | None, *, images: str = "") -> bytes:
    """The document as bytes; colour and the screen's width only when it goes to a screen.

    `images` is the link to a folder with the document's plots, where they were written.
    """
    from latprof.report import renderer
    from latprof.report.renderers.base import Screen

    talk.say(f"drawing as {name}")
    to_screen = target in {None, "-"} and sys.stdout is not None and sys.stdout.isatty()
    width = shutil.get_terminal_size((120, 24)).columns if to_screen or "COLUMNS" in os.environ else 120
    colour = to_screen and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    screen = Screen(width=width, colour=colour, images=images)
    return renderer(name).render(document, screen).encode("utf-8", "replace")


def show(document: Document, name: str, output: str | None, *, force: bool) -> None:
    """Draw and write in one step. Raises as `options.write_output` does."""
    options.write_output(draw(document, name, output), output, force=force)
