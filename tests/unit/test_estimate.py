"""Estimates of first token and speed: known laws come back, what cannot be told is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from estimated_calls import PER_BLOCK, RATIO, Law, Made, made
from latprof.estimate import Estimation, account, call_reading, estimate
from latprof.estimate.blocks import BlockTable
from latprof.estimate.calibrate import calibrate, spread
from latprof.estimate.check import misfit
from latprof.estimate.mixture import Mixture
from latprof.estimate.observe import observe, usable
from latprof.model import Call
from latprof.trace import Trace


def traced(drawn: Made) -> tuple[Trace, np.ndarray, np.ndarray]:
    """A trace and the truth in its order."""
    trace = Trace.from_calls(drawn.calls)
    place = {call.call_id: k for k, call in enumerate(drawn.calls)}
    order = [place[name] for name in trace.texts["call_id"]]
    return trace, np.array(drawn.ttft_s)[order], np.array(drawn.decode_tps)[order]


def fitted(drawn: Made) -> tuple[Trace, Estimation]:
    trace = Trace.from_calls(drawn.calls)
    found = estimate(trace)
    return trace.with_estimates(found.estimates), found


@pytest.fixture(scope="module")
def plain() -> Made:
    return made(300)


LAWS = {
    "one speed": Law(),
    "slow and wide": Law(ttft_s=6.0, ttft_width=0.7, tps=30.0),
    "fast": Law(ttft_s=0.5, tps=150.0, tps_width=0.2),
    "tool arguments twice as fast": Law(tool_factor=2.0),
}


@pytest.mark.parametrize("name", LAWS)
def test_percentiles_of_a_known_law_come_back(name: str) -> None:
    """Within 6 % at the median and 12 % at p10 and p90, where the obvious formulas are far off."""
    trace, ttft, decode = traced(made(400, LAWS[name], seed=5))
    values = estimate(trace).estimates.values
    for key, truth in (("ttft_s", ttft), ("decode_tps", decode)):
        for q, most in ((0.1, 0.12), (0.5, 0.06), (0.9, 0.12)):
            error = np.nanquantile(values[key], q) / np.quantile(truth, q) - 1
            assert abs(error) < most, (key, q, error)
    assert np.nanmedian(trace.as_logged_ttft_s) > 1.3 * np.median(ttft)


def test_a_second_hump_is_kept() -> None:
    """A fifth of the calls waits eight times longer: p90 lies in that hump, p50 does not move."""
    usual, late = made(240, Law(ttft_s=1.0, ttft_width=0.2), seed=2), made(60, Law(ttft_s=8.0, ttft_width=0.2), seed=3)
    trace, ttft, _ = traced(
        Made(usual.calls + late.calls, usual.ttft_s + late.ttft_s, usual.decode_tps + late.decode_tps)
    )
    values = estimate(trace).estimates.values["ttft_s"]
    assert np.quantile(values, 0.9) == pytest.approx(np.quantile(ttft, 0.9), rel=0.12)
    assert np.quantile(values, 0.5) == pytest.approx(np.quantile(ttft, 0.5), rel=0.08)


def test_intervals_of_single_calls_hold_their_truth(plain: Made) -> None:
    """Nine in ten at least, of intervals that promise 95 %."""
    trace, ttft, decode = traced(plain)
    ends = estimate(trace).estimates.ends
    for key, truth in (("ttft_s", ttft), ("decode_tps", decode)):
        low, high = ends[key].T
        known = ~np.isnan(low)
        assert np.mean((low[known] <= truth[known]) & (truth[known] <= high[known])) > 0.9


def test_no_first_token_comes_after_its_block(plain: Made) -> None:
    """Not even in a call that no parameters explain: 9 s for 50,000 tokens."""
    calls = [
        replace(
            call,
            output_tokens=50_000,
            sent_at=(call.last_output_at or 0) - 9,
            trigger_at=(call.last_output_at or 0) - 9,
        )
        if k == 7
        else call
        for k, call in enumerate(plain.calls)
    ]
    trace = Trace.from_calls(calls)
    values = estimate(trace).estimates.values["ttft_s"]
    single = np.fromiter((len(blocks) == 1 for blocks in trace.blocks), dtype=np.bool_)
    ends = np.where(single, trace.numbers["last_output_at"], trace.numbers["first_block_at"]) - trace.numbers["sent_at"]
    assert np.all(values <= ends[:, None] + 1e-6)


def test_the_same_calls_give_the_same_figures(plain: Made) -> None:
    """In any order of the calls, at any time."""
    first = estimate(Trace.from_calls(plain.calls)).estimates.values["ttft_s"]
    second = estimate(Trace.from_calls(plain.calls[::-1])).estimates.values["ttft_s"]
    assert np.array_equal(first, second)


def test_a_stated_first_token_is_kept_as_it_is(plain: Made) -> None:
    """And its kind stays exact where the send time is stated too."""
    calls = [
        replace(
            call,
            first_output_at=(call.sent_at or 0) + first,
            first_output_source="block_start",
            sent_source="api_request_line",
        )
        if k % 2
        else call
        for k, (call, first) in enumerate(zip(plain.calls, plain.ttft_s, strict=True))
    ]
    trace, ttft, _ = traced(Made(calls, plain.ttft_s, plain.decode_tps))
    trace = trace.with_estimates(estimate(trace).estimates)
    stated = ~np.isnan(trace.numbers["first_output_at"])
    assert trace.estimated("ttft_s")[stated] == pytest.approx(ttft[stated], abs=1e-6)
    assert set(trace.column("ttft_kind")[stated]) == {"exact"}
    assert set(trace.column("ttft_kind")[~stated]) == {"estimate"}
    assert np.isnan(trace.column("ttft_low_s")[stated]).all()


def test_the_first_token_does_not_come_before_the_headers(plain: Made) -> None:
    """A header time is a lower limit."""
    calls = [
        replace(call, headers_at=(call.sent_at or 0) + 0.95 * first)
        for call, first in zip(plain.calls, plain.ttft_s, strict=True)
    ]
    trace, ttft, _ = traced(Made(calls, plain.ttft_s, plain.decode_tps))
    without = np.abs(estimate(Trace.from_calls(plain.calls)).estimates.values["ttft_s"].mean(axis=1) - ttft)
    found = estimate(trace).estimates.values["ttft_s"]
    assert np.mean(found < 0.9 * ttft[:, None]) < 0.02
    assert np.abs(found.mean(axis=1) - ttft).mean() < without.mean()


@pytest.mark.parametrize(
    ("calls", "why"),
    [
        (lambda: made(39).calls, "needs 40 complete calls"),
        (
            lambda: [replace(call, blocks=call.blocks[-1:]) for call in made(80).calls],
            "needs 15 calls of several blocks",
        ),
        (lambda: [replace(call, output_tokens=None, output_tokens_source=None) for call in made(80).calls], "has 0"),
    ],
)
def test_what_cannot_be_told_is_refused_with_a_reason(calls: object, why: str) -> None:
    """No figure then, not for any call."""
    found = estimate(Trace.from_calls(calls()))  # type: ignore[operator]
    assert why in (found.groups[0].refused or "")
    assert np.isnan(found.estimates.values["ttft_s"]).all()


def test_a_model_that_does_not_give_back_held_out_calls_is_refused() -> None:
    """The last lines of half of the sessions come much later than their tokens can explain."""
    rng = np.random.default_rng(4)
    calls = []
    for k, plain_call in enumerate(made(300, sessions=20).calls):
        call = plain_call
        late = float(rng.uniform(0, 200)) if k % 2 else 0.0
        if late and len(call.blocks) > 1:
            blocks = (*call.blocks[:-1], replace(call.blocks[-1], end_at=(call.blocks[-1].end_at or 0) + late))
            call = replace(call, blocks=blocks, last_output_at=blocks[-1].end_at)
        calls.append(call)
    group = estimate(Trace.from_calls(calls)).groups[0]
    assert "held-out" in (group.refused or "")
    assert any(not item.fits for item in group.checks)


def test_other_agents_keep_their_bounds(plain: Made) -> None:
    """Their block ends were not held against a truth."""
    found = estimate(Trace.from_calls([replace(call, agent="kimi-cli") for call in plain.calls]))
    assert found.groups == ()
    assert np.isnan(found.estimates.values["ttft_s"]).all()


def test_selected_calls_take_their_estimates_along(plain: Made) -> None:
    """Row for row."""
    trace, _ = fitted(plain)
    mask = np.arange(len(trace)) % 3 == 0
    assert np.array_equal(trace.select(mask).estimated("ttft_s"), trace.estimated("ttft_s")[mask])


def test_exported_ends_lie_around_the_mean(plain: Made) -> None:
    """Low, mean, high; the export says estimate."""
    trace, _ = fitted(plain)
    low, mean, high = (trace.column(name) for name in ("ttft_low_s", "ttft_s", "ttft_high_s"))
    assert np.all((low <= mean) & (mean <= high))
    assert set(trace.column("decode_kind")) <= {"estimate", None}


def test_sizes_that_no_log_shows_are_not_called_fitted() -> None:
    """Blocks without characters tell only how many there are."""
    drawn = made(300, seed=9)
    bare = [
        replace(call, blocks=tuple(replace(one, characters=None, signature_characters=None) for one in call.blocks))
        for call in drawn.calls
    ]
    found = []
    for calls in (drawn.calls, bare):
        observed = observe(trace := Trace.from_calls(calls), np.flatnonzero(usable(trace)))
        fit = calibrate(observed.blocks, observed.tokens)
        found.append([fit.size_of(kind) for kind in ("thinking", "text", "tool_use")])
    assert found == [["signature", "characters", "characters"], [None, None, None]]


def test_calibration_finds_the_ratios() -> None:
    """The totals of 300 calls tell the tokens of each type of block."""
    drawn = made(300, seed=9)
    trace = Trace.from_calls(drawn.calls)
    observed = observe(trace, np.flatnonzero(usable(trace)))
    fit = calibrate(observed.blocks, observed.tokens)
    assert fit.fitted
    for kind, ratio in RATIO.items():
        found = fit.characters_per_token(kind)
        assert found is not None
        assert found == pytest.approx(ratio, rel=0.06)
        assert fit.tokens_per_block(kind) == pytest.approx(PER_BLOCK[kind], abs=6)


def table(types: list[int], sizes: list[float], start: list[int], tokens: list[float]) -> BlockTable:
    thinking = np.array(types) == 0
    sizes_ = np.array(sizes)
    return BlockTable(
        np.array(start), np.array(types), np.where(thinking, 0, sizes_), np.where(thinking, sizes_, 0), np.array(tokens)
    )


def test_tokens_of_blocks_add_up_to_the_call() -> None:
    """One block takes all; a stated count is kept; the rest is shared."""
    nan = float("nan")
    blocks = table([2, 0, 1, 2], [300, 800, 100, 200], [0, 1], [nan, 250, nan, nan])
    share = spread(blocks, np.array([170.0, 420.0]), calibrate(blocks, np.array([170.0, 420.0])))
    assert share.first[0] == pytest.approx(170)
    assert share.first_error[0] == 0
    assert share.per_block[1] == pytest.approx(250, rel=0.01)
    assert share.by_type.sum(axis=1) == pytest.approx([170, 420])


def test_too_few_calls_take_the_usual_ratios() -> None:
    """And say so by a wide error."""
    blocks = table([1], [100], [0], [float("nan")])
    fit = calibrate(blocks, np.array([30.0]))
    assert not fit.fitted
    assert fit.error > 0.3


def test_a_mixture_is_a_distribution() -> None:
    """It grows from 0 to 1, and its density is its slope."""
    mixture = Mixture(np.array([0.3, 0.7]), np.array([0.0, 1.0]), np.array([0.2, 0.5]))
    z = np.linspace(-4, 5, 4001)
    below = mixture.cumulative(z)
    assert below[0] == pytest.approx(0, abs=1e-6)
    assert below[-1] == pytest.approx(1, abs=1e-6)
    assert np.gradient(below, z) == pytest.approx(mixture.density(z), abs=2e-3)


def test_em_finds_two_humps() -> None:
    """From a start that covers both."""
    z = np.linspace(-3, 4, 400)
    truth = Mixture(np.array([0.25, 0.75]), np.array([-1.0, 1.5]), np.array([0.3, 0.3]))
    found = Mixture.spanning(-2, 3, 2).refitted(
        z, 1000 * truth.density(z) / truth.density(z).sum(), least_width=0.05, rounds=60
    )
    assert sorted(found.centre) == pytest.approx([-1.0, 1.5], abs=0.05)
    assert found.share[np.argmin(found.centre)] == pytest.approx(0.25, abs=0.03)


def test_misfit_measures_the_distance_from_uniform() -> None:
    """Evenly spread places fit; places in one half lie half of the way off."""
    even = (np.arange(200) + 0.5) / 200
    assert misfit("", even, 200, 0.1).fits
    assert misfit("", even / 2, 200, 0.1).distance == pytest.approx(0.5, abs=0.01)
    assert not misfit("", even / 2, 200, 0.1).fits
    assert misfit("", np.full(3, np.nan), 3, 0.1).fits


def test_left_out_calls_are_counted_once(plain: Made) -> None:
    """Each under its first reason; used and left out make all."""
    calls = [
        replace(call, flags=("interrupted",), output_tokens=None) if k < 10 else call
        for k, call in enumerate(plain.calls)
    ]
    calls[20] = replace(calls[20], output_tokens=None, output_tokens_source=None)
    trace, found = fitted(Made(calls, plain.ttft_s, plain.decode_tps))
    story = account(trace, found.groups[0])
    assert dict(story.left_out) == {"interrupted": 10, "no final count of output tokens": 1}
    assert story.group.usable + 11 == story.group.calls == 300


def test_one_call_can_be_explained(plain: Made) -> None:
    """Its blocks after sending, its tokens, its figures by kind."""
    trace, found = fitted(plain)
    row = next(k for k, blocks in enumerate(trace.blocks) if len(blocks) == 3)
    reading = call_reading(trace, row, found.groups)
    figures = {(item.metric, item.kind): item for item in reading.figures}
    assert sum(block.tokens or 0 for block in reading.blocks) == pytest.approx(trace.numbers["output_tokens"][row])
    assert reading.blocks[-1].ends_s == pytest.approx(reading.last_s)
    ttft = figures["ttft_s", "estimate"]
    ends = [ttft.low, ttft.value, ttft.high, (figures["first_block_s", "bound"].value or 0) + 0.2]
    assert ends == sorted(ends)  # type: ignore[type-var]
    assert reading.refused is None


def test_a_call_without_an_estimate_says_why(plain: Made) -> None:
    """By its own reason, or its model's."""
    calls: list[Call] = [replace(plain.calls[0], flags=("retried",)), *plain.calls[1:]]
    trace, found = fitted(Made(calls, plain.ttft_s, plain.decode_tps))
    row = next(k for k, flags in enumerate(trace.flags) if flags)
    assert "retried" in (call_reading(trace, row, found.groups).refused or "")
    few, none = fitted(made(20))
    assert "needs 40" in (call_reading(few, 0, none.groups).refused or "")
