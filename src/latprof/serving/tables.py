"""The packaged tables of models, GPUs and engines, and how a name is found in them, whatever its case."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any, Final

from latprof.errors import UsageError
from latprof.serving.hardware import Gpu, ModelCard, Precision

__all__ = [
    "ENGINES",
    "Diffusion",
    "engine_named",
    "gpu_named",
    "gpus",
    "model_named",
    "models",
    "precision_named",
    "unknown_model",
]

ENGINES: Final = ("vllm", "sglang", "trtllm")
_ENGINE_ALIASES: Final = {
    "vllm": "vllm", "sglang": "sglang", "sgl": "sglang", "trtllm": "trtllm", "trt": "trtllm", "tensorrtllm": "trtllm",
    "tensorrt": "trtllm", "trt-llm": "trtllm", "tensorrt-llm": "trtllm",
}  # fmt: skip
_PRECISIONS: Final[tuple[tuple[str, Precision], ...]] = (
    ("nvfp4", "fp4"), ("mxfp4", "fp4"), ("fp4", "fp4"), ("w4a16", "int4"), ("int4", "int4"), ("awq", "int4"),
    ("gptq", "int4"), ("4bit", "int4"), ("4-bit", "int4"), ("w8a8", "fp8"), ("int8", "fp8"), ("fp8", "fp8"),
    ("bf16", "bf16"), ("fp16", "bf16"), ("bfloat16", "bf16"), ("float16", "bf16"),
)  # fmt: skip
# What follows a model's name in the names of its editions.
_EDITIONS: Final = (
    "fp8", "fp4", "nvfp4", "mxfp4", "fp8dynamic", "awq", "gptq", "int4", "int8", "bf16", "fp16", "instruct", "it",
    "chat", "base", "thinking", "think", "preview", "hf", "dynamic", "2501", "2503", "2505", "2506", "2507",
    "2512", "0324", "0528", "0711", "0905", "latest", "mtp", "eagle",
)  # fmt: skip


class Diffusion(UsageError):
    """A model that does not generate token after token."""


def _data(name: str) -> Mapping[str, Any]:
    text = (resources.files("latprof.serving") / "data" / name).read_text(encoding="utf-8")
    return tomllib.loads(text)


@cache
def gpus() -> Mapping[str, Gpu]:
    """Every GPU by its plain name and aliases."""
    found: dict[str, Gpu] = {}
    for row in _data("gpus.toml")["gpu"]:
        gpu = Gpu(
            name=row["name"],
            bf16_flops=row["bf16_tflops"] * 1e12,
            bandwidth_bytes_s=row["bandwidth_tb_s"] * 1e12,
            memory_bytes=row["memory_gb"] * 1e9,
            link_bytes_s=row["link_gb_s"] * 1e9,
            generation=row["generation"],
            fp8_flops=row["fp8_tflops"] * 1e12 if "fp8_tflops" in row else None,
            fp4_flops=row["fp4_tflops"] * 1e12 if "fp4_tflops" in row else None,
        )
        found |= {_plain(alias): gpu for alias in (row["name"], *row.get("aliases", ()))}
    return found


@cache
def models() -> Mapping[str, Mapping[str, Any]]:
    """Every model's row by its plain name and aliases."""
    rows = _data("models.toml")["model"]
    return {_plain(alias): row for row in rows for alias in (row["name"], *row.get("aliases", ()))}


def _plain(name: str) -> str:
    """Lower case, letters, digits and points only, without the maker."""
    return re.sub(r"[^a-z0-9.]+", "", name.rpartition("/")[2].casefold())


def gpu_named(name: str) -> Gpu:
    """The GPU of this name. Raises UsageError with the known names."""
    found = gpus().get(re.sub(r"^(nvidia|amd)", "", _plain(name)))
    if found is None:
        known = ", ".join(dict.fromkeys(gpu.name for gpu in gpus().values()))
        raise UsageError(f"No GPU is called {name or 'so'}: choose from {known}.")
    return found


def engine_named(name: str | None) -> str | None:
    """'vLLM 0.19' -> 'vllm'; None for an engine that has no terms of its own."""
    words = re.findall(r"[a-z][a-z-]*", (name or "").casefold())
    return next((_ENGINE_ALIASES[word] for word in words if word in _ENGINE_ALIASES), None)


def precision_named(name: str | None) -> Precision | None:
    """'native FP8', 'nvfp4', 'AWQ' ... -> the width of the weights; None when the text says none."""
    text = (name or "").casefold()
    return next((precision for word, precision in _PRECISIONS if word in text), None)


def model_named(name: str) -> ModelCard | None:
    """The card of a model or of an edition of it ('Qwen/Qwen3-32B-FP8'); None when it is unknown.

    Raises Diffusion for a model that is known and not autoregressive.
    """
    row = models().get(_plain(name)) or models().get(_without_edition(name))
    if row is None:
        return None
    if row.get("diffusion"):
        raise Diffusion(f"{row['name']} is a diffusion language model: it does not decode token by token.")
    return _card(row)


def _without_edition(name: str) -> str:
    parts = re.split(r"[\s_\-+:]+", name.rpartition("/")[2].casefold())
    while len(parts) > 1 and (parts[-1] in _EDITIONS or parts[-1] in {"16e", "128e"}):
        parts.pop()
    return _plain("-".join(parts))


def _card(row: Mapping[str, Any]) -> ModelCard:
    attention = row.get("attention", "gqa")
    layers, window = row["layers"], row.get("window_layers", 0)
    return ModelCard(
        name=row["name"],
        family=row["family"],
        total_params=row["total_b"] * 1e9,
        active_params=row["active_b"] * 1e9,
        layers=layers,
        hidden=row["hidden"],
        heads=row["heads"],
        kv_heads=row["kv_heads"],
        head_dim=row["head_dim"],
        kv_values=576 if attention == "mla" else 2 * row["kv_heads"] * row["head_dim"],
        vocabulary=row.get("vocab", 0),
        attention=attention,
        full_layers=row.get("full_layers", layers - window),
        window_layers=window,
        window_tokens=row.get("window_tokens", 0),
        sparse_tokens=row.get("sparse_tokens", 0),
        experts=row.get("experts", 0),
        experts_per_token=row.get("experts_per_token", 0),
        expert_width=row.get("expert_width", 0),
        moe_layers=row.get("moe_layers", 0),
        native_precision=row.get("native_precision", "bf16"),
    )


def unknown_model(name: str, total_params: float, active_params: float | None = None) -> ModelCard:
    """A card from the parameters alone (numbers, not billions); what is not known follows usual proportions.

    Layers and width grow as those of the models in the table: both with the cube root of the weights that a
    dense model of the same depth would have. Experts: top 8, with 60 % of the active weights in routed experts.
    Raises UsageError for parameters that are not positive, or more active than total.
    """
    active = total_params if active_params is None else active_params
    if not 0 < active <= total_params:
        raise UsageError(f"{name}: active parameters must be positive and at most the total.")
    body = math.sqrt(active * total_params)
    layers = max(8, round(34 * (body / 8e9) ** (0.33 if active == total_params else 0.2)))
    sparse = active < 0.9 * total_params
    hidden = 128 * round((4096 if not sparse else 2900) * (body / 8e9) ** (1 / 3 if not sparse else 0.25) / 128)
    shape: dict[str, Any] = {}
    if sparse:
        per_token = 8
        one = 0.6 * active / (per_token * layers)
        count = max(per_token, round((total_params - 0.4 * active) / (one * layers)))
        width = max(1, round(one / (3 * hidden)))
        shape = {"experts": count, "experts_per_token": per_token, "expert_width": width, "moe_layers": layers}
    guessed = ("layers", "hidden", "heads", "kv_heads", "head_dim", *shape)
    return ModelCard(
        name=name, family=f"unknown:{_plain(name)}", total_params=total_params, active_params=active, layers=layers,
        hidden=hidden, heads=max(1, hidden // 128), kv_heads=8, head_dim=128, kv_values=2048, full_layers=layers,
        guessed=guessed, **shape,
    )  # fmt: skip
