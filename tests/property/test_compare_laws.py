"""Laws of the step formula: what must hold for any calls and any speeds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from latprof.catalogue import Entry
from latprof.compare import Profile, Usage, usage_of
from latprof.compare.steps import difference, percentiles, step_s
from made_calls import NOON, made, trace_of

TOKENS = st.integers(1, 20_000)
CALLS = st.lists(st.tuples(TOKENS, TOKENS, st.integers(0, 3)), min_size=2, max_size=40)
SPEEDS = st.floats(1, 5000)
FIRST = st.floats(0.01, 60)


def _usage(calls: list[tuple[int, int, int]]) -> Usage:
    made_calls = [
        made(
            k,
            at=NOON + 10 * k,
            input_tokens=inputs,
            cache_read_tokens=inputs // 2,
            output_tokens=out,
            session_id=f"s{s}",
        )
        for k, (inputs, out, s) in enumerate(calls)
    ]
    return usage_of(trace_of(*made_calls))


def _profile(first: float, speed: float, slope: float | None = None) -> Profile:
    entry = Entry("hosted", "x", "x")
    return Profile(
        entry, "measured", "single_stream", (), decode_tps=speed, ttft_s=first, s_per_token=slope,
        ttft_at_tokens=None if slope is None else 0.0,
    )  # fmt: skip


@given(CALLS, FIRST, SPEEDS)
def test_more_output_is_never_faster(calls: list[tuple[int, int, int]], first: float, speed: float) -> None:
    """And twice the tokens at twice the speed take as long."""
    usage, profile = _usage(calls), _profile(first, speed)
    before = step_s(profile, usage)
    more = replace(usage, output_tokens=usage.output_tokens * 2)
    assert (step_s(profile, more) >= before).all()
    assert step_s(_profile(first, speed * 2), more) == pytest.approx(before)
    assert (before >= first).all()


@given(CALLS, FIRST, SPEEDS, st.floats(0, 0.01))
def test_a_colder_cache_is_never_faster(
    calls: list[tuple[int, int, int]], first: float, speed: float, slope: float
) -> None:
    """Uncached input only adds."""
    usage, profile = _usage(calls), _profile(first, speed, slope)
    colder = replace(usage, cached_tokens=usage.cached_tokens * 0.5)
    assert (step_s(profile, colder) >= step_s(profile, usage)).all()


@given(CALLS, FIRST, SPEEDS)
def test_percentiles_are_in_order_and_inside_their_intervals(
    calls: list[tuple[int, int, int]], first: float, speed: float
) -> None:
    """p50 <= p90 <= p99, low <= value <= high."""
    usage = _usage(calls)
    found = percentiles(step_s(_profile(first, speed), usage), usage.session)
    values = [item.value for item in found if item.value is not None]
    assert values == sorted(values)
    for item in found:
        assert item.low is None or item.value is None or item.low <= item.value
        assert item.high is None or item.value is None or item.value <= item.high


@given(CALLS)
def test_nothing_differs_from_itself(calls: list[tuple[int, int, int]]) -> None:
    """And a difference turned round has the other sign."""
    usage = _usage(calls)
    same = difference(usage.today_s, usage.today_s, usage.session)
    assert same.mean_s == 0
    there, back = (difference(a, b, usage.session) for a, b in (_pair(usage), _pair(usage)[::-1]))
    assert there.mean_s == pytest.approx(-back.mean_s)
    if there.low_s is not None and back.high_s is not None:
        assert there.low_s == pytest.approx(-back.high_s, abs=1e-9)


def _pair(usage: Usage) -> tuple[np.ndarray, np.ndarray]:
    return usage.output_tokens / 100, usage.today_s
