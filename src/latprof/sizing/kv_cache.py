"""How much memory a context takes: the keys and values that attention keeps per token."""

from __future__ import annotations

import math

from latprof.classes import dataclass
from latprof.sizing.checks import at_least_zero, positive

__all__ = ["KvCache", "Window", "attention_kv_bytes", "latent_kv_bytes"]


def attention_kv_bytes(layers: int, kv_heads: int, head_dim: int, bits: float = 16.0) -> float:
    """Bytes per token of multi-head or grouped-query attention: 2 x layers x kv_heads x head_dim x bits / 8.

    2 for a key and a value. With multi-head attention `kv_heads` is the number of query heads, with grouped
    queries the smaller number of key-value heads. Raises ValueError.
    """
    positive(layers=layers, kv_heads=kv_heads, head_dim=head_dim, bits=bits)
    return 2 * layers * kv_heads * head_dim * bits / 8


def latent_kv_bytes(layers: int, latent_dim: int, rope_dim: int, bits: float = 16.0) -> float:
    """Bytes per token of multi-head latent attention: layers x (latent_dim + rope_dim) x bits / 8.

    One vector serves as key and value of all heads (DeepSeek-V2, section 2.1). Raises ValueError.
    """
    positive(layers=layers, latent_dim=latent_dim, bits=bits)
    at_least_zero(rope_dim=rope_dim)
    return layers * (latent_dim + rope_dim) * bits / 8


@dataclass(frozen=True, slots=True)
class Window:
    """Layers that keep only the last `tokens` tokens, with their bytes per token."""

    bytes_per_token: float
    tokens: int


@dataclass(frozen=True, slots=True)
class KvCache:
    """What one sequence keeps in memory, in bytes.

    `bytes_per_token` grows with the context without end, each of `windows` stops growing at its size, and
    `fixed_bytes` (the state of linear attention) is there from the first token.
    """

    bytes_per_token: float
    windows: tuple[Window, ...] = ()
    fixed_bytes: float = 0.0

    def __post_init__(self) -> None:
        at_least_zero(bytes_per_token=self.bytes_per_token, fixed_bytes=self.fixed_bytes)
        for window in self.windows:
            positive(bytes_per_token_in_a_window=window.bytes_per_token, window_tokens=window.tokens)

    def bytes_at(self, context_tokens: float) -> float:
        """Bytes of one sequence of `context_tokens` tokens. Raises ValueError."""
        at_least_zero(context_tokens=context_tokens)
        windowed = sum(window.bytes_per_token * min(context_tokens, window.tokens) for window in self.windows)
        return self.fixed_bytes + self.bytes_per_token * context_tokens + windowed

    def largest_context(self, room_bytes: float) -> float:
        """The longest context whose cache fits in `room_bytes`, in tokens; infinite if it stops growing before.

        0 where not one token fits.
        """
        room = room_bytes - self.fixed_bytes
        start = 0.0
        for end in (*sorted({float(window.tokens) for window in self.windows}), math.inf):
            slope = self.bytes_per_token + sum(w.bytes_per_token for w in self.windows if w.tokens > start)
            if slope == 0:
                return math.inf if room >= 0 else 0.0
            if room < slope * (end - start):
                return max(start + room / slope, 0.0)
            room -= slope * (end - start)
            start = end
        return start
