"""A second opinion on a steady load from AIConfigurator's kernel tables, when that package is installed.

It is asked for models whose configuration it brings along only: for others it would try the network, and latprof makes
no connection of any kind.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Iterator
from importlib import resources
from typing import Any, Final

from latprof.classes import dataclass
from latprof.errors import UsageError
from latprof.serving.predict import Point
from latprof.serving.tables import model_named

__all__ = ["ORACLES", "Opinion", "second_opinion"]

ORACLES: Final = ("aiconfigurator",)
_PACKAGE: Final = "aiconfigurator_core"
_SYSTEMS: Final = {
    "A100": "a100_sxm", "A100-PCIe": "a100_pcie", "H100": "h100_sxm", "H100-PCIe": "h100_pcie", "H200": "h200_sxm",
    "B200": "b200_sxm", "B300": "b300_sxm", "L40S": "l40s",
}  # fmt: skip
# Modes of matrix products for each width of weights, in the order in which they are tried.
_MODES: Final = {
    "bf16": ("bfloat16",), "fp8": ("fp8_block", "fp8"), "fp4": ("nvfp4", "w4a16_mxfp4"), "int4": ("int4_wo",),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Opinion:
    """TTFT and TPOT in milliseconds: means, without queueing and without a band."""

    ttft_ms: float
    tpot_ms: float
    source: str


def second_opinion(point: Point, oracle: str) -> Opinion:
    """What the oracle says of this point. Raises UsageError when it is not there, or cannot say.

    TPOT = one decoding iteration at the middle of the answer + (B - 1) / OSL x the computation of a prompt; TTFT = that
    computation + half an iteration.
    """
    if oracle not in ORACLES:
        raise UsageError(f"No oracle is called {oracle}: choose {ORACLES[0]}.")
    handle, load, deployment = _handle(point), point.load, point.deployment
    streams = math.ceil(load.concurrency / deployment.dp)
    try:
        decode = float(handle.decode_step_latency(streams, round(load.isl + load.osl / 2), 2))
        prompt = float(handle.predict_prefill_latency(1, max(round(load.isl - load.cached), 1), round(load.cached)))
    except Exception as error:  # noqa: BLE001 - whatever the foreign engine raises
        raise UsageError(f"AIConfigurator has no data for this load ({type(error).__name__}).") from None
    half = decode / 2 if load.concurrency > 1 else 0.0
    return Opinion(prompt + half, decode + (load.concurrency - 1) / load.osl * prompt, f"AIConfigurator {_version()}")


def _version() -> str:
    from importlib import metadata

    try:
        return metadata.version("aiconfigurator-core")
    except metadata.PackageNotFoundError:
        return "of unknown version"


def _handle(point: Point) -> Any:
    """The compiled engine of the deployment, with the first modes of computation for which there is data."""
    try:
        engine = importlib.import_module(f"{_PACKAGE}.sdk.engine")
    except ImportError:
        raise UsageError(
            "AIConfigurator is not installed: run pip install 'latprof[aiconfigurator]' with Python 3.11 to 3.13 "
            "on Linux (x86-64) or macOS (arm64)."
        ) from None
    used = point.deployment
    system, name = _SYSTEMS.get(used.gpu.name), _bundled(used.model.name)
    if system is None or used.engine not in {"vllm", "sglang", "trtllm"}:
        raise UsageError(f"AIConfigurator has no data for {used.engine} on {used.gpu.name}.")
    if name is None:
        raise UsageError(f"AIConfigurator brings no configuration of {used.model.name} along, and would ask a network.")
    for settings in _settings(point):
        try:
            handle = engine.EngineHandle.compile(name, system, used.engine, **settings)
            handle.decode_step_latency(1, 128, 2)
            handle.predict_prefill_latency(1, 128, 0)
        except Exception:  # noqa: BLE001, S112 - it raises many kinds for modes without data; the next is tried
            continue
        return handle
    raise UsageError(f"AIConfigurator has no data for {used.model.name} in {used.precision} on {used.gpu.name}.")


def _bundled(model: str) -> str | None:
    """The name under which the package brings this model's configuration along."""
    end = "_config.json"
    folder = resources.files(_PACKAGE) / "model_configs"
    files = sorted(item.name for item in folder.iterdir() if item.name.endswith(end) and "hf_quant" not in item.name)
    names = [name.removesuffix(end).replace("--", "/", 1) for name in files]
    return next((name for name in names if _is_model(name, model)), None)


def _is_model(name: str, model: str) -> bool:
    try:
        card = model_named(name)
    except UsageError:
        return False
    return card is not None and card.name == model


def _settings(point: Point) -> Iterator[dict[str, Any]]:
    """Arguments of the engine, most usual modes first; it does not fall back between modes by itself."""
    used = point.deployment
    layout: dict[str, Any] = {"tp_size": used.attention_gpus, "attention_dp_size": used.dp}
    if used.model.experts:
        experts = used.n_gpu if used.ep > 1 else 1
        layout |= {"moe_tp_size": used.n_gpu // experts, "moe_ep_size": experts}
    if used.speculation.draft_tokens:
        layout["nextn"] = used.speculation.draft_tokens
    for mode in _MODES[used.precision]:
        for cache in ("bfloat16", "fp8"):
            modes = {"gemm_quant_mode": mode, "kvcache_quant_mode": cache, "fmha_quant_mode": "bfloat16"}
            yield {**layout, **modes, **({"moe_quant_mode": mode} if used.model.experts else {})}
    yield layout
