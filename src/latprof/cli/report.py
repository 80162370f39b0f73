"""`latprof report`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from latprof.cli import chapters, drawing, options
from latprof.cli.selection import Selection, selects_calls, split
from latprof.errors import OutputExists, UsageError

if TYPE_CHECKING:
    from latprof.report import Document
    from latprof.report.overview import Chapter

__all__ = ["report"]


@selects_calls
def report(  # noqa: PLR0913 - one argument per option
    selection: Selection,
    format_name: Annotated[
        str | None,
        typer.Option(
            "--format", metavar="NAME", help="html, md, json, csv or table. [by the output file's name, else html]"
        ),
    ] = None,
    to_file: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Write to this file; - is standard output. [report.html, or as the format's files end]",
        ),
    ] = None,
    plots: Annotated[
        str | None, typer.Option("--plots", metavar="FOLDER", help="Also write each plot as a file into this folder.")
    ] = None,
    plot_format: Annotated[
        str,
        typer.Option("--plot-format", metavar="LIST", help="svg, png or both with a comma; png needs latprof[png]."),
    ] = "svg",
    compare: Annotated[
        tuple[str, str] | None,
        typer.Option(metavar="A B", help="Add a comparison of two sets of calls, each as latprof diff takes it."),
    ] = None,
    simulate: Annotated[
        tuple[str, str] | None,
        typer.Option(metavar="MODEL GPUS", help="Add a replay of the calls on a cluster, such as qwen3-coder 4xH200."),
    ] = None,
    engineers: Annotated[int, typer.Option(metavar="N", min=1, help="How many work at once in the simulation.")] = 10,
    problems: Annotated[bool, typer.Option("--problems", help="List what could not be read.")] = False,  # noqa: FBT002
    force: options.Force = False,  # noqa: FBT002
) -> None:
    """Write a report with plots that opens in any browser.

    One file that fetches nothing; or Markdown for a wiki.
    """
    from latprof import api
    from latprof.report import renderer

    chosen = _format(format_name, to_file)
    output = f"report{renderer(chosen).suffix}" if to_file is None else to_file
    formats = _formats(plot_format)
    options.check_targets(output, inputs=selection.paths, force=force)
    loaded = api.with_estimates(selection.read())
    further: list[Chapter] = []
    if compare is not None:
        further.append(chapters.comparison_chapter(selection, *compare))
    if simulate is not None:
        further.append(chapters.simulation_chapter(loaded.trace, *simulate, engineers))
    document = api.report(
        loaded, chapters=further, tz=selection.zone, list_problems=problems, team=selection.setting("team.name")
    )
    images = "" if plots is None else _write_plots(document, plots, formats, output, force=force)
    data = drawing.draw(document, chosen, output, images=images if "svg" in formats else "")
    options.write_output(data, output, force=force)


def _format(name: str | None, output: str | None) -> str:
    """The renderer by option, by the output's name, else the page. Raises UsageError."""
    chosen = drawing.chosen_format(name, as_json=False, output=output)
    is_named = name is not None or (output is not None and output.endswith(".txt"))
    return chosen if is_named or chosen != "table" else "html"


def _formats(text: str) -> tuple[str, ...]:
    from latprof.report.pictures import PICTURE_FORMATS

    wanted = split([text])
    if not wanted or (wrong := [name for name in wanted if name not in PICTURE_FORMATS]):
        raise UsageError(f"No plot format is called {', '.join(wrong) if wanted else text}: choose from svg, png.")
    return wanted


def _write_plots(document: Document, folder: str, formats: tuple[str, ...], output: str, *, force: bool) -> str:
    """Write the files; the link to their folder as seen from the output. Raises OutputExists, UsageError."""
    from latprof.report.overview import plots_of
    from latprof.report.pictures import pictures

    place = Path(folder).expanduser()
    made = dict(pictures(plots_of(document), formats))
    there = next((name for name in made if (place / name).exists()), None)
    if there is not None and not force:
        raise OutputExists(f"{place / there} is there already: give another folder, or --force to replace it.")
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"Cannot make the folder {folder} ({error.strerror}): choose another place.") from None
    for name, data in made.items():
        options.write_output(data, str(place / name), force=force)
    start = Path(output).expanduser().absolute().parent if output != "-" else Path.cwd()
    try:
        return Path(os.path.relpath(place.absolute(), start)).as_posix()
    except ValueError:  # another drive on Windows
        return place.absolute().as_uri()
