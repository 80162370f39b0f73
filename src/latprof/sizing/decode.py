"""How fast one stream can generate where memory bandwidth is the limit."""

from __future__ import annotations

from typing import Final

from latprof.sizing.checks import at_least_zero, positive

__all__ = ["REAL_SHARE", "ceiling_tps", "ceiling_use_share", "memory_bandwidth", "read_bytes_per_token", "real_tps"]

# What engines reach of the ceiling: the article, lines 70 and 527. A fit of 3,007 measured rows on H100,
# H200 and B200 finds 75 % for the weights alone.
REAL_SHARE: Final = (0.5, 0.7)


def read_bytes_per_token(active_parameters: float, bits: float, cache_bytes: float = 0.0) -> float:
    """Bytes that one stream reads for each token: the weights it uses, and the cache of its context.

    Of a mixture of experts only the active parameters count. Raises ValueError.
    """
    positive(active_parameters=active_parameters, bits=bits)
    at_least_zero(cache_bytes=cache_bytes)
    return active_parameters * bits / 8 + cache_bytes


def ceiling_tps(bandwidth: float, read_bytes: float, cards: int = 1) -> float:
    """The most tokens per second that one stream can get: cards x bandwidth / bytes read per token.

    `bandwidth` in bytes per second and card. Several cards count in full only with tensor parallelism and a fast
    link; with layers split over cards in a row they work one after the other: then take `cards=1`. Nothing but
    memory is counted, so small models and fast memory stay below it. Raises ValueError.
    """
    positive(bandwidth=bandwidth, read_bytes=read_bytes, cards=cards)
    return cards * bandwidth / read_bytes


def real_tps(ceiling: float, real_share: tuple[float, float] = REAL_SHARE) -> tuple[float, float]:
    """Where a real engine is to be expected, in tokens per second: by default 50 to 70 % of the ceiling.

    Raises ValueError.
    """
    low, high = real_share
    positive(ceiling=ceiling, lower_share=low, upper_share=high)
    return ceiling * low, ceiling * high


def ceiling_use_share(measured_tps: float, ceiling: float) -> float:
    """Which share of the ceiling a measured speed is; above 1 the speed and the inputs contradict each other.

    Raises ValueError.
    """
    positive(measured_tps=measured_tps, ceiling=ceiling)
    return measured_tps / ceiling


def memory_bandwidth(transfers_per_s: float, channels: int, bytes_per_transfer: int = 8) -> float:
    """Bytes per second of main memory: transfers x bytes per transfer x channels. Raises ValueError.

    DDR4-2400 makes 2.4e9 transfers per second and channel.
    """
    positive(transfers_per_s=transfers_per_s, channels=channels, bytes_per_transfer=bytes_per_transfer)
    return transfers_per_s * bytes_per_transfer * channels
