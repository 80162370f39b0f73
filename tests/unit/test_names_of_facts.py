"""Names for what was observed of calls: known by places where calls have any, and never those of other calls."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from estimated_calls import made
from latprof.estimate import estimate
from latprof.estimate.facts import Facts, facts_of
from latprof.estimate.observe import Observed, Subject
from latprof.model import Call
from latprof.trace import Columns, Trace
from latprof.trace.origin import Origin

Ints = NDArray[np.int64]
N = 120


class Asked:
    """The names of some calls of a trace, of which those from `new` on come from no piece; counts what is observed."""

    def __init__(self, calls: list[Call], new: int, shelf: dict[str, Any]) -> None:
        columns = Columns.of(calls, "claude-code")
        places = np.arange(len(calls), dtype=np.int32)
        columns.origin = Origin(b"piece", np.where(places < new, places, -1).astype(np.int32))
        trace = Trace.from_columns(columns)
        self.subject = Subject.of(trace, np.arange(len(trace)))
        self.facts = Facts(shelf, self.subject, ("agent", "model"))
        self.count = 0

    def observed(self, some: Ints) -> Observed:
        self.count += 1
        return self.subject.observed(some)

    def name(self, some: Ints) -> str:
        found = self.facts.name(some, lambda: self.observed(some))
        self.facts.keep()
        return found


@pytest.fixture(scope="module")
def calls() -> list[Call]:
    """In the order of time, so that the place of each is its row."""
    found = made(N, sessions=6, seed=5).calls
    return sorted(found, key=lambda call: call.sent_at or 0.0)


@pytest.mark.parametrize("new", [N, N - 1, N - 30, N // 2])
def test_the_name_is_that_of_what_was_observed(calls: list[Call], new: int) -> None:
    """In the first run it is observed, in later ones it is known, whatever part of the calls has no place."""
    shelf: dict[str, Any] = {}
    some = np.arange(0, N, 2)
    first, later = Asked(calls, new, shelf), Asked(calls, new, shelf)
    name = first.name(some)
    assert name == facts_of(first.subject.observed(some)) == later.name(some)
    assert (first.count, later.count) == (1, 0)


def test_few_calls_with_a_place_are_not_asked_for(calls: list[Call]) -> None:
    """All of them are observed at once."""
    shelf: dict[str, Any] = {}
    some = np.arange(N)
    for _ in range(2):
        asked = Asked(calls, N // 3, shelf)
        assert asked.name(some) == facts_of(asked.subject.observed(some))
        assert asked.count == 1
    assert not shelf


def test_another_call_without_a_place_has_another_name(calls: list[Call]) -> None:
    """Its session aside, all that was observed of it counts, and where it stands among the others."""
    shelf: dict[str, Any] = {}
    some = np.arange(N)
    usual = Asked(calls, N - 2, shelf).name(some)
    tokens = calls[-1].output_tokens
    assert tokens is not None
    longer = [*calls[:-1], replace(calls[-1], output_tokens=tokens + 1)]
    changed = Asked(longer, N - 2, shelf)
    assert changed.name(some) == facts_of(changed.subject.observed(some)) != usual
    assert changed.count == 1
    fewer = Asked(calls, N - 2, shelf)
    assert fewer.name(some[:-1]) == facts_of(fewer.subject.observed(some[:-1])) != usual
    elsewhere = Asked(calls, N - 2, shelf)
    moved = np.array([N - 1, *range(N - 1)])
    assert elsewhere.name(moved) == facts_of(elsewhere.subject.observed(moved)) != usual


@pytest.mark.parametrize(("count", "is_kept"), [(255, False), (256, True)])
def test_many_calls_without_a_place_are_read_once(*, count: int, is_kept: bool) -> None:
    """Their readings are on the shelf for the next time; to look for those of few takes longer than to read them."""
    trace = Trace.from_calls(made(count, seed=6).calls)
    shelf: dict[str, Any] = {}
    first = estimate(trace, shelf=shelf).estimates
    assert any("-read-" in name for name in shelf) == is_kept
    again = estimate(trace, shelf=shelf).estimates
    for metric in ("ttft_s", "decode_tps"):
        assert np.isfinite(first.means(metric)).sum() > 200
        np.testing.assert_array_equal(again.means(metric), first.means(metric))
