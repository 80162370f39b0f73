"""The report as a document: which sections it has, in which order, and other documents as sections of it."""

from __future__ import annotations

import re
from functools import cache
from html import unescape
from html.parser import HTMLParser

import pytest

from latprof import api
from latprof.ingest import Reading
from latprof.report import RENDERERS, renderer
from latprof.report.document import Cell, Column, Document, Grid, Note, Plot, Section, Table
from latprof.report.overview import Chapter, plots_of
from latprof.report.renderers.base import Screen
from made_calls import made, trace_of
from report_calls import loaded

EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>\x1b[31m\x07[bold]red[/bold]\u202e`](javascript:alert(3))"
FORMULA = "=HYPERLINK(1)"


@cache
def plain_report() -> Document:
    return api.report(loaded())


@cache
def evil_report() -> Document:
    return api.report(loaded(EVIL, f"{EVIL}/x", EVIL), chapters=(chapter(EVIL),))


def chapter(text: str = "other", *, early: bool = False) -> Chapter:
    """A document of another command."""
    table = Table(text, (Column(text, "left"),), ((Cell(text),), (Cell(FORMULA),)))
    sections = (Section("Tables", (table,)), Section("In words", (Note(text),)))
    return Chapter(text, Document(text, sections, {"said": text}, Grid((text,), ((FORMULA,),))), early=early)


def drawn(document: Document, name: str) -> str:
    return renderer(name).render(document, Screen(width=100))


class Page(HTMLParser):
    """Which elements a page has, with which attributes, and the text of its body."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))


@pytest.mark.parametrize(("name", "row"), [("html", ">\u00a0\u00a0Bash<"), ("md", "| \u00a0\u00a0Bash |")])
def test_rows_that_are_part_of_another_are_set_in(name: str, row: str) -> None:
    """Spaces at the begin of a cell are drawn, or the part of a sum would look like one more of its kind."""
    table = Table("Time", (Column("activity", "left"),), ((Cell("tools"),), (Cell("  Bash", minor=True),)))
    document = Document("Time", (Section("Budget", (table,)),), {}, Grid((), ()))
    assert row in unescape(drawn(document, name))


def test_sections_stand_in_the_order_of_reading() -> None:
    """What most people come for first, how it was made last."""
    titles = [section.title for section in plain_report().sections]
    assert titles == [
        "At a glance", "First token and speed", "Time budget", "What goes with long waits: claude-code",
        "When it is slow", "Size of the input", "All figures", "Problems", "Method",
    ]  # fmt: skip


def test_every_kind_of_plot_is_there() -> None:
    """Distributions, budget, differences, hours, days, input size; each with words and a table."""
    plots = plots_of(plain_report())
    keys = " ".join(plot.key for plot in plots)
    for key in ("first-token", "decode-speed", "time-budget", "hours-", "trend-", "input-size-waiting-"):
        assert key in keys
    assert all(plot.summary and plot.table.rows and plot.title for plot in plots)
    assert len({plot.key for plot in plots}) == len(plots)
    assert all(re.fullmatch(r"[a-z0-9-]+", plot.key) for plot in plots)


def test_the_glance_sets_the_obvious_formula_beside_the_truth() -> None:
    """First token after 1 s; trigger 0.5 s before sending, first block after 2 s: the obvious formula says 2.5 s."""
    (table, *_) = plain_report().sections[0].items
    assert isinstance(table, Table)
    row = dict(zip((column.title for column in table.columns), (cell.text for cell in table.rows[0]), strict=True))
    assert row["figure"] == "time to first token, s"
    assert (row["median"], row["kind"], row["n"], row["obvious formula"]) == ("1.00", "exact", "120", "2.50")


def test_a_chapter_becomes_a_section() -> None:
    """Words before tables, its data kept; early ones before the tables of all figures, others after."""
    document = api.report(loaded(), chapters=(chapter("late"), chapter("early", early=True)))
    titles = [section.title for section in document.sections]
    assert titles.index("early") < titles.index("All figures") < titles.index("late") < titles.index("Problems")
    (late,) = [section for section in document.sections if section.title == "late"]
    assert [type(item) for item in late.items] == [Note, Table]
    assert {"title": "late", "data": {"said": "late"}} in document.data["chapters"]


def test_plots_with_one_name_get_two_keys() -> None:
    """Files and links must not overwrite each other."""
    plot = plots_of(plain_report())[0]
    twice = Chapter("again", Document("again", (), {}, Grid((), ())), (plot, plot))
    keys = [item.key for item in plots_of(api.report(loaded(), chapters=(twice,)))]
    assert keys.count("first-token") == 1
    assert {"first-token-2", "first-token-3"} <= set(keys)


def test_few_calls_give_a_report_without_plots_of_them() -> None:
    """Three calls: no curve, no heat map, and nothing fails."""
    document = api.report(api.Loaded(trace_of(made(1), made(2), made(3)), Reading(files=1)))
    assert {plot.key for plot in plots_of(document)} == {"time-budget"}
    assert "Method" in drawn(document, "html")


def test_no_calls_give_a_report_that_says_so() -> None:
    """Filters may leave nothing."""
    page = drawn(api.report(api.Loaded(trace_of(), Reading(files=1))), "html")
    assert "No calls found." in page


def test_problems_are_counted_and_listed_on_request() -> None:
    """Without the option no file is named."""
    assert "a/b.jsonl" not in drawn(plain_report(), "html")
    assert "a/b.jsonl" in drawn(api.report(loaded(), list_problems=True), "html")


def test_every_renderer_draws_or_skips_plots() -> None:
    """The same report as page, Markdown, terminal text, JSON and CSV."""
    for name in RENDERERS:
        assert len(drawn(plain_report(), name)) > 1000, name
    title = plots_of(plain_report())[0].table.title
    assert title in drawn(plain_report(), "table")
    assert "![" not in drawn(plain_report(), "md")
    with_images = renderer("md").render(plain_report(), Screen(images="some/place"))
    assert "](<some/place/first-token.svg>)" in with_images


def test_the_page_names_its_only_script_and_style() -> None:
    """Nothing may be fetched, nothing else may run: the policy allows two hashes and nothing more."""
    page = Page(drawn(plain_report(), "html"))
    tags = [tag for tag, _ in page.elements]
    assert (tags.count("script"), tags.count("style")) == (1, 1)
    policy = next(a["content"] for tag, a in page.elements if tag == "meta" and a.get("http-equiv"))
    assert re.fullmatch(
        r"default-src 'none'; style-src 'sha256-[\w+/=]+'; script-src 'sha256-[\w+/=]+'; base-uri 'none'; "
        r"form-action 'none'",
        policy or "",
    )
    for tag, attributes in page.elements:
        assert not {"src", "srcset", "style", "action", "xlink:href"} & attributes.keys(), tag
        assert (attributes.get("href") or "#").startswith("#"), tag


def test_each_plot_is_named_twice_drawn_and_has_its_table() -> None:
    """Wide and narrow with a title and a description each, and the figures behind."""
    page = Page(drawn(plain_report(), "html"))
    tags = [tag for tag, _ in page.elements]
    plots = plots_of(plain_report())
    assert tags.count("figure") == tags.count("details") == len(plots)
    assert tags.count("svg") == 2 * len(plots)
    named = [attributes for tag, attributes in page.elements if tag == "svg"]
    ids = {attributes.get("id") for _, attributes in page.elements}
    assert all(set((item["aria-labelledby"] or "").split()) <= ids for item in named)


@pytest.mark.parametrize("name", RENDERERS)
def test_hostile_names_do_no_harm(name: str) -> None:
    """No control character, and no way to act as markup of the format."""
    text = drawn(evil_report(), name)
    assert "alert(1)" in text or "alert\\(1\\)" in text
    assert not {"\x1b", "\x07", "\u202e"} & set(text)
    if name == "html":
        tags = {tag for tag, _ in Page(text).elements}
        assert "img" not in tags
        assert "<script>alert" not in text
        assert not any(key.startswith("on") for _, attributes in Page(text).elements for key in attributes)
    if name == "md":
        assert not re.search(r"(?<!\\)<(?:script|img)", text)
        assert "](javascript" not in text
    if name == "csv":
        assert not re.search(r'(?:^|,)"?[=+@-](?![\d.])', text, re.MULTILINE)


def test_rich_markup_is_not_taken_as_markup() -> None:
    """The brackets are printed."""
    assert "[bold]red" in drawn(evil_report(), "table").replace("\n", "")


def test_plots_hold_no_markup_of_names() -> None:
    """Their files neither."""
    from latprof.report.pictures import pictures

    for name, data in pictures(plots_of(evil_report()), ("svg",)):
        assert re.fullmatch(r"[a-z0-9-]+\.svg", name)
        assert b"<script" not in data
        assert b"\x1b" not in data


def test_plots_are_items_of_sections() -> None:
    """The one step by which the document learned plots."""
    kinds = {type(item) for section in plain_report().sections for item in section.items}
    assert kinds == {Note, Table, Plot}
