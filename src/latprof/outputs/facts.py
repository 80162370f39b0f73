"""What commands about published figures of services and hardware print as JSON."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from latprof.outputs.base import Strict

__all__ = [
    "CatalogueResult",
    "CatalogueSourcesResult",
    "CatalogueValidateResult",
]

_FactKind = Literal["measured", "claimed", "estimated", "simulated"]
_Scope = Literal["single_stream", "per_user_at_n", "aggregate"]


class _Reference(Strict):
    source: str
    line: int | None


class _Fact(Strict):
    quantity: str
    unit: str | None
    low: float | None
    high: float | None
    about: bool
    bound: Literal["at_least", "at_most"] | None
    text: str | None
    kind: _FactKind
    scope: _Scope | None
    conditions: dict[str, str | int | float]
    what: str | None
    note: str | None
    at: list[_Reference]
    as_of: str | None
    checked: str
    old: bool
    origin: str | None


class _Entry(Strict):
    type: str
    id: str
    name: str
    provider: str | None
    model: str | None
    hardware: str | None
    count: int | None
    engine: str | None
    precision: str | None
    note: str | None
    aliases: list[str]
    facts: list[_Fact]


class _Document(Strict):
    id: str
    title: str
    where: str
    published: str | None
    checked: str
    licence: str | None
    note: str | None
    origin: str | None


class _CountedDocument(_Document):
    facts: int


class _Conflict(Strict):
    id: str
    says: str
    at: list[_Reference]
    entries: list[str]
    quantities: list[str]
    found: Literal["compared", "listed"]


class CatalogueResult(Strict):
    """What `latprof catalogue list --json` and `latprof catalogue show --json` print."""

    schema_version: Literal[1]
    today: str
    entries: list[_Entry]
    sources: list[_Document]
    conflicts: list[_Conflict]


class CatalogueSourcesResult(Strict):
    """What `latprof catalogue sources --json` prints."""

    schema_version: Literal[1]
    today: str
    sources: list[_CountedDocument]


class _OldFact(Strict):
    id: str
    quantity: str
    at: str


class _Loose(Strict):
    id: str
    field: str
    name: str


class CatalogueValidateResult(Strict):
    """What `latprof catalogue validate --json` prints."""

    schema_version: Literal[1]
    today: str
    files: list[str]
    entries: int
    facts: int
    old: list[_OldFact]
    loose: list[_Loose] = Field(description="names that no entry has")
    conflicts: list[_Conflict]
