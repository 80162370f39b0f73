"""`latprof catalogue`: look at the facts behind comparisons."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from latprof.cli import drawing, options
from latprof.cli.settings import effective_if_given
from latprof.errors import UsageError

if TYPE_CHECKING:
    from latprof.catalogue import Catalogue, Entry
    from latprof.config.load import Effective

__all__ = ["CatalogueFiles", "catalogue", "chosen_catalogue", "list_entries", "show", "sources", "validate"]

CatalogueFiles = Annotated[
    list[str] | None,
    typer.Option("--catalogue", metavar="FILE", help="Lay this TOML file over the catalogue; may be repeated."),
]

catalogue = typer.Typer(help="Facts about models, hardware, services, prices: with sources.", no_args_is_help=True)


@catalogue.command("list")
def list_entries(  # noqa: PLR0913 - one argument per option
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="WORD", help="Only entries whose id or name has all these words.", show_default=False),
    ] = None,
    kinds: Annotated[
        list[str] | None,
        typer.Option("--type", metavar="TYPE", help="Only this type: hosted, model, gpu, cluster, deployment ..."),
    ] = None,
    from_sources: Annotated[
        list[str] | None, typer.Option("--source", metavar="ID", help="Only entries with a fact of this source.")
    ] = None,
    old: Annotated[bool, typer.Option("--old", help="Only entries with a fact past its age.")] = False,  # noqa: FBT002
    files: CatalogueFiles = None,
    format_name: drawing.FormatName = None,
    as_json: drawing.AsJson = False,  # noqa: FBT002
    output: options.Output = None,
    force: options.Force = False,  # noqa: FBT002
) -> None:
    """List the entries with their most wanted figures."""
    from latprof.report import catalogue_document

    chosen = drawing.chosen_format(format_name, as_json=as_json, output=output)
    options.check_targets(output, inputs=files or (), force=force)
    loaded = chosen_catalogue(files)
    wanted = _of_types(loaded, kinds or ())
    for name in from_sources or ():
        loaded.source(name)
    entries = [item for item in wanted if _matches(item, words or (), from_sources or (), old=old)]
    drawing.show(catalogue_document(loaded, entries), chosen, output, force=force)


@catalogue.command()
def show(
    names: Annotated[list[str], typer.Argument(metavar="NAME", help="Ids, names or other names of entries.")],
    files: CatalogueFiles = None,
    format_name: drawing.FormatName = None,
    as_json: drawing.AsJson = False,  # noqa: FBT002
    output: options.Output = None,
    force: options.Force = False,  # noqa: FBT002
) -> None:
    """Show everything about entries.

    Each figure with kind, scope, conditions, source and line.
    """
    from latprof.report import catalogue_entry_document

    chosen = drawing.chosen_format(format_name, as_json=as_json, output=output)
    options.check_targets(output, inputs=files or (), force=force)
    loaded = chosen_catalogue(files)
    entries = [loaded.find(name) for name in names]
    drawing.show(catalogue_entry_document(loaded, entries), chosen, output, force=force)


@catalogue.command()
def validate(
    paths: Annotated[
        list[str] | None,
        typer.Argument(metavar="FILE", help="Your files; without any, latprof's own are checked.", show_default=False),
    ] = None,
    format_name: drawing.FormatName = None,
    as_json: drawing.AsJson = False,  # noqa: FBT002
    output: options.Output = None,
    force: options.Force = False,  # noqa: FBT002
) -> None:
    """Check catalogue files: shape, names, sources.

    Lists contradictions and what is past its age.
    """
    from latprof.catalogue.load import own_files, read_tables
    from latprof.report import catalogue_check_document

    chosen = drawing.chosen_format(format_name, as_json=as_json, output=output)
    options.check_targets(output, inputs=paths or (), force=force)
    for path in paths or own_files():
        read_tables(path)
    names = paths or [path.name for path in own_files()]
    drawing.show(catalogue_check_document(chosen_catalogue(paths), names), chosen, output, force=force)


@catalogue.command()
def sources(
    files: CatalogueFiles = None,
    format_name: drawing.FormatName = None,
    as_json: drawing.AsJson = False,  # noqa: FBT002
    output: options.Output = None,
    force: options.Force = False,  # noqa: FBT002
) -> None:
    """List the documents of the facts, and how old they are."""
    from latprof.report import catalogue_sources_document

    chosen = drawing.chosen_format(format_name, as_json=as_json, output=output)
    options.check_targets(output, inputs=files or (), force=force)
    drawing.show(catalogue_sources_document(chosen_catalogue(files)), chosen, output, force=force)


def chosen_catalogue(files: Sequence[str] | None, in_force: Effective | None = None) -> Catalogue:
    """The facts of latprof, over them the files of the settings, over these those of the options.

    `in_force` are the settings where a command has them already. Raises UsageError.
    """
    from latprof.catalogue import load_catalogue

    settings = in_force or effective_if_given(None)
    own = [] if settings is None else [settings.path(text) for text in settings.settings.catalogue]
    return load_catalogue([*own, *(files or ())])


def _of_types(loaded: Catalogue, kinds: Sequence[str]) -> tuple[Entry, ...]:
    """Raises UsageError for a type that does not exist."""
    from latprof.catalogue import TYPES

    unknown = next((kind for kind in kinds if kind not in TYPES), None)
    if unknown is not None:
        raise UsageError(f"No type is called {unknown}: choose from {', '.join(TYPES)}.")
    return loaded.of_type(*kinds) if kinds else loaded.entries


def _matches(entry: Entry, words: Sequence[str], from_sources: Sequence[str], *, old: bool) -> bool:
    named = " ".join((entry.id, entry.name, entry.provider or "", *entry.aliases)).casefold()
    cited = {place.source for fact in entry.facts for place in fact.at}
    return (
        all(word.casefold() in named for word in words)
        and (not from_sources or bool(cited & set(from_sources)))
        and (not old or any(fact.old for fact in entry.facts))
    )
