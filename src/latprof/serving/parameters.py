"""Fitted parameters of the step model: values, uncertainty, date and source, from the packaged data."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import field, replace
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Final

from latprof.classes import dataclass
from latprof.serving.hardware import Deployment

__all__ = ["FIRST_GUESS", "Parameters", "default_parameters", "groups"]

# What the fit starts from and leans on: (value, sd of its natural logarithm). The factors and the time per layer
# are those of published fits of the same form (75 % of bandwidth, 69 % of dense peak, some 40 us a layer).
FIRST_GUESS: Final[Mapping[str, tuple[float, float]]] = MappingProxyType(
    {
        "k_weights": (1.33, 0.3), "k_kv": (1.3, 0.3), "k_compute": (1.45, 0.3), "k_attention": (1.45, 0.5),
        "k_link": (1.0, 0.5), "layer_s": (41e-6, 0.5), "tp_layer_s": (40e-6, 0.5), "seq_s": (8e-6, 1.0),
        "step_s": (3e-4, 1.0), "first_token_s": (0.03, 1.0), "waves": (0.3, 1.0), "mixed": (1.0, 0.2),
        "eager_layer_s": (1e-4, 1.0), "k_activation": (12.0, 0.7), "grouped": (1.0, 1.0),
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Parameters:
    """Values by name (seconds, or factors on an ideal time), and what is added for engines and architectures.

    `adjust["engine:vllm"]["layer_s"]` is added to the natural logarithm of layer_s for that engine. `sd` are standard
    deviations of logarithms. `factor` scales every iteration. `band` are the factors of the 80 % bands.
    """

    values: Mapping[str, float]
    sd: Mapping[str, float] = field(default_factory=dict)
    adjust: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    band: Mapping[str, float] = field(default_factory=dict)
    factor: float = 1.0
    date: str = ""
    source: str = ""

    def values_for(self, deployment: Deployment) -> dict[str, float]:
        """The values that hold for this engine, architecture, precision and GPU generation."""
        logs = {name: math.log(value) for name, value in self.values.items()}
        for group in groups(deployment):
            for name, step in self.adjust.get(group, {}).items():
                logs[name] += step
        return {name: math.exp(value) for name, value in logs.items()}

    def scaled(self, factor: float) -> Parameters:
        """The same with every iteration `factor` times as long (a calibration, or a draw of its uncertainty)."""
        return replace(self, factor=self.factor * factor)


def groups(deployment: Deployment) -> tuple[str, ...]:
    """The groups whose adjustments apply to a deployment."""
    experts = ("parallelism:ep",) if deployment.ep > 1 else ()
    return (
        f"engine:{deployment.engine}",
        f"kind:{deployment.model.kind}",
        f"feedforward:{'experts' if deployment.model.experts else 'dense'}",
        f"generation:{deployment.gpu.generation}",
        f"gpu:{deployment.gpu.name}",
        f"precision:{deployment.precision}",
        *experts,
    )


@cache
def default_parameters() -> Parameters:
    """The parameters that come with the package."""
    place = resources.files("latprof.serving") / "data" / "parameters.json"
    if not place.is_file():
        return Parameters({name: value for name, (value, _) in FIRST_GUESS.items()})
    read = json.loads(place.read_text(encoding="utf-8"))
    return Parameters(read["values"], read["sd"], read["adjust"], read["band"], 1.0, read["date"], read["source"])
