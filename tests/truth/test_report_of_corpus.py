"""The report of all shared logs: its size, and how it opens in a browser where there is one."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from browser import browser, browser_path
from latprof import api
from latprof.report import renderer
from latprof.report.document import Document
from latprof.report.overview import plots_of
from latprof.report.renderers.base import Screen

LIMIT_BYTES = 2_000_000


@pytest.fixture(scope="module")
def document(shared: Path) -> Document:
    return api.report(api.read([str(shared / "corpus")]))


@pytest.fixture(scope="module")
def page(document: Document, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("corpus") / "report.html"
    target.write_text(renderer("html").render(document, Screen()), "utf-8")
    return target


def test_more_than_30_000_calls_stay_under_2_mb(document: Document, page: Path) -> None:
    """The corpus has more calls than the promise names."""
    assert document.data["calls"] > 30_000
    assert page.stat().st_size < LIMIT_BYTES


def test_every_kind_of_plot_is_in_it(document: Document) -> None:
    """Distributions, budget, differences, hours, days, input size."""
    keys = " ".join(plot.key for plot in plots_of(document))
    for key in (
        "first-token", "decode-speed", "time-budget", "differences-", "hours-claude-code", "trend-claude-code",
        "input-size-waiting-claude-code",
    ):  # fmt: skip
        assert key in keys


def test_it_opens_without_a_request_or_a_complaint(document: Document, page: Path) -> None:
    """In light and dark, wide and on a phone; every plot is shown, and nothing is wider than the window."""
    path = browser_path()
    if path is None or sys.platform == "win32":
        pytest.skip("no Chromium: install one, or name it in LATPROF_BROWSER")
    with browser(path) as tab:
        for width, dark in ((1000, False), (390, True)):
            tab.open(page, width=width, dark=dark)
            shown = "[...document.querySelectorAll('figure svg')].filter((s) => s.getBoundingClientRect().height > 40)"
            assert tab.value(f"{shown}.length") == len(plots_of(document))
            assert tab.value("document.documentElement.scrollWidth") <= width
        assert set(tab.requests) == {page.as_uri()}
        assert tab.complaints == []
