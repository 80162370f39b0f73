"""Which kind answers: exact where there, else estimate, else bound; and where the time of calls goes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from estimated_calls import Law, made
from latprof.estimate import estimate
from latprof.model import Call
from latprof.stats import METHODS, MetricRow, best_rows, of_method, summarize, waiting
from latprof.trace import Trace


@pytest.fixture(scope="module")
def trace() -> Trace:
    """Two triggers, the smaller one of 20 calls, all of one model."""
    calls = made(200, seed=3).calls + made(20, seed=4, trigger="user").calls
    found = Trace.from_calls(calls)
    return found.with_estimates(estimate(found).estimates)


def row(metric: str, kind: str, n: int, *, calls: int = 100, unit: str = "s") -> MetricRow:
    return MetricRow(metric, unit, {}, kind, n, calls, 3, n / calls, {0.5: 1.0}, {0.5: (None, None)}, {})  # type: ignore[arg-type]


def shown(*rows: MetricRow) -> list[tuple[str, str]]:
    return [(item.metric, item.kind) for item in best_rows(rows)]


def test_an_exact_figure_of_nearly_all_calls_stands_alone() -> None:
    """Of fewer calls it is no random choice: then the estimate over all answers."""
    assert shown(row("ttft_s", "exact", 95), row("ttft_s", "estimate", 100)) == [("ttft_s", "exact")]
    assert shown(row("ttft_s", "exact", 50), row("ttft_s", "estimate", 100)) == [("ttft_s", "estimate")]


def test_the_bound_stands_where_most_calls_have_no_answer() -> None:
    """Beside an estimate of few calls too, for it covers more."""
    bound = row("first_block_s", "bound", 100)
    assert shown(bound) == [("first_block_s", "bound")]
    assert shown(row("ttft_s", "estimate", 80), bound) == [("ttft_s", "estimate")]
    assert shown(row("ttft_s", "estimate", 20), bound) == [("ttft_s", "estimate"), ("first_block_s", "bound")]
    assert shown(row("as_logged_ttft_s", "as_logged", 100), bound) == [("first_block_s", "bound")]


def test_a_method_keeps_its_kind_and_all_counts(trace: Trace) -> None:
    """Sizes are no times: they stay."""
    summary = summarize(trace)
    assert of_method(summary, "best") is summary
    for method in METHODS[1:]:
        rows = of_method(summary, method).rows
        assert {item.kind for item in rows if item.unit in {"s", "tok/s"}} <= {method.replace("-", "_")}
        assert any(item.metric == "output_tokens" for item in rows)


def test_an_estimate_has_n_coverage_interval_and_what_it_borrows(trace: Trace) -> None:
    """A group of n calls borrows 20 / (n + 20)."""
    rows = {
        item.group["trigger"]: item
        for item in summarize(trace, ("trigger",)).rows
        if (item.metric, item.kind) == ("ttft_s", "estimate")
    }
    large, small = rows["tool_result"], rows["user"]
    assert (large.n, large.calls, large.coverage) == (200, 200, 1.0)
    assert large.borrowed == pytest.approx(20 / 220)
    assert small.borrowed == pytest.approx(0.5)
    for q in (0.1, 0.5, 0.9):
        low, high = large.intervals[q]
        value = large.quantiles[q]
        assert None not in (low, high, value)
        assert low < value < high  # type: ignore[operator]
    assert small.quantiles[0.1] is None
    assert "needs 30" in small.refused[0.1]


def test_intervals_get_wider_by_the_errors_of_the_model(trace: Trace) -> None:
    """The same calls with a model that knows less."""
    assert trace.estimates is not None
    vague = replace(trace.estimates, errors={key: values + 0.3 for key, values in trace.estimates.errors.items()})

    def width(of: Trace) -> float:
        found = next(item for item in summarize(of).rows if (item.metric, item.kind) == ("ttft_s", "estimate"))
        low, high = found.intervals[0.5]
        assert None not in (low, high)
        return high / low  # type: ignore[operator]

    assert width(trace.with_estimates(vague)) > np.exp(2 * 1.96 * 0.25) > width(trace)


def test_shares_of_waiting_come_from_sums() -> None:
    """Two sessions of three calls each: 2 s of 10 s each call is 20 %, and both sessions agree."""
    calls = [_timed(k) for k in range(6)]
    found = waiting(Trace.from_calls(calls))
    assert found is not None
    assert (found.n, found.estimated) == (6, 0)
    assert found.first_share == pytest.approx(0.2)
    assert found.wall_s == pytest.approx(60)
    assert found.decode_s == pytest.approx(48)
    assert list(found.interval) == pytest.approx([0.2, 0.2])
    assert found.as_logged_share == pytest.approx(1.0)


def test_too_few_calls_have_no_shares() -> None:
    """Five are not enough; calls without a first token are none."""
    assert waiting(Trace.from_calls([_timed(k) for k in range(5)])) is None
    assert waiting(Trace.from_calls(made(50, Law()).calls)) is None


def _timed(k: int) -> Call:
    call, sent = made(1).calls[0], 1000.0 * (k + 1)
    block = replace(call.blocks[0], end_at=sent + 10)
    return replace(
        call, session_id=f"s{k % 2}", message_id=f"m{k}", request_id=f"r{k}", sent_at=sent, trigger_at=sent,
        sent_source="api_request_line", first_output_at=sent + 2, first_output_source="block_start",
        last_output_at=sent + 10, blocks=(block,),
    )  # fmt: skip
