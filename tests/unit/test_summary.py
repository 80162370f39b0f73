"""Which figures a summary has, what each rests on, and which it refuses."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from latprof.metrics import METRICS, metric
from latprof.model import Call
from latprof.stats import MetricRow, Summary, min_calls, summarize
from latprof.stats.cuts import drawn, one_value
from latprof.stats.summary import DEFAULT_QUANTILES
from latprof.trace import Estimates, Trace
from made_calls import made, trace_of


def rows_of(summary: Summary, key: str) -> dict[str, MetricRow]:
    return {row.kind: row for row in summary.rows if row.metric == key}


def many(count: int, **fields: Any) -> list[Call]:
    """Calls with wall times 2, 3, 4 … s in sessions of two calls."""
    return [made(n, wall=2.0 + n, session_id=f"s{n // 2}", **fields) for n in range(count)]


def test_nothing_gives_no_rows() -> None:
    """No calls: no figures, and nothing is raised."""
    assert summarize(trace_of()) == Summary((), 0, 0, (), {})


def test_every_row_says_what_it_rests_on() -> None:
    """n, calls of the group, coverage, sessions of the n calls."""
    trace = trace_of(*many(6), *(made(20 + n, session_id="cut", flags=("interrupted",)) for n in range(2)))
    summary = summarize(trace)
    row = rows_of(summary, "wall_s")["exact"]
    assert (summary.calls, summary.sessions) == (8, 4)
    assert (row.n, row.calls, row.coverage, row.sessions, row.unit) == (6, 8, 0.75, 3, "s")


def test_quantiles_lie_linearly_between_order_statistics() -> None:
    """Wall times 2 … 31 s: the median is 16.5; p10 lies 2.9 and p90 26.1 steps above the first."""
    row = rows_of(summarize(trace_of(*many(30)), quantiles=(0.1, 0.5, 0.9)), "wall_s")["exact"]
    assert row.quantiles == {0.1: pytest.approx(4.9), 0.5: pytest.approx(16.5), 0.9: pytest.approx(28.1)}
    assert row.refused == {}


@pytest.mark.parametrize(("count", "shown"), [(5, ()), (6, (0.5,)), (29, (0.5,)), (30, (0.1, 0.5, 0.9))])
def test_too_few_calls_refuse_a_percentile_with_the_reason(count: int, shown: tuple[float, ...]) -> None:
    """A refused percentile is None, has no interval and says how many calls it needs."""
    row = rows_of(summarize(trace_of(*many(count))), "wall_s")["exact"]
    assert tuple(q for q, value in row.quantiles.items() if value is not None) == shown
    for q in set(DEFAULT_QUANTILES) - set(shown):
        assert (row.quantiles[q], row.intervals[q]) == (None, (None, None))
        assert row.refused[q] == f"needs {min_calls(q)} calls, has {count}"
    assert set(row.refused) == set(DEFAULT_QUANTILES) - set(shown)


def test_three_hundred_calls_show_the_ninety_ninth_percentile() -> None:
    """And 299 do not."""
    shown = [rows_of(summarize(trace_of(*many(n)), quantiles=(0.99,)), "wall_s")["exact"] for n in (299, 300)]
    assert [row.quantiles[0.99] is None for row in shown] == [True, False]


def test_unknown_values_are_counted_out_not_as_nothing() -> None:
    """Three calls with 91 tokens and seven without a count: the median is 91, not 0."""
    calls = [made(n, output_tokens=91 if n < 6 else None) for n in range(20)]
    row = rows_of(summarize(trace_of(*calls)), "output_tokens")["exact"]
    assert (row.n, row.coverage, row.quantiles[0.5]) == (6, 0.3, 91.0)


def test_a_metric_that_no_call_has_is_no_row() -> None:
    """Never a row of zeros."""
    summary = summarize(trace_of(*many(10, reasoning_tokens=None, first_output_at=None, first_output_source=None)))
    assert {"ttft_s", "decode_tps", "reasoning_tokens", "tool_s"}.isdisjoint(row.metric for row in summary.rows)


def test_no_figure_is_ever_a_nan() -> None:
    """NaN stays inside the arrays."""
    calls = [*many(40), *(made(100 + n, sent_at=None, output_tokens=None, last_output_at=None) for n in range(5))]
    for row in summarize(trace_of(*calls), ["model", "day"]).rows:
        numbers = [*row.quantiles.values(), *(end for ends in row.intervals.values() for end in ends), row.coverage]
        assert not any(math.isnan(number) for number in numbers if number is not None)


def test_kinds_part_the_calls() -> None:
    """Wall time is exact where the send time is stated and a bound elsewhere; each call counts once."""
    calls = many(6) + [made(20 + n, sent_source="trigger_line") for n in range(14)]
    found = rows_of(summarize(trace_of(*calls)), "wall_s")
    assert {kind: (row.n, row.coverage) for kind, row in found.items()} == {"exact": (6, 0.3), "bound": (14, 0.7)}


def test_each_metric_has_only_the_kinds_it_declares() -> None:
    """As-logged figures never mix with exact ones; only bounds have a side."""
    calls = [*many(10), *(made(30 + n, sent_source="trigger_line") for n in range(10))]
    kinds: dict[str, set[str]] = {}
    for row in summarize(trace_of(*calls)).rows:
        kinds.setdefault(row.metric, set()).add(row.kind)
    assert kinds["wall_s"] == kinds["wall_tps"] == {"exact", "bound"}
    assert kinds["ttft_s"] == kinds["decode_tps"] == kinds["output_tokens"] == {"exact"}
    assert kinds["first_block_s"] == kinds["attempts"] == {"bound"}
    assert kinds["as_logged_ttft_s"] == kinds["as_logged_decode_tps"] == {"as_logged"}
    assert all((metric(key).side is not None) == ("bound" in found) for key, found in kinds.items())


def test_groups_have_their_own_figures() -> None:
    """A group's coverage is a share of that group; the groups' n add up to that of all calls."""
    calls = [*many(8), *(made(50 + n, model="b", wall=10.0, session_id="x") for n in range(7))]
    rows = {row.group["model"]: row for row in summarize(trace_of(*calls), ["model"]).rows if row.metric == "wall_s"}
    assert {name: (row.n, row.coverage, row.sessions) for name, row in rows.items()} == {
        "model-a": (8, 1.0, 4),
        "b": (7, 1.0, 1),
    }
    assert rows["b"].quantiles[0.5] == 10.0
    assert rows["b"].intervals[0.5] == (None, None)


def test_an_interval_holds_its_percentile() -> None:
    """In every row of a larger trace."""
    rng = np.random.default_rng(3)
    calls = [made(n, wall=float(rng.lognormal(1.5, 0.7)) + 1, session_id=f"s{n % 17}") for n in range(400)]
    rows = [row for row in summarize(trace_of(*calls)).rows if row.metric == "wall_s"]
    assert len(rows) == 1
    for q, value in rows[0].quantiles.items():
        low, high = rows[0].intervals[q]
        assert value is not None
        assert low is None or low <= value
        assert high is None or value <= high
    assert all(end is not None for end in rows[0].intervals[0.5])


def test_only_the_metrics_asked_for_are_made() -> None:
    """In the order asked for."""
    wanted = [metric("wall_tps"), metric("wall_s")]
    assert [row.metric for row in summarize(trace_of(*many(3)), metrics=wanted).rows] == ["wall_tps", "wall_s"]


def test_calls_of_no_known_session_count_as_one_session() -> None:
    """They cannot be told apart, so no interval may treat them as many."""
    row = rows_of(summarize(trace_of(*(made(n, session_id="") for n in range(20)))), "wall_s")["exact"]
    assert (row.sessions, row.intervals[0.5]) == (1, (None, None))


def test_every_declared_metric_can_be_summed_up() -> None:
    """A full call has all of them."""
    full = made(reasoning_tokens=40, blocks=_tool_blocks())
    assert {row.metric for row in summarize(trace_of(full)).rows} == {item.key for item in METRICS}


def test_one_value_stands_for_a_call_by_the_remainder_of_its_turns() -> None:
    """However far the rows go: the remainder by 1 as the standard library has it."""
    rows = np.array([0, 1, 2, 3, 5, 8, 47_642, 10**6, 2**40])
    share = (math.sqrt(5) - 1) / 2
    assert one_value(rows, 12).tolist() == [int(math.fmod(row * share, 1.0) * 12) for row in rows.tolist()]


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(0, 8), (1, 1), (70_000, 8), (500, 13)])
def test_the_drawn_value_is_that_of_the_call(shape: tuple[int, int], kind: type) -> None:
    """With the extension, which takes single precision, and without it; calls of other groups change nothing."""
    values: Any = np.arange(math.prod(shape)).astype(kind).reshape(shape)
    rows = np.arange(shape[0])
    alone = drawn(values, np.zeros(shape[0], dtype=np.int64))
    assert np.array_equal(alone, values[rows, one_value(rows, shape[1])])
    assert alone.dtype == np.float64
    group = np.random.default_rng(5).integers(-1, 3, 2 * shape[0])
    place = np.flatnonzero(group == 1)[: shape[0]]
    among: Any = np.full((2 * shape[0], shape[1]), np.nan, dtype=kind)
    among[place] = values[: len(place)]
    assert np.array_equal(drawn(among, group)[place], alone[: len(place)])


def test_errors_of_the_model_are_weighted_by_calls() -> None:
    """3 calls of a group with errors 0.1 at p0 to 0.3 at p100, 1 of one with 0.5; of one call nothing is known."""
    errors = np.array([[0.1, 0.3], [0.5, 0.5], [np.nan, 0.9]])
    group = np.array([0, 0, 0, 1, -1, 2])
    estimates = Estimates({}, {}, group, {"ttft_s": errors}, (0.0, 1.0))
    found = estimates.errors_of_log("ttft_s", (0.0, 0.5, 1.0), np.arange(6))
    assert found == [pytest.approx(value) for value in ((0.3 + 0.5) / 4, (0.6 + 0.5) / 4, (0.9 + 0.5) / 4)]
    assert estimates.errors_of_counts("ttft_s", (0.0, 0.5, 1.0), np.array([3, 1, 1])) == found
    assert estimates.errors_of_counts("ttft_s", (0.5,), np.array([0, 0, 4])) == [0.0]


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_the_mean_of_a_call_is_that_of_its_values(kind: type[np.floating[Any]]) -> None:
    """Whatever lies between the rows; of a call of which nothing is known nothing is said."""
    random = np.random.default_rng(2)
    every = random.lognormal(1.0, 2.0, (600, 23)).astype(kind)
    every[7], every[8, 3] = np.nan, np.nan
    for values in (every, every[::4], every[:, 1:6], np.asfortranarray(every)):
        found = Estimates({"ttft_s": values}, {}, np.zeros(len(values), dtype=np.int64), {}, ()).means("ttft_s")
        expected = [math.fsum(row) / len(row) for row in values.astype(np.float64).tolist()]
        assert found.tolist() == [pytest.approx(value, rel=1e-6, nan_ok=True) for value in expected]
        assert np.isnan(found).sum() >= 1


def _tool_blocks() -> tuple[Any, ...]:
    from latprof.model import Block
    from made_calls import NOON

    return (Block("text", end_at=NOON + 2), Block("tool_use", end_at=NOON + 4, name="Bash", result_at=NOON + 9))


@pytest.mark.parametrize("wrong", [-0.5, 1.5, float("nan")])
def test_what_is_no_quantile_is_refused(wrong: float) -> None:
    """And not looked for beyond the ends of the calls."""
    trace = Trace.from_calls([Call("a", "s", output_tokens=number) for number in range(9)])
    with pytest.raises(ValueError, match="between 0 and 1"):
        summarize(trace, quantiles=(0.5, wrong))
