"""A narrow table's title and caption have the screen's width."""

from __future__ import annotations

from latprof.report import renderer
from latprof.report.document import Cell, Column, Document, Grid, Section, Table
from latprof.report.renderers.base import Screen

TITLE = "Median time to the first token by weekday and hour, s, exact, n 28"
CAPTION = "Each column is two hours; – : fewer than six calls in either hour."


def lines(width: int) -> list[str]:
    table = Table(TITLE, (Column("a"), Column("b")), ((Cell("1"), Cell("2")),), CAPTION)
    document = Document("title", (Section("s", (table,)),), {}, Grid(("a",), ()))
    return renderer("table").render(document, Screen(width=width)).splitlines()


def test_titles_are_not_folded_to_the_tables_width() -> None:
    """Two columns of one sign, a title of 67."""
    assert TITLE in lines(80)
    assert CAPTION in lines(80)


def test_titles_keep_to_the_screen() -> None:
    """Where there is no room they fold."""
    shown = lines(50)
    assert TITLE not in shown
    assert max(map(len, shown)) <= 50
