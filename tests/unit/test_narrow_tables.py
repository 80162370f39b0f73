"""Where there is little room: titles and captions, long names, columns of figures."""

from __future__ import annotations

import pytest

from latprof.report import renderer
from latprof.report.breaking import broken
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


HASH = "f4e2de70d66816a838a89eeeb621910adffb0dd0baba3976c96980970978018d"
LONG = f"meta/llama-2-13b-chat:{HASH}"
FIGURES = ("metric", "n", "coverage", "p50", "p90", "p50 95 %")


def by_model(width: int, *names: str, whole: bool = False) -> list[str]:
    columns = (
        Column("agent", "left"), Column("model", "left", whole=whole), Column("metric", "left"),
        Column("n", priority=1), Column("coverage", priority=2), Column("p50"), Column("p90"),
        Column("p50 95 %", priority=2),
    )  # fmt: skip
    texts = ("ttft_s", "30,296", "100 %", "≤ 5.65", "≤ 13.2", "0.034 … 0.069")
    rows = tuple(tuple(map(Cell, ("claude-code", name, *texts))) for name in names)
    document = Document("title", (Section("s", (Table("by model", columns, rows),)),), {}, Grid((), ()))
    return renderer("table").render(document, Screen(width=width)).splitlines()


@pytest.mark.parametrize("names", [("gpt-5.5", LONG), ("漢字", LONG)], ids=["plain", "wide signs"])
@pytest.mark.parametrize("width", [100, 120, 160])
def test_one_long_name_costs_no_row_its_figures(width: int, names: tuple[str, ...]) -> None:
    """It breaks into lines, and each row keeps its number of calls, its coverage and its interval."""
    shown = by_model(width, *names)
    assert max(map(len, shown)) <= width
    assert not any("No room" in line for line in shown)
    assert all(head in shown[4] for head in FIGURES)
    assert [line.split("100 %")[1].strip() for line in shown if "100 %" in line] == [
        "≤ 5.65  ≤ 13.2  0.034 … 0.069"
    ] * 2
    start, end = (shown[4].index(head) for head in ("model", "metric"))
    assert LONG in "".join(line[start:end].strip() for line in shown)


def test_a_name_breaks_after_a_sign_that_joins_it() -> None:
    """Not in the middle of a word; what has no such sign breaks where it must."""
    shown = [line.strip() for line in by_model(100, LONG)]
    assert any("claude-code  meta/llama-2-13b-chat:   " in line for line in shown)
    assert broken("accounts/fireworks/models/llama-v2-13b-chat", 26, len) == [
        "accounts/fireworks/models/", "llama-v2-13b-chat",
    ]  # fmt: skip
    assert broken("x" * 7, 3, len) == ["xxx", "xxx", "x"]


def test_narrower_still_the_least_important_columns_go() -> None:
    """Names keep 24 places before that; on the narrowest screens they lose these too."""
    shown = by_model(80, LONG)
    assert shown[-1] == "No room for: coverage, p50 95 %."
    assert max(map(len, shown)) <= 80
    assert max(map(len, by_model(60, LONG))) <= 60


def test_a_bar_is_never_broken() -> None:
    """Columns go instead."""
    shown = by_model(100, "█" * 40, whole=True)
    assert any("█" * 40 in line for line in shown)
    assert shown[-1] == "No room for: coverage, p50 95 %."


def test_numbers_stay_with_their_units() -> None:
    """And with what says what they count."""
    words = "obvious formula: median 4.22 s, n 6,319"
    assert broken(words, 33, len) == ["obvious formula: median 4.22 s,", "n 6,319"]
    assert broken(words, 28, len) == ["obvious formula:", "median 4.22 s, n 6,319"]
    assert broken("tool: up to 120k tokens", 16, len) == ["tool: up to", "120k tokens"]
    assert broken("  as it is  ", 20, len) == ["  as it is  "]
