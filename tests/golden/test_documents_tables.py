"""The calculators against every printed number of the three documents that follows from a formula."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from article_rows import CONTRADICTIONS, DISAGREEMENTS, MATCHES
from document_cells import ARTICLE, CONTEXT_SIZES, OVERVIEW, POST, Q8_BYTES, Cell
from latprof.sizing import (
    KvCache,
    amortised_per_month,
    break_even_months,
    ceiling_tps,
    ceiling_use_share,
    largest_context_tokens,
    quantisation,
    size_reduction_share,
)

PAGE = Path(__file__).resolve().parents[2] / "docs" / "explanation" / "figures-that-contradict.md"
NAMES = {ARTICLE: "article", OVERVIEW: "overview", POST: "post"}


def name(cell: Cell) -> str:
    return f"{NAMES[cell.document]} {cell.line}: {cell.what}"


@pytest.mark.parametrize("cell", MATCHES, ids=name)
def test_a_printed_number_is_what_its_formula_gives(cell: Cell) -> None:
    """Within half a unit of its last digit; where that is wider, the row says so."""
    assert cell.distance <= cell.allowed


@pytest.mark.parametrize("cell", [cell for cell, _ in CONTRADICTIONS], ids=name)
def test_a_number_that_is_listed_as_wrong_is_wrong(cell: Cell) -> None:
    """The list of contradictions must not outlive its reasons."""
    assert cell.distance > cell.allowed


def test_the_row_that_does_not_fit_does_not() -> None:
    """Line 158: 14B at 4.8 bits and 1 GB of headroom on 8 GB."""
    found = largest_context_tokens(8e9, CONTEXT_SIZES["14B"] * 1e9, KvCache(Q8_BYTES["14B"]), headroom_bytes=1e9)
    assert found is None


def test_the_bits_of_real_files_give_the_printed_reductions() -> None:
    """Lines 302 to 309, all but Q2_K: the article's own bits give only three of them."""
    printed = {"Q8_0": 47, "Q6_K": 59, "Q5_K_M": 64, "Q4_K_M": 69, "Q3_K_M": 75, "Q3_K_S": 77, "IQ2_XXS": 85}
    ours = {item: round(100 * size_reduction_share(quantisation(item).bits)) for item in printed}
    assert ours == printed


@pytest.mark.parametrize(
    ("line", "bandwidth_gb_s", "size_gb", "fastest_tps"),
    [
        (76, 1792, 4.7, 185), (77, 1792, 7.4, 163), (78, 1792, 1.8, 252), (79, 1792, 40, 34),
        (86, 1790, 4.7, 300), (87, 1008, 4.7, 128), (88, 936, 4.7, 112), (96, 1008, 19.6, 35), (96, 936, 19.6, 35),
        (112, 500, 4.7, 50), (112, 500, 40, 7), (115, 38, 4.7, 5), (407, 864, 4.7, 110), (408, 1555, 4.7, 195),
        (409, 2039, 4.7, 260), (410, 1792, 4.7, 279), (411, 3352, 4.7, 400),
    ],
)  # fmt: skip
def test_other_printed_speeds_lie_below_their_ceiling(
    line: int, bandwidth_gb_s: float, size_gb: float, fastest_tps: float
) -> None:
    """All that are not listed as impossible; the mixture of line 78 reads 3B parameters at 4.8 bits."""
    assert ceiling_use_share(fastest_tps, ceiling_tps(bandwidth_gb_s * 1e9, size_gb * 1e9)) < 1


def test_the_case_study_pays_back_when_the_purchase_is_counted_once() -> None:
    """Line 490: EUR 37,000, of EUR 1,230 a month 1,028 is the purchase; against EUR 2,500 of line 486."""
    power = 1230 - amortised_per_month(37_000, 36)
    assert break_even_months(37_000, 2500, power) == pytest.approx(16.1, abs=0.05)


def test_no_cell_is_judged_twice() -> None:
    """One verdict per number."""
    judged = Counter(name(cell) for cell in [*MATCHES, *(cell for cell, _ in CONTRADICTIONS)])
    assert [what for what, count in judged.items() if count > 1] == []


def page_row(cell: Cell, why: str) -> str:
    place = f"{NAMES[cell.document]}, line {cell.line}"
    return f"| {place} | {cell.table} | {cell.what} | {cell.text} | {cell.shown} | {why} |"


def other_row(what: str, first: tuple[str, int, str], second: tuple[str, int, str]) -> str:
    places = (f"{text} ({NAMES[document]}, line {line})" for document, line, text in (first, second))
    return f"| {what} | {' | '.join(places)} |"


def test_the_page_lists_each_contradiction_with_both_numbers() -> None:
    """Exactly these, in this order: printed and recomputed."""
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if re.search(r", line \d+\b.*\|$", line)]
    wanted = [page_row(cell, why) for cell, why in CONTRADICTIONS]
    assert lines == [*wanted, *(other_row(*item) for item in DISAGREEMENTS)]


def test_the_page_counts_right() -> None:
    """The numbers in its first sentences."""
    text = PAGE.read_text(encoding="utf-8")
    assert f"{len(MATCHES)} of them" in text
    assert f"{len(CONTRADICTIONS)} do not" in text


def test_the_printed_numbers_stand_where_the_rows_say(shared: Path) -> None:
    """Each text is in its line of its document."""
    lines = {document: (shared / "seeds" / document).read_text(encoding="utf-8").splitlines() for document in NAMES}
    places = [(cell.document, cell.line, cell.text) for cell in [*MATCHES, *(cell for cell, _ in CONTRADICTIONS)]]
    places += [place for _, first, second in DISAGREEMENTS for place in (first, second)]
    assert [place for place in places if place[2] not in lines[place[0]][place[1] - 1]] == []
