"""The time of one iteration of continuous batching, from what is in the batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from latprof.classes import dataclass
from latprof.serving.hardware import WEIGHT_BYTES, Deployment
from latprof.serving.parameters import Parameters

__all__ = ["Batch", "Terms", "combined_s", "least_s", "roofline_s", "step_s", "step_terms", "touched_experts"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Batch:
    """What one iteration computes; every field is a number or an array of shape (n,), for n iterations.

    `decode_streams`: streams that gain a token. `context_tokens`: sum of their contexts.
    `prefill_tokens`: prompt tokens computed now. `prefill_pairs`: query-key pairs of these tokens,
    the sum over prompts of new x (cached + new / 2).
    """

    decode_streams: ArrayLike = 0.0
    context_tokens: ArrayLike = 0.0
    prefill_tokens: ArrayLike = 0.0
    prefill_pairs: ArrayLike = 0.0

    @classmethod
    def of(cls, contexts: Sequence[float] = (), prefills: Sequence[tuple[float, float]] = ()) -> Batch:
        """One iteration from the contexts of its streams and (new, already cached) tokens of its prompts."""
        return cls(
            decode_streams=float(len(contexts)),
            context_tokens=float(sum(contexts)),
            prefill_tokens=float(sum(new for new, _ in prefills)),
            prefill_pairs=float(sum(new * (cached + new / 2) for new, cached in prefills)),
        )


@dataclass(frozen=True, slots=True)
class Terms:
    """Ideal times of an iteration in seconds, before any fitted factor; arrays of shape (n,)."""

    weights_s: Floats
    compute_s: Floats
    kv_s: Floats
    attention_s: Floats
    link_s: Floats
    streams_per_group: Floats
    tokens: Floats
    launches: Floats
    reduces: Floats
    activations_s: Floats
    prefilling: Floats


def touched_experts(experts: int, per_token: int, tokens: ArrayLike) -> Floats:
    """Expected distinct experts that `tokens` independent tokens choose: E (1 - (1 - k/E)^tokens)."""
    share = per_token / experts
    return np.asarray(experts * -np.expm1(np.asarray(tokens, float) * np.log1p(-min(share, 1 - 1e-12))), float)


def step_terms(batch: Batch, deployment: Deployment) -> Terms:
    """Bytes and operations of the iteration over the peak rates of the GPUs that share them."""
    model, gpu, n = deployment.model, deployment.gpu, deployment.n_gpu
    verify = 1 + deployment.speculation.draft_tokens
    streams = np.asarray(batch.decode_streams, float)
    prefill = np.asarray(batch.prefill_tokens, float)
    tokens = streams * verify + prefill
    per_weight = WEIGHT_BYTES[deployment.precision]
    busy = tokens > 0
    moved = np.where(busy, model.shared_params / deployment.attention_gpus, 0.0)
    if model.experts:
        touched = touched_experts(model.experts, model.experts_per_token, tokens)
        moved = moved + touched * model.expert_params * model.moe_layers / n
    flops = gpu.flops(deployment.precision)
    pairs = np.asarray(batch.prefill_pairs, float)
    if model.sparse_tokens:
        pairs = np.minimum(pairs, prefill * model.sparse_tokens)
    heads = 4.0 * model.heads * model.head_dim
    operations = pairs * model.full_layers + prefill * model.window_layers * model.window_tokens
    return Terms(
        weights_s=moved * per_weight / gpu.bandwidth_bytes_s,
        compute_s=2.0 * model.active_params * tokens / (n * flops),
        kv_s=_cache_bytes(batch, deployment) / gpu.bandwidth_bytes_s,
        attention_s=heads * operations / (n * gpu.bf16_flops),
        link_s=_link_bytes(tokens, deployment) / gpu.link_bytes_s,
        streams_per_group=streams / deployment.dp,
        tokens=tokens,
        launches=np.full_like(tokens, model.launches),
        reduces=np.full_like(tokens, float(model.layers * (n > 1))),
        activations_s=tokens * model.layers * model.hidden * 2.0 / gpu.bandwidth_bytes_s,
        prefilling=np.asarray(prefill > 0, float),
    )


def _cache_bytes(batch: Batch, deployment: Deployment) -> Floats:
    """KV bytes that the busiest GPU reads, streams spread evenly over the attention groups."""
    model = deployment.model
    streams = np.maximum(np.asarray(batch.decode_streams, float), 0.0)
    contexts = np.asarray(batch.context_tokens, float)
    read = np.minimum(contexts, streams * model.sparse_tokens) if model.sparse_tokens else contexts
    windowed = np.minimum(contexts, streams * model.window_tokens) * model.window_layers
    values = (read * model.full_layers + windowed) * model.kv_values
    return np.asarray(values * deployment.kv_bytes / (deployment.kv_shards * deployment.dp), float)


def _link_bytes(tokens: Floats, deployment: Deployment) -> Floats:
    """Two all-reduces of the hidden state per layer, ring: 2 (n - 1) / n of the bytes over the link, one way."""
    n = deployment.n_gpu
    return np.asarray(2 * deployment.model.layers * tokens * deployment.model.hidden * 2 * 2 * (n - 1) / n / 2, float)


def roofline_s(batch: Batch, deployment: Deployment) -> Floats:
    """The least time of the iteration by memory bandwidth and dense peak alone, in seconds; shape (n,)."""
    return least_s(step_terms(batch, deployment))


def least_s(terms: Terms) -> Floats:
    """The least time of an iteration by bandwidth and dense peak alone, in seconds."""
    return np.maximum(terms.weights_s + terms.kv_s, terms.compute_s + terms.attention_s)


def combined_s(terms: Terms, values: Mapping[str, Any]) -> Floats:
    """Seconds of an iteration from its ideal times and fitted values, each a number or an array of shape (n,).

    hypot(k_weights weights, k_compute compute) + k_kv cache + k_attention attention + k_link link
    + k_activation activations + launches (layer + prefilling eager) + reduces tp_layer + step + seq streams. hypot
    stands for the larger of both with a soft corner.
    """
    gemm = np.hypot(values["k_weights"] * terms.weights_s, values["k_compute"] * terms.compute_s)
    moved = values["k_kv"] * terms.kv_s + values["k_attention"] * terms.attention_s + values["k_link"] * terms.link_s
    passes = values["k_activation"] * terms.activations_s
    fixed = terms.launches * values["layer_s"] + terms.reduces * values["tp_layer_s"] + values["step_s"]
    eager = terms.prefilling * terms.launches * values["eager_layer_s"]
    return np.asarray(gemm + moved + passes + fixed + eager + values["seq_s"] * terms.streams_per_group, float)


def step_s(batch: Batch, deployment: Deployment, parameters: Parameters) -> Floats:
    """Seconds of one iteration, shape (n,) or () as the batch; 0 for an empty batch.

    The sum of `combined_s` times the parameters' factor; never below the roofline.
    """
    terms = step_terms(batch, deployment)
    time = combined_s(terms, parameters.values_for(deployment)) * parameters.factor
    return np.asarray(np.where(terms.tokens > 0, np.maximum(time, least_s(terms)), 0.0), float)
