"""Whole tables: a model on each card, each context on each memory, each use of a machine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from latprof.classes import dataclass
from latprof.sizing.checks import at_least_zero, positive
from latprof.sizing.decode import ceiling_tps, read_bytes_per_token, real_tps
from latprof.sizing.kv_cache import KvCache, Window
from latprof.sizing.memory import Fit, fit, largest_context_tokens
from latprof.sizing.weights import Quantisation, model_bytes, size_reduction_share

__all__ = [
    "Card",
    "ContextRow",
    "FitRow",
    "ModelPlan",
    "SizeRow",
    "SpeedRow",
    "context_rows",
    "fit_rows",
    "size_rows",
    "speed_rows",
]


@dataclass(frozen=True, slots=True)
class ModelPlan:
    """What the calculators need to know of a model; None where it is not known.

    `kv_bytes` is the cache of a token at 16 bit in the layers that see the whole context, `window_kv_bytes` in
    those that see `window_tokens`; `index_bytes` is kept beside the cache and never quantised. `kv_splits` is
    over how many cards a cache can be split: the number of key-value heads, 1 with latent attention.
    `sparse_tokens` is how many tokens of the cache a sparse attention reads, None where it reads all.
    """

    name: str
    parameters: float
    active_parameters: float
    kv_bytes: float | None = None
    window_kv_bytes: float = 0.0
    window_tokens: int = 0
    index_bytes: float = 0.0
    kv_splits: int | None = None
    limit_tokens: int | None = None
    sparse_tokens: int | None = None

    def __post_init__(self) -> None:
        positive(parameters=self.parameters, active_parameters=self.active_parameters)
        at_least_zero(cache_bytes_per_token=self.kv_bytes or 0.0, index_bytes=self.index_bytes)
        if self.active_parameters > self.parameters:
            raise ValueError("the active parameters must not be more than all parameters")

    def cache(self, bits: float) -> KvCache:
        """The cache of one session with `bits` per value. Raises ValueError where the model's cache is not known."""
        positive(bits_of_the_cache=bits)
        if self.kv_bytes is None:
            raise ValueError(
                f"the cache of {self.name or 'the model'} is not known: give its layers, key-value heads and head width"
            )
        windows = (Window(self.window_kv_bytes * bits / 16, self.window_tokens),) if self.window_kv_bytes else ()
        return KvCache(self.kv_bytes * bits / 16 + self.index_bytes, windows)

    def cache_read_bytes(self, bits: float, context_tokens: int) -> float:
        """Bytes of the cache that are read for each token at this context. Raises ValueError as `cache` does."""
        if not context_tokens:
            return 0.0
        cache = self.cache(bits)
        if self.sparse_tokens is None:
            return cache.bytes_at(context_tokens)
        chosen = min(self.sparse_tokens, context_tokens)
        return cache.bytes_at(chosen) + self.index_bytes * (context_tokens - chosen)


@dataclass(frozen=True, slots=True)
class Card:
    """A card or a memory: bytes and bytes per second, None where not known."""

    name: str
    memory_bytes: float | None
    bandwidth: float | None = None


@dataclass(frozen=True, slots=True)
class SizeRow:
    """A model in one quantisation, in bytes."""

    quantisation: Quantisation
    weight_bytes: float
    read_bytes: float
    reduction_share: float


def size_rows(model: ModelPlan, quantisations: Iterable[Quantisation]) -> list[SizeRow]:
    """The size of a model in each quantisation. Raises ValueError."""
    return [
        SizeRow(
            item,
            model_bytes(model.parameters, item.bits),
            read_bytes_per_token(model.active_parameters, item.bits),
            size_reduction_share(item.bits),
        )
        for item in quantisations
    ]


@dataclass(frozen=True, slots=True)
class SpeedRow:
    """One stream of a model on cards of one kind: the bound and what is to be expected, in tokens per second."""

    card: Card
    cards: int
    fits: bool | None
    ceiling_tps: float
    low_tps: float
    high_tps: float


def speed_rows(
    model: ModelPlan,
    bits: float,
    cards: Sequence[Card],
    *,
    count: int = 1,
    context_tokens: int = 0,
    kv_bits: float = 16.0,
) -> list[SpeedRow]:
    """The decode ceiling of one stream on `count` cards of each kind, fastest first.

    Cards without a known bandwidth are left out. The cache of `context_tokens` tokens is read too. Whether the
    weights and this cache fit is told for each card. Raises ValueError.
    """
    read = read_bytes_per_token(model.active_parameters, bits, model.cache_read_bytes(kv_bits, context_tokens))
    kept = model.cache(kv_bits).bytes_at(context_tokens) if context_tokens else 0.0
    needed = model_bytes(model.parameters, bits) + kept
    rows: list[SpeedRow] = []
    for card in cards:
        if card.bandwidth is None:
            continue
        ceiling = ceiling_tps(card.bandwidth, read, count)
        fits = None if card.memory_bytes is None else needed <= card.memory_bytes * count
        rows.append(SpeedRow(card, count, fits, ceiling, *real_tps(ceiling)))
    return sorted(rows, key=lambda row: -row.ceiling_tps)


@dataclass(frozen=True, slots=True)
class ContextRow:
    """The largest context on a memory per precision of the cache, in tokens; None where the model does not fit."""

    card: Card
    weight_bytes: float
    contexts: tuple[int | None, ...]


def context_rows(
    model: ModelPlan, bits: float, cards: Sequence[Card], kv_bits: Sequence[float], *, headroom_bytes: float
) -> list[ContextRow]:
    """The largest context of one session, for each memory and each precision of the cache. Raises ValueError."""
    weights = model_bytes(model.parameters, bits)
    return [
        ContextRow(
            card,
            weights,
            tuple(
                largest_context_tokens(
                    card.memory_bytes,
                    weights,
                    model.cache(each),
                    headroom_bytes=headroom_bytes,
                    limit_tokens=model.limit_tokens,
                )
                for each in kv_bits
            ),
        )
        for card in cards
        if card.memory_bytes is not None
    ]


@dataclass(frozen=True, slots=True)
class FitRow:
    """How a model fits on cards of one kind, and how fast one stream is there; None where it cannot fit."""

    model: ModelPlan
    card: Card
    weight_bytes: float
    fit: Fit | None
    ceiling_tps: float | None
    low_tps: float | None
    high_tps: float | None


def fit_rows(
    models: Sequence[ModelPlan],
    bits: float,
    cards: Sequence[Card],
    *,
    context_tokens: int,
    sessions: int,
    kv_bits: float,
    headroom_bytes: float,
    most_cards: int,
) -> Iterator[FitRow]:
    """Each model on the fewest cards of each kind, up to `most_cards`, that hold it with its sessions.

    Raises ValueError.

    The ceiling counts the active weights and what is read of one session's cache, and takes the bandwidth of all
    cards together.
    """
    for model in models:
        cache = model.cache(kv_bits)
        weights = model_bytes(model.parameters, bits)
        read = read_bytes_per_token(model.active_parameters, bits, model.cache_read_bytes(kv_bits, context_tokens))
        for card in cards:
            if card.memory_bytes is None:
                continue
            found = fit(
                card.memory_bytes,
                weights,
                cache,
                context_tokens,
                sessions=sessions,
                headroom_bytes=headroom_bytes,
                kv_splits=model.kv_splits,
                limit_tokens=model.limit_tokens,
            )
            found = found if found is None or found.cards <= most_cards else None
            speeds = _speeds(card, read, found)
            yield FitRow(model, card, weights, found, *speeds)


def _speeds(card: Card, read: float, found: Fit | None) -> tuple[float | None, float | None, float | None]:
    if found is None or card.bandwidth is None:
        return None, None, None
    ceiling = ceiling_tps(card.bandwidth, read, found.cards)
    return ceiling, *real_tps(ceiling)
