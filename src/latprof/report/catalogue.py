"""Documents about the catalogue: what it holds, one entry in full, its sources, its checks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from latprof.catalogue import TYPES, Catalogue, Conflict, Entry, Fact, Source
from latprof.report.catalogue_cells import (
    FACT_COLUMNS,
    conditions_text,
    conflict_data,
    entry_data,
    fact_row,
    figure_text,
    headline_cells,
    headline_columns,
    source_data,
)
from latprof.report.document import Cell, Column, Document, Grid, Note, Section, Table
from latprof.units import UNKNOWN, format_counted

__all__ = [
    "catalogue_check_document",
    "catalogue_document",
    "catalogue_entry_document",
    "catalogue_sources_document",
]

_SCOPES = {"single_stream": "one stream", "per_user_at_n": "each of n", "aggregate": "Σ of all"}
_LEGEND = (
    "Kinds: m measured, c claimed, e estimated, s simulated. @n: each of n streams at once. Σ: the sum of all streams, "
    "not what one engineer feels. "
    "*: past its age. !: sources contradict each other. Only the preferred figure stands here; "
    "`latprof catalogue show ID` prints all of them with source and line."
)


def catalogue_document(catalogue: Catalogue, entries: Sequence[Entry]) -> Document:
    """A table per type of entry, one row each."""
    kinds = [kind for kind in TYPES if any(entry.type == kind for entry in entries)]
    tables = tuple(_list_table(catalogue, kind, [entry for entry in entries if entry.type == kind]) for kind in kinds)
    facts = sum(len(entry.facts) for entry in entries)
    old = sum(fact.old for entry in entries for fact in entry.facts)
    title = (
        f"latprof catalogue: {_counted(len(entries), 'entry', 'entries')}, {format_counted(facts, 'fact')}, "
        f"{old:,} past their age on {catalogue.today.isoformat()}"
    )
    items: tuple[Table | Note, ...] = (*tables, Note(_LEGEND)) if entries else (Note("No entry matches."),)
    return Document(title, (Section("Entries", items),), _data(catalogue, entries), _grid(catalogue, entries))


def catalogue_entry_document(catalogue: Catalogue, entries: Sequence[Entry]) -> Document:
    """Every fact of the entries, with all that belongs to it."""
    sections = tuple(_entry_section(catalogue, entry) for entry in entries)
    title = f"latprof catalogue: {', '.join(entry.name for entry in entries)}"
    return Document(title, sections, _data(catalogue, entries), _grid(catalogue, entries))


def catalogue_sources_document(catalogue: Catalogue) -> Document:
    """Where the facts come from, and how old they are."""
    columns = (
        Column("source", "left"), Column("title", "left"), Column("figures of"), Column("checked", priority=1),
        Column("facts"), Column("past their age"),
    )  # fmt: skip
    rows = tuple(_source_cells(catalogue, source) for source in catalogue.sources)
    notes = tuple(Note(f"{source.id}: {source.where}. {source.note or ''}".strip()) for source in catalogue.sources)
    data = {
        "schema_version": 1,
        "today": catalogue.today.isoformat(),
        "sources": [source_data(item) | {"facts": len(_facts_of(catalogue, item))} for item in catalogue.sources],
    }
    grid = Grid(
        ("id", "title", "where", "published", "checked", "facts", "old"),
        tuple(_source_row(catalogue, source) for source in catalogue.sources),
    )
    table = Table("Sources", columns, rows)
    title = f"latprof catalogue: {format_counted(len(catalogue.sources), 'source')}"
    return Document(title, (Section("Sources", (table, *notes)),), data, grid)


def catalogue_check_document(catalogue: Catalogue, files: Sequence[str]) -> Document:
    """What a check found: the catalogue has its shape when this is printed at all."""
    old = [(entry, fact) for entry, fact in catalogue.facts() if fact.old]
    loose = _loose(catalogue)
    notes = [
        Note(f"Checked: {', '.join(files)}."),
        Note(
            f"Past their age: {format_counted(len(old), 'fact')} of "
            f"{_counted(len({entry.id for entry, _ in old}), 'entry', 'entries')}."
        ),
        *(Note(f"{entry.id}: {field} {name} is no entry of the catalogue.") for entry, field, name in loose),
    ]
    table = Table(
        "Statements that contradict each other",
        (Column("id", "left"), Column("what they say", "left"), Column("where", "left", 1)),
        tuple(
            (Cell(item.id), Cell(item.says), Cell(", ".join(str(place) for place in item.at), minor=True))
            for item in catalogue.conflicts
        ),
    )
    data = {
        "schema_version": 1,
        "today": catalogue.today.isoformat(),
        "files": list(files),
        "entries": len(catalogue.entries),
        "facts": sum(1 for _ in catalogue.facts()),
        "old": [{"id": entry.id, "quantity": fact.quantity, "at": str(fact.at[0])} for entry, fact in old],
        "loose": [{"id": entry.id, "field": field, "name": name} for entry, field, name in loose],
        "conflicts": [conflict_data(item) for item in catalogue.conflicts],
    }
    grid = Grid(
        ("id", "says", "at", "found"),
        tuple((c.id, c.says, " ".join(str(place) for place in c.at), c.found) for c in catalogue.conflicts),
    )
    title = f"latprof catalogue: {format_counted(len(files), 'file')} fine, {len(catalogue.conflicts)} contradictions"
    return Document(title, (Section("Check", (table, *notes)),), data, grid)


def _list_table(catalogue: Catalogue, kind: str, entries: Sequence[Entry]) -> Table:
    # An id goes into other commands: it is to be copied in one piece.
    columns = (
        Column("id", "left", whole=True), Column("name", "left", 2), *headline_columns(kind),
        Column("facts", priority=1),
    )  # fmt: skip
    rows = tuple(
        (
            Cell(entry.id),
            Cell(entry.name),
            *headline_cells(entry, catalogue.conflicts_about(entry)),
            Cell(str(len(entry.facts)), minor=True),
        )
        for entry in entries
    )
    return Table(f"{kind}: {TYPES[kind]}", columns, rows)


def _entry_section(catalogue: Catalogue, entry: Entry) -> Section:
    conflicts = catalogue.conflicts_about(entry)
    columns = (
        Column("quantity", "left"), Column("figure"), Column("kind", "left"), Column("whose speed", "left"),
        Column("conditions", "left"), Column("source", "left"), Column("of", "left", 1),
    )  # fmt: skip
    rows = tuple(_fact_cells(fact, conflicts) for fact in entry.facts if fact.amount is not None)
    words = tuple(_word_cells(fact) for fact in entry.facts if fact.text is not None)
    items: list[Table | Note] = [Note(_heading(entry))]
    if rows:
        items.append(Table("Figures", columns, rows, "*: past its age. !: contradicted, see below."))
    if words:
        items.append(Table("In words", (Column("of", "left"), Column("text", "left"), Column("source", "left")), words))
    items += [Note(f"Contradiction: {conflict.says}") for conflict in conflicts]
    items += [Note(text) for text in _remarks(entry)]
    return Section(entry.name, tuple(items))


def _heading(entry: Entry) -> str:
    parts = [f"{entry.id}: {TYPES[entry.type]}"]
    cards = f"{entry.count} × {entry.hardware}" if entry.count and entry.hardware else entry.hardware
    named = {
        "provider": entry.provider, "model": entry.model, "hardware": cards, "engine": entry.engine,
        "precision": entry.precision, "also": ", ".join(entry.aliases) or None,
    }  # fmt: skip
    parts += [f"{key} {value}" for key, value in named.items() if value]
    return "; ".join(parts) + "."


def _remarks(entry: Entry) -> list[str]:
    """The notes of the facts, each once, with the places they stand for."""
    remarks: dict[str, list[str]] = {}
    for fact in entry.facts:
        if fact.note:
            places = remarks.setdefault(fact.note, [])
            places += [str(place) for place in fact.at if str(place) not in places]
    own = [entry.note] if entry.note else []
    return own + [f"{', '.join(places)}: {text}" for text, places in remarks.items()]


def _fact_cells(fact: Fact, conflicts: Sequence[Conflict]) -> tuple[Cell, ...]:
    flags = ("*" if fact.old else "") + ("!" if any(conflict.concerns(fact) for conflict in conflicts) else "")
    about = "; ".join(part for part in (conditions_text(fact), fact.what) if part)
    return (
        Cell(fact.quantity),
        Cell(f"{figure_text(fact)}{flags and ' ' + flags}"),
        Cell(fact.kind),
        Cell(_SCOPES[fact.scope] if fact.scope else ""),
        Cell(about),
        Cell(", ".join(str(place) for place in fact.at), minor=True),
        Cell(fact.as_of.isoformat() if fact.as_of else UNKNOWN, minor=True),
    )


def _word_cells(fact: Fact) -> tuple[Cell, ...]:
    return Cell(fact.quantity), Cell(fact.text or ""), Cell(", ".join(str(place) for place in fact.at), minor=True)


def _facts_of(catalogue: Catalogue, source: Source) -> list[Fact]:
    return [fact for _, fact in catalogue.facts() if any(place.source == source.id for place in fact.at)]


def _source_cells(catalogue: Catalogue, source: Source) -> tuple[Cell, ...]:
    facts = _facts_of(catalogue, source)
    return (
        Cell(source.id),
        Cell(source.title),
        Cell(source.published.isoformat() if source.published else "not stated"),
        Cell(source.checked.isoformat()),
        Cell(f"{len(facts):,}"),
        Cell(f"{sum(fact.old for fact in facts):,}"),
    )


def _source_row(catalogue: Catalogue, source: Source) -> tuple[str | int | None, ...]:
    facts = _facts_of(catalogue, source)
    published = source.published.isoformat() if source.published else None
    checked = source.checked.isoformat()
    return source.id, source.title, source.where, published, checked, len(facts), sum(fact.old for fact in facts)


def _loose(catalogue: Catalogue) -> list[tuple[Entry, str, str]]:
    """References to models and hardware that are no entries."""
    known = {entry.id for entry in catalogue.entries}
    found = ((entry, field, getattr(entry, field)) for entry in catalogue.entries for field in ("model", "hardware"))
    return [(entry, field, name) for entry, field, name in found if name and name not in known]


def _data(catalogue: Catalogue, entries: Sequence[Entry]) -> dict[str, Any]:
    chosen = {entry.id for entry in entries}
    used = {place.source for entry in entries for fact in entry.facts for place in fact.at}
    return {
        "schema_version": 1,
        "today": catalogue.today.isoformat(),
        "sources": [source_data(source) for source in catalogue.sources if source.id in used],
        "entries": [entry_data(entry) for entry in entries],
        "conflicts": [conflict_data(item) for item in catalogue.conflicts if chosen & set(item.entries)],
    }


def _grid(catalogue: Catalogue, entries: Sequence[Entry]) -> Grid:
    about = {entry.id: catalogue.conflicts_about(entry) for entry in entries}
    return Grid(
        FACT_COLUMNS, tuple(fact_row(entry, fact, about[entry.id]) for entry in entries for fact in entry.facts)
    )


def _counted(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"
