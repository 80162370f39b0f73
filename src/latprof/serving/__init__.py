"""A model of a serving cluster: how long one iteration takes, and what clients see in a steady state."""

from __future__ import annotations

from latprof.serving.hardware import (
    Deployment,
    Gpu,
    ModelCard,
    Precision,
    Speculation,
    kv_capacity_tokens,
    weight_bytes,
)
from latprof.serving.parameters import Parameters, default_parameters
from latprof.serving.steady import Steady, steady
from latprof.serving.step import Batch, roofline_s, step_s

__all__ = [
    "Batch",
    "Deployment",
    "Gpu",
    "ModelCard",
    "Parameters",
    "Precision",
    "Speculation",
    "Steady",
    "default_parameters",
    "kv_capacity_tokens",
    "roofline_s",
    "steady",
    "step_s",
    "weight_bytes",
]
