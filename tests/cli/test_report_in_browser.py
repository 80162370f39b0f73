"""The report in a real browser: nothing fetched, nothing said on the console, everything there.

Without a Chromium these tests are skipped; `LATPROF_BROWSER` names one that is not on the path.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from browser import Browser, browser, browser_path
from evil_lines import evil_log
from latprof import api
from latprof.report import renderer
from latprof.report.document import Cell, Column, Document, Grid, Section, Table
from latprof.report.overview import plots_of
from latprof.report.renderers.base import Screen
from report_calls import loaded

HIDDEN_OR_EMPTY = """[...document.querySelectorAll('figure')].filter((figure) => {
    const shown = [...figure.querySelectorAll('svg')].filter((svg) => svg.getBoundingClientRect().height > 40);
    return shown.length !== 1;
}).map((figure) => figure.id)"""
TOO_SMALL = """[...document.querySelectorAll('figure svg')].filter((svg) => svg.getBoundingClientRect().width > 0)
    .map((svg) => svg.getBoundingClientRect().width / svg.viewBox.baseVal.width)
    .filter((scale) => scale < 0.9).length"""

OUTSIDE = """[...document.querySelectorAll('figure svg')].filter((svg) => svg.getBoundingClientRect().width > 0)
    .flatMap((svg) => {
        const box = svg.getBoundingClientRect();
        return [...svg.querySelectorAll('text')].filter((text) => {
            const own = text.getBoundingClientRect();
            return own.left < box.left - 1 || own.right > box.right + 1 || own.bottom > box.bottom + 1;
        }).map((text) => text.textContent);
    })"""
CUT = """[...document.querySelectorAll('figure svg text, td')].map((item) => item.textContent)
    .filter((text) => text.endsWith('…'))"""


@pytest.fixture(scope="module")
def tab() -> Iterator[Browser]:
    path = browser_path()
    if path is None or sys.platform == "win32":
        pytest.skip("no Chromium: install one, or name it in LATPROF_BROWSER")
    with browser(path) as found:
        yield found


@pytest.fixture(autouse=True)
def unheard(tab: Browser) -> None:
    tab.requests.clear()
    tab.complaints.clear()


@pytest.fixture(scope="module")
def document() -> Document:
    return api.report(loaded())


@pytest.fixture(scope="module")
def page(document: Document, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("report") / "report.html"
    target.write_text(renderer("html").render(document, Screen()), "utf-8")
    return target


def table_page(folder: Path, model: str) -> Path:
    """A page with one table of figures, of this model."""
    heads = ("metric", "kind", "n", "coverage", "p10", "p50", "p90", "p99", "p50 95 %")
    row = (model, "first_block_s", "bound", "30,296", "100 %", "≤ 0.72", "≤ 2.86", "≤ 4.88", "≤ 61.4", "0.94 … 3.06")
    columns = (Column("model", "left"), *(Column(head, "left" if head in heads[:2] else "right") for head in heads))
    table = Table("Waiting by model, in seconds", columns, (tuple(Cell(text) for text in row),))
    document = Document("Figures", (Section("All figures", (table,)),), {}, Grid((), ()))
    target = folder / "table.html"
    target.write_text(renderer("html").render(document, Screen()), "utf-8")
    return target


@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
@pytest.mark.parametrize("width", [1000, 390], ids=["wide", "phone"])
def test_all_plots_are_shown_and_nothing_is_fetched(
    tab: Browser, page: Path, document: Document, width: int, *, script: bool
) -> None:  # fmt: skip
    """Each plot is drawn once, with and without scripts, in a size that can be read; one request, no complaint."""
    tab.open(page, width=width, script=script)
    ids = tab.value("[...document.querySelectorAll('figure')].map((figure) => figure.id)")
    assert ids == [plot.key for plot in plots_of(document)]
    assert tab.value(HIDDEN_OR_EMPTY) == []
    assert tab.value(TOO_SMALL) == 0
    assert tab.value("document.documentElement.scrollWidth") <= width
    assert tab.requests == [page.as_uri()]
    assert tab.complaints == []


@pytest.mark.parametrize("width", [1000, 500, 360], ids=["wide", "tablet", "phone"])
def test_no_text_is_cut_or_leaves_its_drawing(tab: Browser, page: Path, width: int) -> None:
    """With the letters that the browser has; texts without room have more lines."""
    tab.open(page, width=width)
    assert tab.value(OUTSIDE) == []
    assert tab.value(CUT) == []


def test_one_long_name_does_not_push_the_figures_away(tab: Browser, tmp_path: Path) -> None:
    """Where there is room for the figures, a name without spaces breaks; it does not make its column as wide."""
    target = table_page(tmp_path, "meta/llama-2-70b-chat:" + "02e509c789964a7ea8736978a43525956ef40397be9033ab" * 3)
    tab.open(target)
    assert tab.value("(([box]) => box.scrollWidth - box.clientWidth)(document.querySelectorAll('.scroll'))") == 0


def test_a_table_that_goes_on_beyond_the_edge_shows_it(tab: Browser, tmp_path: Path) -> None:
    """The edge is shaded where columns lie behind it, without a script, and no shade is printed."""
    target = table_page(tmp_path, "claude-opus-5-5")
    shade = "getComputedStyle(document.querySelector('.scroll')).backgroundImage"
    tab.open(target, width=360, script=False)
    assert tab.value("(([box]) => box.scrollWidth > box.clientWidth)(document.querySelectorAll('.scroll'))") is True
    assert "gradient" in tab.value(shade)
    tab.media(printed=True)
    assert tab.value(shade) == "none"


def test_dark_colours_follow_the_system_and_the_button(tab: Browser, page: Path) -> None:
    """Both ways, page and plots."""
    ground = "getComputedStyle(document.body).backgroundColor"
    mark = "getComputedStyle(document.querySelector('.stroke.true')).stroke"
    tab.open(page)
    light = (tab.value(ground), tab.value(mark))
    tab.open(page, dark=True)
    dark = (tab.value(ground), tab.value(mark))
    assert light[0] != dark[0]
    assert light[1] != dark[1]
    tab.value("document.querySelector('.tools button').click()")
    assert (tab.value(ground), tab.value(mark)) == light
    assert tab.complaints == []


def test_paper_is_light_and_has_no_buttons(tab: Browser, page: Path, tmp_path: Path) -> None:
    """Also when the system is dark; the wide drawings are printed."""
    tab.open(page, dark=True)
    tab.media(dark=True, printed=True)
    assert tab.value("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert tab.value("document.querySelector('.tools').getBoundingClientRect().height") == 0
    assert tab.value(HIDDEN_OR_EMPTY) == []
    tab.pdf(tmp_path / "report.pdf")
    assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF")


def test_open_tables_are_printed_whole(tab: Browser, page: Path) -> None:
    """On paper nothing scrolls, so no row may lie outside its box."""
    tab.open(page)
    tab.value("document.querySelectorAll('.tools button')[1].click()")
    tab.value("""(() => { const body = document.querySelector('details tbody');
        for (let more = 0; more < 60; more += 1) body.append(body.rows[0].cloneNode(true)); })()""")
    cut = """[...document.querySelectorAll('.scroll')].filter((box) =>
        box.querySelector('table').getBoundingClientRect().bottom > box.getBoundingClientRect().bottom + 1)
        .map((box) => box.getAttribute('aria-label'))"""
    assert len(tab.value(cut)) == 1
    tab.media(printed=True)
    assert tab.value(cut) == []


def test_words_and_bounds_stay_whole_on_paper(tab: Browser, tmp_path: Path) -> None:
    """Beside a long name there is little room: no word breaks in its middle, and ≤ stays with its number."""
    target = table_page(tmp_path, "meta/llama-2-70b-chat:" + "02e509c789964a7ea8736978a43525956ef40397be9033ab" * 3)
    tab.open(target, width=717)
    tab.media(printed=True)
    broken = tab.value("""[...document.querySelectorAll('td')].slice(1, -1).filter((cell) => {
        const range = document.createRange(); range.selectNodeContents(cell);
        return new Set([...range.getClientRects()].map((box) => box.top)).size > 1;
    }).map((cell) => cell.textContent)""")
    assert broken == []
    assert tab.value("document.documentElement.scrollWidth") == 717


def test_values_appear_under_the_pointer(tab: Browser, page: Path) -> None:
    """The words of the shape under the pointer, which without scripts the browser itself would show."""
    tab.open(page)
    x, y, said = tab.value(
        "(() => { const wide = (item) => item.getBoundingClientRect().width;"
        " const shape = [...document.querySelectorAll('#time-budget .wide .tip')].sort((a, b) => wide(b) - wide(a))[0];"
        " shape.scrollIntoView({block: 'center', behavior: 'instant'}); const box = shape.getBoundingClientRect();"
        " return [box.left + box.width / 2, box.top + box.height / 2, shape.querySelector('title').textContent]; })()"
    )
    for step in range(50):
        # The browser takes input in its own time; a busy one may need another nudge.
        tab.send("Input.dispatchMouseEvent", type="mouseMoved", x=x + step % 2, y=y)
        if tab.value("document.getElementById('tip').textContent"):
            break
    assert tab.value("document.getElementById('tip').textContent") == said
    assert tab.value("document.getElementById('tip').hidden") is False


def test_all_tables_open_at_once(tab: Browser, page: Path, document: Document) -> None:
    """The table behind each plot has its rows."""
    tab.open(page)
    tab.value("document.querySelectorAll('.tools button')[1].click()")
    rows = tab.value("[...document.querySelectorAll('details[open] tbody')].map((body) => body.rows.length)")
    assert rows == [len(plot.table.rows) for plot in plots_of(document)]


def test_hostile_names_run_nothing(tab: Browser, tmp_path: Path) -> None:
    """A script in a model's name is text: no dialog, no element, no complaint of the policy."""
    (tmp_path / "s.jsonl").write_bytes(evil_log())
    target = tmp_path / "evil.html"
    target.write_text(renderer("html").render(api.report(api.read([str(tmp_path / "s.jsonl")])), Screen()), "utf-8")
    tab.open(target)
    assert tab.value("document.scripts.length") == 1
    assert tab.value("document.body.textContent.includes('<script>alert(1)</script>')") is True
    assert tab.requests == [target.as_uri()]
    assert tab.complaints == []


def test_the_drawings_stand_alone(tab: Browser, document: Document, tmp_path: Path) -> None:
    """A plot's file opens by itself, with letters and colours, and fetches nothing."""
    from latprof.report.pictures import pictures

    name, data = next(pictures(plots_of(document), ("svg",)))
    (tmp_path / name).write_bytes(data)
    tab.open(tmp_path / name)
    assert tab.value("document.querySelectorAll('text').length") > 5
    assert tab.value("getComputedStyle(document.querySelector('.stroke.true')).stroke") == "rgb(11, 92, 173)"
    assert tab.requests == [(tmp_path / name).as_uri()]
    assert tab.complaints == []
