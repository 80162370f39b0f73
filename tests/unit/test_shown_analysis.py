"""An analysis of only what people are shown gives the same document as a whole one, and nothing to programs."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from estimated_calls import made
from latprof import api
from latprof.api import Loaded
from latprof.metrics import METRICS, Metric
from latprof.model import Kind
from latprof.report import FOR_PROGRAMS, RENDERERS, build_document, renderer
from latprof.report.document import NO_DATA, Grid
from latprof.report.kept import document_bytes, document_from
from latprof.report.machine import rounded
from latprof.report.renderers.base import Screen
from latprof.stats import METHODS, Method, summaries
from latprof.trace import Trace

FIXTURES = Path(__file__).parents[2] / "fixtures"
GROUPINGS = ((), ("trigger",), ("model",), ("model", "trigger"), ("project",), ("day",), ("engineer", "model"))
QUANTILES = ((0.1, 0.5, 0.9, 0.99), (0.9,), (0.25, 0.95), (0.5,))


@pytest.fixture(scope="module", params=["all agents", "one agent", "made calls", "no calls"])
def loaded(request: pytest.FixtureRequest) -> Loaded:
    """Calls with exact times, with bounds, with estimates; of many models and of one; none."""
    folders = {"all agents": FIXTURES, "one agent": FIXTURES / "claude-code"}
    found = api.read([str(folders.get(request.param, FIXTURES / "claude-code"))])
    if request.param == "made calls":
        calls = made(250, seed=3).calls + made(20, seed=4, trigger="user").calls
        found = replace(found, trace=Trace.from_calls(calls))
    if request.param == "no calls":
        found = replace(found, trace=found.trace.select(np.zeros(len(found.trace), dtype=np.bool_)))
    return api.with_estimates(found)


@pytest.mark.parametrize("method", METHODS)
def test_the_document_is_the_same(loaded: Loaded, method: Method) -> None:
    """By every grouping and for all choices of percentiles."""
    for by, quantiles in product(GROUPINGS, QUANTILES):
        whole = build_document(api.analyze(loaded, by=by, quantiles=quantiles, method=method))
        shown = build_document(api.analyze(loaded, by=by, quantiles=quantiles, method=method, whole=False))
        assert (shown.title, shown.sections) == (whole.title, whole.sections)


def test_the_obvious_formulas_are_told_of_where_they_are_asked_for(loaded: Loaded) -> None:
    """By the best figures, which they are held against, and by their own method; by no other."""
    told = {
        method
        for method in METHODS
        if any(note.startswith("Not to be trusted") for note in api.analyze(loaded, method=method, whole=False).notes)
    }
    assert told in ({"best", "as-logged"}, set())
    assert bool(told) == (len(loaded.trace) > 0)


def test_what_is_wanted_is_as_if_all_were(loaded: Loaded) -> None:
    """The rows of some metrics and kinds in some groupings, with the intervals of some percentiles."""
    groupings = [(), ("trigger",), ("model", "trigger")]

    def is_wanted(by: tuple[str, ...], metric: Metric, kind: Kind) -> bool:
        return (METRICS.index(metric) + len(by)) % 3 > 0 and kind != "as_logged"

    every = summaries(loaded.trace, groupings)
    some = summaries(loaded.trace, groupings, wanted=is_wanted, bounded={0.5})
    metrics = {metric.key: metric for metric in METRICS}
    for by, whole, part in zip(groupings, every, some, strict=True):
        expected = [row for row in whole.rows if is_wanted(by, metrics[row.metric], row.kind)]
        assert [(row.metric, row.kind, row.group, row.n, row.quantiles, row.refused) for row in part.rows] == [
            (row.metric, row.kind, row.group, row.n, row.quantiles, row.refused) for row in expected
        ]
        for row, known in zip(part.rows, expected, strict=True):
            assert row.intervals == {p: ends if p == 0.5 else (None, None) for p, ends in known.intervals.items()}
            assert row.sessions == known.sessions
        assert part.groups == whole.groups
        assert sum(part.groups.values()) == len(loaded.trace)


def test_programs_get_nothing_of_it(loaded: Loaded) -> None:
    """Rather than figures that look like all there are; from the cache, too."""
    analysis = api.analyze(loaded, whole=False)
    with pytest.raises(ValueError, match="people"):
        rounded(analysis)
    document = build_document(analysis)
    kept = document_bytes(document)
    assert kept is not None
    for item in (document, document_from(kept)):
        assert (item.data, item.grid) == (NO_DATA, Grid((), ()))
        for name in RENDERERS:
            if name in FOR_PROGRAMS:
                with pytest.raises((ValueError, TypeError)):
                    renderer(name).render(item, Screen())
            else:
                assert renderer(name).render(item, Screen())
    with pytest.raises(ValueError, match="people"):
        len(document.data)


@pytest.mark.parametrize("name", RENDERERS)
def test_those_for_people_draw_no_data(name: str, loaded: Loaded) -> None:
    """And those for programs draw nothing else: a document without its sections looks the same to them."""
    whole = build_document(api.analyze(loaded))
    draw = renderer(name).render
    other = type(whole)("", (), whole.data, whole.grid) if name in FOR_PROGRAMS else None
    bare = other or type(whole)(whole.title, whole.sections, NO_DATA, Grid((), ()))
    assert draw(bare, Screen()) == draw(whole, Screen())
