"""Which entries of the catalogue are meant by `--against`."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Final

from latprof.catalogue import Catalogue, Entry
from latprof.errors import UsageError

__all__ = ["FAMILIES", "alternatives", "family"]

FAMILIES: Final = {"hosted": "hosted", "self-hosted": "deployment"}


def alternatives(catalogue: Catalogue, names: Sequence[str]) -> tuple[Entry, ...]:
    """Entries by family (hosted, self-hosted), id, name, pattern, or model: then all that serve it.

    Raises UsageError for a name that the catalogue does not know, or that nothing serves.
    """
    found: dict[str, Entry] = {}
    for name in names:
        for entry in _named(catalogue, name):
            found.setdefault(entry.id, entry)
    if not found:
        raise UsageError("Nothing to compare with: give --against hosted, self-hosted or names of the catalogue.")
    return tuple(found.values())


def family(entry: Entry) -> str:
    """'hosted' or 'self-hosted'."""
    return "hosted" if entry.type == "hosted" else "self-hosted"


def _named(catalogue: Catalogue, name: str) -> tuple[Entry, ...]:
    kinds = tuple(FAMILIES.values())
    if name in FAMILIES:
        return catalogue.of_type(FAMILIES[name])
    if set(name) & {"*", "?"}:
        matching = tuple(item for item in catalogue.of_type(*kinds) if fnmatchcase(item.id, name.casefold()))
        if not matching:
            raise UsageError(f"No alternative of the catalogue matches {name}: `latprof catalogue list` prints them.")
        return matching
    entry = catalogue.find(name, *kinds, "model")
    if entry.type != "model":
        return (entry,)
    serving = tuple(item for item in catalogue.of_type(*kinds) if item.model == entry.id)
    if not serving:
        raise UsageError(
            f"The catalogue has no service and no machine with {entry.id}: `latprof simulate --model {entry.id}` "
            "replays your calls on hardware of your choice."
        )
    return serving
