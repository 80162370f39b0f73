"""The shape of a catalogue file, for checks and for the JSON Schema in the docs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from latprof.catalogue.amounts import parse_amount
from latprof.catalogue.facts import Kind, Scope
from latprof.catalogue.vocabulary import CONDITIONS, QUANTITIES, SPEEDS, TYPES
from latprof.errors import UsageError

__all__ = ["CatalogueFile", "ConflictItem", "EntryItem", "SourceItem", "Statement", "catalogue_schema", "check_file"]

Id = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.+-]*$")]
At = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.+-]*(:[1-9][0-9]*)?$", description="source, or source:line")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SourceItem(_Strict):
    """A document that facts come from."""

    id: Id
    title: str
    where: str = Field(description="address, file name or how to get it")
    checked: date = Field(description="day on which the figures were compared with the source")
    published: date | None = Field(None, description="day its figures are of; left out where it does not say")
    licence: str | None = None
    note: str | None = None


class Statement(_Strict):
    """What a source says at one place: one or more figures with the same provenance and conditions."""

    at: At | list[At] = Field(description="where it stands; several places where it is said more than once")
    kind: Kind = Field(description="how the source came to it")
    values: dict[str, float | str] = Field(
        min_length=1, description="quantity to amount: 176, '45..55', '~160', '>=3000', '<=0.4'; or a text"
    )
    scope: Scope | None = Field(None, description="of speeds: one stream alone, each of n users, or the sum")
    conditions: dict[str, str | int | float] = Field(default_factory=dict, description="under which it holds")
    checked: date | None = Field(None, description="if another day than the source's")
    as_of: date | None = Field(None, description="day the figures are of, if another than the source's")
    what: str | None = Field(None, description="what exactly the figures are of, in a few words")
    note: str | None = None

    @field_validator("values")
    @classmethod
    def _known(cls, values: dict[str, float | str]) -> dict[str, float | str]:
        for name, value in values.items():
            if name not in QUANTITIES:
                raise ValueError(f"no quantity is called {name}{_close(name, QUANTITIES)}")
            if QUANTITIES[name].unit:
                parse_amount(value)
            elif not isinstance(value, str):
                raise ValueError(f"{name} is a text")
        return values

    @field_validator("conditions")
    @classmethod
    def _conditions(cls, conditions: dict[str, Any]) -> dict[str, Any]:
        for name in conditions:
            if name not in CONDITIONS:
                raise ValueError(f"no condition is called {name}{_close(name, CONDITIONS)}")
        return conditions

    @model_validator(mode="after")
    def _scoped(self) -> Self:
        speeds = sorted(SPEEDS & self.values.keys())
        if speeds and self.scope is None:
            raise ValueError(f"{speeds[0]} needs a scope: {', '.join(get_args(Scope))}")
        if self.scope == "per_user_at_n" and "concurrency" not in self.conditions:
            raise ValueError("the scope per_user_at_n needs the condition concurrency")
        return self


class EntryItem(_Strict):
    """A thing and what is said about it."""

    id: Id
    name: str | None = Field(None, description="may be left out where the id is known already")
    aliases: list[str] = Field(default_factory=list, description="other names, those in logs included")
    provider: str | None = None
    model: str | None = Field(None, description="id of a model")
    hardware: str | None = Field(None, description="id of a card or machine")
    count: Annotated[int, Field(gt=0)] | None = Field(None, description="how many cards")
    engine: str | None = None
    precision: str | None = None
    note: str | None = None
    replace: bool = Field(default=False, description="forget what earlier files say of this id")
    facts: list[Statement] = Field(default_factory=list)


class ConflictItem(_Strict):
    """Statements that cannot all hold, put into words."""

    id: Id
    says: str
    at: list[At] = Field(min_length=1)
    entries: list[Id] = Field(default_factory=list, description="only these; else all with a fact at these places")
    quantities: list[str] = Field(default_factory=list, description="only these; else all at these places")


class CatalogueFile(_Strict):
    """A file of the catalogue: TOML with one array of tables per type of entry."""

    source: list[SourceItem] = Field(default_factory=list)
    conflict: list[ConflictItem] = Field(default_factory=list)
    hosted: list[EntryItem] = Field(default_factory=list, description=TYPES["hosted"])
    model: list[EntryItem] = Field(default_factory=list, description=TYPES["model"])
    gpu: list[EntryItem] = Field(default_factory=list, description=TYPES["gpu"])
    cpu: list[EntryItem] = Field(default_factory=list, description=TYPES["cpu"])
    machine: list[EntryItem] = Field(default_factory=list, description=TYPES["machine"])
    cluster: list[EntryItem] = Field(default_factory=list, description=TYPES["cluster"])
    deployment: list[EntryItem] = Field(default_factory=list, description=TYPES["deployment"])
    engine: list[EntryItem] = Field(default_factory=list, description=TYPES["engine"])
    plan: list[EntryItem] = Field(default_factory=list, description=TYPES["plan"])
    team: list[EntryItem] = Field(default_factory=list, description=TYPES["team"])
    quantization: list[EntryItem] = Field(default_factory=list, description=TYPES["quantization"])
    practice: list[EntryItem] = Field(default_factory=list, description=TYPES["practice"])
    case: list[EntryItem] = Field(default_factory=list, description=TYPES["case"])
    study: list[EntryItem] = Field(default_factory=list, description=TYPES["study"])
    event: list[EntryItem] = Field(default_factory=list, description=TYPES["event"])


def check_file(tables: Mapping[str, Any], name: str) -> None:
    """Check the parsed TOML of one file. Raises UsageError: one sentence with file, entry and reason."""
    try:
        CatalogueFile.model_validate(tables)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        more = error.error_count() - 1
        rest = f" (and {more} more)" if more else ""
        reason = first["msg"].removeprefix("Value error, ").rstrip(".")
        raise UsageError(
            f"{name}: {_place(first['loc'], tables)}: {reason}{rest}; "
            "`latprof schema catalogue` prints the shape of such a file."
        ) from None


def catalogue_schema() -> dict[str, Any]:
    """JSON Schema of a catalogue file."""
    schema = CatalogueFile.model_json_schema()
    values = schema["$defs"]["Statement"]["properties"]["values"]
    values["propertyNames"] = {"enum": sorted(QUANTITIES)}
    schema["$defs"]["Statement"]["properties"]["conditions"]["propertyNames"] = {"enum": sorted(CONDITIONS)}
    return schema


def _place(where: tuple[int | str, ...], tables: Mapping[str, Any]) -> str:
    """('gpu', 3, 'facts', 0, 'kind') -> 'gpu h100-sxm, facts 1, kind'."""
    words: list[str] = []
    node: Any = tables
    for step in where:
        try:
            node = node[step]
        except (KeyError, IndexError, TypeError):
            node = None
        if isinstance(step, int):
            own = node.get("id") if isinstance(node, dict) else None
            words[-1] += f" {own or step + 1}"
        else:
            words.append(step)
    return ", ".join(words) or "the file"


def _close(name: str, known: Mapping[str, Any]) -> str:
    import difflib

    near = difflib.get_close_matches(name, known, n=1)
    return f"; {near[0]} is near" if near else ""
