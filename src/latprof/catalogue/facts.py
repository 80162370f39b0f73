"""What the catalogue holds: sources, and entries with facts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Literal

from latprof.catalogue.amounts import Amount
from latprof.classes import dataclass

__all__ = ["Conflict", "Entry", "Fact", "Kind", "Reference", "Scope", "Source"]

Kind = Literal["measured", "claimed", "estimated", "simulated"]
Scope = Literal["single_stream", "per_user_at_n", "aggregate"]


@dataclass(frozen=True, slots=True)
class Source:
    """A document that facts come from.

    `published` is the day the document's figures are of (a month counts from its first day), None where it
    does not say; `checked` the day on which the figures were compared with the document.
    """

    id: str
    title: str
    where: str
    checked: date
    published: date | None = None
    licence: str | None = None
    note: str | None = None
    origin: str = ""


@dataclass(frozen=True, slots=True)
class Reference:
    """A place in a source; `line` counts from 1, None where the source has no lines."""

    source: str
    line: int | None = None

    def __str__(self) -> str:
        return self.source if self.line is None else f"{self.source}:{self.line}"


@dataclass(frozen=True, slots=True)
class Fact:
    """One statement of a source about an entry.

    A fact has an amount in `unit`, or a text. `scope` says whose speed it is: of one stream alone, of each of n
    users, or the sum over all. `conditions` hold what was measured how (tokens, concurrency, precision, engine,
    hardware, quantile ...). `old` is set where the figure is past its age.
    """

    quantity: str
    unit: str
    amount: Amount | None
    text: str | None
    kind: Kind
    scope: Scope | None
    conditions: Mapping[str, str | int | float]
    at: tuple[Reference, ...]
    checked: date
    as_of: date | None
    what: str | None = None
    note: str | None = None
    origin: str = ""
    old: bool = False

    @property
    def middle(self) -> float | None:
        """The amount as one number, None for a text."""
        return None if self.amount is None else self.amount.middle


@dataclass(frozen=True, slots=True)
class Entry:
    """A thing that facts are about: a hosted model, a card, a cluster, a plan ...

    `provider`, `model`, `hardware`, `count`, `engine`, `precision` say what a composed thing consists of; `model`
    and `hardware` are ids of other entries where the catalogue has them.
    """

    type: str
    id: str
    name: str
    aliases: tuple[str, ...] = ()
    provider: str | None = None
    model: str | None = None
    hardware: str | None = None
    count: int | None = None
    engine: str | None = None
    precision: str | None = None
    note: str | None = None
    facts: tuple[Fact, ...] = ()

    def of(self, quantity: str, scope: Scope | None = None, **conditions: str | float) -> tuple[Fact, ...]:
        """The facts of that quantity, the preferred first: a user's before ours, then as the files list them."""
        return tuple(
            fact
            for fact in self.facts
            if fact.quantity == quantity
            and scope in {None, fact.scope}
            and all(fact.conditions.get(key) == value for key, value in conditions.items())
        )

    def number(self, quantity: str, scope: Scope | None = None, **conditions: str | float) -> float | None:
        """The preferred fact's amount as one number (the middle of a range), None where nothing is known."""
        return next((f.middle for f in self.of(quantity, scope, **conditions) if f.amount is not None), None)

    def text(self, quantity: str) -> str | None:
        """The preferred fact's text, None where nothing is known."""
        return next((fact.text for fact in self.of(quantity) if fact.text is not None), None)


@dataclass(frozen=True, slots=True)
class Conflict:
    """Statements that cannot all hold. `found` says whether a person listed it or the figures' comparison showed it.

    It concerns the facts that stand `at` these places, of `entries` and `quantities` where these are given.
    """

    id: str
    says: str
    at: tuple[Reference, ...]
    entries: tuple[str, ...] = ()
    quantities: tuple[str, ...] = ()
    found: Literal["listed", "compared"] = "listed"

    def concerns(self, fact: Fact) -> bool:
        """Whether this fact, of one of the conflict's entries, takes part."""
        return (not self.quantities or fact.quantity in self.quantities) and any(place in self.at for place in fact.at)
