"""Laws of the step model: no free lunch, no step backwards, one stream is the closed form."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latprof.serving import (
    Batch,
    Deployment,
    default_parameters,
    kv_capacity_tokens,
    roofline_s,
    steady,
    step_s,
)
from latprof.serving.step import touched_experts
from latprof.serving.tables import gpu_named, model_named

pytestmark = pytest.mark.property

MODELS = (
    "Llama-3.1-8B",
    "Qwen3-32B",
    "Qwen3-235B-A22B",
    "DeepSeek-V3",
    "MiniMax-M2.5",
    "Qwen3-Coder-Next",
    "gpt-oss-120b",
)
PARAMETERS = default_parameters()


def deployment(model: str, gpu: str, n_gpu: int, engine: str) -> Deployment:
    card = model_named(model)
    assert card is not None
    return Deployment(card, gpu_named(gpu), n_gpu, "fp8", engine)


deployments = st.builds(
    deployment,
    st.sampled_from(MODELS),
    st.sampled_from(("A100", "H100", "H200", "B200")),
    st.sampled_from((1, 2, 4, 8)),
    st.sampled_from(("vllm", "sglang", "trtllm", "other")),
)
streams = st.integers(0, 256)
contexts = st.integers(1, 200_000)
prompts = st.integers(0, 8192)


def batch(count: int, context: int, prompt: int) -> Batch:
    return Batch(float(count), float(count * context), float(prompt), prompt * prompt / 2)


@given(deployments, streams, contexts, prompts)
def test_an_iteration_is_never_above_the_roofline(used: Deployment, count: int, context: int, prompt: int) -> None:
    """Bandwidth and peak are the least that any factor can leave, also one below 1."""
    work = batch(count, context, prompt)
    for parameters in (PARAMETERS, PARAMETERS.scaled(0.01)):
        assert step_s(work, used, parameters) >= roofline_s(work, used)


@given(deployments, st.integers(1, 256), contexts, prompts, st.integers(0, 64), st.integers(0, 50_000))
def test_more_work_takes_no_less_time(
    used: Deployment, count: int, context: int, prompt: int, more: int, longer: int
) -> None:
    """Monotone in streams, in context and in prompt tokens."""
    least = step_s(batch(count, context, prompt), used, PARAMETERS)
    assert step_s(batch(count + more, context, prompt), used, PARAMETERS) >= least
    assert step_s(batch(count, context + longer, prompt), used, PARAMETERS) >= least
    assert step_s(batch(count, context, prompt + more), used, PARAMETERS) >= least * (1 - 1e-12)


@given(
    st.sampled_from(MODELS), st.sampled_from(("H100", "H200", "B200")), st.integers(1, 64), st.integers(1000, 50_000)
)
def test_the_roofline_falls_with_more_gpus(model: str, gpu: str, count: int, context: int) -> None:
    """Each GPU has less to read and to compute; what links cost is not part of the roofline."""
    times = [float(roofline_s(batch(count, context, 2048), deployment(model, gpu, n, "vllm"))) for n in (1, 2, 4, 8)]
    assert times == sorted(times, reverse=True)


@given(st.sampled_from(("H200", "B200")), st.integers(1, 32), st.integers(1000, 16_000))
def test_a_large_dense_model_is_never_slower_on_more_gpus(gpu: str, count: int, context: int) -> None:
    """Where reading weights takes longer than links and launches, tensor parallelism helps; the cache holds all."""
    times = [steady(deployment("Llama-3.1-70B", gpu, n, "vllm"), PARAMETERS, context, 500, count) for n in (2, 4, 8)]
    assert [t.tpot_s for t in times] == sorted((t.tpot_s for t in times), reverse=True)


@given(deployments, st.integers(10, 100_000), st.integers(2, 4000))
def test_one_stream_is_the_closed_form(used: Deployment, isl: int, osl: int) -> None:
    """Alone, TPOT is an iteration with one stream in the middle of its answer."""
    found = steady(used, PARAMETERS, isl, osl, 1)
    assert found.tpot_s == pytest.approx(float(step_s(Batch(1.0, isl + osl / 2), used, PARAMETERS)))


@given(deployments, st.integers(100, 20_000), st.integers(50, 2000), st.integers(1, 100), st.integers(1, 50))
def test_company_never_makes_a_stream_faster(used: Deployment, isl: int, osl: int, count: int, more: int) -> None:
    """Monotone in concurrency, as long as all fit into the cache."""
    if kv_capacity_tokens(used) < (count + more) * (isl + osl):
        return
    alone, together = (steady(used, PARAMETERS, isl, osl, n) for n in (count, count + more))
    assert together.tpot_s >= alone.tpot_s * (1 - 1e-9)


@given(deployments, st.floats(0.5, 1.0))
def test_the_cache_holds_no_more_than_the_memory(used: Deployment, part: float) -> None:
    """Tokens times their bytes and copies, and the weights, stay within nine tenths of the memory."""
    copies = used.attention_gpus / used.kv_shards
    held = kv_capacity_tokens(used) * used.kv_bytes_per_token * copies
    assert held <= 0.9 * used.n_gpu * used.gpu.memory_bytes
    small = replace(used, gpu=replace(used.gpu, memory_bytes=used.gpu.memory_bytes * part))
    assert kv_capacity_tokens(small) <= kv_capacity_tokens(used)


@given(st.integers(2, 512), st.integers(1, 8), st.integers(0, 10_000))
def test_touched_experts_stay_within_what_is_chosen(experts: int, chosen: int, tokens: int) -> None:
    """At most all, at most k per token; one token touches k."""
    chosen = min(chosen, experts)
    found = float(touched_experts(experts, chosen, tokens))
    assert -1e-9 <= found <= min(experts, chosen * tokens) * (1 + 1e-9)
    assert float(touched_experts(experts, chosen, 1)) == pytest.approx(chosen)
