"""Fitted parameters of the step model: values, uncertainty, date and source, from the packaged data."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from latprof.serving.hardware import Deployment

__all__ = ["Parameters", "default_parameters"]

# First values, from the published survey fit: 75 % of bandwidth, 41 us a layer, 53 us a layer with several GPUs.
_FIRST = {
    "k_weights": 1.33, "k_kv": 1.19, "k_compute": 1.45, "k_attention": 1.45, "k_link": 1.0, "layer_s": 41e-6,
    "tp_layer_s": 53e-6, "seq_s": 6e-6, "step_s": 1e-4, "factor": 1.0, "first_token_s": 0.05,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Parameters:
    """Values by name (seconds, or factors >= 1 on an ideal time), with terms per engine and architecture.

    `adjust` holds natural logarithms of factors: `adjust["engine:vllm"]["layer_s"]` is added to log(layer_s) for
    that engine. `decode_factor` and `prefill_factor` scale a whole iteration (uncertainty draws, calibration).
    """

    values: Mapping[str, float]
    sd: Mapping[str, float] = field(default_factory=dict)
    adjust: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    date: str = ""
    source: str = ""

    def values_for(self, deployment: Deployment) -> Mapping[str, float]:
        """The values that hold for this engine, architecture, precision and GPU generation."""
        return MappingProxyType(dict(self.values))

    def scaled(self, factor: float) -> Parameters:
        """The same with every iteration `factor` times as long."""
        return replace(self, values={**self.values, "factor": self.values.get("factor", 1.0) * factor})


@cache
def default_parameters() -> Parameters:
    """The parameters that come with the package."""
    place = resources.files("latprof.serving") / "data" / "parameters.json"
    if not place.is_file():
        return Parameters(_FIRST)
    read = json.loads(place.read_text(encoding="utf-8"))
    return Parameters(read["values"], read["sd"], read["adjust"], read["date"], read["source"])
