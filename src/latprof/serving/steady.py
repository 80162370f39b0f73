"""Closed forms: what clients of a closed loop see when nothing changes any more."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latprof.classes import dataclass
from latprof.serving.hardware import Deployment, kv_capacity_tokens
from latprof.serving.parameters import Parameters
from latprof.serving.step import Batch, Terms, combined_s, least_s, step_terms

__all__ = ["Load", "Mix", "Steady", "closed_form", "mix_of", "running_streams", "stacked", "steady"]

Floats = NDArray[np.float64]
# Where weights leave next to nothing of the usual share of memory, engines are started with a larger share.
_LEAST_ROOM = 0.05
# Engines that compute waiting prompts in iterations of their own, before any stream goes on.
_PREFILL_FIRST = frozenset({"sglang"})


@dataclass(frozen=True, slots=True)
class Load:
    """Clients of a closed loop: each sends `isl` tokens, `cached` of them in the cache, and gets `osl`.

    `varied`: lengths differ from call to call and these are their means, as in usual work; else all calls are alike,
    as most load generators send them.
    """

    isl: float
    osl: float
    concurrency: float
    cached: float = 0.0
    varied: bool = False


@dataclass(frozen=True, slots=True)
class Mix:
    """The iterations of a steady state, as ideal times, and how often each kind occurs.

    `decode`: streams only. `mixed`: with the prompts that arrive meanwhile. `own`: a chunk of one prompt alone.
    `grouped`: with the prompts of clients that ended together. `share`, `group_share`: part of the iterations that are
    mixed, or grouped. `prompts`: prompts in a mixed iteration. `running` of `clients` fit into the KV cache. `alike`: 1
    where all calls have the same lengths. `lockstep`: 1 where all streams then begin and end together.
    """

    decode: Terms
    mixed: Terms
    own: Terms
    grouped: Terms
    share: Any
    group_share: Any
    prompts: Any
    chunks: Any
    running: Any
    clients: Any
    osl: Any
    gain: Any
    alike: Any
    lockstep: Any


@dataclass(frozen=True, slots=True)
class Steady:
    """Medians of a steady closed loop, in seconds; `least_tpot_s` by the roofline of the decode iterations."""

    ttft_s: Any
    tpot_s: Any
    least_tpot_s: Any


def mix_of(deployment: Deployment, load: Load) -> Mix:
    """Which iterations this load leads to.

    Prompts of B - 1 other streams arrive at a rate of (B - 1) / OSL per iteration, each in chunks of at most the
    token budget; with independent arrivals a share of 1 - exp(-rate) of the iterations carries prompts. Calls of one
    length that were begun in one iteration also end in one: they come in groups of as many prompts as the budget holds.
    """
    new = max(load.isl - load.cached, 1.0)
    osl = max(load.osl, 1.0)
    context = load.isl + osl / 2
    running = running_streams(deployment, load)
    chunks = max(1, math.ceil(new / deployment.max_batched_tokens))
    chunk = new / chunks
    gain = deployment.speculation.tokens_per_step
    rate = (running - 1) / osl * chunks * gain
    most = max(1.0, deployment.max_batched_tokens / chunk)
    group = max(1.0, min(running - 1, most))
    share, prompts = _carrying(rate, most)
    group_share, groups = _carrying(rate / group, most / group)
    pairs = chunk * (load.cached + new / 2)

    def step(streams: float, prompts: float) -> Terms:
        return step_terms(Batch(streams, streams * context, prompts * chunk, prompts * pairs), deployment)

    return Mix(
        decode=step(running, 0.0), mixed=step(running, prompts), own=step(0.0, 1.0),
        grouped=step(running, groups * group), share=share, group_share=group_share, prompts=prompts, chunks=chunks,
        running=running, clients=load.concurrency, osl=osl, gain=gain, alike=float(not load.varied),
        lockstep=float(not load.varied and deployment.engine in _PREFILL_FIRST),
    )  # fmt: skip


def running_streams(deployment: Deployment, load: Load) -> float:
    """How many of the clients' calls fit into the KV cache at the same time, halfway through their output."""
    context = load.isl + max(load.osl, 1.0) / 2
    return min(load.concurrency, max(_room_tokens(deployment) / context, 1.0))


def _carrying(rate: float, most: float) -> tuple[float, float]:
    """Part of the iterations that carry what arrives at this rate, and how many of it each of them carries.

    What does not fit into one iteration goes into the next, so that all of it is carried unless it is too much for all.
    """
    share = -math.expm1(-rate)
    each = max(rate / share, 1.0) if share > 0 else 1.0
    return (share, each) if each <= most else (min(rate / most, 1.0), max(most, 1.0))


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
        terms("decode"), terms("mixed"), terms("own"), terms("grouped"), column("share"), column("group_share"),
        column("prompts"), column("chunks"), column("running"), column("clients"), column("osl"), column("gain"),
        column("alike"), column("lockstep"),
    )  # fmt: skip


def closed_form(mix: Mix, values: Mapping[str, Any], factor: Any = 1.0) -> Steady:
    """TTFT and TPOT of a mix, or of many.

    TPOT = decode + what the prompts of others add per iteration, over the tokens that a stream gains per iteration.
    TTFT = first token + own chunks + half an iteration + the queue + half of the prompts' work that does not fit
    between the streams' tokens + half the turn of those that do not fit into the cache.
    """
    decode = np.maximum(combined_s(mix.decode, values) * factor, least_s(mix.decode))
    mixed = np.maximum(combined_s(mix.mixed, values) * factor, decode)
    own = np.maximum(combined_s(mix.own, values) * factor, least_s(mix.own)) * mix.chunks
    tpot = (decode + _stalls(mix, values, decode, mixed, factor)) / mix.gain
    prompt = (mixed - decode) / mix.prompts * mix.chunks
    backlog = np.where(mix.lockstep > 0, 0.0, np.maximum(mix.running * prompt - mix.osl * tpot, 0.0))
    turns = (mix.clients / mix.running - 1) * (mix.osl * tpot + own)
    half = np.where(mix.running > 1, decode / 2, 0.0)
    ttft = values["first_token_s"] + own + half + _queue(mix, values) * prompt + (backlog + turns) / 2
    return Steady(ttft, tpot, least_s(mix.decode) / mix.gain)


def _stalls(mix: Mix, values: Mapping[str, Any], decode: Floats, mixed: Floats, factor: Any) -> Floats:
    """Seconds that the prompts of others add to an iteration, on average.

    Calls of one length stay in their groups in part only, grouped / (1 + grouped), because clients take a moment to
    send the next one. An engine that computes all prompts before any stream goes on keeps them together for good;
    then a stream waits for those prompts only that come after its own, half of them.
    """
    grouped = np.maximum(combined_s(mix.grouped, values) * factor, decode)
    part = values["grouped"] / (1 + values["grouped"])
    part, seen = np.where(mix.lockstep > 0, 1.0, part * mix.alike), np.where(mix.lockstep > 0, 0.5, values["mixed"])
    return np.asarray(seen * ((1 - part) * mix.share * (mixed - decode) + part * mix.group_share * (grouped - decode)))


def _queue(mix: Mix, values: Mapping[str, Any]) -> Floats:
    """Prompts of others that a prompt waits for: half of them in lockstep, else waves sqrt(B - 1)."""
    others = np.maximum(mix.running - 1, 0.0)
    return np.asarray(np.where(mix.lockstep > 0, others / 2, values["waves"] * np.sqrt(others)))


def steady(
    deployment: Deployment, parameters: Parameters, isl: float, osl: float, concurrency: float, cached: float = 0.0
) -> Steady:
    """TTFT and TPOT (seconds) of `concurrency` clients that send the next call when the last ended."""
    mix = mix_of(deployment, Load(isl, osl, concurrency, cached))
    found = closed_form(mix, parameters.values_for(deployment), parameters.factor)
    return Steady(float(found.ttft_s), float(found.tpot_s), float(found.least_tpot_s))
