"""`latprof cache`: what is kept between runs, and how to be rid of it."""

from __future__ import annotations

import os

import typer

from latprof.cli import drawing, options, talk
from latprof.cli.caching import opened

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
    from latprof.store.cache import remove
    from latprof.store.places import cache_folder

    freed = remove(cache_folder(os.environ))
    talk.note(f"the cache is cleared, {freed / 1e6:,.1f} MB are free again." if freed else "there was no cache.")


@cache.command("path")
def path() -> None:
    """Print the path of the cache's file, which need not be there."""
    from latprof.store.cache import CACHE_FILE
    from latprof.store.places import cache_folder

    typer.echo(str(cache_folder(os.environ) / CACHE_FILE))
