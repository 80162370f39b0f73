"""The loaded catalogue: look up, choose, ask for records."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from datetime import date

from latprof.catalogue.facts import Conflict, Entry, Fact, Source
from latprof.catalogue.views import Architecture, Gpu
from latprof.classes import dataclass
from latprof.errors import UsageError

__all__ = ["Catalogue"]


@dataclass(frozen=True)
class Catalogue:
    """All sources, entries and conflicts as of a day."""

    sources: tuple[Source, ...]
    entries: tuple[Entry, ...]
    conflicts: tuple[Conflict, ...]
    today: date

    def find(self, name: str, *types: str) -> Entry:
        """The entry with this id, name or alias, in any case of letters, of one of the types if given.

        Raises UsageError where there is none, or several of that name.
        """
        wanted = name.strip().casefold()
        among = self.of_type(*types) if types else self.entries
        exact = [entry for entry in among if entry.id == wanted]
        found = exact or [entry for entry in among if wanted in _names(entry)]
        if len(found) == 1:
            return found[0]
        if found:
            raise UsageError(f"{name} is the name of {', '.join(entry.id for entry in found)}: give one of these ids.")
        near = difflib.get_close_matches(wanted, [entry.id for entry in among], n=3, cutoff=0.5)
        hint = f"near are {', '.join(near)}" if near else "`latprof catalogue list` prints what there is"
        raise UsageError(f"The catalogue has no {' or '.join(types) or 'entry'} called {name}: {hint}.")

    def of_type(self, *types: str) -> tuple[Entry, ...]:
        """The entries of these types, in the files' order."""
        return tuple(entry for entry in self.entries if entry.type in types)

    def source(self, name: str) -> Source:
        """The source with this id. Raises UsageError."""
        for source in self.sources:
            if source.id == name:
                return source
        raise UsageError(f"The catalogue has no source called {name}: `latprof catalogue sources` prints them.")

    def conflicts_about(self, entry: Entry) -> tuple[Conflict, ...]:
        """The conflicts that concern this entry."""
        return tuple(conflict for conflict in self.conflicts if entry.id in conflict.entries)

    def facts(self) -> Iterator[tuple[Entry, Fact]]:
        """Every fact with its entry."""
        for entry in self.entries:
            for fact in entry.facts:
                yield entry, fact

    def gpu(self, name: str) -> Gpu:
        """A card, processor or machine as a record. Raises UsageError as `find` does."""
        return Gpu.of(self.find(name, "gpu", "cpu", "machine"))

    def architecture(self, name: str) -> Architecture:
        """A model's shape as a record. Raises UsageError as `find` does."""
        return Architecture.of(self.find(name, "model"))


def _names(entry: Entry) -> set[str]:
    return {item.casefold() for item in (entry.id, entry.name, *entry.aliases)}
