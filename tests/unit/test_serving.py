"""Names, shapes and refusals of the serving model; the expected values are arithmetic on published figures."""

from __future__ import annotations

import pytest

from latprof.errors import UsageError
from latprof.serving import Deployment, Speculation, kv_capacity_tokens, weight_bytes
from latprof.serving.predict import Point, point_of, points_of, predict
from latprof.serving.step import touched_experts
from latprof.serving.tables import Diffusion, engine_named, gpu_named, model_named, precision_named, unknown_model

ROW = {"model": "deepseek-r1", "gpu": "8xH200", "isl": 8192, "osl": 1024, "concurrency": 16, "engine": "sglang 0.5.9"}


def card(name: str) -> Deployment:
    found = model_named(name)
    assert found is not None
    return Deployment(found, gpu_named("H100"), 4, "fp8")


@pytest.mark.parametrize(
    ("tokens", "share"), [(1, 0.03125), (4, 0.1193), (10, 0.2720), (20, 0.4700), (32, 0.6379), (64, 0.8689)]
)
def test_experts_of_a_256_expert_model(tokens: int, share: float) -> None:
    """1 - (1 - 8/256)^tokens."""
    assert float(touched_experts(256, 8, tokens)) / 256 == pytest.approx(share, abs=2e-3)


def test_kv_of_minimax_on_four_h100() -> None:
    """62 layers x 2 x 8 heads x 128 x 2 bytes = 248 KiB a token; 288 GB less 228.7 GB of weights."""
    used = card("MiniMax-M2.5")
    assert used.kv_bytes_per_token == 248 * 1024
    assert weight_bytes(used) == pytest.approx(228.7e9)
    assert kv_capacity_tokens(used) == pytest.approx(59.3e9 / (248 * 1024), rel=1e-3)


def test_mla_keeps_a_copy_on_each_gpu_of_tensor_parallelism() -> None:
    """Eight copies against one when the attention is data-parallel (which copies its weights instead)."""
    found = model_named("DeepSeek-V3")
    assert found is not None
    tensor = Deployment(found, gpu_named("H200"), 8, "fp8")
    data = Deployment(found, gpu_named("H200"), 8, "fp8", dp=8)
    assert (tensor.kv_shards, tensor.attention_gpus, data.attention_gpus) == (1, 8, 1)
    assert kv_capacity_tokens(data) > 4 * kv_capacity_tokens(tensor)


def test_speculation_gains_a_geometric_sum() -> None:
    """1 + a + a^2 + a^3 for three drafts."""
    assert Speculation(3, 0.5).tokens_per_step == pytest.approx(1.875)
    assert (Speculation().tokens_per_step, Speculation(2, 1.0).tokens_per_step) == (1.0, 3.0)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("deepseek-ai/DeepSeek-R1-0528", "DeepSeek-V3"),
        ("nvidia/DeepSeek-R1-NVFP4", "DeepSeek-V3"),
        ("QWEN/qwen3-235b-a22b-instruct-2507-fp8", "Qwen3-235B-A22B"),
        ("openai/gpt-oss-120b", "gpt-oss-120b"),
        ("minimaxai/minimax-m2.7", "MiniMax-M2.5"),
    ],
)
def test_editions_of_a_model_share_its_shape(text: str, name: str) -> None:
    """Whatever the case, the maker and the suffix of the edition."""
    found = model_named(text)
    assert found is not None
    assert found.name == name


def test_names_of_gpus_engines_and_precisions() -> None:
    """Aliases, whatever the case."""
    assert [gpu_named(name).name for name in ("h100-sxm", "NVIDIA H200", "A100-SXM-80GB")] == ["H100", "H200", "A100"]
    assert [engine_named(name) for name in ("vLLM 0.19", "TensorRT-LLM", "SGLang", "llama.cpp", None)] == [
        "vllm", "trtllm", "sglang", None, None,
    ]  # fmt: skip
    assert [precision_named(name) for name in ("native fp8", "NVFP4", "FP16", "AWQ", "", None)] == [
        "fp8", "fp4", "bf16", "int4", None, None,
    ]  # fmt: skip
    with pytest.raises(UsageError, match="Ascend"):
        gpu_named("Ascend 910B")


def test_a_model_of_two_numbers_keeps_them() -> None:
    """The guessed shape has the total and the active weights that were given."""
    found = unknown_model("new", 300e9, 20e9)
    active = found.shared_params + found.experts_per_token * found.expert_params * found.moe_layers
    assert active == pytest.approx(20e9, rel=0.15)
    assert unknown_model("dense", 30e9).experts == 0
    with pytest.raises(UsageError, match="active"):
        unknown_model("wrong", 1e9, 2e9)


def test_diffusion_models_are_refused() -> None:
    """They do not decode token by token."""
    with pytest.raises(Diffusion):
        model_named("inclusionAI/LLaDA2.1-mini")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"gpu": "2xH100"}, "does not fit"),
        ({"gpu": "8xH900"}, "No GPU"),
        ({"gpu": "H200"}, "How many GPUs"),
        ({"model": "nobody/knows"}, "params_total_b"),
        ({"isl": ""}, "isl is missing"),
        ({"concurrency": "many"}, "no number"),
        ({"parallelism": "disagg P:1x tp8 / D:1x tp8"}, "shared replica"),
    ],
)
def test_what_cannot_be_predicted_says_why(change: dict[str, object], words: str) -> None:
    """A sentence instead of a number."""
    (reason,) = points_of([{**ROW, **change}])
    assert isinstance(reason, str)
    assert words in reason
    (found,) = predict([reason])
    assert (found.ttft_ms, found.tpot_ms, found.reason) == (None, None, reason)


def test_predictions_keep_the_order_of_their_points() -> None:
    """Refusals stand where they were asked."""
    points = points_of([ROW, {**ROW, "gpu": "1xH100"}, {**ROW, "concurrency": 64}])
    first, refused, last = predict(points)
    assert first.tpot_ms is not None
    assert last.tpot_ms is not None
    assert refused.tpot_ms is None
    assert last.tpot_ms > first.tpot_ms
    for found in (first, last):
        assert found.tpot_low_ms is not None
        assert found.tpot_high_ms is not None
        assert found.tpot_low_ms < (found.tpot_ms or 0) < found.tpot_high_ms


def test_what_is_far_from_all_measurements_has_a_wider_band() -> None:
    """A model of an unknown family against one that is in the data."""
    near = point_of(ROW)
    far = point_of({**ROW, "model": "new", "params_total_b": 671, "params_active_b": 37, "precision": "fp8"})
    assert isinstance(near, Point)
    wide = [(found.tpot_high_ms or 0) / (found.tpot_low_ms or 1) for found in predict([near, far])]
    assert wide[1] > wide[0]
