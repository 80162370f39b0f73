"""`latprof merge`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from latprof.cli import drawing, options, talk
from latprof.cli.naming import Anonymize, CoarseTimes, Names, Salt, format_by_name
from latprof.cli.selection import Selection, selects_calls
from latprof.errors import UsageError

if TYPE_CHECKING:
    from latprof.report import Document

__all__ = ["merge"]

_FORMATS: Final = ("csv", "jsonl", "parquet")


@selects_calls
def merge(  # noqa: PLR0913 - one argument per option
    selection: Selection,
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="FILE", help="Write to this file; - is standard output.")
    ],
    format_name: Annotated[
        str | None,
        typer.Option("--format", metavar="NAME", help="csv, jsonl or parquet. [by the output file's name, else csv]"),
    ] = None,
    engineer: Annotated[
        str | None, typer.Option(metavar="NAME", help="Whose calls those are of which nothing else says it.")
    ] = None,
    host: Annotated[
        str | None, typer.Option(metavar="NAME", help="From which computer those come of which nothing else says it.")
    ] = None,
    engineer_from_name: Annotated[  # noqa: FBT002 - typer's way
        bool, typer.Option("--engineer-from-name", help="ana.csv, and a folder ana, hold the calls of ana.")
    ] = False,
    anonymize: Anonymize = False,  # noqa: FBT002
    salt: Salt = None,
    coarse_times: CoarseTimes = None,
    as_json: Annotated[  # noqa: FBT002 - typer's way
        bool, typer.Option("--json", help="Say what was merged as JSON; the calls stay in the file's format.")
    ] = False,
    force: options.Force = False,  # noqa: FBT002
) -> None:
    """Make one file of many people's exports and logs.

    Each call is written once, however many inputs hold it, and says whose it is and from which computer. CSV,
    JSON Lines, Parquet and logs can be mixed. Only JSON Lines and Parquet keep what estimates are made from.
    """
    from latprof.api import with_estimates
    from latprof.ingest.tags import Tags
    from latprof.report.export import export_parts
    from latprof.report.merging import merged_document

    chosen = format_by_name(format_name, output, _FORMATS)
    options.check_targets(output, inputs=selection.paths, force=force)
    names = Names.of(salt, coarse_times, anonymize=anonymize)
    if engineer_from_name:
        selection = replace(selection, paths=[_named(text) for text in selection.paths])
    loaded = selection.read(Tags(engineer, host), held=False)
    trace = names.applied(with_estimates(loaded).trace)
    options.write_output(export_parts(trace, chosen, tz=selection.zone), output, force=force)
    _tell(merged_document(trace, loaded.reading, output, tz=selection.zone), as_json=as_json, output=output)


def _named(text: str) -> str:
    """The path with its own name as the engineer's before it, unless it says one. Raises UsageError."""
    from latprof.ingest.tags import parted

    tags, path = parted(text)
    if tags.engineer is not None or path == "-":
        return text
    name = Path(path).expanduser().absolute().name.partition(".")[0]
    if not name or set(name) & set("=@*?"):
        raise UsageError(f"The name of {path} is no engineer's: write NAME={path}.")
    return f"{name}@{tags.host}={path}" if tags.host else f"{name}={path}"


def _tell(document: Document, *, as_json: bool, output: str) -> None:
    """What was done: on standard output, unless the calls go there."""
    told = drawing.draw(document, "json" if as_json else "table", None)
    if output == "-" and talk.is_quiet():
        return
    if output == "-":
        typer.echo(told.decode("utf-8", "replace"), err=True, nl=False)
    else:
        options.write_output(told, None, force=False)
