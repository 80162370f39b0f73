"""Catalogue files -> a catalogue; a user's files are laid over ours."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

from latprof.catalogue.age import is_old
from latprof.catalogue.amounts import parse_amount
from latprof.catalogue.catalogue import Catalogue
from latprof.catalogue.conflicts import conflicts_of
from latprof.catalogue.facts import Conflict, Entry, Fact, Reference, Source
from latprof.catalogue.vocabulary import QUANTITIES, TYPES
from latprof.errors import UsageError

__all__ = ["load_catalogue", "own_files", "read_tables"]

DATA: Final = Path(__file__).parent / "data"
_PLAIN: Final = ("provider", "model", "hardware", "count", "engine", "precision", "note")


def own_files() -> list[Path]:
    """The files of the catalogue that come with latprof: prices first, they are the newest, then by name."""
    return sorted(DATA.glob("*.toml"), key=lambda path: (path.name != "prices.toml", path.name))


def load_catalogue(files: Sequence[str | Path] = (), *, today: date | None = None) -> Catalogue:
    """Our catalogue with the user's files laid over it, each once, the last file winning.

    A file's entry with a known id adds to it: what it sets replaces what was set, its facts come first; with
    `replace = true` it takes its place. `today` decides what is past its age.

    Raises UsageError for a file that cannot be read or does not have the shape.
    """
    day = today or datetime.now(UTC).date()
    building = _Building(day)
    for path in own_files():
        building.add(_own_tables(path), "")
    for given in _each_once(files):
        building.add(read_tables(given), str(given))
    return building.done()


def _each_once(files: Sequence[str | Path]) -> list[str | Path]:
    """A file that is given twice, as by the settings and by an option, stands where it is given last."""
    found: dict[Path, str | Path] = {}
    for given in reversed(files):
        found.setdefault(Path(given).expanduser().resolve(), given)
    return list(reversed(found.values()))


def read_tables(given: str | Path) -> dict[str, Any]:
    """A user's file, parsed and checked. Raises UsageError."""
    from latprof.catalogue.schema import check_file

    path = Path(given).expanduser()
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"Cannot read the catalogue file {given} ({error.strerror}): check its name.") from None
    except UnicodeDecodeError:
        raise UsageError(f"The catalogue file {given} is no UTF-8 text: save it as such.") from None
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"The catalogue file {given} is no TOML ({error}): mend it there.") from None
    check_file(tables, str(given))
    return tables


@cache
def _own_tables(path: Path) -> dict[str, Any]:
    """Our own files are checked by the tests, not at every start."""
    return tomllib.loads(path.read_text(encoding="utf-8"))


class _Building:
    """A catalogue while its files are read."""

    def __init__(self, today: date) -> None:
        self.today = today
        self.sources: dict[str, Source] = {}
        self.entries: dict[str, Entry] = {}
        self.conflicts: dict[str, Conflict] = {}
        self.pending: list[tuple[str, Mapping[str, Any], str]] = []

    def add(self, tables: Mapping[str, Any], origin: str) -> None:
        """Sources count at once; entries wait until all sources are known."""
        for item in tables.get("source", ()):
            self.sources[item["id"]] = Source(**item, origin=origin)
        for item in tables.get("conflict", ()):
            limits = (tuple(item.get("entries", ())), tuple(item.get("quantities", ())))
            self.conflicts[item["id"]] = Conflict(item["id"], item["says"], _references(item["at"]), *limits)
        self.pending += [(kind, item, origin) for kind in TYPES for item in tables.get(kind, ())]

    def done(self) -> Catalogue:
        """Raises UsageError for an unknown source, or an id that is used for two types."""
        for kind, item, origin in self.pending:
            self._enter(kind, item, origin)
        entries = tuple(self.entries.values())
        return Catalogue(
            tuple(self.sources.values()), entries, conflicts_of(entries, tuple(self.conflicts.values())), self.today
        )

    def _enter(self, kind: str, item: Mapping[str, Any], origin: str) -> None:
        before = self.entries.get(item["id"])
        if before is not None and before.type != kind:
            raise UsageError(
                f"{origin or 'catalogue'}: {item['id']} is a {before.type} already: give the {kind} another id."
            )
        if before is None or item.get("replace"):
            before = Entry(kind, item["id"], item.get("name", item["id"]))
        facts = tuple(fact for group in item.get("facts", ()) for fact in self._facts(group, item["id"], origin))
        changes = {name: item[name] for name in _PLAIN if name in item}
        self.entries[item["id"]] = replace(
            before,
            name=item.get("name", before.name),
            aliases=tuple(dict.fromkeys((*before.aliases, *item.get("aliases", ())))),
            # A user's facts come before ours; within our own files the first said stays first.
            facts=(*facts, *before.facts) if origin else (*before.facts, *facts),
            **changes,
        )

    def _facts(self, group: Mapping[str, Any], entry: str, origin: str) -> Iterable[Fact]:
        at = _references(group["at"])
        unknown = next((item.source for item in at if item.source not in self.sources), None)
        if unknown is not None:
            raise UsageError(
                f"{origin or 'catalogue'}: {entry} names the source {unknown}, which no file describes: "
                "add a [[source]]."
            )
        source = self.sources[at[0].source]
        for name, value in group["values"].items():
            unit = QUANTITIES[name].unit
            fact = Fact(
                quantity=name,
                unit=unit,
                amount=parse_amount(value) if unit else None,
                text=None if unit else value,
                kind=group["kind"],
                scope=group.get("scope"),
                conditions=group.get("conditions", {}),
                at=at,
                checked=group.get("checked", source.checked),
                as_of=group.get("as_of", source.published),
                what=group.get("what"),
                note=group.get("note"),
                origin=origin,
            )
            yield replace(fact, old=True) if is_old(fact, self.today) else fact


def _references(at: str | Sequence[str]) -> tuple[Reference, ...]:
    return tuple(_reference(item) for item in ([at] if isinstance(at, str) else at))


def _reference(text: str) -> Reference:
    source, _, line = text.partition(":")
    return Reference(source, int(line) if line else None)
