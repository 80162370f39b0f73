"""Documents of calculations: one table, the inputs and the assumptions beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from latprof.classes import dataclass
from latprof.report.document import Cell, Column, Document, Grid, Note, Section, Table
from latprof.units import UNKNOWN, format_count, format_share

__all__ = ["Field", "Value", "calculation_document", "number_text"]

Value = str | int | float | None


def number_text(value: Value) -> str:
    """Text as it is, whole numbers in full, others with three digits; – for None."""
    if value is None:
        return UNKNOWN
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int):
        return format_count(value)
    if abs(value) >= 99.95:
        return f"{value:,.0f}"
    return "0" if value == 0 else f"{value:#.3g}".rstrip(".") if abs(value) >= 0.001 else f"{value:.2g}"


def _given_text(value: Value) -> str:
    """What was given, without digits that nobody gave."""
    return f"{value:,.4g}" if isinstance(value, float) and value < 1e4 else number_text(value)


@dataclass(frozen=True, slots=True)
class Field:
    """A column of a calculation: its key in JSON and CSV, its heading with the unit, and its kind.

    `kind` is '' for what was given, 'bound' for a limit and 'estimate' for what follows from assumptions. `text`
    writes the cell, from the value or, with `to`, from this field's value and that of the field `to`. Fields that
    are not `shown` are for programs only.
    """

    key: str
    title: str
    kind: Literal["", "bound", "estimate"] = "estimate"
    align: Literal["left", "right"] = "right"
    priority: int = 0
    text: Callable[[Any], str] | None = None
    to: str = ""
    shown: bool = True

    @classmethod
    def share(cls, key: str, title: str, priority: int = 0) -> Field:
        """A column of shares, shown in percent."""
        return cls(key, title, priority=priority, text=format_share)

    @classmethod
    def name(cls, key: str, title: str, priority: int = 0) -> Field:
        """A column of names."""
        return cls(key, title, "", "left", priority)

    @classmethod
    def span(cls, low: str, high: str, title: str, priority: int = 0) -> tuple[Field, Field]:
        """Two fields, low and high, that people see in one column."""
        return cls(low, title, priority=priority, to=high), cls(high, title, shown=False)

    def cell(self, row: Mapping[str, Value]) -> str:
        """The cell's text."""
        write = self.text or (number_text if self.kind else _given_text)
        value = row[self.key]
        if not self.to or value is None or value == row[self.to]:
            return write(value)
        return f"{write(value)} to {write(row[self.to])}"


def calculation_document(
    command: str,
    title: str,
    table_title: str,
    fields: Sequence[Field],
    rows: Sequence[Mapping[str, Value]],
    *,
    inputs: Mapping[str, Any],
    notes: Sequence[str],
    shown: Callable[[Mapping[str, Value]], bool] = lambda _: True,
) -> Document:
    """Arrange rows under fields; `inputs` and the kinds of the columns go to programs, `notes` to all.

    People see the rows that are `shown`; the notes must say what is missing.
    """
    visible = [field for field in fields if field.shown]
    columns = tuple(Column(field.title, field.align, field.priority) for field in visible)
    cells = tuple(tuple(Cell(field.cell(row)) for field in visible) for row in rows if shown(row))
    table = Table(table_title, columns, cells)
    data = {
        "schema_version": 1,
        "calculation": command,
        "inputs": dict(inputs),
        "kinds": {field.key: field.kind for field in fields if field.kind},
        "rows": [{field.key: _rounded(row[field.key]) for field in fields} for row in rows],
        "notes": list(notes),
    }
    grid = Grid(
        tuple(field.key for field in fields), tuple(tuple(_rounded(row[field.key]) for field in fields) for row in rows)
    )
    words = tuple(Note(note) for note in notes)
    section = Section(table_title, (table, *words) if cells else words)
    return Document(f"latprof {command}: {title}", (section,), data, grid)


def _rounded(value: Value) -> Value:
    """Six digits: a calculation's inputs have fewer."""
    return float(f"{value:.6g}") if isinstance(value, float) else value
