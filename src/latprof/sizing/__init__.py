"""Calculators for self-hosting: sizes, contexts, speed limits, electricity, cost per token, break-even.

Pure functions of plain numbers: bytes, bytes per second, tokens, watts, and money in any one currency. GB are
decimal (1e9 bytes), K and M tokens are 1,000 and 1,000,000. All results are estimates, but for the decode
ceiling, which is a bound.
"""

from __future__ import annotations

from latprof.sizing.decode import (
    REAL_SHARE,
    ceiling_tps,
    ceiling_use_share,
    memory_bandwidth,
    read_bytes_per_token,
    real_tps,
)
from latprof.sizing.fine_tuning import TUNING_BYTES_PER_PARAMETER, ApiTuning, OwnTuning, TuningMethod, tuning_bytes
from latprof.sizing.kv_cache import KvCache, Window, attention_kv_bytes, latent_kv_bytes
from latprof.sizing.memory import Fit, fit, largest_context_tokens, room_bytes
from latprof.sizing.owning import (
    OwnedMachine,
    amortised_per_month,
    annual_loss_share,
    break_even_months,
    cost_per_mtok,
    rent_per_month,
    tokens_per_month,
    value_after,
)
from latprof.sizing.plans import (
    Card,
    ContextRow,
    FitRow,
    ModelPlan,
    SizeRow,
    SpeedRow,
    context_rows,
    fit_rows,
    size_rows,
    speed_rows,
)
from latprof.sizing.power import (
    HOURS_PER_MONTH,
    break_even_rate_per_kwh,
    electricity_per_mtok,
    kwh_per_mtok,
    power_cost_per_month,
    system_watts,
)
from latprof.sizing.weights import (
    QUANTISATIONS,
    Quantisation,
    bits_per_weight,
    model_bytes,
    quantisation,
    size_reduction_share,
)

__all__ = [
    "HOURS_PER_MONTH",
    "QUANTISATIONS",
    "REAL_SHARE",
    "TUNING_BYTES_PER_PARAMETER",
    "ApiTuning",
    "Card",
    "ContextRow",
    "Fit",
    "FitRow",
    "KvCache",
    "ModelPlan",
    "OwnTuning",
    "OwnedMachine",
    "Quantisation",
    "SizeRow",
    "SpeedRow",
    "TuningMethod",
    "Window",
    "amortised_per_month",
    "annual_loss_share",
    "attention_kv_bytes",
    "bits_per_weight",
    "break_even_months",
    "break_even_rate_per_kwh",
    "ceiling_tps",
    "ceiling_use_share",
    "context_rows",
    "cost_per_mtok",
    "electricity_per_mtok",
    "fit",
    "fit_rows",
    "kwh_per_mtok",
    "largest_context_tokens",
    "latent_kv_bytes",
    "memory_bandwidth",
    "model_bytes",
    "power_cost_per_month",
    "quantisation",
    "read_bytes_per_token",
    "real_tps",
    "rent_per_month",
    "room_bytes",
    "size_reduction_share",
    "size_rows",
    "speed_rows",
    "system_watts",
    "tokens_per_month",
    "tuning_bytes",
    "value_after",
]
