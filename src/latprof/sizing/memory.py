"""What fits: weights, headroom and the caches of contexts against the memory that is there."""

from __future__ import annotations

import math
from typing import Final

from latprof.classes import dataclass
from latprof.sizing.checks import at_least_zero, positive
from latprof.sizing.kv_cache import KvCache

__all__ = ["Fit", "fit", "largest_context_tokens", "room_bytes"]

# Rounding of the last digit must not cost a card or a session.
_SLACK: Final = 1e-9


def room_bytes(memory_bytes: float, weight_bytes: float, headroom_bytes: float) -> float:
    """Bytes that are left for contexts: memory - weights - headroom; negative where the model does not fit.

    Raises ValueError.
    """
    positive(memory_bytes=memory_bytes, weight_bytes=weight_bytes)
    at_least_zero(headroom_bytes=headroom_bytes)
    return memory_bytes - weight_bytes - headroom_bytes


def largest_context_tokens(
    memory_bytes: float, weight_bytes: float, cache: KvCache, *, headroom_bytes: float, limit_tokens: int | None = None
) -> int | None:
    """The longest context of one session, in tokens; None where the model itself does not fit.

    The context that the model was trained for (`limit_tokens`) caps it. Raises ValueError, also when nothing
    limits the context.
    """
    room = room_bytes(memory_bytes, weight_bytes, headroom_bytes)
    if room < 0:
        return None
    longest = min(cache.largest_context(room), math.inf if limit_tokens is None else limit_tokens)
    if math.isinf(longest):
        raise ValueError("this cache stops growing: give the context that the model was trained for")
    return math.floor(longest)


@dataclass(frozen=True, slots=True)
class Fit:
    """How a model fits on cards of one kind, in bytes, tokens and sessions.

    `room_bytes` is what is left for caches, `context_tokens` the longest single context in it (None: nothing
    limits it), `sessions` how many contexts of the wanted length fit at once.
    """

    cards: int
    room_bytes: float
    context_tokens: int | None
    sessions: int


def fit(
    card_bytes: float,
    weight_bytes: float,
    cache: KvCache,
    context_tokens: int,
    *,
    sessions: int = 1,
    headroom_bytes: float = 1e9,
    kv_splits: int | None = None,
    limit_tokens: int | None = None,
) -> Fit | None:
    """The fewest cards that hold the weights and `sessions` contexts of `context_tokens` tokens each.

    `headroom_bytes` is kept free on each card. Weights are split evenly. A cache is split over at most `kv_splits`
    cards, the number of key-value heads; beyond it cards hold copies. With latent attention and tensor
    parallelism it is 1. None where no number of cards is enough. Raises ValueError.
    """
    positive(card_bytes=card_bytes, weight_bytes=weight_bytes, context_tokens=context_tokens, sessions=sessions)
    at_least_zero(headroom_bytes=headroom_bytes)
    usable = card_bytes - headroom_bytes
    one = cache.bytes_at(context_tokens)
    cards = _cards(usable, weight_bytes, sessions * one, kv_splits)
    if cards is None:
        return None
    room = (usable - weight_bytes / cards) * min(cards, kv_splits or cards)
    longest = min(cache.largest_context(room), math.inf if limit_tokens is None else limit_tokens)
    context = None if math.isinf(longest) else math.floor(longest)
    return Fit(cards, room, context, sessions if one == 0 else math.floor(room / one + _SLACK))


def _cards(usable: float, weights: float, caches: float, kv_splits: int | None) -> int | None:
    """The fewest cards, or None."""
    if usable <= 0:
        return None
    even = max(math.ceil((weights + caches) / usable - _SLACK), 1)
    if kv_splits is None or even <= kv_splits:
        return even
    rest = usable - caches / kv_splits
    return max(math.ceil(weights / rest - _SLACK), kv_splits) if rest > 0 else None
