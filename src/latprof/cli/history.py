"""`latprof history`: the figures of logs that are gone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from latprof.cli import drawing, options
from latprof.cli.remembering import user_history
from latprof.cli.selection import TzOption, moment, now, zone_of
from latprof.errors import UsageError

__all__ = ["history", "info", "path", "prune"]

history = typer.Typer(help="Figures of logs that their agents deleted.", rich_markup_mode=None, no_args_is_help=True)


@history.command("info")
def info(
    tz: TzOption = None,
    format_name: drawing.FormatName = None,
    as_json: drawing.AsJson = False,  # noqa: FBT002
    output: options.Output = None,
    force: options.Force = False,  # noqa: FBT002
) -> None:
    """Show what is kept: of which logs, how many are deleted, since when.

    Every command that reads logs in the agents' own places keeps their calls: times, counts, ids and names, never
    text. When a log is deleted or shortened its calls come from there.
    """
    from latprof.ingest.kept_history import facts_of
    from latprof.report.history import history_document

    chosen = drawing.chosen_format(format_name, as_json=as_json, output=output)
    options.check_targets(output, inputs=(), force=force)
    store = user_history()
    drawing.show(history_document(facts_of(store), zone_of(tz)), chosen, output, force=force)


@history.command("path")
def path() -> None:
    """Print the file in which the history is.

    LATPROF_DATA_DIR puts it elsewhere. To begin anew, delete the file.
    """
    store = user_history()
    options.write_output(f"{store.path}\n".encode("utf-8", "surrogateescape"), None, force=True)


@history.command("prune")
def prune(
    before: Annotated[str, typer.Option("--before", metavar="TIME", help="Forget calls sent before this day or time.")],
    tz: TzOption = None,
    format_name: drawing.FormatName = None,
    as_json: drawing.AsJson = False,  # noqa: FBT002
    output: options.Output = None,
    force: options.Force = False,  # noqa: FBT002
) -> None:
    """Forget the calls before a day for good.

    They are not kept again, also from logs that are still there; the logs themselves are not touched.
    """
    from latprof.ingest.kept_history import prune as forget
    from latprof.report.history import pruned_document
    from latprof.store.history import HistoryError

    zone = zone_of(tz)
    at = moment(before, zone, whole_day=False)
    if at is None or at > now():
        raise UsageError(f"--before {before} is in the future: calls to come would never be kept.")
    chosen = drawing.chosen_format(format_name, as_json=as_json, output=output)
    options.check_targets(output, inputs=(), force=force)
    store = user_history()
    try:
        pruned = forget(store, at)
    except HistoryError as error:
        raise UsageError(f"The history in {store.path} {error}: nothing was pruned.") from None
    day = datetime.fromtimestamp(at, UTC).astimezone(zone).isoformat(timespec="minutes")
    drawing.show(pruned_document(str(store.path), pruned, day), chosen, output, force=force)
