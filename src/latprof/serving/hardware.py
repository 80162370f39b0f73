"""What a GPU, a model and a deployment are: plain values, nothing fitted."""

from __future__ import annotations

from typing import Final, Literal

from latprof.classes import dataclass
from latprof.errors import UsageError

__all__ = [
    "WEIGHT_BYTES",
    "Deployment",
    "Gpu",
    "ModelCard",
    "Precision",
    "Speculation",
    "kv_capacity_tokens",
    "weight_bytes",
]

Precision = Literal["bf16", "fp8", "fp4", "int4"]

# Bytes per weight, scales of block formats included.
WEIGHT_BYTES: Final[dict[str, float]] = {"bf16": 2.0, "fp8": 1.0, "fp4": 0.5625, "int4": 0.5625}
# Part of the memory that engines give to weights and KV cache (vLLM's default of gpu-memory-utilization).
_USABLE: Final = 0.90


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU: dense peak rates in FLOP/s, memory and link (one way) in bytes and bytes/s.

    A rate of None means that the GPU cannot compute in that precision; weights are then widened on the way.
    """

    name: str
    bf16_flops: float
    bandwidth_bytes_s: float
    memory_bytes: float
    link_bytes_s: float
    generation: str
    fp8_flops: float | None = None
    fp4_flops: float | None = None

    def flops(self, precision: str) -> float:
        """Dense peak for weights of the precision, in FLOP/s; 4-bit integers are computed in BF16."""
        rates = {"fp4": self.fp4_flops or self.bf16_flops, "fp8": self.fp8_flops or self.bf16_flops}
        return rates.get(precision, self.bf16_flops)


@dataclass(frozen=True, slots=True)
class ModelCard:
    """A model's size and shape.

    `experts` 0 is a dense model. `kv_values` is what a token adds to the cache per layer with full attention, in
    values (2 x KV heads x head dimension, for MLA latent + rotary part). Layers that are neither full nor
    windowed attention keep a state of fixed size. `sparse_tokens` is how many tokens a sparse attention reads.
    `guessed` names fields that were not given and come from a rule.
    """

    name: str
    family: str
    total_params: float
    active_params: float
    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    kv_values: int
    vocabulary: int = 0
    attention: Literal["gqa", "mla", "hybrid"] = "gqa"
    full_layers: int = 0
    window_layers: int = 0
    window_tokens: int = 0
    sparse_tokens: int = 0
    experts: int = 0
    experts_per_token: int = 0
    expert_width: int = 0
    moe_layers: int = 0
    native_precision: Precision = "bf16"
    guessed: tuple[str, ...] = ()

    @property
    def expert_params(self) -> float:
        """Weights of one routed expert in one layer: gate, up and down projection."""
        return 3.0 * self.hidden * self.expert_width

    @property
    def routed_params(self) -> float:
        """Weights of all routed experts in all layers."""
        return self.expert_params * self.experts * self.moe_layers

    @property
    def shared_params(self) -> float:
        """Weights that every token passes: attention, dense and shared layers, embeddings."""
        return max(self.total_params - self.routed_params, 0.0)

    @property
    def launches(self) -> float:
        """Kernel launches of a token's way through all layers, in units of 12: a GQA layer with experts has 13.

        Counted from the shapes: attention 5 (projection, position and cache, attention, output, norm), MLA 9 (two
        more down- and two more up-projections), linear or hybrid attention 8; dense feed-forward 3, experts 8
        (router, top-k, sort, two grouped products, activation, combine, shared).
        """
        attention = {"gqa": 5, "mla": 9, "hybrid": 8}[self.attention]
        return self.layers * (attention + (8 if self.experts else 3)) / 12

    @property
    def kind(self) -> str:
        """'dense', 'moe', 'mla' or 'hybrid': the architecture whose terms apply."""
        if self.attention != "gqa":
            return self.attention
        return "moe" if self.experts else "dense"


@dataclass(frozen=True, slots=True)
class Speculation:
    """Speculative decoding: `draft_tokens` drafted per step, each accepted with probability `acceptance`."""

    draft_tokens: int = 0
    acceptance: float = 0.0

    @property
    def tokens_per_step(self) -> float:
        """Expected tokens that a stream gains per step: (1 - a^(k+1)) / (1 - a), Leviathan et al. 2023."""
        if not self.draft_tokens:
            return 1.0
        if self.acceptance >= 1:
            return self.draft_tokens + 1.0
        return (1 - self.acceptance ** (self.draft_tokens + 1)) / (1 - self.acceptance)


@dataclass(frozen=True, slots=True)
class Deployment:
    """One replica of a model on `n_gpu` GPUs.

    `dp` is the number of attention groups (data-parallel attention); weights of the attention lie on n_gpu / dp
    GPUs each. `ep` > 1 puts whole experts on ranks. Batches are always those of the whole replica.
    """

    model: ModelCard
    gpu: Gpu
    n_gpu: int
    precision: Precision
    engine: str = "vllm"
    ep: int = 1
    dp: int = 1
    kv_bytes: float = 2.0
    max_batched_tokens: int = 8192
    speculation: Speculation = Speculation()

    def __post_init__(self) -> None:
        if self.n_gpu < 1 or self.dp < 1 or self.n_gpu % self.dp:
            raise UsageError(f"{self.dp} attention groups do not divide {self.n_gpu} GPUs: give a divisor.")

    @property
    def attention_gpus(self) -> int:
        """GPUs that share the attention of one stream (tensor parallelism of the attention)."""
        return self.n_gpu // self.dp

    @property
    def kv_bytes_per_token(self) -> float:
        """Bytes that one token takes in the cache, of one copy, layers with full attention only."""
        return self.model.kv_values * self.model.full_layers * self.kv_bytes

    @property
    def kv_shards(self) -> int:
        """On how many GPUs of a group the cache of a stream is spread; MLA keeps a whole copy on each."""
        return 1 if self.model.attention == "mla" else min(self.attention_gpus, self.model.kv_heads)


def weight_bytes(deployment: Deployment) -> float:
    """Bytes of all weights of one replica, attention copies of data-parallel groups included."""
    model, per = deployment.model, WEIGHT_BYTES[deployment.precision]
    return (model.total_params + model.shared_params * (deployment.dp - 1)) * per


def kv_capacity_tokens(deployment: Deployment) -> int:
    """Tokens of KV cache that fit beside the weights; 0 when the weights alone do not fit.

    0.90 of the memory holds weights and cache. With tensor parallelism a token takes its bytes once per
    kv_shards GPUs, so that heads fewer than GPUs, and MLA, cost copies.
    """
    room = deployment.n_gpu * deployment.gpu.memory_bytes * _USABLE - weight_bytes(deployment)
    if room <= 0 or deployment.kv_bytes_per_token <= 0:
        return 0
    copies = deployment.attention_gpus / deployment.kv_shards
    return int(room / (deployment.kv_bytes_per_token * copies))
