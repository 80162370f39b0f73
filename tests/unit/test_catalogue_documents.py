"""Everything in the three documents is in the catalogue, each fact with the line it comes from."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from catalogue_systems import SYSTEMS
from latprof.catalogue import Catalogue, load_catalogue

DOCUMENTS = {
    "post": "claude-feels-slow.txt",
    "overview": "inference-speed-providers.txt",
    "article": "self-hosting-vs-api.txt",
}
# Lines with digits or names that state nothing of their own, by what they are.
HEADINGS = {
    "overview": (16, 23, 30, 58, 60, 62, 66, 68, 70, 85, 86, 92, 99),
    "article": (36, 92, 181, 203, 220, 240, 266, 279, 289, 326, 365, 484, 548),
}
PROSE = {
    "post": (98, 150, 161),  # the ten engineers again; p90 as a word; the page's own foot
    "overview": (29,),  # Opus against GPT-4 in words
    # The firm itself, summaries of tables, a year in passing.
    "article": (2, 135, 299, 327, 343, 366, 496, 497, 508),
}
CODE = {"overview": (112, 117, 121, 131)}


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue()


@pytest.fixture(scope="module")
def listed() -> dict[str, Any]:
    """What `latprof catalogue list --json` prints, by id."""
    command = [sys.executable, "-m", "latprof", "catalogue", "list", "--json"]
    done = subprocess.run(command, capture_output=True, check=True)
    return {entry["id"]: entry for entry in json.loads(done.stdout)["entries"]}


def _lines(shared: Path, document: str) -> list[str]:
    return (shared / "seeds" / DOCUMENTS[document]).read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize(("document", "line", "words", "name"), SYSTEMS)
def test_the_list_contains_every_system_with_its_line(
    listed: dict[str, Any], document: str, line: int, words: str, name: str
) -> None:
    """An entry with a fact that names the document and the line."""
    places = {(place["source"], place["line"]) for fact in listed[name]["facts"] for place in fact["at"]}
    assert (document, line) in places


def test_the_lines_say_what_the_list_of_systems_says(shared: Path) -> None:
    """The words of the list stand in the documents' lines."""
    wrong = [row for row in SYSTEMS if row[2] not in _lines(shared, row[0])[row[1] - 1]]
    assert wrong == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_line_with_a_figure_or_a_row_is_cited(shared: Path, catalogue: Catalogue, document: str) -> None:
    """What is left out is a table's head, a heading, code or prose without a fact of its own, listed above."""
    cited = {place.line for _, fact in catalogue.facts() for place in fact.at if place.source == document}
    lines = _lines(shared, document)
    excused = {number for kind in (HEADINGS, PROSE, CODE) for number in kind.get(document, ())}
    heads = {number for number, line in enumerate(lines) if line.startswith("|---")}
    missing = [
        (number, line[:80])
        for number, line in enumerate(lines, 1)
        if (re.search(r"\d", line) or (line.startswith("|") and not line.startswith("|--")))
        and number not in cited | excused | heads
    ]
    assert missing == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_no_fact_cites_a_line_that_is_not_there(shared: Path, catalogue: Catalogue, document: str) -> None:
    """Nor a blank one, nor a table's rule."""
    lines = _lines(shared, document)
    cited = {place.line for _, fact in catalogue.facts() for place in fact.at if place.source == document}
    assert all(line and lines[line - 1].strip(" |-") for line in cited)


def _numbers(line: str) -> set[float]:
    """The numbers of a line, of both signs, and with the factors that its units may bring."""
    # K, M, B, T and "MB per 1K tokens" kept in GB; ms in s; percent as shares, the first end of a range has no sign.
    factors = (1, 1e-3, 1e3, 1e6, 1e9, 1e12, *((0.01,) if "%" in line else ()))
    digits = re.findall(r"\d[\d,]*(?:\.\d+)?", line)
    values = {float(item.replace(",", "")) * factor for item in digits for factor in factors}
    return {0.0, 1.0} | {round(sign * value, 9) for value in values for sign in (1, -1)}


# Figures that the documents say otherwise: "1 week", "3-year", "35% more", "7x cheaper", "one-third", "half".
REPHRASED = {
    ("overview-metrics", "days"), ("selfhost-full", "months"), ("deepseek-case", "cost_ratio"),
    ("rtx-pro-6000", "ratio"), ("rtx-pro-6000", "cost_ratio"), ("desktop-ddr5", "speed_ratio"),
    ("qwen3-0.6b", "cost_ratio"), ("kv-q8", "ratio"), ("kv-q4", "ratio"),
}  # fmt: skip


@pytest.mark.parametrize("document", DOCUMENTS)
def test_the_figures_stand_in_a_line_that_is_cited(shared: Path, catalogue: Catalogue, document: str) -> None:
    """Both ends of each amount are numbers of one of the lines it names."""
    lines = _lines(shared, document)
    wrong = []
    for entry, fact in catalogue.facts():
        places = [place for place in fact.at if place.source == document and place.line]
        if fact.amount is None or not places or (entry.id, fact.quantity) in REPHRASED:
            continue
        known = set().union(*(_numbers(lines[(place.line or 1) - 1]) for place in places))
        if not {round(fact.amount.low, 9), round(fact.amount.high, 9)} <= known:
            wrong.append((entry.id, fact.quantity, fact.amount.low, fact.amount.high, str(fact.at[0])))
    assert wrong == []
