"""`latprof cache`: what is kept between runs, and how to be rid of it."""

from __future__ import annotations

import os
from pathlib import Path

import typer

from latprof.cli import drawing, options, talk
from latprof.cli.caching import opened
from latprof.errors import UsageError

__all__ = ["cache", "clear", "info", "path"]

cache = typer.Typer(help="Show or clear what is kept of logs for the next run.", no_args_is_help=True)


@cache.command("info")
def info(
    format_name: drawing.FormatName = None,
    as_json: drawing.AsJson = False,  # noqa: FBT002
    output: options.Output = None,
    force: options.Force = False,  # noqa: FBT002
) -> None:
    """Show where the cache is, how big it is and what it holds."""
    from latprof.report.caches import cache_document

    chosen = drawing.chosen_format(format_name, as_json=as_json, output=output)
    options.check_targets(output, inputs=(), force=force)
    kept = opened(wanted=True)
    if kept is not None:
        drawing.show(
            cache_document(kept.path, kept.contents(), kept.most_bytes, kept.note), chosen, output, force=force
        )


@cache.command("clear")
def clear() -> None:
    """Delete the cache; the next run reads all logs anew."""
    from latprof.store import cache as store
    from latprof.store.places import cache_folder

    folder = cache_folder(os.environ)
    removal = store.clear(folder)
    if removal.error is not None:
        raise UsageError(_not_cleared(folder, removal.error))
    freed = f"the cache is cleared, {removal.size_bytes / 1e6:,.1f} MB are free again."
    talk.note(freed if removal.files else "there was no cache.")


def _not_cleared(folder: Path, error: OSError) -> str:
    """What stays, where, and what to do."""
    if isinstance(error, NotADirectoryError):
        return f"The place of the cache, {folder}, is no folder: let LATPROF_CACHE_DIR name another one."
    reason = f"{error.filename or folder}: {error.strerror or type(error).__name__}"
    return (
        f"The cache could not be cleared, some of it stays ({reason}): check the permissions of {folder}, or remove it "
        "by hand."
    )


@cache.command("path")
def path() -> None:
    """Print the path of the cache's file, which need not be there."""
    from latprof.store.cache import CACHE_FILE
    from latprof.store.places import cache_folder

    typer.echo(str(cache_folder(os.environ) / CACHE_FILE))
