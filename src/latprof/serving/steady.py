"""Closed forms: what clients of a closed loop see when nothing changes any more."""

from __future__ import annotations

from dataclasses import dataclass

from latprof.serving.hardware import Deployment
from latprof.serving.parameters import Parameters
from latprof.serving.step import Batch, step_s

__all__ = ["Steady", "prefill_s", "steady"]


@dataclass(frozen=True, slots=True)
class Steady:
    """Medians of a steady closed loop, in seconds."""

    ttft_s: float
    tpot_s: float


def prefill_s(deployment: Deployment, parameters: Parameters, new_tokens: float, cached_tokens: float = 0.0) -> float:
    """Seconds to compute a prompt alone, in chunks of the token budget."""
    total, done, budget = 0.0, 0.0, deployment.max_batched_tokens
    while done < new_tokens:
        chunk = min(budget, new_tokens - done)
        pairs = chunk * (cached_tokens + done + chunk / 2)
        total += float(step_s(Batch(prefill_tokens=chunk, prefill_pairs=pairs), deployment, parameters))
        done += chunk
    return total


def steady(
    deployment: Deployment, parameters: Parameters, isl: float, osl: float, concurrency: float, cached: float = 0.0
) -> Steady:
    """TTFT and TPOT of `concurrency` clients that send the next call when the last ended."""
    streams = max(float(concurrency), 1.0)
    batch = Batch(decode_streams=streams, context_tokens=streams * (isl + osl / 2))
    decode = float(step_s(batch, deployment, parameters))
    alone = prefill_s(deployment, parameters, isl - cached, cached)
    gain = deployment.speculation.tokens_per_step
    tpot = decode / gain + (streams - 1) / max(osl, 1.0) * alone
    ttft = alone + parameters.values["first_token_s"] + (decode if streams > 1 else 0.0)
    return Steady(ttft, tpot)
