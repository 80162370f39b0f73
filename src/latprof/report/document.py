"""What a report says, before it is text: sections of tables and notes, and the data behind them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, tzinfo
from typing import TYPE_CHECKING, Any, Final, Literal

from latprof.classes import dataclass
from latprof.model import Problem
from latprof.report.figures import Figure
from latprof.stats import Method, Summary

if TYPE_CHECKING:
    from latprof.estimate import Group

__all__ = ["NO_DATA", "Analysis", "Cell", "Column", "Document", "Grid", "Note", "Plot", "Section", "Table", "heading"]


@dataclass(frozen=True, slots=True)
class Analysis:
    """The result of an analysis: figures per grouping, and what the figures rest on.

    `summaries` holds one summary per grouping, each over the same calls, the first over all of them. Where the analysis
    is not `whole`, they have no more than what is shown to people. Of a grouping that was `asked` for all is shown.
    """

    files: int
    sessions: int
    calls: int
    agents: tuple[str, ...]
    problems: dict[str, int]
    since: float | None
    until: float | None
    quantiles: tuple[float, ...]
    summaries: tuple[Summary, ...]
    notes: tuple[str, ...]
    tz: tzinfo = UTC
    problem_list: tuple[Problem, ...] = ()
    method: Method = "best"
    groups: tuple[Group, ...] = ()
    whole: bool = True
    asked: bool = False


@dataclass(frozen=True, slots=True)
class Column:
    """A column's heading and how its cells stand.

    Texts on the left may break into lines where there is little room, unless they are `whole`: bars and strips.
    """

    title: str
    align: Literal["left", "right"] = "right"
    priority: int = 0  # columns of a higher number are the first to go when there is no room
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell's text; `minor` cells are drawn faintly where that is possible."""

    text: str
    minor: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table with a title that says the units."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    caption: str = ""


@dataclass(frozen=True, slots=True)
class Note:
    """A paragraph in words."""

    text: str


@dataclass(frozen=True, slots=True)
class Plot:
    """A picture with its words and the table of its figures, for those who cannot or will not look.

    `key` names it in files and links (small letters, digits, hyphens), `summary` says in a sentence or two what
    it shows. A renderer that cannot draw puts the table in its place.
    """

    key: str
    title: str
    summary: str
    figure: Figure
    table: Table


@dataclass(frozen=True, slots=True)
class Section:
    """A heading with what stands below it."""

    title: str
    items: tuple[Table | Note | Plot, ...]


@dataclass(frozen=True, slots=True)
class Grid:
    """Plain rows for a spreadsheet; None is an empty cell."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str | int | float | None, ...], ...]


class _NoData(Mapping[str, Any]):
    """In the place of data that was not made, and must not be taken for data that is empty."""

    def _fail(self, *_: object) -> Any:
        raise ValueError("this document was made for people to read and has no data for programs")

    __getitem__ = __iter__ = __len__ = _fail


NO_DATA: Final = _NoData()


@dataclass(frozen=True, slots=True)
class Document:
    """A report that any renderer can draw: sections for people, `data` and `grid` for programs.

    A document that is only for people has `NO_DATA` and an empty grid.
    """

    title: str
    sections: tuple[Section, ...]
    data: Mapping[str, Any]
    grid: Grid


def heading(team: str | None) -> str:
    """How a title begins: with the team's name where settings have one."""
    return f"latprof, {team}" if team else "latprof"
