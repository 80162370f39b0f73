"""How values spread: which figures stand for a set of calls, and the curves that are drawn of them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from latprof.model import Block
from latprof.stats import traces_by
from latprof.stats.distributions import MIN_SPREAD_CALLS, best_choice, spreads
from latprof.trace import Estimates, Trace
from made_calls import NOON, made, trace_of

SILENT: dict[str, Any] = {"first_output_at": None, "first_output_source": None}


def waiting(*seconds: float) -> Trace:
    """Exact calls with these times to the first token; the first block takes another second."""
    return trace_of(
        *(
            made(
                number,
                first_output_at=NOON + wait,
                blocks=(
                    Block("thinking", start_at=NOON + wait, end_at=NOON + wait + 1),
                    Block("text", end_at=NOON + 60),
                ),
                last_output_at=NOON + 60,
            )
            for number, wait in enumerate(seconds)
        )
    )


def area(x: tuple[float, ...], heights: tuple[float, ...]) -> float:
    """The integral over the logarithm of x."""
    return float(np.trapezoid(heights, np.log(x)))


def test_exact_waits_are_the_best_choice() -> None:
    """All calls state their first token."""
    choice = best_choice(waiting(*[1.0] * 10), "ttft_s")
    assert choice is not None
    assert (choice.metric, choice.kind, choice.n) == ("ttft_s", "exact", 10)


def test_a_bound_stands_in_where_few_calls_state_more() -> None:
    """One call of ten states its first token, all have a first block: the bound covers most."""
    calls = [made(n, **({} if n == 0 else SILENT)) for n in range(10)]
    choice = best_choice(trace_of(*calls), "ttft_s")
    assert choice is not None
    assert (choice.metric, choice.kind, choice.n) == ("first_block_s", "bound", 10)


def test_an_estimate_is_chosen_where_it_covers_more_than_the_stated_ones() -> None:
    """Three stated, ten estimated: the stated ones are no random choice."""
    trace = trace_of(*(made(n, **({} if n < 3 else SILENT)) for n in range(10)))
    values = {"ttft_s": np.full((10, 4), 2.0), "decode_tps": np.full((10, 4), 50.0)}
    ends = {name: np.full((10, 2), 1.0) for name in values}
    estimates = Estimates(values, ends, np.zeros(10, dtype=np.int64), {}, ())
    choice = best_choice(trace.with_estimates(estimates), "ttft_s")
    assert choice is not None
    assert (choice.kind, choice.n) == ("estimate", 10)


def test_no_calls_no_choice() -> None:
    """Nothing is made up."""
    assert best_choice(trace_of(), "ttft_s") is None
    assert spreads({"none": trace_of()}, "ttft_s") == {}


def test_the_obvious_formula_stands_beside_the_same_calls() -> None:
    """As-logged is the first block's end minus the trigger line, half a second before sending: 1.5 s more."""
    waits = [1 + n / 40 for n in range(40)]
    (items,) = spreads({"all": waiting(*waits)}, "ttft_s").values()
    assert [item.kind for item in items] == ["exact", "as_logged"]
    assert [item.n for item in items] == [40, 40]
    assert items[0].median == pytest.approx(np.median(waits), abs=1e-5)
    assert items[1].median == pytest.approx(np.median(waits) + 1.5, abs=1e-5)


def test_too_few_calls_draw_no_curve() -> None:
    """One call less than the least."""
    assert not spreads({"few": waiting(*[1.0] * (MIN_SPREAD_CALLS - 1))}, "ttft_s")
    assert spreads({"enough": waiting(*[1.0] * MIN_SPREAD_CALLS)}, "ttft_s")


@pytest.mark.property
@given(st.lists(st.floats(0.05, 50), min_size=MIN_SPREAD_CALLS, max_size=80))
def test_a_curve_is_a_density_around_its_values(waits: list[float]) -> None:
    """Heights are never negative, the area is at most one, the places lie in order between the extremes."""
    items = spreads({"all": waiting(*waits)}, "ttft_s")["all"]
    for item in items:
        assert min(item.heights) >= 0
        assert area(item.x, item.heights) < 1.1
        assert list(item.x) == sorted(item.x)
        assert 0 <= item.beyond < 1


def test_the_curve_of_many_values_follows_their_law() -> None:
    """2,000 log-normal values: the highest place is near the mode of the logarithm, the area near one."""
    waits = np.exp(np.random.default_rng(5).normal(math.log(2), 0.4, 2000))
    item = spreads({"all": waiting(*waits.tolist())}, "ttft_s")["all"][0]
    assert area(item.x, item.heights) == pytest.approx(1, abs=0.05)
    assert item.x[int(np.argmax(item.heights))] == pytest.approx(2, rel=0.15)
    # A normal law's density at its mean: 1 / (0.4 sqrt(2 pi)) = 0.997.
    assert max(item.heights) == pytest.approx(0.997, rel=0.12)


def test_calls_are_parted_by_a_key() -> None:
    """Every call is in one part, in the order of names, unknown last."""
    calls = [made(1, model="b"), made(2, model="a"), made(3, model=None), made(4, model="b")]
    parts = traces_by(trace_of(*calls), "model")
    assert {name: len(part) for name, part in parts.items()} == {"a": 1, "b": 2, None: 1}
    assert list(parts) == ["a", "b", None]


def test_the_same_calls_are_compared_where_the_obvious_formula_has_no_figure_for_some() -> None:
    """40 slow calls have two blocks, 60 fast ones only one: the best median of the 40 is theirs, not that of all."""
    slow = [made(n, first_output_at=NOON + 1, last_output_at=NOON + 11) for n in range(40)]
    whole = (Block("text", start_at=NOON + 1, end_at=NOON + 2),)
    fast = [made(100 + n, first_output_at=NOON + 1, last_output_at=NOON + 2, blocks=whole) for n in range(60)]
    true, logged = spreads({"all": trace_of(*slow, *fast)}, "decode_tps")["all"]
    # 91 tokens: 90 in 10 s or in 1 s; as-logged 91 tokens in the 9 s after the first block of the slow ones.
    assert (true.n, logged.n) == (100, 40)
    assert true.median == pytest.approx(90)
    assert logged.best_median == pytest.approx(9)
    assert logged.median == pytest.approx(91 / 9)
