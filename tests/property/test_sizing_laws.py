"""Laws of the calculators, on generated inputs."""

from __future__ import annotations

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from latprof.sizing import (
    KvCache,
    OwnedMachine,
    Window,
    annual_loss_share,
    bits_per_weight,
    break_even_rate_per_kwh,
    ceiling_tps,
    ceiling_use_share,
    electricity_per_mtok,
    fit,
    largest_context_tokens,
    model_bytes,
    real_tps,
    value_after,
)

pytestmark = pytest.mark.property

sizes = st.floats(1e6, 1e12)
shares = st.floats(0.01, 1)
rates = st.floats(0.01, 1)
windows = st.builds(Window, st.floats(1, 1e5), st.integers(1, 10_000))
caches = st.builds(KvCache, st.floats(1, 1e6), st.lists(windows, max_size=3).map(tuple), st.floats(0, 1e9))
machines = st.builds(
    OwnedMachine,
    price=st.floats(0, 1e6),
    tps=st.floats(1, 1e5),
    load_watts=st.floats(100, 1e4),
    rate_per_kwh=rates,
    idle_watts=st.floats(0, 100),
    upkeep_per_month=st.floats(0, 1000),
)


@given(caches, st.floats(0, 1e12, allow_subnormal=False))
def test_the_largest_context_just_fits(cache: KvCache, room: float) -> None:
    """Its cache takes the whole room, not more; where not one token fits it is 0."""
    tokens = cache.largest_context(room)
    if tokens > 0:
        assert cache.bytes_at(tokens) == pytest.approx(room, rel=1e-9)
    else:
        assert room <= cache.fixed_bytes


@given(caches, st.floats(0, 1e6), st.floats(0, 1e6))
def test_a_longer_context_never_takes_less(cache: KvCache, first: float, second: float) -> None:
    """Windows stop growing, nothing shrinks."""
    low, high = sorted((first, second))
    assert cache.bytes_at(low) <= cache.bytes_at(high)


@given(st.floats(1, 1e5), st.integers(1, 1000), st.floats(1e9, 1e12))
def test_a_cache_of_windows_alone_has_no_end(each: float, tokens: int, room: float) -> None:
    """Then only the trained context limits it, and without one there is no answer."""
    cache = KvCache(0, (Window(each, tokens),))
    assert cache.largest_context(room) == math.inf
    with pytest.raises(ValueError, match="stops growing"):
        largest_context_tokens(room + 1e9, 1e9, cache, headroom_bytes=0)
    assert largest_context_tokens(room + 1e9, 1e9, cache, headroom_bytes=0, limit_tokens=4096) == 4096


@given(sizes, caches, st.integers(1, 200_000), st.integers(1, 50), st.integers(1, 64))
def test_one_card_fewer_is_too_few(weights: float, cache: KvCache, context: int, sessions: int, splits: int) -> None:
    """The cards that are named hold the sessions; with one fewer they do not."""
    card = 80e9
    found = fit(card, weights, cache, context, sessions=sessions, headroom_bytes=2e9, kv_splits=splits)
    needed = sessions * cache.bytes_at(context)
    if found is None:
        assert needed / splits >= card - 2e9
        return
    assert found.sessions >= sessions
    assert found.context_tokens is not None
    if found.cards > 1:
        fewer = found.cards - 1
        assert weights / fewer + needed / min(fewer, splits) > (card - 2e9) * (1 - 1e-6)


@given(st.floats(1e6, 1e13), st.floats(0.5, 32))
def test_size_and_bits_are_each_others_inverse(parameters: float, bits: float) -> None:
    """And the size grows with both."""
    assert bits_per_weight(model_bytes(parameters, bits), parameters) == pytest.approx(bits)


@given(st.floats(1e9, 1e13), sizes, st.integers(1, 16))
def test_what_is_real_lies_below_the_ceiling(bandwidth: float, read: float, cards: int) -> None:
    """50 to 70 %, and cards add up."""
    ceiling = ceiling_tps(bandwidth, read, cards)
    low, high = real_tps(ceiling)
    assert ceiling == pytest.approx(cards * ceiling_tps(bandwidth, read))
    assert ceiling_use_share(low, ceiling) == pytest.approx(0.5)
    assert ceiling_use_share(high, ceiling) == pytest.approx(0.7)


@given(st.floats(1, 1e4), st.floats(0.1, 1e5), st.floats(1e-4, 100))
def test_at_the_rate_of_break_even_electricity_costs_what_the_api_costs(watts: float, tps: float, api: float) -> None:
    """The rate is the inverse of the cost."""
    rate = break_even_rate_per_kwh(watts, tps, api)
    assert electricity_per_mtok(watts, tps, rate) == pytest.approx(api)


@given(machines, shares, shares)
def test_a_busier_machine_is_never_dearer_per_token(machine: OwnedMachine, first: float, second: float) -> None:
    """And never cheaper per month."""
    low, high = sorted((first, second))
    assert machine.per_mtok(high) <= machine.per_mtok(low) * (1 + 1e-9)
    assert machine.per_month(low) <= machine.per_month(high) * (1 + 1e-9)


@given(machines, st.floats(1e-3, 1e3))
def test_at_the_volume_of_break_even_both_cost_the_same(machine: OwnedMachine, api: float) -> None:
    """Where there is none, the machine is dearer at full use."""
    volume = machine.break_even_tokens(api)
    if volume is None:
        assert machine.per_mtok() > api * (1 - 1e-9)
        return
    assume(volume > 0)
    use = min(machine.utilisation_at(volume), 1.0)
    assert machine.per_month(use) == pytest.approx(api * volume / 1e6, rel=1e-6)
    assert machine.break_even_utilisation(api) == pytest.approx(use)


@given(machines, st.floats(0, 1e5), shares)
def test_when_it_has_paid_both_have_cost_the_same(machine: OwnedMachine, bill: float, use: float) -> None:
    """Months x API = price + months x running costs."""
    months = machine.break_even_months(bill, use)
    running = machine.upkeep_per_month + machine.power_per_month(use)
    if months is None:
        assert bill <= running
    else:
        assert months * bill == pytest.approx(machine.price + months * running, rel=1e-6, abs=1e-6)


@given(st.floats(1, 1e6), st.floats(0, 0.95), st.floats(0.5, 10))
def test_loss_and_value_are_each_others_inverse(price: float, loss: float, years: float) -> None:
    """A yearly loss leads to a value, the value back to the loss."""
    value = value_after(price, years, loss)
    assume(value > 0)
    assert annual_loss_share(price, value, years) == pytest.approx(loss, abs=1e-6)
