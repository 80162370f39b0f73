"""Statements about the same thing that cannot all hold."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Final

from latprof.catalogue.amounts import Amount
from latprof.catalogue.facts import Conflict, Entry, Fact, Reference

__all__ = ["conflicts_of"]

# Figures that lie further apart than this share contradict each other; less is rounding.
_ROUNDING: Final = 0.10
# These differ without a contradiction: prices change and sellers ask different ones, counts are of different things.
_DIFFERING: Final = ("price_", "rent_", "mention", "usd_per", "eur_per", "count", "share", "ratio", "score", "tokens")


def conflicts_of(entries: Sequence[Entry], listed: Sequence[Conflict]) -> tuple[Conflict, ...]:
    """The listed conflicts with the entries they concern, then those that comparing figures shows."""
    known = [replace(item, entries=item.entries or _concerned(item, entries)) for item in listed]
    found = [item for entry in entries for item in _compared(entry, known)]
    return (*known, *found)


def _concerned(conflict: Conflict, entries: Sequence[Entry]) -> tuple[str, ...]:
    return tuple(entry.id for entry in entries if any(conflict.concerns(fact) for fact in entry.facts))


def _compared(entry: Entry, known: Sequence[Conflict]) -> Iterator[Conflict]:
    about = [conflict for conflict in known if entry.id in conflict.entries]
    groups: dict[tuple[str, str | None, str | None], list[Fact]] = {}
    for fact in entry.facts:
        if (
            fact.amount is not None
            and not fact.quantity.startswith(_DIFFERING)
            and not fact.quantity.endswith("_per_mtok")
        ):
            groups.setdefault((fact.quantity, fact.scope, fact.what), []).append(fact)
    for (quantity, _, _), facts in groups.items():
        unlisted = [fact for fact in facts if not any(conflict.concerns(fact) for conflict in about)]
        apart = [pair for pair in combinations(unlisted, 2) if _contradict(*pair)]
        if apart:
            involved = list({id(fact): fact for pair in apart for fact in pair}.values())
            yield Conflict(
                f"{entry.id}.{quantity}",
                _words(entry, quantity, involved),
                _places(involved),
                (entry.id,),
                (quantity,),
                "compared",
            )


def _contradict(one: Fact, other: Fact) -> bool:
    """Whether two figures under compatible conditions lie apart by more than rounding."""
    if (
        one.amount is None
        or other.amount is None
        or {item.source for item in one.at} & {item.source for item in other.at}
    ):
        return False
    shared = one.conditions.keys() & other.conditions.keys()
    return all(one.conditions[key] == other.conditions[key] for key in shared) and _apart(one.amount, other.amount)


def _apart(one: Amount, other: Amount) -> bool:
    below, above = (one, other) if one.middle <= other.middle else (other, one)
    if below.bound == "at_least" or above.bound == "at_most":
        return False
    return above.low > below.high * (1 + _ROUNDING)


def _words(entry: Entry, quantity: str, facts: Iterable[Fact]) -> str:
    said = "; ".join(f"{_figure(fact)} {fact.unit} ({fact.at[0]}, {fact.kind})" for fact in facts)
    return f"{entry.name}, {quantity}: {said}."


def _figure(fact: Fact) -> str:
    assert fact.amount is not None  # noqa: S101 - only amounts are compared
    amount = fact.amount
    return f"{amount.low:,.10g} to {amount.high:,.10g}" if amount.is_range else f"{amount.low:,.10g}"


def _places(facts: Iterable[Fact]) -> tuple[Reference, ...]:
    return tuple(dict.fromkeys(place for fact in facts for place in fact.at))
