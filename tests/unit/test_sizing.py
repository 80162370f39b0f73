"""The calculators on cases whose answer is known from elsewhere or from thought."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from latprof.sizing import (
    ApiTuning,
    Card,
    KvCache,
    ModelPlan,
    OwnedMachine,
    OwnTuning,
    Quantisation,
    Window,
    amortised_per_month,
    attention_kv_bytes,
    ceiling_tps,
    context_rows,
    fit,
    fit_rows,
    latent_kv_bytes,
    model_bytes,
    quantisation,
    speed_rows,
    tokens_per_month,
    tuning_bytes,
    value_after,
)

KIB = 1024


@pytest.mark.parametrize(
    ("layers", "kv_heads", "head_dim", "kib"),
    [
        (12, 2, 256, 24),  # Qwen3-Coder-Next, the layers with full attention
        (16, 4, 256, 64),  # Qwen3.5-27B
        (62, 8, 128, 248),  # MiniMax M2.5
        (48, 4, 128, 96),  # Qwen3-30B-A3B
        (88, 8, 128, 352),  # Devstral 2 123B
        (18, 8, 64, 36),  # gpt-oss-120b, the layers with full attention
    ],
)
def test_grouped_queries(layers: int, kv_heads: int, head_dim: int, kib: int) -> None:
    """Sizes at 16 bit as published configurations give them."""
    assert attention_kv_bytes(layers, kv_heads, head_dim) == kib * KIB


def test_multi_head_attention_is_the_case_with_as_many_key_value_heads() -> None:
    """Llama 2 7B: 32 layers, 32 heads of 128 take 512 KiB."""
    assert attention_kv_bytes(32, 32, 128) == 512 * KIB


@pytest.mark.parametrize(("layers", "kib"), [(61, 68.6), (78, 87.75)])
def test_latent_attention(layers: int, kib: float) -> None:
    """DeepSeek V3.2 and GLM-5: one vector of 512 + 64 per layer, 69 and 88 KiB."""
    assert latent_kv_bytes(layers, 512, 64) == pytest.approx(kib * KIB, abs=30)


def test_a_window_stops_growing() -> None:
    """gpt-oss-120b: 18 layers see everything, 18 only 128 tokens."""
    full = attention_kv_bytes(18, 8, 64)
    cache = KvCache(full, (Window(full, 128),))
    assert cache.bytes_at(100) == 200 * full
    assert cache.bytes_at(1128) == 1256 * full
    assert cache.largest_context(1256 * full) == pytest.approx(1128)


def test_a_state_of_fixed_size_is_there_from_the_first_token() -> None:
    """Linear attention: less room than the state means no context."""
    assert KvCache(10, fixed_bytes=1000).bytes_at(0) == 1000
    assert KvCache(10, fixed_bytes=1000).largest_context(900) == 0
    assert KvCache(10, fixed_bytes=1000).largest_context(1100) == 10


def test_tensor_parallelism_copies_latents() -> None:
    """DeepSeek V3.2 at FP8 on 8 x 141 GB, 0.9 usable: 4.9M tokens if split, 0.6M if every card holds a copy."""
    cache, usable = KvCache(latent_kv_bytes(61, 512, 64)), 141e9 * 0.9
    split = fit(usable, 671e9, cache, 1000, sessions=4000, headroom_bytes=0)
    copied = fit(usable, 671e9, cache, 1000, sessions=600, headroom_bytes=0, kv_splits=1)
    assert split is not None
    assert copied is not None
    assert (split.cards, copied.cards) == (8, 8)
    assert split.context_tokens == pytest.approx(4.9e6, rel=0.02)
    assert copied.context_tokens == pytest.approx(0.6e6, rel=0.03)


def test_room_of_minimax_on_four_cards() -> None:
    """FP8 on 4 x H100, 0.9 of the memory: 59 GB, 232 thousand tokens at 16 bit, two sessions of 100 thousand."""
    found = fit(
        72e9, 229e9, KvCache(attention_kv_bytes(62, 8, 128)), 100_000, sessions=2, headroom_bytes=0, kv_splits=8
    )
    assert found is not None
    assert found.cards == 4
    assert found.room_bytes == pytest.approx(59e9)
    assert found.context_tokens == pytest.approx(232_000, rel=0.002)
    assert found.sessions == 2


def test_caches_that_no_number_of_cards_holds() -> None:
    """A copy on every card that is larger than a card."""
    assert fit(80e9, 1e9, KvCache(1e6), 100_000, headroom_bytes=0, kv_splits=1) is None
    assert fit(1e9, 1e9, KvCache(1e6), 10, headroom_bytes=1e9) is None


def test_quantisations_by_name() -> None:
    """In any case; Llama 3.1 8B at Q4_K_M is a file of 4.9 GB, 70B one of 43.1 (70.6B)."""
    assert model_bytes(8.03e9, quantisation("q4_k_m").bits) == pytest.approx(4.9e9, rel=0.01)
    assert model_bytes(70.6e9, quantisation("Q4_K_M").bits) == pytest.approx(43.1e9, rel=0.01)
    with pytest.raises(ValueError, match="no quantisation is called Q9"):
        quantisation("Q9")


def plan(**more: float | None) -> ModelPlan:
    return ModelPlan("m", 10e9, 2e9, **more)  # type: ignore[arg-type]


def test_a_sparse_attention_reads_less_than_it_keeps() -> None:
    """2,048 tokens of the cache and the index of all: what bounds the speed; the memory holds all."""
    dense, sparse = plan(kv_bytes=1000.0), plan(kv_bytes=1000.0, index_bytes=10.0, sparse_tokens=2048)
    assert dense.cache_read_bytes(16, 10_000) == 10e6
    assert sparse.cache_read_bytes(16, 10_000) == 2048 * 1000 + 10_000 * 10
    assert sparse.cache_read_bytes(8, 1000) == 1000 * 510
    assert sparse.cache(16).bytes_at(10_000) == 10_000 * 1010
    assert plan().cache_read_bytes(16, 0) == 0


def test_a_speed_reads_active_weights_and_the_cache() -> None:
    """1 TB/s over 2 GB of weights and 0.5 GB of cache: 400 tokens per second; 10.5 GB do not fit in 10."""
    cards = [Card("small", 10e9, 1e12), Card("none", 99e9, None), Card("fast", None, 2e12)]
    rows = speed_rows(plan(kv_bytes=1000.0), 8, cards, context_tokens=500_000)
    assert [(row.card.name, row.fits, row.ceiling_tps) for row in rows] == [("fast", None, 800), ("small", False, 400)]
    assert (rows[1].low_tps, rows[1].high_tps) == pytest.approx((200, 280))


def test_a_table_of_contexts_leaves_out_what_has_no_memory() -> None:
    """10 GB of weights, 1 GB kept free: 1 GB is a million tokens of 1,000 bytes, 2 million at 8 bit."""
    rows = context_rows(
        plan(kv_bytes=1000.0), 8, [Card("a", 12e9), Card("b", 10e9), Card("c", None)], [16, 8], headroom_bytes=1e9
    )
    assert [(row.card.name, row.contexts) for row in rows] == [("a", (1_000_000, 2_000_000)), ("b", (None, None))]


def test_what_fits_has_no_speed_without_a_bandwidth() -> None:
    """Missing is None."""
    known, unknown, impossible = fit_rows(
        [plan(kv_bytes=1000.0)], 8, [Card("a", 12e9, 1e12), Card("b", 12e9), Card("c", 1e9, 1e12)],
        context_tokens=1000, sessions=1, kv_bits=16, headroom_bytes=1e9, most_cards=8,
    )  # fmt: skip
    assert known.ceiling_tps == pytest.approx(1e12 / (2e9 + 1e6))
    assert unknown.fit is not None
    assert unknown.ceiling_tps is None
    assert (impossible.fit, impossible.ceiling_tps, impossible.low_tps) == (None, None, None)


def test_idle_hours_cost_the_purchase_and_the_idle_draw() -> None:
    """3,600 over 36 months, 1 kW under load, 100 W idle, half a month of 1,000 hours busy, 0.2 per kWh."""
    machine = OwnedMachine(3600, 1000, 1000, 0.2, idle_watts=100, hours_per_month=1000, upkeep_per_month=30)
    assert machine.power_per_month(0.5) == pytest.approx((500 * 1 + 500 * 0.1) * 0.2)
    assert machine.per_month(0.5) == pytest.approx(100 + 30 + 110)
    assert machine.tokens_per_month(0.5) == 1000 * 3600 * 500
    assert machine.per_mtok(0.5) == pytest.approx(240 / 1800)


def test_a_machine_whose_electricity_costs_more_than_the_api_never_pays() -> None:
    """Nor one that would have to generate more than it can."""
    wasteful = OwnedMachine(0, 10, 1000, 1.0)
    assert wasteful.break_even_tokens(1.0) is None
    assert wasteful.break_even_months(100, 1.0) is None
    assert OwnedMachine(1e6, 10, 1, 0.1).break_even_utilisation(1.0) is None


def test_free_hardware_breaks_even_at_once() -> None:
    """Nothing was paid, nothing idles."""
    assert OwnedMachine(0, 1000, 100, 0.1).break_even_utilisation(1.0) == 0


def test_residual_value_is_not_paid_off() -> None:
    """7,800 less 2,550 over 36 months."""
    assert amortised_per_month(7800, 36, 2550) == pytest.approx(145.83, abs=0.01)
    assert value_after(1000, 2, 0.5) == 250


def test_a_year_of_fine_tuning() -> None:
    """50 runs of 2M tokens at 3, 100M tokens at 2; a machine for 1,700 with 500 hours of 0.4 kW at 0.15."""
    hosted = ApiTuning(50, 2e6, 3.0, 100e6, 2.0)
    mine = OwnTuning(1700, 400, 500, 0.15)
    assert hosted.per_year() == 500
    assert mine.power_per_year() == pytest.approx(30)
    assert (mine.first_year(), mine.amortised_per_year()) == pytest.approx((1730, 1700 / 3 + 30))
    assert mine.break_even_months(hosted.per_year()) == pytest.approx(1700 / 470 * 12)
    assert mine.break_even_months(30) is None


@pytest.mark.parametrize(
    ("billions", "method", "memory_gb"),
    [(7, "qlora", 16), (20, "qlora", 24), (7, "full", 80), (32, "full", 320)],
)
def test_memory_for_training_begins_below_what_is_said_to_hold_it(billions: int, method: str, memory_gb: int) -> None:
    """The article's own pairs of model and card, lines 423 and 424."""
    low, high = tuning_bytes(billions * 1e9, method)  # type: ignore[arg-type]
    assert low < memory_gb * 1e9
    assert low < high


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (lambda: model_bytes(0, 4), "parameters must be above 0"),
        (lambda: model_bytes(float("nan"), 4), "parameters must be above 0"),
        (lambda: ceiling_tps(1, 0), "read bytes must be above 0"),
        (lambda: tokens_per_month(1, 1.5), "utilisation must be above 0 and at most 1"),
        (lambda: amortised_per_month(100, 36, 200), "residual value must not be above the price"),
        (lambda: OwnedMachine(1, 1, 10, 1, idle_watts=20), "must not be below the draw when idle"),
        (lambda: value_after(1, 1, 1.0), "from 0 to below 1"),
        (lambda: ModelPlan("m", 1, 2), "must not be more than all parameters"),
        (lambda: plan().cache(16), "the cache of m is not known"),
    ],
)
def test_what_has_no_meaning_is_refused(broken: Callable[[], object], words: str) -> None:
    """With the input's name."""
    with pytest.raises(ValueError, match=words):
        broken()


def test_quantisations_name_their_source() -> None:
    """Each bit has one."""
    assert Quantisation("4.5 bits", 4.5, None, "as given").source
    assert all(quantisation(name).source for name in ("BF16", "FP8", "MXFP4", "BitNet"))


def test_more_cards_than_asked_for_do_not_fit() -> None:
    """10 GB of weights on cards of 4 GB with 1 GB kept free: four cards, or none of three."""
    four, three = (
        next(
            fit_rows(
                [plan(kv_bytes=1000.0)],
                8,
                [Card("a", 4e9, 1e12)],
                context_tokens=1000,
                sessions=1,
                kv_bits=16,
                headroom_bytes=1e9,
                most_cards=most,
            )
        )
        for most in (4, 3)
    )
    assert four.fit is not None
    assert (four.fit.cards, three.fit, three.ceiling_tps) == (4, None, None)
