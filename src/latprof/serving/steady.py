"""Closed forms: what clients of a closed loop see when nothing changes any more."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latprof.serving.hardware import Deployment, kv_capacity_tokens
from latprof.serving.parameters import Parameters
from latprof.serving.step import Batch, Terms, combined_s, least_s, step_terms

__all__ = ["Load", "Mix", "Steady", "closed_form", "mix_of", "stacked", "steady"]

Floats = NDArray[np.float64]
# Where weights leave next to nothing of the usual share of memory, engines are started with a larger share.
_LEAST_ROOM = 0.05


@dataclass(frozen=True, slots=True)
class Load:
    """Clients of a closed loop: each sends `isl` tokens, `cached` of them in the cache, and gets `osl`."""

    isl: float
    osl: float
    concurrency: float
    cached: float = 0.0


@dataclass(frozen=True, slots=True)
class Mix:
    """The iterations of a steady state, as ideal times, and how often each kind occurs.

    `decode`: streams only. `mixed`: with the prompts that arrive meanwhile. `own`: a chunk of one prompt alone.
    `share`: part of the iterations that are mixed. `prompts`: prompts in a mixed iteration. `running` of `clients` fit
    into the KV cache.
    """

    decode: Terms
    mixed: Terms
    own: Terms
    share: Any
    prompts: Any
    chunks: Any
    running: Any
    clients: Any
    osl: Any
    gain: Any


@dataclass(frozen=True, slots=True)
class Steady:
    """Medians of a steady closed loop, in seconds; `least_tpot_s` by the roofline of the decode iterations."""

    ttft_s: Any
    tpot_s: Any
    least_tpot_s: Any


def mix_of(deployment: Deployment, load: Load) -> Mix:
    """Which iterations this load leads to.

    Prompts of B - 1 other streams arrive at a rate of (B - 1) / OSL per iteration, each in chunks of at most the
    token budget; with independent arrivals a share of 1 - exp(-rate) of the iterations carries prompts.
    """
    new = max(load.isl - load.cached, 1.0)
    osl = max(load.osl, 1.0)
    context = load.isl + osl / 2
    running = min(load.concurrency, max(_room_tokens(deployment) / context, 1.0))
    chunks = max(1, math.ceil(new / deployment.max_batched_tokens))
    chunk = new / chunks
    gain = deployment.speculation.tokens_per_step
    rate = (running - 1) / osl * chunks * gain
    share = -math.expm1(-rate)
    prompts = max(rate / share if share > 0 else 1.0, 1.0)
    prompts = min(prompts, max(1.0, deployment.max_batched_tokens / chunk))
    pairs = chunk * (load.cached + new / 2)
    return Mix(
        decode=step_terms(Batch(running, running * context), deployment),
        mixed=step_terms(Batch(running, running * context, prompts * chunk, prompts * pairs), deployment),
        own=step_terms(Batch(0.0, 0.0, chunk, pairs), deployment),
        share=share, prompts=prompts, chunks=chunks, running=running, clients=load.concurrency, osl=osl, gain=gain,
    )  # fmt: skip


def _room_tokens(deployment: Deployment) -> float:
    copies = deployment.attention_gpus / deployment.kv_shards
    least = _LEAST_ROOM * deployment.n_gpu * deployment.gpu.memory_bytes
    per_token = max(deployment.kv_bytes_per_token * copies, 1.0)
    return max(float(kv_capacity_tokens(deployment)), least / per_token)


def stacked(mixes: Sequence[Mix]) -> Mix:
    """Many mixes as one of arrays, shape (n,)."""

    def terms(name: str) -> Terms:
        parts = [getattr(mix, name) for mix in mixes]
        return Terms(*(np.array([float(getattr(part, item.name)) for part in parts]) for item in fields(Terms)))

    def column(name: str) -> Floats:
        return np.array([float(getattr(mix, name)) for mix in mixes])

    return Mix(
        terms("decode"), terms("mixed"), terms("own"), column("share"), column("prompts"), column("chunks"),
        column("running"), column("clients"), column("osl"), column("gain"),
    )  # fmt: skip


def closed_form(mix: Mix, values: Mapping[str, Any], factor: Any = 1.0) -> Steady:
    """TTFT and TPOT of a mix, or of many.

    TPOT = (1 - share) decode + share mixed, over the tokens that a stream gains per iteration. TTFT = first token
    + own chunks + half an iteration + waves sqrt(B - 1) x the work of one prompt (clients that end together start
    together) + half of the prompts' work that does not fit between the streams' tokens + half the turn of those
    that do not fit into the cache.
    """
    decode = np.maximum(combined_s(mix.decode, values) * factor, least_s(mix.decode))
    mixed = np.maximum(combined_s(mix.mixed, values) * factor, decode)
    own = np.maximum(combined_s(mix.own, values) * factor, least_s(mix.own)) * mix.chunks
    tpot = (decode + mix.share * values["mixed"] * (mixed - decode)) / mix.gain
    prompt = (mixed - decode) / mix.prompts * mix.chunks
    backlog = np.maximum(mix.running * prompt - mix.osl * tpot, 0.0)
    turns = (mix.clients / mix.running - 1) * (mix.osl * tpot + own)
    others = np.sqrt(np.maximum(mix.running - 1, 0.0))
    half = np.where(mix.running > 1, decode / 2, 0.0)
    ttft = values["first_token_s"] + own + half + values["waves"] * others * prompt + (backlog + turns) / 2
    return Steady(ttft, tpot, least_s(mix.decode) / mix.gain)


def steady(
    deployment: Deployment, parameters: Parameters, isl: float, osl: float, concurrency: float, cached: float = 0.0
) -> Steady:
    """TTFT and TPOT (seconds) of `concurrency` clients that send the next call when the last ended."""
    mix = mix_of(deployment, Load(isl, osl, concurrency, cached))
    found = closed_form(mix, parameters.values_for(deployment), parameters.factor)
    return Steady(float(found.ttft_s), float(found.tpot_s), float(found.least_tpot_s))
